"""The force equations, from `equations/*.toml`: one file per published model."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, Literal

from loadsense.criteria import ForceEquation, Source
from loadsense.evidence.fields import Fields, read_fields

Form = Literal["linear", "quadratic", "log_linear", "proportional"]
Predicts = Literal["grf_n", "loading_rate_n_per_s"]

FOLDER: Final = Path(__file__).parent / "equations"
_N_COEFFICIENTS: Final[dict[Form, int]] = {"linear": 4, "quadratic": 5, "log_linear": 5, "proportional": 1}
_SITES: Final[tuple[Literal["hip", "back", "ankle"], ...]] = ("hip", "back", "ankle")
_VECTORS: Final[tuple[Literal["resultant", "vertical"], ...]] = ("resultant", "vertical")
_PREDICTS: Final[tuple[Predicts, ...]] = ("grf_n", "loading_rate_n_per_s")


@cache
def force_equations() -> tuple[ForceEquation, ...]:
    """Every force equation, the preferred model first.

    Examples
    --------
    >>> len(force_equations())
    34
    """
    ranked = [read_equations(path) for path in sorted(FOLDER.glob("*.toml"))]
    return tuple(equation for _, equations in sorted(ranked, key=lambda pair: pair[0]) for equation in equations)


def read_equations(path: Path) -> tuple[int, tuple[ForceEquation, ...]]:
    """Rank and equations of one model.

    Raises
    ------
    ContentError
        A key is missing, misspelt or has a value that cannot be; file and key are named.
    """
    fields = read_fields(path)
    source_fields, model = fields.table("source"), fields.table("model")
    source = source_fields.source()
    source_fields.done()
    form = model.choice("form", tuple(_N_COEFFICIENTS))
    mape: dict[Predicts, float | None] = {
        "grf_n": model.optional_number("mape_grf_percent", low=0.0, high=100.0),
        "loading_rate_n_per_s": model.optional_number("mape_loading_rate_percent", low=0.0, high=100.0),
    }
    name, activity, rank = model.text("name"), model.texts("activity"), model.whole("rank")
    model.done()
    rows = [_equation(row, (name, activity, form), mape, source) for row in fields.tables("equation")]
    fields.done()
    return rank, tuple(rows)


def _equation(
    row: Fields, model: tuple[str, tuple[str, ...], Form], mape: dict[Predicts, float | None], source: Source
) -> ForceEquation:
    name, activity, form = model
    site, vector, predicts = (
        row.choice("site", _SITES),
        row.choice("vector", _VECTORS),
        row.choice("predicts", _PREDICTS),
    )
    coefficients = row.numbers("coefficients")
    if len(coefficients) != _N_COEFFICIENTS[form]:
        raise row.fail("coefficients", list(coefficients), f"{_N_COEFFICIENTS[form]} numbers for the form '{form}'")
    equation = ForceEquation(
        name=f"{name}-{site}-{vector}",
        activity=activity,
        site=site,
        vector=vector,
        predicts=predicts,
        form=form,
        coefficients=coefficients,
        mape_percent=mape[predicts],
        min_body_mass_kg=row.optional_number("min_body_mass_kg", low=0.0),
        source=source,
        refused=row.optional_text("refused"),
    )
    row.done()
    return equation
