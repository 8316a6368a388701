"""Recordings of long wear in a batch: days, bands, most active minutes and weeks, as one analysis has them."""

import csv
import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import loadsense as ls
from loadsense.cohort import TABLES, BatchOptions, run_batch
from loadsense.readers.loadsense_format import write_recording

RATE_HZ = 25
HOURS = 13
WALKED_S = 60


def worn_for_13_hours(path, placement, start):
    """Still but worn (20 mg of noise), and a minute of 1.8 steps a second in the fifth hour and in the ninth."""
    n = HOURS * 3600 * RATE_HZ
    accel_g = np.random.default_rng(1).normal(0.0, 0.02, (n, 3))
    accel_g[:, 2] += 1.0
    steps_g = 1.2 * np.sin(2 * np.pi * 1.8 * np.arange(WALKED_S * RATE_HZ) / RATE_HZ)
    for hour in (4, 8):
        at = hour * 3600 * RATE_HZ
        accel_g[at : at + len(steps_g), 2] += steps_g
    zone = getattr(start.tzinfo, "key", None)
    recording = ls.Recording.from_arrays(
        accel_g, sampling_rate_hz=RATE_HZ, placement=placement, range_g=8, start=start, tz=zone
    )
    write_recording(recording, path, samples="counts")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A batch by two processes: a hip on a Saturday in Madrid, a wrist over a midnight of its own clock."""
    folder = tmp_path_factory.mktemp("study")
    data = folder / "data"
    data.mkdir()
    saturday = datetime(2026, 11, 21, 8, 0, tzinfo=ZoneInfo("Europe/Madrid"))
    worn_for_13_hours(data / "hip.loadsense.parquet", "hip", saturday)
    worn_for_13_hours(data / "wrist.loadsense.parquet", "wrist", datetime(2026, 11, 22, 18, 0))
    (folder / "people.csv").write_text("participant,file\np017,hip.loadsense.parquet\np021,wrist.loadsense.parquet\n")
    options = BatchOptions(manifest=str(folder / "people.csv"), jobs=2)
    run = run_batch([str(data)], str(folder / "out"), options)
    assert (run.analyzed, run.errors) == (2, {})
    return folder / "out", {name: ls.analyze(ls.read(data / f"{name}.loadsense.parquet")) for name in ("hip", "wrist")}


def table(study, name, participant):
    rows = pd.read_parquet(study[0] / name)
    return rows[rows["participant"] == participant].reset_index(drop=True)


def test_every_table_has_its_columns_and_rows(study):
    for name in ("days", "day_bands", "day_mx", "weeks"):
        stored = pd.read_parquet(study[0] / name)
        assert [c for c in stored.columns if c != "shard"] == [column.name for column in TABLES[name]]
        assert len(stored) > 0


def test_days_are_those_of_the_recording(study):
    (saturday,) = table(study, "days", "p017").to_dict("records")
    (day,) = study[1]["hip"].recordings[0].days
    assert (saturday["day"], saturday["iso_week"], saturday["valid"]) == ("2026-11-21", "2026-W47", True)
    assert (saturday["recorded_s"], saturday["wear_s"]) == (HOURS * 3600, HOURS * 3600)
    assert saturday["impacts"] == day.impacts == pytest.approx(2 * 1.8 * WALKED_S, abs=4)
    assert saturday["daily_impact_score_log"] == day.daily_impact_score_log > 0
    assert math.isnan(saturday["minutes_above_750_mg"])


def test_a_midnight_parts_a_recording_and_its_week(study):
    sunday, monday = table(study, "days", "p021").to_dict("records")
    assert [(d["day"], d["iso_week"], d["recorded_s"] / 3600) for d in (sunday, monday)] == [
        ("2026-11-22", "2026-W47", 6.0),
        ("2026-11-23", "2026-W48", 7.0),
    ]
    assert not sunday["valid"]
    assert not monday["valid"]
    seen = [day.day for day in study[1]["wrist"].recordings[0].days]
    assert seen == [date(2026, 11, 22), date(2026, 11, 23)]
    assert [d["minutes_above_750_mg"] for d in (sunday, monday)] == [
        day.minutes_above_750_mg for day in study[1]["wrist"].recordings[0].days
    ]


def test_bands_and_most_active_minutes_are_those_of_the_days(study):
    (day,) = study[1]["hip"].recordings[0].days
    stored = table(study, "day_bands", "p017")
    assert list(stored["count"]) == [band.count for band in day.impact_bands]
    assert stored["count"].sum() > 0
    sunday, monday = study[1]["wrist"].recordings[0].days
    stored = table(study, "day_mx", "p021")
    assert list(zip(stored["metric"], stored["above_mg"], strict=True)) == [*sunday.mx_mg, *monday.mx_mg]
    assert table(study, "day_mx", "p017").empty


def test_a_week_has_a_row_of_each_kind_and_means_where_there_are_enough_days(study):
    rows = {row["kind"]: row for row in table(study, "weeks", "p017").to_dict("records")}
    assert list(rows) == ["all", "weekday", "weekend"]
    assert {(row["iso_week"], row["days"]) for row in rows.values()} == {("2026-W47", 1)}
    assert [row["valid_days"] for row in rows.values()] == [1, 0, 1]
    (day,) = study[1]["hip"].recordings[0].days
    weekend = rows["weekend"]
    assert (weekend["wear_s"], weekend["impacts"]) == (HOURS * 3600, day.impacts)
    assert pd.isna(weekend["reason"])
    assert weekend["daily_impact_score_log"] == day.daily_impact_score_log
    assert (rows["all"]["reason"], rows["weekday"]["reason"]) == ("1 valid day, 4 needed", "0 valid weekdays, 3 needed")
    assert math.isnan(rows["all"]["impacts"])


def test_the_weeks_of_summary_json_are_those_of_the_table(study):
    told = study[1]["hip"].to_dict()["weeks"]
    assert [week["iso_week"] for week in told] == ["2026-W47"]
    assert told[0]["per_valid_day"]["impacts"] is None
    stored = table(study, "weeks", "p017").set_index("kind").loc["weekend"]
    assert told[0]["per_valid_weekend_day"]["impacts"] == stored["impacts"]
    of_wrist = table(study, "weeks", "p021")
    assert list(of_wrist["iso_week"]) == ["2026-W47"] * 3 + ["2026-W48"] * 3
    assert list(of_wrist["valid_days"]) == [0] * 6


def test_summary_csv_counts_days(study):
    with (study[0] / "summary.csv").open(encoding="utf-8", newline="") as file:
        hip, wrist = csv.DictReader(file)
    assert [(row["participant"], row["days"], row["valid_days"]) for row in (hip, wrist)] == [
        ("p017", "1", "1"),
        ("p021", "2", "0"),
    ]
