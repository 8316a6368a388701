"""Gates on accuracy: simulated recordings always, real ones where `../shared` is there. A regression fails here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

# the benchmarks are scripts, not a package: they are found through the path above
import accuracy_sim as sim  # noqa: E402
from accuracy_held import thinned  # noqa: E402
from accuracy_real import Evaluation, agrees, load_scorer, subset  # noqa: E402
from accuracy_tables import poisson, share, wilson  # noqa: E402
from accuracy_targets import Change, changes, count_errors, false_events, precision, ratio, recall, spliced  # noqa: E402  # noqa: E402

from loadsense.placement import Placement  # noqa: E402
from loadsense.simulate import Sensor  # noqa: E402

SHARED = ROOT.parent / "shared"
DATA, SCORER = SHARED / "data", SHARED / "eval" / "score.py"
WAIST, POCKET = Sensor(placement=Placement.WAIST), Sensor(placement=Placement.POCKET)

#: Every how manieth recording of an activity is tried; what is not named is left out.
TRIED = {
    "sisfall_waist": {"jump": 1, "jog": 3, "stairs": 4, "stumble": 1, "fall": 3, "walk": 4, "sit": 3, "car": 4},
    "adept_walk_run": {"run": 1},
    "ipol_gait_lowback": {"walk": 5},
    "mobifall_pocket": {"jump": 1, "jog": 2, "walk": 3, "stairs_down": 4},
    "phyphox_queens": {"stairs": 1, "walk": 4},
    "teva_jumps": {"jump": 1},
    "wedafall_wrist": {"jump": 1, "clap": 5, "door": 5, "knock": 3, "jog": 3, "stumble": 3, "fall": 5, "walk": 5},
    "ebbelaar_metamotion": {"lift": 1},
    "muvr_pebble_wrist": {"lift": 3},
}


# -- the measures themselves ------------------------------------------------------------------------------------------
def test_intervals_are_those_of_the_tables():
    assert np.round(wilson(8, 10), 3).tolist() == [0.490, 0.943]
    assert np.round(wilson(0, 10), 3).tolist() == [0.0, 0.278]
    assert np.round(poisson(0), 3).tolist() == [0.0, 3.689]
    assert np.round(poisson(10), 3).tolist() == [4.795, 18.390]
    assert share(0, 0) == "-"


def recordings(*rows: tuple[str, bool, float, int, int]) -> pd.DataFrame:
    """Recordings of one data set: activity, timed, true, found, hits."""
    table = pd.DataFrame(rows, columns=["activity", "timed", "true", "found_loadsense", "hits_loadsense"])
    return table.assign(dataset="d", scored=True, recording=[str(i) for i in range(len(rows))])


def test_figures_are_taken_from_the_right_recordings():
    table = recordings(
        ("jump", True, 4, 5, 3), ("jump", False, 10, 8, 8), ("jog", False, 0, 2, 0), ("run", False, 0, 1, 0)
    )
    assert recall(table, "d") == (3, 4)
    assert precision(table, "d") == (3, 5)
    assert false_events(table, "d", "jog") == 2
    assert false_events(table, "d", "jog", "run") == 3
    assert count_errors(table, "d").tolist() == [pytest.approx(0.2)]


def test_a_copy_may_lose_a_point_and_double_its_false_events():
    before = recordings(("jump", True, 200, 200, 200), ("jog", False, 0, 3, 0))
    fine = recordings(("jump", True, 200, 198, 198), ("jog", False, 0, 6, 0))
    worse = recordings(("jump", True, 200, 197, 197), ("jog", False, 0, 7, 0))
    assert all(change.is_allowed for change in changes(before, fine))
    broken = [change for change in changes(before, worse) if not change.is_allowed]
    assert broken == [
        Change("d recall", share(200, 200), share(197, 200), False),
        Change("d jog, false events", "3", "7", False),
    ]


def test_thinning_out_keeps_slow_motion_and_gaps_and_takes_away_what_would_alias():
    times_s = np.concatenate([np.arange(800) / 200.0, 6.0 + np.arange(800) / 200.0])
    slow, fast = np.sin(2 * np.pi * 2.0 * times_s), np.sin(2 * np.pi * 45.0 * times_s)
    made = thinned(pd.DataFrame({"time_s": times_s, "acc_x": slow, "acc_y": fast, "acc_z": 1.0}), 50.0)
    inner = made[((made.time_s > 0.5) & (made.time_s < 3.5)) | (made.time_s > 6.5)]
    inner = inner[inner.time_s < 9.5]
    assert np.diff(made.time_s).max() == pytest.approx(2.0, abs=0.05)
    assert np.median(np.diff(made.time_s)) == pytest.approx(0.02)
    assert np.abs(inner.acc_x - np.sin(2 * np.pi * 2.0 * inner.time_s)).max() < 0.01
    assert np.abs(inner.acc_y).max() < 0.01
    assert np.abs(made.acc_z - 1.0).max() < 1e-6


def test_a_copy_is_clipped_where_its_sensor_would_have_clipped():
    times_s = np.arange(800) / 200.0
    square = np.where(times_s % 0.4 < 0.2, 2.0, -2.0)
    made = thinned(pd.DataFrame({"time_s": times_s, "acc_x": square, "acc_y": 0.0, "acc_z": 0.0}), 50.0, range_g=2.0)
    assert made.acc_x.abs().max() == 2.0


# -- simulated recordings ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("height_cm", [10, 15, 20, 40])
@pytest.mark.parametrize("sensor", [WAIST, POCKET], ids=["waist", "pocket"])
def test_drops_from_10_cm_are_found_anywhere(height_cm, sensor):
    assert sim.drops(height_cm, sensor, seeds=1) == sim.Count(6, 6, 0)


def test_the_lowest_drops_are_found_inside_a_declared_block_alone():
    assert sim.drops(5, WAIST, seeds=1, landing_block=True).hits >= 5
    assert sim.drops(8, WAIST, seeds=1, landing_block=True).hits == 6
    assert sim.drops(5, WAIST, seeds=1).hits == 0


@pytest.mark.parametrize(("rate_hz", "least"), [(1.2, 30), (1.6, 30), (2.0, 29), (2.3, 28), (2.6, 26), (3.0, 20)])
@pytest.mark.parametrize("sensor", [WAIST, POCKET], ids=["waist", "pocket"])
def test_series_of_hops_are_found(rate_hz, least, sensor):
    count = sim.hops(rate_hz, sensor, seeds=1)
    assert count.hits >= least
    assert count.false == 0


@pytest.mark.parametrize("noise_g", [0.004, 0.05])
def test_jumps_of_an_eighth_of_a_second_are_found_in_noise(noise_g):
    sensor = Sensor(placement=Placement.WAIST, noise_g=noise_g)
    assert sim.flights(0.12, sensor, push=True, seeds=1).hits == 6
    assert sim.flights(0.16, sensor, push=False, seeds=1).hits == 6


@pytest.mark.parametrize("placement", [Placement.HIP, Placement.POCKET])
def test_an_ordinary_day_holds_no_landing(placement):
    count, _ = sim.everyday(placement, seeds=2)
    assert count == sim.Count(0, 0, 0)


@pytest.mark.parametrize("exercise", ["deadlift", "back_squat"])
def test_sets_of_five_are_found_named_and_counted_within_one(exercise):
    for said in sim.lifted(exercise, 1.0, seeds=2):
        assert abs(said.repetitions - 5) <= 1
        assert (said.sets, said.name) == (1, exercise)


# -- real recordings --------------------------------------------------------------------------------------------------
needs_data = pytest.mark.skipif(
    not (DATA.exists() and SCORER.exists()), reason=f"needs the recordings and the scorer in {SHARED}"
)


def every_so_many(dataset: str, rows: pd.DataFrame) -> pd.Series:
    """Every so manieth recording of each activity, evenly over people; at the ankle nothing is found anyway."""
    steps = rows.activity.map(TRIED.get(dataset, {}))
    return (rows.groupby("activity").cumcount() % steps.fillna(1) == 0) & steps.notna() & (rows.placement != "ankle")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    root = subset(DATA, tmp_path_factory.mktemp("data") / "some", every_so_many)
    return Evaluation(root, load_scorer(SCORER))


@pytest.fixture(scope="module")
def landings(evaluation):
    found = evaluation.landings(("loadsense",))
    assert evaluation.failures == []
    return found


@pytest.fixture(scope="module")
def lifts(evaluation):
    return evaluation.lifts()


@needs_data
def test_the_figures_are_the_scorers_own(evaluation, landings):
    assert agrees(landings, evaluation.scorer.score_landings(evaluation.root, "loadsense", None)) == []


@needs_data
def test_jumps_at_the_waist_are_found_and_nothing_else_in_their_files(landings):
    assert recall(landings, "sisfall_waist")[1] == 170
    assert ratio(recall(landings, "sisfall_waist")) >= 0.985
    assert ratio(precision(landings, "sisfall_waist")) >= 0.99


@needs_data
def test_jumps_at_the_wrist_are_found(landings):
    assert ratio(recall(landings, "teva_jumps")) >= 0.88
    assert ratio(precision(landings, "teva_jumps")) >= 0.88
    assert count_errors(landings, "wedafall_wrist").mean() <= 0.20


@needs_data
def test_hops_in_the_pocket_are_found_of_everybody(landings):
    assert count_errors(landings, "mobifall_pocket").mean() <= 0.03
    hops = landings[(landings.dataset == "mobifall_pocket") & (landings.true > 0)]
    people = hops.groupby("person")[["hits_loadsense", "true"]].sum()
    assert len(people) == 6
    assert (people.hits_loadsense / people.true).min() >= 0.85


@needs_data
@pytest.mark.parametrize(
    ("dataset", "activities", "most"),
    [
        ("sisfall_waist", ("walk", "sit", "car"), 0),
        ("sisfall_waist", ("stairs",), 1),
        ("sisfall_waist", ("jog",), 1),
        ("sisfall_waist", ("fall",), 1),
        ("sisfall_waist", ("stumble",), 5),
        ("adept_walk_run", ("run",), 3),
        ("ipol_gait_lowback", ("walk",), 0),
        ("mobifall_pocket", ("jog",), 1),
        ("mobifall_pocket", ("walk", "stairs_down"), 0),
        ("phyphox_queens", ("walk",), 0),
        ("phyphox_queens", ("stairs",), 1),
        ("wedafall_wrist", ("clap", "door", "walk"), 0),
        ("wedafall_wrist", ("knock",), 1),
        ("wedafall_wrist", ("jog",), 2),
        ("wedafall_wrist", ("stumble",), 3),
        ("wedafall_wrist", ("fall",), 3),
    ],
)
def test_what_is_no_landing_is_not_called_one(landings, dataset, activities, most):
    chosen = landings[(landings.dataset == dataset) & landings.activity.isin(activities)]
    assert set(chosen.activity) == set(activities)
    assert false_events(landings, dataset, *activities) <= most


@needs_data
def test_barbell_sets_are_found_once_and_counted_within_one(lifts):
    sets = lifts[lifts.dataset == "ebbelaar_metamotion"]
    error = (sets.found - sets.true).abs()
    assert len(sets) == 34
    assert (error <= 1).mean() >= 0.82
    assert error.mean() <= 0.75
    assert (sets.sets == 1).mean() >= 0.97
    named = sets[sets.exercise.isin(["deadlift", "back_squat", "overhead_press"])]
    assert (named.name == named.exercise).mean() >= 0.9


@needs_data
def test_gym_sets_are_found_once_and_counted_within_one(lifts):
    sets = lifts[(lifts.dataset == "muvr_pebble_wrist") & (lifts.damage == "")]
    error = (sets.found - sets.true).abs()
    assert (error <= 1).mean() >= 0.8
    assert error.mean() <= 1.1
    assert (sets.sets == 1).mean() >= 0.94


@needs_data
def test_lost_packets_are_recognised_and_make_lower_bounds(lifts):
    gym = lifts[lifts.dataset == "muvr_pebble_wrist"]
    lost = spliced(gym)
    assert len(lost) >= 8
    assert lost.lost_packets.mean() >= 0.9
    assert lost[lost.sets > 0].at_least.all()
    assert not gym[gym.damage == ""].lost_packets.any()


@needs_data
def test_daily_wear_of_the_wrist_holds_few_repetitions(evaluation):
    seen = evaluation.scorer.score_phantom(evaluation.root, "loadsense", None)
    hours = sum(one["hours"] for one in seen.values())
    assert hours > 0.3
    assert sum(one["failed"] for one in seen.values()) == 0
    assert sum(one["repetitions"] for one in seen.values()) / hours <= 12.0  # one false set of the smallest size
