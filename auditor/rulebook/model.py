"""A rule as the rest of the program sees it: what the YAML file said, checked and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from auditor.errors import UsageError, Where
from auditor.findings import Confidence, Family, Hypothesis, Severity
from auditor.verdict.weigh import Band
from auditor.yamlfile import Document

#: Largest weight (log10) of one rule's finding: a ratio of 10 for bands set by judgement, of 100 for measured ones.
MOST_WEIGHT: Mapping[str, float] = MappingProxyType({"provisional": 1.0, "measured": 2.0})


class RuleError(UsageError):
    """A rule that is refused or fails; the message names the rule and the place."""


@dataclass(frozen=True)
class Requires:
    """What must be present for a rule to be able to say anything.

    Attributes
    ----------
    frequency : tuple of str
        Spacings the rule is written for; empty is any.
    days, entities, sources : int
        Least number of published periods, of entities, and of sources of the metric in question.
    viewpoints : int
        Least number of sources and of other spacings (a weekly table beside a daily one) that state the metric in question.
    metric_roles : tuple of str
        Roles that the metric in question may have; empty is any.
    roles : tuple of str
        Roles of further metrics, all of them needed.
    any_role : tuple of str
        Roles of further metrics, one of them needed.
    of_subject : bool
        The further metrics must be published for the subject itself.
    """

    frequency: tuple[str, ...] = ()
    days: int = 1
    entities: int = 1
    sources: int = 1
    viewpoints: int = 1
    metric_roles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    any_role: tuple[str, ...] = ()
    of_subject: bool = False
    periods: tuple[str, ...] = ()
    remainder: bool = False
    total: bool = False
    as_of: bool = False
    vintages: bool = False
    claims: bool = False
    events: tuple[str, ...] = ()
    calendar: bool = False


@dataclass(frozen=True)
class Weights:
    """Likelihood-ratio bands of a rule and where they come from."""

    basis: str
    why: str
    measure: str = ""
    unit: str = ""
    bands: tuple[Band, ...] = ()

    def of(self, value: float | None) -> Mapping[Hypothesis, float]:
        """Return the log10 weights for a measured value, capped by :data:`MOST_WEIGHT`; empty where no band applies."""
        if value is None and self.measure:
            return {}
        most = MOST_WEIGHT[self.basis]
        band = next((b for b in self.bands if not self.measure or b.fits(float(value or 0.0), "")), None)
        return {h: max(-most, min(most, v)) for h, v in band.log10_lr.items()} if band else {}


@dataclass(frozen=True)
class Test:
    """One test of a rule: a small panel and question in, hits out."""

    name: str
    kind: str
    metric: str
    start: str
    frequency: str
    unit: str
    series: Mapping[str, tuple[Any, ...]]
    rows: tuple[Mapping[str, Any], ...]
    subject: tuple[str, ...]
    window: str
    events: tuple[Mapping[str, Any], ...]
    claims: tuple[Mapping[str, Any], ...]
    hits: tuple[Mapping[str, Any], ...]
    not_applicable: bool
    path: tuple[str | int, ...] = ()

    __test__ = False  # pytest would otherwise take the class for a test


@dataclass(frozen=True)
class RuleFile:
    """One rule, as its file states it."""

    id: str
    name: str
    version: str
    title: str
    group: str
    status: str
    level: Severity
    confidence: Confidence
    family: Family
    description: str
    rationale: str
    references: tuple[str, ...]
    falsepositives: tuple[str, ...]
    requires: Requires
    sql: str
    message: str
    weights: Weights
    tests: tuple[Test, ...]
    document: Document = field(repr=False, compare=False)

    @property
    def file(self) -> str:
        """Path of the rule's file."""
        return self.document.file

    def error(self, what: str, *path: str | int, hint: str = "", place: Where | None = None) -> RuleError:
        """Build an error that names this rule and the place in its file."""
        return RuleError(f"rule {self.id}: {what}", where=place or self.document.where(path), hint=hint)
