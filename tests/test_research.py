"""The example of docs/research.md, run as it stands: from an empty folder to a figure."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

PAGE = Path(__file__).parents[1] / "docs" / "research.md"
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text("utf-8"), re.S)


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed (extra docs)")
def test_the_example_goes_from_a_folder_to_a_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [kind for kind, _ in BLOCKS] == ["python", "sh", "python", "python", "python", "sh", "python"]
    spoken = {}
    for kind, text in BLOCKS:
        if kind == "sh":
            subprocess.run([sys.executable, "-m", *shlex.split(text)], check=True, capture_output=True)
        else:
            exec(text, spoken)
    per_day = pd.read_csv("impacts_per_band_per_day.csv", index_col=["participant", "day"])
    assert len(per_day) == 9
    assert per_day.loc[("p003", "2026-11-20")].iloc[-1] >= 4  # seven drops of about 6.6 g RAW, most above 5.1 g NET
    assert per_day.loc[("p001", "2026-11-16")].iloc[-1] == 0  # three of about 3 g, and steps
    assert Path("impacts_per_band_per_day.pdf").read_bytes().startswith(b"%PDF")
    assert Path("impacts_per_band_per_day.png").stat().st_size > 10_000
    assert len(list(Path("bids").glob("sub-p00?/ses-2026*/motion/*_motion.tsv"))) == 9
    assert len(list(Path("bids").glob("sub-p00?/ses-*/motion/*_motion.tsv"))) == 10  # nine, and session 1 from Python
    assert len(spoken["files"]) == 5
