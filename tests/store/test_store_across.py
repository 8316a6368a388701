"""Sessions that come in many at once or in any order: the same analyses, and the same flags between sessions."""

import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

import loadsense as ls
from loadsense import evidence
from loadsense.protocol.across import RULES_ACROSS, Trained, flags_across
from loadsense.store import corrections, flags, open_store, people, prescribing
from loadsense.store.corrections import Correction
from loadsense.store.importing import ImportOptions, SessionResults, import_results
from loadsense.store.prescribing import Asked
from loadsense.store.reanalysis import Change, reanalyze
from loadsense.store.tables import AnalysisRow, AuditRow, EventRow, FlagRow, SessionRow

MADRID = ZoneInfo("Europe/Madrid")
MONDAY = datetime(2026, 3, 2, 18, 0, tzinfo=MADRID)
PLAN = """
name = "own-ramp"
title = "A ramp of our own"
sessions_per_week = 2
supervised = true
needs_screening = false
max_rpe = { "0-10" = 7 }
[source]
citation = "the coach"
known = "convention"
[[stage]]
name = "one"
description = "four landings"
landings = 4
[[stage]]
name = "two"
description = "six landings"
landings = 6
[[stage]]
name = "three"
description = "six landings with bars"
landings = 6
"""


@pytest.fixture(scope="module")
def report(hip_file):
    """Six landings in twenty seconds."""
    return ls.analyze(ls.read(hip_file))


def at(report, start, number):
    """The same session at another time, from another file."""
    [result] = report.recordings
    origin = replace(result.info.origin, sha256=f"{number:064d}")
    info = replace(result.info, start=start, tz=str(start.tzinfo), origin=origin)
    return replace(report, recordings=(replace(result, info=info),))


def sent(report, starts, person="p021", **options):
    return [
        SessionResults(
            person_id=person, report=at(report, start, 1000 * len(person) + n), options=ImportOptions(**options)
        )
        for n, start in enumerate(starts)
    ]


def prepared(store, stage="three"):
    with store.writing() as tx:
        prescribing.save_plan(tx, PLAN)
        for who in ("p021", "p017"):
            prescribing.prescribe(tx, who, Asked(from_day=date(2026, 1, 1), plan="own-ramp", stage=stage))
    return store


def fired(store, person="p021"):
    """Rule and sentence of each standing flag between sessions, by the day of its session."""
    with store.reading() as db:
        chosen = select(SessionRow.day, FlagRow.rule, FlagRow.sentence).join(
            FlagRow, FlagRow.session_id == SessionRow.id
        )
        chosen = chosen.where(
            FlagRow.person_id == person, FlagRow.rule.in_(RULES_ACROSS), FlagRow.withdrawn_at.is_(None)
        )
        return sorted(tuple(row) for row in db.execute(chosen))


def everything(store):
    """What is stored of each session, without ids and instants."""
    with store.reading() as db:
        rows = {}
        for session, analysis in db.execute(
            select(SessionRow, AnalysisRow).join(AnalysisRow, AnalysisRow.id == SessionRow.current_analysis_id)
        ):
            leave = {"id", "session_id", "made_at"}
            facts = {c.name: getattr(analysis, c.name) for c in AnalysisRow.__table__.columns if c.name not in leave}
            events = [
                {c.name: getattr(e, c.name) for c in EventRow.__table__.columns if c.name not in {"id", "analysis_id"}}
                for e in db.scalars(select(EventRow).where(EventRow.analysis_id == analysis.id).order_by(EventRow.id))
            ]
            own = (session.day, session.start, session.tz, session.rpe, session.loads_kg, session.note, session.version)
            rows[session.person_id, session.start] = (own, facts, events)
        audited = sorted((one.action, one.person_id or "") for one in db.scalars(select(AuditRow)))
    return rows, audited


def test_many_at_once_are_stored_as_one_after_the_other(store, report, tmp_path, sqlite_template):
    shutil.copyfile(sqlite_template, tmp_path / "other.db")
    other = open_store(tmp_path / "other.db", tmp_path / "other")
    with other.writing() as tx:
        for who in ("p021", "p017"):
            people.import_person(tx, Path(__file__).parents[2] / f"sample_recordings/people/{who}.toml")
    starts = [MONDAY + timedelta(days=n) for n in range(23)]
    many = sent(report, starts, rpe=14.0, rpe_scale="borg") + sent(report, starts[:5], "p017-"[:4])
    many = [replace(one, report=at(report, MONDAY + timedelta(days=n), n)) for n, one in enumerate(many)]
    at_once = import_results(prepared(store), many)
    one_by_one = [import_results(prepared(other) if n == 0 else other, [one])[0] for n, one in enumerate(many)]
    assert everything(store) == everything(other)
    assert [one.sentence.split(":", 1)[1] for one in at_once] == [one.sentence.split(":", 1)[1] for one in one_by_one]
    assert [one.is_new for one in import_results(store, many)] == [False] * 28
    other.close()


def test_one_recording_twice_in_one_call_is_one_session(store, report):
    one, two = sent(report, [MONDAY, MONDAY + timedelta(days=3)])
    first, second, again = import_results(prepared(store), [one, two, one])
    assert (first.is_new, second.is_new, again.is_new) == (True, True, False)
    assert again.session_id == first.session_id


def test_flags_between_sessions_come_with_sentence_and_source(store, report):
    days = [0, 1, 15, 50]
    import_results(prepared(store), sent(report, [MONDAY + timedelta(days=n) for n in days]))
    assert fired(store) == [
        (date(2026, 3, 3), "hours-between-sessions", "24 h since the last high session began, 48 h asked"),
        (date(2026, 3, 17), "break-one-stage-back", "14 days since the last session: one stage back"),
        (date(2026, 4, 21), "break-ramp-again", "35 days since the last session: ramp again from the first stage"),
    ]
    with store.reading() as db:
        row = db.scalars(select(FlagRow).where(FlagRow.rule == "hours-between-sessions")).one()
    assert row.severity == "amber"
    assert row.source.startswith("LIFTMOR (Watson 2018) through a secondary source")


def test_a_session_between_withdraws_a_break_and_what_was_acknowledged_stays_so(store, report):
    first, between, last = sent(report, [MONDAY + timedelta(days=n) for n in (0, 10, 20)])
    import_results(prepared(store), [first, last])
    assert [rule for _, rule, _ in fired(store)] == ["break-one-stage-back"]
    with store.writing() as tx:
        [row] = flags.open_flags(tx.db, "p021")
        flags.acknowledge(tx, row.id, "she was on holiday", version=row.version)
    import_results(store, [between])
    assert fired(store) == []
    with store.reading() as db:
        row = db.scalars(select(FlagRow)).one()
        assert (row.withdrawn_at is None, row.acknowledged_note) == (False, "she was on holiday")


def test_corrections_and_a_new_analysis_bring_flags_in_line(store, report):
    made = import_results(prepared(store), sent(report, [MONDAY, MONDAY + timedelta(days=1)]))
    assert [rule for _, rule, _ in fired(store)] == ["hours-between-sessions"]
    with store.reading() as db:
        current = db.get(SessionRow, made[0].session_id).current_analysis_id
        chosen = select(EventRow).where(EventRow.analysis_id == current, EventRow.kind == "landing")
        samples = [row.peak_sample for row in db.scalars(chosen)]
    said = [
        corrections.add(
            store,
            made[0].session_id,
            Correction(sensor="hip", at_sample=sample, kind="not a landing", reason="she only set the bag down"),
        )
        for sample in samples
    ]
    assert fired(store) == []  # a session without a landing loads nothing
    corrections.undo(store, said[0].correction_id)
    assert [rule for _, rule, _ in fired(store)] == ["hours-between-sessions"]
    reanalyze(store, Change(), dry_run=False)
    with store.reading() as db:
        assert len(db.scalars(select(FlagRow)).all()) == 1


def test_more_than_one_step_in_a_week_is_said_once(store, report):
    prepared(store, stage="one")
    with store.writing() as tx:
        asked = Asked(from_day=date(2026, 3, 9), plan="own-ramp", stage="two", drop_height_cm=20.0)
        prescribing.prescribe(tx, "p021", replace(asked, from_day=date(2026, 1, 2), stage="one", drop_height_cm=10.0))
        prescribing.prescribe(tx, "p021", asked)
    starts = [MONDAY + timedelta(days=n) for n in (0, 3, 7, 10)]
    many = sent(report, starts)
    many = [
        replace(one, options=ImportOptions(loads_kg={"deadlift": kg}))
        for one, kg in zip(many, (40, 40, 41, 44), strict=True)
    ]
    import_results(store, many)
    steps = [row for row in fired(store) if row[1] == "one-step-a-week"]
    assert steps == [
        (date(2026, 3, 9), "one-step-a-week", "load and height rose in one week: one at a time"),
        (date(2026, 3, 12), "one-step-a-week", "deadlift rose by 4 kg in a week, 2 kg at most"),
    ]


# -- the rules themselves


def flagged(*sessions):
    found = flags_across(sessions, rules=evidence.rules(), tolerance=evidence.grading().target_tolerance)
    return {n: [flag.rule for flag in flags] for n, flags in found.items() if flags}


def session(n, **facts):
    return Trained(id=n, **{"day": date(2026, 3, 2), "plan": "p", "stage": 2, **facts})


@pytest.mark.parametrize(
    ("first", "second", "rules"),
    [
        # two days later at the same hour, however long the first lasted, and five minutes early
        ({"start": MONDAY, "lasts_s": 3600.0}, {"start": MONDAY + timedelta(hours=48)}, []),
        ({"start": MONDAY, "lasts_s": 3600.0}, {"start": MONDAY + timedelta(hours=47, minutes=55)}, []),
        ({"start": MONDAY, "lasts_s": 60.0}, {"start": MONDAY + timedelta(hours=47)}, ["hours-between-sessions"]),
        # the clocks go forward on 29 March: two local days are 47 hours
        (
            {"start": datetime(2026, 3, 28, 18, tzinfo=MADRID).astimezone(ZoneInfo("UTC"))},
            {"start": datetime(2026, 3, 30, 18, tzinfo=MADRID).astimezone(ZoneInfo("UTC"))},
            ["hours-between-sessions"],
        ),
        # and back on 25 October: 49
        (
            {"start": datetime(2026, 10, 24, 18, tzinfo=MADRID).astimezone(ZoneInfo("UTC"))},
            {"start": datetime(2026, 10, 26, 18, tzinfo=MADRID).astimezone(ZoneInfo("UTC"))},
            [],
        ),
        ({}, {"day": date(2026, 3, 3)}, ["hours-between-sessions"]),
        ({}, {"day": date(2026, 3, 4)}, []),
        ({}, {}, []),  # two of one day without clocks: which was first nobody knows
        ({"is_high": False}, {"day": date(2026, 3, 3)}, []),
        ({}, {"day": date(2026, 3, 15)}, []),
        ({}, {"day": date(2026, 3, 16)}, ["break-one-stage-back"]),
        ({}, {"day": date(2026, 3, 16), "stage": 1}, []),
        ({}, {"day": date(2026, 3, 30), "stage": 1}, ["break-ramp-again"]),
        ({}, {"day": date(2026, 3, 30), "stage": 0}, []),
        ({}, {"day": date(2026, 3, 30), "stage": None, "plan": None}, []),
        # one overlaps the other: one training, two sensors
        ({"start": MONDAY, "lasts_s": 1800.0}, {"start": MONDAY + timedelta(minutes=5)}, []),
    ],
)
def test_time_since_the_last_session(first, second, rules):
    day = {"day": second["start"].date()} if "start" in second else {}
    first = {**({"day": first["start"].date()} if "start" in first else {}), **first}
    assert flagged(session(1, **first), session(2, **{**day, **second})) == ({2: rules} if rules else {})


@pytest.mark.parametrize(
    ("before", "after", "n"),
    [
        ({"landings": 24, "landings_asked": 25}, {"landings": 26, "landings_asked": 25}, 0),  # counting is not a step
        ({"landings": 10, "landings_asked": 10}, {"landings": 25, "landings_asked": 25}, 1),
        ({"landings": 10}, {"landings": 25}, 0),  # nobody asked for any
        ({"landings": None, "landings_asked": 10}, {"landings": 25, "landings_asked": 25}, 0),
        ({"lifted_kg": {"deadlift": 40.0}}, {"lifted_kg": {"deadlift": 42.0}}, 0),
        ({"lifted_kg": {"deadlift": 40.0}}, {"lifted_kg": {"deadlift": 42.5}}, 1),
        ({"lifted_kg": {"deadlift": 40.0}}, {"lifted_kg": {"back_squat": 60.0}}, 0),
    ],
)
def test_steps_of_a_week(before, after, n):
    found = flagged(session(1, **before), session(2, day=date(2026, 3, 10), **after))
    assert found == ({2: ["one-step-a-week"]} if n else {})


SESSIONS = st.lists(
    st.tuples(
        st.integers(0, 70),
        st.sampled_from([None, 9, 17, 18]),
        st.sampled_from([4, 6, 25]),
        st.sampled_from([{}, {"deadlift": 40.0}, {"deadlift": 42.0}, {"deadlift": 50.0, "back_squat": 30.0}]),
        st.booleans(),
    ),
    max_size=12,
)


@given(made=SESSIONS, order=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_flags_do_not_know_the_order_in_which_sessions_came(made, order):
    def of(tuples):
        sessions = {
            n: Trained(
                id=n,
                day=MONDAY.date() + timedelta(days=day),
                start=None if hour is None else MONDAY.replace(hour=hour) + timedelta(days=day),
                lasts_s=1800.0,
                is_high=high,
                landings=landings,
                landings_asked=25 if landings > 6 else 6,
                lifted_kg=kg,
                plan="p",
                stage=1,
            )
            for n, (day, hour, landings, kg, high) in enumerate(tuples)
        }
        found = flags_across(sessions.values(), rules=evidence.rules(), tolerance=0.9)
        return sorted((repr(tuples[n]), flag.rule, flag.sentence) for n in found for flag in found[n])

    shuffled = list(made)
    order.shuffle(shuffled)
    assert of(made) == of(shuffled)


@pytest.fixture(scope="module")
def prepared_once(tmp_path_factory, sqlite_template):
    """A store with p021 on a ramp, to be copied for each example."""
    folder = tmp_path_factory.mktemp("once")
    shutil.copyfile(sqlite_template, folder / "a.db")
    store = open_store(folder / "a.db", folder / "files")
    with store.writing() as tx:
        people.create(tx, "p021")
        people.create(tx, "p017")
    prepared(store)
    store.close()
    return folder


@given(days=st.permutations([0, 1, 3, 10, 26, 27, 60]), cut=st.integers(0, 7))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_order_of_import_the_same_flags_stand(prepared_once, report, tmp_path, days, cut):
    found = []
    for order in (sorted(days), days):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        shutil.copytree(prepared_once, folder)
        store = open_store(folder / "a.db", folder / "files")
        many = [
            replace(one, report=at(report, MONDAY + timedelta(days=n), n))
            for n, one in zip(order, sent(report, [MONDAY] * 7), strict=True)
        ]
        import_results(store, many[:cut])
        import_results(store, many[cut:])
        found.append(fired(store))
        store.close()
    assert found[0] == found[1]
    assert len(found[0]) == 4  # a day later twice, and two breaks; two days later is not too soon
