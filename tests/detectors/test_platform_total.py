"""AUD123: steps of the market total beyond the usual change, and the shared numerics."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors import platform_total
from auditor.detectors.base import Scene
from auditor.findings import Finding, NotApplicable, Outcome, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

MONDAY = pd.Timestamp("2026-01-05")
QWEN = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
WEEK = np.array([100.0, 104, 106, 105, 100, 75, 77])


def days(start: str, end: str) -> Window:
    return Window(pd.Timestamp(start).to_pydatetime(), pd.Timestamp(end).to_pydatetime())


def scene(columns: dict[str, list[float]], window: tuple[int, int], start: pd.Timestamp = MONDAY) -> Scene:
    rows = [
        (start + pd.Timedelta(days=i), name, "n", value)
        for name, values in columns.items()
        for i, value in enumerate(values)
        if np.isfinite(value)
    ]
    panel = Panel.of(Observations(pd.DataFrame(rows, columns=["date", "entity", "metric", "value"]), Frequency.DAY))
    dates = panel.table().dates
    days = Window(dates[window[0]].to_pydatetime(), dates[window[1]].to_pydatetime())
    return resolve(panel, Case(subject=("s",), window=days))


def market(rise: float, peers: float, row: int, weeks: int = 8, seed: int = 1) -> dict[str, list[float]]:
    shape = np.tile(WEEK, weeks) * np.exp(np.random.default_rng(seed).normal(0, 0.005, 7 * weeks))
    s = np.full(shape.size, 2.0)
    s[row : row + 3] += rise
    a = 0.8 * shape
    a[row : row + 3] += peers
    return {"s": list(s), "a": list(a), "other": list(0.2 * shape)}


def findings(found: list[Outcome]) -> list[Finding]:
    assert all(isinstance(f, Finding) for f in found), found
    return [f for f in found if isinstance(f, Finding)]


def test_added_rise_is_a_step_and_diverted_rise_is_none() -> None:
    row = 4 * 7 + 3
    added = findings(platform_total.detect(scene(market(25.0, 0.0, row), (row, row + 2))))[0]
    moved = findings(platform_total.detect(scene(market(25.0, -25.0, row), (row, row + 2))))[0]
    assert added.statement.key.startswith("AUD123.step_")
    assert moved.statement.key.startswith("AUD123.no_step_")
    assert added.statistic is not None
    assert added.statistic.rank == 1
    assert added.statistic.p == pytest.approx(1 / (added.statistic.n_reference + 1))
    assert added.figures["share_of_rise_in_total"] == pytest.approx(1.0, abs=0.12)
    assert added.figures["step_if_all_new"] == pytest.approx(25 / 108, abs=0.01)


def test_weekend_return_is_not_a_step() -> None:
    monday = 4 * 7
    found = findings(platform_total.detect(scene(market(8.0, -8.0, monday), (monday, monday + 2))))[0]
    assert found.figures["change"] > 0.25
    assert abs(found.figures["excess_change"]) < 0.03
    assert found.statement.key.startswith("AUD123.no_step_")
    assert "AUD123.limit_season" in {limit.key for limit in found.limits}


def test_usual_change_leaves_the_period_itself_out() -> None:
    levels = np.exp(np.cumsum([0.0, 0.1, 0.2, 0.3, 0.7, 0.0]))
    split = platform_total.changes(levels, None, np.zeros(6, dtype=bool))
    # raw changes .1 .2 .3 .7 0; without .1 the rest have median .25, without .7 it is .15
    assert split.usual[1:] == pytest.approx([0.25, 0.2, 0.15, 0.15, 0.25])


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=30))
@settings(max_examples=60, deadline=None)
def test_usual_change_equals_the_plain_definition(steps: list[float]) -> None:
    levels = np.exp(np.concatenate([[0.0], np.cumsum(np.array(steps) / 10)]))
    split = platform_total.changes(levels, None, np.zeros(levels.size, dtype=bool))
    raw = split.raw[1:]
    plain = [np.median(np.delete(raw, i)) for i in range(raw.size)]
    assert split.usual[1:] == pytest.approx(plain, abs=1e-12)


def test_false_steps_keep_the_level_without_any_change() -> None:
    hits = 0
    runs = 300
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        levels = np.tile(WEEK, 8) * np.exp(rng.standard_t(3, 56) * 0.02)
        excluded = np.zeros(56, dtype=bool)
        row = 20 + seed % 28
        excluded[row] = True
        split = platform_total.changes(levels, 7, excluded)
        rank = 1 + int((split.adjusted[split.reference] >= split.adjusted[row]).sum())
        hits += rank / (split.reference.sum() + 1) <= 0.05
    assert hits / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_onset_is_shown_but_does_not_weigh() -> None:
    columns = market(0.0, 0.0, 30)
    for i, extra in zip(range(31, 35), [10.0, 12.0, 60.0, 60.0], strict=True):
        columns["s"][i] += extra
    record, onset = findings(platform_total.detect(scene(columns, (30, 34))))
    assert record.weighs
    assert not onset.weighs
    assert record.window is not None
    assert onset.window is not None
    assert onset.window.end < record.window.end
    assert record.fingerprint != onset.fingerprint
    assert onset.statement.key.endswith("_onset")


def reason(found: list[Outcome]) -> str:
    (outcome,) = found
    assert isinstance(outcome, NotApplicable), outcome
    assert catalogue().write(outcome.reason)
    return outcome.reason.key


def test_not_applicable() -> None:
    columns = market(25.0, 0.0, 30)
    short = {k: v[26:34] for k, v in columns.items()}
    assert reason(platform_total.detect(scene(short, (4, 6)))) == "AUD123.few_periods"
    assert reason(platform_total.detect(scene({k: v[:1] for k, v in columns.items()}, (0, 0)))) == "AUD123.no_rise"
    small = market(0.5, 0.0, 30)
    assert reason(platform_total.detect(scene(small, (30, 33)))) == "AUD123.rise_too_small"
    del columns["other"]
    assert reason(platform_total.detect(scene(columns, (30, 33)))) == "AUD123.no_total"


def test_zeros_and_gaps_do_not_break_it() -> None:
    columns = market(25.0, 0.0, 30)
    columns["other"][5] = float("nan")
    columns["a"][9] = columns["other"][9] = columns["s"][9] = 0.0
    (found, *_) = findings(platform_total.detect(scene(columns, (30, 32))))
    assert found.statement.key.startswith("AUD123.step_")


@given(factor=st.floats(1e-3, 1e9), weeks=st.integers(-40, 40))
@settings(max_examples=15, deadline=None)
def test_scale_and_whole_weeks_change_nothing(factor: float, weeks: int) -> None:
    columns = market(25.0, -10.0, 30)
    base = findings(platform_total.detect(scene(columns, (29, 33))))[0]
    scaled = {k: [factor * x for x in v] for k, v in columns.items()}
    found = findings(platform_total.detect(scene(scaled, (29, 33), MONDAY + pd.Timedelta(weeks=weeks))))[0]
    assert base.statistic is not None
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(base.statistic.value)
    assert found.statistic.rank == base.statistic.rank


@pytest.mark.shared
def test_founding_case(shared: Path) -> None:
    raw = pd.read_csv(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(raw["date"]),
            "entity": raw["model_permaslug"],
            "metric": "total_tokens",
            "value": raw["total_tokens"].astype(float),
        }
    )
    case = Case(subject=QWEN, name="Qwen3.6-Plus", window=days("2026-03-30", "2026-04-08"))
    record, onset = findings(platform_total.detect(resolve(Panel.of(Observations(frame, Frequency.DAY)), case)))
    sentence = catalogue().write(record.statement)
    assert sentence.startswith("No step in the market total on 2026-04-03")
    assert "4,043.3 billion to 4,091.9 billion" in sentence
    assert "2026-04-04 it was 3,630.3 billion" in sentence
    assert record.figures["step_if_all_new"] == pytest.approx(0.173, abs=0.001)
    # the total did step when the free preview began: shown, and not hidden behind the record day
    assert onset.statement.key == "AUD123.step_onset"
    assert onset.window == days("2026-03-30", "2026-03-31")


@pytest.mark.shared
def test_false_steps_on_real_days(shared: Path) -> None:
    raw = pd.read_csv(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    total = raw.groupby("date")["total_tokens"].sum().to_numpy(dtype=float)
    p = []
    for row in range(1, total.size):
        excluded = np.zeros(total.size, dtype=bool)
        excluded[max(0, row - 3) : row + 4] = True
        split = platform_total.changes(total, 7, excluded)
        higher = int((split.adjusted[split.reference] >= split.adjusted[row]).sum())
        p.append((1 + higher) / (split.reference.sum() + 1))
    assert len(p) == 216
    assert np.mean(np.array(p) <= 0.05) <= 0.06
    assert np.mean(np.array(p) <= 0.01) <= 0.02
