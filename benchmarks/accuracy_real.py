"""The scorer's cases on real recordings: one pass of the detector, many views of what it found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]

#: What the scorer reads of a data set beside its recordings, by recording.
BY_RECORDING = ("landings.csv", "sets.csv", "steps.csv", "damaged.csv")
LANDING_RULES = ("flight", "peaks3g")
LOST_PACKETS = "packets lost"


def load_scorer(path: Path) -> ModuleType:
    """Load the scorer, a program outside the project, from its path."""
    spec = spec_from_file_location("score", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    return module


def subset(root: Path, target: Path, keep: Callable[[str, pd.DataFrame], pd.Series]) -> Path:
    """Write a data folder that holds only some recordings; their files stay where they are.

    Parameters
    ----------
    root, target : Path
        Data folder, and an empty folder for the smaller one.
    keep : callable
        Told the name of a data set and its table of recordings, says which rows to keep.
    """
    for folder in sorted(path.parent for path in root.glob("*/recordings.csv")):
        rows = pd.read_csv(folder / "recordings.csv")
        rows = rows[keep(folder.name, rows)]
        if rows.empty:
            continue
        (target / folder.name).mkdir(parents=True)
        rows.assign(file=[str((folder / f).resolve()) for f in rows.file]).to_csv(
            target / folder.name / "recordings.csv", index=False
        )
        for name in BY_RECORDING:
            if (folder / name).exists():
                beside = pd.read_csv(folder / name)
                beside[beside.recording_id.isin(rows.recording_id)].to_csv(target / folder.name / name, index=False)
    return target


@dataclass(frozen=True, slots=True)
class Heard:
    """What the detector said of one recording, in the shape the scorer asks for."""

    landings: pd.DataFrame
    sets: pd.DataFrame
    impacts: pd.DataFrame
    lost_packets: bool


class Evaluation:
    """The scorer over one data folder; every recording is analysed once.

    Parameters
    ----------
    root : Path
        Data folder.
    scorer : module
        `score.py`: its detector is asked through `heard`, so that its four cases share one analysis.
    """

    def __init__(self, root: Path, scorer: ModuleType) -> None:
        self.root, self.scorer = root, scorer
        self.failures: list[str] = []
        self._heard: dict[tuple[str, str], Heard] = {}
        self._analyze = scorer.__dict__.setdefault("analyze_each_time", scorer.analyze_loadsense)
        scorer.__dict__["analyze_loadsense"] = self.heard

    def heard(self, folder: Path, row: Any) -> Heard:
        """Analyse a recording through the public interface, or remember it."""
        key = (folder.name, str(row.file))
        if key not in self._heard:
            report = self._analyze(folder, row)
            lost = report.excluded.reason.astype(str).str.startswith(LOST_PACKETS).any()
            noted = report.sets.notes.astype(str).str.contains(LOST_PACKETS).any()
            impacts = report.impacts if (folder / "steps.csv").exists() else report.impacts.iloc[:0]
            self._heard[key] = Heard(report.landings, report.sets, impacts, bool(lost or noted))
        return self._heard[key]

    def _each(self) -> Iterator[tuple[Path, Any]]:
        for folder in self.scorer.folders(self.root, None):
            for row in pd.read_csv(folder / "recordings.csv", dtype={"participant": str}).itertuples():
                yield folder, row

    def _found(self, rule: str, folder: Path, row: Any) -> Array:
        """Times of the landings that a rule finds."""
        try:
            with np.errstate(divide="ignore"):  # a simple rule on a clock that stands still
                return np.asarray(self.scorer.LANDINGS[rule](folder, row), dtype=float)
        except Exception as fault:  # as the scorer does: a detector that fails has found nothing, and is counted
            self.failures.append(f"{rule} on {folder.name}/{row.recording_id}: {type(fault).__name__}: {fault}")
            return np.array([])

    def landings(self, rules: tuple[str, ...] = ("loadsense", *LANDING_RULES)) -> pd.DataFrame:
        """One row per recording without lifts: what is true, and what each rule finds.

        Columns `true` (NaN where unknown), `timed`, and `found_<rule>`, `hits_<rule>` for `loadsense` and the naive
        rules; hits are landings found, for timed recordings by the scorer's matching, else the lesser of the counts.
        `repetitions` are those of lifts, found where nobody lifts.
        """
        rows = []
        for folder, row in self._each():
            if row.activity in ("lift", "rest"):
                continue
            times = _times(folder).get(row.recording_id)
            seen = {
                "dataset": folder.name,
                "recording": row.recording_id,
                "person": row.participant,
                "placement": row.placement,
                "activity": row.activity,
                "hours": row.duration_s / 3600,
                "timed": times is not None,
                "true": row.n_landings_true if times is None else len(times),
                "scored": row.activity != "mixed" and (times is not None or pd.notna(row.n_landings_true)),
            }
            for rule in rules:
                found = self._found(rule, folder, row)
                least = min(len(found), np.nan_to_num(row.n_landings_true))
                seen[f"found_{rule}"] = len(found)
                seen[f"hits_{rule}"] = least if times is None else self.scorer.match(times, found)
            heard = self._heard.get((folder.name, str(row.file)))
            rows.append(seen | {"repetitions": int(heard.sets.repetitions.sum()) if heard else 0})
        return pd.DataFrame(rows)

    def lifts(self) -> pd.DataFrame:
        """One row per set: true and found repetitions, sets found, the name of the largest, what was said of losses."""
        rows = []
        for folder, row in self._each():
            sets = _beside(folder, "sets.csv")
            if row.recording_id not in sets.index or not sets.reps[row.recording_id] > 0:
                continue
            heard = self.heard(folder, row)
            damage = _beside(folder, "damaged.csv")
            rows.append(
                {
                    "dataset": folder.name,
                    "recording": row.recording_id,
                    "person": row.participant,
                    "exercise": sets.exercise[row.recording_id],
                    "true": int(sets.reps[row.recording_id]),
                    "found": int(heard.sets.repetitions.sum()),
                    "sets": len(heard.sets),
                    "name": _largest(heard.sets),
                    "at_least": bool(heard.sets.repetitions_are_at_least.astype(bool).any()),
                    "lost_packets": heard.lost_packets,
                    "damage": damage.reason.get(row.recording_id, "") if len(damage) else "",
                    "peakcount": sum(n for _, n in self.scorer.SETS["peakcount"](folder, row)),
                }
            )
        return pd.DataFrame(rows)


def _times(folder: Path) -> dict[str, list[float]]:
    """True times of the landings of a data set, by recording."""
    truth = _beside(folder, "landings.csv")
    return {key: group.landing_s.tolist() for key, group in truth.groupby(level=0)} if len(truth) else {}


@cache
def _beside(folder: Path, name: str) -> pd.DataFrame:
    """A table beside the recordings of a data set, by recording; empty where there is none."""
    path = folder / name
    return pd.read_csv(path, index_col="recording_id") if path.exists() else pd.DataFrame()


def _largest(sets: pd.DataFrame) -> str | None:
    """Name of the set with the most repetitions; the first of equals, as in the scorer."""
    return str(sets.exercise.iloc[int(sets.repetitions.to_numpy().argmax())]) if len(sets) else None


def agrees(table: pd.DataFrame, scored: dict[str, dict[str, Any]]) -> list[str]:
    """Where a table of recordings does not give the figures of the scorer itself."""
    wrong = []
    for name, group in table[table.scored].groupby("dataset"):
        timed, rest = group[group.timed], group[~group.timed & (group.true == 0)]
        if len(timed):
            recall = timed.hits_loadsense.sum() / timed.true.sum()
            wrong += [f"{name}: recall {recall:.4f}"] if abs(recall - scored[name]["recall"]) > 1e-4 else []
        false = {a: int(n) for a, n in rest.groupby("activity").found_loadsense.sum().items()}
        wrong += [f"{name}: {false}"] if false != scored[name].get("false_landings", {}) else []
    return wrong
