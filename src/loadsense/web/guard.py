"""What stands between the network and the pages: headers, origin, host, pace, size; plain ASGI, streams stay streams.

Theory of operation
-------------------
The pages load their own scripts and styles and nothing else, so the content security policy needs no exception. A
request that changes something and is signed in by a cookie must come from our own pages: browsers say so in
`Sec-Fetch-Site`, older ones in `Origin`. A program with a token sends no cookie and needs no origin. The `Host` must be
one we serve, or a page elsewhere could reach a server on loopback under its own name (DNS rebinding).

A body is counted while it arrives, whether its length was said or not, and has to arrive in a given time. What nobody
foresaw is answered with one sentence and a number; the log has the number and the lines of code, and not the message,
which may quote what somebody typed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG: Final = logging.getLogger("loadsense.web")

COOKIE: Final = "loadsense_session"

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

FOREIGN: Final = (
    "this request did not come from the dashboard's own pages, so nothing was changed: open the page and try again"
)
NO_HOST: Final = "the dashboard is not served under this name: open it by the address that `loadsense serve` printed"
TOO_FAST: Final = "too many requests: wait a few seconds and try again"
TOO_SLOW: Final = "the request did not arrive in time, so nothing was changed: check the connection and send it again"

#: Paths that take recordings; each has a limit of its own, and any time it needs.
UPLOADS: Final = ("/upload", "/api/v1/recordings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a client may send, and how fast.

    Attributes
    ----------
    form_bytes, upload_bytes : int
        Largest body of a form or API call, and of a recording.
    form_s : float
        Seconds in which a form or API call has to arrive.
    requests_per_s, burst : float
        Requests of one client in the long run, and at once.
    """

    form_bytes: int = 1 << 20
    upload_bytes: int = 1 << 30
    form_s: float = 60.0
    requests_per_s: float = 30.0
    burst: float = 300.0


def refuse(sentence: str, status: int) -> ASGIApp:
    """An answer of one sentence, before any page is involved."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the shape of an ASGI app
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403, "reason": sentence[:120]})
            return
        body = json.dumps({"detail": sentence}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


class Guard:
    """Middleware: the checks above, in the order of their cost, then the pages with the headers on.

    Parameters
    ----------
    app : ASGIApp
    hosts : iterable of str
        Names under which we are served, without port.
    limits : Limits
    unforeseen : callable
        Makes the answer to a fault of ours from the request's scope and the number in the log.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], limits: Limits, unforeseen: Callable[[Scope, str], ASGIApp]
    ) -> None:
        self._app = app
        self._unforeseen = unforeseen
        self._hosts = frozenset(host.lower() for host in hosts)
        self._limits = limits
        self._pace = Pace(limits.requests_per_s, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            await (refusal or self._app)(scope, receive, send)
            return
        answer = _Answer(send)
        if refusal:
            await refusal(scope, receive, answer)
            return
        try:
            await self._app(scope, self._measured(scope, receive), answer)
        except HTTPException as refused:  # of a body that nobody below has answered for
            if not answer.has_begun:
                await refuse(refused.detail, refused.status_code)(scope, receive, answer)
        except Exception as fault:  # the last border: whoever asked gets a sentence, the log the rest
            number = _log(fault)
            if not answer.has_begun:  # else the server cuts the connection, and the browser sees that it was cut
                await self._unforeseen(scope, number)(scope, receive, answer)

    def _measured(self, scope: Scope, receive: Receive) -> Receive:
        if scope["path"].startswith(UPLOADS):
            return _Body(receive, most_bytes=self._limits.upload_bytes, most_s=None)
        return _Body(receive, most_bytes=self._limits.form_bytes, most_s=self._limits.form_s)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if _host_of(headers.get("host", "")) not in self._hosts:
            return refuse(NO_HOST, 421)
        client = scope.get("client")
        if not self._pace.allows(client[0] if client else ""):
            return refuse(TOO_FAST, 429)
        if _needs_origin(scope, headers) and not _is_own(headers):
            return refuse(FOREIGN, 403)
        if (most := self._declared_too_large(scope, headers)) is not None:
            return refuse(too_large(most), 413)
        return None

    def _declared_too_large(self, scope: Scope, headers: Headers) -> int | None:
        """The limit that the declared length is beyond; a length that is no number is left to the server."""
        length = headers.get("content-length", "")
        is_upload = scope["type"] == "http" and scope["path"].startswith(UPLOADS)
        most = self._limits.upload_bytes if is_upload else self._limits.form_bytes
        return most if length.isascii() and length.isdigit() and int(length[:18]) > most else None


def _needs_origin(scope: Scope, headers: Headers) -> bool:
    """Whether the request changes something, or opens a channel, in the name of a cookie; signing in is one too."""
    if headers.get("authorization", "").lower().startswith("bearer "):
        return False
    return scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS


def _is_own(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return site == "same-origin"
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _host_of(netloc: str) -> str:
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


def too_large(most_bytes: int) -> str:
    """The sentence for a body beyond a limit.

    Examples
    --------
    >>> too_large(1 << 20)
    'this is larger than the 1 MiB that can be sent here: send less at once; nothing was changed'
    """
    return (
        f"this is larger than the {most_bytes / 2**20:g} MiB that can be sent here: send less at once; "
        "nothing was changed"
    )


def _log(fault: Exception) -> str:
    """The lines of code of a fault under a new number; not its message, which may quote what somebody typed."""
    number = secrets.token_hex(4)
    lines = "".join(traceback.format_tb(fault.__traceback__))
    _LOG.error("fault %s: %s\n%s", number, type(fault).__qualname__, lines)
    return number


class _Answer:
    """`send` with our headers on, which knows whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


class _Body:
    """`receive` that counts the body and the time it takes."""

    def __init__(self, receive: Receive, *, most_bytes: int, most_s: float | None) -> None:
        self._receive, self._most_bytes = receive, most_bytes
        self._until_s = None if most_s is None else time.monotonic() + most_s
        self._n_bytes, self._is_whole = 0, False

    async def __call__(self) -> Message:
        if self._is_whole or self._until_s is None:  # after the body, an answer waits for the browser to leave
            return self._counted(await self._receive())
        try:
            async with asyncio.timeout(max(0.0, self._until_s - time.monotonic())):
                return self._counted(await self._receive())
        except TimeoutError:
            raise HTTPException(408, TOO_SLOW) from None

    def _counted(self, message: Message) -> Message:
        if message["type"] == "http.request":
            self._n_bytes += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
            if self._n_bytes > self._most_bytes:
                raise HTTPException(413, too_large(self._most_bytes))
        return message


class Pace:
    """A bucket of requests for each client: `burst` at once, then `per_s` in the long run."""

    _MOST_CLIENTS: Final = 4096

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, client: str, *, at: float | None = None) -> bool:
        """Whether one more request may come now (`at` seconds on any steady clock)."""
        at = time.monotonic() if at is None else at
        left, before = self._left.pop(client, (self._burst, at))
        left = min(self._burst, left + (at - before) * self._per_s)
        self._left[client] = (max(left - 1.0, 0.0), at)
        while len(self._left) > self._MOST_CLIENTS:
            self._left.popitem(last=False)
        return left >= 1.0
