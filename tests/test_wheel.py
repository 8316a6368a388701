"""A wheel, installed outside the clone, holds everything the program needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_recordings" / "simulated-stage-1-hip.csv.gz"


def python(*arguments, **options):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder that the built wheel was installed into."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
    python(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("loadsense-*.whl")
    python(*pip, "install", "--no-deps", "--no-compile", "--target", folder / "site", wheel)
    return folder / "site"


def test_the_wheel_brings_its_data(installed):
    home = installed / "loadsense"
    in_clone = {path.relative_to(ROOT / "src" / "loadsense") for path in (ROOT / "src" / "loadsense").rglob("*.toml")}
    assert in_clone
    assert all((home / path).exists() for path in in_clone)
    assert (home / "py.typed").exists()
    assert (home / "firmware_config").is_dir()


def test_the_main_job_runs_from_the_wheel_alone(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = python("-c", "import loadsense; print(loadsense.__file__)", cwd=tmp_path, env=environment)
    assert where.startswith(str(installed))
    said = python("-m", "loadsense", "analyze", SAMPLE, "--placement", "hip", cwd=tmp_path, env=environment)
    assert said.splitlines()[-1].startswith("VERDICT ")
    assert (tmp_path / "outputs" / "simulated-stage-1-hip" / "report.html").stat().st_size > 10_000
