"""The plan: suggestions followed or not, the ramp, what speaks against a change, and plans of one's own."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from zlib import crc32

import pytest

from loadsense.evidence import load_person
from loadsense.store import people, prescribing
from loadsense.store.prescribing import Asked
from loadsense.store.tables import AnalysisRow, FlagRow, PlanRow, PrescriptionRow, SessionRow

TODAY = date(2026, 11, 23)  # the Monday of week 48
LAST_WEEK = (date(2026, 11, 17), date(2026, 11, 19))
EXERCISES = ("deadlift", "back_squat", "overhead_press", "landings")
LOADS = {"deadlift": 50.0, "back_squat": 40.0, "overhead_press": 20.0}


def told(answer):
    return unescape(answer.text).lower()


@pytest.fixture
def person(store, request):
    """Screened, in stage 2, two sessions at target last week."""
    person_id = f"q{crc32(request.node.name.encode())}"
    with store.writing(1) as tx:
        people.create(tx, person_id, group_id=1)
        people.screen(tx, person_id, load_person("sample_recordings/people/p017.toml").screening)
        asked = Asked(from_day=date(2026, 9, 1), plan="hirit", stage="stage-2", drop_height_cm=10.0, loads_kg=LOADS)
        prescribing.prescribe(tx, person_id, asked)
    train(store, person_id, *LAST_WEEK)
    return person_id


def train(store, person_id, *days, rpe=15.0, met=True):
    """Sessions as if analyzed, every row met."""
    with store.writing(1) as tx:
        for day in days:
            session = SessionRow(
                person_id=person_id,
                day=day,
                start=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
                rpe=rpe,
                rpe_scale="borg",
                loads_kg=LOADS,
                imported_at=tx.at,
            )
            tx.add(session)
            session.current_analysis_id = analyzed(tx, session.id, met)
        tx.audit("trained", f"person {person_id}")


def analyzed(tx, session_id, met):
    row = AnalysisRow(
        session_id=session_id,
        made_at=tx.at,
        software_version="1",
        criteria_sha256="0" * 64,
        profile="hip-high-rate",
        status="reached",
        judged="25 of 25 landings as planned",
        landings_in_band=25,
        lift_sets_met=15,
        median_peak_net_g=2.0,
        summary={"prescription": {"rows": [{"exercise": one, "met": met} for one in EXERCISES]}},
        page={},
        because="import",
        unmatched=[],
    )
    tx.add(row)
    return row.id


@pytest.fixture
def plan(client, person):
    """`plan()` is the page, `plan("decisions", ...)` sends one of its forms with what the page had seen."""

    def sent(what="", form=None, role="coach", seen=None):
        path = f"/people/{person}/plan"
        if form is None:
            return client(role).get(path)
        shown = re.search(r'name="seen" value="(\d+)"', client(role).get(path).text)[1]
        return client(role).post(f"{path}/{what}".rstrip("/"), data={"seen": seen or shown, **form})

    return sent


def asked_of(store, person):
    with store.reading() as db:
        return db.query(PrescriptionRow).filter_by(person_id=person).order_by(PrescriptionRow.id).all()


def flags_of(store, person):
    with store.reading() as db:
        return db.query(FlagRow).filter_by(person_id=person).all()


def accept(exercise, **form):
    return {"exercise": exercise, "decision": "accepted", **form}


# -- suggestions


def test_a_step_comes_with_its_rule_its_data_and_the_new_load(plan):
    """PRODUCT: squat 40 kg at Borg 15 suggests +2 kg (5 %), and says by which rule."""
    page = plan().text
    card = page[page.index('aria-label="back squat"') :]
    assert "back squat: STEP UP +2 kg (5 %)" in card
    assert "2 sessions at target, exertion 15, 15 (borg), no flag" in card
    assert "rule progress-sessions" in card
    assert 'name="load_kg" type="number" min="0.5" max="500" step="any" value="42"' in card
    assert "50 landings and 30 lifting sets, never added" in page


def test_an_accepted_step_is_asked_and_blocks_other_variables_this_week(plan, store, person):
    assert plan("decisions", accept("back_squat", load_kg="42")).status_code == 303
    row = asked_of(store, person)[-1]
    assert (row.loads_kg["back_squat"], row.decision, row.suggestion["rule"]) == (42.0, "accepted", "progress-sessions")
    assert row.suggestion["data"] == ["2 sessions at target", "exertion 15, 15 (borg)", "no flag"]
    page = told(plan())
    assert "this week a load went up: drop height, number of landings and stage hold until monday" in page
    assert "42 kg are asked and not lifted yet" in page
    assert "landings: hold" in page
    assert "load goes up this week: one at a time" in page
    assert "back squat 40 to 42 kg" in page


def test_a_height_beside_a_load_is_amber_before_it_is_saved_and_kept_with_its_reason(plan, store, person):
    plan("decisions", accept("back_squat", load_kg="42"))
    form = {"from_day": TODAY, "plan": "hirit", "stage": "stage-2", "drop_height_cm": "15"}
    shown = plan("", form)
    assert shown.status_code == 200  # a question, and no error
    assert "load and height rose in one week: one at a time" in told(shown)
    assert "landings: hold - load goes up this week" in told(shown)
    assert "rule one-step-a-week" in shown.text
    assert len(asked_of(store, person)) == 2
    assert "the reason is missing" in told(plan("", {**form, "confirmed": "true"}))
    assert len(asked_of(store, person)) == 2
    assert plan("", {**form, "confirmed": "true", "reason": "new boxes came"}).status_code == 303
    row = asked_of(store, person)[-1]
    assert (row.drop_height_cm, row.reason, row.loads_kg["back_squat"]) == (15.0, "new boxes came", 42.0)
    (flag,) = flags_of(store, person)
    assert (flag.rule, flag.severity, flag.acknowledged_note) == ("one-step-a-week", "amber", "new boxes came")


def test_a_program_is_told_every_objection_with_its_rule(client, store, person):
    api = f"/api/v1/people/{person}/plan"
    loads = {"exercise": ["back_squat"], "load_kg": [50], "drop_height_cm": 15}
    answer = client("coach").post(api, json={"from_day": str(TODAY), "plan": "hirit", "stage": "full", **loads})
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("something speaks against this, so nothing was changed")
    told = [(one["rule"], one["sentence"], one["is_amber"]) for one in answer.json()["objections"]]
    assert told == [
        ("one-step-a-week", "load and height rose in one week: one at a time", True),
        ("one-step-a-week", "back squat rose by 10 kg in a week, 2 kg at most", True),
        ("order-of-the-ramp", "the ramp goes through stage-3 first", False),
    ]
    own = {"from_day": str(TODAY), "plan": "hirit", "stage": "stage-2", "ceiling_net_g": 9.0, "drop_height_cm": 10}
    (ceiling,) = client("coach").post(api, json=own).json()["objections"]
    assert ceiling["rule"] == "ceiling-of-the-stage"
    assert len(asked_of(store, person)) == 1
    step = client("coach").post(f"{api}/decisions", json=accept("back_squat", load_kg=50))
    assert step.json()["objections"] == [
        {
            "rule": "one-step-a-week",
            "sentence": "back squat rose by 10 kg in a week, 2 kg at most",
            "is_amber": True,
        }
    ]
    sure = {**accept("back_squat", load_kg=50), "confirmed": True, "reason": "as agreed"}
    assert client("coach").post(f"{api}/decisions", json=sure).json()["asked"]["loads_kg"]["back_squat"] == 50
    stage = client("coach").post(f"{api}/stage", json={"stage": "stage-3"}).json()["objections"]
    assert {"rule": "one-step-a-week", "sentence": "load goes up this week: one at a time", "is_amber": False} in stage


def test_what_was_typed_is_sent_again_with_the_reason(plan):
    """The confirmation carries every field, empty loads too, in order."""
    form = {"from_day": TODAY, "plan": "hirit", "stage": "stage-2", "exercise": ["deadlift", "back_squat"]}
    shown = plan("", {**form, "load_kg": ["", "50"]}).text
    hidden = re.findall(r'<input type="hidden" name="(exercise|load_kg)" value="([^"]*)">', shown)
    assert hidden == [("exercise", "deadlift"), ("exercise", "back_squat"), ("load_kg", ""), ("load_kg", "50.0")]


def test_a_step_larger_than_the_rule_is_shown_first(plan, store, person):
    shown = plan("decisions", accept("back_squat", load_kg="50"))
    assert (shown.status_code, "back squat rose by 10 kg in a week, 2 kg at most" in told(shown)) == (200, True)
    assert len(asked_of(store, person)) == 1


def test_a_kept_suggestion_needs_a_reason_and_stands_until_the_next_session(plan, store, person):
    kept = {"exercise": "back_squat", "decision": "kept"}
    refused = plan("decisions", kept)
    assert (refused.status_code, "kept without a reason; expected why" in told(refused)) == (422, True)
    assert plan("decisions", {**kept, "reason": "knee sore"}).status_code == 303
    row = asked_of(store, person)[-1]
    assert (row.decision, row.reason, row.loads_kg) == ("kept", "knee sore", LOADS)
    page = plan().text
    card = page[page.index('aria-label="back squat"') : page.index('aria-label="overhead press"')]
    assert "<strong>Kept</strong> Mon 23 Nov 2026 by coach: knee sore" in card
    train(store, person, date(2026, 11, 24))
    assert "<strong>Kept</strong>" not in plan().text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (accept("back_squat"), "the new load of back_squat is missing: type it in kg"),
        (accept("landings"), "the new drop height is missing"),
        (accept("landings", drop_height_cm="10"), "10 cm is no step up from 10 cm"),
        (accept("curl", load_kg="5"), "nothing is suggested for curl any more"),
        (accept("back_squat", load_kg="minus"), "load_kg:"),
        ({"exercise": "back_squat", "decision": "maybe"}, "decision:"),
    ],
)
def test_an_answer_that_cannot_be_changes_nothing(plan, store, person, form, sentence):
    answer = plan("decisions", form)
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert len(asked_of(store, person)) == 1


def test_a_hold_overridden_needs_a_reason(plan, store, person):
    train(store, person, date(2026, 11, 21), rpe=18.0)
    form = {"from_day": TODAY, "plan": "hirit", "stage": "stage-2", "exercise": "back_squat", "load_kg": "42"}
    shown = plan("", form)
    assert "back squat: hold - exertion 18 (borg), 16 at most" in told(shown)
    assert plan("", {**form, "confirmed": "true", "reason": "she felt strong"}).status_code == 303
    assert flags_of(store, person) == []
    assert asked_of(store, person)[-1].reason == "she felt strong"


@pytest.mark.parametrize("what", ["", "decisions", "stage"])
def test_the_second_of_two_tabs_decides_nothing(plan, store, person, what):
    seen = re.search(r'name="seen" value="(\d+)"', plan().text)[1]
    plan("decisions", {"exercise": "back_squat", "decision": "kept", "reason": "knee sore"})
    late = {
        "": {"from_day": TODAY, "plan": "hirit", "stage": "stage-1"},
        "decisions": accept("back_squat", load_kg="42"),
        "stage": {"stage": "stage-1"},
    }
    answer = plan(what, late[what], role="owner", seen=seen)
    assert answer.status_code == 409
    assert f"the plan of {person} was changed after you opened it: coach on" in told(answer)
    assert "(hirit, stage-2, kept)" in told(answer)
    assert len(asked_of(store, person)) == 2


def test_a_locked_plan_suggests_nothing(plan, store, person, client):
    client("coach").post(
        f"/people/{person}/record/adverse", data={"day": str(TODAY), "kind": "chest pain or faintness"}
    )
    page = plan().text
    assert "Nothing is suggested" in page
    assert "What next" not in page
    answer = plan("decisions", accept("back_squat", load_kg="42"))
    assert (answer.status_code, len(asked_of(store, person))) == (422, 1)


# -- the ramp


def test_the_next_stage_is_free_once_every_row_is_at_target(plan, store, person):
    assert "every row was at target in the latest sessions" in told(plan())
    assert plan("stage", {"stage": "stage-3"}).status_code == 303
    row = asked_of(store, person)[-1]
    assert (row.stage, row.min_net_g, row.ceiling_net_g, row.loads_kg) == ("stage-3", None, None, LOADS)


def test_a_stage_that_is_not_earned_needs_a_reason(plan, store, person):
    train(store, person, date(2026, 11, 21), met=False)
    lifts = "deadlift, back squat, overhead press, landings"
    assert f"so it needs a reason: {lifts}: 1 of the last 2 sessions not at target" in told(plan())
    shown = plan("stage", {"stage": "stage-3"})
    assert (shown.status_code, len(asked_of(store, person))) == (200, 1)
    assert plan("stage", {"stage": "stage-3", "reason": "as agreed", "confirmed": "true"}).status_code == 303
    assert asked_of(store, person)[-1].stage == "stage-3"


@pytest.mark.parametrize(
    ("days", "stage", "sentence"),
    [
        (14, "stage-2", "14 days since the last session: one stage back"),
        (28, "stage-1", "28 days since the last session: ramp again from the first stage"),
    ],
)
def test_a_break_leads_back_by_its_rule(store, client, days, stage, sentence):
    person = f"break{days}"
    with store.writing(1) as tx:
        people.create(tx, person, group_id=1)
        people.screen(tx, person, load_person("sample_recordings/people/p017.toml").screening)
        prescribing.prescribe(tx, person, Asked(from_day=date(2026, 9, 1), plan="hirit", stage="stage-3"))
    train(store, person, TODAY - timedelta(days=days + 2), TODAY - timedelta(days=days))
    path = f"/people/{person}/plan"
    page = told(client("coach").get(path))
    assert sentence in page
    assert f"back to {stage}" in page
    seen = prescriptions = len(asked_of(store, person))
    seen = asked_of(store, person)[-1].id
    assert client("coach").post(f"{path}/stage", data={"stage": stage, "seen": seen}).status_code == 303
    row = asked_of(store, person)[-1]
    assert (row.stage, row.decision, row.suggestion["data"]) == (stage, "accepted", [sentence])
    assert len(asked_of(store, person)) == prescriptions + 1
    assert sentence not in told(client("coach").get(path)).split("what was decided")[0]


def test_only_neighbouring_stages_can_be_gone_to(plan, store, person):
    answer = plan("stage", {"stage": "full"})
    assert (answer.status_code, "unknown stage to go to 'full'" in told(answer)) == (422, True)
    shown = plan("", {"from_day": TODAY, "plan": "hirit", "stage": "full"})
    assert "the ramp goes through stage-3 first" in told(shown)
    assert len(asked_of(store, person)) == 1


# -- writing a plan


def test_the_form_holds_what_is_asked_so_that_saving_loses_nothing(plan, store, person):
    page = plan().text
    form = dict(re.findall(r'name="(min_net_g|ceiling_net_g|drop_height_cm)" type="number"[^>]* value="([^"]*)"', page))
    assert form["drop_height_cm"] == "10.0"
    assert re.findall(r'name="exercise" value="(\w+)"><input name="load_kg"[^>]* value="([\d.]*)"', page) == [
        (name, str(kg)) for name, kg in LOADS.items()
    ]


def test_what_is_planned_ahead_is_told_before_today_is_changed(plan):
    plan("", {"from_day": "2026-11-30", "plan": "hirit", "stage": "stage-1", "reason": "holiday"})
    page = told(plan())
    assert "already planned from mon 30 nov 2026: stage stage-2 to stage-1" in page
    assert "stage: stage-2, since tue 1 sep 2026" in page


def test_a_ceiling_above_the_stage_needs_a_reason(plan, store, person):
    form = {"from_day": TODAY, "plan": "hirit", "stage": "stage-2", "ceiling_net_g": "5"}
    shown = plan("", form)
    assert "a ceiling of 5 g net is above the 4 g of stage-2" in told(shown)
    assert plan("", {**form, "confirmed": "true", "reason": "as tested"}).status_code == 303
    assert asked_of(store, person)[-1].ceiling_net_g == 5.0


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"min_net_g": "5", "ceiling_net_g": "3"}, "expected a minimum below the ceiling"),
        ({"stage": "stage-9"}, "unknown stage of plan hirit 'stage-9'"),
        ({"plan": "yoga"}, "unknown plan 'yoga'"),
        ({"target_landings": "0"}, "target_landings:"),
        ({"from_day": "soon"}, "from_day:"),
    ],
)
def test_a_plan_that_cannot_be_is_not_written(plan, store, person, form, sentence):
    answer = plan("", {"from_day": TODAY, "plan": "hirit", "stage": "stage-2", **form})
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert len(asked_of(store, person)) == 1


def test_a_ramp_begins_with_its_first_stage(client, store):
    with store.writing(1) as tx:
        people.create(tx, "newcomer")
    form = {"from_day": TODAY, "plan": "hirit", "stage": "full"}
    shown = client("coach").post("/people/newcomer/plan", data=form)
    assert "the ramp of hirit begins with stage-1, not with full" in told(shown)
    assert asked_of(store, "newcomer") == []
    form["stage"] = "stage-1"
    assert client("coach").post("/people/newcomer/plan", data=form).status_code == 303


def test_an_athlete_reads_her_plan_without_controls(client):
    page = client("athlete").get("/people/p017/plan").text
    assert "you are here" in page
    for word in ("Accept", "Why all the same", "Change the plan", "What was decided", "/record"):
        assert word not in page


# -- plans of one's own


def editor(client, query):
    page = client("coach").get(f"/plans/edit?{query}").text
    return unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)[1])


def test_a_copy_of_a_template_is_a_start(client, store):
    toml = editor(client, "copy=hirit")
    assert 'name = "my-hirit"' in toml
    assert client("coach").post("/plans", data={"toml": toml}).headers["location"] == "/plans#my-hirit"
    assert "my-hirit" in client("coach").get("/plans").text
    assert "<option>my-hirit</option>" in client("coach").get("/people/p017/plan").text
    again = client("coach").post("/plans", data={"toml": toml})
    assert (again.status_code, "a plan 'my-hirit' exists already" in told(again)) == (409, True)


def test_two_who_edit_a_plan_lose_nothing(client, store):
    toml = editor(client, "copy=hirit").replace("my-hirit", "ours")
    client("coach").post("/plans", data={"toml": toml})
    first = toml.replace("sessions_per_week = 2", "sessions_per_week = 3")
    assert client("coach").post("/plans", data={"toml": first, "name": "ours", "version": 1}).status_code == 303
    second = toml.replace("landings = 25", "landings = 20")
    late = client("owner").post("/plans", data={"toml": second, "name": "ours", "version": 1})
    assert late.status_code == 409
    text = told(late)
    assert "coach on" in text
    assert "landings = 20" in text[: text.index("what the other one saved")]
    assert "sessions_per_week = 3" in text[text.index("what the other one saved") :]
    merged = client("owner").post("/plans", data={"toml": second, "name": "ours", "version": 2})
    assert merged.status_code == 303
    with store.reading() as db:
        assert [one.version for one in db.query(PlanRow).filter_by(name="ours")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("landings = 25", "landings = many", "not valid toml"),
        ("landings = 25", "landnigs = 25", "landnigs"),
        ("ceiling_net_g = 3.0", "ceiling_net_g = 0.1", "a minimum below the ceiling of 0.1 g net"),
        ('name = "my-hirit"', 'name = "hirit"', "'hirit' comes with loadsense"),
        ('name = "my-hirit"', f'name = "{"x" * 61}"', "expected 60 at most"),
    ],
)
def test_a_faulty_plan_is_not_saved_and_stays_in_the_editor(client, store, old, new, sentence):
    toml = editor(client, "copy=hirit").replace(old, new, 1)
    with store.reading() as db:
        before = db.query(PlanRow).count()
    answer = client("coach").post("/plans", data={"toml": toml})
    assert (answer.status_code, sentence in told(answer)) == (422, True)
    assert new.lower() in told(answer)
    with store.reading() as db:
        assert db.query(PlanRow).count() == before


def test_a_plan_keeps_its_name_and_the_stages_that_somebody_was_in(client, store):
    toml = editor(client, "copy=hirit").replace("my-hirit", "staged")
    client("coach").post("/plans", data={"toml": toml})
    renamed = client("coach").post(
        "/plans", data={"toml": toml.replace("staged", "moved"), "name": "staged", "version": 1}
    )
    assert "the plan 'staged' is called 'moved' in the text" in told(renamed)
    with store.writing(1) as tx:
        people.create(tx, "staged-1")
        prescribing.prescribe(tx, "staged-1", Asked(from_day=TODAY, plan="staged", stage="stage-2"))
    gone = toml.replace('name = "stage-2"', 'name = "second"')
    answer = client("coach").post("/plans", data={"toml": gone, "name": "staged", "version": 1})
    assert (answer.status_code, "stage 'stage-2' is gone and staged-1 was prescribed it" in told(answer)) == (422, True)


def test_an_unknown_plan_is_told(client):
    assert client("coach").get("/plans/edit?name=nothing").status_code == 404
    assert "unknown plan 'nothing'" in told(client("coach").get("/plans/edit?copy=nothing"))
    assert "unknown plan 'nothing'" in told(client("coach").get("/people/p017/plan?plan=nothing"))
    assert client("viewer").get("/plans").status_code == 403
