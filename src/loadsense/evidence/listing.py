"""Everything that a result may rest on, one row each: what `loadsense thresholds` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadsense.criteria import BandSet, Convention, EvidenceRow, ForceEquation, Threshold
from loadsense.evidence.equations import force_equations
from loadsense.evidence.loader import bands, numbers, rules, thresholds
from loadsense.evidence.prescribing import plans
from loadsense.placement import Placement
from loadsense.prescriptions import PlanStage, Rule

#: What the acceleration of an equation was filtered with, by its form.
_EQUATION_FILTERS: Final = {
    "linear": "20 Hz zero-phase low-pass",
    "quadratic": "20 Hz zero-phase low-pass",
    "log_linear": "of the device, as published",
    "proportional": "10 Hz zero-phase low-pass",
}


def table() -> tuple[EvidenceRow, ...]:
    """Every threshold, band set, equation, number, rule and plan stage, with its source and mark.

    Examples
    --------
    >>> next(row.value + row.unit + row.frame for row in table() if row.name == "hip-high-magnitude")
    '3.9gNET'
    """
    return (
        *(_threshold(level) for level in thresholds().values()),
        *(_bands(band_set) for band_set in bands().values()),
        *(_equation(equation) for equation in force_equations()),
        *(_number(number) for number in numbers().values()),
        *(_rule(rule) for rule in rules().values()),
        *(_stage(plan.name, stage) for plan in plans().values() for stage in plan.stages),
    )


def _places(placements: Sequence[Placement]) -> str:
    return ", ".join(placement.value for placement in placements) or "never graded"


def _threshold(level: Threshold) -> EvidenceRow:
    return EvidenceRow(
        kind="threshold",
        name=level.name,
        value=f"{level.value:g}",
        unit=level.unit,
        frame=level.frame or "",
        quantity=f"{level.quantity.replace('_', ' ')}, {level.vector}",
        population=level.population,
        placement=_places(level.placements),
        filter=level.filter,
        source=level.source,
    )


def _bands(band_set: BandSet) -> EvidenceRow:
    edges = [f"{edge:g}" for edge in band_set.edges]
    shown = edges if len(edges) <= 12 else [*edges[:4], "...", *edges[-3:]]
    return EvidenceRow(
        kind="bands",
        name=band_set.name,
        value=" | ".join(shown),
        unit=band_set.unit,
        frame=band_set.frame or "",
        quantity=f"{band_set.quantity.replace('_', ' ')}, {band_set.vector}",
        population=band_set.population,
        placement=_places(band_set.placements),
        filter=band_set.filter,
        source=band_set.source,
    )


def _equation(equation: ForceEquation) -> EvidenceRow:
    error = "" if equation.mape_percent is None else f"; mean error {equation.mape_percent:g} %"
    refused = f"; refused: {equation.refused}" if equation.refused else ""
    return EvidenceRow(
        kind="equation",
        name=equation.name,
        value=", ".join(f"{c:g}" for c in equation.coefficients),
        unit="N" if equation.predicts == "grf_n" else "N/s",
        frame="RAW",
        quantity=f"{equation.predicts.split('_n')[0].replace('_', ' ')}, {equation.vector}, {equation.form}{error}",
        population=", ".join(equation.activity),
        placement=equation.site,
        filter=f"{_EQUATION_FILTERS[equation.form]}{refused}",
        source=equation.source,
    )


def _number(number: Convention) -> EvidenceRow:
    return EvidenceRow(
        kind="convention",
        name=number.name,
        value=f"{number.value:g}",
        unit=number.unit,
        frame="",
        quantity=number.meaning,
        source=number.source,
    )


def _rule(rule: Rule) -> EvidenceRow:
    state = "event" if not rule.unit else "not set" if rule.value is None else f"{rule.value:g}"
    return EvidenceRow(
        kind="rule",
        name=rule.name,
        value=state if rule.on or rule.value is None else f"{state} (off)",
        unit=rule.unit,
        frame="",
        quantity=f"{rule.severity}: {rule.sentence}",
        source=rule.source,
    )


def _stage(plan: str, stage: PlanStage) -> EvidenceRow:
    least = "open" if stage.min_net_g is None else f"{stage.min_net_g:g}"
    most = "open" if stage.ceiling_net_g is None else f"{stage.ceiling_net_g:g}"
    return EvidenceRow(
        kind="plan",
        name=f"{plan}/{stage.name}",
        value=f"{stage.landings if stage.landings is not None else 'no'} landings, {least} to {most}",
        unit="g",
        frame="NET",
        quantity=stage.description,
        source=stage.source,
    )
