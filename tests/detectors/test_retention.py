"""AUD131: retention on worked examples, censoring, inferred ends, and real cases."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case, Event, EventKind
from auditor.detectors import retention
from auditor.detectors.base import Scene
from auditor.findings import Finding, NotApplicable, Outcome, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

MONDAY = pd.Timestamp("2026-01-05")
NAN = float("nan")
QWEN = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")


def day(text: str) -> datetime:
    return pd.Timestamp(text).to_pydatetime()


def at(row: float) -> datetime:
    return (MONDAY + pd.Timedelta(days=row)).to_pydatetime()


def scene(
    columns: dict[str, list[float]],
    window: tuple[int, int],
    *events: Event,
    subject: tuple[str, ...] = ("s",),
    shift: timedelta = timedelta(0),
) -> Scene:
    rows = [
        (at(i) + shift, name, "n", value)
        for name, values in columns.items()
        for i, value in enumerate(values)
        if np.isfinite(value)
    ]
    panel = Panel.of(Observations(pd.DataFrame(rows, columns=["date", "entity", "metric", "value"]), Frequency.DAY))
    days = Window(at(window[0]) + shift, at(window[1]) + shift)
    moved = tuple(Event(e.date + shift, e.kind, e.source, e.note, e.entity) for e in events)
    return resolve(panel, Case(subject=subject, window=days, events=moved))


def end(row: float, kind: EventKind = EventKind.FREE_END, note: str = "", entity: str = "") -> Event:
    return Event(at(row), kind, "test", note, entity)


def findings(found: list[Outcome]) -> list[Finding]:
    for f in found:
        assert isinstance(f, Finding), f
        for message in (f.statement, *f.limits):
            assert catalogue().write(message)
    return [f for f in found if isinstance(f, Finding)]


def panel(after: float = 5.0, n: int = 28, row: int = 14) -> dict[str, list[float]]:
    return {
        "s": [100.0] * row + [after] * (n - row),
        "a": [200.0, 210.0] * (n // 2),
        "b": [2.0] * n,
        "other": [9.0] * n,
    }


def test_worked_answer() -> None:
    (found,) = findings(retention.detect(scene(panel(), (10, 14), end(14))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.05)
    assert found.statistic.low == pytest.approx(0.05)
    assert found.statistic.high == pytest.approx(0.05)
    assert found.variant == "documented"
    assert found.confidence == "high"
    assert found.figures["week"] == pytest.approx(0.05)
    assert found.figures["lost"] == pytest.approx(95.0)
    # 27 pairs of `a` less the three around the end; `b` lies below ten times the cut-off
    assert found.statistic.n_reference == 24
    assert found.statistic.rank == 1
    assert found.window == Window(at(13), at(14))


def test_below_the_cut_off_is_a_bound_not_zero() -> None:
    (found,) = findings(retention.detect(scene(panel(NAN), (10, 13), end(14))))
    assert found.statistic is not None
    assert found.statement.key == "AUD131.free_bound"
    assert found.statistic.value == pytest.approx(0.02)  # the cut-off is 2
    assert found.statistic.low == 0.0
    assert found.statistic.high == pytest.approx(0.02)
    assert "AUD131.limit_bound" in {limit.key for limit in found.limits}


def test_never_published_is_not_a_fall() -> None:
    columns = {k: v for k, v in panel(NAN).items() if k != "other"}
    (outcome,) = retention.detect(scene(columns, (10, 13), end(14)))
    assert isinstance(outcome, NotApplicable)
    assert outcome.reason.key == "AUD131.no_level"
    assert catalogue().write(outcome.reason)


def test_a_day_on_which_both_conditions_held_is_left_out() -> None:
    columns = panel()
    columns["s"][14] = 60.0
    (found,) = findings(retention.detect(scene(columns, (10, 14), end(14.6))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.05)
    assert found.window == Window(at(13), at(15))
    assert found.figures["week"] == pytest.approx(0.05)
    assert found.figures["week_periods"] == 6
    assert found.data is not None
    assert [row[1] for row in found.data.rows if row[2] == 60.0] == ["mixed"]


def test_week_basis_matches_weekdays() -> None:
    week = [100.0, 100, 100, 100, 100, 50, 50]
    columns = panel()
    columns["s"] = week * 2 + [0.4 * x for x in week] * 2
    (found,) = findings(retention.detect(scene(columns, (10, 14), end(14))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.8)  # Sunday against Monday
    assert found.figures["week"] == pytest.approx(0.4)
    assert "AUD131.limit_week" not in {limit.key for limit in found.limits}


def test_the_free_end_weighs_before_a_price_change() -> None:
    events = (end(12, EventKind.PRICE), end(14), end(14, EventKind.PRICE))
    free, price = findings(retention.detect(scene(panel(), (10, 14), *events)))
    assert (free.statement.key, price.statement.key) == ("AUD131.free", "AUD131.price")
    assert free.weighs
    assert not price.weighs
    assert "AUD131.limit_kind" in {limit.key for limit in price.limits}


def test_a_promotion_counts_where_its_note_says_that_it_ended() -> None:
    (found,) = findings(
        retention.detect(scene(panel(), (10, 14), end(14, EventKind.PROMOTION, "half price ended in app X")))
    )
    assert found.statement.key == "AUD131.promotion"
    (outcome,) = retention.detect(scene(panel(), (10, 14), end(14, EventKind.PROMOTION, "half price in app X")))
    assert isinstance(outcome, NotApplicable)


@pytest.mark.parametrize(
    "event",
    [end(14 + retention.REACH + 1), end(5), end(-3), end(400), end(14, entity="a"), end(14, EventKind.NEWS)],
)
def test_events_out_of_reach_or_of_others_do_not_count(event: Event) -> None:
    (outcome,) = retention.detect(scene(panel(n=42), (10, 14), event))
    assert isinstance(outcome, NotApplicable)
    assert outcome.reason.key == "AUD131.no_end"
    assert catalogue().write(outcome.reason)


def variants(**columns: list[float]) -> dict[str, list[float]]:
    rest = panel()
    del rest["s"]
    return {k.replace("_", ":"): v for k, v in columns.items()} | rest


def test_end_inferred_from_the_ids() -> None:
    columns = variants(s_free=[100.0] * 14 + [NAN] * 14, s=[NAN] * 14 + [8.0] * 14)
    (found,) = findings(retention.detect(scene(columns, (10, 14), subject=("s:free", "s"))))
    assert found.statistic is not None
    assert found.variant == "inferred"
    assert found.confidence == "low"
    assert found.statistic.value == pytest.approx(0.08)
    assert "AUD131.limit_inferred" in {limit.key for limit in found.limits}


@pytest.mark.parametrize(
    "columns",
    [
        # another free id goes on: free did not end
        variants(s_free=[100.0] * 14 + [NAN] * 14, v_free=[NAN] * 13 + [9.0] * 15, s=[NAN] * 14 + [8.0] * 14),
        # the free id comes back
        variants(s_free=[100.0] * 14 + [NAN] + [90.0] * 13, v_free=[NAN] * 28, s=[NAN] * 14 + [8.0] * 14),
        # the free id was a small part
        variants(s_free=[10.0] * 14 + [NAN] * 14, v_free=[NAN] * 28, s=[100.0] * 28),
        # the suffix does not mean free
        variants(s_beta=[100.0] * 14 + [NAN] * 14, v_free=[NAN] * 28, s=[NAN] * 14 + [8.0] * 14),
    ],
)
def test_no_end_inferred_where_the_ids_do_not_show_one(columns: dict[str, list[float]]) -> None:
    found = retention.detect(scene(columns, (10, 14), subject=("s:free", "v:free", "s:beta", "s")))
    assert isinstance(found[0], NotApplicable)


def test_a_stated_end_is_preferred_to_an_inferred_one() -> None:
    columns = variants(s_free=[100.0] * 14 + [NAN] * 14, s=[NAN] * 14 + [8.0] * 14)
    (found,) = findings(retention.detect(scene(columns, (10, 14), end(14), subject=("s:free", "s"))))
    assert found.variant == "documented"


def test_response_to_the_start_is_bounded_below() -> None:
    columns = panel()
    columns["s"][:7] = [NAN] * 7
    events = (end(7, EventKind.FREE_START), end(14))
    (found,) = findings(retention.detect(scene(columns, (7, 14), *events)))
    assert found.figures["onset_after"] == pytest.approx(100.0)
    assert (found.figures["onset_before_low"], found.figures["onset_before_high"]) == (0.0, 2.0)
    assert found.figures["onset_ratio_at_least"] == pytest.approx(50.0)


def test_tiny_panels() -> None:
    (found,) = findings(retention.detect(scene({"s": [4.0, 2.0]}, (0, 1), end(1))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.5)
    assert (found.statistic.n_reference, found.statistic.p) == (0, None)
    assert isinstance(retention.detect(scene({"s": [4.0]}, (0, 0), end(0)))[0], NotApplicable)
    assert isinstance(retention.detect(scene({"s": [0.0, 1.0]}, (0, 1), end(1)))[0], NotApplicable)


@given(factor=st.floats(1e-3, 1e9), weeks=st.integers(-40, 40), after=st.floats(2.5, 300))
@settings(max_examples=20, deadline=None)
def test_scale_weeks_and_names_change_nothing(factor: float, weeks: int, after: float) -> None:
    columns = panel(after)
    (base,) = findings(retention.detect(scene(columns, (10, 14), end(14))))
    other = {{"a": "q", "b": "p"}.get(k, k): [factor * x for x in v] for k, v in (columns | {"z": [2.0] * 28}).items()}
    (found,) = findings(retention.detect(scene(other, (10, 14), end(14), shift=timedelta(weeks=weeks))))
    assert base.statistic is not None
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(after / 100)
    assert found.statistic.value == pytest.approx(base.statistic.value)
    assert found.statistic.rank == base.statistic.rank


def real(file: Path) -> Panel:
    raw = pd.read_csv(file)
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(raw["date"]),
            "entity": raw["model_permaslug"],
            "metric": "total_tokens",
            "value": raw["total_tokens"].astype(float),
        }
    )
    return Panel.of(Observations(frame, Frequency.DAY))


@pytest.mark.shared
@pytest.mark.parametrize("stated", [True, False])
def test_founding_case(shared: Path, stated: bool) -> None:
    events = (Event(day("2026-03-30"), EventKind.FREE_START), Event(day("2026-04-08"), EventKind.FREE_END))
    case = Case(
        subject=QWEN,
        name="Qwen3.6-Plus",
        window=Window(day("2026-03-30"), day("2026-04-08")),
        events=events if stated else (),
    )
    table = real(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    (found,) = findings(retention.detect(resolve(table, case)))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(29.167212927 / 731.598391715)
    sentence = catalogue().write(found.statement)
    assert "731.6 billion on 2026-04-07 to 29.2 billion on 2026-04-08: 4.0 % stayed" in sentence
    assert found.variant == ("documented" if stated else "inferred")
    assert found.statistic.p is not None
    assert found.statistic.p < 0.01


@pytest.mark.shared
def test_a_free_preview_that_kept_its_users(shared: Path) -> None:
    ids = ("tencent/hy3-preview-20260421:free", "tencent/hy3-preview-20260421")
    case = Case(subject=ids, window=Window(day("2026-04-23"), day("2026-05-08")))
    table = real(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    (found,) = findings(retention.detect(resolve(table, case)))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.92, abs=0.005)  # 433.0 of 472.3 billion
    assert found.severity == "info"
