"""Days and weeks of wear: `days`, `weeks`, and what the wrist says over `epochs`."""

from loadsense.longwear.days import DaySpan, LongWearInput, iso_week, local_days, overlap_samples, summarize_days
from loadsense.longwear.epochs import (
    EpochMeans,
    EpochStage,
    Gradient,
    intensity_gradient,
    longer_epochs,
    mx_metrics,
)
from loadsense.longwear.weeks import summarize_weeks

__all__ = [
    "DaySpan",
    "EpochMeans",
    "EpochStage",
    "Gradient",
    "LongWearInput",
    "intensity_gradient",
    "iso_week",
    "local_days",
    "longer_epochs",
    "mx_metrics",
    "overlap_samples",
    "summarize_days",
    "summarize_weeks",
]
