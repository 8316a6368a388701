"""The habits of the house that no tool checks: short modules and functions, few parameters, nothing left to do."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src" / "loadsense").rglob("*.py"))
#: Functions that take more than five parameters, each with its reason.
CROWDED = {
    "cli.py": "the command line takes options one by one, as users name them",
    "live_cli.py": "and so do the live verbs",
    "export_cli.py": "and so does export",
    "serve_cli.py": "and so does serve",
    "people_cli/plans.py": "and so does plan",
    "people_cli/papers.py": "and so does report",
    "readers/__init__.py": "so does `read`",
    "readers/options.py": "the same options, to be checked",
    "samples.py": "the same facts, for `Recording.from_arrays`",
    "force.estimate_force": "the physical inputs of a published equation, by name",
    "protocol/session.landing_target": "what plan, person and command line each say of one target",
}
#: Where everything is caught, with its reason.
LAST_BORDERS = {"web/guard.py": "whoever asked gets one sentence and a number, and the log the lines of code"}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def name(path: Path) -> str:
    return path.relative_to(ROOT / "src" / "loadsense").as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_short_and_its_functions_shorter(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500
    assert {f.name: code_lines(f) for f in functions(path) if code_lines(f) > 40} == {}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_take_few_parameters(path):
    if name(path) in CROWDED:
        return
    crowded = {}
    for function in functions(path):
        every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        taken = [a.arg for a in every if a.arg not in ("self", "cls")]
        if len(taken) > 5 and f"{name(path).removesuffix('.py')}.{function.name}" not in CROWDED:
            crowded[function.name] = len(taken)
    assert crowded == {}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_is_left_to_do_and_no_except_is_broad(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
    assert name(path) in LAST_BORDERS or not re.search(r"except\s*(:|BaseException|Exception\b)", text)


def test_there_is_no_room_for_odds_and_ends():
    assert not [p for p in MODULES if p.stem in ("utils", "util", "helpers", "misc", "common")]


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = (ROOT / "src" / "loadsense" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{project["version"]}"' in package
    assert f"## {project['version']} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_requirement_is_pinned_to_one_public_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.]+", pin) for pin in pins)
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    wanted = [*project["dependencies"], *(r for rs in project["optional-dependencies"].values() for r in rs)]
    names = {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in wanted}
    assert names - {"loadsense"} <= pinned
