"""Local days: a session belongs to the day and ISO week of the place it was in, whatever changes later."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import loadsense as ls
from loadsense.readers.loadsense_format import write_recording
from loadsense.store import people
from loadsense.store.importing import ImportOptions, SensorFile, import_session
from loadsense.store.reanalysis import Change, reanalyze
from loadsense.store.tables import SessionRow

NEW_YORK = "America/New_York"


@pytest.fixture
def in_madrid(store):
    """p021 trains in Madrid."""
    with store.writing() as tx:
        group = people.create_group(tx, "Tuesdays", weekdays=[1, 4], tz="Europe/Madrid")
        people.change(tx, "p021", version=1, group_id=group.id)
    return store


def _file(hip_file, folder, start, tz=None):
    """Six drops with a clock that began at this moment."""
    accel_g = np.concatenate([item.accel_g for item in ls.read(hip_file).blocks()])
    facts = {"sampling_rate_hz": 200.0, "placement": "hip", "range_g": 16.0}
    made = ls.Recording.from_arrays(accel_g, start=start, tz=tz, **facts)
    return write_recording(made, folder / f"{start:%Y%m%dT%H%M%S}.loadsense.parquet").path


def brought(store, path, **options):
    made = import_session(store, "p021", [SensorFile(path=path, placement="hip")], options=ImportOptions(**options))
    with store.reading() as db:
        row = db.get(SessionRow, made.session_id)
        return row.day, row.day.isocalendar().week, row.start, row.tz


@pytest.mark.parametrize(
    ("start", "tz", "day", "week"),
    [
        # 23:30 UTC on Sunday is half past midnight on Monday in Madrid: in winter as on the night the clocks went back
        (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), "Europe/Madrid", date(2026, 10, 26), 44),
        # a quarter of an hour before midnight in summer, when Madrid is two hours ahead
        (datetime(2026, 10, 24, 21, 45, tzinfo=UTC), "Europe/Madrid", date(2026, 10, 24), 43),
        (datetime(2026, 10, 24, 22, 15, tzinfo=UTC), "Europe/Madrid", date(2026, 10, 25), 43),
        # the night the clocks go forward: 2 o'clock is 3
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Europe/Madrid", date(2026, 3, 29), 13),
        # the year turns in Auckland first, and its first week is that of the old year's last days
        (datetime(2026, 12, 31, 11, 30, tzinfo=UTC), "Pacific/Auckland", date(2027, 1, 1), 53),
        (datetime(2027, 1, 1, 3, 0, tzinfo=UTC), NEW_YORK, date(2026, 12, 31), 53),
    ],
)
def test_the_day_is_that_of_the_place(in_madrid, hip_file, tmp_path, start, tz, day, week):
    assert brought(in_madrid, _file(hip_file, tmp_path, start, tz)) == (day, week, start, tz)


def test_a_clock_without_a_zone_is_that_of_her_group_unless_she_was_away(in_madrid, hip_file, tmp_path):
    evening = datetime(2026, 7, 7, 22, 30)
    path = _file(hip_file, tmp_path, evening)
    assert brought(in_madrid, path) == (date(2026, 7, 7), 28, datetime(2026, 7, 7, 20, 30, tzinfo=UTC), "Europe/Madrid")
    away = _file(hip_file, tmp_path, evening.replace(second=1))
    there = datetime(2026, 7, 8, 2, 30, 1, tzinfo=UTC)
    assert brought(in_madrid, away, tz=NEW_YORK) == (date(2026, 7, 7), 28, there, NEW_YORK)


def test_a_group_that_moves_leaves_its_sessions_where_they_were(in_madrid, hip_file, tmp_path):
    path = _file(hip_file, tmp_path, datetime(2026, 7, 6, 0, 30))
    before = brought(in_madrid, path)
    with in_madrid.writing() as tx:
        people.change_group(tx, 1, version=1, tz=NEW_YORK)
    reanalyze(in_madrid, Change(engine=True), dry_run=False)
    assert before == (date(2026, 7, 6), 28, datetime(2026, 7, 5, 22, 30, tzinfo=UTC), "Europe/Madrid")
    assert brought(in_madrid, path) == before
    later = _file(hip_file, tmp_path, datetime(2026, 7, 13, 0, 30))
    assert brought(in_madrid, later)[2:] == (datetime(2026, 7, 13, 4, 30, tzinfo=UTC), NEW_YORK)


def test_two_sensors_with_clocks_in_two_zones_meet_at_the_same_moment(store, hip_file, wrist_file, tmp_path):
    start = datetime(2026, 11, 20, 18, 30, tzinfo=ZoneInfo("Europe/Madrid"))  # the wrist's 17:30 UTC
    hip = SensorFile(path=_file(hip_file, tmp_path, start.astimezone(ZoneInfo(NEW_YORK)), NEW_YORK), placement="hip")
    wrist = SensorFile(path=wrist_file, placement="wrist", offset_s=None)
    made = import_session(store, "p017", [hip, wrist])
    with store.reading() as db:
        assert db.get(SessionRow, made.session_id).start == datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
