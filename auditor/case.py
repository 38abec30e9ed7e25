"""The case: the question asked, in a form that anyone can repeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from auditor.findings import Hypothesis, Window


class EventKind(StrEnum):
    """What can happen to a subject or to its market on a date."""

    LAUNCH = "launch"
    RENAME = "rename"
    FREE_START = "free_start"
    FREE_END = "free_end"
    PRICE = "price"
    PROMOTION = "promotion"
    APP_DEFAULT = "app_default"
    OUTAGE = "outage"
    CAPACITY = "capacity"
    METHODOLOGY = "methodology"
    NEWS = "news"


@dataclass(frozen=True)
class Event:
    """Something dated that may explain a change, with the source that says so."""

    date: datetime
    kind: EventKind
    source: str = ""
    note: str = ""
    entity: str = ""


@dataclass(frozen=True)
class Claim:
    """A public statement, and how to check it against the figures.

    ``kind`` names a check of :mod:`auditor.claims`; ``params`` are its settings as the case file gave them.
    """

    text: str
    kind: str
    params: tuple[tuple[str, Any], ...] = ()

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting of the check."""
        return dict(self.params).get(name, default)


@dataclass(frozen=True)
class Case:
    """The question: which subject, when, and what was claimed.

    Attributes
    ----------
    subject : tuple of str
        One id, or several ids of one product to be stitched.
    window : Window or None
        The periods in question. None: found around ``date`` by :func:`auditor.window.resolve`.
    date : datetime or None
        The day in question, where no window is given.
    metric : str
        '' means the only metric of the panel.
    donors : tuple of str
        Peers to compare with; empty means all.
    reply : str
        The answer of those concerned, printed as given (right of reply).
    priors : mapping of Hypothesis to float
        Prior probabilities that the user states; empty means none, and no posterior is given.
    """

    subject: tuple[str, ...]
    window: Window | None = None
    date: datetime | None = None
    metric: str = ""
    title: str = ""
    name: str = ""
    claims: tuple[Claim, ...] = ()
    events: tuple[Event, ...] = ()
    donors: tuple[str, ...] = ()
    reply: str = ""
    inputs: tuple[str, ...] = ()
    priors: Mapping[Hypothesis, float] = field(default_factory=lambda: MappingProxyType({}))

    def events_of(self, *kinds: EventKind) -> tuple[Event, ...]:
        """Return the events of the given kinds, in order of date."""
        return tuple(sorted((e for e in self.events if e.kind in kinds), key=lambda e: e.date))
