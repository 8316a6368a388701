"""Pictures of the report for the documentation: `python docs/make_screenshots.py` (needs playwright and chromium)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_recordings"

#: A HiRIT session from a hip and a wrist sensor.
SESSION = [
    "--together",
    f"hip={SAMPLES / 'simulated-hirit-hip.csv.gz'}",
    f"wrist={SAMPLES / 'simulated-hirit-wrist.csv.gz'}",
    *("--person", str(SAMPLES / "people" / "p017.toml")),
    *("--load", "deadlift=60", "--load", "back_squat=52", "--load", "overhead_press=26"),
    *("--tz", "Europe/Madrid", "--range-g", "16"),
]


def main() -> None:
    """Analyze the session, open its report and take the picture."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "loadsense", "analyze", *SESSION, "-q", "-o", folder]
        subprocess.run(command, check=True)
        report = Path(folder) / "simulated-hirit-hip" / "report.html"
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 1460})
        page.goto(report.as_uri())
        page.screenshot(path=ROOT / "docs" / "images" / "report.png")
        browser.close()


if __name__ == "__main__":
    main()
