"""Learn the weights of the train score of the landing detector, and try them on people they have not seen.

    python benchmarks/train_landings.py [DATA_DIR]

DATA_DIR (default ../shared/data) holds one folder per data set with `recordings.csv` and its recordings; nothing of it
is kept here. The score is a logistic regression on four features of every rhythmic impact that passes the fixed gates:
deficit of the train (capped), alikeness of the impact and of the train, evenness. Landings are the impacts of people
who hop; everything else is every other activity at trunk and pocket. Each person and activity weighs by the square
root of its impacts, landings as much as the rest. The cut lies midway between the 3 % quantile of landings and the
99.7 % quantile of the rest.

Printed: the weights for `evidence/detection/landings.toml`, and landings found and false ones when the weights come
from everybody but the person tried (the detector itself runs, with its memory of accepted landings).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

import loadsense
from loadsense.detection.body import BodyCriteria, BodyJudge, Features, TrainScore
from loadsense.detection.flights import FlightImpact, Trace
from loadsense.detection.history import History
from loadsense.detection.landings import LandingCriteria, LandingDetector
from loadsense.events import LandingCandidate, Status
from loadsense.evidence.detection_criteria import landing_criteria
from loadsense.placement import CAPABILITIES, parse_placement
from loadsense.samples import Gap, Recording

Array = npt.NDArray[np.float64]

#: Data sets with people whose landings follow one another and were counted.
HOPPING = {"mobifall_pocket", "phyphox_queens"}
PENALTY = 1e-3
LANDING_QUANTILE, REST_QUANTILE = 0.03, 0.997
ENTER_ABOVE_CUT, STAY_BELOW_CUT = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class File:
    """A recording and who it is of."""

    dataset: str
    person: str
    activity: str
    landings: float
    recording: Recording

    @property
    def hops(self) -> bool:
        """Whether its rhythmic impacts are landings."""
        return self.dataset in HOPPING and self.landings > 0


def files(root: Path) -> Iterator[File]:
    """Yield every recording of trunk and pocket whose number of landings is known."""
    for folder in sorted(path.parent for path in root.glob("*/recordings.csv")):
        for row in pd.read_csv(folder / "recordings.csv").itertuples():
            method = CAPABILITIES[parse_placement(row.placement)].landing_method
            if method not in ("trunk", "pocket") or pd.isna(row.n_landings_true):
                continue
            range_g = float(row.range_g) if pd.notna(row.range_g) else None
            recording = loadsense.read(folder / row.file, placement=row.placement, unit="g", range_g=range_g)
            yield File(folder.name, f"{folder.name}/{row.participant}", row.activity, row.n_landings_true, recording)


def family(recording: Recording, criteria: LandingCriteria) -> BodyCriteria:
    """Criteria of the placement of a recording."""
    is_trunk = CAPABILITIES[recording.info.placement].landing_method == "trunk"
    return criteria.trunk if is_trunk else criteria.pocket


def rhythmic_impacts(recording: Recording, criteria: BodyCriteria) -> list[tuple[FlightImpact, Features]]:
    """Give the impacts that reach the train score, with their features."""
    info = recording.info
    judge = BodyJudge(criteria, range_g=info.range_g, sampling_rate_hz=info.sampling_rate_hz, landing_block=False)
    history, trace = History(info.sampling_rate_hz, 20.0), Trace(640)
    seen: list[tuple[FlightImpact, Features]] = []
    waiting: list[FlightImpact] = []
    cut = False
    for item in recording.blocks(n=20):
        if isinstance(item, Gap):
            cut = True
            continue
        if item.first_sample - history.end > info.sampling_rate_hz or history.end == history.start:
            history.restart(item.first_sample)
            trace.clear()
            judge.restart(history.grid_start, begins=True)
            waiting = []
        history.append(item, cut=cut)
        cut = False
        trace.extend(history, history.grid_complete)
        waiting += judge.find(trace)
        while waiting and waiting[0].peak + 80 <= trace.end:
            impact = waiting.pop(0)
            around = judge.around(impact, trace, impact.peak + 80)
            if judge.gate(around):
                continue
            features = judge.features(around)
            if features.is_rhythmic and features.turn_deg <= criteria.most_turn_deg:
                seen.append((impact, features))
    return seen


def table(all_files: list[File], criteria: LandingCriteria) -> pd.DataFrame:
    """One row per rhythmic impact: the four features, whether it is a landing, and its group."""
    cap = criteria.trunk.score.most_train_deficit_g_s
    rows = []
    for file in all_files:
        if file.landings > 0 and not file.hops:
            continue  # single jumps: their rhythm is chance
        body = family(file.recording, criteria)
        for impact, found in rhythmic_impacts(file.recording, body):
            if impact.flight.deficit_g_s / max(found.interval_s, 0.3) < body.least_duty:
                continue
            deficit = min(found.train_deficit_g_s, cap)
            row = (deficit, found.alike, found.train_alike, found.evenness, file.hops, file.person, file.activity)
            rows.append(row)
    return pd.DataFrame(rows, columns=["deficit", "alike", "train_alike", "evenness", "landing", "person", "activity"])


def learn(impacts: pd.DataFrame, score: TrainScore) -> TrainScore:
    """Weights from impacts, their bias moved so that the cut is at 0."""
    x = impacts[["deficit", "alike", "train_alike", "evenness"]].to_numpy(dtype=float)
    y = impacts["landing"].to_numpy(dtype=bool)
    slope = logistic(x, y, weights(impacts))
    points = x @ slope
    cut = (np.quantile(points[y], LANDING_QUANTILE) + np.quantile(points[~y], REST_QUANTILE)) / 2
    names = ("train_deficit", "alike", "train_alike", "evenness")
    learnt = dict(zip(names, (round(float(w), 1) for w in slope), strict=True))
    return replace(score, **learnt, bias=-round(float(cut), 1))


def weights(impacts: pd.DataFrame) -> Array:
    """Square root for each person and activity; landings together as much as the rest."""
    n = impacts.groupby(["person", "activity", "landing"])["deficit"].transform("size").to_numpy(dtype=float)
    weight = 1.0 / np.sqrt(n)
    for kind in (True, False):
        chosen = impacts["landing"].to_numpy(dtype=bool) == kind
        weight[chosen] /= weight[chosen].sum()
    return weight


def logistic(x: Array, y: npt.NDArray[np.bool_], weight: Array) -> Array:
    """Slopes of a ridge logistic regression on standardised features, in the features' own units."""
    spread = x.std(axis=0)
    z, sign = (x - x.mean(axis=0)) / spread, np.where(y, 1.0, -1.0)

    def loss(b: Array) -> tuple[float, Array]:
        margin = sign * (z @ b[1:] + b[0])
        pull = -sign * weight / (1.0 + np.exp(margin))
        value = float((weight * np.logaddexp(0.0, -margin)).sum() + PENALTY * (b[1:] ** 2).sum())
        return value, np.concatenate(([pull.sum()], z.T @ pull + 2 * PENALTY * b[1:]))

    fitted: Array = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return fitted[1:] / spread


def found(recording: Recording, criteria: LandingCriteria) -> int:
    """Count the landings of a recording."""
    info = recording.info
    detector = LandingDetector(
        sampling_rate_hz=info.sampling_rate_hz, placement=info.placement, range_g=info.range_g, criteria=criteria
    )
    events = []
    for item in recording.blocks():
        events += detector.gap(item) if isinstance(item, Gap) else detector.push(item)
    events += detector.flush()
    return sum(isinstance(event, LandingCandidate) and event.status is Status.SETTLED for event in events)


def with_score(criteria: LandingCriteria, score: TrainScore) -> LandingCriteria:
    """Return the criteria with this score at trunk and in the pocket."""
    score = replace(score, enter=ENTER_ABOVE_CUT, stay=-STAY_BELOW_CUT)
    return replace(criteria, trunk=replace(criteria.trunk, score=score), pocket=replace(criteria.pocket, score=score))


def leave_one_out(all_files: list[File], impacts: pd.DataFrame, criteria: LandingCriteria) -> pd.DataFrame:
    """Landings found in each file when its person was not learnt from."""
    rows = []
    for person in sorted({file.person for file in all_files}):
        score = learn(impacts[impacts["person"] != person], criteria.trunk.score)
        tried = with_score(criteria, score)
        for file in all_files:
            if file.person == person:
                n = found(file.recording, tried)
                rows.append((file.dataset, person, file.activity, file.landings, n))
    return pd.DataFrame(rows, columns=["dataset", "person", "activity", "true", "found"])


def held(all_files: Iterator[File]) -> list[File]:
    """Read every recording once: the detector runs over them many times."""
    kept = []
    for file in all_files:
        items = list(file.recording.blocks())
        info = file.recording.info
        kept.append(replace(file, recording=Recording(info, lambda items=items: iter(items))))
    return kept


def main() -> None:
    """Print the weights and the figures."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data"
    all_files, criteria = held(files(root)), landing_criteria()
    impacts = table(all_files, criteria)
    print(f"{len(impacts)} rhythmic impacts of {impacts['person'].nunique()} people")
    print("weights from everybody:", learn(impacts, criteria.trunk.score))
    for title, tried in (
        ("in sample", in_sample(all_files, impacts, criteria)),
        ("each person left out", leave_one_out(all_files, impacts, criteria)),
    ):
        report(title, tried)


def in_sample(all_files: list[File], impacts: pd.DataFrame, criteria: LandingCriteria) -> pd.DataFrame:
    """Landings found in each file with the weights from everybody."""
    tried = with_score(criteria, learn(impacts, criteria.trunk.score))
    rows = [(f.dataset, f.person, f.activity, f.landings, found(f.recording, tried)) for f in all_files]
    return pd.DataFrame(rows, columns=["dataset", "person", "activity", "true", "found"])


def report(title: str, tried: pd.DataFrame) -> None:
    """Print landings found by person, and false ones by activity."""
    print(f"\n{title}")
    hops = tried[tried["dataset"].isin(HOPPING) & (tried["true"] > 0)]
    by_person = hops.groupby("person")[["true", "found"]].sum()
    print((by_person["found"] / by_person["true"]).round(3).to_string())
    mobifall = hops[hops["dataset"] == "mobifall_pocket"]
    share = mobifall["found"].sum() / mobifall["true"].sum()
    error = ((hops["found"] - hops["true"]).abs() / hops["true"]).groupby(hops["dataset"]).mean()
    print(f"mobifall together {share:.3f}; count error {error.round(4).to_dict()}")
    rest = tried[tried["true"] == 0].groupby(["dataset", "activity"])["found"].sum()
    print("false:", {f"{d} {a}": int(n) for (d, a), n in rest.items() if n})
    single = tried[(tried["dataset"] == "sisfall_waist") & (tried["true"] > 0)]
    print(f"sisfall jump files: {int(single['found'].sum())} of {int(single['true'].sum())}")


if __name__ == "__main__":
    main()
