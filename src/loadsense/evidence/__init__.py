"""Science as data: thresholds, equations, profiles, plans and rules, each with its source."""

from loadsense.evidence.loader import (
    bands,
    grading,
    index_criteria,
    longwear_criteria,
    numbers,
    profile,
    profiles,
    rules,
    thresholds,
)

__all__ = [
    "bands",
    "grading",
    "index_criteria",
    "longwear_criteria",
    "numbers",
    "profile",
    "profiles",
    "rules",
    "thresholds",
]
