"""A bundle served as a person asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convladder.core import extras
from convladder.core.errors import ExperimentError, RunError
from convladder.core.formatting import plural
from convladder.results import folders
from convladder.results.bundle.predictor import Predictor

if TYPE_CHECKING:
    from convladder.deploy.serve.access import Rules
    from convladder.deploy.serve.samples import Sample

EVERYWHERE = ("0.0.0.0", "::")  # as --host: on all addresses of this machine
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LEAST_TOKEN = 16  # characters
EXTRA = "serve"


@dataclass(frozen=True)
class Place:
    """Where something is served; `hosts` may ask for it, beside those of this machine."""

    host: str
    port: int
    hosts: tuple[str, ...]

    @property
    def everywhere(self) -> bool:
        """Whether it is served on all addresses of this machine."""
        return self.host in EVERYWHERE

    @property
    def name(self) -> str:
        """The host as it stands in an address."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def url(self, port: int) -> str:
        """Return its address for a browser on this machine."""
        return f"http://{'127.0.0.1' if self.everywhere else self.name}:{port}"


@dataclass(frozen=True)
class ServeOptions(Place):
    """Where a bundle is served, and to whom.

    origins : of pages that may ask. corrections : where corrected images are collected. run : the
    folder of the run, where one is served. samples : the place of pictures to click; without it,
    those of the run. show_samples : whether there are any. log : one line per request.
    """

    origins: tuple[str, ...]
    token_file: Path | None
    corrections: Path | None
    log: bool
    run: Path | None = None
    samples: Path | None = None
    show_samples: bool = True

    @property
    def is_private(self) -> bool:
        """Whether nobody is let in from elsewhere: by address, by name, by page or by token."""
        return self.host in LOOPBACK and not (self.hosts or self.origins or self.token_file)


def serve(predictor: Predictor, how: ServeOptions, say: Callable[[str], None]) -> None:
    """Serve a bundle until a signal says otherwise; `say` is told where.

    Raises ExperimentError where the extra is missing, the place is taken, the token's file holds
    none, an origin is none, or a place of samples has none.
    """
    for module in ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "markdown_it"):
        extras.require(module, EXTRA)
    from convladder.deploy.serve import server
    from convladder.deploy.serve.app import create_app
    from convladder.deploy.serve.service import Settings, service_of

    token = None if how.token_file is None else read_token(how.token_file)
    if how.corrections is not None:
        folders.check_writable(how.corrections, "--corrections")
    rules = _rules_of(how, token)
    samples = samples_of(how, predictor, say)
    app = create_app(predictor, Settings(rules=rules, corrections=how.corrections, samples=samples))
    service = service_of(app)

    def stop() -> None:
        service.ready = False
        if begun := service.arriving + service.at_work:
            say(
                f"{plural(begun, 'request')} will be answered first (press Ctrl-C again to stop "
                "at once)"
            )

    def tell_where() -> None:
        where = how.url(opened.getsockname()[1])
        say(f"serving {predictor.bundle.path} on {where} (press Ctrl-C to stop)")
        for line in _on_others(how, rules):
            say(line)

    with server.listening(how.host, how.port) as opened:
        for line in _warnings(how, rules):
            say(line)
        server.run(app, opened, stop, tell_where, how.log)


def samples_of(
    how: ServeOptions, predictor: Predictor, say: Callable[[str], None]
) -> tuple[Sample, ...]:
    """Return the pictures to click, and say whose they are. Raises ConvladderError."""
    from convladder.deploy.serve import samples

    if not how.show_samples:
        return ()
    if how.samples:
        found = samples.of_place(how.samples, predictor)
        say(f"the page shows {plural(len(found), 'picture')} of {how.samples} to all its visitors")
        return found
    if how.run is None or not how.is_private:
        return ()
    try:
        found = samples.of_run(how.run, predictor)
    except RunError as error:
        say(f"warning: the page shows no pictures of the run: {error}")
        return ()
    if found:
        shown = plural(len(found), "test image")
        say(f"the page shows {shown} of the run (--no-samples hides them)")
    return found


def watch(
    folder: Path, place: Place, waiting: Callable[[Path], bytes], say: Callable[[str], None]
) -> None:
    """Show what trains in a folder until a signal says otherwise; `say` is told where.

    waiting : makes the page that is shown until something trains there.

    Raises ExperimentError where the extra is missing, or the place is taken.
    """
    for module in ("fastapi", "uvicorn"):
        extras.require(module, EXTRA)
    from convladder.deploy.serve import server
    from convladder.deploy.serve.access import Rules
    from convladder.deploy.serve.watching import Watching, create_watching_app

    watching = Watching(folder, waiting)
    app = create_watching_app(watching, Rules(_names(place), place.everywhere))

    def tell_where() -> None:
        port = opened.getsockname()[1]
        say(f"watching {folder} on {place.url(port)} (press Ctrl-C to stop)")
        if place.host in LOOPBACK:
            tunnel = f"ssh -L {port}:{place.name}:{port} HOST"
            say(f"to see it on another machine, run there: {tunnel} (HOST is this machine)")
        else:
            say(f"warning: anyone who can reach {place.host} sees the pages")

    with server.listening(place.host, place.port) as opened:
        server.run(app, opened, watching.end, tell_where, log=False)


def _names(how: Place) -> tuple[str, ...]:
    """Return the names by which this server may be asked."""
    from convladder.deploy.serve.access import LOCAL, name_of

    own = () if how.everywhere else (how.name,)
    return (*LOCAL, *map(name_of, (*own, *how.hosts)))


def _rules_of(how: ServeOptions, token: str | None) -> Rules:
    """Return who may ask. Raises ExperimentError."""
    from convladder.deploy.serve.access import Rules

    return Rules(_names(how), how.everywhere, token, read_origins(how.origins))


def _on_others(how: ServeOptions, rules: Rules) -> Iterator[str]:
    """Say which pages and which machines may ask, beside those of this one."""
    from convladder.deploy.serve.access import ANY

    if rules.origins:
        pages = "any site" if ANY in rules.origins else ", ".join(rules.origins)
        yield f"pages of {pages} may send requests"
    if how.everywhere:
        yield "from other machines: use this machine's address, or a name given with --allow-host"


def _warnings(how: ServeOptions, rules: Rules) -> Iterator[str]:
    """Say who may ask without a token that should perhaps not."""
    from convladder.deploy.serve.access import ANY

    if rules.token is None and how.host not in LOOPBACK:
        yield (
            f"warning: anyone who can reach {how.host} may send requests; --token-file requires a "
            "token"
        )
    if rules.token is None and ANY in rules.origins:
        yield (
            "warning: any page open in a browser here may send requests; --token-file requires a "
            "token"
        )


def read_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return origins as browsers send them. Raises ExperimentError."""
    from convladder.deploy.serve.access import origin_of

    found = []
    for each in origins:
        try:
            found.append(origin_of(each))
        except ValueError as error:
            raise ExperimentError(
                "--allow-origin needs scheme, host and port of a page, such as "
                f"https://app.example.org, or * for all; got {each!r} ({error})"
            ) from None
    return tuple(found)


def read_token(path: Path) -> str:
    """Return the token that a file holds. Raises ExperimentError."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise ExperimentError(f"cannot read the token in {path} ({why})") from None
    if len(token) < LEAST_TOKEN or not token.isprintable() or " " in token:
        raise ExperimentError(
            f"{path} holds no token: {LEAST_TOKEN} characters or more without a space, such as "
            "python -c 'import secrets; print(secrets.token_urlsafe())' prints"
        )
    return token
