"""Small panels and cases that tests of several rooms use."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from auditor.case import Case, Claim, Event, EventKind
from auditor.detectors.base import Scene
from auditor.findings import Window
from auditor.observations import Frequency, Observations, Source, Status
from auditor.panel import Panel
from auditor.window import resolve


def panel(
    columns: Mapping[str, Sequence[float | None]],
    *,
    start: str = "2026-01-05",
    metric: str = "total_tokens",
    frequency: Frequency = Frequency.DAY,
    as_of: str = "2026-12-31",
    **extra: Any,
) -> Panel:
    """Build a panel from columns of values; None leaves the cell out, as a publisher would."""
    length = max(len(v) for v in columns.values())
    dates = pd.date_range(start, periods=length, freq=frequency.offset)
    rows = [
        (date, entity, metric, float(value))
        for entity, values in columns.items()
        for date, value in zip(dates, values, strict=False)
        if value is not None
    ]
    frame = pd.DataFrame(rows, columns=["date", "entity", "metric", "value"]).assign(**extra)
    return Panel.of(Observations(frame, frequency, (Source(name="test", as_of=as_of),)))


def scene(
    built: Panel,
    subject: str | Sequence[str],
    window: str = "",
    *,
    claims: Sequence[Claim] = (),
    events: Sequence[Event] = (),
    **more: Any,
) -> Scene:
    """Resolve a case on a panel."""
    ids = (subject,) if isinstance(subject, str) else tuple(subject)
    span = None
    if window:
        first, last = window.split(":")
        span = Window(datetime.fromisoformat(first), datetime.fromisoformat(last))
    return resolve(built, Case(subject=ids, window=span, claims=tuple(claims), events=tuple(events), **more))


def event(date: str, kind: str) -> Event:
    """Build an event."""
    return Event(datetime.fromisoformat(date), EventKind(kind))


def claim(kind: str, text: str = "claim", **params: Any) -> Claim:
    """Build a claim."""
    return Claim(text, kind, tuple(sorted(params.items())))


__all__ = ["Frequency", "Status", "claim", "event", "np", "panel", "pd", "scene"]
