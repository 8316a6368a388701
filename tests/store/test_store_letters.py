"""What paper and exports ask of the store, on both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest

from loadsense.errors import OptionError
from loadsense.letters.exporting import Choice, as_bids, as_csv, chosen_people, session_rows
from loadsense.review.letter import letter_of
from loadsense.review.letter_facts import landed_facts
from loadsense.store import people
from loadsense.store.importing import SensorFile, import_session

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = date(2026, 11, 20)  # of the recordings


@pytest.fixture
def trained(store, hip_file, wrist_file):
    """p021 with a session of hip and wrist, p017 without one."""
    files = [SensorFile(path=hip_file, placement="hip"), SensorFile(path=wrist_file, placement="wrist")]
    import_session(store, "p021", files)
    return store


def test_peaks_are_told_by_placement_and_filter_and_a_wrist_tells_none(trained):
    with trained.reading() as db:
        [hip] = landed_facts(db, "p021", first=DAY, last=DAY)
        assert landed_facts(db, "p021", first=DAY + timedelta(days=1), last=date.max) == ()
        assert landed_facts(db, "p017", first=DAY, last=DAY) == ()
    assert (hip.placement, hip.n_sessions, len(hip.peaks_net_g)) == ("hip", 1, 6)
    assert hip.filter.startswith("landings 80 Hz")
    assert hip.filter.endswith("sampled at 200 Hz")


def test_a_letter_is_made_of_what_the_store_holds(trained):
    with trained.reading() as db:
        letter, group = letter_of(db, "p021", at=NOW, n_weeks=8)
        assert letter_of(db, "p099", at=NOW, n_weeks=8) is None
        with pytest.raises(OptionError, match="lies in the future; expected 2026-11-23 or an earlier day"):
            letter_of(db, "p021", at=NOW, n_weeks=8, since=date(2026, 11, 24))
    assert group is None
    assert [line.n_landings for line in letter.landed] == [6]
    assert letter.landings[-1].words == "0 of 50 landings"  # all of them above her ceiling


def test_rows_are_of_the_chosen_people_and_days(trained):
    with trained.reading() as db:
        [row] = session_rows(db, Choice(), at=NOW)
        assert (row["person_id"], row["placement"], row["day"]) == ("p021", "hip+wrist", "2026-11-20")
        assert session_rows(db, Choice(person_id="p021", first=DAY, last=DAY), at=NOW) == [row]
        for other in (Choice(person_id="p017"), Choice(first=date(2026, 11, 21)), Choice(last=date(2026, 11, 19))):
            assert session_rows(db, other, at=NOW) == []
    assert as_csv([row]).splitlines()[0].startswith("person_id,group,session_id,day,week,start_time,placement,")


def test_a_group_is_everybody_in_it_whoever_is_archived_too(trained):
    with trained.writing() as tx:
        group = people.create_group(tx, "Tue", weekdays=[1], tz="UTC")
        tx.db.flush()
        people.change(tx, "p021", version=people.the_person(tx.db, "p021").version, group_id=group.id)
        people.archive(tx, "p021", version=people.the_person(tx.db, "p021").version)
    with trained.reading() as db:
        assert chosen_people(db, Choice(group="Tue")) == ("p021",)
        assert chosen_people(db, Choice()) == ("p017", "p021")
        with pytest.raises(OptionError, match="unknown group 'Wed'"):
            chosen_people(db, Choice(group="Wed"))


def test_every_sensor_of_a_session_becomes_a_recording_of_the_dataset(trained, tmp_path):
    assert as_bids(trained, Choice(), tmp_path / "bids") == 2
    names = sorted(path.name for path in (tmp_path / "bids").rglob("*_motion.tsv"))
    assert [name.split("_")[0] for name in names] == ["sub-p021", "sub-p021"]
    assert {part for name in names for part in name.split("_") if part.startswith("tracksys")} == {
        "tracksys-hip",
        "tracksys-wrist",
    }
    with pytest.raises(OptionError, match="no session with samples of these people"):
        as_bids(trained, Choice(person_id="p017"), tmp_path / "none")


def test_two_pseudonyms_never_become_one_subject(store, hip_file, other_hip_file, tmp_path):
    with store.writing() as tx:
        people.create(tx, "p-17")
        people.create(tx, "p17")
    import_session(store, "p-17", [SensorFile(path=hip_file, placement="hip")])
    import_session(store, "p17", [SensorFile(path=other_hip_file, placement="hip")])
    assert as_bids(store, Choice(), tmp_path / "bids") == 2
    assert sorted(path.name for path in (tmp_path / "bids").glob("sub-*")) == ["sub-p17", "sub-pX17"]
