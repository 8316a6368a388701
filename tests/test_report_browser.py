"""The report in a real browser: wide, narrow, dark, on paper, by keyboard; alone in the world and open to everybody."""

import json
import re
from dataclasses import replace

import pytest
from builders import gap, landing, lift_set, recording, report
from test_render import SESSIONS

from loadsense.render import html
from loadsense.render.page import session_page
from loadsense.results import PrescriptionResult

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


def every_grade():
    """Landings of all three grades of the evidence basis, sets, a gap: everything a trace can show."""
    landings = [
        landing(1, at_s=20, peak_net_g=5.2, rate_g_per_s=180.0),
        landing(2, at_s=24, peak_net_g=1.2, rate_g_per_s=30.0, clipped=True, notes=("experimental",)),
        landing(3, at_s=28, high_magnitude=None, high_rate=None),
    ]
    one = recording("hip", landings=landings, sets=[lift_set(start_s=60)], duration_s=120)
    one = replace(one, quality=replace(one.quality, gaps=(gap(at_s=40, seconds=8),)))
    judged = replace(report().verdict, basis="evidence", target={"landings": 25}, evidence_line=None)
    return report([one], verdict=judged, prescription=PrescriptionResult(plan=None))


PAGES = {**SESSIONS, "every grade": every_grade}


@pytest.fixture
def opened(chromium, tmp_path):
    """Open the report of a session; whatever it asks for or complains about fails the test at the end."""
    contexts, asked, complaints = [], [], []

    def open_page(session, *, viewport=WIDE, scheme="light", scripts=True):
        file = tmp_path / f"report-{len(contexts)}.html"
        file.write_text(html.render(session_page(session)), encoding="utf-8")
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=scripts)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert complaints == []


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_nothing_hangs_out_of_the_page(opened, make, viewport):
    page = opened(make(), viewport=viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide light", "phone dark"])
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_everybody_can_use_it(opened, axe, make, scheme, viewport):
    page = opened(make(), viewport=viewport, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(axe)
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        ".then((all) => all.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))"
    )
    assert json.dumps(found, indent=1) == "[]"


@pytest.mark.parametrize("make", [make for name, make in PAGES.items() if name != "long wear"])
def test_it_prints_on_two_pages(opened, make):
    assert pages_of(opened(make()).pdf(prefer_css_page_size=True, print_background=True)) <= 2


def pages_of(pdf):
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_answer_is_the_largest_text_and_on_the_first_screen(opened):
    for viewport in (WIDE, PHONE):
        page = opened(report(), viewport=viewport)
        sizes = page.evaluate(
            "[...document.querySelectorAll('body *')].filter((one) => one.textContent.trim())"
            ".map((one) => [parseFloat(getComputedStyle(one).fontSize), one.tagName])"
        )
        assert max(sizes)[1] == "H1"
        assert len({size for size, _ in sizes}) == 3
        box = page.locator("h1").bounding_box()
        assert box["y"] + box["height"] < viewport["height"] / 2


def test_targets_for_fingers_are_large_enough(opened):
    page = opened(report(), viewport=PHONE)
    for button in page.locator(".tools button").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 44


def view(page):
    """What the first trace shows: from, and how many seconds."""
    left, _, width, _ = page.locator(".plot svg").first.get_attribute("viewBox").split()
    return float(left), float(width)


def test_zoom_by_buttons_and_back(opened):
    page = opened(report())
    assert view(page) == (0, 600)
    page.get_by_role("button", name="Zoom in").click()
    assert view(page) == (150, 300)
    assert page.get_by_role("status").inner_text() == "2:30 to 7:30"
    page.get_by_role("button", name="Earlier").click()
    assert view(page) == (0, 300)
    page.get_by_role("button", name="Later").click()
    page.get_by_role("button", name="Whole session").click()
    assert view(page) == (0, 600)
    assert page.get_by_role("status").inner_text() == "whole session"


def test_zoom_by_dragging_moves_all_traces(opened):
    page = opened(report())
    box = page.locator(".plot svg").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.up()
    assert view(page) == pytest.approx((150, 150), abs=1)
    boxes = {svg.get_attribute("viewBox").rsplit(" ", 1)[0] for svg in page.locator(".plot svg").all()}
    assert len(boxes) == 1


def test_an_event_is_found_on_the_trace_by_keyboard(opened):
    page = opened(report())
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="show 1:39.9 on the trace").press("Enter")
    left, width = view(page)
    assert left < 99.95 < left + width
    assert width < 30
    assert page.locator(".tick.chosen").get_attribute("data-event") == "hip L0001"


def test_events_are_sorted_by_their_peak(opened):
    page = opened(every_grade())
    heads = page.get_by_role("button", name="Peak, g net")
    heads.click()
    heads.click()
    peaks = [cell.inner_text() for cell in page.locator("#events tbody td:nth-child(4)").all()]
    assert peaks == ["5.2", "2.6", "≥ 1.2", "–"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_without_scripts_everything_is_there(opened):
    page = opened(report(), scripts=False)
    assert not page.locator(".tools").is_visible()
    assert page.locator(".tick").count() >= 25
    assert page.locator("h1").inner_text() == "REACHED"
    page.locator("summary").click()
    assert page.get_by_text("1:39.9").is_visible()


def test_greyscale_still_tells_met_from_not_met_and_the_grades_apart(opened):
    page = opened(every_grade())
    strokes = page.evaluate(
        "['high', 'below_level', 'not_graded'].map((grade) => {"
        "  const style = getComputedStyle(document.querySelector(`.plot .tick.${grade}`));"
        "  return `${style.strokeWidth} ${style.strokeDasharray}`; })"
    )
    assert len(set(strokes)) == 3
    words = opened(report()).locator("td .met, td .not-met").all_inner_texts()
    assert words == ["met", "not met", "met"]
