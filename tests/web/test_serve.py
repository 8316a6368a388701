"""The verb `serve`: what it says before it serves, and that it ends when it is told to."""

import os
import re
import signal
import socket
import subprocess
import sys
from importlib import util
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from loadsense import cli, serve_cli
from loadsense.serve_cli import Place
from loadsense.store.places import data_folder


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run `serve` where nothing gets as far as serving."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(serve_cli, "run", lambda dashboard, listener, **more: print("serving", dashboard.tz))

    def command(*arguments):
        code = cli._code(["serve", *(str(one) for one in arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_it_says_where_the_store_is_what_to_open_and_who_owns_it(run, tmp_path):
    code, out, err = run("--port", 0)
    assert (code, err) == (0, "")
    assert re.search(r"^open     http://127\.0\.0\.1:\d+/", out, re.M)
    assert "makes the owner's account" in out
    own = data_folder()
    assert str(own / "loadsense.db") in out
    assert own.is_relative_to(tmp_path) or sys.platform != "linux"


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
def test_the_folder_of_the_store_is_for_its_owner_alone(run, tmp_path):
    run("--port", 0, "--folder", tmp_path / "gym")
    assert (tmp_path / "gym").stat().st_mode & 0o077 == 0


def test_the_zone_is_the_one_typed_or_the_one_that_was_set(run, tmp_path):
    from loadsense.store import open_store, settings

    store = open_store(tmp_path / "loadsense.db", tmp_path)
    with store.writing() as tx:
        settings.choose_zone(tx, "Europe/Lisbon", version=0)
    store.close()
    assert "serving Europe/Lisbon" in run("--port", 0, "--folder", tmp_path)[1]
    assert "serving Europe/Oslo" in run("--port", 0, "--folder", tmp_path, "--tz", "Europe/Oslo")[1]


MISTAKES = {
    "open to others": (["--host", "0.0.0.0"], 2, "put a proxy that speaks HTTPS in front and add --behind-tls"),
    "behind a proxy without a name": (["--behind-tls"], 2, "--name dashboard.example.org"),
    "an address of elsewhere": (["--host", "192.0.2.7", "--behind-tls"], 2, "192.0.2.7 is no address of this machine"),
    "no zone": (["--tz", "Europe/Madird"], 2, "unknown time zone 'Europe/Madird'"),
    "no port": (["--port", "70000"], 2, "'--port'"),
    "a folder for a database": (["--store", "."], 2, "is a folder; expected the path of a database"),
    "a database in no folder": (["--store", "nowhere/x.db"], 2, "nowhere is no folder"),
    "another kind of database": (["--store", "mysql://x/y"], 2, "expected SQLite or PostgreSQL"),
    "a demonstration of a store": (["--demo", "--folder", "x"], 2, "makes a store of its own"),
    "a demonstration for others": (["--demo", "--host", "0.0.0.0", "--behind-tls"], 2, "a password that everybody"),
}


@pytest.mark.parametrize(("arguments", "code", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(run, arguments, code, words):
    found, out, err = run("--port", 0, *arguments)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.skipif(util.find_spec("psycopg") is None, reason="psycopg is not installed")
def test_a_database_that_does_not_answer_is_told_without_its_password(run):
    code, _, err = run("--port", 0, "--store", "postgresql://kim:secret@127.0.0.1:1/x")
    assert code == 1
    assert "check its path, its rights and whether its server runs" in err
    assert "secret" not in err


def test_a_taken_port_is_told(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = run("--port", taken.getsockname()[1])
    assert code == 1
    assert "is taken: perhaps the dashboard runs already" in err


def test_what_is_not_installed_is_told(run, monkeypatch):
    monkeypatch.setattr(serve_cli, "find_spec", lambda name: None if name == "fastapi" else name)
    code, _, err = run("--port", 0)
    assert (code, "pip install 'loadsense[dashboard]'" in err) == (2, True)


def test_pages_without_their_libraries_are_not_served(run, monkeypatch):
    monkeypatch.setattr(serve_cli, "_FETCHED", ("htmx.min.js", "not-there.js"))
    code, _, err = run("--port", 0)
    assert code == 2
    assert "not-there.js of the dashboard's pages are not here: run `make frontend`" in err


def test_names_that_are_answered():
    assert Place().hosts == ("127.0.0.1", "localhost", "::1")
    assert Place(host="0.0.0.0", names=("gym.example.org",), behind_tls=True).hosts[-1] == "gym.example.org"
    assert "0.0.0.0" not in Place(host="0.0.0.0", names=("x",), behind_tls=True).hosts
    assert Place(host="::1").is_loopback
    assert not Place(host="gym.example.org").is_loopback


def test_cookies_go_over_https_alone_behind_a_proxy(run, monkeypatch):
    made = []
    monkeypatch.setattr(serve_cli, "run", lambda dashboard, listener, **more: made.append((dashboard, more)))
    code, out, _ = run("--port", 0, "--behind-tls", "--name", "gym.example.org")
    (dashboard, more), *_ = made
    assert (code, dashboard.is_plain_http, more) == (0, False, {"behind_tls": True})
    assert "https://gym.example.org/" in out


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped_and_logs_no_request(tmp_path, stop):
    if not (Path(serve_cli.__file__).parent / "web" / "static" / "vendor" / "htmx.min.js").is_file():
        pytest.skip("the pages' libraries are not here (make frontend)")
    port = free_port()
    command = [sys.executable, "-m", "loadsense", "serve", "--folder", tmp_path, "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        for line in process.stdout:
            if line.startswith("first"):
                break
        page = urlopen(f"http://127.0.0.1:{port}/", timeout=20)
        assert page.url.endswith("/first-run")
        assert urlopen(Request(f"http://127.0.0.1:{port}/static/tokens.css"), timeout=20).status == 200
        process.send_signal(stop)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "ended\n", "")
