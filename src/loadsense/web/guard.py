"""What stands between the network and the pages: headers, origin, host and pace; plain ASGI, so streams stay streams.

Theory of operation
-------------------
The pages load their own scripts and styles and nothing else, so the content security policy needs no exception. A
request that changes something and is signed in by a cookie must come from our own pages: browsers say so in
`Sec-Fetch-Site`, older ones in `Origin`. A program with a token sends no cookie and needs no origin. The `Host` must be
one we serve, or a page elsewhere could reach a server on loopback under its own name (DNS rebinding).
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a client may send, and how fast.

    Attributes
    ----------
    form_bytes, upload_bytes : int
        Largest body of a form or API call, and of a recording.
    requests_per_s, burst : float
        Requests of one client in the long run, and at once.
    """

    form_bytes: int = 1 << 20
    upload_bytes: int = 1 << 30
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
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], limits: Limits) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._limits = limits
        self._pace = Pace(limits.requests_per_s, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope) or self._app
        await answer(scope, receive, _with_headers(send) if scope["type"] == "http" else send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if _host_of(headers.get("host", "")) not in self._hosts:
            return refuse(NO_HOST, 421)
        client = scope.get("client")
        if not self._pace.allows(client[0] if client else ""):
            return refuse(TOO_FAST, 429)
        if _needs_origin(scope, headers) and not _is_own(headers):
            return refuse(FOREIGN, 403)
        return None


def _needs_origin(scope: Scope, headers: Headers) -> bool:
    """Whether the request changes something, or opens a channel, in the name of a cookie; signing in is one too."""
    if "authorization" in headers:
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


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers


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
