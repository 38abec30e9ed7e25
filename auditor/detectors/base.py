"""The contract of a detector, and the small things all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from auditor.case import Case
from auditor.findings import Family, NotApplicable, Outcome, Window
from auditor.panel import Panel, Series, Table
from auditor.texts.message import Message


@dataclass(frozen=True)
class Rule:
    """Identity of a detector. Its words (title, assumptions, limits, references) are in ``texts/<language>/<id>.yaml``."""

    id: str
    name: str
    family: Family
    version: str = "1"

    def not_applicable(self, reason: str, **values: Any) -> list[Outcome]:
        """Say that the test cannot run here; ``reason`` is a key under the rule's messages."""
        return [
            NotApplicable(self.id, self.version, self.name, self.family, Message.of(f"{self.id}.{reason}", **values))
        ]


@dataclass(frozen=True, eq=False)
class Scene:
    """What a detector looks at: the case resolved on the panel. Built once by ``audit`` and shared by all detectors.

    Attributes
    ----------
    window : slice
        Rows of the panel in question (closed interval as a Python slice).
    """

    panel: Panel
    case: Case
    table: Table
    subject: Series
    window: slice

    @cached_property
    def peers(self) -> Table:
        """The table without the subject's ids, restricted to the case's donors where it names any."""
        table = self.table.without(self.subject.parts)
        if not self.case.donors:
            return table
        return table.without([e for e in table.entities if e not in set(self.case.donors)])

    @cached_property
    def peak(self) -> int:
        """Row of the subject's largest settled value inside the window (of any value, if none is settled)."""
        values = np.where(self.subject.settled, self.subject.values, -np.inf)[self.window]
        if not np.isfinite(values).any():
            values = np.where(np.isfinite(self.subject.values), self.subject.values, -np.inf)[self.window]
        start: int = self.window.start
        return int(np.argmax(values)) + start

    @cached_property
    def span(self) -> Window:
        """The window in question as dates."""
        return self.dates(self.window.start, self.window.stop - 1)

    def dates(self, first: int, last: int) -> Window:
        """Return the window between two rows, both included."""
        return Window(self.table.dates[first].to_pydatetime(), self.table.dates[last].to_pydatetime())

    def day(self, row: int) -> Any:
        """Return the date of a row as a datetime."""
        return self.table.dates[row].to_pydatetime()


class Detector(Protocol):
    """A module under ``auditor.detectors``: a ``RULE`` and a pure function."""

    RULE: Rule

    @staticmethod
    def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
        """Measure; return findings, or one ``NotApplicable``. No I/O, no clock, no global randomness."""
        ...


@dataclass(frozen=True)
class Step:
    """Mean of the settled values before and after a row."""

    before: float
    after: float
    n_before: int
    n_after: int
    rows_before: tuple[int, ...] = field(default=())
    rows_after: tuple[int, ...] = field(default=())


def matched_means(values: npt.NDArray[np.float64], before: Sequence[int], after: Sequence[int]) -> Step:
    """Means over two sets of rows, missing values skipped (not filled)."""
    a, b = values[list(before)], values[list(after)]
    ka, kb = np.isfinite(a), np.isfinite(b)
    return Step(
        before=float(a[ka].mean()) if ka.any() else float("nan"),
        after=float(b[kb].mean()) if kb.any() else float("nan"),
        n_before=int(ka.sum()),
        n_after=int(kb.sum()),
        rows_before=tuple(int(r) for r, k in zip(before, ka, strict=True) if k),
        rows_after=tuple(int(r) for r, k in zip(after, kb, strict=True) if k),
    )
