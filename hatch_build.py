"""A wheel carries the dashboard's browser libraries; one without them is not built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("src") / "loadsense" / "web" / "static" / "vendor"


class FrontendHook(BuildHookInterface):
    """Refuse a wheel whose pages would be dead; an editable installation may fetch the libraries later."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files that git ignores, so that the wheel has them."""
        there = sorted((Path(self.root) / VENDOR).glob("*"))
        if not there and version != "editable":
            raise SystemExit(
                "the dashboard's htmx and uPlot are not here: run `make frontend` (needs npm) and build again"
            )
        build_data["force_include"].update({str(path): f"loadsense/web/static/vendor/{path.name}" for path in there})
