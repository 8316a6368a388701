"""Every command of the README runs word for word and prints what the README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Each command with the lines printed below it; a line of dots stands for anything."""
    found: list[tuple[str, list[str]]] = []
    for line in "\n".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip() not in ("", "..."):
            found[-1][1].append(line)
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder with what the README's commands find in a clone."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "sample_recordings", folder / "sample_recordings")
    return folder


def run(arguments: list[str], clone: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "400", "PYTHONIOENCODING": "utf-8"}
    program = shutil.which(arguments[0], path=path)
    assert program is not None, f"{arguments[0]} is not installed"
    done = subprocess.run(
        [program, *arguments[1:]],
        cwd=clone,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("command", "printed"), commands(), ids=lambda v: v[:60] if isinstance(v, str) else "")
def test_a_command_of_the_readme_prints_what_the_readme_says(command, printed, clone):
    output = run(command.split(), clone)
    for line in printed:
        assert line in output
    assert printed, "a command of the README shows something of its output"


@pytest.mark.parametrize("program", blocks("python"))
def test_the_python_of_the_readme_runs(program, clone):
    assert "VERDICT REACHED" in run([sys.executable, "-W", "error", "-c", program], clone)


def test_the_make_commands_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {line.split()[1] for line in "\n".join(blocks("sh")).splitlines() if line.startswith("make ")}
    assert {"demo", "test"} <= named <= targets


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_analysis_leaves_the_files_the_readme_names(clone):
    file = "sample_recordings/simulated-hip-session.csv.gz"
    run(["loadsense", "analyze", file, "--placement", "hip", "-q", "-o", "there"], clone)
    made = {path.name for path in (clone / "there" / "simulated-hip-session").iterdir()}
    assert made == {"report.html", "summary.json", "events.csv", "impacts.csv"}
