"""What tests of several rooms need: the compiled loops, a real browser, axe-core, and a PostgreSQL server."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

AXE = Path(__file__).parent / "browser"


@pytest.fixture(scope="module")
def loops():
    """The compiled loops."""
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    from loadsense import kernels

    return kernels.Kernels()


@pytest.fixture(scope="module")
def chromium():
    """The browser of this machine; of one module, because playwright's loop would be in the way of other tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def expect():
    """`expect(locator)` looks again until the page says so: what a click brings about is not there at once."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    sync_api.expect.set_options(timeout=20_000)
    return sync_api.expect


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The text of axe-core, fetched once and checked against the integrity in the lock file."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine, so axe-core cannot be fetched")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(AXE / name, folder)
    command = [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ})
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip(f"axe-core could not be fetched: {fetched.stderr.strip()[:200]}")
    return script.read_text("utf-8")


@pytest.fixture(scope="session")
def postgres_server():
    """Address of a PostgreSQL server of its own, without a database to test in."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'loadsense[postgres]')")
    import postgres

    with postgres.server() as address:
        yield address
