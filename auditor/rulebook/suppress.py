"""Suppressions: findings somebody has looked at, as data with a reason and an expiry. They stay visible and are counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from auditor import casefile
from auditor.errors import Where
from auditor.findings import Finding, Window
from auditor.yamlfile import load, validate


@dataclass(frozen=True)
class Suppression:
    """One accepted finding: which, until when, and why."""

    rule: str
    subject: str
    window: Window
    reason: str
    expires: date
    where: Where

    def covers(self, finding: Finding) -> bool:
        """Whether a finding of that rule and subject lies wholly inside the window."""
        if finding.rule != self.rule or self.subject not in {"*", finding.subject} or finding.window is None:
            return False
        return self.window.start <= finding.window.start and finding.window.end <= self.window.end


@dataclass(frozen=True)
class Suppressed:
    """Findings sorted by whether a suppression in force covers them.

    Attributes
    ----------
    kept : tuple of Finding
    suppressed : tuple of (Finding, Suppression)
        To be shown and counted apart; they must not weigh.
    expired : tuple of Suppression
        No longer in force; what they covered is kept.
    unused : tuple of Suppression
        In force, but covering nothing: the data or the rule has changed.
    """

    kept: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, Suppression], ...]
    expired: tuple[Suppression, ...]
    unused: tuple[Suppression, ...]


def read(path: Path) -> tuple[Suppression, ...]:
    """Read a suppression file.

    Raises
    ------
    UsageError, ErrorList
        With file, line, column and a hint for each mistake.
    """
    from pydantic import BaseModel, ConfigDict, Field, field_validator

    class Entry(BaseModel):
        model_config = ConfigDict(extra="forbid")
        rule: str = Field(pattern=r"^AUD\d{3}$")
        subject: str = Field(min_length=1)
        window: str
        reason: str = Field(min_length=10)
        expires: str

        @field_validator("window")
        @classmethod
        def _closed(cls, value: str) -> str:
            casefile.window(value)
            return value

        @field_validator("expires")
        @classmethod
        def _day(cls, value: str) -> str:
            casefile.when(value)
            return value

    class File(BaseModel):
        model_config = ConfigDict(extra="forbid")
        suppressions: list[Entry]

    document = load(path)
    entries: list[Any] = validate(document, File).suppressions
    return tuple(
        Suppression(
            rule=e.rule,
            subject=e.subject,
            window=casefile.window(e.window),
            reason=e.reason,
            expires=casefile.when(e.expires).date(),
            where=document.where(("suppressions", i)),
        )
        for i, e in enumerate(entries)
    )


def apply(findings: Sequence[Finding], suppressions: Sequence[Suppression], *, today: date) -> Suppressed:
    """Sort findings by the suppressions in force.

    Parameters
    ----------
    today : date
        Passed in, because nothing below the command line reads a clock. A suppression holds up to and on its expiry day.
    """
    live = [s for s in suppressions if today <= s.expires]
    kept: list[Finding] = []
    covered: list[tuple[Finding, Suppression]] = []
    used: set[int] = set()
    for finding in findings:
        found = next((i for i, s in enumerate(live) if s.covers(finding)), None)
        if found is None:
            kept.append(finding)
        else:
            used.add(found)
            covered.append((finding, live[found]))
    return Suppressed(
        kept=tuple(kept),
        suppressed=tuple(covered),
        expired=tuple(s for s in suppressions if today > s.expires),
        unused=tuple(s for i, s in enumerate(live) if i not in used),
    )
