"""The made-up group: a story for every kind of line, the same every time, and labelled as what it is."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from loadsense import demo
from loadsense.demo import group, training
from loadsense.store.tables import OneRepMaxRow, RecordingRow, SessionRow
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.pages.roster import roster_of

TODAY = date(2026, 11, 23)
ADDRESS = "http://127.0.0.1"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    store = demo.make(tmp_path_factory.mktemp("demo"), today=TODAY)
    yield Dashboard(store=store, tz=demo.TZ, is_demo=True, now=lambda: datetime(2026, 11, 23, 9, tzinfo=UTC))
    store.close()


@pytest.fixture(scope="module")
def browser(shown):
    made = TestClient(create_app(shown), base_url=ADDRESS, headers={"origin": ADDRESS}, follow_redirects=False)
    made.post("/sign-in", data={"login": demo.LOGIN, "password": demo.PASSWORD})
    return made


def test_the_monday_morning_of_the_story(shown):
    lines = {line.person_id: line for line in roster_of(shown, None, None).lines}
    assert set(lines) == {one.id for one in group.MEMBERS} == set(training.TRAINED)
    p017, p021, p030 = lines["p017"], lines["p021"], lines["p030"]
    assert (p017.sessions, p017.landings.words, p017.lifting.words, p017.word) == (
        "2 of 2",
        "50/50 +4",
        "30/30",
        "as planned",
    )
    assert (p021.sessions, p021.landings.words) == ("1 of 2", "25/50")
    assert p021.reason.startswith("missed Thursday; last session 6 days ago")
    assert p030.word == "cannot say"
    assert "set the range to +-16 g" in p030.reason
    assert lines["p041"].word == "red flag"
    assert "above her ceiling" in lines["p026"].reason
    assert "screening is not complete" in lines["p048"].reason


def test_twelve_weeks_of_which_the_latest_have_traces(shown):
    days = training.group_days(TODAY, demo.TZ)
    assert len(days.all) == 24
    with shown.store.reading() as db:
        n_sessions = db.scalar(select(func.count(SessionRow.id)))
        first, last = db.execute(select(func.min(SessionRow.day), func.max(SessionRow.day))).one()
        recorded = db.scalars(
            select(RecordingRow.person_id).where(RecordingRow.path.is_not(None), RecordingRow.placement == "hip")
        ).all()
        best = db.scalar(select(func.max(OneRepMaxRow.kg)))
    missed = sum(len(one.missed) for one in training.TRAINED.values())
    assert n_sessions == 8 * 24 - missed
    assert (first, last) == (days.all[0], days.all[-1])
    assert len(recorded) == sum(len(one.recorded) for one in training.TRAINED.values()) >= 12
    assert best == 75.0


def test_every_page_of_it_opens_and_says_that_it_is_made_up(browser, shown):
    with shown.store.reading() as db:
        newest = db.scalars(select(SessionRow.id).where(SessionRow.person_id == "p017").order_by(SessionRow.day)).all()
    paths = ["/roster", "/people", "/upload", "/reanalyze", "/settings", f"/sessions/{newest[-1]}"]
    paths += [f"/people/{one.id}{page}" for one in group.MEMBERS for page in ("", "/plan", "/record")]
    for path in [*paths, f"/sessions/{newest[0]}"]:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "these people and their sessions are made up" in answer.text


def test_there_is_something_to_accept_and_something_that_was_kept(browser):
    assert "Accept" in browser.get("/people/p017/plan").text
    assert "knee sore" in browser.get("/people/p026/plan").text
    assert "therapy started" in browser.get("/people/p017").text


def test_the_same_day_makes_the_same_group():
    days = training.group_days(TODAY, demo.TZ)
    assert days == training.group_days(TODAY, demo.TZ)
    assert training._drops(training.TRAINED["p034"], 22, 24, 7) == training._drops(training.TRAINED["p034"], 22, 24, 7)
    assert days.all[-1] == date(2026, 11, 19)
