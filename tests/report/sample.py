"""A small audit made by hand: simulated figures, findings of every shape, and every text field open to a test."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import numpy as np
import pandas as pd

from auditor.case import Case, Event, EventKind
from auditor.claims.base import ClaimResult, ClaimStatus, Interval
from auditor.findings import (
    Confidence,
    Family,
    Finding,
    Hypothesis,
    NotApplicable,
    Rows,
    Severity,
    Statistic,
    Window,
)
from auditor.observations import Frequency, Note, Observations, Source, Status
from auditor.panel import Panel
from auditor.texts.message import Message
from auditor.verdict.model import LeaveOut, Score, Strength, Verdict
from auditor.walk import Audit
from auditor.window import resolve

START = datetime(2031, 1, 6)
DAYS = 42
Say = Callable[[str], str]


def as_is(text: str) -> str:
    """Leave a text as it is."""
    return text


def panel(say: Say = as_is, days: int = DAYS) -> Panel:
    """Six simulated entities; the first appears on day 14 (absent below a cut-off before) and falls on day 24."""
    rng = np.random.default_rng(7)
    dates = [START + timedelta(days=k) for k in range(days)]
    rows = []
    for k in range(6):
        level = (
            2e11
            / (k + 1)
            * np.exp(rng.normal(0, 0.05, days))
            * np.array([0.8 if d.weekday() > 4 else 1 for d in dates])
        )
        for t, date in enumerate(dates):
            status, value = Status.OBSERVED, float(level[t])
            if k == 0:
                if t < 14:
                    continue
                value = value * 4 if t < 24 else value / 10
                status = Status.PARTIAL if t == days - 1 else status
            rows.append((date, say(f"simulated/model-{k}"), value, int(status)))
        if k == 5:
            rows += [(date, "other", 5e11, int(Status.OBSERVED)) for date in dates]
    frame = pd.DataFrame(rows, columns=["date", "entity", "value", "status"]).assign(
        metric=say("total_tokens"), unit=say("tokens")
    )
    source = Source(
        name=say("Simulated platform"),
        citation=say("Simulated for tests; no real product"),
        licence=say("CC0"),
        url=say("https://example.org/figures"),
        as_of=say("2031-03-01T00:00Z"),
        sha256=say("ab" * 32),
        file=say("figures.csv"),
        simulated=True,
    )
    notes = (Note(say("unit"), say("The unit was read from the header."), say("figures.csv:1"), 3),)
    return Panel.of(Observations(frame, Frequency.DAY, (source,), notes))


def case(say: Say = as_is) -> Case:
    """A question about the first entity."""
    return Case(
        subject=(say("simulated/model-0"), say("simulated/absent")),
        window=Window(START + timedelta(days=14), START + timedelta(days=24)),
        title=say("Did simulated model 0 really serve that much?"),
        name=say("Simulated model 0"),
        events=(
            Event(
                START + timedelta(days=14), EventKind.FREE_START, say("https://example.org/1"), say("free"), say("all")
            ),
            Event(START + timedelta(days=24), EventKind.FREE_END, say("changelog"), say("paid from here"), ""),
            Event(START + timedelta(days=24), EventKind.PRICE, "", say("0.3 per million"), ""),
            Event(START - timedelta(days=400), EventKind.NEWS, "", say("long before"), ""),
        ),
        reply=say("We have counted again.\n\nThe figures stand."),
        inputs=(say("figures.csv"),),
    )


def finding(rule: str, say: Say = as_is, **changes: object) -> Finding:
    """A finding with every field filled."""
    base = Finding(
        rule=rule,
        version="1",
        name=say("measure"),
        family=Family.MARKET,
        subject=say("Simulated model 0").encode("utf-8", "replace").decode(),  # a fingerprint is taken of it
        window=Window(START, START + timedelta(days=9)),
        statement=Message.of(f"{rule}.sample", subject=say("Simulated model 0"), value=1.5e12, day=START),
        statistic=Statistic(
            say("ratio"), 0.93, say("share"), Message.of("X.reference", n=say("30")), 30, 1, 0.03, 0.9, 0.95
        ),
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        limits=(Message.of("X.limit", why=say("few days")),),
        data=Rows.of(date=[START, START + timedelta(days=1)], entity=[say("=a"), say("b")], value=[1.5, np.nan]),
        figures=MappingProxyType({say("rise"): 6.98e11, "share": 0.433}),
        log10_lr=MappingProxyType({Hypothesis.INFLATED: -1.0, Hypothesis.INCENTIVISED: 0.4}),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # tests name real fields


def verdict(say: Say = as_is) -> Verdict:
    """An incentivised series."""
    weights = {
        Hypothesis.DATA_ERROR: {Family.MARKET: 0.0, Family.PRICE_EVENTS: 0.2},
        Hypothesis.ORGANIC: {},
        Hypothesis.INCENTIVISED: {Family.MARKET: 0.1, Family.PRICE_EVENTS: 1.5},
        Hypothesis.CONCENTRATED: {Family.MARKET: -0.5, Family.PRICE_EVENTS: 0.3},
        Hypothesis.INFLATED: {Family.MARKET: -1.0, Family.PRICE_EVENTS: 0.5},
    }
    scores = {h: Score(h, sum(w.values()), sum(w.values()) - 1.6, MappingProxyType(w)) for h, w in weights.items()}
    return Verdict(
        hypothesis="incentivised",
        leading=Hypothesis.INCENTIVISED,
        strength=Strength.MODERATE,
        words=Message.of("X.words", subject=say("Simulated model 0")),
        reasons=(Message.of("X.reason", why=say("one family leads")),),
        scores=MappingProxyType(scores),
        fragility=(
            LeaveOut(Family.MARKET, Hypothesis.INCENTIVISED, 1.5),
            LeaveOut(Family.PRICE_EVENTS, Hypothesis.ORGANIC, 0.0),
        ),
        would_settle=(Message.of("X.settle", what=say("accounts per day")),),
        provisional=True,
        calibration=Message.of("X.calibration", version=say("0.1")),
    )


def audit(say: Say = as_is, days: int = DAYS) -> Audit:
    """The whole: ``say`` is applied to every text that could come from a file."""
    asked = case(say)
    scene = resolve(panel(say, days), asked)
    dates = [START + timedelta(days=k) for k in range(14, 26)]
    subject, total = scene.subject.values, scene.table.total
    retention = Rows.of(
        date=dates,
        side=["before" if k < 10 else "after" for k in range(12)],
        value=subject[14:26].tolist(),
        low=subject[14:26].tolist(),
        high=subject[14:26].tolist(),
    )
    return Audit(
        case=asked,
        scene=scene,
        verdict=verdict(say),
        claims=(
            ClaimResult(
                say("1.4 trillion in a day"),
                "value",
                ClaimStatus.SUPPORTED,
                Message.of("X.m", v=say("1.41")),
                Interval(1.4e12, 1.35e12, 1.45e12),
                1.41e12,
            ),
            ClaimResult(
                say("nearly double"), "ratio_to_rank", ClaimStatus.CONTRADICTED, Message.of("X.m", v=say("7.3"))
            ),
            ClaimResult(say("the best"), "rank", ClaimStatus.UNCHECKABLE, Message.of("X.m", v=say("no rank"))),
        ),
        findings=(
            finding("AUD131", say, family=Family.PRICE_EVENTS, data=retention),
            finding("AUD999", say),
            finding("AUD999", say, statistic=None, data=None, figures=MappingProxyType({})),
            finding(
                "AUD123",
                say,
                weighs=False,
                log10_lr=MappingProxyType({}),
                data=Rows.of(date=dates, subject=subject[14:26].tolist(), total=total[14:26].tolist()),
            ),
        ),
        not_applicable=(
            NotApplicable("AUD111", "1", say("weekend"), Family.RHYTHM, Message.of("X.short", why=say("one weekend"))),
        ),
        sources=scene.panel.sources,
        notes=scene.panel.notes,
    )
