"""The page of the live floor in a real browser, on a desk and on a phone: words, ages, waveform, and who can use it."""

import re

import pytest
from test_live_floor import gateway, hear, hello, landing, new_token, say, state

from loadsense.web.guard import COOKIE

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
ABOVE = {"peak_net_g": 6.2, "loading_rate_g_per_s": 250.0, "band": "above", "evidence": "> 3.9 g",
         "settled": True, "clipped": False}  # fmt: skip

STALE = re.compile(r"\bstale\b")


@pytest.fixture
def opened(chromium, port, client):
    """Open the floor as somebody; what the page complains about or asks elsewhere fails the test at the end."""
    contexts, asked, complaints = [], [], []

    def open_page(role="coach", *, viewport=DESK, scheme="light", motion="no-preference", path="/live"):
        address = f"http://127.0.0.1:{port}"
        context = chromium.new_context(
            viewport=viewport, color_scheme=scheme, reduced_motion=motion, base_url=address, locale="en-GB"
        )
        contexts.append(context)
        context.add_cookies([{"name": COOKIE, "value": client(role).cookies[COOKIE], "url": address}])
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        page.get_by_text("connected", exact=True).wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(f"http://127.0.0.1:{port}/")] == []
    assert complaints == []


@pytest.fixture
def source(port, store, request):
    """A gateway with a floor of four: in band, above the ceiling, locked, and silent for long."""
    row_id, key = new_token(store)
    with gateway(port, key) as channel:
        say(channel, hello=hello(f"{row_id:x}"[-1], "p017", "p021", "p022", "p023"))
        hear(channel)
        say(channel, states=[
            state("p017"), state("p021", locked="no screening is on file", last=None),
            state("p022", last=ABOVE, sets=2, sets_asked=15, lost_s=41.0, battery_percent=9,
                  block={"name": "back_squat", "done": 2, "asked": 5, "unit": "sets", "by_hand": False}),
            state("p023", age_s=6.2, last=None, battery_percent=None),
        ])  # fmt: skip
        yield channel
        say(channel, end=True)
        hear(channel)


def row(page, person):
    return page.locator("#people tbody tr").filter(has=page.get_by_role("button", name=f"{person}:"))


def violations(page, axe):
    page.evaluate(axe)
    return page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        ".then((all) => all.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))"
    )


SIZES = pytest.mark.parametrize(
    ("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk light", "phone dark"]
)


@SIZES
def test_nobody_is_training_and_how_to_begin(opened, axe, port, viewport, scheme):
    page = opened(viewport=viewport, scheme=scheme)
    page.get_by_text("Nobody is training just now").wait_for()
    assert f"--post http://127.0.0.1:{port}" in page.locator("pre").inner_text()
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@SIZES
def test_a_line_says_what_a_coach_needs(opened, axe, expect, source, viewport, scheme):
    page = opened(viewport=viewport, scheme=scheme, path="/live?person=p017")
    row(page, "p023").get_by_text("no data").wait_for()
    for words in ("landings 3 of 5", "in band, 4.6 g net", "1 out of band"):
        expect(row(page, "p017")).to_contain_text(words)
    for words in ("above ceiling, 6.2 g net", "lower the step or soften", "≥ 2 of 15", "lost 41 s: lower bound"):
        expect(row(page, "p022")).to_contain_text(words)
    expect(row(page, "p021")).to_contain_text("LOCKED")
    expect(row(page, "p023")).to_have_class(STALE)
    expect(row(page, "p023")).not_to_contain_text("battery")
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for button in page.locator(".choose").all():
        assert min(button.bounding_box()["width"], button.bounding_box()["height"]) >= 44


def test_a_line_that_hears_nothing_grows_old_before_ones_eyes(opened, expect, source):
    page = opened()
    line = row(page, "p017")
    line.get_by_text("live", exact=True).wait_for()
    line.get_by_text("no data 3 s").wait_for()
    expect(line).to_have_class(STALE)
    say(source, states=[state("p017")])
    line.get_by_text("live", exact=True).wait_for()
    expect(line).not_to_have_class(STALE)


#: Pixels of the trace's colour on the canvas.
DRAWN = (
    "() => { const wave = document.querySelector('#wave'), copy = document.createElement('canvas');"
    " [copy.width, copy.height] = [wave.width, wave.height];"
    " const pen = copy.getContext('2d', {willReadFrequently: true}); pen.drawImage(wave, 0, 0);"
    " const data = pen.getImageData(0, 0, copy.width, copy.height).data;"
    " let n = 0; for (let i = 0; i < data.length; i += 4)"
    " n += data[i] === 20 && data[i + 1] === 96 && data[i + 2] === 122; return n; }"
)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_chosen_one_has_her_waveform(opened, expect, source, motion):
    page = opened(motion=motion)
    row(page, "p022").wait_for()
    expect(page.locator("#wave")).to_be_hidden()
    page.get_by_role("button", name="p017:").press("Enter")
    expect(page).to_have_url(re.compile(r"/live\?person=p017$"))
    assert hear(source) == {"watch": ["p017"]}
    expect(page.locator("#one-heading")).to_have_text("p017")
    expect(page.get_by_role("link", name="her page")).to_have_attribute("href", "/people/p017")
    wave = {"person": "p017", "sensor": "hip", "rate_hz": 100.0, "mg": [1000] * 150 + [3000] + [1000] * 49}
    for n in range(3):
        say(source, waves=[wave | {"at_s": 10.0 + 2.0 * n}], events=[landing(n + 1, "p017", peak_s=11.5 + 2.0 * n)])
        hear(source)
    for _ in range(100):  # the policy of the page allows no other way to wait
        if page.evaluate(DRAWN) > 200:
            break
        page.wait_for_timeout(50)
    assert page.evaluate(DRAWN) > 200
    page.get_by_role("button", name="p017:").click()
    expect(page.locator("#wave")).to_be_hidden()


def test_landings_that_are_not_graded_are_no_landings_in_band(opened, expect, source):
    """A wrist alone, or a plan that is locked: no number stands where nothing was held against a band."""
    page = opened()
    row(page, "p017").wait_for()
    say(source, states=[state("p017", landings_in_band=None, landings=0, target=None)])
    expect(row(page, "p017").locator("td.landings")).to_have_text("–not graded")
    say(source, states=[state("p017", landings_in_band=None, landings=4, target=None)])
    expect(row(page, "p017").locator("td.landings")).to_have_text("–4 seen, not graded")
    expect(page.locator("#said")).to_contain_text("p017: 4 seen, not graded, last")


def test_landings_are_said_at_a_calm_pace(opened, expect, source):
    page = opened()
    row(page, "p017").wait_for()
    for n in (4, 5):
        say(source, states=[state("p017", landings=n, landings_in_band=n - 1)])
    page.locator("#said").get_by_text("p017: 4 of 5 in band, last in band, 4.6 g net.").wait_for(state="attached")
    expect(page.locator("#said")).to_have_attribute("aria-live", "polite")


def test_an_athlete_sees_her_own_line(opened, expect, source):
    page = opened("athlete")
    row(page, "p017").wait_for()
    expect(page.locator("h1")).to_have_text("Your session")
    expect(page.locator("#people tbody tr")).to_have_count(1)
    assert "p021" not in page.content()
