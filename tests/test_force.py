import math

import pytest

from loadsense.criteria import Known
from loadsense.errors import ContentError
from loadsense.events import Activity
from loadsense.evidence.equations import FOLDER, force_equations, read_equations
from loadsense.force import estimate_force, predict, turn_over

G = 9.80665


def row(name, predicts="grf_n"):
    return next(e for e in force_equations() if e.name == name and e.predicts == predicts)


def estimate(activity, *, site="hip", mass=65.0, peak_g=2.0, rate=20.0, **more):
    return estimate_force(
        force_equations(),
        activity=activity,
        site=site,
        peak_g=peak_g,
        acceleration_rate_g_per_s=rate,
        body_mass_kg=mass,
        **more,
    )


# -- published numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("peak_g", "bw"), [(3.0, 2.46), (5.0, 3.29), (8.0, 4.54)])
def test_jumping_force_at_the_hip(peak_g, bw):
    equation = row("veras-2023-jumping-hip-vertical")
    assert predict(equation, peak_g, 65.0) / 65.0 / 9.807 == pytest.approx(bw, abs=0.006)


@pytest.mark.parametrize(("rate", "bw_per_s"), [(0.0, 52.5), (50.0, 67.3), (100.0, 82.1), (200.0, 111.8)])
def test_jumping_loading_rate_at_the_hip(rate, bw_per_s):
    equation = row("veras-2023-jumping-hip-vertical", "loading_rate_n_per_s")
    assert predict(equation, rate, 65.0) / 65.0 / 9.807 == pytest.approx(bw_per_s, abs=0.06)


@pytest.mark.parametrize(("peak_g", "running", "bw"), [(1.5, False, 1.11), (3.0, True, 2.22), (5.0, True, 2.48)])
def test_neugebauer(peak_g, running, bw):
    equation = row("neugebauer-2014-hip-vertical")
    assert predict(equation, peak_g, 65.0, running=running) / 65.0 / 9.807 == pytest.approx(bw, abs=0.006)


@pytest.mark.parametrize(
    ("name", "top_g"),
    [("hip-vertical", 2.40), ("hip-resultant", 2.54), ("back-vertical", 2.04), ("back-resultant", 2.08)],
)
def test_walking_turns_over(name, top_g):
    equation = row(f"veras-2020-walking-{name}")
    top = turn_over(equation, 65.0)
    assert top == pytest.approx(top_g, abs=0.006)
    assert predict(equation, top, 65.0) > predict(equation, top + 0.3, 65.0)
    assert turn_over(row("veras-2023-jumping-hip-vertical"), 65.0) is None


def test_every_lowest_body_mass_is_where_the_slope_changes_its_sign():
    for equation in force_equations():
        if equation.form != "linear":
            assert equation.min_body_mass_kg is None
            continue
        b = equation.coefficients
        if b[1] >= 0.0:
            assert equation.min_body_mass_kg is None
        else:
            assert 0.0 <= equation.min_body_mass_kg - (-b[1] / b[3]) < 0.1


def test_every_equation_says_where_it_comes_from():
    for equation in force_equations():
        assert equation.source.citation
        assert equation.source.doi.startswith("10.")
        assert equation.source.known in Known
        assert equation.mape_percent is None or 0 < equation.mape_percent < 50
    assert [e.name for e in force_equations() if e.refused] == ["veras-2022-walking-running-hip-resultant"]


# -- the domain ------------------------------------------------------------------------------------------------------


def test_an_estimate_inside_the_domain_has_everything():
    found = estimate(Activity.JUMPING, vector="vertical", peak_g=5.0, rate=100.0)
    assert found.model == "veras-2023-jumping-hip-vertical"
    assert found.peak_grf_n == pytest.approx(-786.169 + 177.403 * 5 + 23.953 * 65 + 1.355 * 5 * 65)
    assert found.peak_grf_bw == pytest.approx(found.peak_grf_n / 65.0 / G)
    assert found.loading_rate_n_per_s == pytest.approx(-11471.926 + 15.332 * 100 + 691.269 * 65 + 2.670 * 100 * 65)
    assert found.loading_rate_bw_per_s == pytest.approx(found.loading_rate_n_per_s / 65.0 / G)
    assert found.reason == ""


def test_no_body_mass_and_no_site_give_no_estimate():
    assert estimate(Activity.JUMPING, mass=None) is None
    assert estimate(Activity.JUMPING, site=None) is None


@pytest.mark.parametrize("activity", [Activity.UNKNOWN, Activity.STILL, Activity.OTHER, Activity.STAIRS])
def test_other_activities_have_no_equation(activity):
    found = estimate(activity)
    assert (found.peak_grf_n, found.peak_grf_bw, found.loading_rate_n_per_s) == (None, None, None)
    assert found.reason == f"no force equation for activity '{activity}' at the hip"


def test_a_light_runner_gets_the_reason_instead_of_a_force():
    found = estimate(Activity.RUNNING, mass=50.0)
    assert found.peak_grf_bw is None
    assert found.model == "veras-2022-walking-running-hip-resultant"
    assert found.reason == "body mass 50 kg is below 58.4 kg, where the slope of the equation changes sign"
    by_neugebauer = estimate(Activity.RUNNING, mass=50.0, vector="vertical", peak_g=3.0)
    assert by_neugebauer.model == "neugebauer-2014-hip-vertical"
    assert by_neugebauer.peak_grf_n == pytest.approx(math.exp(5.247 + 0.271 * 3 + 0.014 * 50 + 0.934 - 0.216 * 3))
    assert by_neugebauer.reason == "no loading rate: the model has no equation for the loading rate"


def test_a_light_walker_is_predicted_by_the_walking_model_up_to_its_turn_over():
    found = estimate(Activity.WALKING, mass=50.0, peak_g=1.5, rate=5.0)
    assert found.model == "veras-2020-walking-hip-resultant"
    assert 0.8 < found.peak_grf_bw < 1.6
    beyond = estimate(Activity.WALKING, mass=50.0, peak_g=3.0)
    assert beyond.peak_grf_bw is None
    rate_beyond = estimate(Activity.WALKING, mass=50.0, peak_g=1.5, rate=80.0)
    assert rate_beyond.peak_grf_bw is not None
    assert rate_beyond.loading_rate_n_per_s is None
    assert "g/s, where the equation turns over" in rate_beyond.reason


def test_the_turn_over_is_named_where_it_is_the_only_reason():
    only = tuple(e for e in force_equations() if e.name.startswith("veras-2020"))
    found = estimate_force(
        only, activity=Activity.WALKING, site="back", peak_g=2.2, acceleration_rate_g_per_s=None, body_mass_kg=65.0
    )
    assert found.reason == "2.20 g is beyond 2.08 g, where the equation turns over"


def test_the_suspect_row_is_refused_by_name():
    found = estimate(Activity.RUNNING, mass=100.0)
    assert found.peak_grf_bw is not None
    assert found.loading_rate_n_per_s is None
    assert found.reason == "no loading rate: refused: b2 and b3 are those of the back: a copying error is suspected"


def test_an_unknown_rate_leaves_the_force():
    found = estimate(Activity.JUMPING, rate=None)
    assert found.peak_grf_bw is not None
    assert found.reason == "no loading rate: no rise to measure"


def test_the_back_in_running_follows_the_slow_vertical_where_it_was_measured():
    slow = estimate(Activity.RUNNING, site="back", mass=76.8, peak_g=3.0, slow_vertical_g=2.3)
    assert (slow.model, slow.peak_grf_bw) == ("gurchiek-2017-sacrum-back-vertical", pytest.approx(2.3))
    rows = estimate(Activity.RUNNING, site="back", mass=76.8, peak_g=3.0)
    assert rows.model == "veras-2022-walking-running-back-resultant"
    walking = estimate(Activity.WALKING, site="back", mass=76.8, peak_g=1.5, slow_vertical_g=1.2)
    assert walking.model == "veras-2022-walking-running-back-resultant"


def test_the_ankle_has_rows_for_running_and_none_for_the_chest():
    assert estimate(Activity.RUNNING, site="ankle", mass=80.0).model.endswith("ankle-resultant")
    with_mass_below = estimate(Activity.JUMPING, site="ankle", mass=50.0)
    assert with_mass_below.peak_grf_n is None


# -- the files -------------------------------------------------------------------------------------------------------


def test_a_wrong_number_of_coefficients_is_named(tmp_path):
    text = (FOLDER / "neugebauer-2014.toml").read_text(encoding="utf-8")
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(", -0.216]", "]"), encoding="utf-8")
    with pytest.raises(ContentError, match=r"wrong\.toml.*'coefficients'.*5 numbers for the form 'log_linear'"):
        read_equations(path)
    path.write_text(text.replace("rank = 4", "rnak = 4"), encoding="utf-8")
    with pytest.raises(ContentError, match=r"wrong\.toml.*'rank' is missing"):
        read_equations(path)
