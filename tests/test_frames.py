"""Tables: promised columns and types, also when empty; unknown stays unknown; clock changes move nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from builders import info, landing, lift_set, recording, report

from loadsense import frames

PROMISED = {
    "landings": "event_id status landing_s peak_s end_s time peak_g peak_net_g peak_20hz_g loading_rate_g_per_s "
    "loading_rate_20_80_g_per_s loading_rate_onset_g_per_s time_to_peak_s flight_s takeoff jump_height_m drop_height_m "
    "peak_grf_bw clipped truncated high_magnitude high_rate",
    "excluded": "kind peak_s peak_g reason",
    "impacts": "peak_s time peak_g peak_vertical_g activity acceleration_rate_g_per_s peak_grf_n peak_grf_bw "
    "loading_rate_n_per_s model",
    "repetitions": "set_id start_s end_s exercise eccentric_s concentric_s",
    "sets": "set_id status exercise exercise_confidence exercise_source start_s end_s repetitions "
    "repetitions_are_at_least load_kg rest_before_s",
}

EMPTY = report([recording("unknown")])


@pytest.mark.parametrize("name", PROMISED)
def test_promised_columns_are_there(name):
    assert set(PROMISED[name].split()) <= set(getattr(report(), name).columns)


@pytest.mark.parametrize("name", PROMISED)
def test_an_empty_table_keeps_its_columns_and_types(name):
    empty, full = getattr(EMPTY, name), getattr(report(), name)
    assert len(empty) == 0
    assert len(full) > 0
    assert list(empty.dtypes) == list(full.dtypes)
    assert list(empty.columns) == list(full.columns)


def test_unknown_is_never_zero_or_false():
    unknown = landing(high_rate=None, high_magnitude=None, drop_height_m=None, peak_vertical_g=None)
    row = report([recording(landings=[unknown])]).landings.iloc[0]
    assert row.high_rate is pd.NA
    assert row.high_magnitude is pd.NA
    assert np.isnan(row.drop_height_m)
    assert np.isnan(row.jump_height_m)
    assert np.isnan(row.peak_grf_bw)
    assert row.notes is pd.NA


def test_a_column_of_unknown_numbers_is_still_numbers():
    unknown = landing(peak_vertical_g=None)
    column = report([recording(landings=[unknown])]).landings.peak_vertical_g
    assert column.dtype == float
    assert not np.isfinite(column.max())


def test_seconds_count_from_the_start_of_the_session():
    late = replace(recording("wrist", sets=[lift_set(start_s=10)]), offset_s=2.5)
    sets = report([recording(), late]).sets
    assert sets.start_s.tolist() == [12.5]
    assert sets.end_s.tolist() == [32.5]
    assert sets.sensor.tolist() == ["wrist"]


def test_time_is_local_with_its_offset():
    first = report().landings.iloc[0]
    assert first.landing_s == 99.95
    assert first.time == "2026-11-20T09:31:39.950+01:00"


def test_a_clock_change_does_not_move_an_event():
    # In Madrid 2026-10-25 03:00 summer time becomes 02:00 winter time.
    start = datetime(2026, 10, 25, 0, 59, 0, tzinfo=UTC)
    session = report(
        [replace(recording(landings=[landing(at_s=30.05), landing(2, at_s=90.05)]), info=info(start=start))]
    )
    assert session.landings.time.tolist() == ["2026-10-25T02:59:30.000+02:00", "2026-10-25T02:00:30.000+01:00"]


def test_without_a_named_zone_the_offset_of_the_start_is_kept():
    session = report([replace(recording(landings=[landing(at_s=60.05)]), info=info(tz=None))])
    assert session.landings.time.tolist() == ["2026-11-20T09:31:00.000+01:00"]


@pytest.mark.parametrize("start", [None, datetime(2026, 11, 20, 9, 30)])
def test_a_recording_without_a_zone_has_no_times(start):
    session = report([replace(recording(landings=[landing()]), info=info(start=start, tz=None))])
    assert session.landings.time.isna().all()
    assert session.impacts.time.isna().all()


def test_events_of_two_sensors_are_in_order_of_time():
    early, late = lift_set(1, start_s=10), lift_set(2, start_s=50)
    first = replace(recording("wrist", sets=[late]), sensor="left")
    second = replace(recording("wrist", sets=[early]), sensor="right")
    assert report([first, second]).sets.sensor.tolist() == ["right", "left"]


def test_counts_and_doubts_of_a_set():
    holed = lift_set(repetitions=4, repetitions_are_at_least=True, notes=("hole of 2.1 s",), exercise_source="")
    row = report([recording("wrist", sets=[holed])]).sets.iloc[0]
    assert (row.repetitions, row.repetitions_are_at_least, row.notes) == (4, True, "hole of 2.1 s")
    assert row.exercise_source is pd.NA


def test_every_column_says_what_it_means():
    for columns in frames.COLUMNS.values():
        assert all(len(c.meaning) > 8 for c in columns)
