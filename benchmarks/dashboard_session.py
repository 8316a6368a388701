"""The page of a session of 10 million samples in a real browser: how long until it stands, and until a zoom is drawn.

    python benchmarks/dashboard_session.py

A recording of 2.8 h at 1000 Hz with 160 landings is imported as any other, and served by a real uvicorn on loopback.
First load: from asking for the page to its first drawn trace, in a browser that has not seen it before (nothing
cached). Zoom: from letting go of the mouse to the frame that follows the redraw, over windows of 0.02 to 100 % of the
session. Needs Chromium (apt-get install chromium) and playwright.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import uvicorn

import loadsense as ls
from loadsense.readers.loadsense_format import write_recording
from loadsense.store import Store, accounts, open_store, people
from loadsense.store.importing import ImportOptions, SensorFile, import_session
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import Limits

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RATE_HZ = 1000.0
N_LANDINGS = 160
DAY = ImportOptions(day=date(2026, 11, 20))
PASSWORD = "a long enough password"
FIRST_LOAD_S, ZOOM_MS = 0.5, 60.0

#: Resolves with the milliseconds from letting go of the mouse to the frame after the redraw.
ZOOM = """() => new Promise((resolve) => {
  const section = document.querySelector("#traces");
  let from;
  addEventListener("mouseup", () => { from = performance.now(); }, {once: true, capture: true});
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - from)));
  }).observe(section, {attributes: true, attributeFilter: ["data-drawn"]});
})"""


def recording_of(n_samples: int) -> ls.Recording:
    """Standing still with noise, and landings of 3 to 7 g with a flight before each."""
    noise = np.random.default_rng(7)
    accel_g = noise.normal(0.0, 0.02, (n_samples, 3))
    accel_g[:, 2] += 1.0
    at = np.linspace(0.02, 0.98, N_LANDINGS) * n_samples
    for first, peak_g in zip(at.astype(int), noise.uniform(3.0, 7.0, N_LANDINGS), strict=True):
        accel_g[first - 300 : first, 2] -= 1.0
        accel_g[first : first + 60, 2] += peak_g * np.sin(np.linspace(0.0, np.pi, 60))
    return ls.Recording.from_arrays(np.round(accel_g * 2048) / 2048, sampling_rate_hz=RATE_HZ, range_g=16)


def store_of(folder: Path, n_samples: int) -> tuple[Store, int]:
    """A store with one person, one session and one account."""
    store = open_store(folder / "loadsense.db", folder)
    accounts.create_owner(store, "owner", PASSWORD)
    with store.writing(1) as tx:
        people.create(tx, "p017")
    file = folder / "long.loadsense.parquet"
    write_recording(recording_of(n_samples), file)
    imported = import_session(store, "p017", [SensorFile(path=file, placement="hip")], options=DAY, by_user=1)
    return store, imported.session_id


@contextmanager
def served(store: Store) -> Iterator[str]:
    """A real server on a free port of loopback."""
    limits = Limits(requests_per_s=1e6, burst=1e6)
    config = uvicorn.Config(create_app(Dashboard(store=store, limits=limits)), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def page_of(browser: Browser, state: object = None) -> Page:
    """A page of a browser that has cached nothing."""
    return browser.new_context(viewport={"width": 1280, "height": 900}, storage_state=state).new_page()  # type: ignore[arg-type]


def signed_in(browser: Browser, address: str) -> object:
    """Cookies of the owner."""
    page = page_of(browser)
    page.goto(f"{address}/sign-in")
    page.fill("[name=login]", "owner")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/roster")
    return page.context.storage_state()


def first_load_s(browser: Browser, address: str, path: str, state: object) -> float:
    """From asking for the page to its first trace."""
    page = page_of(browser, state)
    before = time.perf_counter()
    page.goto(address + path, wait_until="commit")
    page.wait_for_selector("#traces[data-drawn]", state="attached")
    took_s = time.perf_counter() - before
    page.context.close()
    return took_s


def zooms_ms(page: Page, count: int) -> list[float]:
    """Drag over the trace, or go back to all of it where it has become short."""
    chance, took_ms = random.Random(7), []
    plot = page.locator(".u-over").first
    box = plot.bounding_box()
    assert box is not None
    for number in range(count):
        if number % 5 == 4:
            page.click("[data-move=all]")
            page.wait_for_function("document.querySelector('#view').textContent.startsWith('whole')")
            page.wait_for_load_state("networkidle")
            continue
        left = box["x"] + box["width"] * chance.uniform(0.05, 0.6)
        y = box["y"] + box["height"] * 0.8
        page.mouse.move(left, y)
        page.mouse.down()
        page.mouse.move(left + box["width"] * chance.uniform(0.08, 0.35), y, steps=3)
        drawn = page.evaluate_handle(f"({{done: ({ZOOM})()}})")
        page.mouse.up()
        took_ms.append(page.evaluate("(held) => held.done", drawn))
    return took_ms


def main() -> int:
    """Measure and print; 1 where a target is missed."""
    from playwright.sync_api import sync_playwright

    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--samples", type=int, default=10_000_000)
    asked.add_argument("--loads", type=int, default=7)
    asked.add_argument("--zooms", type=int, default=60)
    given = asked.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("no chromium on this machine (apt-get install chromium)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store, session_id = store_of(Path(folder), given.samples)
        with served(store) as address:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            state, path = signed_in(browser, address), f"/sessions/{session_id}"
            loads_s = [first_load_s(browser, address, path, state) for _ in range(given.loads)]
            page = page_of(browser, state)
            page.goto(address + path)
            page.wait_for_selector("#traces[data-drawn]", state="attached")
            drawn_ms = zooms_ms(page, given.zooms)
            browser.close()
        store.close()
    load_s, zoom_ms = statistics.median(loads_s), statistics.median(drawn_ms)
    print(f"session page, {given.samples / 1e6:g} million samples")
    print(f"  first load     {load_s:.2f} s median, {max(loads_s):.2f} s at most of {len(loads_s)}")
    print(f"  zoom to drawn  {zoom_ms:.0f} ms median, {max(drawn_ms):.0f} ms at most of {len(drawn_ms)}")
    return int(load_s > FIRST_LOAD_S or zoom_ms > ZOOM_MS)


if __name__ == "__main__":
    sys.exit(main())
