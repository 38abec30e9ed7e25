"""The small tables a rule reads: one row per period, event, source or claim."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.detectors.base import Scene
from auditor.observations import Status
from auditor.panel import Panel
from auditor.rulebook.cells import cells_of, further, shifted
from auditor.rulebook.roles import meaning, period_of

Floats = npt.NDArray[np.float64]

_LABELS = pd.Index([s.label for s in sorted(Status)])


def _texts(values: Any) -> "pd.Series[Any]":
    return pd.Series(values, dtype=object)


def _totals(scene: Scene) -> pd.DataFrame:
    table = scene.table
    step, compared = _median_change(table.values, 1)
    week_step, week_compared = _median_change(table.values, 7)
    return pd.DataFrame(
        {
            "t": np.arange(len(table.dates), dtype=np.int32),
            "date": table.dates.to_numpy(),
            "weekday": (table.dates.day_of_week.to_numpy() + 1).astype(np.int8),
            "published": table.published,
            "rows": np.isfinite(table.values).sum(axis=1).astype(np.int32),
            "listed": table.listed_total,
            "other": table.other,
            "published_total": table.published_total,
            "total": table.total,
            "previous_total": shifted(table.total, 1),
            "next_total": shifted(table.total, -1),
            "cutoff": table.cutoff,
            "partial": (table.status == Status.PARTIAL).any(axis=1),
            "step": step,
            "compared": compared,
            "week_step": week_step,
            "week_compared": week_compared,
        }
    )


def _median_change(values: Floats, by: int) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Median over the entities of ``log(x[t] / x[t - by])``, and over how many; shape (T,) each."""
    t_count = len(values)
    medians, counts = np.full(t_count, np.nan), np.zeros(t_count, dtype=np.int32)
    for t in range(by, t_count):
        now, then = values[t], values[t - by]
        both = (now > 0) & (then > 0)
        counts[t] = int(both.sum())
        if counts[t]:
            medians[t] = float(np.median(np.log(now[both] / then[both])))
    return medians, counts


def _of_roles(scene: Scene, pick: Callable[[str], bool]) -> pd.DataFrame:
    parts = []
    own = period_of(scene.table.metric, scene.panel.frequency, scene.panel.frequency)
    for table, period in ((scene.table, own), *further(scene)):
        said = meaning(table.metric)
        if pick(said.role):
            parts.append(cells_of(table).assign(metric=table.metric, role=said.role, period=period))
    if parts:
        return pd.concat(parts, ignore_index=True)
    empty = np.empty(0, dtype=np.float64)
    texts = {c: _texts([]) for c in ("entity", "metric", "role", "period")}
    return pd.DataFrame({"date": np.empty(0, dtype="datetime64[us]"), "value": empty, "previous": empty} | texts)


def _apps(scene: Scene) -> pd.DataFrame:
    frame = _of_roles(scene, lambda role: role.startswith("app_"))
    return frame.rename(columns={"entity": "app"}).assign(role=frame["role"].str.removeprefix("app_").astype(object))


def _prices(scene: Scene) -> pd.DataFrame:
    frame = _of_roles(scene, lambda role: role.startswith("price_"))
    kind = frame["role"].str.removeprefix("price_").astype(object)
    return frame.rename(columns={"value": "price"}).assign(kind=kind).drop(columns=["role"])


def _sources(scene: Scene) -> pd.DataFrame:
    cards = scene.panel.sources
    fields = ("name", "citation", "licence", "url", "as_of", "sha256", "file")
    return pd.DataFrame(
        {f: _texts([getattr(s, f) for s in cards]) for f in fields}
        | {"simulated": np.array([s.simulated for s in cards], dtype=bool)}
    )


def _subject(scene: Scene) -> pd.DataFrame:
    s, table = scene.subject, scene.table
    inside = np.zeros(len(s.dates), dtype=bool)
    inside[scene.window] = True
    return pd.DataFrame(
        {
            "t": np.arange(len(s.dates), dtype=np.int32),
            "date": s.dates.to_numpy(),
            "weekday": (s.dates.day_of_week.to_numpy() + 1).astype(np.int8),
            "value": s.values,
            "low": s.low,
            "high": s.high,
            "status": pd.Categorical.from_codes(s.status, categories=_LABELS),
            "settled": s.settled,
            "previous": shifted(s.values, 1),
            "next": shifted(s.values, -1),
            "share": s.values / table.total,
            "total": table.total,
            "in_window": inside,
        }
    )


def _subject_ids(scene: Scene) -> pd.DataFrame:
    return pd.DataFrame({"entity": _texts(list(scene.subject.parts))})


def _question(scene: Scene) -> pd.DataFrame:
    panel: Panel = scene.panel
    return pd.DataFrame(
        {
            "subject": _texts([scene.subject.name]),
            "metric": _texts([scene.table.metric]),
            "role": _texts([meaning(scene.table.metric).role]),
            "frequency": _texts([panel.frequency.value]),
            "first": np.array([scene.window.start], dtype=np.int32),
            "last": np.array([scene.window.stop - 1], dtype=np.int32),
            "peak": np.array([scene.peak], dtype=np.int32),
            "start_date": np.array([scene.span.start], dtype="datetime64[us]"),
            "end_date": np.array([scene.span.end], dtype="datetime64[us]"),
            "periods": np.array([len(scene.table.dates)], dtype=np.int32),
        }
    )


def _events(scene: Scene) -> pd.DataFrame:
    events = sorted(scene.case.events, key=lambda e: (e.date, e.kind.value, e.entity))
    own = {*scene.subject.parts, scene.subject.name, *scene.case.subject, ""}
    return pd.DataFrame(
        {
            "date": np.array([e.date for e in events], dtype="datetime64[us]"),
            "kind": _texts([e.kind.value for e in events]),
            "entity": _texts([e.entity for e in events]),
            "on_subject": np.array([e.entity in own for e in events], dtype=bool),
            "source": _texts([e.source for e in events]),
            "note": _texts([e.note for e in events]),
        }
    )


def _claims(scene: Scene) -> pd.DataFrame:
    rows = []
    for claim in scene.case.claims:
        value = claim.get("value")
        if isinstance(value, int | float) and not isinstance(value, bool):
            day = str(claim.get("date") or claim.get("on") or "")
            rows.append((claim.text, claim.kind, float(value), day))
    when = pd.to_datetime(pd.Series([r[3] for r in rows], dtype=object), errors="coerce", format="ISO8601")
    return pd.DataFrame(
        {
            "text": _texts([r[0] for r in rows]),
            "kind": _texts([r[1] for r in rows]),
            "value": np.array([r[2] for r in rows], dtype=np.float64),
            "date": when.to_numpy(dtype="datetime64[us]"),
        }
    )


#: How each small view is made.
FRAMES: Mapping[str, Callable[[Scene], pd.DataFrame]] = {
    "totals": _totals,
    "apps": _apps,
    "prices": _prices,
    "sources": _sources,
    "subject": _subject,
    "subject_ids": _subject_ids,
    "question": _question,
    "events": _events,
    "claims": _claims,
}
