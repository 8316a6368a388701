"""Ground reaction force and loading rate from published equations, only where the equations hold.

An equation is used for the activity, the placement and the vector it was made for, above the body mass at which its
slope would change sign, and below the acceleration at which it would turn over. Outside, there is no prediction and a
reason. Nothing is clamped: a clamped force would look like a measured one.

The default vector is the resultant: it needs no direction of gravity, and on the force treadmill at hand its errors
were the smaller ones (docs/decisions/0003-force-of-running-steps.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

from loadsense.criteria import ForceEquation
from loadsense.events import Activity, ForceEstimate
from loadsense.units import STANDARD_GRAVITY_M_PER_S2

Vector = Literal["resultant", "vertical"]
Site = Literal["hip", "back", "ankle"]

#: Which component goes into an equation unless the caller says otherwise.
PREFERRED_VECTOR: Final[Vector] = "resultant"


def predict(equation: ForceEquation, x: float, body_mass_kg: float, *, running: bool = False) -> float:
    """Value of an equation, wherever it lies: the domain is not looked at.

    Parameters
    ----------
    equation : ForceEquation
        Which one.
    x : float
        RAW g for a force, g/s for a loading rate.
    body_mass_kg : float
        Body mass.
    running : bool
        Only for the form "log_linear", which has one more term in running.

    Returns
    -------
    float
        N or N/s.
    """
    b = equation.coefficients
    if equation.form == "linear":
        return b[0] + b[1] * x + b[2] * body_mass_kg + b[3] * x * body_mass_kg
    if equation.form == "quadratic":
        return b[0] + b[1] * x + b[2] * x * x + b[3] * body_mass_kg + b[4] * x * body_mass_kg
    if equation.form == "log_linear":
        run = 1.0 if running else 0.0
        return math.exp(b[0] + b[1] * x + b[2] * body_mass_kg + b[3] * run + b[4] * x * run)
    return b[0] * body_mass_kg * x


def turn_over(equation: ForceEquation, body_mass_kg: float) -> float | None:
    """The x beyond which a larger x would give a smaller prediction; None where the form has no such place."""
    if equation.form != "quadratic":
        return None
    b = equation.coefficients
    return -(b[1] + b[4] * body_mass_kg) / (2.0 * b[2])


def estimate_force(
    equations: Sequence[ForceEquation],
    *,
    activity: Activity,
    site: Site | None,
    vector: Vector = PREFERRED_VECTOR,
    peak_g: float,
    acceleration_rate_g_per_s: float | None,
    body_mass_kg: float | None,
    slow_vertical_g: float | None = None,
) -> ForceEstimate | None:
    """Force and loading rate of one impact by the first model whose force equation holds for it.

    Parameters
    ----------
    equations : sequence of ForceEquation
        In order of preference.
    activity : Activity
        What the wearer was doing; unknown gives no force.
    site : {"hip", "back", "ankle"} or None
        Rows that the placement stands for (the sacrum takes those of the back); None gives None.
    vector : {"resultant", "vertical"}
        Which component peak and rate were taken from.
    peak_g : float
        RAW g, 20 Hz low-pass.
    acceleration_rate_g_per_s : float or None
        Steepest slope of the rise, g/s, 20 Hz low-pass.
    body_mass_kg : float or None
        None gives None.
    slow_vertical_g : float or None
        Highest vertical acceleration of the step, 10 Hz low-pass, mean 1 g over whole strides: for the equations of the
        form "proportional", which are passed over without it.

    Returns
    -------
    ForceEstimate or None
        None where the recording as a whole allows no force (no body mass, a placement without equations); otherwise
        values, or None in their place with the reason in words.
    """
    if site is None or body_mass_kg is None:
        return None
    models = _models(equations, activity, site, vector, slow=slow_vertical_g is not None)
    if not models:
        return ForceEstimate(model="", reason=f"no force equation for activity '{activity}' at the {site}")
    reasons: list[str] = []
    for force, rate in models:
        x = peak_g if force.form != "proportional" or slow_vertical_g is None else slow_vertical_g
        reason = _outside(force, x, body_mass_kg, "g")
        if not reason:
            grf_n = predict(force, x, body_mass_kg, running=activity is Activity.RUNNING)
            return _with_rate(force.name, grf_n, body_mass_kg, rate, acceleration_rate_g_per_s)
        reasons.append(reason)
    return ForceEstimate(model=models[0][0].name, reason=reasons[0])


def _models(
    equations: Sequence[ForceEquation], activity: Activity, site: Site, vector: Vector, *, slow: bool
) -> list[tuple[ForceEquation, ForceEquation | None]]:
    """Force equations for an activity and place, in order, each with the loading-rate equation of its model."""
    here = [e for e in equations if e.site == site and activity.value in e.activity]
    rates = {e.name: e for e in here if e.predicts == "loading_rate_n_per_s"}
    fits = [e for e in here if e.predicts == "grf_n" and (slow if e.form == "proportional" else e.vector == vector)]
    return [(e, rates.get(e.name)) for e in fits]


def _outside(equation: ForceEquation, x: float, body_mass_kg: float, unit: str) -> str:
    """Why an equation may not be used here; empty where it may."""
    if equation.refused:
        return f"refused: {equation.refused}"
    lightest = equation.min_body_mass_kg
    if lightest is not None and body_mass_kg < lightest:
        return f"body mass {body_mass_kg:g} kg is below {lightest:g} kg, where the slope of the equation changes sign"
    top = turn_over(equation, body_mass_kg)
    if top is not None and x > top:
        return f"{x:.2f} {unit} is beyond {top:.2f} {unit}, where the equation turns over"
    return ""


def _with_rate(
    model: str,
    grf_n: float,
    body_mass_kg: float,
    equation: ForceEquation | None,
    rate_g_per_s: float | None,
) -> ForceEstimate:
    """Estimate with the loading rate of the same model, or the reason why there is none."""
    weight_n = body_mass_kg * STANDARD_GRAVITY_M_PER_S2
    reason = "the model has no equation for the loading rate"
    if equation is not None:
        reason = "no rise to measure"
        if rate_g_per_s is not None:
            reason = _outside(equation, rate_g_per_s, body_mass_kg, "g/s")
            if not reason:
                rate_n_per_s = predict(equation, rate_g_per_s, body_mass_kg)
                return ForceEstimate(
                    model=model,
                    peak_grf_n=grf_n,
                    peak_grf_bw=grf_n / weight_n,
                    loading_rate_n_per_s=rate_n_per_s,
                    loading_rate_bw_per_s=rate_n_per_s / weight_n,
                )
    return ForceEstimate(
        model=model, peak_grf_n=grf_n, peak_grf_bw=grf_n / weight_n, reason=f"no loading rate: {reason}"
    )
