"""Landings: what is found, what is not and why, when it is said, and that cuts change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loadsense as ls
from loadsense.detection.around import angle_deg
from loadsense.detection.flights import median_of_nine, median_of_seven
from loadsense.detection.history import History, magnitude
from loadsense.detection.landings import LandingDetector
from loadsense.detection.rhythm import alike_and_even, autocorrelations, dominant_lag, likeness
from loadsense.events import Excluded, LandingCandidate, Status, Takeoff
from loadsense.evidence.detection_criteria import landing_criteria
from loadsense.placement import Placement
from loadsense.samples import FloatArray, Gap, Item, SampleBlock
from loadsense.simulate import (
    DropLanding,
    Fall,
    Hops,
    Jump,
    Knock,
    Run,
    Sensor,
    Simulated,
    SitDown,
    Stand,
    Walk,
    simulate_session,
)

DATA = Path(__file__).parents[1].parent / "shared" / "data"
Found = list[LandingCandidate | Excluded]


def detector(
    placement: str = "hip", rate_hz: float = 100.0, range_g: float | None = 16.0, *, block: bool = False
) -> LandingDetector:
    return LandingDetector(
        sampling_rate_hz=rate_hz,
        placement=Placement(placement),
        range_g=range_g,
        criteria=landing_criteria(),
        landing_block=block,
    )


def fed(stage: LandingDetector, items: Sequence[Item]) -> Found:
    found: Found = []
    for item in items:
        found += stage.gap(item) if isinstance(item, Gap) else stage.push(item)
    return [*found, *stage.flush()]


def performed(script: Sequence[object], placement: str = "hip", rate_hz: float = 100.0, **sensor: float) -> Simulated:
    worn = Sensor(placement=Placement(placement), sampling_rate_hz=rate_hz, **sensor)  # type: ignore[arg-type]
    return simulate_session([Stand(), *script], sensor=worn, seed=3)  # type: ignore[list-item]


def found_in(made: Simulated, *, block: bool = False) -> Found:
    sensor = made.sensor
    stage = detector(sensor.placement.value, sensor.sampling_rate_hz, sensor.range_g, block=block)
    return fed(stage, [SampleBlock(0, made.accel_g)])


def landings(found: Found) -> list[LandingCandidate]:
    settled = [e for e in found if isinstance(e, LandingCandidate) and e.status is Status.SETTLED]
    return sorted(settled, key=lambda e: e.peak_sample)


def reasons(found: Found) -> Counter[str]:
    return Counter(e.reason for e in found if isinstance(e, Excluded))


def hits(made: Simulated, found: Found) -> int:
    at = [e.peak_sample / made.sensor.sampling_rate_hz for e in landings(found)]
    return sum(any(abs(true.peak_s - s) < 0.2 for s in at) for true in made.truth.landings)


@pytest.mark.parametrize("placement", ["waist", "hip", "lower_back", "sacrum", "chest", "pocket"])
@pytest.mark.parametrize("height_m", [0.10, 0.20, 0.40])
def test_drops_from_10_cm_are_found_anywhere_without_a_push_off(placement: str, height_m: float) -> None:
    made = performed([DropLanding(height_m=height_m)] * 3, placement)
    found = landings(found_in(made))
    assert [e.takeoff for e in found] == [Takeoff.NONE] * 3
    assert hits(made, found) == 3


def test_a_drop_of_5_cm_is_found_only_in_a_landing_block_and_is_marked() -> None:
    made = performed([DropLanding(height_m=0.05)] * 3)
    assert landings(found_in(made)) == []
    found = landings(found_in(made, block=True))
    assert hits(made, found) == 3
    assert {e.notes for e in found} == {("untested on people",)}


@pytest.mark.parametrize("placement", ["hip", "pocket"])
@pytest.mark.parametrize("rate_hz", [1.2, 1.8, 2.4, 3.0])
def test_hops_are_each_found_once(placement: str, rate_hz: float) -> None:
    made = performed([Hops(count=14, rate_hz=rate_hz)], placement)
    found = found_in(made)
    assert hits(made, found) >= 13
    assert len(landings(found)) <= 14


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0, 400.0])
def test_jumps_are_found_at_every_rate_and_their_flights_are_as_long_as_they_were(rate_hz: float) -> None:
    made = performed([Jump(height_m=0.15)] * 3, rate_hz=rate_hz)
    found = landings(found_in(made))
    assert hits(made, found) == len(found) == 3
    for landing, true in zip(found, made.truth.landings, strict=True):
        assert landing.takeoff is Takeoff.PUSH
        assert landing.flight_s == pytest.approx(true.flight_s, abs=0.05)
        assert landing.landing_sample / rate_hz == pytest.approx(true.landing_s, abs=0.025)
        assert landing.peak_sample / rate_hz == pytest.approx(true.peak_s, abs=0.015)
        assert landing.flight_start_sample < landing.landing_sample <= landing.peak_sample < landing.end_sample


def test_clipped_landings_are_kept() -> None:
    made = performed([Jump(height_m=0.15)] * 2, range_g=2.0)
    assert hits(made, found_in(made)) == 2


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([Walk(duration_s=15)], ""),
        ([Run(duration_s=15)], "running step"),
        ([SitDown()] * 3, ""),
        ([Fall()] * 2, "fall"),
    ],
)
@pytest.mark.parametrize("placement", ["hip", "pocket"])
def test_what_is_no_landing_has_a_reason(placement: str, script: list[object], reason: str) -> None:
    found = found_in(performed(script, placement))
    assert landings(found) == []
    if reason == "fall" and placement == "pocket":
        reason = "posture changed"  # a pocket turns whenever its wearer sits down
    assert reason in reasons(found) or not reason


def test_a_knock_on_the_sensor_is_a_knock() -> None:
    samples = quiet(10.0)
    samples[500:502, 2] += 4.0
    found = fed(detector(), [SampleBlock(0, samples)])
    assert [(e.reason, e.peak_sample in (500, 501)) for e in found if isinstance(e, Excluded)] == [("knock", True)]
    assert landings(found) == []


def test_the_ankle_has_no_method() -> None:
    made = performed([Jump()])
    stage = detector("ankle")
    assert fed(stage, [SampleBlock(0, made.accel_g), Gap(len(made.accel_g), 500)]) == []


def test_at_the_wrist_landings_are_experimental_and_have_no_flight_time() -> None:
    found = landings(fed(detector("wrist"), [SampleBlock(0, pair_at_wrist())]))
    assert [(e.notes, e.flight_s, e.takeoff) for e in found] == [(("experimental",), None, Takeoff.PUSH)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"push_g": 0.1}, "no push-off"),
        ({"land_g": 0.75}, "no landing impulse"),
        ({"push_g": 12.0, "land_g": 1.5}, "arm swing"),
    ],
)
def test_at_the_wrist_half_a_pair_is_no_landing(change: dict[str, float], reason: str) -> None:
    found = fed(detector("wrist"), [SampleBlock(0, pair_at_wrist(**change))])
    assert landings(found) == []
    assert reason in reasons(found)


def quiet(duration_s: float, rate_hz: float = 100.0) -> FloatArray:
    """Standing still, with the noise of a sensor."""
    rng = np.random.default_rng(5)
    samples = rng.normal(0.0, 0.005, (round(duration_s * rate_hz), 3))
    samples[:, 2] += 1.0
    return samples


def pair_at_wrist(push_g: float = 1.5, land_g: float = 1.5) -> FloatArray:
    """A push-off, a dip and a landing, 0.25 s each, and the arm turned for a while: a jump at the wrist."""
    samples = quiet(10.0)
    hump = np.sin(np.pi * np.arange(25) / 25)
    samples[400:425, 2] += push_g * hump
    samples[425:450, 2] -= 0.6 * hump
    samples[450:475, 2] += land_g * hump
    samples[485:600] = samples[485:600][:, [2, 0, 1]] * 0.7 + samples[485:600] * 0.7
    return samples


# -- when it is said --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [[Jump(height_m=0.1)] * 3, [DropLanding(height_m=0.2)] * 3, [Hops(count=12)]])
def test_a_landing_is_told_within_half_a_second_and_settled_within_one(script: list[object]) -> None:
    made = performed(script)
    stage, told, settled = detector(), {}, {}
    for sample in range(len(made.accel_g)):
        for event in stage.push(SampleBlock(sample, made.accel_g[sample : sample + 1])):
            if isinstance(event, LandingCandidate):
                moment = told if event.status is Status.PROVISIONAL else settled
                moment[event.event_id] = (sample - event.peak_sample) / 100.0
    assert len(settled) >= len(made.truth.landings) - 1
    assert max(told.values()) <= 0.5
    late = [delay for delay in settled.values() if delay > 1.0]
    assert max(settled.values()) <= 2.5
    assert len(late) <= (3 if isinstance(script[0], Hops) else 0)


def test_what_was_told_and_is_no_landing_is_withdrawn_with_its_reason() -> None:
    made = performed([Jump(height_m=0.1)])
    contact = round(made.truth.landings[0].peak_s * 100)
    samples = made.accel_g.copy()
    samples[contact + 35 :] = samples[contact + 35 :, [2, 0, 1]]  # she lies afterwards
    found = fed(detector(), [SampleBlock(0, samples)])
    statuses = [(e.status, e.reason) for e in found if isinstance(e, LandingCandidate)]
    assert statuses == [(Status.PROVISIONAL, ""), (Status.WITHDRAWN, "fall")]
    assert reasons(found)["fall"] == 1


# -- gaps and ends ----------------------------------------------------------------------------------------------------


def cut_by_gap(samples: FloatArray, first: int, n_missing: int) -> list[Item]:
    rest = first + n_missing
    return [SampleBlock(0, samples[:first]), Gap(first, n_missing), SampleBlock(rest, samples[rest:])]


def test_no_landing_spans_its_flight_to_its_peak_across_a_gap() -> None:
    made = performed([Jump(height_m=0.2)])
    middle = round((made.truth.landings[0].landing_s - 0.1) * 100)
    for n_missing in (0, 8, 150):
        assert landings(fed(detector(), cut_by_gap(made.accel_g, middle, n_missing))) == []


@pytest.mark.parametrize("n_missing", [30, 300])
def test_a_landing_just_before_a_gap_or_the_end_is_kept_and_marked(n_missing: int) -> None:
    made = performed([Jump(height_m=0.2)])
    whole = landings(found_in(made))
    peak = whole[0].peak_sample
    found = landings(fed(detector(), cut_by_gap(made.accel_g, peak + 20, n_missing)))
    assert [(e.peak_sample, e.truncated) for e in found] == [(peak, True)]
    found = landings(fed(detector(), [SampleBlock(0, made.accel_g[: peak + 20])]))
    assert [(e.peak_sample, e.truncated) for e in found] == [(peak, True)]


def test_a_gap_far_from_landings_changes_none_of_them() -> None:
    made = performed([Jump(height_m=0.15)] * 2)
    whole = landings(found_in(made))
    assert landings(fed(detector(), cut_by_gap(made.accel_g, 60, 120))) == whole
    assert not any(e.truncated for e in whole)


def test_a_recording_may_begin_late_and_in_the_middle_of_hops() -> None:
    made = performed([Hops(count=16, rate_hz=2.2)])
    first = round(made.truth.landings[3].landing_s * 100) - 40
    found = landings(fed(detector(), [SampleBlock(first, made.accel_g[first:])]))
    assert len(found) >= 12


# -- cuts change nothing ----------------------------------------------------------------------------------------------


SCENES: dict[str, Callable[[], Simulated]] = {
    "hip": lambda: performed([Jump(), Walk(duration_s=4), Hops(count=8), Run(duration_s=4), Fall()]),
    "pocket": lambda: performed([Jump(), Hops(count=8, rate_hz=2.6), Run(duration_s=3)], "pocket", 94.3),
    "waist": lambda: performed([DropLanding(), Hops(count=6), SitDown(), Knock()], "waist", 200.0),
    "wrist": lambda: performed([Jump(), Walk(duration_s=3), Hops(count=6)], "wrist", 50.0),
}


def cuts_of(samples: FloatArray, sizes: Sequence[int], gaps: Sequence[tuple[int, int]]) -> list[Item]:
    """Samples in blocks of these sizes, round and round, with gaps (first sample, length)."""
    items: list[Item] = []
    at = turn = 0
    for first, length in [*gaps, (len(samples), 0)]:
        while at < first:
            size = min(sizes[turn % len(sizes)], first - at)
            items.append(SampleBlock(at, samples[at : at + size]))
            at, turn = at + size, turn + 1
        if first < len(samples):
            items.append(Gap(first, length))
            at = first + length
    return items


@pytest.mark.parametrize("placement", SCENES)
@pytest.mark.parametrize("gaps", [[], [(700, 40), (1500, 0)], [(900, 260)]])
def test_cuts_change_nothing(placement: str, gaps: list[tuple[int, int]]) -> None:
    made = SCENES[placement]()
    sensor = made.sensor

    def run(sizes: Sequence[int]) -> Found:
        stage = detector(placement, sensor.sampling_rate_hz, sensor.range_g)
        return fed(stage, cuts_of(made.accel_g, sizes, gaps))

    whole = run([len(made.accel_g)])
    assert whole
    for sizes in ([1], [10], [7, 1, 333, 64], [4096, 5000]):
        assert run(sizes) == whole


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_random_cuts_change_nothing(sizes: list[int]) -> None:
    made = SCENES["hip"]()
    assert fed(detector(), cuts_of(made.accel_g, sizes, [])) == found_in(made)


def test_memory_stays_flat_and_old_samples_are_let_go() -> None:
    history = History(100.0, 2.0)
    for first in range(0, 20_000, 50):
        history.append(SampleBlock(first, np.full((50, 3), float(first))), cut=False)
    assert len(history._rows) <= 1000
    rows, recorded = history.grid(19_900, 20_000)
    assert rows[0, 0] == 19_900
    assert recorded.all()


# -- the small parts --------------------------------------------------------------------------------------------------


def test_medians_by_exchanges_are_medians() -> None:
    """Exchanges that sort every row of zeros and ones to the middle do so for every row of numbers."""
    for width, median in ((7, median_of_seven), (9, median_of_nine)):
        for row in product((0.0, 1.0), repeat=width):
            assert median(np.array(row))[0] == np.median(row)
    assert len(median_of_seven(np.ones(6))) == 0


@given(st.integers(30, 80), st.integers(0, 2**31))
def test_autocorrelations_are_correlations(n: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=n)
    lags = np.array([1, 5, n // 2])
    expected = [np.corrcoef(x[:-lag], x[lag:])[0, 1] for lag in lags]
    assert autocorrelations(x, lags) == pytest.approx(expected, abs=1e-6)


def test_a_step_rhythm_that_mirrors_is_neither_alike_nor_even() -> None:
    t = np.arange(320)
    beat = np.cos(2 * np.pi * t / 40) + 2.0
    side = np.cos(2 * np.pi * t / 80)
    both = np.column_stack((beat, np.zeros(320), np.zeros(320)))
    mirrored = np.column_stack((beat, 2.0 * side, np.zeros(320)))
    assert alike_and_even(both, beat, 40) == pytest.approx((1.0, 0.0), abs=1e-6)
    alike, even = alike_and_even(mirrored, beat, 40)
    assert alike < 0.0
    assert even < -1.0
    assert alike_and_even(both, beat, 10) == (0.0, 0.0)
    assert alike_and_even(both[:120], beat[:120], 40)[1] == 0.0
    assert likeness(both, 20) == pytest.approx(-1.0)


def test_a_dominant_lag_needs_two_seconds_and_a_peak() -> None:
    beat = np.cos(2 * np.pi * np.arange(250) / 40)
    assert dominant_lag(beat, 25, 75) == 40
    assert dominant_lag(beat[:100], 25, 75) == 0
    assert dominant_lag(np.arange(250.0), 25, 75) == 0


def test_the_grid_lies_on_the_line_between_means() -> None:
    ramp = np.column_stack([np.arange(100.0)] * 3)
    fast, slow = History(200.0, 2.0), History(50.0, 2.0)
    for history in (fast, slow):
        history.append(SampleBlock(0, ramp), cut=False)
    assert fast.grid(10, 12)[0][:, 0].tolist() == [19.5, 21.5]  # mean of the sample and the one before
    assert slow.grid(10, 13)[0][:, 0].tolist() == [5.0, 5.5, 6.0]
    assert magnitude(np.array([[1.0, 2.0, 2.0]])).tolist() == [3.0]
    assert angle_deg(np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0])) == pytest.approx(90.0)


# -- real recordings --------------------------------------------------------------------------------------------------


def real(folder: str, name: str, placement: str, range_g: float) -> Found:
    path = DATA / folder / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip("needs the recordings in ../shared/data")
    import loadsense

    recording = loadsense.read(path, placement=placement, unit="g", range_g=range_g)
    stage = detector(placement, recording.info.sampling_rate_hz, range_g)
    return fed(stage, list(recording.blocks()))


@pytest.mark.parametrize(
    ("folder", "name", "placement", "range_g", "least", "most"),
    [
        ("sisfall_waist", "D19_SA01_R01", "waist", 16.0, 2, 2),
        ("sisfall_waist", "D03_SA02_R01", "waist", 16.0, 0, 0),
        ("mobifall_pocket", "sub10_JUM_1", "pocket", 2.0, 65, 85),
        ("mobifall_pocket", "sub10_JOG_1", "pocket", 2.0, 0, 1),
        ("alcantara_sacral_running", "row_00", "sacrum", 16.0, 0, 0),
    ],
)
def test_people_are_counted(folder: str, name: str, placement: str, range_g: float, least: int, most: int) -> None:
    found = real(folder, name, placement, range_g)
    assert least <= len(landings(found)) <= most


def test_hopping_is_told_from_running_by_people_not_learnt_from() -> None:
    """The weights of everybody but sub10, whose hops are the smallest and fastest, find 85 % of hers."""
    score = replace(landing_criteria().pocket.score, train_deficit=138.3, alike=-0.1, train_alike=8.0, evenness=5.3)
    pocket = replace(landing_criteria().pocket, score=replace(score, bias=-23.5))
    path = DATA / "mobifall_pocket"
    if not path.exists():
        pytest.skip("needs the recordings in ../shared/data")
    import loadsense

    recording = loadsense.read(path / "sub10_JUM_1.csv.gz", placement="pocket", unit="g", range_g=2.0)
    stage = LandingDetector(
        sampling_rate_hz=recording.info.sampling_rate_hz,
        placement=Placement.POCKET,
        range_g=2.0,
        criteria=replace(landing_criteria(), pocket=pocket),
    )
    assert len(landings(fed(stage, list(recording.blocks())))) >= 0.8 * 74


@pytest.mark.parametrize(("range_g", "reasons"), [(16.0, set()), (2.0, {"landing or seat, cut off"})])
def test_a_landing_that_is_cut_off_is_not_called_a_seat(range_g: float, reasons: set[str]) -> None:
    script = [Stand(duration_s=4.0), *[DropLanding(height_m=0.15, pause_s=1.5)] * 4, Stand(duration_s=3.0)]
    made = simulate_session(script, sensor=Sensor(sampling_rate_hz=100.0, range_g=range_g), seed=3)
    recording = ls.Recording.from_arrays(made.accel_g, sampling_rate_hz=100.0, placement="hip", range_g=range_g)
    report = ls.analyze(recording)
    assert {one.reason for one in report.recordings[0].excluded} == reasons
    assert len(report.landings) == (4 if range_g == 16.0 else 0)
    assert report.verdict.status.value == "cannot_say" or range_g == 16.0
