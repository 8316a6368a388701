"""A real PostgreSQL server that the tests start and throw away; where none is installed they say so and are skipped."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text


def _bin() -> Path | None:
    """Folder of the server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _unprivileged() -> list[str]:
    """The server refuses to run as root: there it runs as somebody else."""
    if os.getuid() != 0:
        return []
    known = {one.pw_name for one in pwd.getpwall()}
    name = next(name for name in ("postgres", "nobody") if name in known)
    who = pwd.getpwnam(name)
    return ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server():
    """Address of a server of its own, without a database to test in; it goes at the end."""
    programs = _bin()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL does not run as root, and setpriv (util-linux) is not installed")
    as_somebody = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="loadsense-pg-") as folder:
        if as_somebody:
            os.chown(folder, int(as_somebody[1].split("=")[1]), -1)
        data, port = f"{folder}/data", _free_port()
        run = lambda *words: subprocess.run([*as_somebody, *words], check=True, capture_output=True, cwd=folder)  # noqa: E731
        run(
            programs / "initdb", "-D", data, "-U", "loadsense", "--auth=trust", "-E", "UTF8", "--no-sync", "--no-locale"
        )
        options = f"-p {port} -h 127.0.0.1 -k {folder} -F -c synchronous_commit=off -c max_connections=50"
        run(programs / "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://loadsense@127.0.0.1:{port}"
        finally:
            run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def run_sql(url, *words):
    """Statements outside a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for one in words:
            connection.execute(text(one))
    engine.dispose()
