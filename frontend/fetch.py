"""Bring the dashboard's browser libraries into the package, as the lock file has them.

    python frontend/fetch.py

htmx and uPlot are dependencies like any other: their versions and hashes stand in `package-lock.json`, npm fetches and
verifies them, and the files the pages load are copied to `src/loadsense/web/static/vendor/`, which git ignores and the
wheel carries. Nothing is fetched when the program runs. Needs npm (https://nodejs.org); with `--if-possible` a missing
npm is told and not an error, because all but the dashboard works without.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VENDOR = HERE.parent / "src" / "loadsense" / "web" / "static" / "vendor"
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "uplot/dist/uPlot.iife.min.js": "uplot.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "uplot/LICENSE": "uplot.LICENSE",
}
MISSING = (
    "npm was not found, and the dashboard's htmx and uPlot come from it: install Node.js, then run `make frontend`"
)


def fetch() -> None:
    """Install what the lock file names, verified by its hashes, and copy what the pages load."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(MISSING)
    command = [npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(HERE)]
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit("npm could not fetch the dashboard's libraries (no network?): run `make frontend` again later")
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        shutil.copyfile(HERE / "node_modules" / source, VENDOR / name)


if __name__ == "__main__":
    try:
        fetch()
    except SystemExit as error:
        if "--if-possible" not in sys.argv:
            raise
        print(error, file=sys.stderr)
