"""Everything that impactr 0.4.1 gave on its own example, reproduced to 1e-9, and the streaming impacts against it."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter

from loadsense.detection.impactr import filter_published, find_published_peaks
from loadsense.detection.impacts import ImpactDetector
from loadsense.evidence.equations import force_equations
from loadsense.evidence.impacts import impact_criteria
from loadsense.force import predict
from loadsense.samples import SampleBlock

ORACLE = Path(__file__).parents[1].parent / "shared" / "oracle" / "impactr"
pytestmark = pytest.mark.skipif(not ORACLE.exists(), reason=f"no oracle at {ORACLE}")
RATE_HZ = 100.0
TOLERANCE = 1e-9
VECTORS = ("resultant", "vertical")
MODELS = {
    "walking/running": "veras-2022-walking-running",
    "walking": "veras-2020-walking",
    "jumping": "veras-2023-jumping",
}


@cache
def table(name):
    with (ORACLE / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def column(rows, key):
    return np.array([np.nan if row[key] in ("NA", "") else float(row[key]) for row in rows])


@cache
def raw(part):
    rows = table(f"01_signal_{part}")
    return np.column_stack([column(rows, f"raw_{axis}") for axis in "xyz"])


@cache
def signal(part, kind, vector):
    axes = raw(part) if kind == "unfiltered" else filter_published(raw(part), sampling_rate_hz=RATE_HZ)
    return -axes[:, 1] if vector == "vertical" else np.sqrt((axes**2).sum(axis=1))


@cache
def peaks(part, kind, vector):
    return find_published_peaks(signal(part, kind, vector), sampling_rate_hz=RATE_HZ)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1.0, np.nanmax(np.abs(expected))))


@pytest.mark.parametrize("part", ["full", "region"])
def test_the_filtered_signal(part):
    filtered = filter_published(raw(part), sampling_rate_hz=RATE_HZ)
    for i, axis in enumerate("xyz"):
        close(filtered[:, i], column(table(f"01_signal_{part}"), f"filt_{axis}"))
    close(signal(part, "filtered", "resultant"), column(table(f"01_signal_{part}"), "filt_r"))


def test_short_signals_are_filtered_as_in_r():
    rows = table("01_filtfilt_short")
    for n in {row["n"] for row in rows}:
        mine = [row for row in rows if row["n"] == n]
        close(filter_published(column(mine, "x"), sampling_rate_hz=RATE_HZ), column(mine, "y"))


def test_another_cut_off():
    y = filter_published(raw("region")[:, 1], sampling_rate_hz=RATE_HZ, cutoff_hz=10.0)
    close(y, column(table("01_signal_region_other_filters_y"), "low4_10"))


def test_the_butterworth_coefficients_of_r_are_those_of_scipy():
    rows = [r for r in table("01_butter_coefficients") if r["type"] == "lowpass"]
    for order, cutoff, fs in {(r["order"], r["cutoff"], r["fs"]) for r in rows}:
        mine = [r for r in rows if (r["order"], r["cutoff"], r["fs"]) == (order, cutoff, fs)]
        b, a = butter(int(order), float(cutoff), fs=float(fs))
        close(b, column(mine, "b"))
        close(a, column(mine, "a"))


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("kind", ["filtered", "unfiltered"])
@pytest.mark.parametrize("part", ["full", "region"])
def test_peaks_starts_heights_and_rates(part, kind, vector):
    rows = table(f"02_peaks_{part}_{kind}_{vector}")
    found = peaks(part, kind, vector)
    assert [p.peak_index + 1 for p in found] == column(rows, "peak_index").astype(int).tolist()
    assert [p.start_index + 1 for p in found] == column(rows, "curve_start_index").astype(int).tolist()
    close([p.peak_g for p in found], column(rows, "peak_acc"))
    close(np.array([p.rate_g_per_s for p in found], dtype=float), column(rows, "rate_as_impactr"))


@pytest.mark.parametrize("vector", VECTORS)
def test_without_the_work_vector_the_rates_are_those_of_single_calls(vector):
    rows = table(f"02_peaks_full_filtered_{vector}")
    x = signal("full", "filtered", vector)
    for row, single in zip(rows, column(rows, "rate_one_by_one"), strict=True):
        alone = find_published_peaks(
            x[: int(row["peak_index"]) + 2][int(row["curve_start_index"]) - 1 :], sampling_rate_hz=RATE_HZ
        )
        if not np.isnan(single) and int(row["peak_index"]) - int(row["curve_start_index"]) > 1:
            close(alone[0].rate_g_per_s, single)


def test_the_rate_of_the_rise_itself_differs_in_ten_of_295_peaks():
    x = signal("full", "filtered", "resultant")
    own = find_published_peaks(x, sampling_rate_hz=RATE_HZ, with_faults=False)
    faulty = peaks("full", "filtered", "resultant")
    differ = [a for a, b in zip(own, faulty, strict=True) if abs(a.rate_g_per_s - b.rate_g_per_s) > TOLERANCE]
    assert len(differ) == 10
    assert all(p.rate_g_per_s > 0 for p in own)


@pytest.mark.parametrize("part", ["full", "region"])
@pytest.mark.parametrize("kind", ["filtered", "unfiltered"])
def test_both_vectors_together(part, kind):
    rows = table(f"02_peaks_{part}_{kind}_all")
    by_index = {v: {p.peak_index: p.peak_g for p in peaks(part, kind, v)} for v in VECTORS}
    together = sorted(by_index["vertical"].keys() | by_index["resultant"].keys())
    assert len(together) == len(rows)
    for vector in VECTORS:
        close([by_index[vector].get(i, np.nan) for i in together], column(rows, f"{vector}_peak_acc"))


def test_heights_and_distances():
    rows = table("02_peaks_thresholds")
    for vector, height, distance in {(r["vector"], r["min_height"], r["min_dist"]) for r in rows}:
        mine = [r for r in rows if (r["vector"], r["min_height"], r["min_dist"]) == (vector, height, distance)]
        found = find_published_peaks(
            signal("full", "filtered", vector),
            sampling_rate_hz=RATE_HZ,
            min_peak_g=float(height),
            min_distance_s=float(distance),
        )
        assert [p.peak_index + 1 for p in found] == column(mine, "peak_index").astype(int).tolist()
        assert [p.start_index + 1 for p in found] == column(mine, "curve_start_index").astype(int).tolist()
        close([p.peak_g for p in found], column(mine, "peak_acc"))


def test_hand_made_signals():
    rows = table("02_findpeaks_hand")
    for case, distance in {(r["case"], r["min_dist_samples"]) for r in rows}:
        mine = [r for r in rows if (r["case"], r["min_dist_samples"]) == (case, distance)]
        x = np.array([float(v) for v in mine[0]["signal"].split()])
        found = find_published_peaks(x, sampling_rate_hz=1.0, min_distance_s=float(distance))
        expected = sorted((int(r["index"]), int(r["start"]), int(r["end"])) for r in mine if r["index"] != "NA")
        assert [(p.peak_index + 1, p.start_index + 1, p.end_index + 1) for p in found] == expected


def equation(model, site, vector, predicts):
    name = f"{MODELS[model]}-{site}-{vector}"
    return next(e for e in force_equations() if e.name == name and e.predicts == predicts)


def test_every_coefficient():
    rows = table("03_coefficients")
    for row in rows:
        predicts = {"grf": "grf_n", "lr": "loading_rate_n_per_s"}[row["outcome"]]
        ours = equation(row["model"], row["placement"], row["vector"], predicts).coefficients
        assert (*ours, 0.0)[:5] == pytest.approx([float(row[f"b{i}"]) for i in range(5)], abs=TOLERANCE)
    veras = [e for e in force_equations() if e.name.startswith("veras")]
    assert len(veras) == len(rows)


def test_predictions_for_every_placement_vector_model_and_mass():
    rows = table("03_predictions_region")
    for key in {(r["placement"], r["body_mass"], r["vector"], r["model"]) for r in rows}:
        site, mass, vector, model = key
        mine = [r for r in rows if (r["placement"], r["body_mass"], r["vector"], r["model"]) == key]
        found = peaks("region", "filtered", vector)
        grf, rate = (equation(model, site, vector, p) for p in ("grf_n", "loading_rate_n_per_s"))
        close([predict(grf, p.peak_g, float(mass)) for p in found], column(mine, "grf_N"))
        rates = [np.nan if p.rate_g_per_s is None else predict(rate, p.rate_g_per_s, float(mass)) for p in found]
        close(rates, column(mine, "lr_N_per_s"))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("vector", VECTORS)
def test_predictions_over_the_whole_recording(model, vector):
    rows = table(f"03_predictions_full_hip_all_{model.replace('/', '-')}")
    mine = [r for r in rows if r[f"{vector}_peak_acc"] != "NA"]
    found = peaks("full", "filtered", vector)
    grf, rate = (equation(model, "hip", vector, p) for p in ("grf_n", "loading_rate_n_per_s"))
    close([predict(grf, p.peak_g, 78.0) for p in found], column(mine, f"{vector}_peak_grf"))
    rates = [np.nan if p.rate_g_per_s is None else predict(rate, p.rate_g_per_s, 78.0) for p in found]
    close(rates, column(mine, f"{vector}_peak_lr"))


@pytest.mark.parametrize("vector", VECTORS)
def test_the_summary_of_the_day(vector):
    found = peaks("full", "filtered", vector)
    grf, rate = (equation("walking/running", "hip", vector, p) for p in ("grf_n", "loading_rate_n_per_s"))
    values = {
        "acc": np.array([p.peak_g for p in found]),
        "grf": np.array([predict(grf, p.peak_g, 78.0) for p in found]),
        "lr": np.array([predict(rate, p.rate_g_per_s, 78.0) for p in found if p.rate_g_per_s is not None]),
    }
    for name, value in values.items():
        (row,) = table(f"04_summary_{vector}_peak_{name}")
        assert int(row["n_peaks"]) == len(found)
        for key, got in (("min", value.min()), ("max", value.max()), ("mean", value.mean()), ("sd", value.std(ddof=1))):
            assert round(got, 2) == pytest.approx(float(row[f"{key}_peaks"]), abs=0.0100001)
    (row,) = table(f"04_summary_{vector}_peak_acc")
    edges = [1, 2, 3, 4, 5, np.inf]
    keys = ["1_to_2_g", "2_to_3_g", "3_to_4_g", "4_to_5_g", "above_5_g"]
    assert np.histogram(values["acc"], edges)[0].tolist() == [int(row[f"n_peaks_{k}"]) for k in keys]


def test_the_readme_example():
    rows = table("00_readme_result")
    found = peaks("region", "filtered", "resultant")
    close([p.peak_g for p in found], column(rows, "resultant_peak_acc"))
    force = equation("walking/running", "hip", "resultant", "grf_n")
    close([predict(force, p.peak_g, 78.0) for p in found], column(rows, "resultant_peak_grf"))


def test_away_from_the_edges_the_streaming_impacts_are_impactrs():
    detector = ImpactDetector(sampling_rate_hz=RATE_HZ, criteria=impact_criteria())
    found = [*detector.push(SampleBlock(0, raw("full"))), *detector.flush()]
    rows = table("02_peaks_full_filtered_resultant")
    inside = {i - 1: h for i, h in zip(column(rows, "peak_index").astype(int), column(rows, "peak_acc"), strict=True)}
    inside = {i: h for i, h in inside.items() if 100 <= i < 29_900}
    ours = {p.peak_sample: p.peak_g for p in found if 100 <= p.peak_sample < 29_900}
    assert ours.keys() == inside.keys()
    assert max(abs(ours[i] - inside[i]) for i in inside) < TOLERANCE
    own = find_published_peaks(signal("full", "filtered", "resultant"), sampling_rate_hz=RATE_HZ, with_faults=False)
    rates = {p.peak_index: (p.start_index, p.rate_g_per_s) for p in own if 100 <= p.peak_index < 29_900}
    for impact in found:
        if impact.peak_sample in rates:
            start, rate = rates[impact.peak_sample]
            assert impact.onset_sample == start
            assert impact.acceleration_rate_g_per_s == pytest.approx(rate, abs=1e-6)
