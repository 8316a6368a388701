"""Upload, Re-analyze and Settings in a real browser: files told of one by one, and who can use the pages."""

import http.client
import re
import shutil
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from loadsense.web.guard import COOKIE

SAMPLES = Path(__file__).parents[2] / "sample_recordings"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
PAGES = ("/upload", "/reanalyze", "/settings", "/settings/audit", "/live/sensors", "/people/p017/erase")


@pytest.fixture(scope="module", autouse=True)
def _quiet_in_the_end(app):
    yield
    app.state.jobs.close()
    app.state.uploads.close()


@pytest.fixture
def opened(chromium, port, client):
    """Open a page as somebody; what it complains about or asks elsewhere fails the test at the end."""
    contexts, complaints = [], []

    def open_page(path, role="owner", *, viewport=DESK, scheme="light"):
        address = f"http://127.0.0.1:{port}"
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, base_url=address)
        contexts.append(context)
        context.add_cookies([{"name": COOKIE, "value": client(role).cookies[COOKIE], "url": address}])
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.on("request", lambda one: None if one.url.startswith(address) else complaints.append(one.url))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_the_page(opened, axe, path, viewport, scheme):
    page = opened(path, viewport=viewport, scheme=scheme)
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_files_are_chosen_guessed_sent_and_told_of_one_by_one(opened, expect, tmp_path):
    good = shutil.copy(SAMPLES / "simulated-hip-session.csv.gz", tmp_path / "2026-11-20_p017_hip.csv.gz")
    wrong = tmp_path / "p021 wrist.csv"
    wrong.write_bytes(b"\xff\xd8\xff\xe0" + bytes(3000))
    empty = tmp_path / "empty.csv"
    empty.touch()
    page = opened("/upload", "coach")
    page.set_input_files("#pick", [good, wrong, empty])
    rows = page.locator(".file-row")
    for n, person in enumerate(("p017", "p021", "")):
        expect(rows.nth(n).locator("[name=of_person]")).to_have_value(person)
    for n, placement in enumerate(("hip", "wrist")):
        expect(rows.nth(n).locator("[name=placement]")).to_have_value(placement)
    expect(rows.nth(2)).to_contain_text("This file is empty")
    rows.nth(2).get_by_role("button", name="Leave out empty.csv").click()
    page.locator("#send").click()
    page.wait_for_url("**/upload#sent")
    page.get_by_text("a picture; give the data file itself").wait_for()
    page.get_by_role("link", name="Open the session").click(timeout=60_000)  # the list asks by itself
    expect(page).to_have_url(re.compile("/sessions/"))


def test_the_form_works_without_scripts(chromium, expect, port, client):
    address = f"http://127.0.0.1:{port}"
    context = chromium.new_context(java_script_enabled=False, base_url=address)
    context.add_cookies([{"name": COOKIE, "value": client("coach").cookies[COOKIE], "url": address}])
    page = context.new_page()
    page.goto("/upload")
    page.select_option("[name=person_id]", "p021")
    page.set_input_files("[name=file] >> nth=0", SAMPLES / "simulated-stage-1-hip.csv.gz")
    page.locator("#send").click()
    expect(page).to_have_url(re.compile("/upload#sent$"))
    expect(page.locator("main")).to_contain_text("simulated-stage-1-hip.csv.gz (hip)")
    context.close()


def until(is_so):
    """Look until something is so."""
    end = time.monotonic() + 30.0
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_connection_that_breaks_leaves_nothing(app, port, client, store):
    """Half of what was announced, then silence: nothing waits, and nothing is in the folder."""
    head = (
        f"PUT /upload/files?name=x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        f"Cookie: {COOKIE}={client('coach').cookies[COOKIE]}\r\nContent-Length: 4000000\r\n\r\n"
    )
    incoming = store.folder / "incoming"
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(head.encode() + bytes(2_000_000))
        until(lambda: any(one.stat().st_size for one in incoming.glob("*/*")))
    until(lambda: not any(incoming.iterdir()))
    assert app.state.uploads._here == {}


def test_two_gigabytes_are_refused_by_their_announcement(port, client):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as line:
        line.putrequest("PUT", "/upload/files?name=x")
        line.putheader("Origin", f"http://127.0.0.1:{port}")
        line.putheader("Cookie", f"{COOKIE}={client('coach').cookies[COOKIE]}")
        line.putheader("Content-Length", str(2 << 30))
        line.endheaders()
        answer = line.getresponse()
        told = answer.read().decode()
    assert answer.status == 413
    assert "larger than the 1024 MiB that can be sent here" in told
