"""The dashboard in a real browser: the stories of a coach's week, at a desk and on a phone, and everybody can use it.

A real server on loopback, a store filled by importing the sample recordings, a real browser. Whatever a page asks of
another machine, or complains about on its console (a breach of the content security policy too), fails the test.
"""

import json
import re
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import update
from test_access import routes
from test_plan import train

from loadsense.prescriptions import Screening
from loadsense.store import accounts, open_store, people, prescribing
from loadsense.store.importing import ImportOptions, SensorFile, import_session
from loadsense.store.prescribing import Asked
from loadsense.store.tables import FlagRow
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import COOKIE, Limits

SAMPLES = Path(__file__).parents[2] / "sample_recordings"
VENDOR = Path(__file__).parents[2] / "src/loadsense/web/static/vendor/uplot.min.js"
PASSWORD = "a long enough password"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)  # a Monday, in week 48
LAST_WEEK = date(2026, 11, 17)

DESK = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark", "has_touch": True}
SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk light", "phone dark"])
#: Each with the range of its sensor; the last cannot say anything at all.
FILES = {
    "p017": ("simulated-hip-session", 16),
    "p021": ("simulated-stage-1-hip", 16),
    "p030": ("simulated-range-2g", 2),
}


@pytest.fixture(scope="module")
def filled_store(tmp_path_factory):
    """Three people of a group with last Tuesday's session each, and one without any."""
    if not VENDOR.exists():
        pytest.skip("the browser libraries are not fetched (make frontend, needs npm)")
    store = open_store(tmp_path_factory.mktemp("store") / "loadsense.db", tmp_path_factory.mktemp("samples"))
    accounts.create_owner(store, "owner", PASSWORD)
    with store.writing(1) as tx:
        group = people.create_group(tx, "Tue/Thu", weekdays=[1, 3], tz="Europe/Madrid")
        tx.db.flush()
        for person in (*FILES, "p040"):
            people.create(tx, person, group_id=group.id, body_mass_kg=63.0)
            people.screen(tx, person, screened())
            prescribing.prescribe(tx, person, Asked(from_day=date(2026, 9, 1), plan="hirit", stage="stage-1"))
    for person, (name, range_g) in FILES.items():
        file = SensorFile(path=SAMPLES / f"{name}.csv.gz", placement="hip", reading={"range_g": range_g})
        import_session(store, person, [file], options=ImportOptions(day=LAST_WEEK, tz="Europe/Madrid"), by_user=1)
    yield store
    store.close()


def screened():
    """Everything was asked, and nothing speaks against training."""
    return Screening(
        screened_on=date(2026, 9, 1),
        review_date=date(2027, 9, 1),
        vertebral_fracture="no",
        low_trauma_fractures=0,
        current_back_pain="no",
        joint_or_limb_injury="no",
        falls_12_months=0,
        balance="steady",
        uncontrolled_heart_or_blood_pressure="no",
        pregnancy="no",
        cleared_by="Dr Example",
    )


@pytest.fixture(scope="module")
def served(filled_store):
    """A real server: its address, and the cookie of the owner."""
    limits = Limits(requests_per_s=1e6, burst=1e6)
    app = create_app(Dashboard(store=filled_store, tz="Europe/Madrid", now=lambda: NOW, limits=limits))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until_s = time.monotonic() + 20.0
    while not server.started and time.monotonic() < until_s:
        thread.join(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    token = accounts.sign_in(filled_store, "owner", PASSWORD, address="127.0.0.1", browser="test")
    yield app, address, {"name": COOKIE, "value": token, "url": address}
    server.should_exit = True
    thread.join()
    app.state.jobs.close()


@pytest.fixture
def opened(chromium, served):
    """`opened(size)` is a page of a signed-in browser; `opened(size, signed_in=False)` of somebody else's."""
    _, address, cookie = served
    contexts, asked, complaints = [], [], []

    def open_page(size, *, signed_in=True):
        context = chromium.new_context(**size, base_url=address, locale="en-GB", reduced_motion="reduce")
        contexts.append(context)
        if signed_in:
            context.add_cookies([cookie])
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    elsewhere = [url for url in asked if not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))]
    assert elsewhere == []
    refusals = "Failed to load resource: the server responded with a status of 4"  # the browser's note on an error page
    assert [one for one in complaints if not one.startswith(refusals)] == []


def violations(page, axe):
    page.evaluate(axe)
    return page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        ".then((all) => all.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200))]))"
    )


def addresses(app, page):
    """Every page there is, with rows that are there, rows that are not, and a state without anything."""
    known = {"person_id": "p017", "session_id": "1", "flag_id": "1"}
    found = []
    for _, method, path in routes(app):
        if method == "GET" and not path.startswith(("/api/", "/static/")):
            found.append(re.sub(r"{(\w+)(?::\w+)?}", lambda part: known.get(part[1], "1"), path))
    more = ["/people/p040", "/people/p040/plan", "/people/nobody", "/roster?week=nonsense", "/roster?week=2020-W01"]
    for path in dict.fromkeys([*found, *more, "/sessions/2", "/sessions/3", "/nothing-here"]):
        answer = page.request.get(path)
        is_html = answer.headers.get("content-type", "").startswith("text/html")
        if is_html and answer.text().lstrip().lower().startswith("<!doctype"):  # and no part of a page
            yield path


@SIZES
def test_everybody_can_use_every_page(opened, axe, served, size):
    page, found, wide = opened(size), {}, []
    for path in addresses(served[0], page):
        page.goto(path)
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        page.evaluate("document.querySelector('#traces[data-drawn] ~ section a.correct')?.click()")
        if wrong := violations(page, axe):
            found[path] = wrong
        if page.evaluate("document.documentElement.scrollWidth") > size["viewport"]["width"]:
            wide.append(path)
    assert json.dumps(found, indent=1) == "{}"
    assert wide == []


@SIZES
def test_signing_in_is_for_everybody(opened, axe, size):
    page = opened(size, signed_in=False)
    page.goto("/people/p017")
    assert violations(page, axe) == []
    page.fill("[name=login]", "owner")
    page.fill("[name=password]", "not the password")
    page.click("main button")
    page.get_by_text("Login or password is wrong").wait_for()
    assert violations(page, axe) == []
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/people/p017")


@SIZES
def test_monday_who_needs_me_and_did_it_count(opened, expect, size):
    """Weekly review: from the roster to a person, her session, a landing on its trace, and back by the address."""
    page = opened(size)
    page.goto("/roster?week=2026-W47")
    assert page.locator("main").get_by_text("p030").count()
    assert "missed Thursday; last session 6 days ago" in page.locator("main").inner_text()
    assert "set the range to +-16 g" in page.locator("main").inner_text()
    page.locator("main a", has_text="p021").first.click()
    page.wait_for_url("**/people/p021**")
    page.locator("a[href^='/sessions/']").first.click()
    page.wait_for_url("**/sessions/*")
    page.locator("#traces[data-drawn]").wait_for(state="attached")
    before = page.locator("#traces").get_attribute("data-drawn")
    page.locator("#events button.show").first.click()
    page.wait_for_function("(before) => document.querySelector('#traces').dataset.drawn !== before", arg=before)
    expect(page).to_have_url(re.compile("ev="))
    expect(page).to_have_url(re.compile("t0="))
    there = opened(size)
    there.goto(page.url)
    there.locator("#traces[data-drawn]").wait_for(state="attached")
    expect(there.locator("#view")).to_have_text(page.locator("#view").inner_text())


@SIZES
def test_a_landing_that_was_none_and_back(opened, expect, size):
    """A correction in place: said with a reason, judged anew, and taken back."""
    page = opened(size)
    page.goto("/sessions/1")
    n_landings = page.locator("#events tbody tr", has_text="landing").count()
    page.locator("#traces[data-drawn]").wait_for(state="attached")
    page.locator("#events a.correct").first.click()
    page.locator("#correcting [name=reason]").fill("a knock on the sensor")
    with page.expect_navigation():
        page.locator("#correcting button").click()
    page.locator("#corrections-heading").wait_for()
    expect(page.locator("li:not(.undone)", has_text="a knock on the sensor")).to_have_count(1)
    expect(page.locator("#events tbody tr", has_text="landing")).to_have_count(n_landings - 1)
    with page.expect_navigation():
        page.locator("li:not(.undone)", has_text="a knock on the sensor").get_by_role(
            "button", name="Take back"
        ).click()
    page.locator("li.undone", has_text="a knock on the sensor").first.wait_for()
    expect(page.locator("#events tbody tr", has_text="landing")).to_have_count(n_landings)


def test_a_correction_needs_no_script(opened, expect):
    """The link of a row asks the server for the form that a script would have opened."""
    page = opened({**DESK, "java_script_enabled": False})
    page.goto("/sessions/2")
    n_landings = page.locator("#events tbody tr", has_text="landing").count()
    page.locator("#events a.correct").nth(1).click()
    corrected = page.locator("#events tbody tr", has=page.locator("a.correct")).nth(1).get_attribute("id")
    expect(page.locator(f"[id='{corrected}'] + #correcting")).to_have_count(1)
    page.locator("#correcting [name=reason]").fill("she sat down")
    page.locator("#correcting button").click()
    expect(page.locator("li:not(.undone)", has_text="she sat down")).to_have_count(1)
    expect(page.locator("#events tbody tr", has_text="landing")).to_have_count(n_landings - 1)
    page.locator("li:not(.undone)", has_text="she sat down").get_by_role("button", name="Take back").click()
    expect(page.locator("#events tbody tr", has_text="landing")).to_have_count(n_landings)


def test_the_form_of_a_row_opens_below_it_and_closes(opened, expect):
    page = opened(DESK)
    page.goto("/sessions/1")
    page.locator("#traces[data-drawn]").wait_for(state="attached")
    link = page.locator("#events a.correct").nth(1)
    link.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.name") == "reason"
    assert page.evaluate(
        "document.querySelector('#correcting').previousElementSibling.querySelector('a.correct').href"
    ) == page.evaluate("(one) => one.href", link.element_handle())
    link.click()
    expect(page.locator("#correcting")).to_have_count(0)
    page.locator("#events a.correct").nth(2).click()
    page.locator("#events [data-sort=peak]").click()
    expect(page.locator("#correcting")).to_have_count(0)


def test_a_drag_that_begins_on_a_landing_zooms(opened):
    """The ticks of landings are buttons over the trace: a press still chooses, a drag from one still zooms."""
    page = opened(DESK)
    page.goto("/sessions/1")
    page.locator("#traces[data-drawn]").wait_for(state="attached")
    page.locator("#traces").scroll_into_view_if_needed()
    box = page.locator(".tick").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 12
    other = page.locator(".tick").nth(2).bounding_box()
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).className", [x, y]).startswith("tick")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(other["x"] + 4, y, steps=4)
    page.mouse.move(other["x"] + 12, y, steps=2)
    page.mouse.up()
    page.wait_for_function("document.querySelector('#view').textContent !== 'whole session'")
    first_s, last_s = (
        float(page.evaluate(f"new URLSearchParams(location.search).get('{one}')")) for one in ("t0", "t1")
    )
    plot = page.evaluate(
        "(() => { const box = document.querySelector('.u-over').getBoundingClientRect();"
        " return [box.left, box.width]; })()"
    )
    length_s = float(page.locator(".plot").get_attribute("data-length"))
    assert first_s == pytest.approx((x - plot[0]) / plot[1] * length_s, abs=length_s / plot[1])
    assert last_s == pytest.approx((other["x"] + 12 - plot[0]) / plot[1] * length_s, abs=length_s / plot[1])
    assert "ev=" not in page.evaluate("location.search")
    page.locator("[data-move=all]").click()
    page.wait_for_function("document.querySelector('#view').textContent === 'whole session'")


@SIZES
def test_a_suggestion_is_followed_kept_or_overridden(opened, filled_store, size):
    """Progression: a step is accepted, one is kept with a reason, and what then holds is overridden by name."""
    person = "p061" if size is DESK else "p062"
    with filled_store.writing(1) as tx:
        people.create(tx, person, group_id=1, body_mass_kg=63.0)
        people.screen(tx, person, screened())
        prescribing.prescribe(
            tx, person, Asked(from_day=date(2026, 9, 1), plan="hirit", stage="stage-2", drop_height_cm=10.0)
        )
    train(filled_store, person, LAST_WEEK, date(2026, 11, 19))
    page = opened(size)
    page.goto(f"/people/{person}/plan")
    assert page.locator("h1").inner_text() == "4 steps up are possible, in one thing at a time"
    squat = page.get_by_role("article", name="back squat")
    assert squat.locator("[name=load_kg]").input_value() == "42"
    with page.expect_navigation():
        squat.get_by_role("button", name="Accept").click()
    assert "back squat 42 kg" in page.locator("p.lead").first.inner_text()
    assert "load goes up this week: one at a time" in page.get_by_role("article", name="landings").inner_text()
    deadlift = page.get_by_role("article", name="deadlift")
    deadlift.get_by_label("Keep: why?").fill("knee sore")
    with page.expect_navigation():
        deadlift.get_by_role("button", name="Keep").click()
    assert "knee sore" in page.get_by_role("article", name="deadlift").inner_text()
    page.get_by_label("Drop height, cm").fill("15")
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    assert page.locator("h1").inner_text() == "Not saved yet"
    assert "load and height rose in one week: one at a time" in page.locator("main").inner_text()
    page.get_by_label("Why all the same").fill("new boxes came")
    with page.expect_navigation():
        page.get_by_role("button", name="Save all the same").click()
    assert "from 15 cm" in page.locator("p.lead").first.inner_text()
    decided = page.locator("section[aria-labelledby=history]").inner_text()
    for words in ("accepted", "kept", "knee sore", "new boxes came", "owner"):
        assert words in decided


def test_new_back_pain_locks_until_somebody_is_named(opened, filled_store):
    """Progression and safety: a red flag, nothing is suggested, and a clearance by name and day unlocks."""
    page = opened(PHONE)
    page.goto("/people/p021/record")
    answer = page.request.post(
        "/people/p021/record/pain",
        form={"day": "2026-11-23", "site": "lower back", "onset": "new", "after": "2"},
        headers={"origin": page.url.split("/people")[0]},
    )
    assert answer.ok
    with filled_store.writing(1) as tx:  # the store's clock is the machine's, the dashboard's is that of this test
        tx.db.execute(update(FlagRow).where(FlagRow.person_id == "p021").values(raised_at=NOW))
        tx.audit("dated", "flags of p021")
    page.goto("/people/p021/plan")
    assert "until a named clearance" in page.locator("main").inner_text().lower()
    page.goto("/people/p021")
    page.locator("form[action$='/clear'] [name=by]").first.fill("Dr Example")
    page.locator("form[action$='/clear'] [name=on]").first.fill(NOW.date().isoformat())
    with page.expect_navigation():
        page.locator("form[action$='/clear'] button").first.click()
    page.goto("/people/p021/plan")
    assert "until a named clearance" not in page.locator("main").inner_text().lower()
