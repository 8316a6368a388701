"""Pictures of the report for the documentation: on the screen, on a phone, and printed.

    python docs/make_screenshots.py

Needs playwright, a system chromium, and pdftoppm (Debian: poppler-utils) for the printed page.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

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


IMAGES = ROOT / "docs" / "images"


def on_screen(browser: Browser, report: Path) -> None:
    """The page as it opens on a desk and on a phone."""
    for name, width, height in (("report", 1180, 1460), ("report-phone", 390, 1600)):
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(report.as_uri())
        page.screenshot(path=IMAGES / f"{name}.png")
        page.close()


def printed(browser: Browser, report: Path) -> None:
    """The first sheet of the page as it comes out of a grey printer."""
    page = browser.new_page()
    page.goto(report.as_uri())
    pdf = report.with_suffix(".pdf")
    page.pdf(path=pdf, format="A4", prefer_css_page_size=True)
    to_png = ["pdftoppm", "-png", "-gray", "-r", "70", "-f", "1", "-l", "1", "-singlefile"]
    subprocess.run([*to_png, str(pdf), str(IMAGES / "report-printed")], check=True)


def main() -> None:
    """Analyze the session, open its report and take the pictures."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "loadsense", "analyze", *SESSION, "-q", "-o", folder]
        subprocess.run(command, check=True)
        report = Path(folder) / "simulated-hirit-hip" / "report.html"
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        on_screen(browser, report)
        printed(browser, report)
        browser.close()


if __name__ == "__main__":
    main()
