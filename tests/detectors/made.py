"""A simulated market with the subject's own path, for the tests that read dated events."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from auditor.calibration.simulate import Platform, platform
from auditor.case import Case, Event, EventKind
from auditor.detectors.base import Scene
from auditor.findings import Finding, Window
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

MONDAY = pd.Timestamp("2026-01-05")


def at(row: float) -> Any:
    return (MONDAY + pd.Timedelta(days=row)).to_pydatetime()


def event(row: float, kind: EventKind = EventKind.NEWS, note: str = "", entity: str = "") -> Event:
    return Event(at(row), kind, "test", note, entity)


def market(entities: int = 12, days: int = 84, seed: int = 11) -> dict[str, np.ndarray]:
    """Columns of ordinary simulated entities; the first one is called ``s``."""
    made = platform(Platform(entities=entities, days=days), seed=seed).values
    return {("s" if i == 0 else f"p{i:02d}"): made[:, i] for i in range(entities)}


def exact(entities: int = 12, days: int = 84) -> dict[str, np.ndarray]:
    """Columns that share one weekday profile and nothing else: ``s`` at 100 a day, the others at 200, 300 and so on."""
    profile = np.where(np.arange(days) % 7 >= 5, 0.5, 1.0)
    return {("s" if i == 0 else f"p{i:02d}"): 100.0 * (i + 1) * profile for i in range(entities)}


def observations(columns: dict[str, Any], metric: str = "total_tokens", start: pd.Timestamp = MONDAY) -> pd.DataFrame:
    rows = [
        (start + pd.Timedelta(days=i), name, metric, float(value))
        for name, values in columns.items()
        for i, value in enumerate(values)
        if np.isfinite(value)
    ]
    return pd.DataFrame(rows, columns=["date", "entity", "metric", "value"])


def scene(
    columns: dict[str, Any],
    window: tuple[int, int],
    *events: Event,
    subject: Sequence[str] = ("s",),
    more: Sequence[pd.DataFrame] = (),
    shift: int = 0,
) -> Scene:
    """Resolve a case on columns of daily values; ``shift`` moves everything by days."""
    frame = pd.concat([observations(columns), *more])
    frame = frame.assign(date=frame["date"] + pd.Timedelta(days=shift))
    panel = Panel.of(Observations(frame, Frequency.DAY, (Source("simulated", as_of="2027-01-01", simulated=True),)))
    moved = tuple(replace(e, date=e.date + pd.Timedelta(days=shift).to_pytimedelta()) for e in events)
    days = Window(at(window[0] + shift), at(window[1] + shift))
    return resolve(panel, Case(subject=tuple(subject), window=days, events=moved, metric="total_tokens"))


def findings(outcomes: Sequence[Any]) -> list[Any]:
    """Return the outcomes, all of them findings whose sentences can be written."""
    for found in outcomes:
        assert isinstance(found, Finding), catalogue().write(found.reason)
        for message in (found.statement, *found.limits):
            assert "{" not in catalogue().write(message)
    return list(outcomes)


def said(outcomes: Sequence[Any]) -> str:
    """The sentence of the first outcome."""
    first = outcomes[0]
    return catalogue().write(first.statement if isinstance(first, Finding) else first.reason)
