"""How well landings, repetitions and lifts are found: on real recordings beside simple rules, and on simulated ones.

    python benchmarks/accuracy.py [--data ../shared/data] [--write docs/accuracy.md] [--quick]

The data folder holds one folder per data set; beside it, `../eval/score.py` is the scorer whose cases are run here
through the public interface. Neither is part of the project: without them only the simulated recordings can be tried
(`--simulated`). The full run takes about ten minutes; `--quick` tries a sixth of the recordings and learns nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import accuracy_sim as simulated
import pandas as pd
from accuracy_held import copies, lifts_named, train_scores
from accuracy_pages import (
    counted_table,
    damaged_table,
    false_table,
    force_table,
    held_table,
    lift_table,
    named_table,
    names_table,
    person_table,
    phantom_table,
    sampling_table,
    timed_table,
    unscored_table,
)
from accuracy_real import Evaluation, agrees, load_scorer, subset
from accuracy_tables import markdown
from accuracy_targets import Target, targets
from accuracy_words import HEAD, HELD, NOT_KNOWN, SIMULATED, TRUTH

import loadsense
from loadsense.placement import Placement

HERE = Path(__file__).resolve().parent
RATES_HZ = (100.0, 50.0)
FIGURE = "landing-recall.svg"


@dataclass(slots=True)
class Results:
    """Everything that was measured; what was not run is empty."""

    landings: pd.DataFrame
    lifts: pd.DataFrame
    phantom: dict[str, dict[str, Any]]
    naive_phantom: dict[str, dict[str, Any]]
    force: dict[str, dict[str, Any]]
    failures: list[str]
    trained: pd.DataFrame = field(default_factory=pd.DataFrame)
    named: pd.DataFrame = field(default_factory=pd.DataFrame)
    sampled: dict[float, pd.DataFrame] = field(default_factory=dict)


def measure(root: Path, scorer_path: Path, *, quick: bool) -> Results:
    """Run everything that needs recordings."""
    scorer = load_scorer(scorer_path)
    with tempfile.TemporaryDirectory() as scratch:
        if quick:
            root = subset(root, Path(scratch) / "some", lambda _, rows: rows.index % 6 == 0)
        evaluation = Evaluation(root, scorer)
        results = Results(
            landings=evaluation.landings(),
            lifts=evaluation.lifts(),
            phantom=scorer.score_phantom(root, "loadsense", None),
            naive_phantom=scorer.score_phantom(root, "peakcount", None),
            force=scorer.score_force(root, "loadsense", None),
            failures=evaluation.failures,
        )
        _tell("the scorer's cases have run")
        if wrong := agrees(results.landings, scorer.score_landings(root, "loadsense", None)):
            raise SystemExit(f"these figures are not the scorer's own, the tables must not be published: {wrong}")
        for rate_hz in RATES_HZ:
            made = copies(root, Path(scratch) / f"{rate_hz:g}", rate_hz)
            copied = Evaluation(made, scorer)
            results.sampled[rate_hz] = copied.landings(("loadsense",))
            results.failures += [f"{fault} (at {rate_hz:g} Hz)" for fault in copied.failures]
            _tell(f"copies at {rate_hz:g} Hz have run")
    if not quick:
        results.named = lifts_named(root, results.lifts)
        results.trained = train_scores(root)
        _tell("people have been left out")
    return results


def _tell(what: str) -> None:
    """Progress, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def page(results: Results, *, quick: bool, seconds: float) -> str:
    """Everything as Markdown."""
    found, lifts = results.landings, results.lifts
    parts = [HEAD, _how(results, quick=quick, seconds=seconds), "## Targets\n", _targets(targets(results))]
    parts += ["## What the truth is worth\n", TRUTH]
    parts += [
        "## Landings\n",
        "### Timed landings\n",
        timed_table(found),
        "### Counted landings\n",
        counted_table(found),
    ]
    parts += ["### Each person who hops\n", person_table(found, results.trained)]
    parts += [
        "### Recordings without a landing\n",
        false_table(found),
        "### Outside the scorer\n",
        unscored_table(found),
    ]
    parts += ["## Repetitions, sets and lifts\n", lift_table(lifts), "### Names\n", names_table(lifts)]
    parts += ["### Damaged files\n", damaged_table(lifts)]
    parts += ["### Daily wear of the wrist\n", phantom_table(found, results.phantom, results.naive_phantom)]
    parts += ["## What is fitted, without the people it is tried on\n", HELD]
    if len(results.trained):
        parts += ["### Landings: the train score\n", held_table(results.trained)]
        parts += ["### Lifts: the postures\n", named_table(results.named)]
    parts += ["## Lower sampling rates\n", sampling_table(found, results.sampled)]
    parts += ["## Force of running steps\n", force_table(results.force)]
    return "\n".join(parts)


def _how(results: Results, *, quick: bool, seconds: float) -> str:
    what = "A QUICK RUN over a sixth of the recordings: not to be published. " if quick else ""
    n = len(results.landings) + len(results.lifts)
    failed = "; ".join(f"`{fault}`" for fault in results.failures) or "none"
    return (
        f"{what}LoadSense {loadsense.__version__}, {n} recordings, {results.landings.hours.sum():.1f} h without lifts; "
        f"the run took {seconds / 60:.0f} minutes. Recordings on which a rule failed: {failed}.\n"
    )


def _targets(judged: list[Target]) -> str:
    rows = [(t.what, t.naive, t.tried, t.asked, t.ours, t.verdict) for t in judged]
    met, missed = (sum(t.verdict == word for t in judged) for word in ("met", "**missed**"))
    header = ("what", "simple rule", "tried method", "target", "LoadSense", "")
    return markdown(header, rows) + f"\n{met} met, {missed} missed.\n"


def simulated_page(pictures: Path | None, *, quick: bool) -> str:
    """The simulated cases as Markdown; the figure goes into a folder."""
    seeds = 1 if quick else 4
    curves = simulated.flight_curves(seeds)
    parts = ["## Simulated recordings with exact truth\n", SIMULATED]
    parts += ["### Drops by height\n", simulated.drop_table(seeds)]
    parts += ["### Landings by time in the air and noise, at the waist\n", simulated.flight_table(curves)]
    if pictures is not None:
        pictures.mkdir(exist_ok=True)
        (pictures / FIGURE).write_text(simulated.figure(curves), encoding="utf-8")
        parts.append(f"![Landings found against time in the air](images/{FIGURE})\n")
    parts += ["### Series of hops\n", simulated.hop_table(seeds)]
    parts += ["### Heavy sets with pauses, at the wrist\n", simulated.lift_table(seeds)]
    rows = []
    for placement in (Placement.HIP, Placement.POCKET, Placement.WRIST):
        count, hours = simulated.everyday(placement, seeds=seeds * 2)
        rows.append((placement.value, f"{60 * hours:.0f} min", count.false))
    parts += ["### Walking, stairs, sitting down, knocks, running, a fall\n"]
    parts.append(markdown(("placement", "time", "false landings"), rows))
    return "\n".join(parts)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--scorer", type=Path, help="score.py; ../eval/score.py beside the data when left out")
    parser.add_argument("--write", type=Path, help="page to write, for example docs/accuracy.md; else printed")
    parser.add_argument("--quick", action="store_true", help="a sixth of the recordings, nothing learnt")
    parser.add_argument("--simulated", action="store_true", help="only the simulated recordings")
    return parser.parse_args()


def main() -> int:
    asked, started = arguments(), time.perf_counter()
    scorer = asked.scorer or asked.data.parent / "eval" / "score.py"
    pictures = asked.write.parent / "images" if asked.write else None
    real = ""
    if not asked.simulated:
        if missing := [path for path in (asked.data, scorer) if not path.exists()]:
            print(
                f"{missing[0]} is not there: pass --data FOLDER with one folder per data set (recordings.csv and its "
                "files) and --scorer SCORE.PY; or --simulated for the simulated recordings alone",
                file=sys.stderr,
            )
            return 2
        results = measure(asked.data, scorer, quick=asked.quick)
        real = page(results, quick=asked.quick, seconds=time.perf_counter() - started)
    text = "\n".join([real, simulated_page(pictures, quick=asked.quick), "## What is not known\n", NOT_KNOWN])
    if asked.write:
        asked.write.write_text(text.strip() + "\n", encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
