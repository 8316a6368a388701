"""The record: every word is kept with who and when, and what it leads to is shown at once."""

from datetime import UTC, date, datetime
from html import unescape
from zlib import crc32

import pytest

from loadsense.store import flags, people
from loadsense.store.tables import (
    AdverseEventRow,
    ContextNote,
    DxaRow,
    FlagRow,
    OneRepMaxRow,
    PainRow,
    PersonRow,
    ScreeningRow,
    SessionRow,
)

COMPLETE = {
    "screened_on": "2026-11-20",
    "review_date": "2027-05-20",
    "vertebral_fracture": "no",
    "low_trauma_fractures": "0",
    "current_back_pain": "no",
    "joint_or_limb_injury": "no",
    "falls_12_months": "1",
    "balance": "stands on one leg for 20 s",
    "uncontrolled_heart_or_blood_pressure": "no",
    "pregnancy": "no",
    "cleared_by": "Dr Example",
}
PAIN = {"day": "2026-11-20", "site": "knee", "onset": "usual"}
FALL = {"day": "2026-11-20", "kind": "fall"}
BEST = {"exercise": "deadlift", "kg": "60", "measured_on": "2026-11-10", "method": "estimated"}
SCAN = {
    "measured_on": "2026-10-01",
    "site": "femoral neck",
    "bmd_g_per_cm2": "0.712",
    "t_score": "-2.1",
    "machine": "A",
    "centre": "north",
    "least_significant_change_g_per_cm2": "0.02",
}
NOTE = {"day": "2026-11-01", "words": "Therapy started"}


def told(answer):
    return unescape(answer.text).lower()


@pytest.fixture
def person(store, request):
    """Somebody of her own for each test."""
    person_id = f"r{crc32(request.node.name.encode())}"
    with store.writing(1) as tx:
        people.create(tx, person_id, group_id=1, body_mass_kg=63.0)
    return person_id


@pytest.fixture
def say(client, person):
    """Send a form of the record; whatever it leads to is the page that the browser is sent to."""

    def said(what, form, role="coach"):
        answer = client(role).post(f"/people/{person}/record/{what}", data=form)
        if answer.status_code != 303:
            return answer
        return client(role).get(answer.headers["location"])

    return said


def of(store, kind, person):
    with store.reading() as db:
        return db.query(kind).filter(kind.person_id == person).order_by(kind.id).all()


def test_pain_that_fires_no_rule_says_so(say, store, person):
    answer = told(say("pain", {**PAIN, "before": "2", "after": "3", "after_24h": ""}))
    assert "kept: knee, usual: before 2, after 3 of 10" in answer
    assert "it raised no flag." in answer
    (row,) = of(store, PainRow, person)
    assert (row.before, row.after, row.after_24h) == (2.0, 3.0, None)
    assert of(store, FlagRow, person) == []


@pytest.mark.parametrize("score", ["", "0", "1"])
def test_new_back_pain_locks_at_any_score(say, store, person, score):
    say("screening", COMPLETE)
    answer = told(say("pain", {**PAIN, "site": "lower back", "onset": "new", "before": score}))
    assert "it raised a red flag: new or sudden back pain. her plan is locked until a clinician clears her" in answer
    assert "it ends her screening: screen again" in answer
    assert "do not train the plan:" in answer
    assert [one.severity for one in of(store, FlagRow, person)] == ["red"]


def test_strong_pain_is_amber_and_locks_nothing(say, store, person):
    say("screening", COMPLETE)
    answer = told(say("pain", {**PAIN, "before": "5"}))
    assert "it raised an amber flag: pain 5 of 10. acknowledge it on her page." in answer
    assert "her plan may be trained." in answer


def test_pain_still_raised_a_day_later_locks(say, store, person, client):
    say("pain", {**PAIN, "before": "1", "after": "2"})
    (pain,) = of(store, PainRow, person)
    assert "24 h after: not asked yet" in told(client("coach").get(f"/people/{person}/record"))
    answer = told(say(f"pain/{pain.id}", {"score": "3"}))
    assert "it raised a red flag: pain 3 of 10 after 24 h, 1 before" in answer
    again = say(f"pain/{pain.id}", {"score": "0"})
    assert (again.status_code, "given already (3)" in told(again)) == (422, True)
    assert of(store, PainRow, person)[0].after_24h == 3.0


def test_the_score_of_somebody_else_is_not_found(say, store, person, client):
    with store.writing(1) as tx:
        people.create(tx, f"{person}-b")
    client("coach").post(f"/people/{person}-b/record/pain", data=PAIN)
    (hers,) = of(store, PainRow, f"{person}-b")
    assert say(f"pain/{hers.id}", {"score": "9"}).status_code == 404
    assert of(store, PainRow, f"{person}-b")[0].after_24h is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"before": "11"}, "less than or equal to 10"),
        ({"before": "2.5"}, "valid integer"),
        ({"day": "2026-11-24"}, "2026-11-24 lies in the future; expected 2026-11-23 or an earlier day"),
        ({"day": "yesterday"}, "day:"),
        ({"site": "soul"}, "unknown site 'soul'"),
        ({"site": "other"}, "say where it hurts"),
        ({"onset": "slow"}, "onset:"),
        ({"session_id": "987654"}, "is not one of"),
    ],
)
def test_pain_that_cannot_be_is_not_kept(say, store, person, changes, sentence):
    answer = say("pain", PAIN | changes)
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert of(store, PainRow, person) == []
    assert of(store, FlagRow, person) == []


def test_a_pain_belongs_to_her_own_session(say, store, person):
    with store.writing(1) as tx:
        at = datetime(2026, 11, 20, 9, tzinfo=UTC)
        for whose in (person, "p021"):
            tx.add(SessionRow(person_id=whose, day=date(2026, 11, 20), loads_kg={}, imported_at=at))
        tx.audit("made", "sessions")
    (own,), somebodys = of(store, SessionRow, person), of(store, SessionRow, "p021")
    assert "is not one of" in told(say("pain", {**PAIN, "session_id": somebodys[-1].id}))
    say("pain", {**PAIN, "session_id": own.id})
    assert [one.session_id for one in of(store, PainRow, person)] == [own.id]


def test_a_fall_ends_the_screening_and_only_a_name_unlocks(say, store, person, client):
    say("screening", COMPLETE)
    answer = told(say("adverse", {**FALL, "words": "on the stairs"}))
    assert "kept: fall: on the stairs" in answer
    assert "it raised a red flag: a fall was reported" in answer
    assert "it ends her screening" in answer
    (flag,) = of(store, FlagRow, person)
    path = f"/people/{person}/flags/{flag.id}"
    client("coach").post(f"{path}/acknowledge", data={"version": 1, "note": "seen"})
    assert "Do not train the plan" in client("coach").get(f"/people/{person}").text
    late = client("owner").post(f"{path}/clear", data={"version": 1, "by": "Dr Example", "on": "2026-11-23"})
    assert late.status_code != 303
    ahead = client("owner").post(f"{path}/clear", data={"version": 2, "by": "Dr Example", "on": "2026-11-24"})
    assert "2026-11-24 lies in the future" in told(ahead)
    early = client("coach").post(f"{path}/clear", data={"version": 2, "by": "Dr Example", "on": "2020-01-01"})
    assert "before the flag of" in told(early)
    with store.writing(1) as tx:
        flags.clear(tx, flag.id, by="Dr Example", on=tx.at.date(), version=2)
    text = client("coach").get(f"/people/{person}").text
    assert "1 flag acknowledged or cleared" in text
    assert "cleared by Dr Example" in text
    assert "acknowledged" in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "stumble"}, "unknown kind of event 'stumble'"),
        ({"kind": "other"}, "say what happened"),
        ({"day": "2026-12-01"}, "lies in the future"),
        ({"words": "x" * 501}, "at most 500 characters"),
    ],
)
def test_an_event_that_cannot_be_is_not_kept(say, store, person, changes, sentence):
    answer = say("adverse", FALL | changes)
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert of(store, AdverseEventRow, person) == []


def test_unknown_is_not_no(say, store, person, client):
    answer = told(say("screening", {"screened_on": "2026-11-20", "vertebral_fracture": "no"}))
    assert "the screening is kept: screening is not complete" in answer
    assert "unknown is not no. nobody has answered: current back pain" in answer
    page = client("coach").get(f"/people/{person}/record").text
    assert 'name="vertebral_fracture" value="no" checked' in page
    assert 'name="pregnancy" value="unknown" checked' in page
    assert "the screening is complete." in told(say("screening", COMPLETE))
    assert len(of(store, ScreeningRow, person)) == 2


def test_a_screening_says_how_long_it_holds(say, person, client):
    say("screening", COMPLETE)
    assert "Complete</strong> · screened Fri 20 Nov 2026 · holds until Thu 20 May 2027" in client("viewer").get(
        f"/people/{person}"
    ).text.replace("\n", "")
    say("screening", {**COMPLETE, "review_date": "2029-01-01"})
    assert "holds until Sat 20 Nov 2027" in client("viewer").get(f"/people/{person}").text


def test_a_fracture_locks_landings_until_a_clinician_says_so(say, store, person, client):
    answer = told(say("screening", {**COMPLETE, "vertebral_fracture": "yes"}))
    assert "landings are locked after a vertebral fracture" in answer
    assert "yes to: vertebral fracture; the clearance stands for it" in answer
    unlocked = told(say("unlock-landings", {"by": "Dr Bone", "on": "2026-11-22"}))
    assert "landings unlocked by dr bone on sun 22 nov 2026" in unlocked
    with store.reading() as db:
        latest = people.screening_at(db, person, date(2026, 11, 23))
    assert (latest.vertebral_fracture, latest.landings_unlocked_by) == ("yes", "Dr Bone")
    assert len(of(store, ScreeningRow, person)) == 2


@pytest.mark.parametrize(
    "form", [{"by": "", "on": "2026-11-22"}, {"by": "Dr Bone"}, {"by": "Dr Bone", "on": "2027-01-01"}]
)
def test_landings_are_unlocked_by_name_and_day_only(say, store, person, form):
    say("screening", {**COMPLETE, "vertebral_fracture": "yes"})
    assert say("unlock-landings", form).status_code == 422
    assert len(of(store, ScreeningRow, person)) == 1


def test_a_screening_that_ended_unlocks_nothing(say, store, person):
    say("screening", {**COMPLETE, "vertebral_fracture": "yes"})
    say("adverse", {**FALL, "day": "2026-11-23"})
    answer = say("unlock-landings", {"by": "Dr Bone", "on": "2026-11-23"})
    assert (answer.status_code, "no screening that still holds" in told(answer)) == (422, True)
    assert len(of(store, ScreeningRow, person)) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"screened_on": "2026-11-24"}, "lies in the future"),
        ({"review_date": "2026-11-20"}, "is not after the screening"),
        ({"vertebral_fracture": "perhaps"}, "vertebral_fracture:"),
        ({"low_trauma_fractures": "-1"}, "low_trauma_fractures:"),
        ({"low_trauma_fractures": "0", "last_fracture_on": "2020-01-01"}, "say how many there were"),
        ({"ended_by": ""}, "extra inputs"),
    ],
)
def test_a_screening_that_cannot_be_is_not_kept(say, store, person, changes, sentence):
    answer = say("screening", COMPLETE | changes)
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert of(store, ScreeningRow, person) == []


def test_a_maximum_has_a_date_and_a_method(say, store, person):
    answer = told(say("one-rm", {**BEST, "detail": "from 5 of 50 kg"}))
    assert "kept: deadlift 60 kg, estimated from 5 of 50 kg" in answer
    assert "it grades loads for 28 days from 2026-11-10." in answer
    assert "an estimate from the day's own sets is not graded on that day" in answer
    assert [one.method for one in of(store, OneRepMaxRow, person)] == ["estimated from 5 of 50 kg"]


def test_an_estimate_of_a_training_day_says_what_it_does_not_grade(say, store, person):
    with store.writing(1) as tx:
        tx.add(SessionRow(person_id=person, day=date(2026, 11, 10), loads_kg={}, imported_at=tx.at))
        tx.audit("made", "session")
    assert "does not grade the session of that day" in told(say("one-rm", BEST))
    assert "does not grade" not in told(say("one-rm", {**BEST, "method": "tested"}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"exercise": "curl"}, "unknown exercise 'curl'"),
        ({"kg": "0"}, "kg:"),
        ({"kg": ""}, "kg:"),
        ({"measured_on": "2027-01-01"}, "lies in the future"),
        ({"method": "felt"}, "method:"),
    ],
)
def test_a_maximum_that_cannot_be_is_not_kept(say, store, person, changes, sentence):
    answer = say("one-rm", BEST | changes)
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert of(store, OneRepMaxRow, person) == []


def test_a_density_is_compared_only_beyond_its_least_significant_change(say, store, person):
    assert "kept: femoral neck 0.712 g/cm²" in told(say("dxa", {**SCAN, "measured_on": "2025-10-01"}))
    within = told(say("dxa", {**SCAN, "bmd_g_per_cm2": "0.725"}))
    assert "no measurable change (within the least significant change of 0.020 g/cm2)" in within
    assert [one.t_score for one in of(store, DxaRow, person)] == [-2.1, -2.1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bmd_g_per_cm2": "7.12"}, "expected 0.1 to 3: it is the bmd, not the t-score"),
        ({"bmd_g_per_cm2": "-2.1"}, "bmd_g_per_cm2:"),
        ({"t_score": "-21"}, "t_score:"),
        ({"machine": ""}, "machine:"),
        ({"measured_on": "2027-01-01"}, "lies in the future"),
    ],
)
def test_a_density_that_cannot_be_is_not_kept(say, store, person, changes, sentence):
    answer = say("dxa", SCAN | changes)
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert of(store, DxaRow, person) == []


def test_context_is_a_line_and_nothing_more(say, store, person, client):
    answer = told(say("notes", {**NOTE, "words": "<b>Therapy</b> started"}))
    assert "a thin line marks the day on her page; nothing is made of it." in answer
    page = client("coach").get(f"/people/{person}").text
    assert "&lt;b&gt;Therapy&lt;/b&gt; started" in page
    assert "Therapy" not in client("coach").get("/roster").text
    (note,) = of(store, ContextNote, person)
    assert say(f"notes/{note.id}/remove", {}).status_code == 200
    assert of(store, ContextNote, person) == []


@pytest.mark.parametrize("words", ["   ", "x" * 201])
def test_a_note_needs_a_few_words(say, store, person, words):
    answer = say("notes", {**NOTE, "words": words})
    assert (answer.status_code, "expected 1 to 200" in told(answer)) == (422, True)
    assert of(store, ContextNote, person) == []


def test_two_who_weigh_her_at_once(say, store, person):
    assert "body mass changed" in told(say("body-mass", {"version": 1, "body_mass_kg": "62"}))
    late = say("body-mass", {"version": 1, "body_mass_kg": "80"}, role="owner")
    assert (late.status_code, f"person {person} was changed after you opened it: coach on" in told(late)) == (409, True)
    with store.reading() as db:
        assert db.get(PersonRow, person).body_mass_kg == 62.0


def test_everything_said_stands_with_who_and_when(say, person):
    say("pain", {**PAIN, "before": "5"})
    say("one-rm", BEST, role="owner")
    text = say("notes", NOTE).text
    listed = text[text.index('aria-label="Everything that was said"') :]
    assert listed.index("Therapy started") < listed.index("deadlift 60 kg") < listed.index("knee, usual")
    assert "owner<small>" in listed
    assert "coach<small>" in listed
    assert "amber: pain 5 of 10" in listed


@pytest.mark.parametrize("what", ["pain", "adverse", "screening", "one-rm", "dxa", "unlock-landings"])
def test_nobody_speaks_of_somebody_who_is_not_there(client, what):
    forms = {"pain": PAIN, "adverse": FALL, "screening": COMPLETE, "one-rm": BEST, "dxa": SCAN}
    form = forms.get(what, {"by": "Dr Bone", "on": "2026-11-20"})
    assert client("coach").post(f"/people/nobody-here/record/{what}", data=form).status_code == 404
    assert client("coach").get("/people/nobody-here/record").status_code == 404


def test_the_record_is_the_coaches(client, store):
    for role in ("viewer", "athlete"):
        assert client(role).get("/people/p017/record").status_code == 403
        assert client(role).post("/people/p017/record/pain", data=PAIN).status_code == 403
        assert "/record" not in client(role).get("/people/p017").text
    assert of(store, PainRow, "p017") == []
