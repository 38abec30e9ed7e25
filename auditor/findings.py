"""Findings: what one test or rule measured on one subject in one window, with its limits."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from auditor.texts.message import Message


class Family(StrEnum):
    """Groups of tests that look at the same aspect of the data; evidence inside one is dependent."""

    LEVEL_SHAPE = "level_shape"
    RHYTHM = "rhythm"
    MARKET = "market"
    PRICE_EVENTS = "price_events"
    COMPOSITION = "composition"
    PLAUSIBILITY = "plausibility"
    INDEPENDENCE = "independence"
    RECORD = "record"
    MULTIVARIATE = "multivariate"


class Hypothesis(StrEnum):
    """The explanations compared; always all of them."""

    DATA_ERROR = "data_error"
    ORGANIC = "organic"
    INCENTIVISED = "incentivised"
    CONCENTRATED = "concentrated"
    INFLATED = "inflated"


class Severity(StrEnum):
    """How far a measurement lies from what is usual; says nothing about why."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for info to 3 for high."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How well the test's conditions hold on this data."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Window:
    """A closed interval of periods, by the start of the first and of the last (naive UTC)."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        if self.start.hour or self.end.hour:
            return f"{self.start:%Y-%m-%dT%H:%M}:{self.end:%Y-%m-%dT%H:%M}"
        return f"{self.start:%Y-%m-%d}:{self.end:%Y-%m-%d}"


@dataclass(frozen=True)
class Statistic:
    """A test statistic and what it was compared with.

    Attributes
    ----------
    name, unit : str
    value : float
    reference : Message or None
        What the value was compared with, in words.
    n_reference : int
        Size of the comparison set; the weight of the finding is capped at ``n_reference + 1``. 0: no comparison set.
    rank : int or None
        1 is the most extreme of the ``n_reference + 1`` values.
    p : float or None
        Conformal p-value, where ranks are exchangeable.
    low, high : float or None
        Interval of the value (rounding and censoring carried through, or a confidence interval, as the reference says).
    """

    name: str
    value: float
    unit: str = ""
    reference: Message | None = None
    n_reference: int = 0
    rank: int | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Rows:
    """The figures a finding rests on: column names with units, and rows of plain values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, **columns: Iterable[Any]) -> "Rows":
        """Build from equally long columns; numpy scalars become plain values, NaN becomes None."""
        plain = [[_plain(v) for v in column] for column in columns.values()]
        return cls(tuple(columns), tuple(zip(*plain, strict=True)))


@dataclass(frozen=True)
class Finding:
    """One measurement by one test or rule.

    Attributes
    ----------
    rule, version : str
        Id of the detector or rule (``AUD121``) and its version.
    name : str
        Short name (``diversion``).
    family : Family
    subject : str
    window : Window or None
    statement : Message
        One sentence with its numbers.
    statistic : Statistic or None
    variant : str
        Which reference table of the rule applies (for example ``documented`` or ``inferred`` events); '' is the only one.
    severity, confidence
    limits : tuple of Message
        How the finding could mislead on this data.
    data : Rows or None
        The figures it rests on, enough to recompute the statistic.
    figures : mapping of str to float
        Further named numbers, for readers and charts.
    weighs : bool
        False for findings that describe (they are shown but carry no likelihood ratio).
    log10_lr : mapping of Hypothesis to float
        Weight against ``organic``; empty until the verdict has weighed the finding.
    title : str
        The title a rule file gives itself; '' for detectors, whose titles are in ``texts``.
    """

    rule: str
    version: str
    name: str
    family: Family
    subject: str
    window: Window | None
    statement: Message
    statistic: Statistic | None = None
    variant: str = ""
    severity: Severity = Severity.INFO
    confidence: Confidence = Confidence.MEDIUM
    limits: tuple[Message, ...] = ()
    data: Rows | None = None
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    weighs: bool = True
    log10_lr: Mapping[Hypothesis, float] = field(default_factory=lambda: MappingProxyType({}))
    title: str = ""

    @property
    def fingerprint(self) -> str:
        """Identity of the finding across runs: rule, subject and window, not its wording or numbers."""
        text = "\x1f".join((self.rule, self.subject, str(self.window or "")))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class NotApplicable:
    """A test that could not run here, and why; the report lists it."""

    rule: str
    version: str
    name: str
    family: Family
    reason: Message
    title: str = ""


Outcome = Finding | NotApplicable


def _plain(value: Any) -> Any:
    """Return a JSON-ready scalar: numpy numbers unwrapped, timestamps as ISO text, NaN as None."""
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return str(text).removesuffix("T00:00:00")
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN is the only value unlike itself
        return None
    return value
