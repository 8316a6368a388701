"""Make `docs/api.md` from the routes: `python docs/api_page.py`; `tests/web/test_api.py` fails when it is old."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadsense.store import open_store
from loadsense.web.access import ACCESS, Access
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard

PAGE = Path(__file__).parent / "api.md"

INTRODUCTION = """# The API of the dashboard

What the pages show, for programs: each answer is the object that the page is made from. This page is made from the
program by `python docs/api_page.py`; the whole description, with every field, is at `/api/v1/openapi.json`.

```sh
curl -H "Authorization: Bearer $LOADSENSE_TOKEN" http://127.0.0.1:8000/api/v1/roster
curl -H "Authorization: Bearer $LOADSENSE_TOKEN" -T 2026-11-20_p017_hip.csv \\
  "http://127.0.0.1:8000/api/v1/recordings?person=p017&placement=hip&range_g=16"
```

**Who.** A program sends a token, made under Settings, with scopes: `read` for what can be asked for, `record` to send
recordings, `live` to tell a live session. It may never do more than the account it belongs to, and it is out at once
when it or the account is revoked. A browser that is signed in may use all of it; what changes something in the name of
a cookie must come from the dashboard's own pages (`Origin`, `Sec-Fetch-Site`). Corrections, decisions, clearances and
acknowledgements are a person's word with who and why, so no token may send them. An athlete gets what is hers.

**Answers.** JSON; unknown is `null` and never 0, and there is no NaN. Times are UTC (ISO 8601), days are local. Units
are in the names: `_g` is RAW g, `_net_g` NET g, `_s` seconds. A refusal is `{"detail": "one sentence"}` with what was
found, what was expected and what to do: 400 not readable, 401 not signed in, 403 may not, 404 no such thing, 408 too
slow, 409 somebody else changed it in the meantime (nothing was overwritten), 413 too large, 422 cannot be used, 429
too many requests, 500 a fault of ours with its number in the log, 503 database or disk. Lists that grow have `limit`
and `before` or `after`; `next` in the answer is the value for the next call, `null` at the end.

**Two people at once.** What can be edited carries `version`; send the one you saw. Plans carry the number of the
newest prescription, sent back as `seen`.

**What speaks against a change of a plan** is 409 too, with `objections`: for each the key of its `rule`, its `sentence`
and `is_amber` (it stays as a flag). The same again with `"confirmed": true` and a `reason` is taken, and kept with it.

## Routes
"""

LIVE = """
## Live

`/api/v1/live/ingest` is a WebSocket for gateways (scope `live`): `loadsense stream --post` speaks it. `/live/feed` is
the one that the page of the floor listens to (a signed-in browser, or a token with scope `read`). Both are refused
before they open, with close code 4401 (nobody is signed in) or 4403 (may not), and cut off within a second of a
revocation.
"""


def page() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "loadsense.db", folder)
        described = create_app(Dashboard(store=store)).openapi()
        store.close()
    return INTRODUCTION + "\n" + "\n".join(_routes(described)) + LIVE


def _routes(described: dict[str, Any]) -> Iterator[str]:
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            access = ACCESS[route["operationId"]]
            yield f"### {method.upper()} {path}\n"
            yield f"{_plain(route['description'])}\n"
            yield f"- who: {_who(access)}"
            parameters = [one for one in route.get("parameters", ()) if one["in"] == "query"]
            for one in parameters:
                yield f"- `{one['name']}`{'' if one.get('required') else ' (optional)'}: {_kind(one)}"
            if body := _body(route):
                yield f"- send: {body}"
            yield f"- answer: {_answer(route)}\n"


def _who(access: Access) -> str:
    who = f"{access.least.name.lower()} or more" if access.least else "everybody"
    own = ", and the athlete for what is hers" if access.own else ""
    scope = f"; token with `{access.scope}`" if access.scope else "; no token"
    return who + own + scope


def _plain(text: str) -> str:
    return " ".join(text.split())


def _kind(parameter: dict[str, Any]) -> str:
    told = parameter.get("description")
    schema = parameter["schema"]
    kinds = [one.get("type") or "one of several" for one in schema.get("anyOf", [schema])]
    default = f", {schema['default']} by default" if schema.get("default") not in (None, "") else ""
    return " or ".join(dict.fromkeys(kinds)) + default + (f"; {told}" if told else "")


def _body(route: dict[str, Any]) -> str:
    content = route.get("requestBody", {}).get("content", {})
    return ", ".join(f"`{_name(one)}` as {kind}" for kind, one in content.items())


def _answer(route: dict[str, Any]) -> str:
    status, good = next((status, one) for status, one in route["responses"].items() if status.startswith("2"))
    shown = [f"`{_name(one)}`" if _name(one) else kind for kind, one in good.get("content", {}).items()]
    return f"{status}, {' or '.join(shown)}"


def _name(content: dict[str, Any]) -> str:
    return str(content.get("schema", {}).get("$ref", "")).rsplit("/", 1)[-1]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
