"""Re-analyze: looked at first, applied when somebody says so, and the old versions stay."""

import re
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from loadsense.store import importing
from loadsense.store.importing import SensorFile
from loadsense.store.tables import AnalysisRow, SessionRow

STAGE_1 = Path(__file__).parents[2] / "sample_recordings" / "simulated-stage-1-hip.csv.gz"


@pytest.fixture(scope="module", autouse=True)
def session_id(app, store):
    files = [SensorFile(path=STAGE_1, placement="hip", reading={"range_g": 16})]
    yield importing.import_session(store, "p017", files, by_user=1).session_id
    app.state.jobs.close()


def ended(browser, path):
    until = time.monotonic() + 60.0
    while "Looking …" in (text := browser.get(path).text):
        assert time.monotonic() < until
        time.sleep(0.02)
    return text


def versions(store, session_id):
    with store.reading() as db:
        current = db.get(SessionRow, session_id).current_analysis_id
        return db.scalars(select(AnalysisRow.id).where(AnalysisRow.session_id == session_id)).all(), current


def test_a_profile_is_looked_at_and_then_applied(client, store, session_id):
    coach, before = client("coach"), versions(store, session_id)
    looked = coach.post("/reanalyze", data={"profile": "premenopausal-hip", "plan": ""})
    assert looked.status_code == 303, looked.text
    text = ended(coach, looked.headers["location"])
    assert "Nothing was changed yet" in text
    assert versions(store, session_id) == before
    (apply,) = re.findall(r'action="(/reanalyze/\d+/apply)"', text)
    assert coach.post(apply, data={}).status_code == 422
    applied = coach.post(apply, data={"sure": "yes"})
    assert "earlier versions are kept" in ended(coach, applied.headers["location"])
    kept, current = versions(store, session_id)
    assert (len(kept), current) == (len(before[0]) + 1, kept[-1])
    assert coach.get(f"/sessions/{session_id}?version={before[1]}").status_code == 200


def test_a_plan_is_for_looking_only(client):
    looked = client("coach").post("/reanalyze", data={"plan": "hirit"})
    path = looked.headers["location"]
    text = ended(client("coach"), path)
    assert "/apply" not in text
    refused = client("coach").post(f"{path}/apply", data={"sure": "yes"})
    assert refused.status_code == 422
    assert "prescribe it" in refused.text


def test_nothing_chosen_and_what_is_not_there_are_told(client):
    empty = client("coach").post("/reanalyze", data={"profile": "", "plan": ""})
    assert (empty.status_code, "nothing was chosen" in empty.text.lower()) == (422, True)
    assert client("coach").post("/reanalyze", data={"profile": "no-such"}).status_code == 422
    unknown = client("coach").post("/reanalyze", data={"plan": "no-such"})
    assert "no-such" in ended(client("coach"), unknown.headers["location"])
    assert client("coach").get("/reanalyze/9999").status_code == 404


def test_what_somebody_looked_at_is_hers(client):
    looked = client("coach").post("/reanalyze", data={"engine": "true"})
    ended(client("coach"), looked.headers["location"])
    assert client("owner").get(looked.headers["location"]).status_code == 404
    assert "software" in client("coach").get("/reanalyze").text
