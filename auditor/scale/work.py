"""What every engine runs: a function of one chunk that returns the chunk's lines."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Lines of each chunk that may come into the ranked summary.
TOP = 50


@dataclass(frozen=True)
class Part:
    """The answer of one chunk.

    Attributes
    ----------
    lines : bytes
        Lines of JSON, sorted by their bytes.
    counts : mapping of str to int
        What the summary counts, by name; added up over chunks.
    top : list of dict
        The records that may be among the first of the whole, in order.
    """

    lines: bytes
    counts: Mapping[str, int]
    top: list[dict[str, Any]]


class Work(Protocol):
    """A function of a chunk; it can be pickled, keeps nothing between chunks that changes a result, and never fails on one series."""

    def __call__(self, chunk: Any) -> Part:
        """Return the lines of a chunk."""
        ...

    def lost(self, chunk: Any, reason: str) -> Part:
        """Return lines that say why nothing of the chunk could be answered."""
        ...


def attention(record: Mapping[str, Any]) -> tuple[float, str]:
    """Order of the summary: most attention first, then by name."""
    return (-float(record.get("attention") or 0.0), str(record["entity"]))


def first_of(records: Iterable[dict[str, Any]], most: int = TOP) -> list[dict[str, Any]]:
    """Return the records that rank first."""
    return heapq.nsmallest(most, records, key=attention)


def added(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Add the counts of all chunks together, by name."""
    total: dict[str, int] = {}
    for part in counts:
        for name, number in part.items():
            total[name] = total.get(name, 0) + number
    return dict(sorted(total.items()))
