"""A dashboard with its own store for each module, and clients signed in through the real form."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

pytest.importorskip("fastapi", reason="the dashboard is not installed (pip install 'loadsense[dashboard]')")
import uvicorn
from starlette.testclient import TestClient

from loadsense.store import accounts, open_store, people, prescribing
from loadsense.store.accounts import NewUser
from loadsense.store.prescribing import Asked
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import Limits

ADDRESS = "http://127.0.0.1"
PASSWORD = "a long enough password"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)  # a Monday, in week 48

Client = Callable[..., TestClient]


@pytest.fixture(scope="module")
def sqlite_place(tmp_path_factory):
    """A SQLite file for a module."""
    return tmp_path_factory.mktemp("store") / "loadsense.db"


@pytest.fixture(scope="module")
def postgresql_place(request):
    """A database of a module on a real PostgreSQL server, by its URL."""
    address = request.getfixturevalue("postgres_server")
    from postgres import run_sql

    name = request.module.__name__.rpartition(".")[2]
    run_sql(f"{address}/postgres", f"CREATE DATABASE {name}")
    return f"{address}/{name}"


@pytest.fixture(scope="module")
def database(sqlite_place):
    """Where the store of a module is; a module that tries both databases has a fixture of this name of its own."""
    return sqlite_place


@pytest.fixture(scope="module")
def store(database, tmp_path_factory):
    """A group with two people, one of them with an account, and one account of each role."""
    opened = open_store(database, tmp_path_factory.mktemp("samples"))
    accounts.create_owner(opened, "owner", PASSWORD)
    with opened.writing(1) as tx:
        group = people.create_group(tx, "Tue/Thu", weekdays=[1, 3], tz="Europe/Madrid")
        tx.db.flush()
        for person in ("p017", "p021"):
            people.create(tx, person, group_id=group.id, body_mass_kg=63.0)
            prescribing.prescribe(tx, person, Asked(from_day=date(2026, 9, 1), plan="hirit", stage="stage-2"))
    for role in ("coach", "viewer"):
        accounts.create_user(opened, NewUser(login=role, password=PASSWORD, role=role), by_user=1)
    athlete = NewUser(login="athlete", password=PASSWORD, role="athlete", person_id="p017")
    accounts.create_user(opened, athlete, by_user=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def app(store):
    limits = Limits(requests_per_s=10_000.0, burst=10_000.0)  # pace has tests of its own
    made = create_app(Dashboard(store=store, tz="Europe/Madrid", now=lambda: NOW, limits=limits))
    yield made
    made.state.jobs.close()  # its process would outlive the module


@pytest.fixture(scope="module")
def client(app) -> Client:
    """`client("coach")` is a browser of a coach, `client()` one that nobody has signed in with."""
    made: dict[str | None, TestClient] = {}

    def signed_in(role: str | None = None) -> TestClient:
        if role not in made:
            browser = TestClient(app, base_url=ADDRESS, headers={"origin": ADDRESS}, follow_redirects=False)
            if role is not None:
                answer = browser.post("/sign-in", data={"login": role, "password": PASSWORD})
                assert answer.status_code == 303, answer.text
            made[role] = browser
        return made[role]

    return signed_in


@pytest.fixture(scope="module")
def port(app):
    """The dashboard on a real server, by the port that it listens to."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws_per_message_deflate=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    end = time.monotonic() + 20.0
    while not server.started:
        assert time.monotonic() < end
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20.0)
