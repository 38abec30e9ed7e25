"""AUD152: output rates and the capacity they imply, worked by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.completion_capacity import detect
from auditor.errors import UsageError
from auditor.findings import Severity
from auditor.observations import Frequency
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import scene
from tests.detectors.two_metrics import both, only

WINDOW = "2026-01-07:2026-01-08"
#: 86,400 x 1,000 tokens on the second day of the window: 1,000 a second.
COMPLETION = {"s": [1e6, 1e6, 43.2e6, 86.4e6, 2e6]}
TOTAL = {"s": [2e7] * 5, "p": [1e7] * 5}


def outcome(columns: Any, window: str = WINDOW, frequency: Frequency = Frequency.DAY, **params: Any) -> Any:
    return only(detect(scene(both(columns, frequency=frequency), "s", window, metric="total_tokens"), params))


def test_worked_answer():
    found = outcome({"total_tokens": TOTAL, "completion_tokens": COMPLETION})
    assert found.statistic.value == pytest.approx(1000.0)
    assert found.figures["answers_at_once"] == pytest.approx(1000 / 21)
    assert found.figures["accelerators_at_least"] == pytest.approx(1000 / 1850)
    assert found.figures["accelerators_at_most"] == pytest.approx(1000 / 1072)
    assert found.weighs is False
    assert "86.40 million completion tokens, on average 1,000 a second" in catalogue().write(found.statement)


def test_the_default_throughputs_give_back_the_service_they_were_measured_on():
    # 168 billion output tokens in a day were served by 226.75 nodes of eight accelerators.
    found = outcome({"total_tokens": TOTAL, "completion_tokens": {"s": [168e9] * 5}})
    assert found.figures["accelerators_at_most"] == pytest.approx(226.75 * 8, rel=1e-3)
    # Only the decoding nodes, at 14,800 tokens a second each.
    assert found.figures["accelerators_at_least"] == pytest.approx(168e9 / 86400 / 14800 * 8, rel=1e-9)


def test_a_week_has_seven_days_of_seconds():
    weeks = {"weekly_total_tokens": {"s": [7e7] * 5}, "weekly_completion_tokens": {"s": [7 * 86.4e6] * 5}}
    panel = both(weeks, frequency=Frequency.WEEK)
    found = only(detect(scene(panel, "s", "2026-01-19:2026-01-26", metric="weekly_total_tokens")))
    assert found.statistic.value == pytest.approx(1000.0)


def test_a_stated_share_stands_in_and_is_said_to_be_stated():
    missing = outcome({"total_tokens": TOTAL})
    assert missing.reason.key == "AUD152.no_completion"
    found = outcome({"total_tokens": TOTAL}, completion_share=0.1)
    assert found.statistic.value == pytest.approx(2e6 / 86400)
    assert found.confidence.value == "low"
    assert "AUD152.limit_share" in {m.key for m in found.limits}


def test_published_tokens_are_preferred_to_a_stated_share():
    found = outcome({"total_tokens": TOTAL, "completion_tokens": COMPLETION}, completion_share=0.5)
    assert found.statistic.value == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("capacity", "variant", "severity"), [(500, "above", Severity.HIGH), (2000, "within", Severity.INFO)]
)
def test_a_stated_capacity_is_compared_and_then_weighs(capacity, variant, severity):
    found = outcome({"total_tokens": TOTAL, "completion_tokens": COMPLETION}, capacity_tokens_per_second=capacity)
    assert (found.variant, found.severity, found.weighs) == (variant, severity, True)
    assert found.statistic.value == pytest.approx(1000 / capacity)
    assert catalogue().write(found.statement)


def test_a_listed_speed_replaces_the_assumed_one():
    columns = {"total_tokens": TOTAL, "completion_tokens": COMPLETION}
    listed = outcome(columns | {"throughput_tps": {"s": [None, None, 50.0, None, 99.0]}})
    assert listed.figures["answers_at_once"] == pytest.approx(20.0)
    assert "AUD152.limit_speed_listed" in {m.key for m in listed.limits}
    stated = outcome(columns, tokens_per_second_per_answer=100)
    assert stated.figures["answers_at_once"] == pytest.approx(10.0)
    assert "AUD152.limit_speed_stated" in {m.key for m in stated.limits}


@pytest.mark.parametrize(
    "params",
    [
        {"tokens_per_second_per_accelerator": 0},
        {"tokens_per_second_per_accelerator_overall": -5},
        {"tokens_per_second_per_answer": "fast"},
        {"capacity_tokens_per_second": float("nan")},
    ],
)
def test_a_parameter_that_is_no_rate_is_refused(params):
    with pytest.raises(UsageError, match=next(iter(params))):
        outcome({"total_tokens": TOTAL, "completion_tokens": COMPLETION}, **params)


def test_a_share_above_one_is_refused():
    with pytest.raises(UsageError, match="above one"):
        outcome({"total_tokens": TOTAL}, completion_share=5)


def test_a_window_without_figures_is_declined():
    assert outcome({"total_tokens": TOTAL, "completion_tokens": {"s": [1e6, 1e6]}}).reason.key == "AUD152.no_completion"
    assert outcome({"total_tokens": TOTAL, "completion_tokens": {"s": [0.0] * 5}}).reason.key == "AUD152.no_window"
    other = outcome({"total_tokens": TOTAL, "completion_tokens": {"p": [1e6] * 5}})
    assert other.reason.key == "AUD152.no_completion"


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.01, 1e6))
def test_capacity_grows_with_the_volume(scale):
    columns = {"s": [v * scale for v in COMPLETION["s"]]}
    found = outcome({"total_tokens": TOTAL, "completion_tokens": columns})
    assert found.statistic.value == pytest.approx(1000 * scale)
    assert found.figures["accelerators_at_least"] <= found.figures["accelerators_at_most"]


@pytest.mark.shared
def test_a_day_of_the_real_catalogue(shared: Path):
    observed = read(shared / "openrouter" / "catalogue_daily_2026-06-13_2026-06-17.csv")
    panel = Panel.of(observed)
    table = panel.table("output_tokens")
    largest = table.entities[int(np.nanargmax(table.values[2]))]
    found = only(detect(scene(panel, largest, "2026-06-13:2026-06-17", metric="total_tokens")))
    assert found.statistic.value == pytest.approx(float(np.nanmax(table.values[:, table.index[largest]])) / 86400)
    assert found.figures["accelerators_at_least"] > 1
