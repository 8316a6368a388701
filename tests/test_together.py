"""Sensors of one session stand right in time, and pairs that cannot be are refused with a sentence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadsense import together
from loadsense.errors import OptionError
from loadsense.placement import Placement
from loadsense.results import Envelope, RecordingResult, SignalQuality
from loadsense.samples import Origin, StreamInfo

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def info(placement, *, start=NINE, mass=None, participant=None):
    return StreamInfo(
        sampling_rate_hz=100.0,
        placement=Placement(placement),
        start=start,
        body_mass_kg=mass,
        origin=Origin(participant=participant),
    )


def test_one_recording_starts_at_zero_without_a_clock():
    assert together.offsets_s({"hip": info("hip", start=None)}, {}) == {"hip": 0.0}


def test_clocks_place_the_later_recording_behind_the_first():
    infos = {"hip": info("hip", start=NINE + timedelta(seconds=12.5)), "wrist": info("wrist")}
    assert together.offsets_s(infos, {}) == {"hip": 12.5, "wrist": 0.0}


def test_given_offsets_replace_missing_clocks():
    infos = {"hip": info("hip", start=None), "wrist": info("wrist", start=None)}
    assert together.offsets_s(infos, {"hip": 4.0, "wrist": 1.0}) == {"hip": 3.0, "wrist": 0.0}


def test_a_recording_without_clock_or_offset_is_asked_for_one():
    infos = {"hip": info("hip"), "wrist": info("wrist", start=None)}
    with pytest.raises(OptionError, match="wrist: the recording has no start time; give --offset wrist=SECONDS"):
        together.offsets_s(infos, {})


def test_clocks_with_and_without_zone_are_not_compared():
    infos = {"hip": info("hip"), "wrist": info("wrist", start=NINE.replace(tzinfo=None))}
    with pytest.raises(OptionError, match="only some of the recordings have a time zone; pass --tz"):
        together.offsets_s(infos, {})


def test_one_file_is_not_two_sensors():
    hip, wrist = (replace(info(at), origin=Origin(file="hip.csv", sha256="a1b2")) for at in ("hip", "wrist"))
    with pytest.raises(
        OptionError, match=r"one and two are the same recording \(hip.csv\); one sensor is at one place"
    ):
        refuse(hip, wrist)


def refuse(a, b):
    together.refuse_what_cannot_be({"one": a, "two": b})


def test_hip_and_wrist_of_one_person_pass():
    refuse(info("hip", mass=63.1, participant="p017"), info("wrist", mass=63.1, participant="p017"))


def test_two_sensors_at_the_hip_are_refused():
    with pytest.raises(OptionError, match="one and two are both from the hip; one session takes one sensor from each"):
        refuse(info("hip"), info("hip"))


def test_two_sensors_that_both_grade_landings_are_refused():
    with pytest.raises(OptionError, match="one and two both see landings, and one landing is counted once"):
        refuse(info("hip"), info("waist"))


def test_two_people_are_refused():
    with pytest.raises(OptionError, match="one is from p017 and two from p021; a session is of one person"):
        refuse(info("hip", participant="p017"), info("wrist", participant="p021"))


@pytest.mark.parametrize("other", ["data/2026-11-20_p021_wrist.csv", "p021.csv.gz", "C:\\x\\P021 wrist.csv"])
def test_two_people_by_their_file_names_are_refused(other):
    hip = replace(info("hip"), origin=Origin(file="2026-11-20_p017_hip.csv"))
    with pytest.raises(OptionError, match="one is from p017 and two from p021"):
        refuse(hip, replace(info("wrist"), origin=Origin(file=other)))


def test_a_file_name_without_a_pseudonym_names_nobody():
    hip = replace(info("hip"), origin=Origin(file="p017_hip.csv"))
    refuse(hip, replace(info("wrist"), origin=Origin(file="map12/wrist.csv")))


def test_two_body_masses_are_refused():
    with pytest.raises(OptionError, match=r"one has a body mass of 63.1 kg and two of 80 kg"):
        refuse(info("hip", mass=63.1), info("wrist", mass=80.0))


def test_clocks_three_hours_apart_are_refused():
    hip, wrist = result("hip", range(100)), result("wrist", range(100), offset_s=10800.0)
    with pytest.raises(OptionError, match="hip and wrist do not overlap: their clocks are 3 h 00 min apart; set the"):
        together.refuse_apart((hip, wrist))


def test_clocks_ten_minutes_apart_are_refused_and_a_shared_second_is_enough():
    hip = result("hip", range(100))
    with pytest.raises(OptionError, match="their clocks are 10 min 00 s apart"):
        together.refuse_apart((hip, result("wrist", range(100), offset_s=600.0)))
    together.refuse_apart((hip, result("wrist", range(100), offset_s=299.0)))


def busy(rng, n=600):
    trace = rng.normal(-2.0, 0.3, n)
    trace[100:160] += 3.0
    trace[300:420] += 2.0
    return trace


def test_busy_seconds_that_coincide_ask_for_no_shift():
    rng = np.random.default_rng(1)
    trace = busy(rng)
    assert together.better_shift_s(trace, trace + rng.normal(0, 0.3, len(trace))) is None


@pytest.mark.parametrize("late_s", [-41, 17])
def test_a_clock_that_is_off_is_found(late_s):
    rng = np.random.default_rng(2)
    trace = busy(rng)
    assert together.better_shift_s(trace, np.roll(trace, late_s)) == -late_s


def better_shift_of_all(a, b):
    """The rule by the correlation of every shift, one by one."""
    known = {s: r for s in range(-120, 121) if (r := together._correlation(a, b, s)) is not None}
    if 0 not in known:
        return None
    best = max(known, key=lambda shift: known[shift])
    clear = known[best] >= 0.6 and known[best] - known[0] >= 0.3
    return best if clear and abs(best) >= 3 else None


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_shift_is_that_of_all_correlations(data, seed):
    """Whatever the traces: of unlike lengths, with holes, still for minutes, repeating, or shifted."""
    rng = np.random.default_rng(seed)
    a = busy(rng, n=data.draw(st.integers(430, 700)))
    a[200:260] += 1.5
    kind = data.draw(st.sampled_from(["shifted", "unlike", "repeating", "still", "steps"]))
    late_s = data.draw(st.integers(-140, 140))
    if kind == "repeating":
        a = np.tile(busy(rng, n=430)[80:180], 6)
    b = np.roll(a, late_s) + rng.normal(0.0, data.draw(st.sampled_from([0.0, 0.4, 1.5])), len(a))
    if kind == "unlike":
        b = busy(rng, n=len(a))
    if kind == "still":
        b[: data.draw(st.integers(0, len(b)))] = -2.0
        a[data.draw(st.integers(0, len(a))) :] = -6.9
    if kind == "steps":
        a, b = np.round(a), np.round(b)
    b = b[data.draw(st.integers(0, 150)) : len(b) - data.draw(st.integers(0, 150))]
    for trace in (a, b):
        first = data.draw(st.integers(0, len(trace)))
        trace[first : first + data.draw(st.integers(0, 120))] = np.nan
    assert together.better_shift_s(a, b) == better_shift_of_all(a, b)


def test_unlike_movement_says_nothing():
    rng = np.random.default_rng(3)
    assert together.better_shift_s(rng.normal(size=600), rng.normal(size=600)) is None


def test_a_short_overlap_says_nothing():
    assert together.better_shift_s(np.arange(30.0), np.arange(30.0)) is None


def result(sensor, busy_s, offset_s=0.0):
    low = tuple(0.9 if k not in busy_s else 0.2 for k in range(300))
    high = tuple(1.1 if k not in busy_s else 4.0 for k in range(300))
    return RecordingResult(
        info=info(sensor),
        sensor=sensor,
        quality=SignalQuality(n_samples=30000),
        envelope=Envelope(bucket_samples=100, low_g=low, high_g=high),
        offset_s=offset_s,
    )


def test_the_note_names_the_sensor_and_the_offset_to_give():
    hip = result("hip", range(100, 140))
    wrist = result("wrist", range(130, 170), offset_s=5.0)
    (note,) = together.clock_notes((hip, wrist))
    assert "shifted by -35 s" in note
    assert "--offset wrist=-30" in note
    assert together.clock_notes((hip, result("wrist", range(100, 140)))) == ()
