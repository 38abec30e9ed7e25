"""Freshness: ages are counted from the period's end, and what is unknown is called unknown."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors.freshness import detect
from auditor.findings import Finding, Severity, Window
from auditor.observations import Frequency, Observations, Source, Status
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve


def audit(
    days: int = 20,
    as_of: str | list[str] = "",
    source: str = "",
    window: tuple[int, int] = (10, 14),
    frequency: Frequency = Frequency.DAY,
    start: str = "2026-03-01",
    **cells: dict[int, float],
) -> Finding:
    """One entity `a`, rising; `partial`, `value` replace single rows."""
    dates = pd.date_range(start, periods=days, freq=frequency.offset)
    frame = pd.DataFrame({"date": dates, "entity": "a", "metric": "n", "value": np.arange(days) + 1.0})
    frame["status"] = np.int8(Status.OBSERVED)
    if as_of:
        frame["as_of"] = as_of
    for row, value in cells.get("value", {}).items():
        frame.loc[row, "value"] = value
    for row in cells.get("partial", {}):
        frame.loc[row, "status"] = np.int8(Status.PARTIAL)
    for row in cells.get("missing", {}):
        frame.loc[row, "value"] = np.nan
        frame.loc[row, "status"] = np.int8(Status.MISSING)
    sources = (Source("page", as_of=source),) if source else ()
    panel = Panel.of(Observations(frame, frequency, sources))
    span = Window(dates[window[0]].to_pydatetime(), dates[window[1]].to_pydatetime())
    (found,) = detect(resolve(panel, Case(subject=("a",), window=span)))
    assert isinstance(found, Finding)
    assert not found.weighs
    for message in (found.statement, *found.limits):
        assert catalogue().write(message)
    return found


@pytest.mark.parametrize(
    ("as_of", "variant", "age"),
    [
        ("2026-03-19T00:00Z", "settled", 3.0),  # the last day of the window, 03-15, ends on 03-16 at 00:00
        ("2026-03-18T23:00Z", "unsettled", 2 + 23 / 24),
        ("2026-03-19T08:00+08:00", "settled", 3.0),
        ("2026-03-15T12:00Z", "unsettled", -0.5),
        ("2026-10-11", "settled", 209.0),
    ],
)
def test_age_counts_from_the_end_of_the_period(as_of: str, variant: str, age: float) -> None:
    for found in (audit(as_of=as_of), audit(source=as_of)):
        assert found.variant == variant
        assert found.figures["youngest_age_days"] == pytest.approx(age)
        assert found.statistic is not None
        assert found.statistic.value == pytest.approx(age)


def test_a_young_peak_is_graver_than_a_young_shoulder() -> None:
    late = audit(as_of="2026-03-17T00:00Z")
    assert (late.severity, late.figures["young_periods"]) == (Severity.MEDIUM, 2.0)
    early = audit(as_of="2026-03-17T00:00Z", value={11: 500.0})
    assert (early.severity, early.figures["peak_unsettled"]) == (Severity.LOW, 0.0)


def test_a_figure_stated_before_its_day_ended_is_partial() -> None:
    found = audit(as_of="2026-03-15T12:00Z")
    assert found.figures["partial_periods"] == 1
    assert found.figures["young_periods"] == 3  # 03-12 had ended 2.5 days before


def test_partial_and_missing_periods_are_counted_apart() -> None:
    found = audit(as_of="2026-10-11", partial={13: 0.0}, missing={11: 0.0})
    assert found.variant == "unsettled"
    assert (found.figures["partial_periods"], found.figures["missing_periods"]) == (1.0, 1.0)
    assert "AUD171.limit_missing" in [limit.key for limit in found.limits]
    assert found.data is not None
    assert [row[2] for row in found.data.rows] == ["observed", "missing", "observed", "partial", "observed"]


def test_without_a_stated_moment_later_figures_bound_the_age() -> None:
    assert audit(window=(10, 14)).variant == "settled"  # the input reaches four days past the window
    assert audit(window=(10, 15)).variant == "settled"
    assert audit(window=(10, 16)).variant == "unknown"
    assert audit(window=(10, 19)).variant == "unknown"
    assert "AUD171.limit_input" in [limit.key for limit in audit(window=(10, 14)).limits]


def test_each_figure_has_its_own_moment_where_the_input_states_it() -> None:
    moments = [f"{day:%Y-%m-%d}" for day in pd.date_range("2026-03-11", periods=20)]
    settled = audit(as_of=moments)
    assert settled.variant == "settled"
    assert settled.figures["youngest_age_days"] == pytest.approx(9.0)
    moments[12] = "2026-03-14"
    assert audit(as_of=moments).variant == "unsettled"
    moments[12] = "not a moment"
    assert audit(as_of=moments).variant == "unknown"


def test_hours_weeks_and_months_end_where_their_period_ends() -> None:
    assert audit(as_of="2026-06-15", frequency=Frequency.WEEK).figures["youngest_age_days"] == 1.0
    assert audit(as_of="2027-06-11", frequency=Frequency.MONTH).figures["youngest_age_days"] == 10.0
    assert audit(as_of="2026-03-02", frequency=Frequency.HOUR).figures["youngest_age_days"] == pytest.approx(9 / 24)


@given(scale=st.floats(1e-3, 1e9), weeks=st.integers(0, 200))
def test_units_and_dates_do_not_matter(scale: float, weeks: int) -> None:
    shift = pd.Timedelta(weeks=weeks)
    moment = (pd.Timestamp("2026-03-17T06:00") + shift).isoformat()
    start = str(pd.Timestamp("2026-03-01") + shift)
    found = audit(as_of=moment, start=start, value={row: scale * (row + 1) for row in range(20)})
    plain = audit(as_of="2026-03-17T06:00")
    assert found.variant == plain.variant
    assert dict(found.figures) == dict(plain.figures)


@pytest.mark.shared
def test_the_founding_figures_are_settled(shared: Path) -> None:
    raw = pd.read_csv(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv", parse_dates=["date"])
    raw = raw.rename(columns={"model_permaslug": "entity", "total_tokens": "value"}).assign(metric="tokens")
    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    panel = Panel.of(Observations(raw, Frequency.DAY))
    (found,) = detect(resolve(panel, Case(subject=ids, window=window)))
    assert isinstance(found, Finding)
    assert found.variant == "settled"
    assert found.figures["youngest_age_days"] > 180
