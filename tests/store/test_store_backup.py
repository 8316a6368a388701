"""Everything out and back, from either database into either; one person out, or gone."""

import json
import random
import zipfile
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from loadsense.errors import FormatError, OptionError, WorldError
from loadsense.store import accounts, corrections, erasure, flags, open_store, people, samples, wellbeing
from loadsense.store.accounts import NewUser
from loadsense.store.backup import backup, read_manifest, restore
from loadsense.store.corrections import Correction
from loadsense.store.dumping import PASSING, lines_of, table_names
from loadsense.store.importing import SensorFile, import_session
from loadsense.store.tables import AuditRow, BackupRow, EventRow, RecordingRow, SessionRow, Table
from loadsense.store.wellbeing import DxaFacts, PainFacts

DAY = date(2026, 11, 20)
SECRET = "therapy-marker-9431"


@pytest.fixture
def full(store, hip_file, wrist_file, other_hip_file):
    """A store with a row in nearly every table, about p021 and about p017."""
    accounts.create_owner(store, "anna", "correct horse battery")
    accounts.create_user(
        store, NewUser(login="mine", password="correct horse battery", role="athlete", person_id="p021")
    )
    accounts.sign_in(store, "anna", "correct horse battery", address="x", browser="y")
    for person_id, path, placement in (("p021", hip_file, "hip"), ("p017", other_hip_file, "hip")):
        import_session(store, person_id, [SensorFile(path=path, placement=placement)], by_user=1)
    import_session(store, "p021", [SensorFile(path=wrist_file, placement="wrist")], by_user=1)
    with store.reading() as db:
        event = db.scalars(select(EventRow).where(EventRow.kind == "landing")).first()
    at = Correction(sensor="hip", at_sample=event.peak_sample, kind="not a landing", reason="=SUM(A1)")
    corrections.add(store, 1, at, by_user=1)
    with store.writing(by_user=1) as tx:
        group = people.create_group(tx, "Tue", weekdays=[1], tz="Europe/Madrid")
        people.change(tx, "p021", version=1, group_id=group.id)
        wellbeing.add_note(tx, "p021", DAY, SECRET)
        wellbeing.report_pain(tx, "p021", PainFacts(day=DAY, site="back", onset="new", after=5))
        dxa = DxaFacts(measured_on=DAY, site="hip", bmd_g_per_cm2=0.8, t_score=-2.0, machine="A", centre="B")
        wellbeing.add_dxa(tx, "p021", dxa)
        accounts.create_token(tx, 1, "gateway", ["record"])
    return store


def rows_of(store):
    with store.reading() as db:
        return {name: list(lines_of(db, name)) for name in table_names()}


def test_no_table_is_forgotten():
    assert {*table_names(), *PASSING} == set(Table.metadata.tables)


def test_a_backup_comes_back_whole(full, tmp_path):
    manifest = backup(full, tmp_path / "all.zip", by_user=1)
    assert read_manifest(tmp_path / "all.zip") == manifest
    assert manifest.people == ("p017", "p021")
    again = restore(tmp_path / "all.zip", tmp_path / "again.db", tmp_path / "again")
    before, after = rows_of(full), rows_of(again)
    assert len(before["backups"]) == 1  # made after what it holds
    assert after == {**before, "backups": [], "audit": before["audit"][:-1]}
    with again.reading() as db:
        shas = db.scalars(select(RecordingRow.sha256).order_by(RecordingRow.sha256)).all()
    assert len(shas) == 3
    for sha in shas:
        ours, theirs = samples.recording_path(full, sha), samples.recording_path(again, sha)
        assert ours.read_bytes() == theirs.read_bytes()
    assert samples.rebuild_envelopes(again) == 3
    assert accounts.sign_in(again, "anna", "correct horse battery", address="x", browser="y")
    again.close()


def test_a_backup_of_either_database_comes_back_in_the_other(full, empty_database, tmp_path):
    backup(full, tmp_path / "all.zip")
    before = rows_of(full)
    again = restore(tmp_path / "all.zip", empty_database, tmp_path / "again")
    after = rows_of(again)
    assert after == {**before, "backups": [], "audit": before["audit"][:-1]}
    with again.writing(by_user=1) as tx:  # numbers go on behind the highest
        assert people.create_group(tx, "Wed", weekdays=[2], tz="UTC").id == 2
    again.close()


def test_a_backup_is_never_overwritten_and_never_half(full, tmp_path):
    (tmp_path / "all.zip").write_text("older")
    with pytest.raises(OptionError, match="exists; expected a new name, so that no backup is lost"):
        backup(full, tmp_path / "all.zip")
    with pytest.raises(WorldError, match="cannot be written"):
        backup(full, tmp_path / "no" / "folder.zip")
    with full.reading() as db:
        sha = db.scalars(select(RecordingRow.sha256)).first()
    samples.recording_path(full, sha).unlink()
    with pytest.raises(WorldError, match="is missing; restore it, or erase its session"):
        backup(full, tmp_path / "new.zip")
    assert sorted(p.name for p in tmp_path.glob("*.zip*")) == ["all.zip"]
    with full.reading() as db:
        assert db.scalars(select(BackupRow)).all() == []


def test_a_backup_only_goes_into_an_empty_place(full, tmp_path):
    backup(full, tmp_path / "all.zip")
    with pytest.raises(OptionError, match="holds recordings already; expected an empty folder"):
        restore(tmp_path / "all.zip", tmp_path / "again.db", full.folder)
    open_store(tmp_path / "used.db", tmp_path / "used").close()
    with pytest.raises(OptionError, match="the database holds tables already; expected an empty one"):
        restore(tmp_path / "all.zip", tmp_path / "used.db", tmp_path / "used")


def _with(path, target, **changes):
    """The backup with some of its files changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            for part, change in changes.items():
                content = change(content) if part in name else content
            new.writestr(name, content)
    return target


def test_a_damaged_or_foreign_backup_restores_nothing(full, tmp_path):
    whole = tmp_path / "all.zip"
    backup(full, whole)
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-100])
    (tmp_path / "other.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    escape = lambda text: text.replace(b"recordings/", b"../../etc/")  # noqa: E731
    later = lambda text: json.dumps({**json.loads(text), "revision": "9999"}).encode()  # noqa: E731
    form = lambda text: json.dumps({**json.loads(text), "version": 2}).encode()  # noqa: E731
    flipped = lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:]  # noqa: E731
    for path, words in (
        (tmp_path / "cut.zip", "not a backup of LoadSense, or cut off"),
        (tmp_path / "other.zip", "without the manifest of a LoadSense backup"),
        (_with(whole, tmp_path / "a.zip", manifest=escape), "which no backup does; do not use this file"),
        (
            _with(whole, tmp_path / "b.zip", manifest=later),
            "with a database of revision 9999; this program knows up to",
        ),
        (_with(whole, tmp_path / "c.zip", manifest=form), "a backup of another form"),
        (_with(whole, tmp_path / "d.zip", parquet=flipped), r"'recordings/.*' of the backup is damaged"),
        (_with(whole, tmp_path / "e.zip", people=lambda text: text.replace(b"p021", b"p022")), "is damaged"),
    ):
        with pytest.raises(FormatError, match=words):
            restore(path, tmp_path / "again.db", tmp_path / "again")
        assert not list((tmp_path / "again").rglob("*.parquet"))
    with pytest.raises(OptionError, match="no such file"):
        restore(tmp_path / "none.zip", tmp_path / "again.db", tmp_path / "again")
    again = restore(whole, tmp_path / "again.db", tmp_path / "again")  # what failed before left an empty place
    again.close()


def test_a_byte_that_is_wrong_anywhere_restores_everything_or_nothing(full, tmp_path):
    """Every region of the file: local headers, rows, samples, central directory and its end."""
    backup(full, tmp_path / "all.zip")
    whole, rng = (tmp_path / "all.zip").read_bytes(), random.Random(7)
    places = [*rng.sample(range(len(whole)), 60), *range(len(whole) - 40, len(whole), 2), *range(0, 60, 3)]
    refused = 0
    for number, place in enumerate(places):
        damaged = bytearray(whole)
        damaged[place] ^= rng.choice([0x01, 0x08, 0x80, 0xFF])
        (tmp_path / "damaged.zip").write_bytes(damaged)
        into = tmp_path / f"into{number}"
        try:
            restore(tmp_path / "damaged.zip", into / "again.db", _made(into)).close()
        except FormatError:
            refused += 1
            expected = 0
        else:
            expected = 3  # a byte that nothing depends on, such as the time of day
        assert len(list(into.rglob("*.parquet"))) == expected
    assert refused > 60


def _made(folder):
    folder.mkdir()
    return folder


def test_a_restore_that_fails_at_its_end_takes_its_files_back(full, tmp_path, monkeypatch):
    backup(full, tmp_path / "all.zip")
    real, left = Path.replace, [2]

    def full_disk(self, target):
        if self.suffix == ".parquet":
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full_disk)
        with pytest.raises(WorldError, match=r"No space left on device.*nothing was restored: make room"):
            restore(tmp_path / "all.zip", tmp_path / "again.db", tmp_path / "again")
    assert not list((tmp_path / "again").rglob("*.parquet"))
    restore(tmp_path / "all.zip", tmp_path / "again.db", tmp_path / "again").close()


def test_a_restore_that_was_killed_is_done_again(full, tmp_path):
    """Killed between the files and the commit: they are there, and the database is empty."""
    manifest = backup(full, tmp_path / "all.zip")
    for name in manifest.files:
        (tmp_path / "again" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "again" / name).write_bytes(b"half")
    again = restore(tmp_path / "all.zip", tmp_path / "again.db", tmp_path / "again")
    for name in manifest.files:
        assert (again.folder / name).read_bytes() == (full.folder / name).read_bytes()
    again.close()


def test_everything_about_one_person_comes_out_and_nothing_about_another(full, tmp_path):
    root = erasure.export_person(full, "p021", tmp_path / "out")
    tables = {p.stem: p.read_text() for p in (root / "tables").glob("*.jsonl")}
    assert len(tables["sessions"].splitlines()) == 2
    assert SECRET in tables["context_notes"]
    everything = "".join(tables.values())
    assert "p017" not in everything
    assert "argon2" not in everything
    assert sorted(p.name.split("-")[-1] for p in (root / "sessions").iterdir()) == ["1", "3"]
    summary = json.loads((root / "sessions" / "2026-11-20-1" / "summary.json").read_text())
    assert summary["landings"]["count"] == 5  # as corrected
    assert "'=SUM(A1)" in (root / "tables" / "corrections.csv").read_text()
    assert len(list((root / "recordings").iterdir())) == 2
    assert len(list((root / "bids").rglob("*_motion.tsv"))) == 2
    with pytest.raises(OptionError, match="exists; expected a new folder"):
        erasure.export_person(full, "p021", tmp_path / "out")
    with pytest.raises(OptionError, match="nobody has the pseudonym"):
        erasure.export_person(full, "p999", tmp_path / "out")


def test_who_is_erased_is_gone_from_rows_files_and_bytes(full, tmp_path):
    backup(full, tmp_path / "before.zip")
    before = rows_of(full)
    done = erasure.erase_person(full, "p021", by_user=1)
    assert (done.sessions, done.recordings, done.files) == (2, 2, 4)
    assert done.backups == (str(tmp_path / "before.zip"),)
    after = rows_of(full)
    left = "".join(line for name, lines in after.items() if name not in ("audit", "backups") for line in lines)
    assert "p021" not in left
    [told] = [json.loads(line) for line in after["audit"] if "p021" in line]
    assert (told["action"], told["subject"], told["person_id"]) == ("erased", "person p021", None)
    assert told["detail"] == {"sessions": 2, "recordings": 2, "backups": 1}
    assert [line for line in before["sessions"] if "p017" in line] == after["sessions"]
    assert len(list(full.folder.rglob("*.parquet"))) == 1
    if full.engine.dialect.name == "sqlite":
        raw = b"".join(p.read_bytes() for p in tmp_path.glob("store.db*"))
        assert SECRET.encode() not in raw
    with pytest.raises(OptionError, match="nobody has the pseudonym"):
        erasure.erase_person(full, "p021")


def test_a_store_without_her_judges_the_others_as_before(full, hip_file):
    erasure.erase_person(full, "p021")
    with full.reading() as db:
        [row] = db.scalars(select(SessionRow)).all()
        assert row.person_id == "p017"
        assert flags.open_flags(db, "p021") == ()
        assert not db.scalars(select(AuditRow).where(AuditRow.person_id == "p021")).all()
        assert db.scalar(text("SELECT count(*) FROM users")) == 1
    again = import_session(full, "p017", [SensorFile(path=hip_file, placement="hip")])
    assert again.is_new  # the file is nobody's any more
