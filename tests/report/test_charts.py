"""Drawings: what they show, what they refuse, and how labels are kept apart."""

import re
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.findings import Rows
from auditor.report.charts import _drawers, chart_of
from auditor.report.charts.base import Chart, columns, log_ticks, short, spread
from auditor.report.charts.story import story
from auditor.report.words import Words
from auditor.walk import Audit
from tests.report import sample

WORDS = Words()


@pytest.fixture(scope="module")
def main(audit: Audit) -> Chart:
    return story(audit.scene, WORDS, "It fits.")


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def _layers(chart: Chart, plot: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.plots[plot].spec["layer"]
    return found


def test_the_story_has_four_drawings(main: Chart) -> None:
    assert [p.classes for p in main.plots] == ["linear wide", "linear narrow", "log wide", "log narrow"]


def test_the_story_names_its_lines_peak_and_events(main: Chart) -> None:
    texts = _texts(main.plots[0].svg)
    for text in ("Simulated model 0", "simulated/model-1", "whole platform", "1 free period starts"):
        assert text in texts
    assert "2 free period ends, 3 price change" in texts
    assert any(re.fullmatch(r"[\d,.]+ billion, 2031-01-\d\d", t) for t in texts)


def test_the_story_tells_itself_in_words(main: Chart) -> None:
    for part in (
        "Simulated model 0 was largest on 2031-01",
        "Compared with simulated/model-1",
        "free period ends",
        "It fits.",
    ):
        assert part in main.description


def test_days_that_are_bounded_or_incomplete_are_drawn_as_such(main: Chart, audit: Audit) -> None:
    shapes = {
        k["mark"].get("shape"): len(k["data"]["values"]) for k in _layers(main, 0) if k["mark"]["type"] == "point"
    }
    assert shapes["triangle-down"] == 14
    hollow = [k for k in _layers(main, 0) if k["mark"].get("fill") == "var(--paper)"]
    assert [len(k["data"]["values"]) for k in hollow] == [1]
    assert any("Triangles" in line for line in main.caption)
    assert any("Hollow" in line for line in main.caption)


def test_a_gap_is_a_gap_and_not_zero(main: Chart) -> None:
    line = next(k for k in _layers(main, 0) if k["mark"]["type"] == "line")
    own = [p["y"] for p in line["data"]["values"] if p["line"] == 0]
    assert own[:14] == [None] * 14
    assert min(v for v in own if v is not None) > 0


def test_the_story_csv_holds_what_is_drawn(main: Chart) -> None:
    rows = [dict(zip(main.rows.columns, r, strict=True)) for r in main.rows.rows]
    own = [r for r in rows if r["role"] == "subject"]
    assert len(own) == sample.DAYS
    assert {r["status"] for r in own} == {"censored", "observed", "partial"}
    assert {r["role"] for r in rows} == {"subject", "peer", "total"}


def test_a_long_record_is_cut_around_the_window_and_says_so() -> None:
    audit = sample.audit(days=300)
    chart = story(audit.scene, WORDS)
    assert len({r[0] for r in chart.rows.rows}) == 90
    assert "Shown: 90 of 300 periods." in chart.caption


def test_every_drawing_with_its_own_ids(audit: Audit) -> None:
    svg = story(audit.scene, WORDS).plots[3].svg
    assert set(re.findall(r'\sid="([^"]+)"', svg)) >= {"story-log-narrow-title", "story-log-narrow-desc"}
    assert all(i.startswith("story-log-narrow-") for i in re.findall(r'\sid="([^"]+)"', svg))
    assert "xmlns" not in svg
    assert "http" not in svg


def test_an_unknown_rule_has_no_chart(audit: Audit) -> None:
    assert chart_of(sample.finding("AUD000"), audit.scene, WORDS, "k") is None


@pytest.mark.parametrize("rule", sorted(_drawers()))
@pytest.mark.parametrize(
    "data",
    [
        None,
        Rows((), ()),
        Rows(("date",), (("2031-01-06",),)),
        Rows(("unknown", "columns"), ((1, 2),)),
    ],
    ids=["none", "empty", "one column", "other columns"],
)
def test_rows_that_do_not_fit_give_no_chart(audit: Audit, rule: str, data: Rows | None) -> None:
    assert chart_of(sample.finding(rule, data=data), audit.scene, WORDS, "k") is None


_BLANK: dict[str, tuple[str, ...]] = {
    "AUD101": ("kind", "date", "last_date", "earliest", "latest", "fold"),
    "AUD102": ("entity", "peak_share"),
    "AUD111": ("saturday", "weekend_to_weekday", "peers_median_ratio"),
    "AUD121": ("what", "start", "end", "subject_rise", "before", "after", "change"),
    "AUD122": ("date", "subject", "predicted"),
    "AUD123": ("date", "subject", "total"),
    "AUD124": ("date", "share", "margin"),
    "AUD131": ("date", "side", "value"),
    "AUD114": ("entity", "relative_roughness"),
    "AUD141": ("application", "mean_before", "mean_during", "rise"),
    "AUD173": ("date", "entity", "old", "new", "relative_change", "lag_days"),
}


@pytest.mark.parametrize("rule", sorted(_drawers()))
@pytest.mark.parametrize("value", [None, 0.0, "x", -1.0], ids=str)
def test_columns_of_nothing_never_crash(audit: Audit, rule: str, value: object) -> None:
    dates = {"date", "saturday", "start", "end", "last_date", "earliest", "latest"}
    text = isinstance(value, str)
    row = tuple((value if text else "2031-01-06") if n in dates else (None if text else value) for n in _BLANK[rule])
    names, rows = _BLANK[rule], (row, row, row)
    chart = chart_of(
        sample.finding(rule, data=Rows(names, rows), figures=MappingProxyType({})), audit.scene, WORDS, "k"
    )
    assert chart is None or chart.plots[0].svg.startswith("<svg")


def test_the_waterfall_ends_at_the_change_of_the_whole(audit: Audit) -> None:
    names = _BLANK["AUD121"]
    rows = (
        ("record rise", "2031-01-06", "2031-01-07", 700.0, 4000.0, 4050.0, 50.0),
        ("peer: a", "2031-01-06", "2031-01-07", None, 600.0, 100.0, -500.0),
        ("peer: b", "2031-01-06", "2031-01-07", None, 100.0, 40.0, -60.0),
        ("peer: other step", "2031-01-05", "2031-01-06", None, 100.0, 40.0, -60.0),
    )
    chart = chart_of(sample.finding("AUD121", data=Rows(names, rows)), audit.scene, WORDS, "k")
    assert chart is not None
    steps = [dict(zip(chart.rows.columns, r, strict=True)) for r in chart.rows.rows]
    assert [(s["series"], s["change"]) for s in steps] == [
        ("Simulated model 0", 700.0),
        ("a", -500.0),
        ("b", -60.0),
        ("all others", -90.0),
        ("whole market", 50.0),
    ]
    assert steps[3]["bar_to"] == steps[4]["bar_to"] == 50.0


def test_the_applications_are_drawn_from_before_to_during(audit: Audit) -> None:
    rows = (
        ("(subject)", None, None, 100.0),
        ("agent/one", 400.0, 480.0, 80.0),
        ("agent/two", 600.0, 590.0, -10.0),
        ("agent/unknown", None, None, 5.0),
    )
    chart = chart_of(sample.finding("AUD141", data=Rows(_BLANK["AUD141"], rows)), audit.scene, WORDS, "k")
    assert chart is not None
    texts = _texts(chart.plots[0].svg)
    assert [t for t in texts if t.startswith("agent")] == ["agent/one", "agent/two"]
    assert {"+100", "+80", "\u221210"} <= set(texts)


def test_the_largest_restatements_are_dated_without_overlap(audit: Audit) -> None:
    changes = [("2031-01-06", 0.05, 0.5), ("2031-01-07", 0.049, 0.6), ("2031-01-08", -0.04, 6.0)]
    rows = tuple((day, "a", 1.0, 1.0 + change, change, lag) for day, change, lag in changes)
    chart = chart_of(sample.finding("AUD173", data=Rows(_BLANK["AUD173"], rows)), audit.scene, WORDS, "k")
    assert chart is not None
    dated = {t for t in _texts(chart.plots[0].svg) if t.startswith("2031")}
    assert dated == {"2031-01-06", "2031-01-08"}


@pytest.mark.parametrize("own", [0.01, 1.0, 50.0])
def test_the_strip_shows_every_case_and_names_the_subject(audit: Audit, own: float) -> None:
    others = [0.5 + 0.05 * i for i in range(30)]
    rows = Rows(("entity", "relative_roughness"), tuple(("x", v) for v in (own, *others)))
    chart = chart_of(sample.finding("AUD114", data=rows), audit.scene, WORDS, "k")
    assert chart is not None
    dots = next(k for k in _layers(chart, 0) if k["mark"]["type"] == "point")
    assert len(dots["data"]["values"]) == 30
    assert any(t.startswith("Simulated model 0") for t in _texts(chart.plots[0].svg))


def test_two_findings_on_the_same_figures_share_a_chart(audit: Audit) -> None:
    from auditor.report.render import View

    twice = (audit.findings[0], replace(audit.findings[0], version="2"))
    items = View(replace(audit, findings=twice), WORDS).items
    assert [item.chart is not None for item in items] == [True, False]


def test_columns_are_found_by_name() -> None:
    finding = sample.finding("X", data=Rows.of(a=[1, 2], b=["x", "y"]))
    assert columns(finding, "b") == {"a": [1, 2], "b": ["x", "y"]}
    assert columns(finding, "c") is None


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12))
def test_labels_keep_their_order_and_distance(places: list[float]) -> None:
    moved = spread(places, 15, 0, 300)
    order = sorted(range(len(places)), key=lambda i: places[i])
    ordered = [moved[i] for i in order]
    assert all(b - a >= 15 - 1e-6 for a, b in pairwise(ordered))
    assert max(moved) <= 300 + 1e-6


@given(st.floats(1e-6, 1e9), st.floats(1.5, 1e8))
def test_log_ticks_are_few_and_inside(low: float, times: float) -> None:
    ticks = log_ticks([low, low * times])
    assert len(ticks) <= 11
    assert all(low <= t <= low * times for t in ticks)


@given(st.text(max_size=60), st.integers(4, 30))
def test_short_names_are_short(name: str, most: int) -> None:
    assert len(short(name, most)) <= most
