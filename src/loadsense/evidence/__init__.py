"""Science as data: thresholds, equations, profiles, plans and rules, each with its source."""

from loadsense.evidence.listing import table
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
from loadsense.evidence.prescribing import load_person, plan, plans

__all__ = [
    "bands",
    "grading",
    "index_criteria",
    "load_person",
    "longwear_criteria",
    "numbers",
    "plan",
    "plans",
    "profile",
    "profiles",
    "rules",
    "table",
    "thresholds",
]
