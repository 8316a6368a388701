"""The verb `serve`: the dashboard on this machine, or its demonstration with a made-up group.

`register(app)` adds it; nothing of weight is imported before it runs.
"""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from ipaddress import ip_address
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

import typer

from loadsense.errors import OptionError, WorldError

if TYPE_CHECKING:
    from loadsense.store import Store
    from loadsense.web.context import Dashboard

DEFAULT_PORT: Final = 8000
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_ANY: Final = ("0.0.0.0", "::")  # noqa: S104 - recognised in order to ask for a name
#: Of the extra "dashboard", as they are imported.
_INSTALLED: Final = (
    "sqlalchemy",
    "alembic",
    "fastapi",
    "uvicorn",
    "websockets",
    "python_multipart",
    "pwdlib",
    "argon2",
)
#: What pages load that git does not have.
_FETCHED: Final = ("htmx.min.js", "uplot.min.js", "uplot.min.css")
#: Open requests get this long after Ctrl-C.
_END_WITHIN_S: Final = 5
_WAITING: Final = 128
#: Largest message of a live channel that is read at all.
_LIVE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the dashboard listens, and under which names it answers.

    Attributes
    ----------
    host, port : str, int
        0 takes a free port.
    names : tuple of str
        Beyond the address itself.
    behind_tls : bool
        Something in front speaks HTTPS with the browsers, so cookies go over HTTPS alone.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    names: tuple[str, ...] = ()
    behind_tls: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return _is_loopback(self.host)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every name in a `Host` header that is answered."""
        own = () if self.host in _ANY else (self.host,)
        return tuple(dict.fromkeys((*_LOOPBACK, *own, *self.names)))


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: loadsense serve --tz Europe/Madrid; to look around first: loadsense serve --demo")(
        serve
    )


def serve(  # each option is a parameter: that is how Typer reads them
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="PATH|URL", envvar="LOADSENSE_STORE", help="Database: a file, or postgresql://..."
        ),
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", metavar="DIR", help="Folder of the recordings; beside the database.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; this machine alone by default.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = DEFAULT_PORT,
    tz: Annotated[str | None, typer.Option("--tz", help="Time zone of people without a group; else Settings'.")] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="Name under which browsers open it; once for each."),
    ] = None,
    behind_tls: Annotated[
        bool, typer.Option("--behind-tls", help="A proxy in front speaks HTTPS with the browsers.")
    ] = False,
    radio: Annotated[
        str | None,
        typer.Option("--radio", metavar="tcp:HOST:PORT", help="A virtual radio for this server's own sensors."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="A made-up group in a store that goes again at the end.")
    ] = False,
) -> None:
    """Serve the coach's dashboard to the browsers of this machine."""
    place = Place(host=host, port=port, names=tuple(name or ()), behind_tls=behind_tls)
    _refuse_open_place(place, demo=demo)
    _check_radio(radio)
    _check_installed()
    if tz is not None:
        from loadsense.store.settings import check_zone

        check_zone(tz)
    with _until_stopped(), _listening(place) as listener:
        if demo:
            if store is not None or folder is not None:
                raise OptionError("the demonstration makes a store of its own; leave out --store and --folder")
            _serve_demo(place, listener, tz, radio=radio)
        else:
            _serve_store(place, listener, (store, folder), tz, radio=radio)


def _check_radio(radio: str | None) -> None:
    """Refuse a virtual radio that cannot be before anything is opened."""
    if radio is not None:
        from loadsense.live.beginning import radio_of

        radio_of(radio)


def _serve_store(
    place: Place,
    listener: socket.socket,
    where: tuple[str | None, str | None],
    tz: str | None,
    *,
    radio: str | None = None,
) -> None:
    """Open the store, say where it is, and serve until Ctrl-C."""
    from loadsense.store import open_store, settings
    from loadsense.store.places import places_of
    from loadsense.web.context import Dashboard

    database, folder = places_of(*where)
    opened = open_store(database, folder)
    try:
        with opened.reading() as db:
            zone = tz or settings.zone(db)
        made = Dashboard(store=opened, tz=zone, hosts=place.hosts, is_plain_http=not place.behind_tls, radio=radio)
        typer.echo(f"store    {opened.url.render_as_string(hide_password=True)}, recordings in {opened.folder}")
        typer.echo(f"open     {_address(place, listener)}   (Ctrl-C ends)")
        _say_first_run(opened)
        run(made, listener, behind_tls=place.behind_tls)
    finally:
        opened.close()


def _serve_demo(place: Place, listener: socket.socket, tz: str | None, *, radio: str | None = None) -> None:
    """A made-up group in a folder that goes again."""
    from loadsense import demo
    from loadsense.web.context import Dashboard

    with TemporaryDirectory(prefix="loadsense-demo-") as folder:
        typer.echo("making a group of eight people who do not exist, and twelve weeks of their training ...")
        made = demo.make(folder, tz=tz or demo.TZ)
        try:
            typer.echo(f"open     {_address(place, listener)}   (Ctrl-C ends, and everything in it is gone)")
            typer.echo(f"sign in  {demo.LOGIN} / {demo.PASSWORD}")
            shown = Dashboard(store=made, tz=tz or demo.TZ, hosts=place.hosts, is_demo=True, radio=radio)
            run(shown, listener, behind_tls=False)
        finally:
            made.close()


def run(dashboard: Dashboard, listener: socket.socket, *, behind_tls: bool) -> None:
    """Serve on a socket that listens, until Ctrl-C; no request is logged, since paths hold pseudonyms."""
    import uvicorn

    from loadsense.web.app import create_app

    app = create_app(dashboard)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=behind_tls,
        timeout_graceful_shutdown=_END_WITHIN_S,
        ws_max_size=_LIVE_BYTES,
        ws_per_message_deflate=False,  # many small messages: packing costs twice what sending does
    )
    try:
        with suppress(KeyboardInterrupt):  # how it is meant to end
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        app.state.own_sensors.close()
        app.state.jobs.close()
        app.state.uploads.close()
    typer.echo("ended")


def _say_first_run(store: Store) -> None:
    from loadsense.store import accounts

    if not accounts.any_user(store):
        typer.echo("first    this store is new: whoever opens it first makes the owner's account")


# -- who may reach it


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_open_place(place: Place, *, demo: bool) -> None:
    if demo and (place.behind_tls or not place.is_loopback):
        raise OptionError(
            "the demonstration has a password that everybody can read; it is served on 127.0.0.1 alone: "
            "leave out --host and --behind-tls"
        )
    if not place.is_loopback and not place.behind_tls:
        raise OptionError(
            f"{place.host} can be reached by other machines, and without HTTPS passwords would cross the network in "
            "the clear; put a proxy that speaks HTTPS in front and add --behind-tls, or leave out --host"
        )
    if place.behind_tls and not place.names and (place.is_loopback or place.host in _ANY):
        raise OptionError(
            "behind a proxy browsers use another name than this machine's; say which, for instance "
            "--name dashboard.example.org"
        )


# -- what must be there


def _check_installed() -> None:
    lost = [one for one in _INSTALLED if find_spec(one) is None]
    if lost:
        raise OptionError(
            f"the dashboard needs {', '.join(lost)}, which is not installed: pip install 'loadsense[dashboard]'"
        )
    vendor = resources.files("loadsense") / "web" / "static" / "vendor"
    missing = [one for one in _FETCHED if not (vendor / one).is_file()]
    if missing:
        raise OptionError(
            f"{', '.join(missing)} of the dashboard's pages are not here: run `make frontend` once (needs npm), "
            "or install a wheel, which has them"
        )


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ctrl-C and a polite kill both end it, at any moment, and let it tidy up."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _listening(place: Place) -> Iterator[socket.socket]:
    """A socket that listens already, so that a taken port is told before anything else begins."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if sys.platform != "win32":  # there it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((place.host, place.port))
        except OSError as fault:
            raise _cannot_listen(place, fault) from None
        listener.listen(_WAITING)
        yield listener


def _cannot_listen(place: Place, fault: OSError) -> WorldError | OptionError:
    where = f"port {place.port} of {place.host}"
    if fault.errno == errno.EADDRINUSE:
        return WorldError(
            f"{where} is taken: perhaps the dashboard runs already; open it, or choose another with --port "
            f"{place.port + 1 if place.port < 65535 else DEFAULT_PORT}"
        )
    if fault.errno in (errno.EACCES, errno.EPERM):
        return WorldError(f"{where} may not be used by this account; choose one above 1023, such as --port 8000")
    return OptionError(f"{place.host} is no address of this machine; expected one, such as 127.0.0.1")


def _address(place: Place, listener: socket.socket) -> str:
    """What to type into a browser."""
    port = listener.getsockname()[1]
    if place.behind_tls:
        name = place.names[0] if place.names else place.host
        return f"https://{name}/ (the proxy passes it on to port {port} here, with the Host header as it came)"
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"http://{host}:{port}/"
