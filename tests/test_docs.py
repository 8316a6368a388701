"""The documentation says what the program does: every command, option, column and key, and every transcript."""

import re
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import typer.main

from loadsense.cli import app
from loadsense.frames import COLUMNS
from loadsense.render.csv_page import EVENT_COLUMNS
from loadsense.render.schema import summary_schema

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def load(name):
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


refresh = load("refresh")
GUIDE = (DOCS / "user-guide.md").read_text("utf-8")
DICTIONARY = (DOCS / "data-dictionary.md").read_text("utf-8")
COMMANDS = typer.main.get_command(app).commands


def parameters(command):
    """Of a verb, or of the verbs that it has."""
    return [*command.params, *(p for one in getattr(command, "commands", {}).values() for p in parameters(one))]


PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])


def test_the_data_dictionary_is_up_to_date():
    assert refresh.data_dictionary() == DICTIONARY, "run: python docs/refresh.py"


def test_the_data_dictionary_has_every_column():
    named = set(re.findall(r"^\| `([^`]+)` \|", DICTIONARY, re.M))
    columns = {column.name for table in [*COLUMNS.values(), EVENT_COLUMNS] for column in table}
    assert columns <= named


def test_the_data_dictionary_has_every_key_and_a_meaning_for_it():
    schema = summary_schema()
    paths = dict(refresh.keys(schema, schema["$defs"]))
    assert len(paths) > 150
    for path, node in paths.items():
        assert f"| `{path}` |" in DICTIONARY
        assert node["description"]


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_command_is_documented(verb):
    assert re.search(rf"^\| `{verb}\b", GUIDE, re.M)


@pytest.mark.parametrize(
    ("verb", "option"),
    sorted(
        {
            (verb, max(p.opts, key=len))
            for verb, command in COMMANDS.items()
            for p in parameters(command)
            if p.param_type_name == "option"
        }
    ),
)
def test_every_option_is_documented_with_the_verbs_that_take_it(verb, option):
    (row,) = re.findall(rf"^\|[^|\n]*`{option}`[^|\n]*\|([^|\n]*)\|", GUIDE, re.M)
    assert verb in row or "all" in row


def test_no_option_is_documented_that_does_not_exist():
    known = {name for c in COMMANDS.values() for p in parameters(c) for name in p.opts} | {"--version", "--help", "-h"}
    documented = {
        name for row in re.findall(r"^\| ((?:`-[^|]*)+)\|", GUIDE, re.M) for name in re.findall(r"`(-[^`]+)`", row)
    }
    assert documented
    assert documented <= known


@pytest.mark.skipif(sys.platform == "win32", reason="transcripts are of a POSIX shell")
@pytest.mark.parametrize(
    "page", [page for page in DOCS.glob("*.md") if "$ loadsense" in page.read_text("utf-8")], ids=lambda p: p.name
)
def test_transcripts_are_what_the_program_prints(page):
    text = page.read_text("utf-8")
    assert refresh.with_transcripts(text) == text, "run: python docs/refresh.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not target.startswith(("http", "mailto:")):
            assert (page.parent / target).exists(), target


def test_every_picture_is_shown_by_a_page():
    shown = {Path(t).name for page in PAGES for t in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text("utf-8"))}
    assert {picture.name for picture in (DOCS / "images").iterdir()} <= shown


def test_the_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "sample_recordings" / "simulated-hip-session.csv.gz", "session.csv")
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    spoken: dict[str, object] = {}
    exec(example, spoken)
    assert spoken["report"].verdict.sentence.startswith("VERDICT REACHED")
    assert (tmp_path / "outputs" / "session" / "report.html").exists()


def test_the_citation_file_names_this_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)[1]
    assert f"version: {version}\n" in citation
    assert citation.startswith("cff-version: 1.2.0\n")
