"""What happens to entities: new, gone, returned, renamed, free to paid. Events that explain a level, never alarms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher

GONE_AFTER = 7
"""Judged days without a figure after which an entity counts as no longer listed."""

SETTLING = 28
"""Days that a launch, rename or change of price is given to settle."""

RENAME_DAYS = 4
"""An id that ended at most so many days before another began may have become it."""

ALIKE = 0.8
"""Least likeness of the two ids (Ratcliff and Obershelp's ratio); what stands before the first `/` must be the same."""

FACTOR = 3.0
"""The new id's first figure lies within this factor of the old id's last."""

CLEAR = 3.0
"""On a list that is cut off by rank, ids come and go at the cut-off every day. Only one that stood at least this many times above
the day's smallest figure has left or come back for a reason."""

FREE = ":free"


@dataclass(frozen=True)
class Happening:
    """One event.

    Attributes
    ----------
    rule : {'new', 'gone', 'returned', 'rename', 'free_start', 'free_end'}
    entity, other : str
        Whose; the other id of a pair.
    day : str
    excuses : tuple of str
        Entities whose level it explains, for :data:`SETTLING` days.
    """

    rule: str
    entity: str
    day: str
    other: str = ""
    excuses: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One sentence."""
        return {
            "new": f"{self.entity} is listed for the first time on {self.day}.",
            "gone": f"{self.entity} was last listed on {self.day}.",
            "returned": f"{self.entity} is listed again on {self.day}.",
            "rename": f"{self.entity} may be {self.other} under a new id from {self.day}: it began where the other ended.",
            "free_start": f"{self.entity} appeared beside {self.other} on {self.day}.",
            "free_end": f"{self.entity} appeared on {self.day}, beside or after {self.other}.",
        }[self.rule]


def happenings(
    row: Mapping[str, float], day: str, known: Mapping[str, list[str]], last_values: Mapping[str, float]
) -> list[Happening]:
    """Read off what happened on a day.

    Parameters
    ----------
    row : mapping
        Figures of the day.
    day : str
    known : mapping
        First and last day of every entity listed before; empty on the first day of all, which holds no news.
    last_values : mapping
        Latest figure of each entity listed within the last days.
    """
    if not known:
        return []
    today = date.fromisoformat(day)
    clear = CLEAR * min(row.values(), default=0.0)
    notable = {name: value for name, value in last_values.items() if value >= clear and name in known}
    arrived = [_arrival(n, row[n], today, known, notable) for n in sorted(row.keys() - known.keys())]
    absent = {n: (today - date.fromisoformat(last)).days for n, (_, last) in sorted(known.items())}
    back = [
        Happening("returned", n, day, excuses=(n,))
        for n, days in absent.items()
        if n in row and days > GONE_AFTER and row[n] >= clear
    ]
    gone = [Happening("gone", n, known[n][1]) for n in sorted(notable.keys() - row.keys()) if absent[n] == GONE_AFTER]
    return [*arrived, *back, *gone]


def _arrival(
    name: str, value: float, today: date, known: Mapping[str, list[str]], last_values: Mapping[str, float]
) -> Happening:
    day = today.isoformat()
    twin = name.removesuffix(FREE) if name.endswith(FREE) else name + FREE
    if twin in known and (today - date.fromisoformat(known[twin][1])).days <= SETTLING:
        return Happening("free_start" if name.endswith(FREE) else "free_end", name, day, twin, (name, twin))
    best, likeness = "", ALIKE
    for other, value_then in sorted(last_values.items()):
        ended = (today - date.fromisoformat(known[other][1])).days
        near = 1 / FACTOR <= value / value_then <= FACTOR
        if 1 <= ended <= RENAME_DAYS and near and name.partition("/")[0] == other.partition("/")[0]:
            alike = SequenceMatcher(None, name, other, autojunk=False).ratio()
            if alike >= likeness:
                best, likeness = other, alike
    if best:
        return Happening("rename", name, day, best, (name,))
    return Happening("new", name, day, excuses=(name,))
