"""Work in a copy of the process: its answer, its death, its error, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from loadsense.beside import beside, can_work_beside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")

HERE = os.getpid()


def test_the_answer_comes_from_another_process():
    with beside(os.getpid) as answer:
        assert answer() != HERE
    assert multiprocessing.active_children() == []


def test_a_copy_that_dies_is_replaced_by_working_here():
    def work():
        if os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done here"

    with beside(work) as answer:
        assert answer() == "done here"


def test_an_error_comes_in_its_own_words_and_the_copy_is_silent(capfd):
    def work():
        raise ValueError("found nothing")

    with beside(work) as answer, pytest.raises(ValueError, match="found nothing"):
        answer()
    assert capfd.readouterr() == ("", "")


def test_who_leaves_early_ends_the_copy():
    with pytest.raises(KeyError, match="enough"), beside(signal.pause):
        raise KeyError("enough")
    assert multiprocessing.active_children() == []


def test_a_process_of_several_threads_is_not_copied():
    assert can_work_beside()
    may_end = threading.Event()
    other = threading.Thread(target=may_end.wait)
    other.start()
    assert not can_work_beside()
    may_end.set()
    other.join()


def is_alive(process_id: int) -> bool:
    """Whether a process runs; one that has ended and is not yet buried does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


WAITING = """
import os, signal, time
from loadsense.beside import beside

def work():
    print(os.getpid(), flush=True)
    signal.pause()

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
