"""The numbers of the lift detector, as a frozen record; the values live in ``evidence/detection/lifts.toml``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PostureCriteria:
    """Posture and pace of one lift, for its name.

    Attributes
    ----------
    exercise : str
        Name of the lift.
    along, along_sd : float
        Mean gravity along the forearm over the set (+1: hand up, -1: hand down), and its spread between sets.
    out, out_sd : float or None
        Mean gravity out of the watch face, and its spread; None where the lift leaves it open.
    max_skew, min_skew, skew_sd : float or None
        Limits of the skewness of the motion along gravity, and how softly they hold.
    min_period_s, period_sd_s : float or None
        Shortest repetition, and how softly it holds.
    """

    exercise: str
    along: float
    along_sd: float
    out: float | None = None
    out_sd: float | None = None
    max_skew: float | None = None
    min_skew: float | None = None
    skew_sd: float | None = None
    min_period_s: float | None = None
    period_sd_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftCriteria:
    """Every constant of the lift detector; see ``evidence/detection/lifts.toml`` for sources.

    Times in seconds, frequencies in hertz, accelerations in RAW g, correlations and shares without unit.
    """

    lowpass_hz: float
    memory_s: float
    window_s: float
    window_min_s: float
    window_rms_g: float
    period_min_s: float
    running_period_share: float
    period_max_s: float
    lag_min_s: float
    lag_share_of_window: float
    shorter_period_share: float
    fast_share: float
    periodic: float
    clearly_periodic: float
    hole_max_s: float
    margin_periods: float
    match: float
    spacing_periods: float
    scales: tuple[float, ...]
    gain_min: float
    gain_max: float
    weak_match: float
    weak_gain_min: float
    weak_spacing: float
    squeezed_spacing: float
    squeezed_gain: float
    edge_energy: float
    edge_cover: float
    chain_periods: float
    pause_max_s: float
    pause_match: float
    set_end_s: float
    provisional_end_s: float
    repetitions_min: int
    three_repetitions_match: float
    slow_match: float
    fast_match: float
    fast_period_s: float
    fast_shake: float
    fast_rhythm: float
    walking_match: float
    few_spread: float
    few_match: float
    quiet_shake: float
    quiet_rhythm: float
    quiet_spread: float
    quiet_repetitions: int
    quiet_slow_match: float
    quiet_fast_match: float
    interval_spread: float
    shake_to_motion: float
    step_rhythm: float
    postures: tuple[PostureCriteria, ...]
    posture_limit: float
    run_windows_min: int
    plainly: float
    moving_g: float
    moving_share: float
    live_match: float
    paused_match: float
    hanging_shake: float
    hanging_windows: int
    hanging_share: float
