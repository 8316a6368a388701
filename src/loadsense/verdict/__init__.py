"""The verdict of a session: which landings count, and whether that was reached, not reached, or cannot be said."""

from loadsense.verdict.grading import (
    RAIL_SHARE,
    Observation,
    Tally,
    applied_criterion,
    count_landings,
    grade_landing,
    landings_in_gaps,
    landings_needed,
    likely_range_g,
    rate_doubt,
    with_likely_range,
)
from loadsense.verdict.judging import check_target, evidence_line, judge

__all__ = [
    "RAIL_SHARE",
    "Observation",
    "Tally",
    "applied_criterion",
    "check_target",
    "count_landings",
    "evidence_line",
    "grade_landing",
    "judge",
    "landings_in_gaps",
    "landings_needed",
    "likely_range_g",
    "rate_doubt",
    "with_likely_range",
]
