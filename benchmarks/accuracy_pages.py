"""Tables of the page on accuracy, from the tables of recordings."""

from __future__ import annotations

from typing import Any

import pandas as pd
from accuracy_tables import markdown, mean, percent, rate, share
from accuracy_targets import HOPPERS, LIFTMOR, changes, count_errors, hoppers, precision, ratio, recall, spliced


def timed_table(found: pd.DataFrame) -> str:
    """Recall and precision where each landing has a time."""
    rows = []
    for name, group in found[found.timed].groupby("dataset"):
        people = group.groupby("person")[["hits_loadsense", "true"]].sum()
        worst = (people.hits_loadsense / people.true).idxmin()
        low = f"{worst}: {int(people.hits_loadsense[worst])} of {int(people.true[worst])}"
        simple = [f"{ratio(recall(found, name, r)):.2f} / {ratio(precision(found, name, r)):.2f}" for r in RULES]
        rows.append((name, len(group), share(*recall(found, name)), share(*precision(found, name)), low, *simple))
    header = ("data set", "recordings", "recall", "precision", "worst person", "`flight`", "`peaks3g`")
    return markdown(header, rows) + "\nSimple rules: recall / precision.\n"


RULES = ("flight", "peaks3g")


def counted_table(found: pd.DataFrame) -> str:
    """Counts where the number of landings is known and no times."""
    counted = found[found.scored & ~found.timed & (found.true > 0)]
    rows = []
    for (name, placement), group in counted.groupby(["dataset", "placement"]):
        errors = [count_errors(group, name, rule) for rule in ("loadsense", *RULES)]
        hits = int(group.hits_loadsense.sum()), int(group.true.sum())
        worst = group.recording[errors[0].idxmax()]
        rows.append(
            (
                f"{name}, {placement}",
                len(group),
                share(*hits),
                mean(errors[0].tolist(), scale=100, digits=1),
                f"{worst}: {group.found_loadsense[errors[0].idxmax()]} for {int(group.true[errors[0].idxmax()])}",
                *(f"{100 * error.mean():.1f}" for error in errors[1:]),
            )
        )
    header = ("data set", "recordings", "landings found", "count error, %", "worst", "`flight`, %", "`peaks3g`, %")
    note = (
        "\nLandings found: at most the true number of each recording, so that false ones do not make up for misses.\n"
    )
    return markdown(header, rows) + note


def person_table(found: pd.DataFrame, trained: pd.DataFrame) -> str:
    """Hops found of each person of the pocket set, as shipped and learnt without the person."""
    counted = found[(found.dataset == HOPPERS) & (found.true > 0)]
    people = counted.groupby("person")[["true", "found_loadsense", "hits_loadsense"]].sum().astype(int)
    left_out = hoppers(trained) if len(trained) else None
    rows = []
    for person, seen in people.iterrows():
        alone = "not run"
        if left_out is not None:
            one = left_out.loc[f"{HOPPERS}/{person}"]
            alone = share(int(one.hits), int(one.true))
        rows.append((person, seen.true, seen.found_loadsense, share(seen.hits_loadsense, seen.true), alone))
    return markdown((HOPPERS, "true", "detected", "found", "found, person left out"), rows)


def false_table(found: pd.DataFrame) -> str:
    """Detections where there is no landing."""
    return _without_landings(found[found.scored & ~found.timed & (found.true == 0)])


def _without_landings(rest: pd.DataFrame) -> str:
    rows = []
    for (name, placement, activity), group in rest.groupby(["dataset", "placement", "activity"]):
        events, hours = int(group.found_loadsense.sum()), float(group.hours.sum())
        people = group.groupby("person").found_loadsense.sum()
        worst = f"{people.idxmax()}: {people.max()}" if events else ""
        simple = [int(group[f"found_{rule}"].sum()) for rule in RULES]
        where = f"{name}, {placement}"
        rows.append((where, activity, len(group), f"{60 * hours:.1f}", events, rate(events, hours), worst, *simple))
    header = (
        "data set",
        "activity",
        "recordings",
        "minutes",
        "events",
        "per hour",
        "most from",
        "`flight`",
        "`peaks3g`",
    )
    return markdown(header, rows)


def unscored_table(found: pd.DataFrame) -> str:
    """Mixed recordings without a jump, and recordings whose landings nobody counted."""
    rest = found[~found.scored]
    unknown = rest[rest.true.isna()]
    rows = []
    for one in unknown.itertuples():
        counts = (one.found_loadsense, one.found_flight, one.found_peaks3g)
        rows.append((f"{one.dataset}, {one.placement}", one.recording, f"{60 * one.hours:.1f}", *counts))
    header = ("data set", "recording", "minutes", "landings", "`flight`", "`peaks3g`")
    parts = ["Mixed recordings without a jump, which the scorer leaves out:\n", _without_landings(rest[rest.true == 0])]
    return "\n".join(
        [*parts, "Recordings whose landings nobody counted: plausible or not, no more.\n", markdown(header, rows)]
    )


def lift_table(lifts: pd.DataFrame) -> str:
    """Repetitions by data set, person and exercise, beside a plain count of peaks."""
    rows = []
    for name, sets in lifts.groupby("dataset"):
        whole = sets[sets.damage == ""]
        rows.append(_set_row(f"**{name}**", whole))
        if whole.person.nunique() > 1:
            rows += [_set_row(f"person {person}", group) for person, group in whole.groupby("person")]
        rows += [_set_row(str(exercise), group) for exercise, group in whole.groupby("exercise")]
    header = (
        "sets",
        "n",
        "exact",
        "within one",
        "mean error",
        "one set found",
        "`peakcount` within one / error",
    )
    return markdown(header, rows) + "\nDamaged files are left out here.\n"


def _set_row(what: str, sets: pd.DataFrame) -> tuple[object, ...]:
    error, simple, n = (sets.found - sets.true).abs(), (sets.peakcount - sets.true).abs(), len(sets)
    return (
        what,
        n,
        percent(int((error == 0).sum()), n),
        percent(int((error <= 1).sum()), n),
        mean(error.tolist()),
        percent(int((sets.sets == 1).sum()), n),
        f"{100 * (simple <= 1).mean():.0f} % / {simple.mean():.2f}",
    )


def names_table(lifts: pd.DataFrame) -> str:
    """Names given to the sets, with the assumed way of wearing."""
    rows = []
    for name, sets in lifts[lifts.damage == ""].groupby("dataset"):
        for kind, group in sets.groupby(sets.exercise.where(sets.exercise.isin(LIFTMOR), "any other lift")):
            said = ", ".join(f"{given} {n}" for given, n in group.name.fillna("no set").value_counts().items())
            rows.append((name, kind, len(group), said))
    return markdown(("data set", "lift", "sets", "named"), rows) + NAMES_NOTE


NAMES_NOTE = """
Only the three lifts of LIFTMOR have a name by signal; every other lift should be `unknown`. How the watch sits on the
arm is assumed here as in the first data set; the second has another watch, with other axes.
"""


def damaged_table(lifts: pd.DataFrame) -> str:
    """What is said of files with lost packets, and of the others."""
    gym = lifts[lifts.dataset == "muvr_pebble_wrist"]
    lost = spliced(gym)
    groups = {
        "packets lost without a trace in the clock": lost,
        "other faults of the truth (both arms counted, number that cannot be)": gym[
            (gym.damage != "") & ~gym.index.isin(lost.index)
        ],
        "undamaged": gym[gym.damage == ""],
    }
    rows = []
    for what, group in groups.items():
        counted = group[group.sets > 0]
        seen = percent(int(group.lost_packets.sum()), len(group))
        bounds = f"{int(counted.at_least.sum())} of {len(counted)}"
        rows.append((what, len(group), seen, len(counted), bounds))
    header = ("muvr files", "n", "said to have lost packets", "with a set", "of these counts, lower bounds")
    return (
        markdown(header, rows) + "\nA count is also a lower bound where the edge of the file or a hole cuts the set.\n"
    )


def phantom_table(found: pd.DataFrame, ours: dict[str, dict[str, Any]], naive: dict[str, dict[str, Any]]) -> str:
    """Repetitions found where nobody lifts: the scorer's recordings, and the mixed ones it leaves out."""
    rows = []
    for name, seen in ours.items():
        per_hour = rate(seen["repetitions"], seen["hours"])
        rows.append((name, f"{60 * seen['hours']:.1f}", seen["repetitions"], per_hour, naive[name]["repetitions"]))
    mixed = found[(found.placement == "wrist") & (found.activity == "mixed")]
    for name, group in mixed.groupby("dataset"):
        n, hours = int(group.repetitions.sum()), float(group.hours.sum())
        rows.append((f"{name}, mixed (not scored)", f"{60 * hours:.1f}", n, rate(n, hours), None))
    header = ("data set", "minutes", "repetitions", "per hour", "`peakcount`")
    note = "\nRepetitions of one false set come together: the intervals are too narrow.\n"
    return markdown(header, rows) + note


def held_table(trained: pd.DataFrame) -> str:
    """Landings found and false events by how the weights were learnt."""
    rows = []
    for learnt, group in trained.groupby("learnt", sort=False):
        people = hoppers(trained, str(learnt))
        worst = (people.hits / people.true).idxmin()
        hits = int(people.hits.sum()), int(people.true.sum())
        single = group[(group.dataset == "sisfall_waist") & (group.true > 0)]
        phone = group[(group.dataset == "phyphox_queens") & (group.true > 0)]
        false = group[group.true == 0].groupby(["dataset", "activity"]).found.sum()
        said = ", ".join(f"{d.split('_')[0]} {a} {n}" for (d, a), n in false.items() if n) or "none"
        rows.append(
            (
                learnt,
                percent(*hits),
                f"{worst.split('/')[-1]}: {people.hits[worst]} of {people.true[worst]}",
                f"{int(phone.found.sum())} for {int(phone.true.sum())}",
                f"{int(single.found.sum())} for {int(single.true.sum())}",
                said,
            )
        )
    header = ("weights", "mobifall hops found", "worst person", "phyphox jumps", "sisfall jumps", "false events")
    return markdown(header, rows)


def named_table(named: pd.DataFrame) -> str:
    """Names of sets by the postures of the other person."""
    rows = []
    for (person, exercise), group in named.groupby(["person", "exercise"]):
        said = ", ".join(f"{name} {n}" for name, n in group.name.fillna("no set").value_counts().items())
        learnt = int(group.learnt.iloc[0])
        rows.append((person, exercise, len(group), f"{learnt} sets" if learnt else "none: not held out", said))
    return markdown(("person", "lift", "sets", "posture from", "named"), rows)


def sampling_table(found: pd.DataFrame, sampled: dict[float, pd.DataFrame]) -> str:
    """Figures of the copies at lower rates."""
    rows: list[tuple[object, ...]] = []
    for rate_hz, copied in sampled.items():
        for one in changes(found, copied):
            rows.append((f"{rate_hz:g} Hz", one.what, one.before, one.after, "yes" if one.is_allowed else "**no**"))
    header = ("copies at", "what", "as recorded (200 Hz waist, about 95 Hz pocket)", "copy", "within the rule")
    note = "\nThe rule: at most one point less; a false count at most doubles or grows by two.\n"
    return markdown(header, rows) + note


def force_table(force: dict[str, dict[str, Any]]) -> str:
    """Predicted peak force of running steps against the plate."""
    rows = [
        (
            name,
            f"{seen['predicted']} of {seen['steps']}",
            f"{100 * seen['mape_step']:.1f} %",
            f"{100 * seen['mape_recording_mean']:.1f} %",
            f"{100 * seen['best_constant_mape']:.1f} %",
            seen["correlation"],
        )
        for name, seen in force.items()
    ]
    header = (
        "data set",
        "steps with a force",
        "error per step",
        "error of recording means",
        "best constant",
        "correlation",
    )
    return markdown(header, rows) + "\nOne runner, 20 recordings of 5 s. No landing here has a measured force.\n"
