"""Pictures for the documentation: the report on the screen, on a phone and printed, and pages of the dashboard.

    python docs/make_screenshots.py

Needs playwright, a system chromium, and pdftoppm (Debian: poppler-utils) for the printed page.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from loadsense import demo

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


#: Pages of the demonstration: name, path, width, height, dark or light.
DASHBOARD = (
    ("dashboard-roster", "/roster", 1280, 1160, "light"),
    ("dashboard-person-phone", "/people/p017", 390, 1300, "dark"),
)


def of_dashboard(browser: Browser) -> None:
    """The demonstration as a coach sees it: who needs her, one person, and one session with its trace."""
    command = [sys.executable, "-m", "loadsense", "serve", "--demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            said = dict(line.split(maxsplit=1) for line in _until(server, "sign in"))
            address = said["open"].split()[0].rstrip("/")
            for name, path, width, height, scheme in DASHBOARD:
                page = _signed_in(browser, address, width, height, scheme)
                page.goto(address + path)
                page.screenshot(path=IMAGES / f"{name}.png")
                page.context.close()
            page = _signed_in(browser, address, 1280, 1400, "light")
            page.goto(f"{address}/people/p017")
            page.locator("a[href^='/sessions/']").first.click()
            page.wait_for_selector(".u-over")
            page.wait_for_timeout(500)  # the trace is drawn
            page.screenshot(path=IMAGES / "dashboard-session.png")
            page.context.close()
        finally:
            server.terminate()


def _until(server: subprocess.Popen[str], last: str) -> Iterator[str]:
    for line in server.stdout or ():
        yield line
        if line.startswith(last):
            return


def _signed_in(browser: Browser, address: str, width: int, height: int, scheme: str) -> Page:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB")
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.fill("[name=login]", demo.LOGIN)
    page.fill("[name=password]", demo.PASSWORD)
    page.click("main button")
    page.wait_for_url("**/roster")
    return page


def main() -> None:
    """Analyze the session, open its report and take the pictures; then those of the dashboard."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "loadsense", "analyze", *SESSION, "-q", "-o", folder]
        subprocess.run(command, check=True)
        report = Path(folder) / "simulated-hirit-hip" / "report.html"
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        on_screen(browser, report)
        printed(browser, report)
        of_dashboard(browser)
        browser.close()


if __name__ == "__main__":
    main()
