"""Compiled loops, the same loops as plain Python, and their definitions in numpy and scipy: the same bits."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from importlib.util import spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt, sosfilt_zi

import loadsense as ls
from loadsense import kernels, lowpass
from loadsense.ahead import BLOCKS_AHEAD, read_ahead
from loadsense.conditioning.seconds import seconds_of
from loadsense.detection import activity, rhythm
from loadsense.kernels import lowpass as plain_lowpass
from loadsense.kernels import movements as plain_movements
from loadsense.kernels import seconds as plain_seconds
from loadsense.kernels import sums
from loadsense.kernels import text as plain_text
from loadsense.kernels.family import is_on_disk

ROOT = Path(__file__).parents[1]
SAMPLES = sorted((ROOT / "sample_recordings").glob("*.csv.gz"))
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def loops():
    """The compiled loops."""
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    return kernels.Kernels()


@pytest.fixture(autouse=True)
def _reference(monkeypatch):
    """Without loops unless a test asks for them, so that every definition is met."""
    monkeypatch.setattr(kernels._choice, "kernels", None)
    monkeypatch.setattr(kernels._choice, "is_settled", True)


def use(loops, monkeypatch):
    monkeypatch.setattr(kernels._choice, "kernels", loops)


def gait(n, seed):
    """Something with rhythm, peaks, rest and noise; RAW g, three decimals as files have them."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 100.0
    size = rng.choice([0.01, 0.3, 2.0], size=n // 400 + 1).repeat(400)[:n]
    wave = size * np.abs(np.sin(np.pi * t * rng.uniform(1.2, 3.0))) ** 3 * rng.uniform(0.5, 2.0)
    axes = np.stack((0.2 * wave, 1.0 + wave, -0.3 * wave), axis=1) + rng.normal(size=(n, 3)) * 0.01
    return axes.round(3)


# -- sums and likeness


@given(n=st.integers(1, kernels.LONGEST_SUM), seed=SEEDS)
def test_sums_are_added_up_in_the_order_of_numpy(n, seed):
    values = np.random.default_rng(seed).normal(size=n) * 10.0 ** np.random.default_rng(seed).integers(-8, 8, size=n)
    assert sums.sum_in_order(values, n) == values.sum()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(60, 330), first=st.integers(5, 30), step=st.integers(1, 3), seed=SEEDS)
def test_autocorrelations_are_those_of_numpy(loops, n, first, step, seed):
    signal = np.minimum(np.linalg.norm(gait(n, seed), axis=1), 4.0)
    lags = np.arange(first, n - 20, step)
    expected = rhythm.autocorrelations(signal, lags)
    assert (loops.autocorrelations(signal, lags) == expected).all()
    few = lags[:5]
    assert (plain_movements.autocorrelations(signal, few) == rhythm.autocorrelations(signal, few)).all()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(60, 330), lag=st.integers(1, 50), seed=SEEDS)
def test_likeness_is_that_of_numpy(loops, n, lag, seed):
    rows = gait(n, seed)
    expected = rhythm.likeness(rows, lag)
    assert loops.likeness(rows, lag) == expected
    assert plain_movements.likeness(rows, lag) == expected


@pytest.mark.parametrize("seed", range(6))
def test_movements_are_those_of_numpy(loops, monkeypatch, seed):
    rows = gait(4000, seed)
    starts = np.arange(0, 3600, 200)
    edges = np.stack((starts, starts + 400), axis=1)
    edges = np.concatenate((edges, [[0, 300], [10, 95], [0, 80]]))
    expected = activity.movements(rows, edges, 0.05)
    assert any(found is None for found in expected)
    assert any(found is not None and found.step_s for found in expected)
    plain = plain_movements.movements(rows, edges, activity._LAGS, activity._LONGEST_STEP, 0.05).tolist()
    use(loops, monkeypatch)
    assert activity.movements(rows, edges, 0.05) == expected
    assert [activity._movement(row) if row[0] else None for row in plain] == expected


# -- seconds


@settings(max_examples=30, deadline=None)
@given(per_second=st.integers(12, 420), n=st.integers(1, 2000), seed=SEEDS)
def test_seconds_are_those_of_numpy_in_the_same_layout(loops, per_second, n, seed):
    rows = gait(n, seed)
    expected = seconds_of(rows, samples_per_second=per_second)
    with pytest.MonkeyPatch.context() as patch:
        use(loops, patch)
        found = seconds_of(rows, samples_per_second=per_second)
    plain = plain_seconds.seconds(rows, per_second)
    for at, name in enumerate(("mean_g", "variance_g2", "low_g", "high_g")):
        one, other = getattr(expected, name), getattr(found, name)
        assert (one == other).all()
        assert (one == plain[at].T).all()
        assert one.flags.f_contiguous == other.flags.f_contiguous  # later sums depend on it


# -- low-pass


@pytest.mark.parametrize(
    "rate_hz", [12.0, 12.5, 25.0, 31.25, 50.0, 52.0, 85.7, 99.87, 100.0, 100.02, 208.0, 400.0, 1920.0]
)
@pytest.mark.parametrize("cutoff_hz", [0.5, 3.0, 10.0, 20.0, 33.0, 85.0])
def test_the_design_is_that_of_scipy(rate_hz, cutoff_hz):
    cutoff_hz = lowpass.possible_cutoff_hz(cutoff_hz, rate_hz)
    sos, steady = lowpass._design(cutoff_hz, rate_hz)
    expected = butter(4, cutoff_hz, fs=rate_hz, output="sos")
    assert (sos == expected).all()
    assert (steady == sosfilt_zi(expected)).all()


def test_the_filter_is_that_of_scipy(loops, monkeypatch):
    rows = gait(3000, 1)
    low_pass = lowpass._Filter(20.0, 100.0)
    state = low_pass.settled_at(rows[0])
    expected, after = sosfilt(low_pass._sos, rows.T, axis=-1, zi=state)
    plain, plain_state = np.empty((3, 300)), state.copy()
    plain_lowpass.low_pass(rows[:300].T, low_pass._sections, plain_state, plain)
    assert (plain == expected[:, :300]).all()
    use(loops, monkeypatch)
    found, found_state = low_pass.run(rows.T, state)
    assert (found == expected).all()
    assert (found_state == after).all()


@pytest.mark.parametrize("shape", [(3, 500), (1, 500), (500,), (3, 4, 270), (3, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_loop_of_scipy_is_its_filter(shape, order, monkeypatch):
    signals = np.asarray(np.random.default_rng(5).normal(size=shape), order=order)
    low_pass = lowpass._Filter(20.0, 100.0)
    state = low_pass.settled_at(signals[..., 0])
    before = state.copy()
    expected, expected_state = sosfilt(low_pass._sos, signals, axis=-1, zi=state)
    assert lowpass._loop_of_scipy() is not None
    for _ in range(2):
        found, after = lowpass._sosfilt(low_pass._sos, signals, state)
        assert (found == expected).all()
        assert (after == expected_state).all()
        assert (state == before).all()
        monkeypatch.setattr(lowpass, "_loop_of_scipy", lambda: None)


@pytest.mark.parametrize(
    "source",
    [
        "import nothing_of_this_name",
        "",
        "def _sosfilt(sos, x, zi, axis): pass",
        "def _sosfilt(sos, x, zi): return x, zi",
        "def _sosfilt(sos, x, zi): raise ValueError('Buffer has wrong number of dimensions')",
    ],
)
def test_a_scipy_that_calls_its_loop_otherwise_still_filters(source, tmp_path, monkeypatch):
    (tmp_path / "later.py").write_text(source)
    later = spec_from_file_location("later", tmp_path / "later.py")
    monkeypatch.setattr(lowpass, "PathFinder", SimpleNamespace(find_spec=lambda *_: later))
    signals = np.random.default_rng(5).normal(size=(3, 270))
    low_pass = lowpass._Filter(20.0, 100.0)
    state = low_pass.settled_at(signals[..., 0])
    expected, _ = sosfilt(low_pass._sos, signals, axis=-1, zi=state)
    lowpass._loop_of_scipy.cache_clear()
    try:
        assert lowpass._loop_of_scipy() is None
        assert (lowpass._sosfilt(low_pass._sos, signals, state)[0] == expected).all()
    finally:
        lowpass._loop_of_scipy.cache_clear()


def test_the_loop_of_scipy_comes_without_the_rest_of_its_signals():
    code = (
        "import sys; import numpy as np; from loadsense.lowpass import zero_phase;"
        "zero_phase(np.ones((3, 50)), cutoff_hz=20.0, sampling_rate_hz=100.0); sys.exit('scipy.signal' in sys.modules)"
    )
    environment = {**os.environ, "LOADSENSE_COMPILE": "0"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_hops_backwards_are_those_of_scipy(loops, monkeypatch):
    forward = np.ascontiguousarray(gait(1071, 2).T)
    low_pass = lowpass._Filter(20.0, 100.0)
    expected, plain, found = (np.empty((3, 5, 200)) for _ in range(3))
    low_pass.run_backward_in_hops(forward, 70, expected)
    plain_lowpass.low_pass_hops(forward, low_pass._sections, low_pass._steady, 70, plain)
    assert (plain == expected).all()
    use(loops, monkeypatch)
    low_pass.run_backward_in_hops(forward, 70, found)
    assert (found == expected).all()


@pytest.mark.parametrize("n_signals", [1, 3])
def test_a_closed_window_is_filtered_alike(loops, monkeypatch, n_signals):
    window = np.ascontiguousarray(gait(290, 3).T[:n_signals])
    expected = lowpass.zero_phase(window, cutoff_hz=20.0, sampling_rate_hz=100.0)
    use(loops, monkeypatch)
    assert (lowpass.zero_phase(window, cutoff_hz=20.0, sampling_rate_hz=100.0) == expected).all()


# -- the whole engine


def events_of(path):
    recording = ls.read(path, placement="wrist" if "wrist" in path.name else "hip")
    engine = ls.Engine(recording.info)
    events = [event for item in recording.blocks() for event in engine.push(item)]
    return [*events, *engine.flush()], engine.result()


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_engine_says_the_same_with_and_without(loops, monkeypatch, path):
    expected = events_of(path)
    assert expected[0]
    use(loops, monkeypatch)
    assert events_of(path) == expected


# -- which of the two runs


def test_switched_off_they_are_never_loaded(monkeypatch):
    monkeypatch.setenv("LOADSENSE_COMPILE", "0")
    monkeypatch.setattr(kernels, "_choice", kernels._Choice())
    assert kernels.prepare(10**9) is None
    assert kernels.compiled() is None


def test_they_are_compiled_for_a_long_stream_alone(loops, monkeypatch):
    monkeypatch.delenv("LOADSENSE_COMPILE", raising=False)
    monkeypatch.setattr(kernels, "_missing", lambda: [plain_text.table])
    monkeypatch.setattr(kernels, "_choice", kernels._Choice())
    assert kernels.prepare(kernels.WORTH_COMPILING_SAMPLES) is None
    assert kernels.prepare(kernels.WORTH_COMPILING_SAMPLES + 1) is kernels.compiled() is not None
    assert kernels.prepare(0) is kernels.compiled()


def test_what_was_compiled_before_is_known_by_its_files(loops, monkeypatch):
    assert kernels._missing() == []
    monkeypatch.delenv("LOADSENSE_COMPILE", raising=False)
    monkeypatch.setattr(kernels, "_choice", kernels._Choice())
    assert kernels.prepare(0) is not None


def test_short_files_do_without_them_until_many_have_come(loops, monkeypatch):
    monkeypatch.delenv("LOADSENSE_COMPILE", raising=False)
    monkeypatch.setattr(kernels, "_choice", kernels._Choice())
    most = kernels.WORTH_LOADING_BYTES
    for n_bytes in (most // 2, most // 2 - 1):
        with kernels.expecting(n_bytes):
            assert kernels.prepare(kernels.WORTH_COMPILING_SAMPLES) is None
    with kernels.expecting(1):
        assert kernels.prepare(0) is not None


@pytest.mark.parametrize("n_bytes", [0, kernels.WORTH_LOADING_BYTES])
def test_files_that_are_long_or_of_unknown_length_have_them_at_once(loops, monkeypatch, n_bytes):
    monkeypatch.delenv("LOADSENSE_COMPILE", raising=False)
    monkeypatch.setattr(kernels, "_choice", kernels._Choice())
    with kernels.expecting(n_bytes):
        assert kernels.prepare(0) is not None


def test_a_short_file_says_nothing_of_what_comes_after_it(loops, monkeypatch):
    monkeypatch.delenv("LOADSENSE_COMPILE", raising=False)
    monkeypatch.setattr(kernels, "_choice", kernels._Choice())
    with kernels.expecting(1):
        assert kernels.prepare(0) is None
    assert kernels.prepare(0) is not None


def test_a_loop_is_compiled_again_when_what_it_calls_was_changed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "inner_of_a_loop.py").write_text("def inner(x):\n    return x\n")
    (tmp_path / "loop_of_a_test.py").write_text("def outer(x):\n    return x\n")
    from inner_of_a_loop import inner
    from loop_of_a_test import outer

    assert not is_on_disk(outer, (inner,))
    (tmp_path / "__pycache__").mkdir(exist_ok=True)
    index = tmp_path / "__pycache__" / "loop_of_a_test.outer-1.py311.nbi"
    index.touch()
    os.utime(index, (2e9, 2e9))
    assert is_on_disk(outer, (inner,))
    os.utime(tmp_path / "inner_of_a_loop.py", (3e9, 3e9))
    assert not is_on_disk(outer, (inner,))
    assert not index.exists()


def test_a_loop_that_is_none_is_named(loops):
    with pytest.raises(AttributeError, match=r"no loop is called 'lowpas'; there are .*, low_pass, "):
        _ = loops.lowpas


def test_without_numba_the_definitions_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setenv("LOADSENSE_COMPILE", "1")
    monkeypatch.setattr(kernels, "_choice", kernels._Choice())
    assert kernels.prepare(0) is None


def test_help_needs_neither_compiler_nor_filters():
    code = "import sys, loadsense.cli; sys.exit(any(m in sys.modules for m in ('numba', 'scipy.signal', 'pandas')))"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


# -- reading ahead


@given(n=st.integers(0, 20), taken=st.integers(0, 25))
def test_what_is_read_ahead_comes_whole_and_in_order(n, taken):
    assert list(itertools.islice(read_ahead(iter(range(n))), taken)) == list(range(min(n, taken)))


def test_a_fault_comes_behind_what_was_read_before_it():
    def rows():
        yield 1
        yield 2
        raise ls.LoadSenseError("row 3: broken")

    taken = []
    with pytest.raises(ls.LoadSenseError, match="row 3: broken"):
        taken.extend(read_ahead(rows()))
    seen = read_ahead(rows())
    assert [next(seen), next(seen)] == [1, 2]
    with pytest.raises(ls.LoadSenseError, match="row 3"):
        next(seen)


def test_no_more_is_read_than_the_blocks_ahead():
    made = []

    def things():
        for i in range(100):
            made.append(i)
            yield i

    seen = read_ahead(things())
    assert next(seen) == 0
    seen.close()
    assert len(made) <= BLOCKS_AHEAD + 1
