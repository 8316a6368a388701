"""A store on each database: a SQLite file, and a real PostgreSQL server that the tests start and throw away."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from postgres import run_sql
from sqlalchemy import text

import loadsense as ls
from loadsense.readers.loadsense_format import write_recording
from loadsense.simulate import BarbellSet, DropLanding, Rest, Sensor, Stand, Walk, simulate_session
from loadsense.store import accounts, migrating, open_store, people
from loadsense.store.opening import connected, url_of
from loadsense.store.tables import Table

START = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
PEOPLE = Path(__file__).parents[2] / "sample_recordings" / "people"


@pytest.fixture(scope="session")
def postgres_database(postgres_server):
    """One database for all tests, and one that is empty: making one for each would take a second."""
    run_sql(f"{postgres_server}/postgres", "CREATE DATABASE tested", "CREATE DATABASE untouched")
    return f"{postgres_server}/tested"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A database at the newest revision, to be copied for each test."""
    folder = tmp_path_factory.mktemp("sqlite")
    open_store(folder / "made.db", folder / "files").close()
    return folder / "made.db"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """Argon2 at its cheapest: what a check costs is not what these tests are about."""
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(accounts, "_hasher", lambda: quick)
    accounts._nobody_hash.cache_clear()
    yield
    accounts._nobody_hash.cache_clear()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request, tmp_path):
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url = request.getfixturevalue("postgres_database").replace("/tested", "/untouched")
    run_sql(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """URL of a database at the newest revision, without rows."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "store.db")
        return f"sqlite:///{tmp_path / 'store.db'}"
    url = request.getfixturevalue("postgres_database")
    with connected(url_of(url)) as connection:
        if migrating.revision(connection) == migrating.newest():
            names = ", ".join(f'"{name}"' for name in Table.metadata.tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            return url
    run_sql(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    with connected(url_of(url)) as connection:
        migrating.bring_up_to_date(connection)
    return url


@pytest.fixture
def store(database, tmp_path):
    """A store with p021 in it: stage 1 of the HiRIT plan, 25 landings of 1.0 to 2.0 g net."""
    opened = open_store(database, tmp_path / "files")
    with opened.writing() as tx:
        people.import_person(tx, PEOPLE / "p021.toml")
        people.import_person(tx, PEOPLE / "p017.toml")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def hip_file(tmp_path_factory):
    """Six drops from 20 cm at the hip, as a file."""
    return _drops(tmp_path_factory.mktemp("hip"), n=6, seed=7)


@pytest.fixture(scope="session")
def other_hip_file(tmp_path_factory):
    """Four other drops."""
    return _drops(tmp_path_factory.mktemp("other"), n=4, seed=9)


def _drops(folder, *, n, seed):
    script = [Stand(duration_s=4.0), *[DropLanding(height_m=0.2, pause_s=1.5)] * n, Stand(duration_s=3.0)]
    made = simulate_session(script, sensor=Sensor(sampling_rate_hz=200.0), seed=seed)
    facts = {"placement": "hip", "range_g": 16.0, "start": START, "tz": "Europe/Madrid"}
    recording = ls.Recording.from_arrays(made.accel_g, sampling_rate_hz=200.0, **facts)
    return write_recording(recording, folder / "Maria Perez hip.loadsense.parquet").path


@pytest.fixture(scope="session")
def wrist_file(tmp_path_factory):
    """One set of squats at the wrist."""
    script = [Walk(duration_s=5.0), Rest(duration_s=5.0), BarbellSet(exercise="back_squat"), Rest(duration_s=20.0)]
    made = simulate_session(script, sensor=Sensor(placement="wrist", sampling_rate_hz=50.0), seed=8)
    recording = ls.Recording.from_arrays(
        made.accel_g, sampling_rate_hz=50.0, placement="wrist", start=START, tz="Europe/Madrid"
    )
    return write_recording(recording, tmp_path_factory.mktemp("wrist") / "wrist.loadsense.parquet").path
