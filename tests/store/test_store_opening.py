"""Opening a store: its form by revision, one writer at a time, and a word for each change."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from loadsense.errors import OptionError, WorldError
from loadsense.store import migrating, open_store, people
from loadsense.store.opening import connected, url_of
from loadsense.store.tables import AuditRow, Group, PersonRow, Setting, Table


def test_migrations_make_exactly_the_tables_of_the_models(empty_database):
    with connected(url_of(empty_database)) as connection:
        migrating.bring_up_to_date(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_migrations_go_down_to_nothing_and_up_again_step_by_step(empty_database):
    steps = list(reversed(migrating.known_revisions()))
    with connected(url_of(empty_database)) as connection:
        for revision in [*steps, *reversed(steps[:-1]), "base", *steps]:
            migrating.migrate(connection, revision)
            assert (migrating.revision(connection) or "base") == revision
            if revision == "base":
                assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        assert set(inspect(connection).get_table_names()) == {*Table.metadata.tables, "alembic_version"}


def test_rows_survive_the_last_step_down_and_up(database, tmp_path):
    store = open_store(database, tmp_path / "files")
    with store.writing() as tx:
        people.create(tx, "p001", body_mass_kg=60.0)
    with connected(store.url) as connection:
        migrating.migrate(connection, migrating.known_revisions()[1])
        migrating.migrate(connection, migrating.newest())
    with store.reading() as db:
        assert db.get(PersonRow, "p001").body_mass_kg == 60.0
    store.close()


def test_an_older_database_is_brought_up_to_date_when_it_is_opened(empty_database, tmp_path):
    with connected(url_of(empty_database)) as connection:
        migrating.migrate(connection, migrating.known_revisions()[-1])
    store = open_store(empty_database, tmp_path / "files")
    with store.engine.connect() as connection:
        assert migrating.revision(connection) == migrating.newest()
    store.close()


def test_a_database_of_a_later_program_is_refused(database, tmp_path):
    with connected(url_of(database)) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(OptionError, match=r"revision 9999; this program knows revisions up to .*: update LoadSense"):
        open_store(database, tmp_path / "files")


def test_a_database_of_another_program_is_refused(empty_database, tmp_path):
    with connected(url_of(empty_database)) as connection:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
    with pytest.raises(OptionError, match="a database of another program; expected an empty one"):
        open_store(empty_database, tmp_path / "files")


def test_what_is_no_database_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(OptionError, match="expected the path of a file, or postgresql"):
        open_store("://", tmp_path)
    with pytest.raises(OptionError, match="a store in mysql is not possible; expected SQLite or PostgreSQL"):
        open_store("mysql://localhost/x", tmp_path)
    with pytest.raises(WorldError, match=r"the database cannot be used .*check its path"):
        open_store(tmp_path / "no" / "such" / "folder.db", tmp_path / "files")
    with pytest.raises(WorldError, match="check its path, its rights and whether its server runs"):
        open_store("postgresql://nobody@127.0.0.1:1/x", tmp_path / "files")
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldError, match=r"cannot be made .*choose another folder"):
        open_store(tmp_path / "a.db", tmp_path / "file" / "below")


def test_sqlite_is_opened_as_measured(tmp_path):
    store = open_store(tmp_path / "a.db", tmp_path / "files")
    with store.reading() as db:
        asked = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "secure_delete")
        assert [db.scalar(text(f"PRAGMA {name}")) for name in asked] == ["wal", 1, 1, 15_000, 1]
    store.close()


def test_a_change_without_an_audit_row_is_not_committed(store):
    with pytest.raises(AssertionError, match="left no audit row"), store.writing() as tx:
        tx.db.add(Setting(key="x", value={}, version=1))
    with pytest.raises(AssertionError, match="left no audit row"), store.writing() as tx:
        tx.db.execute(update(PersonRow).values(body_mass_kg=1.0))
    with store.reading() as db:
        assert db.get(Setting, "x") is None
        assert {row.body_mass_kg for row in db.scalars(select(PersonRow))} == {58.4, 63.1}


def test_every_write_leaves_who_did_what_and_when(store):
    with store.writing() as tx:
        group = people.create_group(tx, "Tue/Thu", weekdays=[1, 3], tz="Europe/Madrid")
    with store.reading() as db:
        row = db.scalars(select(AuditRow).where(AuditRow.subject == f"group {group.id}")).one()
    assert (row.action, row.by_user, row.at, row.detail) == ("created", None, tx.at, {"version": 1})


def test_a_failed_block_leaves_nothing_behind(store):
    with pytest.raises(OptionError, match="p050 exists already"), store.writing() as tx:
        [people.create(tx, name) for name in ("p050", "p050")]
    with store.reading() as db:
        assert db.get(PersonRow, "p050") is None


def test_two_writers_at_once_lose_nothing(store):
    """Read, then write, from many threads: each sees what the one before wrote."""
    with store.writing() as tx:
        tx.db.add(Setting(key="count", value={"n": 0}, version=1))
        tx.audit("made", "setting count")
    problems = []

    def count_up():
        try:
            for _ in range(10):
                with store.writing() as tx:
                    row = tx.db.get(Setting, "count")
                    row.value = {"n": row.value["n"] + 1}
                    tx.audit("counted", "setting count")
        except Exception as problem:  # a thread's failure would be lost
            problems.append(problem)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with store.reading() as db:
        assert db.get(Setting, "count").value == {"n": 40}
        assert len(db.scalars(select(AuditRow).where(AuditRow.action == "counted")).all()) == 40


def test_what_is_read_in_one_block_is_of_one_moment(store):
    with store.reading() as db:
        before = len(db.scalars(select(PersonRow.id)).all())
        with store.writing() as tx:
            people.create(tx, "p077")
        assert len(db.scalars(select(PersonRow.id)).all()) == before
    with store.reading() as db:
        assert len(db.scalars(select(PersonRow.id)).all()) == before + 1


def test_passwords_of_the_database_are_not_shown(tmp_path):
    store = open_store(tmp_path / "a.db", tmp_path / "files")
    store.engine.url = store.engine.url.set(drivername="postgresql", password="secret", username="x", host="h")
    assert "secret" not in repr(store)
    store.close()


def test_foreign_keys_hold(store):
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), store.writing() as tx:
        tx.db.execute(update(PersonRow).values(group_id=999))
    with store.reading() as db:
        assert db.scalars(select(Group)).all() == []
