"""A panel to be spoilt, and what a spoilt one is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.case import Case, Claim
from auditor.detectors.base import Scene
from auditor.findings import Window
from auditor.observations import Frequency, Observations, Source, Status
from auditor.panel import Panel
from auditor.rulebook.book import Hit
from auditor.window import resolve

Rng = np.random.Generator
Floats = npt.NDArray[np.float64]
METRIC = "total_tokens"


@dataclass
class Base:
    """A clean panel: values of shape (T, N), NaN where not listed, and the remainder of shape (T,)."""

    dates: pd.DatetimeIndex
    names: list[str]
    values: Floats
    other: Floats

    def window(self, rng: Rng, days: int) -> "Base":
        """Take a random stretch of days, with the entities that are listed in it."""
        days = min(days, len(self.dates))
        first = int(rng.integers(0, len(self.dates) - days + 1))
        part = self.values[first : first + days]
        seen = np.atleast_1d(np.isfinite(part).any(axis=0))
        return Base(
            self.dates[first : first + days],
            [n for n, s in zip(self.names, seen, strict=True) if s],
            part[:, seen].copy(),
            self.other[first : first + days].copy(),
        )

    def cell(self, rng: Rng, margin: int = 1, least: float = 0.0, run: int = 1) -> tuple[int, int]:
        """Pick a random listed cell whose neighbours (``margin`` before, ``margin + run`` after) are listed and above ``least``."""
        known = np.nan_to_num(self.values) > least
        good = known.copy()
        for shift in range(-margin, margin + run):
            moved = np.zeros_like(known)
            rows = np.arange(len(known)) + shift
            inside = (rows >= 0) & (rows < len(known))
            moved[inside] = known[rows[inside]]
            good &= moved
        places = np.argwhere(good)
        if not len(places):
            raise LookupError("no such place in this window")
        t, i = places[int(rng.integers(len(places)))]
        return int(t), int(i)

    def long(self, **extra: str) -> pd.DataFrame:
        """Rows as a publisher lists them."""
        t, i = np.nonzero(np.isfinite(self.values))
        frame = pd.DataFrame(
            {"date": self.dates[t], "entity": np.array(self.names, dtype=object)[i], "value": self.values[t, i]}
        )
        rest = pd.DataFrame({"date": self.dates, "entity": "other", "value": self.other})
        return pd.concat([frame, rest.dropna()], ignore_index=True).assign(
            **{"metric": METRIC, "source": "one"} | extra
        )


@dataclass
class Spoilt:
    """A spoilt panel, and what counts as caught."""

    frame: pd.DataFrame
    caught: Callable[[Hit], bool]
    frequency: Frequency = Frequency.DAY
    metric: str = METRIC
    subject: str = ""
    window: tuple[datetime, datetime] | None = None
    claims: tuple[Claim, ...] = ()

    def scene(self) -> Scene:
        """Return the scene in which the rule is asked."""
        frame = self.frame.copy()
        if "status" in frame:
            frame["status"] = frame["status"].fillna(int(Status.OBSERVED)).astype("int8")
        for column in ("as_of", "dimension"):
            frame[column] = frame[column].fillna("") if column in frame else ""
        names = sorted({str(s) for s in frame["source"]})
        panel = Panel.of(Observations(frame, self.frequency, tuple(Source(n) for n in names)))
        table = panel.table(self.metric)
        subject = self.subject or table.entities[int(np.argmax(np.nansum(table.values, axis=0)))]
        span = self.window or (table.dates[0].to_pydatetime(), table.dates[-1].to_pydatetime())
        return resolve(panel, Case(subject=(subject,), metric=self.metric, window=Window(*span), claims=self.claims))


def on(base: Base, t: int, *, entity: str | None = None, until: int | None = None) -> Callable[[Hit], bool]:
    """Whether a hit lies on the spoilt rows (and names the spoilt entity)."""
    first, last = base.dates[t].to_pydatetime(), base.dates[t if until is None else until].to_pydatetime()

    def caught(hit: Hit) -> bool:
        names = {hit.entity, str(hit.values.get("other_entity") or "")}
        return hit.start <= last and hit.end >= first and (entity is None or entity in names)

    return caught


def whole(hit: Hit) -> bool:
    """Any hit counts."""
    return hit is not None
