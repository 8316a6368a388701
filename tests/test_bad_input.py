"""Bad input on the command line: one clear sentence, exit 2 or 1, and nothing written."""

import gzip
import os
import random
from pathlib import Path

import pytest

from loadsense import cli

HEADER = "time,x,y,z\n"
ROWS = [f"{i / 100:.2f},{0.01 * (i % 3):.3f},0.02,{1.0 + 0.01 * (i % 5):.3f}\n" for i in range(6000)]


def changed(row, text):
    return HEADER + "".join([*ROWS[:row], text, *ROWS[row + 1 :]])


def uneasy():
    rng = random.Random(1)
    return HEADER + "".join(
        f"{i / 100:.2f}," + ",".join(f"{rng.uniform(0, 3):.3f}" for _ in range(3)) + "\n" for i in range(3000)
    )


#: What the file holds, what else is typed, and the words that must come back.
BAD = {
    "empty": ("", [], "the file is empty; expected rows of time,x,y,z"),
    "header only": (HEADER, [], "a header and no rows; expected rows of time,x,y,z: export it again"),
    "no numbers": ("a,b,c,d\nfoo,bar,baz,x\n" * 5, [], "no numeric columns found; expected a table of time,x,y,z"),
    "an axis missing": (
        "time,x,y\n" + "".join(f"{i / 100},0.1,1.0\n" for i in range(500)),
        [],
        "axis z missing among: time, x, y; expected x, y and z",
    ),
    "NaN": (changed(3000, "30.00,nan,0,1\n"), [], "row 3002, column x: the value is NaN; delete the row"),
    "infinity": (changed(3000, "30.00,0,inf,1\n"), [], "row 3002, column y: the value is infinite"),
    "text in a row": (changed(4321, "43.21,0,0,oops\n"), [], "row 4323, column z: 'oops' is not a number; correct or"),
    "time back": (changed(3000, "20.00,0,0,1\n"), [], "row 3002: time goes back 10.0 s"),
    "too slow": (
        HEADER + "".join(f"{i / 5},0.01,0.02,{1 + 0.01 * (i % 3)}\n" for i in range(600)),
        [],
        "sampling rate 5 Hz; expected at least 12 Hz",
    ),
    "nothing moves": (
        HEADER + "".join(f"{i / 100:.2f},0.5,0.5,0.5\n" for i in range(600)),
        [],
        "all samples are equal on all axes: the sensor did not record",
    ),
    "an ambiguous unit": (uneasy(), [], "the unit is ambiguous: the median norm is"),
    "a wrong unit": (HEADER + "".join(ROWS), ["--unit", "m/s2"], "is contradicted by quiet seconds"),
    "beyond the range": (changed(3000, "30.00,5.5,0,1\n"), ["--range-g", "2"], "beyond the declared range of +-2 g"),
    "a rate too low": (HEADER + "".join(ROWS), ["--sampling-rate-hz", "5"], "sampling rate 5 Hz; expected at least 12"),
    "no body": (HEADER + "".join(ROWS), ["--body-mass-kg", "0"], "body mass 0 kg; expected 20 to 300 kg"),
    "a body in grams": (HEADER + "".join(ROWS), ["--body-mass-kg", "6300"], "body mass 6300 kg; expected 20 to 300 kg"),
    "a placement": (HEADER + "".join(ROWS), ["--placement", "hipp"], "unknown placement 'hipp': did you mean 'hip'?"),
    "a profile": (HEADER + "".join(ROWS), ["--thresholds", "hip-hig"], "did you mean 'hip-high-rate'?"),
    "a plan": (HEADER + "".join(ROWS), ["--plan", "hirits"], "unknown plan 'hirits': did you mean 'hirit'?"),
}


def refused(capsys, arguments):
    code = cli._code([str(a) for a in arguments])
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    return code, said.err


@pytest.mark.parametrize("case", BAD)
def test_one_sentence_and_nothing_written(case, tmp_path, capsys):
    content, options, words = BAD[case]
    path = tmp_path / "in.csv"
    path.write_text(content)
    code, err = refused(capsys, ["analyze", path, "-o", tmp_path / "out", *options])
    assert code == 2
    assert words in err
    assert not (tmp_path / "out" / "in").exists()


def test_a_missing_file(tmp_path, capsys):
    code, err = refused(capsys, ["analyze", tmp_path / "none.csv", "-o", tmp_path / "out"])
    assert code == 2
    assert "no such file; check the name and the folder" in err


def test_a_binary_file_named_csv(tmp_path, capsys):
    (tmp_path / "in.csv").write_bytes(bytes(random.Random(2).randrange(256) for _ in range(5000)))
    code, err = refused(capsys, ["analyze", tmp_path / "in.csv", "-o", tmp_path / "out"])
    assert code == 2
    assert "a binary file, not text, and of no format known here" in err


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_gzip_cut_off_is_never_passed_off_as_the_whole(tmp_path, capsys, share):
    whole = gzip.compress((HEADER + "".join(ROWS)).encode())
    (tmp_path / "in.csv.gz").write_bytes(whole[: int(len(whole) * share)])
    code, err = refused(capsys, ["analyze", tmp_path / "in.csv.gz", "-o", tmp_path / "out"])
    assert code == 2
    assert "the gzip file is cut off in the middle; copy or download it again" in err
    assert not (tmp_path / "out" / "in").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_an_output_folder_that_cannot_be_made(tmp_path, capsys):
    path = tmp_path / "in.csv"
    path.write_text(HEADER + "".join(ROWS))
    (tmp_path / "file").write_text("in the way")
    code, err = refused(capsys, ["analyze", path, "-o", tmp_path / "file" / "out"])
    assert code == 2
    assert "is a file; give a folder with -o" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_the_worlds_fault_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    """The disk fills while the second file is written: a real ENOSPC from the system, as the writer would meet it."""
    path = tmp_path / "in.csv"
    path.write_text(HEADER + "".join(ROWS))
    real_open = Path.open

    def full(self, *args, **options):
        return real_open(Path("/dev/full") if self.name == "impacts.csv" else self, *args, **options)

    monkeypatch.setattr(Path, "open", full)
    code, err = refused(capsys, ["analyze", path, "--placement", "hip", "-o", tmp_path / "out"])
    assert code == 1
    assert "disk full while writing" in err
    assert "nothing was written; make room or give another -o" in err
    assert not any((tmp_path / "out").rglob("*.csv"))
