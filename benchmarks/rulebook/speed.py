"""What the rulebook costs on five million observations."""

import resource
import time

import numpy as np
import pandas as pd

from auditor.case import Case, Claim, Event, EventKind
from auditor.detectors.base import Scene
from auditor.findings import NotApplicable, Window
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.rulebook.book import Rulebook
from auditor.window import resolve


def panel_of(observations: int, seed: int = 1) -> Panel:
    """Make up a daily panel of 1,000 days with a remainder row."""
    rng = np.random.default_rng(seed)
    days = 1000
    entities = max(1, observations // days - 1)
    dates = pd.date_range("2023-01-02", periods=days)
    level = np.exp(rng.normal(12, 1.5, entities))
    values = np.round(
        level
        * np.exp(
            rng.normal(
                0,
                0.15,
                (days, entities),
            )
        )
    )
    names = [f"provider-{i % 97}/model-{i}" for i in range(entities)] + ["other"]
    values = np.hstack([values, np.round(values.sum(axis=1, keepdims=True) * 0.05)])
    frame = pd.DataFrame(
        {
            "date": np.repeat(dates.to_numpy(), entities + 1),
            "entity": pd.Categorical.from_codes(
                np.tile(np.arange(entities + 1, dtype=np.int16), days), pd.Index(names)
            ),
            "metric": pd.Categorical.from_codes(
                np.zeros(days * (entities + 1), dtype=np.int8), pd.Index(["total_tokens"])
            ),
            "value": values.ravel(),
        }
    )
    return Panel.of(Observations(frame, Frequency.DAY, (Source("simulated", simulated=True),)))


def scene(observations: int) -> Scene:
    """Give the panel vintages, requests, an announcement, claims and events, so that most rules run."""
    base = panel_of(observations)
    assert base.observations is not None
    frame = base.observations.frame
    days = pd.DatetimeIndex(np.unique(frame["date"].to_numpy()))
    moments = pd.Index([*(days + pd.Timedelta(hours=25)).strftime("%Y-%m-%dT%H:%M:%SZ"), "2026-06-01T00:00:00Z"])
    metrics = pd.Index(["total_tokens", "requests", "input_price_per_1m", "announced_tokens"])
    day = np.searchsorted(days.to_numpy(), frame["date"].to_numpy()).astype(np.int16)
    frame = frame.assign(
        as_of=pd.Categorical.from_codes(day, moments), metric=frame["metric"].cat.set_categories(metrics)
    )
    subject = str(base.table().entities[0])
    own = frame[frame["entity"] == subject]
    late = np.full(len(frame.iloc[::100]), len(days))
    parts = [
        frame,
        frame.iloc[::100].assign(
            value=lambda f: np.round(f["value"] * 1.0001), as_of=pd.Categorical.from_codes(late, moments)
        ),
        own.assign(metric=_all("requests", metrics, len(own)), value=np.round(own["value"] / 30)),
        own.assign(metric=_all("input_price_per_1m", metrics, len(own)), value=1.0),
        own.iloc[-1:].assign(metric=_all("announced_tokens", metrics, 1)),
    ]
    whole = pd.concat(parts, ignore_index=True)
    panel = Panel.of(Observations(whole, Frequency.DAY, base.sources))
    table = panel.table("total_tokens")
    span = Window(table.dates[-40].to_pydatetime(), table.dates[-30].to_pydatetime())
    kinds = (EventKind.FREE_START, EventKind.FREE_END, EventKind.APP_DEFAULT)
    events = tuple(Event(table.dates[-45 + 10 * k].to_pydatetime(), kind) for k, kind in enumerate(kinds))
    claims = (Claim("a figure", "value", (("value", 1e9),)),)
    return resolve(panel, Case((subject,), window=span, metric="total_tokens", events=events, claims=claims))


def _all(name: str, names: "pd.Index[str]", count: int) -> "pd.Categorical[str]":
    return pd.Categorical([name] * count, categories=names)


def measure(book: Rulebook, observations: int) -> dict[str, float]:
    """Seconds and peak memory (GB of this process) of one run of all rules; the panel is built before the clock starts."""
    asked = scene(observations)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    start, cpu = time.perf_counter(), time.process_time()
    outcomes = book.run(asked)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    silent = {o.rule for o in outcomes if isinstance(o, NotApplicable)}
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "gb_before": before,
        "rules_run": len(book.rules) - len(silent),
        "findings": len(outcomes) - len(silent),
    }
