"""Work in a copy of the process: what it gets, its answer, its death, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from loadsense.beside import SLOT_SAMPLES, SLOTS, CopyLostError, beside
from loadsense.samples import Gap, SampleBlock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")

HERE = os.getpid()


def living_copies():
    """Copies that have not ended; other children are those of tests before."""
    return [child for child in multiprocessing.active_children() if child.name == "loadsense-beside"]


def items_of(lengths):
    """Blocks of some lengths, each sample its own number, and a gap of three behind each."""
    first = 0
    for n in lengths:
        yield SampleBlock(first, np.arange(first, first + n, dtype=np.float64)[:, None] + np.array([0.0, 0.25, 0.5]))
        yield Gap(first + n, 3, "packet lost")
        first += n + 3


def take(given):
    """Everything that came, blocks that follow each other joined, and the last word."""
    gaps, rows, at = [], [], []
    for item in given.items():
        if isinstance(item, Gap):
            gaps.append(item)
        else:
            rows.append(item.accel_g)
            at.append(np.arange(item.first_sample, item.first_sample + len(item)))
    return os.getpid(), gaps, np.concatenate(rows), np.concatenate(at), given.last_word()


def test_another_process_gets_every_sample_and_gap_in_order():
    lengths = [5, 1, 2 * SLOT_SAMPLES + 7, *[100] * (3 * SLOTS), SLOT_SAMPLES]
    with beside(take) as other:
        for item in items_of(lengths):
            other.give(item)
        assert len(living_copies()) == 1
        process_id, gaps, rows, at, word = other.answer("the end")
    assert process_id != HERE
    assert word == "the end"
    assert gaps == [item for item in items_of(lengths) if isinstance(item, Gap)]
    blocks = [item for item in items_of(lengths) if isinstance(item, SampleBlock)]
    np.testing.assert_array_equal(rows, np.concatenate([block.accel_g for block in blocks]))
    np.testing.assert_array_equal(at, rows[:, 0].astype(int))
    assert living_copies() == []


def die(_given):
    os.kill(os.getpid(), signal.SIGKILL)


def fail(given):
    for item in given.items():
        raise ValueError(f"cannot bear {item}")


@pytest.mark.parametrize("work", [die, fail])
def test_a_copy_that_is_lost_is_noticed_and_silent(work, capfd):
    with beside(work) as other, pytest.raises(CopyLostError):  # noqa: PT012  which of them notices hangs on the time
        for item in items_of([10] * 50):
            other.give(item)
        other.answer(None)
    assert capfd.readouterr() == ("", "")


def test_who_leaves_early_ends_the_copy():
    with pytest.raises(KeyError, match="enough"), beside(take) as other:  # noqa: PT012  that is what leaving is
        other.give(Gap(0, 3))
        raise KeyError("enough")
    assert living_copies() == []


SEVERAL_THREADS = """
import threading
from loadsense.beside import can_work_beside

alone, may_end = can_work_beside(), threading.Event()
other = threading.Thread(target=may_end.wait)
other.start()
print(alone, can_work_beside())
may_end.set()
"""


def test_a_process_of_several_threads_is_not_copied():
    """In a fresh process: this one may have threads of other tests."""
    command = [sys.executable, "-c", SEVERAL_THREADS]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "True False\n"


def is_alive(process_id: int) -> bool:
    """Whether a process runs; one that has ended and is not yet buried does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


WAITING = """
import os, time
from loadsense.beside import beside

def work(given):
    print(os.getpid(), flush=True)
    return [*given.items()]

with beside(work):
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_orphan_outlives_its_original(how):
    command = [sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as original:
        assert original.stdout is not None
        copy = int(original.stdout.readline())
        assert is_alive(copy)
        original.send_signal(how)
        _, complaint = original.communicate(timeout=60)
    assert complaint.count("Traceback") == (how == signal.SIGINT)
    deadline = time.monotonic() + 60
    while is_alive(copy):
        assert time.monotonic() < deadline, "the copy lives on"
        time.sleep(0.01)
