"""AUD124: share, rank and margin on worked examples, and the founding case."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors import share_margin
from auditor.detectors.base import Scene
from auditor.findings import Finding, NotApplicable, Outcome, Window
from auditor.observations import Frequency, Observations, Status
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

MONDAY = pd.Timestamp("2026-01-05")
QWEN = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")


def scene(
    columns: dict[str, list[float]],
    window: tuple[int, int],
    *,
    half: float = 0.0,
    partial: tuple[str, int] | None = None,
    subject: tuple[str, ...] = ("s",),
) -> Scene:
    rows = [
        (
            MONDAY + pd.Timedelta(days=i),
            name,
            "n",
            value,
            value - half,
            value + half,
            int(Status.PARTIAL if partial == (name, i) else Status.OBSERVED),
        )
        for name, values in columns.items()
        for i, value in enumerate(values)
        if np.isfinite(value)
    ]
    frame = pd.DataFrame(rows, columns=["date", "entity", "metric", "value", "low", "high", "status"])
    panel = Panel.of(Observations(frame.astype({"status": "int8"}), Frequency.DAY))
    dates = panel.table().dates
    days = Window(dates[window[0]].to_pydatetime(), dates[window[1]].to_pydatetime())
    return resolve(panel, Case(subject=subject, window=days))


def only(found: list[Outcome]) -> Finding:
    (finding,) = found
    assert isinstance(finding, Finding), finding
    assert catalogue().write(finding.statement)
    return finding


MARKET = {
    "s": [10.0, 41.0, 60.0, 20.0],
    "a": [40.0, 40.0, 20.0, 30.0],
    "b": [30.0, 10.0, 10.0, 20.0],
    "other": [20.0, 9.0, 10.0, 30.0],
}


def test_worked_answer() -> None:
    found = only(share_margin.detect(scene(MARKET, (0, 3))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.6)
    assert (found.statistic.rank, found.statistic.n_reference) == (1, 2)  # a peaked at 40 %, b at 30 %
    assert found.figures["margin_at_peak"] == pytest.approx(3.0)
    assert (found.figures["days_led"], found.figures["days"]) == (2, 4)
    assert found.figures["just_enough_days"] == 1  # 41 against 40
    assert found.figures["min_margin"] == pytest.approx(41 / 40)
    assert "AUD124.limit_narrow_alone" in {limit.key for limit in found.limits}
    assert found.data is not None
    ranks = [row[found.data.columns.index("rank")] for row in found.data.rows]
    assert ranks == [3, 1, 1, 2]  # on the last day level with b, behind a


def test_a_narrow_lead_is_set_beside_the_leads_of_other_days() -> None:
    found = only(share_margin.detect(scene(MARKET, (1, 2))))
    (narrow,) = [limit for limit in found.limits if limit.key == "AUD124.limit_narrow"]
    assert dict(narrow.values) == {"k": 1, "n": 2, "usual": 0.0}  # 40/30 and 30/20 on the days outside


def test_behind_the_leader() -> None:
    found = only(share_margin.detect(scene(MARKET, (0, 0))))
    assert found.statement.key == "AUD124.share_behind"
    assert found.statement.values["rank"] == 3
    assert found.statement.values["times"] == pytest.approx(4.0)


def test_stitched_ids_count_as_one() -> None:
    found = only(share_margin.detect(scene(MARKET, (0, 3), subject=("s", "b"))))
    assert found.statistic is not None
    assert found.statistic.value == pytest.approx(0.7)
    assert found.statistic.n_reference == 1


def test_without_a_total_no_share_is_stated() -> None:
    listed = {k: v for k, v in MARKET.items() if k != "other"}
    found = only(share_margin.detect(scene(listed, (1, 2))))
    assert found.statistic is not None
    assert found.variant == "margin"
    assert found.statistic.value == pytest.approx(3.0)
    assert found.statistic.n_reference == 2  # the two days outside the window, led by 40/30 and 30/20
    assert found.statistic.rank == 1
    assert np.isnan(found.figures["share_at_peak"])
    assert "market on" not in catalogue().write(found.statement)
    assert {limit.key for limit in found.limits} >= {"AUD124.limit_no_total", "AUD124.limit_few"}


def test_rounding_reaches_the_interval() -> None:
    found = only(share_margin.detect(scene(MARKET, (0, 3), half=0.5)))
    assert found.statistic is not None
    # 60 within 0.5 of 100 within 1.5 (three rounded rows; the remainder's own rounding is not published)
    assert found.statistic.low == pytest.approx(59.5 / 101.5)
    assert found.statistic.high == pytest.approx(60.5 / 98.5)


def test_partial_figures_are_left_out() -> None:
    found = only(share_margin.detect(scene(MARKET, (0, 3), partial=("s", 2))))
    assert found.statement.values["value"] == 41.0


def reason(found: list[Outcome]) -> str:
    (outcome,) = found
    assert isinstance(outcome, NotApplicable), outcome
    assert catalogue().write(outcome.reason)
    return outcome.reason.key


def test_not_applicable() -> None:
    assert reason(share_margin.detect(scene({"s": [1.0, 2.0], "other": [1.0, 1.0]}, (0, 1)))) == "AUD124.alone"
    nan = float("nan")
    lonely = {"s": [1.0, 9.0], "a": [1.0, nan], "b": [2.0, nan]}
    assert reason(share_margin.detect(scene(lonely, (1, 1)))) == "AUD124.no_peak"
    assert reason(share_margin.detect(scene({"s": [3.0], "a": [0.0]}, (0, 0)))) == "AUD124.no_peak"
    assert reason(share_margin.detect(scene({"s": [0.0], "a": [3.0]}, (0, 0)))) == "AUD124.zero"


values = st.lists(st.floats(0.5, 1e3), min_size=5, max_size=5)


@given(s=values, a=values, b=values, factor=st.floats(1e-3, 1e9))
@settings(max_examples=25, deadline=None)
def test_scale_order_and_a_small_constant_entity(s: list[float], a: list[float], b: list[float], factor: float) -> None:
    columns = {"s": s, "a": a, "b": b, "other": [50.0] * 5}
    base = only(share_margin.detect(scene(columns, (1, 3))))
    scaled = {k: [factor * x for x in v] for k, v in columns.items()}
    renamed = {"s": s, "y": b, "x": a, "zz": [0.4] * 5, "other": [49.6] * 5}
    for other in (scaled, renamed):
        found = only(share_margin.detect(scene(other, (1, 3))))
        assert base.statistic is not None
        assert found.statistic is not None
        assert found.statistic.value == pytest.approx(base.statistic.value)
        assert found.statistic.rank == base.statistic.rank
        assert found.figures["margin_at_peak"] == pytest.approx(base.figures["margin_at_peak"])
        assert 0 < found.statistic.value < 1


@given(subject=values, a=values, b=values)
@settings(max_examples=40, deadline=None)
def test_standing_agrees_with_sorting(subject: list[float], a: list[float], b: list[float]) -> None:
    place = share_margin.standing(np.array(subject), np.column_stack([a, b]))
    for i, (x, y, z) in enumerate(zip(subject, a, b, strict=True)):
        ordered = sorted([x, y, z], reverse=True)
        assert place.rank[i] == ordered.index(x) + 1
        assert place.margin[i] == pytest.approx(x / max(y, z))
        assert place.lead[i] == pytest.approx(ordered[0] / ordered[1])


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
    days = Window(pd.Timestamp("2026-03-30").to_pydatetime(), pd.Timestamp("2026-04-08").to_pydatetime())
    case = Case(subject=QWEN, name="Qwen3.6-Plus", window=days)
    found = only(share_margin.detect(resolve(Panel.of(Observations(frame, Frequency.DAY)), case)))
    sentence = catalogue().write(found.statement)
    assert "held 43.3 % of the market on 2026-04-04 (1,571.8 billion of 3,630.3 billion), 9.5 times" in sentence
    assert found.statistic is not None
    assert found.statistic.rank == 1
    assert found.data is not None
    margins = {str(row[0]): row[-1] for row in found.data.rows}
    assert round(margins["2026-04-03"], 1) == 7.3
    assert found.figures["just_enough_days"] == 0
