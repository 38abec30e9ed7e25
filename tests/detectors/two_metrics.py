"""Panels that hold several metrics, and the one outcome of a detector."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from auditor.findings import Outcome
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel


def both(
    metrics: Mapping[str, Mapping[str, Sequence[float | None]]],
    *,
    start: str = "2026-01-05",
    frequency: Frequency = Frequency.DAY,
    width: float = 0.0,
    sources: Mapping[str, Source] | None = None,
) -> Panel:
    """Build a panel from ``metric -> entity -> values``; ``width`` is the relative width of a rounding interval."""
    rows = [
        (date, entity, metric, float(value))
        for metric, columns in metrics.items()
        for entity, values in columns.items()
        for date, value in zip(pd.date_range(start, periods=len(values), freq=frequency.offset), values, strict=True)
        if value is not None
    ]
    frame = pd.DataFrame(rows, columns=["date", "entity", "metric", "value"])
    if width:
        frame = frame.assign(low=frame["value"] * (1 - width / 2), high=frame["value"] * (1 + width / 2))
    cards: tuple[Source, ...] = (Source("test", as_of="2026-12-31"),)
    if sources is not None:
        frame = frame.assign(source=frame["metric"].map({metric: card.name for metric, card in sources.items()}))
        cards = tuple(dict.fromkeys(sources.values()))
    return Panel.of(Observations(frame, frequency, cards))


def only(outcomes: Sequence[Outcome]) -> Any:
    """Return the one outcome; tests read its fields without asking whether they are there."""
    (found,) = outcomes
    return found
