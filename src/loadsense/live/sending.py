"""The recordings of a session that has ended, sent to the dashboard that was told of it: `loadsense stream --send`.

A recording that does not arrive stays where it is, and can be uploaded on the page; nothing here can fail the session.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from loadsense.errors import WorldError
from loadsense.live.finish import log_of
from loadsense.live.state import Wearing
from loadsense.readers.live_log import SUFFIX as LOG_SUFFIX
from loadsense.readers.loadsense_format import SUFFIX

_PATH: Final = "/api/v1/recordings"
_TIMEOUT_S: Final = 60.0
_ANALYZED_WITHIN_S: Final = 600.0
_ASK_EVERY_S: Final = 0.5


def send_recordings(
    url: str, token: str, folder: Path, wearings: Sequence[Wearing], say: Callable[[str], None]
) -> None:
    """Send what a session recorded, a file for each sensor, and say what became of each.

    The sensors of one person become one session: her second file is added to the session that her first one made.

    Parameters
    ----------
    url : str
        Address of the dashboard.
    token : str
        With the scope `record`.
    folder : Path
        Of the session.
    wearings : sequence of Wearing
    say : callable
        Hears one sentence for each recording.
    """
    sessions: dict[str, int] = {}
    for wearing in wearings:
        log = log_of(folder, wearing)
        path = log.with_name(log.name.removesuffix(LOG_SUFFIX) + SUFFIX)
        if not path.exists():
            continue
        who = f"{wearing.person} {wearing.sensor}"
        try:
            job = _sent(url, token, path, wearing, session=sessions.get(wearing.person))
            sessions.setdefault(wearing.person, job["session_id"])
            say(f"{who}: {_words(job)}")
        except WorldError as error:
            say(f"{who}: not sent ({error}); the recording is {path}, upload it on the dashboard's page")


def _sent(url: str, token: str, path: Path, wearing: Wearing, *, session: int | None) -> dict[str, Any]:
    """Send one file and wait until it is analyzed: what the dashboard says of it.

    Raises
    ------
    WorldError
        It did not arrive, was refused, or was not analyzed in time: then it is not known which session it made.
    """
    asked: dict[str, object] = {"person": wearing.person, "placement": wearing.sensor}
    asked |= {"tz": wearing.tz} if wearing.tz else {}
    asked |= {} if session is None else {"session": session}
    with path.open("rb") as file:
        job = _answer(url, token, ("PUT", f"{_PATH}?{urlencode(asked)}"), body=file, n_bytes=path.stat().st_size)
    end_s = time.monotonic() + _ANALYZED_WITHIN_S
    while job["state"] in ("waiting", "working"):
        if time.monotonic() > end_s:
            raise WorldError(
                f"the dashboard did not say within {_ANALYZED_WITHIN_S:g} s what it made of it: look there"
            )
        time.sleep(_ASK_EVERY_S)
        job = _answer(url, token, ("GET", f"{_PATH}/jobs/{job['job']}"))
    if job["state"] != "done":
        raise WorldError(job["detail"] or "the dashboard could not analyze it")
    return job


def _words(job: Mapping[str, Any]) -> str:
    return f"sent, session {job['session_id']} of the dashboard" + ("" if job["is_new"] else ", which had it already")


def _answer(url: str, token: str, asked: tuple[str, str], *, body: Any = None, n_bytes: int = 0) -> dict[str, Any]:
    """One request; anything but success is the sentence of the dashboard."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    if body is not None:
        headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(n_bytes)}
    connection = kind(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request(*asked, body=body, headers=headers)
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
    except (OSError, HTTPException, ValueError) as fault:
        raise WorldError(f"the dashboard at {url} cannot be reached: {fault}") from None
    finally:
        connection.close()
    if answer.status >= 300:
        raise WorldError(str(told.get("detail", f"the dashboard answers {answer.status}")))
    return told
