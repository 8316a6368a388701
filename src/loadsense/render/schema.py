"""The published schema of `summary.json`, as data."""

from __future__ import annotations

import json
from importlib.resources import files


def summary_schema() -> dict[str, object]:
    """JSON Schema (draft 2020-12) of `summary.json`.

    Examples
    --------
    >>> summary_schema()["title"]
    'LoadSense summary.json'
    """
    text = files("loadsense.render").joinpath("summary.schema.json").read_text(encoding="utf-8")
    schema: dict[str, object] = json.loads(text)
    return schema
