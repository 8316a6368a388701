"""What is fitted, fitted without the people it is tried on; and the same recordings at lower sampling rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import train_landings as training
from scipy.signal import butter, sosfiltfilt

import loadsense
from loadsense.detection.lift_criteria import LiftCriteria, PostureCriteria
from loadsense.evidence.detection_criteria import landing_criteria
from loadsense.evidence.engine_criteria import engine_criteria
from loadsense.samples import Recording, SampleBlock

Array = npt.NDArray[np.float64]

#: Rate at which a recording is put on an even grid before it is filtered and thinned out, and its longest bridged gap.
FINE_HZ, BRIDGED_S = 200.0, 0.25
#: Cut-off of the anti-alias filter (Butterworth, order 8, zero phase) as a share of the new rate.
CUTOFF_SHARE = 0.4
#: What is copied at lower rates: the landings, and the movements that are most like them.
COPIED = {"sisfall_waist": ("jump", "jog"), "mobifall_pocket": ("jump", "jog", "walk", "stairs_up", "stairs_down")}


# -- landings: the weights of the train score -------------------------------------------------------------------------
def train_scores(root: Path) -> pd.DataFrame:
    """Landings found in each recording of trunk and pocket, by weights learnt in three ways.

    Columns dataset, person, activity, true, found, and learnt: "everybody", "each person left out", "two folds".
    """
    files, criteria = training.held(training.files(root)), landing_criteria()
    impacts = training.table(files, criteria)
    runs = {
        "as shipped": _shipped(files),
        "from everybody": training.in_sample(files, impacts, criteria),
        "each person left out": training.leave_one_out(files, impacts, criteria),
        "two folds of people": _two_folds(files, impacts, criteria),
    }
    return pd.concat([run.assign(learnt=learnt) for learnt, run in runs.items()], ignore_index=True)


def _shipped(files: Sequence[training.File]) -> pd.DataFrame:
    return _tried(files, landing_criteria())


def _tried(files: Sequence[training.File], criteria: Any) -> pd.DataFrame:
    rows = [(f.dataset, f.person, f.activity, f.landings, training.found(f.recording, criteria)) for f in files]
    return pd.DataFrame(rows, columns=["dataset", "person", "activity", "true", "found"])


def _two_folds(files: list[training.File], impacts: pd.DataFrame, criteria: Any) -> pd.DataFrame:
    """Every second person, in the order of their names, against the others, and the other way round."""
    hoppers = sorted({f.person for f in files if f.hops})
    others = sorted({f.person for f in files} - set(hoppers))
    first = {*hoppers[::2], *others[::2]}
    tried = []
    for fold in (first, {*hoppers, *others} - first):
        score = training.learn(impacts[~impacts["person"].isin(fold)], criteria.trunk.score)
        tried.append(_tried([f for f in files if f.person in fold], training.with_score(criteria, score)))
    return pd.concat(tried, ignore_index=True)


# -- lifts: the postures that name them -------------------------------------------------------------------------------
def lifts_named(root: Path, lifts: pd.DataFrame) -> pd.DataFrame:
    """Names of the barbell sets of one person by the postures of the other; `learnt` says from how many sets.

    A lift the other person never did keeps its shipped posture: then its name is not held out, and `learnt` is 0.
    The spreads, the pace and the skewness that is allowed are shipped constants in every case.
    """
    barbell = lifts[lifts.dataset == "ebbelaar_metamotion"]
    recordings = {name: _recording(root, name) for name in barbell.recording}
    directions = {name: _direction(recording) for name, recording in recordings.items()}
    rows = []
    for person, own in barbell.groupby("person"):
        others = barbell[(barbell.person != person) & barbell.recording.map(directions).notna()]
        shipped = engine_criteria()
        criteria = replace(shipped, lifts=_with_postures(shipped.lifts, others, directions))
        for one in own.itertuples():
            engine = loadsense.Engine(recordings[one.recording].info, criteria=criteria)
            for item in recordings[one.recording].blocks():
                engine.push(item)
            engine.flush()
            sets = engine.report().sets
            name = sets.exercise.iloc[int(sets.repetitions.to_numpy().argmax())] if len(sets) else None
            rows.append((person, one.exercise, name, int((others.exercise == one.exercise).sum())))
    return pd.DataFrame(rows, columns=["person", "exercise", "name", "learnt"])


def _recording(root: Path, name: str) -> Recording:
    folder = root / "ebbelaar_metamotion"
    return loadsense.read(folder / f"{name}.csv.gz", placement="wrist", unit="g")


def _direction(recording: Recording) -> tuple[float, float] | None:
    """Mean direction of gravity over the largest set: along the forearm and out of the watch face."""
    sets = loadsense.analyze(recording).sets
    if not len(sets):
        return None
    largest = sets.iloc[int(sets.repetitions.to_numpy().argmax())]
    blocks = [item for item in recording.blocks() if isinstance(item, SampleBlock)]
    accel_g = np.concatenate([block.accel_g for block in blocks])
    numbers = np.concatenate([block.first_sample + np.arange(len(block)) for block in blocks])
    times_s = numbers / recording.info.sampling_rate_hz
    mean = accel_g[(times_s >= largest.start_s) & (times_s <= largest.end_s)].mean(axis=0)
    up = mean / np.linalg.norm(mean)
    return float(up[1]), float(up[2])


def _with_postures(criteria: LiftCriteria, sets: pd.DataFrame, directions: dict[str, Any]) -> LiftCriteria:
    """The criteria with each posture moved to the mean of these sets of its lift."""
    return replace(criteria, postures=tuple(_moved(lift, sets, directions) for lift in criteria.postures))


def _moved(lift: PostureCriteria, sets: pd.DataFrame, directions: dict[str, Any]) -> PostureCriteria:
    seen = [directions[name] for name in sets.recording[sets.exercise == lift.exercise]]
    if not seen:
        return lift
    along, out = np.mean(seen, axis=0)
    return replace(lift, along=float(along), out=None if lift.out is None else float(out))


# -- lower sampling rates ---------------------------------------------------------------------------------------------
def copies(root: Path, target: Path, rate_hz: float) -> Path:
    """Write the jump and jog files of the waist and the movement of the pocket at another rate, as CSV.

    Each stretch without a gap is put on an even grid, low-passed against aliasing, and thinned out; gaps stay gaps.
    """
    for dataset, activities in COPIED.items():
        folder, made = root / dataset, target / dataset
        if not (folder / "recordings.csv").exists():
            continue
        made.mkdir(parents=True)
        rows = pd.read_csv(folder / "recordings.csv")
        rows = rows[rows.activity.isin(activities)]
        for row in rows.itertuples():
            copy = thinned(pd.read_csv(folder / row.file), rate_hz, range_g=row.range_g)
            copy.to_csv(made / f"{row.recording_id}.csv", index=False)
        names = [f"{name}.csv" for name in rows.recording_id]
        rows.assign(file=names, sampling_rate_hz=rate_hz).to_csv(made / "recordings.csv", index=False)
        if (folder / "landings.csv").exists():
            truth = pd.read_csv(folder / "landings.csv")
            truth[truth.recording_id.isin(rows.recording_id)].to_csv(made / "landings.csv", index=False)
    return target


def thinned(recorded: pd.DataFrame, rate_hz: float, *, range_g: float = np.nan) -> pd.DataFrame:
    """A recording at a lower rate, as if its sensor, of the same range, had sampled so."""
    recorded = recorded[recorded.time_s.diff().fillna(1.0) > 0]
    times_s, accel_g = recorded.time_s.to_numpy(), recorded[["acc_x", "acc_y", "acc_z"]].to_numpy()
    cuts = np.flatnonzero(np.diff(times_s) > BRIDGED_S) + 1
    parts = [_part(t, a, rate_hz) for t, a in zip(np.split(times_s, cuts), np.split(accel_g, cuts), strict=True)]
    rows = np.concatenate([p for p in parts if len(p)]).round(5)
    if np.isfinite(range_g):  # the filter swings over clipped tops
        rows[:, 1:] = np.clip(rows[:, 1:], -range_g, range_g)
    return pd.DataFrame(rows, columns=["time_s", "acc_x", "acc_y", "acc_z"])


def _part(times_s: Array, accel_g: Array, rate_hz: float) -> Array:
    """One stretch without a gap; nothing of one too short to be filtered."""
    fine_s = np.arange(np.ceil(times_s[0] * FINE_HZ), np.floor(times_s[-1] * FINE_HZ) + 1) / FINE_HZ
    if len(fine_s) < FINE_HZ / 4:
        return np.empty((0, 4))
    even = np.stack([np.interp(fine_s, times_s, axis) for axis in accel_g.T], axis=1)
    smooth = sosfiltfilt(butter(8, CUTOFF_SHARE * rate_hz, fs=FINE_HZ, output="sos"), even, axis=0)
    new_s = np.arange(np.ceil(fine_s[0] * rate_hz), np.floor(fine_s[-1] * rate_hz) + 1) / rate_hz
    return np.column_stack([new_s, *(np.interp(new_s, fine_s, axis) for axis in smooth.T)])
