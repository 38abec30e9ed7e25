"""What every detector promises, run over the registry: one new line there earns this whole suite."""

import json
import math
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.calibration.simulate import Platform, flat_bot, platform
from auditor.case import Case, Event, EventKind
from auditor.detectors.base import Scene
from auditor.detectors.registry import DETECTORS
from auditor.findings import Finding, NotApplicable, Window
from auditor.observations import Frequency, Observations, Source
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.verdict.weigh import weigh
from auditor.window import resolve

pytestmark = pytest.mark.parametrize("detector", DETECTORS, ids=lambda module: module.RULE.id)


def simulated(values: np.ndarray, names: tuple[str, ...], *, start: str = "2026-01-05", other: bool = True) -> Panel:
    dates = pd.date_range(start, periods=len(values))
    columns = {name: values[:, i] for i, name in enumerate(names)}
    if other:
        columns["other"] = np.full(len(values), float(np.nanmean(values)))
    frame = (
        pd.DataFrame(columns, index=dates).rename_axis("date").reset_index().melt("date", var_name="entity").dropna()
    )
    return Panel.of(
        Observations(
            frame.assign(metric="total_tokens"),
            Frequency.DAY,
            (Source("simulated", as_of="2027-01-01", simulated=True),),
        )
    )


def case(subject: str, start: str, days: int) -> Case:
    first = pd.Timestamp(start)
    events = (
        Event(first.to_pydatetime(), EventKind.FREE_START),
        Event((first + pd.Timedelta(days=days)).to_pydatetime(), EventKind.FREE_END),
    )
    return Case(
        subject=(subject,),
        window=Window(first.to_pydatetime(), (first + pd.Timedelta(days=days - 1)).to_pydatetime()),
        events=events,
    )


@pytest.fixture(scope="module")
def busy() -> Scene:
    base = platform(Platform(entities=16, days=70), seed=3)
    entity = int(np.argsort(-base.values.mean(axis=0))[8])
    made = flat_bot(base, entity=entity, start=35, stop=56, volume=float(base.values.max()), jitter=0.02, seed=4)
    return resolve(simulated(made.values, made.names), case(made.names[entity], "2026-02-09", 21))


def rows(scene: Scene) -> pd.DataFrame:
    """Return the observations that a scene was built from."""
    assert scene.panel.observations is not None
    return scene.panel.observations.frame


def rebuilt(scene: Scene, frame: pd.DataFrame) -> Panel:
    """Build a panel of the same source from other rows."""
    assert scene.panel.observations is not None
    return Panel.of(replace(scene.panel.observations, frame=frame))


def described(outcomes) -> list[tuple[Any, Any]]:
    return [
        (
            o.rule,
            None
            if isinstance(o, NotApplicable)
            else (o.variant, str(o.window), o.statistic and round(o.statistic.value, 6)),
        )
        for o in outcomes
    ]


def test_it_is_named_and_explained(detector: ModuleType):
    texts, rule = catalogue(), detector.RULE
    assert rule.id.startswith("AUD1")
    for key in ("title", "question", "measures", "error_rates"):
        assert len(texts.text(f"{rule.id}.{key}")) > 3, key
    assert texts.entries(f"{rule.id}.assumptions")
    assert texts.entries(f"{rule.id}.misleads")
    assert texts.entries(f"{rule.id}.alternatives")
    assert detector.__doc__


def test_its_findings_are_complete_and_written_out(detector: ModuleType, busy: Scene):
    outcomes = detector.detect(busy)
    assert outcomes
    texts = catalogue()
    for outcome in outcomes:
        if isinstance(outcome, NotApplicable):
            assert "{" not in texts.write(outcome.reason)
            continue
        assert isinstance(outcome, Finding)
        said = [texts.write(m) for m in (outcome.statement, *outcome.limits)]
        assert all(len(s) > 20 and "{" not in s for s in said)
        assert outcome.limits, "a finding says how it could mislead"
        assert outcome.data is not None
        assert json.dumps(outcome.data.rows, allow_nan=False)
        assert outcome.log10_lr == {}, "a detector measures; the verdict weighs"
        if outcome.statistic is not None:
            assert math.isfinite(outcome.statistic.value)
            assert outcome.statistic.p is None or 0 < outcome.statistic.p <= 1
            assert outcome.statistic.low is None or outcome.statistic.low <= outcome.statistic.value + 1e-9
            assert outcome.statistic.high is None or outcome.statistic.high >= outcome.statistic.value - 1e-9
        words = " ".join(said).lower()
        assert not any(w in words for w in ("fraud", "fake", "cheat", "manipulat", "suspicious", "bot "))
        weigh(outcome)


def test_the_same_scene_gives_the_same_findings(detector: ModuleType, busy: Scene):
    again = resolve(busy.panel, busy.case)
    first, second = detector.detect(busy), detector.detect(again)
    assert [repr(o) for o in first] == [repr(o) for o in second]


def test_the_order_of_entities_does_not_matter(detector: ModuleType, busy: Scene):
    table = busy.table
    shuffled = rebuilt(busy, rows(busy).sample(frac=1.0, random_state=5))
    assert shuffled.table().entities == table.entities
    assert described(detector.detect(resolve(shuffled, busy.case))) == described(detector.detect(busy))


def test_units_do_not_matter(detector: ModuleType, busy: Scene):
    frame = rows(busy)
    scaled = rebuilt(busy, frame.assign(value=frame["value"] * 1024.0))
    for a, b in zip(detector.detect(busy), detector.detect(resolve(scaled, busy.case)), strict=True):
        assert type(a) is type(b)
        if (
            isinstance(a, Finding)
            and isinstance(b, Finding)
            and a.statistic
            and a.statistic.unit not in {"tokens", "count"}
        ):
            assert b.statistic is not None
            assert b.statistic.value == pytest.approx(a.statistic.value, rel=1e-6, abs=1e-9)
            assert (a.variant, a.severity) == (b.variant, b.severity)


def test_whole_weeks_do_not_matter(detector: ModuleType, busy: Scene):
    shift = pd.Timedelta(weeks=5)
    frame = rows(busy)
    moved = rebuilt(busy, frame.assign(date=frame["date"] + shift))
    assert busy.case.window is not None
    window = Window(busy.case.window.start + shift.to_pytimedelta(), busy.case.window.end + shift.to_pytimedelta())
    events = tuple(replace(e, date=e.date + shift.to_pytimedelta()) for e in busy.case.events)
    there = detector.detect(resolve(moved, replace(busy.case, window=window, events=events)))
    here = detector.detect(busy)
    if detector.RULE.name != "freshness":  # the age of the figures is what it measures
        assert [d[1] and d[1][2] for d in described(here)] == [d[1] and d[1][2] for d in described(there)]


SHAPES = {
    "alone": lambda: (np.arange(1.0, 41.0)[:, None], ("a",), False),
    "constant": lambda: (np.full((40, 6), 5.0), tuple("abcdef"), True),
    "zeros": lambda: (np.zeros((40, 6)), tuple("abcdef"), True),
    "one day": lambda: (np.array([[3.0, 2.0, 1.0]]), tuple("abc"), True),
    "two days": lambda: (np.array([[3.0, 2.0], [30.0, 1.0]]), tuple("ab"), False),
    "holes": lambda: (
        np.where(np.arange(240).reshape(40, 6) % 7 == 3, np.nan, 10.0 + np.arange(240).reshape(40, 6)),
        tuple("abcdef"),
        True,
    ),
    "last day only": lambda: (
        np.vstack([np.column_stack([np.full(39, np.nan), np.ones((39, 2))]), [[9.0, 1.0, 1.0]]]),
        tuple("abc"),
        True,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_odd_panels_are_measured_or_declined_never_a_crash(detector: ModuleType, shape):
    values, names, other = SHAPES[shape]()
    panel = simulated(values, names, other=other)
    for outcome in detector.detect(resolve(panel, Case(subject=(names[0],)))):
        texts = catalogue()
        assert texts.write(outcome.reason if isinstance(outcome, NotApplicable) else outcome.statement)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_small_panel_is_measured_or_declined(detector: ModuleType, data):
    t = data.draw(st.integers(1, 30))
    n = data.draw(st.integers(1, 5))
    cell = st.one_of(st.none(), st.just(0.0), st.floats(0.1, 1e13))
    values = np.array(
        [[np.nan if v is None else v for v in data.draw(st.lists(cell, min_size=n, max_size=n))] for _ in range(t)],
        dtype=float,
    )
    values[data.draw(st.integers(0, t - 1)), 0] = 7.0
    panel = simulated(values, tuple("abcde")[:n], other=data.draw(st.booleans()))
    for outcome in detector.detect(resolve(panel, Case(subject=("a",)))):
        if isinstance(outcome, Finding) and outcome.statistic:
            assert math.isfinite(outcome.statistic.value)
