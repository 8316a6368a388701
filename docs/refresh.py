"""Make again what the documentation copies from the program: `python docs/refresh.py`.

- `data-dictionary.md` is written from the columns of the tables and the schema of `summary.json`;
- every ```console block here whose first line is `$ loadsense ...` is run in the project folder and gets what it
  printed.

`tests/test_docs.py` fails when either is out of date.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadsense.cohort import ERROR_COLUMNS, SUMMARY_COLUMNS
from loadsense.cohort import TABLES as COHORT_TABLES
from loadsense.frames import COLUMNS, Column
from loadsense.render.csv_page import EVENT_COLUMNS
from loadsense.render.schema import summary_schema

DOCS = Path(__file__).parent
ROOT = DOCS.parent

TABLES = {
    "landings": "`report.landings`: one row per landing.",
    "excluded": "`report.excluded`: one row per candidate that is not a landing or a set.",
    "impacts": "`report.impacts` and `impacts.csv`: one row per impact peak (at least 1.3 g RAW, 0.4 s apart).",
    "repetitions": "`report.repetitions`: one row per repetition of a lift.",
    "sets": "`report.sets`: one row per set.",
}

DAY_TABLES = {
    "days": "A row per local day of a recording of long wear (12 hours or more).",
    "day_bands": "Impacts per band per day.",
    "day_mx": "The most active minutes of a day.",
    "weeks": "Three rows per local ISO week of long wear: means over its valid days, weekdays and weekend days.",
}

_COHORTS = """## Tables of a batch

`loadsense batch` writes each table as a Parquet dataset, one file per recording, in folders `shard=00` to `shard=ff`.
`landings`, `impacts`, `sets` and `repetitions` have the columns above after `recording_id` and `participant`.
"""

TYPES = {"string": "text", "float64": "number", "Int64": "count", "boolean": "yes or no"}

_INTRODUCTION = """# Data dictionary

Every column and key that LoadSense writes. This page is made from the program by `python docs/refresh.py`.

Units are in the names: `_s` seconds from the start of the session, `_g` multiples of 9.80665 m/s², `_g_per_s` g per
second, `_hz` per second, `_kg` kilograms, `_bw` body weights, `_m` metres. **RAW g** includes gravity (quiet standing
reads 1 g), **NET g** does not (quiet standing reads 0 g); `net` is in the name of every NET quantity. Unknown is an
empty cell in a CSV file, NaN or `<NA>` in a frame and `null` in JSON, never 0. See [units and axes](units-and-axes.md).
"""


def data_dictionary() -> str:
    """Text of `data-dictionary.md`."""
    parts = [_INTRODUCTION, "## Tables\n"]
    parts += [_table(name, words, COLUMNS[name]) for name, words in TABLES.items()]
    about = "A row per landing, repetition and set, and per set that the coach called done, in order of time."
    parts.append(_table("events.csv", about, EVENT_COLUMNS))
    parts.append(_COHORTS)
    parts += [_table(name, words, COHORT_TABLES[name]) for name, words in DAY_TABLES.items()]
    parts.append(_table("summary.csv", "A row per file of the batch.", SUMMARY_COLUMNS))
    parts.append(_table("errors.csv", "A row per file that could not be analyzed.", ERROR_COLUMNS))
    parts.append("## summary.json\n\nThe JSON Schema is `loadsense/render/summary.schema.json`.\n")
    parts.append("| key | type | meaning |\n|---|---|---|\n" + "".join(_key_rows()))
    return "\n".join(parts)


def _table(name: str, words: str, columns: tuple[Column, ...]) -> str:
    rows = "".join(f"| `{c.name}` | {TYPES[c.dtype]} | {c.meaning} |\n" for c in columns)
    return f"### {name}\n\n{words}\n\n| column | type | meaning |\n|---|---|---|\n{rows}"


def _key_rows() -> Iterator[str]:
    """A row of the table for each key of the schema, with its path."""
    schema = summary_schema()
    for path, node in keys(schema, schema["$defs"]):
        yield f"| `{path}` | {_type(node)} | {node['description'].replace('|', chr(92) + '|')} |\n"


def keys(node: dict, definitions: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    """Every key below a node of the schema as (path, node); lists are marked with []."""
    for name, child in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        child = resolved(child, definitions)
        here += "[]" if "items" in child else ""
        yield here, child
        yield from keys(resolved(child.get("items", child), definitions), definitions, here)


def resolved(node: dict, definitions: dict) -> dict:
    """The node with what it refers to."""
    reference = node.get("$ref") or next((n["$ref"] for n in node.get("anyOf", []) if "$ref" in n), None)
    if reference is None:
        return node
    target = definitions[reference.rsplit("/", 1)[1]]
    kind = [target["type"], "null"] if "anyOf" in node else target["type"]
    return {**target, "description": node.get("description", target["description"]), "type": kind}


def _type(node: dict) -> str:
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    names = {"array": "list", "integer": "count", "boolean": "yes or no", "string": "text"}
    return " or ".join(names.get(kind, kind) for kind in kinds)


_TRANSCRIPT = re.compile(r"(```console\n\$ (loadsense [^\n]*)\n)(.*?)(```)", re.S)


def with_transcripts(text: str) -> str:
    """The text with every transcript as the program prints it now."""
    return _TRANSCRIPT.sub(lambda found: f"{found[1]}{transcript(found[2])}{found[4]}", text)


def transcript(command: str) -> str:
    """What a command prints when it is typed in the project folder; it writes to a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sample_recordings").symlink_to(ROOT / "sample_recordings")
        words = [sys.executable, "-m", *shlex.split(command)]
        ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8")
    return ran.stdout + ran.stderr


def main() -> None:
    """Write the pages again."""
    (DOCS / "data-dictionary.md").write_text(data_dictionary(), encoding="utf-8")
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text("utf-8")
        fresh = with_transcripts(text)
        if fresh != text:
            page.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
