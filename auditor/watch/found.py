"""What a watch tells: one finding per alarm, record fault or event, with an identity that outlives its wording."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

ALARM, RECORD, EVENT = "alarm", "record", "event"

#: Record faults that last until they are over.
LASTING = frozenset({"stale", "source_failed"})

#: What each rule says, in a few words for lists.
TITLES = {
    "alarm": "Lasting rise",
    "restated": "Published figures were restated",
    "withdrawn": "Published figures were withdrawn",
    "missing_day": "A day was never published",
    "list_changed": "The list has a different length",
    "platform_jump": "Everything moved together",
    "stale": "No new day",
    "source_failed": "The source did not answer",
    "not_run": "The watch did not run",
    "new": "New entity",
    "gone": "Entity no longer listed",
    "returned": "Entity listed again",
    "rename": "Renamed (inferred)",
    "free_start": "Free variant appeared",
    "free_end": "Free variant replaced by a paid one",
    "known": "Known event",
}


def fingerprint(rule: str, source: str, entity: str, opened: str) -> str:
    """Identity of a finding: what, where, whose and since when; never its figures."""
    return hashlib.sha256(f"{rule}\x1f{source}\x1f{entity}\x1f{opened}".encode("utf-8", "surrogatepass")).hexdigest()[
        :16
    ]


@dataclass
class Found:
    """One thing told.

    Attributes
    ----------
    kind : {'alarm', 'record', 'event'}
    rule, source, entity : str
        ``entity`` is '' for what concerns a whole source.
    opened : str
        First day it concerns.
    day : str
        Day whose figure showed it.
    raised : str
        Day of the run that raised it.
    text : str
        One sentence with its numbers.
    figures : dict
        The same numbers by name.
    resolved : str
        Day of the run in which it ended; '' while it lasts.
    suppressed : str
        Why nobody is told; '' if somebody is.
    old : bool
        True for what was found while the past was read in: kept, but told to nobody.
    verdict : dict
        Of an alarm: ``hypothesis``, ``strength``, ``words``, ``log10_lr``; or ``error``.
    report : str
        Folder of the report, relative to the reports folder.
    """

    kind: str
    rule: str
    source: str
    entity: str
    opened: str
    day: str
    raised: str
    text: str
    figures: dict[str, Any] = field(default_factory=dict)
    resolved: str = ""
    suppressed: str = ""
    old: bool = False
    verdict: dict[str, Any] = field(default_factory=dict)
    report: str = ""

    @property
    def id(self) -> str:
        """The fingerprint."""
        return fingerprint(self.rule, self.source, self.entity, self.opened)

    @property
    def title(self) -> str:
        """A few words for lists and subjects."""
        what = TITLES.get(self.rule, self.rule)
        return f"{what}: {self.entity or self.source}"

    @property
    def ended(self) -> str:
        """Day on which it was over, '' while it lasts; what has no duration is over when it is told."""
        return self.resolved if self.kind == ALARM or self.rule in LASTING else self.raised

    @property
    def status(self) -> str:
        """``suppressed``, ``resolved``, ``open``, or ``noted`` for what has no duration."""
        over = "resolved" if self.resolved else "noted" if self.ended else "open"
        return "suppressed" if self.suppressed else over


@dataclass(frozen=True)
class Changes:
    """What a run changed, by fingerprint.

    Attributes
    ----------
    new, continuing, resolved, suppressed : tuple of Found
        Since the state before the run; nothing is in two of them.
    """

    new: tuple[Found, ...]
    continuing: tuple[Found, ...]
    resolved: tuple[Found, ...]
    suppressed: tuple[Found, ...]


def compare(before: set[str], open_before: set[str], after: dict[str, Found]) -> Changes:
    """Compare the findings of two runs.

    Parameters
    ----------
    before, open_before : set of str
        Fingerprints known, and open, before the run.
    after : dict of str to Found
    """
    new, continuing, resolved, suppressed = [], [], [], []
    for key, found in after.items():
        if found.old:
            continue
        if found.suppressed:
            if not found.resolved:
                suppressed.append(found)
        elif key not in before:
            new.append(found)
        elif not found.ended:
            continuing.append(found)
        elif key in open_before:
            resolved.append(found)
    return Changes(tuple(new), tuple(continuing), tuple(resolved), tuple(suppressed))
