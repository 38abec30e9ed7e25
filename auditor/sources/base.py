"""The contract of a source: what it declares, what it asks for, and how it reads an answer.

A source is a module (or an object) with five names, see :class:`Source`. Planning and reading are pure: ``requests`` says
what to ask, ``follow`` what an answer makes it ask next (the next page, the file a manifest names), ``parse`` turns one
answer into observations and ``events`` into dated events. Bytes are fetched by :mod:`auditor.sources.http` only, so an
answer kept in the archive can be read again, years later, by a better parser.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal, Protocol, Self

from auditor.case import Event
from auditor.errors import SourceError, UsageError
from auditor.observations import Frequency, Note, Observations
from auditor.panel import nearest

KeyUse = Literal["none", "optional", "required"]
Pairs = tuple[tuple[str, str], ...]

#: An answer larger than this is not read to its end, before or after decompression.
MOST_BYTES = 64_000_000


@dataclass(frozen=True)
class Key:
    """How a source is given the user's key.

    Parameters
    ----------
    variable : str
        The environment variable that the command line reads it from.
    header, form : str
        Header that carries it, and its text with ``{key}``.
    query : str
        Query parameter that carries it, where the source takes no header.
    page : str
        Where a key is issued.
    """

    variable: str
    header: str = "authorization"
    form: str = "Bearer {key}"
    query: str = ""
    page: str = ""


@dataclass(frozen=True)
class Option:
    """One setting of a source, given as ``--option name=value``."""

    name: str
    help: str
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True)
class Spec:
    """What a source declares about itself.

    Attributes
    ----------
    name, title : str
        Id on the command line, and name in reports.
    licence, licence_url, citation, docs : str
        ``citation`` may hold ``{as_of}``, ``docs`` is where the publisher describes the data.
    base_url : str
        Every path of a request is relative to it; a test or a mirror may replace it.
    hosts : tuple of str
        The only hosts that are ever contacted, redirects included.
    frequency : Frequency
        Usual spacing of what it publishes.
    grain : str
        What one figure is, and how far back, in words.
    seconds_between : float
        Shortest time between two requests to one host.
    key : Key or None
    options : tuple of Option
    independence : str
        Whether it can confirm another source, in words: copies of one log agree and prove nothing.
    largest : int
        Most bytes accepted, before and after decompression.
    """

    name: str
    title: str
    licence: str
    citation: str
    base_url: str
    hosts: tuple[str, ...]
    docs: str
    grain: str
    frequency: Frequency = Frequency.DAY
    licence_url: str = ""
    seconds_between: float = 1.0
    key: Key | None = None
    options: tuple[Option, ...] = ()
    independence: str = ""
    largest: int = MOST_BYTES


@dataclass(frozen=True)
class Query:
    """What the user wants of a source; ``today`` is passed in, because nothing below the command line reads a clock."""

    today: date
    since: date | None = None
    until: date | None = None
    subjects: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def option(self, spec: Spec, name: str) -> str:
        """Return a setting, or its default."""
        declared = next(o for o in spec.options if o.name == name)
        return self.options.get(name, declared.default)

    def check(self, spec: Spec) -> None:
        """Refuse settings that the source does not know.

        Raises
        ------
        UsageError
            For an unknown option or choice, or a window that ends before it starts.
        """
        known = {o.name: o for o in spec.options}
        for name, value in self.options.items():
            if name not in known:
                raise UsageError(
                    f"the source {spec.name} has no option {name!r}",
                    hint=nearest(name, tuple(known)) if known else "it takes no option",
                )
            choices = known[name].choices
            if choices and value not in choices:
                raise UsageError(
                    f"{value!r} is no choice for the option {name!r} of {spec.name}",
                    hint="use one of " + ", ".join(choices),
                )
        if self.since and self.until and self.since > self.until:
            raise UsageError(f"the window ends ({self.until}) before it starts ({self.since})", hint="swap the dates")

    def needs_subjects(self, spec: Spec, example: str) -> tuple[str, ...]:
        """Return the subjects, or say that the source cannot be asked without one."""
        if not self.subjects:
            raise UsageError(
                f"the source {spec.name} needs at least one subject", hint=f"name one, for example --subject {example}"
            )
        return tuple(dict.fromkeys(self.subjects))


@dataclass(frozen=True)
class Request:
    """One address to ask; never holds a key.

    Attributes
    ----------
    source, kind : str
        Who asks, and which of the source's answer shapes to expect.
    path : str
        Relative to the base URL, already percent-encoded.
    params, headers, context : tuple of (str, str)
        Query string; public headers; what the parser must know and the answer does not repeat.
    accept : tuple of str
        Media types that may come back.
    key : {'none', 'optional', 'required'}
    data : bool
        False where the answer only says what to ask next (a manifest).
    absent : str
        What a 404 means here, in a sentence; empty: an error.
    sha256, size : str, int or None
        What a manifest promised of the bytes.
    complete_days : bool
        Whether the answer restates every day it names as a whole.
    """

    source: str
    kind: str
    path: str
    params: Pairs = ()
    headers: Pairs = ()
    context: Pairs = ()
    accept: tuple[str, ...] = ("application/json",)
    key: KeyUse = "none"
    data: bool = True
    absent: str = ""
    sha256: str = ""
    size: int | None = None
    complete_days: bool = False

    def get(self, name: str, default: str = "") -> str:
        """Return one thing the parser must know."""
        return dict(self.context).get(name, default)

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain JSON values, for the archive's ledger."""
        return {
            "source": self.source,
            "kind": self.kind,
            "path": self.path,
            "params": [list(p) for p in self.params],
            "context": [list(p) for p in self.context],
            "data": self.data,
            "absent": self.absent,
            "complete_days": self.complete_days,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild what a parser needs of a request from :meth:`to_dict`."""
        return cls(
            source=values["source"],
            kind=values["kind"],
            path=values["path"],
            params=tuple((str(a), str(b)) for a, b in values.get("params", ())),
            context=tuple((str(a), str(b)) for a, b in values.get("context", ())),
            data=bool(values.get("data", True)),
            absent=str(values.get("absent", "")),
            complete_days=bool(values.get("complete_days", False)),
        )


@dataclass(frozen=True)
class Received:
    """One answer, as it came.

    Attributes
    ----------
    request : Request
    raw : bytes
        The body; a transfer compression is undone, nothing else.
    url : str
        The address asked, without secrets.
    status : int
        200; 304 where ``raw`` is the copy kept earlier; 404 where the request says what an absence means.
    headers : mapping
        Response headers, lower-case names, without those that could hold a secret.
    retrieved_at : datetime
        UTC.
    """

    request: Request
    raw: bytes = field(repr=False)
    url: str
    status: int
    headers: Mapping[str, str]
    retrieved_at: datetime

    @property
    def absent(self) -> bool:
        """Whether the source has nothing under this address."""
        return self.status == 404

    @property
    def unchanged(self) -> bool:
        """Whether the source says that nothing changed since the copy kept."""
        return self.status == 304

    @property
    def sha256(self) -> str:
        """SHA-256 of the body."""
        return sha256(self.raw).hexdigest()

    def details(self, parser_version: int) -> dict[str, Any]:
        """Return what the archive keeps beside the answer, so that it can be read again."""
        return {
            "request": self.request.to_dict(),
            "parser_version": parser_version,
            "complete_days": self.request.complete_days,
        }


@dataclass(frozen=True)
class EventList:
    """Dated events, and what was left out of them."""

    events: tuple[Event, ...] = ()
    notes: tuple[Note, ...] = ()


class Source(Protocol):
    """What every source offers; a module with these names satisfies it."""

    @property
    def SPEC(self) -> Spec:  # noqa: N802 - a constant of the module
        """What the source declares about itself."""
        ...

    @property
    def PARSER_VERSION(self) -> int:  # noqa: N802 - a constant of the module
        """Goes up when the same bytes would be read differently."""
        ...

    def requests(self, query: Query, /) -> list[Request]:
        """Say what to ask. Pure."""
        ...

    def follow(self, received: Received, /) -> list[Request]:
        """Say what an answer makes it ask next. Pure."""
        ...

    def parse(self, received: Received, /) -> Observations:
        """Read one answer. Pure."""
        ...

    def events(self, received: Received, /) -> EventList:
        """Read the dated events of one answer. Pure."""
        ...


def nothing_follows(received: Received, /) -> list[Request]:  # noqa: ARG001 - the contract's signature
    """``follow`` of a source whose answers stand alone."""
    return []


def no_events(received: Received, /) -> EventList:  # noqa: ARG001 - the contract's signature
    """``events`` of a source that publishes figures only."""
    return EventList()


def unknown_kind(received: Received) -> SourceError:
    """Build the error for an answer of a shape this version of the source does not know."""
    return SourceError(
        f"the source {received.request.source} has no reader for answers of kind {received.request.kind!r}",
        where=received.url,
        hint="the archive may come from a newer version of this tool; update it",
    )
