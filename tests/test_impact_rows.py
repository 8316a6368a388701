"""Impacts are written from whole columns: the text and the times are those of one cell at a time."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loadsense as ls
from loadsense import frames
from loadsense.frames import COLUMNS
from loadsense.impact_table import ImpactTable
from loadsense.render.csv_page import _number_cells, impacts_csv

MADRID = ZoneInfo("Europe/Madrid")
RATE_HZ = 102.4


def session_report(**facts):
    """A session of two sensors, one hour of steps that come every 0.9 s, whatever the clock says."""
    rng = np.random.default_rng(5)
    accel_g = rng.normal(0, 0.02, (int(3600 * RATE_HZ), 3)) + np.array([0.0, 1.0, 0.0])
    accel_g[:: int(0.9 * RATE_HZ)] += np.array([0.0, 9.0, 0.0])
    recording = ls.Recording.from_arrays(accel_g, sampling_rate_hz=RATE_HZ, placement="hip", **facts)
    other = ls.Recording.from_arrays(accel_g[:20_000], sampling_rate_hz=RATE_HZ, placement="ankle", **facts)
    offsets_s = None if facts.get("start") else {"left, =hip": 0.1, "=ankle": 0.7}
    return ls.Session({"left, =hip": recording, "=ankle": other}, offsets_s=offsets_s).report()


def one_cell_at_a_time(report) -> str:
    """What `csv` makes of the rows, a text that would be a formula behind an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS["impacts"]])
    for cells in frames.each_impact_cells(report):
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith("=") else cell for cell in cells])
    return text.getvalue()


@pytest.mark.parametrize(
    "start",
    [
        None,
        datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=MADRID),  # the clock goes forward within the hour
        datetime(2026, 10, 25, 2, 30, 7, 999999, tzinfo=MADRID),  # and back
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
    ],
)
def test_times_and_text_of_columns_are_those_of_each_cell(start):
    report = session_report(start=start, tz="Europe/Madrid" if start and start.tzinfo is MADRID else None)
    for recording in report.recordings:
        samples = recording.impacts.samples().tolist()
        assert len(samples) > 200
        times = [time for columns in frames.impact_columns(recording) for time in columns[2]]
        assert times == [frames.time_at(recording, sample) for sample in samples]
    text = impacts_csv(report)
    assert text == one_cell_at_a_time(report)
    assert '"left, =hip",' in text
    assert "\n'=ankle," in text


EVERYDAY = st.floats(1e-4, 1e10) | st.integers(0, 10**12).map(lambda cents: cents / 100)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVERYDAY | EVERYDAY.map(lambda number: -number) | st.floats(), max_size=30))
def test_numbers_are_written_as_python_writes_them(numbers):
    expected = ["" if math.isnan(number) else repr(number) for number in numbers]
    assert _number_cells(np.array(numbers, dtype=np.float64)) == expected


def test_a_session_without_impacts_is_a_header():
    report = session_report()
    none = replace(report, recordings=tuple(replace(one, impacts=ImpactTable()) for one in report.recordings))
    assert impacts_csv(none) == ",".join(column.name for column in COLUMNS["impacts"]) + "\n"
