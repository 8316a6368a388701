"""What the samples say about their own worth: calibration to 1 g, clipping, still seconds, non-wear."""

from loadsense.conditioning.calibration import CalibrationCriteria, autocalibrate, still_calibration
from loadsense.conditioning.quality import NonWearCriteria, QualityStage

__all__ = ["CalibrationCriteria", "NonWearCriteria", "QualityStage", "autocalibrate", "still_calibration"]
