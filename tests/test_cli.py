"""The command line: what is typed, what comes back, and one line for every mistake."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from builders import report, verdict

from loadsense import __version__, cli
from loadsense.render import terminal
from loadsense.render.page import session_page
from loadsense.render.progress import Progress
from loadsense.render.schema import summary_schema

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_recordings"
HIP = str(SAMPLES / "simulated-hip-session.csv.gz")
PAIR = [f"hip={SAMPLES / 'simulated-hirit-hip.csv.gz'}", f"wrist={SAMPLES / 'simulated-hirit-wrist.csv.gz'}"]
LOADS = ["--load", "deadlift=60", "--load", "back_squat=52", "--load", "overhead_press=26"]
P017 = ["--person", str(SAMPLES / "people" / "p017.toml")]


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        code = cli._code([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "loadsense", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


# -- the main job
def test_a_hip_session_from_file_to_verdict(run, tmp_path):
    code, out, err = run("analyze", HIP, "--placement", "hip", "--tz", "Europe/Madrid", "--range-g", 16)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert len(lines) <= 15
    assert lines[-1].startswith("VERDICT REACHED - 25 of 25 landings")
    folder = tmp_path / "outputs" / "simulated-hip-session"
    assert {path.name for path in folder.iterdir()} == {"summary.json", "events.csv", "impacts.csv", "report.html"}
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    jsonschema.validate(summary, summary_schema())
    assert summary["arguments"] == {"placement": "hip", "range_g": "16.0", "tz": "Europe/Madrid"}
    assert summary["recording"]["start_time"] == "2026-11-20T17:30:00.000+01:00"


def test_json_is_what_the_file_holds(run, tmp_path):
    code, out, _ = run("analyze", HIP, "--placement", "hip", "--json", "-o", "o")
    assert code == 0
    assert out == (tmp_path / "o" / "simulated-hip-session" / "summary.json").read_text("utf-8")


def test_quiet_prints_the_verdict_alone(run):
    code, out, _ = run("analyze", HIP, "--placement", "hip", "-q")
    assert code == 0
    assert re.fullmatch(r"VERDICT REACHED - .*\n", out)


def test_hip_and_wrist_are_one_session(run, tmp_path):
    code, out, err = run("analyze", "--together", *PAIR, *P017, *LOADS, "--tz", "Europe/Madrid", "-o", "o")
    assert (code, err) == (0, "")
    assert "sensors      hip + wrist, 100 / 50 Hz" in out
    summary = json.loads((tmp_path / "o" / "simulated-hirit-hip" / "summary.json").read_text("utf-8"))
    jsonschema.validate(summary, summary_schema())
    assert [one["sensor"] for one in summary["recordings"]] == ["hip", "wrist"]
    assert summary["recording"]["body_mass_kg"] == 63.1
    assert summary["arguments"]["loads_kg"] == "deadlift=60, back_squat=52, overhead_press=26"
    assert {row["source"] for row in summary["prescription"]["rows"]} >= {"hip sensor", "wrist sensor"}


def test_offsets_may_follow_one_another(run):
    code, out, err = run("analyze", "--together", *PAIR, "--offset", "hip=0", "wrist=2.5", "--end", 60, "--json")
    assert (code, err) == (0, "")
    assert [one["offset_s"] for one in json.loads(out)["recordings"]] == [0.0, 2.5]


def test_the_body_mass_of_the_person_gives_way_to_the_one_typed(run):
    _, out, _ = run("analyze", HIP, "--placement", "hip", *P017, "--body-mass-kg", 70, "--json")
    assert json.loads(out)["recording"]["body_mass_kg"] == 70.0


def test_a_bad_file_does_not_stop_the_others(run, tmp_path):
    Path("empty.csv").write_text("")
    code, out, err = run("analyze", "empty.csv", HIP, "--placement", "hip", "-q")
    assert code == 2
    assert out.strip().startswith("VERDICT REACHED")
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["simulated-hip-session"]


def test_two_files_of_one_name_do_not_overwrite_each_other(run, tmp_path):
    for folder in "ab":
        Path(folder).mkdir()
        (Path(folder) / "s.csv.gz").write_bytes(Path(HIP).read_bytes())
    code, _, _ = run("analyze", "a/s.csv.gz", "b/s.csv.gz", "--placement", "hip", "-q")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == ["s", "s-2"]


# -- the other verbs
def test_inspect_says_what_a_file_is_and_what_it_cannot_tell(run):
    code, out, err = run("inspect", HIP)
    said = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in out.splitlines() if not line.startswith("cannot"))
    assert (code, err) == (0, "")
    assert said["columns"] == "time, acc_x, acc_y, acc_z"
    assert said["unit"].startswith("m/s2 (median norm 9.8")
    assert said["rate"].startswith("100.0 Hz (measured 100.00 Hz, ")
    assert "give --tz" in out
    assert "give --placement" in out


def test_inspect_for_a_program(run):
    code, out, _ = run("inspect", HIP, "--tz", "Europe/Madrid", "--json")
    found = json.loads(out)
    assert code == 0
    assert re.fullmatch(r"2026-11-20T17:30:00(\.\d+)?\+01:00", found["start"])
    assert found["n_gaps"] == 0


def test_inspect_refuses_an_unknown_plan_as_analyze_does(run):
    code, _, err = run("inspect", HIP, "--plan", "hiirit")
    assert code == 2
    assert "did you mean 'hirit'" in err


def test_thresholds_carry_their_sources_and_marks(run):
    code, out, _ = run("thresholds")
    assert code == 0
    assert re.search(r"hip-high-magnitude: 3\.9 g NET\n.*\n.*10\.1007/s00198-005-0005-x", out)
    assert "[recalled]" in out
    _, listed, _ = run("thresholds", "--json")
    rows = {row["name"]: row for row in json.loads(listed)}
    assert rows["hip-high-magnitude"]["source"]["doi"] == "10.1007/s00198-005-0005-x"


def test_simulate_lists_and_makes(run, tmp_path):
    code, out, _ = run("simulate")
    assert code == 0
    assert "stage-1-hip" in out
    code, out, _ = run("simulate", "range-2g", "-o", "made", "--seed", 3)
    assert code == 0
    assert [Path(line).name for line in out.splitlines()] == ["simulated-range-2g.csv.gz", "simulated-range-2g.json"]
    assert json.loads(Path("made/simulated-range-2g.json").read_text("utf-8"))["seed"] == 3


def test_an_unknown_scenario_is_refused(run):
    code, _, err = run("simulate", "hip-sesion")
    assert code == 2
    assert "did you mean 'hip-session'" in err


def test_the_version(run):
    assert run("--version") == (0, f"loadsense {__version__}\n", "")


def test_no_arguments_is_the_help(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "analyze" in out


@pytest.mark.parametrize("verb", ["analyze", "inspect", "thresholds", "simulate"])
def test_every_verb_has_an_example(run, verb):
    code, out, _ = run(verb, "--help")
    assert code == 0
    assert f"Example: loadsense {verb}" in out


# -- mistakes: one line, exit 2, nothing written
MISTAKES = {
    "no such file": (["nowhere.csv"], "nowhere.csv"),
    "unknown placement": ([HIP, "--placement", "hipp"], "did you mean 'hip'"),
    "unknown zone": ([HIP, "--tz", "Europe/Madird"], "did you mean 'Europe/Madrid'"),
    "unknown plan": ([HIP, "--plan", "hiirit"], "did you mean 'hirit'"),
    "unknown profile": ([HIP, "--thresholds", "hip-high"], "Known: "),
    "a body mass of nothing": ([HIP, "--body-mass-kg", "0"], "expected 20 to 300 kg"),
    "body mass in grams": ([HIP, "--body-mass-kg", "6300"], "expected 20 to 300 kg"),
    "load without a number": ([HIP, "--load", "deadlift"], "such as deadlift=60"),
    "load without a name": ([HIP, "--load", "=60"], "such as deadlift=60"),
    "no person file": ([HIP, "--person", "nobody.toml"], "nobody.toml"),
    "no files": ([], "FILE"),
    "unknown option": ([HIP, "--placment", "hip"], "--placement"),
    "not a number": ([HIP, "--range-g", "wide"], "'--range-g': Input should be a valid number"),
    "one sensor together": (["--together", PAIR[0]], "two or more sensors"),
    "a sensor without a file": (["--together", PAIR[0], "wrist="], "two or more sensors"),
    "a sensor twice": (["--together", PAIR[0], PAIR[0]], "named twice"),
    "a placement together": (["--together", *PAIR, "--placement", "hip"], "--placement has no meaning"),
    "an offset of nobody": (["--together", *PAIR, "--offset", "ankle=1"], "none of the sensors hip, wrist"),
    "an offset without a number": (["--together", *PAIR, "--offset", "hip"], "such as wrist=2.5"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(run, tmp_path, arguments, words):
    code, out, err = run("analyze", *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_is_a_file_is_refused_before_any_work(run):
    Path("out").write_text("")
    code, _, err = run("analyze", HIP, "-o", "out")
    assert code == 2
    assert "is a file; give a folder with -o" in err


# -- as a process
def test_nothing_of_weight_is_imported_for_help():
    script = (
        "import sys; from loadsense import cli; cli._code(['--help']);"
        "print(*sorted({'numpy', 'scipy', 'pandas', 'rich', 'jinja2'} & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stderr == "\n"


def test_a_report_is_made_without_pandas(tmp_path):
    script = (
        "import sys; sys.path.insert(0, 'tests'); from builders import report;"
        f"report().write({str(tmp_path)!r}); print('pandas' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_a_mistake_is_one_line_in_a_process_too(tmp_path):
    ran = python("analyze", "nowhere.csv", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break with a signal on POSIX only")
def test_a_reader_that_goes_away_is_no_error(tmp_path):
    command = [sys.executable, "-m", "loadsense", "thresholds"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert b"Traceback" not in said


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_a_terminal_gets_colour_and_a_pipe_does_not(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = terminal.lines(session_page(report()))
    screen, pipe = Screen(), io.StringIO()
    terminal.show(lines, screen)
    terminal.show(lines, pipe)
    assert "\x1b[1;32mVERDICT REACHED" in screen.getvalue()
    assert "\x1b" not in pipe.getvalue()
    assert pipe.getvalue().splitlines() == [line.plain for line in lines]


def test_a_terminal_that_wants_no_colour_gets_none(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    terminal.show(terminal.lines(session_page(report(verdict=verdict("not_reached")))), screen)
    assert "\x1b[1;33m" not in screen.getvalue()
    assert "VERDICT NOT REACHED" in screen.getvalue()


def test_progress_shows_on_a_terminal_when_it_takes_long():
    screen = Screen()
    with Progress(quiet=False, stream=screen, patience_s=0.0) as progress:
        progress("hip", 100_000)
        progress("hip", 250_000)
    assert "hip" in screen.getvalue()
    assert "samples" in screen.getvalue()


@pytest.mark.parametrize(
    "options",
    [{"quiet": True, "stream": Screen(), "patience_s": 0.0}, {"quiet": False, "stream": Screen()}, {"quiet": False}],
    ids=["quiet", "short", "not a terminal"],
)
def test_progress_is_silent_when_quiet_short_or_unseen(options, capsys):
    with Progress(**options) as progress:
        progress("hip", 1000)
    assert capsys.readouterr().err == ""
    assert "stream" not in options or options["stream"].getvalue() == ""


def test_main_leaves_with_the_exit_code(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["analyze", "nowhere.csv"])
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
