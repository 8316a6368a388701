"""Session reports made by hand, for the tests of what is rendered from them."""

import itertools
from dataclasses import replace
from datetime import datetime
from functools import cache

import numpy as np

from loadsense.criteria import Known, Source, Threshold
from loadsense.envelope import EnvelopeStage
from loadsense.events import (
    Activity,
    Excluded,
    ForceEstimate,
    Impact,
    Landing,
    LandingCandidate,
    LiftSet,
    LoadingRates,
    Repetition,
    Status,
    Takeoff,
)
from loadsense.placement import CAPABILITIES, Placement
from loadsense.results import (
    BandCount,
    Flag,
    IndexValue,
    Indices,
    LandingSummary,
    PrescriptionResult,
    PrescriptionRow,
    Provenance,
    RecordingResult,
    SessionReport,
    SignalQuality,
    Spread,
    Verdict,
    VerdictStatus,
)
from loadsense.samples import ClockQuality, Gap, Origin, SampleBlock, StreamInfo

RATE_HZ = 200.0

LIFTMOR_NOTE = "women aged 35 to 40"

MAGNITUDE = Threshold(
    name="hip-high-magnitude",
    quantity="landing_peak",
    value=3.9,
    unit="g",
    frame="NET",
    vector="resultant",
    filter="none stated",
    population=LIFTMOR_NOTE,
    placements=(Placement.HIP, Placement.WAIST),
    source=Source(citation="Vainionpää 2006", known=Known.VERIFIED, doi="10.1007/s00198-005-0005-x"),
)
RATE = Threshold(
    name="hip-high-rate",
    quantity="landing_rate",
    value=100.0,
    unit="g/s",
    frame=None,
    vector="resultant",
    filter="none stated",
    population=LIFTMOR_NOTE,
    placements=(Placement.HIP,),
    source=Source(citation="Jämsä 2011", known=Known.RECALLED, doi="10.3389/fphys.2011.00073"),
)


def landing(index=1, *, at_s=10.0, peak_net_g=2.6, rate_g_per_s=80.0, **changes):
    """One landing at a second, 200 Hz."""
    peak = round(at_s * RATE_HZ)
    candidate = LandingCandidate(
        event_id=f"L{index:04d}",
        status=Status.SETTLED,
        flight_start_sample=peak - 50,
        landing_sample=peak - 10,
        peak_sample=peak,
        end_sample=peak + 30,
        flight_s=0.2,
        takeoff=Takeoff.NONE,
        **{k: changes.pop(k) for k in ("truncated", "notes") if k in changes},
    )
    made = Landing(
        candidate=candidate,
        peak_g=peak_net_g + 1,
        peak_net_g=peak_net_g,
        peak_vertical_g=peak_net_g + 0.9,
        peak_20hz_g=peak_net_g + 0.5,
        loading_rates=LoadingRates(
            maximum_g_per_s=rate_g_per_s, slope_20_80_g_per_s=rate_g_per_s * 0.8, onset_g_per_s=rate_g_per_s * 0.5
        ),
        time_to_peak_s=0.05,
        drop_height_m=0.196,
        high_magnitude=peak_net_g > MAGNITUDE.value,
        high_rate=rate_g_per_s > RATE.value,
    )
    return replace(made, **changes)


def lift_set(index=1, *, start_s=300.0, repetitions=5, exercise="deadlift", **changes):
    """One set at the wrist, 4 s a repetition, 200 Hz."""
    start, each, set_id = round(start_s * RATE_HZ), round(4 * RATE_HZ), f"S{index:04d}"
    made = LiftSet(
        set_id=set_id,
        status=Status.SETTLED,
        start_sample=start,
        end_sample=start + repetitions * each,
        repetitions=tuple(
            Repetition(
                set_id=set_id,
                start_sample=start + i * each,
                end_sample=start + (i + 1) * each,
                exercise=exercise,
                eccentric_s=2.1,
                concentric_s=1.4,
            )
            for i in range(repetitions)
        ),
        exercise=exercise,
        exercise_confidence=0.93,
        exercise_source="both",
        seconds_per_repetition=4.0,
        rest_before_s=None if index == 1 else 120.0,
        load_kg=60.0,
        pct_1rm=86.0,
    )
    return replace(made, **changes)


def info(placement="hip", **changes):
    """Facts of a 200 Hz, +-16 g recording in Madrid."""
    made = StreamInfo(
        sampling_rate_hz=RATE_HZ,
        nominal_rate_hz=RATE_HZ,
        measured_rate_hz=199.97,
        placement=Placement(placement),
        range_g=16.0,
        start=datetime.fromisoformat("2026-11-20T09:30:00+01:00"),
        tz="Europe/Madrid",
        body_mass_kg=63.1,
        origin=Origin(file=f"2026-11-20_p017_{placement}.csv", sha256="ab" * 32, format="csv", unit_in="g"),
    )
    return replace(made, **changes)


@cache
def quiet(duration_s):
    """Standing, with a tenth of the time walking: RAW g along z."""
    n = round(duration_s * RATE_HZ)
    z = 1 + np.random.default_rng(7).normal(0, 0.03, n)
    walking = slice(n // 10, n // 5)
    z[walking] += 0.3 * np.abs(np.sin(np.arange(n)[walking] / RATE_HZ * 12))
    return z


def trace(landings, *, duration_s=600.0):
    """The envelope of standing, walking and the landings."""
    z = quiet(duration_s).copy()
    for one in landings:
        z[one.candidate.peak_sample] = one.peak_g
    stage = EnvelopeStage()
    stage.push(SampleBlock(0, np.column_stack([np.zeros(len(z)), np.zeros(len(z)), z])))
    return stage.result()


def recording(placement="hip", *, landings=(), sets=(), duration_s=600.0, **changes):
    """One sensor's result."""
    made = RecordingResult(
        info=info(placement),
        sensor=placement,
        quality=SignalQuality(n_samples=round(duration_s * RATE_HZ), still_s=42.0, still_error_g=0.004),
        clock=ClockQuality(measured_rate_hz=199.98, jitter_p99_ms=1.3),
        landings=tuple(landings),
        impacts=tuple(
            Impact(
                onset_sample=one.candidate.landing_sample,
                peak_sample=one.candidate.peak_sample,
                peak_g=one.peak_20hz_g,
                peak_vertical_g=one.peak_20hz_g - 0.1,
                acceleration_rate_g_per_s=60.0,
                activity=Activity.JUMPING,
                force=ForceEstimate(model="veras-2023-jumping-hip-vertical", peak_grf_n=1900.0, peak_grf_bw=3.07),
            )
            for one in landings
        ),
        excluded=tuple(
            [Excluded(kind="landing", peak_sample=9000 + 90 * i, reason="running step", peak_g=1.9) for i in range(12)]
            + [Excluded(kind="landing", peak_sample=50000, reason="knock", peak_g=6.2)]
        )
        if landings
        else (),
        sets=tuple(sets),
        envelope=trace(landings, duration_s=duration_s),
    )
    return replace(made, **changes)


def spread(values):
    """Largest, median and 90th percentile, or None without values."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    return Spread(max=max(known), median=float(np.median(known)), p90=float(np.percentile(known, 90)))


def bands(values):
    """Counts in the five bands of Vainionpää 2006."""
    edges = [0.3, 1.1, 2.5, 3.9, 5.4, float("inf")]
    return tuple(
        BandCount(
            name="vainionpaa-2006",
            low=low,
            high=high,
            unit="g",
            frame="NET",
            count=sum(low <= v < high for v in values),
        )
        for low, high in itertools.pairwise(edges)
    )


def verdict(status="reached", **changes):
    """The verdict of 25 landings as planned."""
    made = Verdict(
        status=VerdictStatus(status),
        basis="prescribed",
        judged="25 of 25 landings as planned, strongest 2.6 g net (ceiling 3.0); hip, 200 Hz",
        profile="hip-high-rate",
        population=LIFTMOR_NOTE,
        criterion="count",
        at_least=False,
        borderline_n=0,
        reached_if_best=True,
        reached_if_worst=True,
        reasons=("25 of 25 prescribed landings inside 1.0 to 3.0 g net",),
        evidence_line=(
            "none passed 3.9 g net, a level studied in women aged 35-40; at this stage that is expected. "
            "Do not land harder to change this number."
        ),
        target={"landings": 25, "min_net_g": 1.0, "ceiling_net_g": 3.0},
        achieved={"landings": 25},
    )
    return replace(made, **changes)


def report(recordings=None, **changes):
    """A HiRIT session from a hip and a wrist sensor."""
    if recordings is None:
        recordings = hirit_recordings()
    found = [one for r in recordings for one in r.landings]
    seen = any(CAPABILITIES[r.info.placement].landing_method for r in recordings)
    net = [one.peak_net_g for one in found]
    made = SessionReport(
        recordings=tuple(recordings),
        landing_summary=LandingSummary(
            count=len(found) if seen else None,
            high_rate_count=sum(bool(one.high_rate) for one in found) if found else None,
            high_magnitude_count=sum(bool(one.high_magnitude) for one in found) if found else None,
            peak_g=spread([one.peak_g for one in found]),
            peak_net_g=spread(net),
            loading_rate_g_per_s=spread([one.loading_rates.maximum_g_per_s for one in found]),
            bands=bands(net),
        ),
        indices=Indices(
            osteogenic_index=IndexValue(
                value=6.9,
                intensity=2.1,
                n=len(found),
                bouts=1,
                method="accelerometer osteogenic index (NET g)",
                mape_percent=None,
                source="form of Turner & Robling 2003 [second-hand]",
            ),
            cumulative_index=7.1,
            daily_impact_score_log=31.2,
            daily_load_stimulus=9.6,
            threshold_counts=bands(net),
        ),
        verdict=verdict(),
        prescription=prescription(),
        provenance=Provenance(
            version="0.1.0",
            filter="zero-phase Butterworth low-pass, 80 Hz",
            loading_rate_definition="steepest central difference on the rise; low-pass 80 Hz, sampled at 200 Hz",
            thresholds=(MAGNITUDE, RATE),
            differences_from_source=("the study's filter is not stated; 80 Hz is used",),
        ),
        arguments=(("plan", "hirit"), ("placement", "hip")),
    )
    return replace(made, **changes)


def prescription(**changes):
    """Prescribed against done, all of it."""
    made = PrescriptionResult(
        plan="hirit",
        stage="ramp-3",
        rows=(
            PrescriptionRow(
                exercise="deadlift",
                prescribed="5 x 5 at >= 85 %",
                done="5 x 5 at 60 kg = 86 %",
                met=True,
                source="wrist sensor",
            ),
            PrescriptionRow(
                exercise="back_squat",
                prescribed="5 x 5 at >= 85 %",
                done="4 x 5",
                met=False,
                source="wrist sensor",
                reason="one set is missing",
            ),
            PrescriptionRow(
                exercise="overhead_press",
                prescribed="5 x 5 at >= 85 %",
                done=None,
                met=None,
                source="not observed",
                reason="no sensor saw it",
            ),
            PrescriptionRow(
                exercise="landings",
                prescribed="25 landings, 1.0 to 3.0 g net",
                done="25 landings",
                met=True,
                source="hip sensor",
            ),
        ),
        flags=(
            Flag(
                rule="landing-above-ceiling",
                severity="amber",
                sentence="2 landings above her ceiling of 3.0 g net: lower the step or soften",
                source="coach",
            ),
        ),
    )
    return replace(made, **changes)


def hirit_recordings():
    """25 landings at the hip in five sets, nine sets of lifts at the wrist."""
    landings = [
        landing(5 * s + i + 1, at_s=100 + 80 * s + 4 * i, peak_net_g=1.4 + 0.05 * (5 * s + i), rate_g_per_s=40 + 3 * i)
        for s in range(5)
        for i in range(5)
    ]
    sets = [
        lift_set(
            k + 1, start_s=40 + 60 * k, exercise="deadlift" if k < 5 else "back_squat", load_kg=60.0 if k < 5 else 40.0
        )
        for k in range(9)
    ]
    return (recording("hip", landings=landings), recording("wrist", sets=sets))


def gap(at_s=200.0, seconds=1.4):
    """A hole in a 200 Hz recording."""
    return Gap(round(at_s * RATE_HZ), round(seconds * RATE_HZ))
