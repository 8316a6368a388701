"""The dashboard's figures that hang on the store: the roster, an upload, and results brought in.

    python benchmarks/dashboard_store.py            prints each figure beside its target; exit 1 where one is missed

Times are the median of repeats in CPU seconds of this process, so that other work on the machine does not count; memory
is the peak of the server's own process while 360 MB are sent to it over loopback (Linux).
"""

from __future__ import annotations

import http.client
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from loadsense import demo
from loadsense.demo import training
from loadsense.results import RecordingResult
from loadsense.samples import Recording
from loadsense.session import Session, judging
from loadsense.simulate import simulate_session
from loadsense.store import Store, accounts, importing, open_store, people, prescribing
from loadsense.store.importing import ImportOptions, SessionResults
from loadsense.store.prescribing import Asked
from loadsense.summary import summarise
from loadsense.web.context import Dashboard, templates
from loadsense.web.pages.roster import roster_of

N_PEOPLE, N_DAYS = 200, 3 * 104
N_SESSIONS = 1_000
TODAY = date(2026, 11, 23)
UPLOAD_BYTES = 360_000_000
LOGIN, PASSWORD = "bench", "only a benchmark"
TARGETS = {
    "roster_s": (0.150, "roster of 200 people with 3 years, CPU s"),
    "import_s": (10.0, "import of 1,000 sessions' results, CPU s"),
    "import_two_s": (10.0, "the same, hip and wrist, CPU s"),
    "upload_mb": (200.0, "memory of the server while 360 MB arrive, MB"),
}


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    before = time.process_time()
    work()
    return time.process_time() - before


def made_results(
    person_ids: list[str], days: list[date], beside: Sequence[RecordingResult] = ()
) -> Iterator[SessionResults]:
    """One hip session for each person and day, varied from one that the engine measured; with what was seen beside."""
    base = training._hip_base(4.4)
    how = training.Trained(peaks_g=(4.4, 4.4, 4.4))
    zone = training.Days(all=tuple(days), tz=demo.TZ)
    for person_id in person_ids:
        for number in range(len(days)):
            result = training._varied(base, how, number % 24, training._seed(person_id, number))
            start = datetime(days[number].year, days[number].month, days[number].day, 9, tzinfo=UTC)
            dated = [
                training._dated(one, _at(zone, start), 0, f"{person_id} {number}")
                for one in (replace(result, impacts=()), *beside)
            ]
            yield SessionResults(person_id=person_id, report=summarise(dated, judging()), options=ImportOptions())


def wrist_result() -> RecordingResult:
    """What the engine finds at the wrist in three lifts of five sets."""
    made = simulate_session(training._lifting(), sensor=training._WRIST, seed=training._LIFTING_SEED)
    recording = Recording.from_arrays(made.accel_g, sampling_rate_hz=50.0, placement="wrist", range_g=16.0)
    return Session({"wrist": recording}).detected()[0]


def _at(zone: training.Days, start: datetime) -> training.Days:
    return training.Days(all=(start.date() + timedelta(days=(1 - start.weekday()) % 7),), tz=zone.tz)


def filled(store: Store, person_ids: list[str]) -> None:
    """People on the whole plan."""
    with store.writing() as tx:
        group = people.create_group(tx, "bench", weekdays=[1, 3], tz=demo.TZ)
        for person_id in person_ids:
            people.create(tx, person_id, group_id=group.id, body_mass_kg=63.0)
            asked = Asked(from_day=date(2023, 1, 1), plan="hirit", stage="stage-3")
            prescribing.prescribe(tx, person_id, asked)


def import_two_s(folder: Path) -> float:
    """1,000 sessions with two sensors into a new store."""
    return import_s(folder, [wrist_result()])


def import_s(folder: Path, beside: Sequence[RecordingResult] = ()) -> float:
    """1,000 sessions into a new store."""
    store = open_store(folder / "import.db", folder)
    person_ids = [f"i{number:03d}" for number in range(20)]
    filled(store, person_ids)
    days = [TODAY - timedelta(days=7 * week + 4) for week in range(N_SESSIONS // len(person_ids))]
    sessions = list(made_results(person_ids, days, beside))
    took = timed(lambda: importing.import_results(store, sessions))
    store.close()
    return took


def roster_s(folder: Path) -> float:
    """The page's object and its HTML, from a store whose rows were copied from a few imported ones."""
    store = open_store(folder / "roster.db", folder)
    person_ids = [f"r{number:03d}" for number in range(N_PEOPLE)]
    filled(store, person_ids)
    days = [TODAY - timedelta(days=5), TODAY - timedelta(days=12)]
    importing.import_results(store, list(made_results(person_ids[:1], days)))
    _copy_sessions(store, person_ids)
    shown = Dashboard(store=store, tz=demo.TZ, now=lambda: datetime(2026, 11, 23, 9, tzinfo=UTC))

    def page() -> None:
        roster = roster_of(shown, None, None)
        templates().get_template("roster.html.j2").render(
            roster=roster, group="", visitor=_VISITOR, may=lambda _: True, is_demo=False, path="/roster"
        )

    page()
    took = statistics.median(timed(page) for _ in range(7))
    store.close()
    return took


class _Visitor:
    login, may_change, may_own, person_id = "bench", True, True, None


_VISITOR = _Visitor()


def _copy_sessions(store: Store, person_ids: list[str]) -> None:
    """Three years of two sessions a week for everybody, as rows."""
    import sqlite3

    with sqlite3.connect(store.url.database) as db:
        names = {
            table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in ("sessions", "analyses")
        }
        session = dict(zip(names["sessions"], db.execute("SELECT * FROM sessions LIMIT 1").fetchone(), strict=True))
        analysis = dict(zip(names["analyses"], db.execute("SELECT * FROM analyses LIMIT 1").fetchone(), strict=True))
        rows, kept, key = [], [], 1000
        for person_id in person_ids:
            for number in range(N_DAYS):
                key += 1
                day = (TODAY - timedelta(days=4 + 7 * (number // 2) + 2 * (number % 2))).isoformat()
                changed = {"id": key, "person_id": person_id, "day": day, "current_analysis_id": key}
                rows.append(tuple({**session, **changed}.values()))
                kept.append(tuple({**analysis, "id": key, "session_id": key}.values()))
        db.execute("PRAGMA foreign_keys=OFF")
        for table, values in (("sessions", rows), ("analyses", kept)):
            marks = ",".join("?" * len(names[table]))
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", values)


def upload_mb(folder: Path) -> float:
    """Peak memory of a served dashboard to which 360 MB are sent."""
    store = open_store(folder / "loadsense.db", folder)
    accounts.create_owner(store, LOGIN, PASSWORD)
    store.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "loadsense", "serve", "--folder", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            next(line for line in server.stdout if line.startswith("open"))
            _send(port, server.pid)
            status = Path(f"/proc/{server.pid}/status").read_text("ascii")
        finally:
            server.terminate()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def _send(port: int, pid: int) -> None:
    """Sign in, then send; the peak counts from here, since a password check takes 64 MiB for a moment."""
    own = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/x-www-form-urlencoded"}
    line = http.client.HTTPConnection("127.0.0.1", port)
    line.request("POST", "/sign-in", urlencode({"login": LOGIN, "password": PASSWORD}), own)
    answer = line.getresponse()
    answer.read()
    cookie = answer.getheader("set-cookie").split(";")[0]
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")  # the peak begins anew
    block = bytes(1_000_000)
    blocks = (block for _ in range(UPLOAD_BYTES // len(block)))
    headers = {"Origin": own["Origin"], "Cookie": cookie, "Content-Length": str(UPLOAD_BYTES)}
    line.request("PUT", "/upload/files?name=large", blocks, headers)
    answer = line.getresponse()
    assert answer.status == 200, answer.read()


def main() -> None:
    """Measure and judge."""
    worst = 0
    for measure in (roster_s, import_s, import_two_s, upload_mb):
        name = measure.__name__
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder))
        target, about = TARGETS[name]
        worst |= found > target
        print(f"{about:<50} {found:8.3f}   target {target:g}   {'missed' if found > target else 'met'}", flush=True)
    raise SystemExit(int(worst))


if __name__ == "__main__":
    main()
