"""Tokens per request against the cross-section: a known place, what is left out, and what must not matter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.metrics import folded, role_of
from auditor.detectors.tokens_per_request import detect
from auditor.findings import Finding, NotApplicable
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import Frequency, pd, scene
from tests.detectors.two_metrics import both, only

DAYS = 10


def market(
    own: float, peers: int = 9, *, requests: float = 100.0
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return peers with 1000, 2000, ... tokens per request, and the subject ``s`` with its own."""
    tokens = {f"p{i}": [1000.0 * i * requests] * DAYS for i in range(1, peers + 1)}
    tokens["s"] = [own * requests] * DAYS
    return tokens, {name: [requests] * DAYS for name in tokens}


def finding(tokens, requests, window="2026-01-09:2026-01-12", metrics=("total_tokens", "requests")) -> Any:
    panel = both({metrics[0]: tokens, metrics[1]: requests})
    found = only(detect(scene(panel, "s", window, metric=metrics[0])))
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def test_the_ratio_is_set_beside_the_median_of_the_peers():
    # Median of 1000..9000 is 5000; two of nine (8000, 9000) have at least 7500: one-sided (1 + 2) / 10, two-sided 0.6.
    found = finding(*market(7500.0))
    assert found.statistic.value == pytest.approx(1.5)
    assert (found.statistic.rank, found.statistic.p, found.statistic.n_reference) == (3, pytest.approx(0.6), 9)
    assert found.figures["ratio"] == pytest.approx(7500.0)
    assert "7,500 tokens per request" in catalogue().write(found.statement)


def test_the_change_against_the_periods_before_is_stated():
    tokens, requests = market(5000.0)
    tokens["s"] = [250_000.0] * 4 + [500_000.0] * 6
    found = finding(tokens, requests, "2026-01-09:2026-01-14")
    assert found.figures["log_shift"] == pytest.approx(np.log(2.0))


def test_sums_are_divided_not_ratios_averaged():
    tokens, requests = market(5000.0)
    tokens["s"], requests["s"] = (
        [100.0, 9000.0] * 5,
        [100.0, 900.0] * 5,
    )  # 1 and 10 a request: 9100 / 1000 over two days
    found = finding(tokens, requests, "2026-01-09:2026-01-10")
    assert found.figures["ratio"] == pytest.approx(9.1)


def test_a_split_filled_in_with_zero_is_not_taken_for_a_figure():
    tokens, requests = market(5000.0)
    requests["s"][5] = 0.0
    found = finding(tokens, requests)
    assert found.figures["ratio"] == pytest.approx(5000.0)
    assert any(limit.key.endswith("limit_gaps") for limit in found.limits)


def test_peers_with_a_handful_of_requests_are_left_out():
    tokens, requests = market(5000.0, requests=1e6)
    tokens["tiny"], requests["tiny"] = [9e9] * DAYS, [1.0] * DAYS
    assert finding(tokens, requests).statistic.n_reference == 9


def test_rounding_reaches_the_interval():
    tokens, requests = market(5000.0)
    panel = both({"total_tokens": tokens, "requests": requests}, width=0.02)
    found = only(detect(scene(panel, "s", "2026-01-09:2026-01-12", metric="total_tokens")))
    assert found.statistic.low == pytest.approx(1.0 - 0.02)
    assert found.statistic.high == pytest.approx(1.0 + 0.02)


@pytest.mark.parametrize(
    ("metric", "reason"), [("total_tokens", "no_requests"), ("requests", "no_tokens"), ("stars", "no_requests")]
)
def test_what_is_missing_is_named(metric: str, reason: str):
    tokens, _ = market(5000.0)
    found = only(detect(scene(both({metric: tokens}), "s")))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == f"AUD142.{reason}"


def test_without_enough_peers_there_is_no_rank():
    found = only(
        detect(scene(both(dict(zip(("tokens", "requests"), market(5000.0, 3), strict=True))), "s", metric="tokens"))
    )
    assert found.reason.key == "AUD142.few_peers"


def test_applications_are_compared_with_applications():
    tokens, requests = market(7500.0)
    panel = both({"app_tokens": tokens, "app_requests": requests, "requests": {"s": [1.0] * DAYS}})
    found = only(detect(scene(panel, "s", metric="app_tokens")))
    assert found.statistic.value == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("total_tokens", "tokens"),
        ("weekly_prompt_tokens", "prompt"),
        ("Output Tokens", "completion"),
        ("weekly_request_count", "requests"),
        ("app_tokens_week", "app_tokens"),
        ("input_price_per_1m", "price_prompt"),
        ("weekly_completion_price", "price_completion"),
        ("reasoning_tokens", ""),
        ("stars", ""),
    ],
)
def test_metric_names_are_folded_to_roles(name: str, role: str):
    assert role_of(name) == role
    assert folded(name) == folded(name.upper())


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(1e-3, 1e6), own=st.floats(500.0, 2e4), weeks=st.integers(1, 9))
def test_units_dates_and_strangers_do_not_matter(factor: float, own: float, weeks: int):
    tokens, requests = market(own)
    first = finding(tokens, requests)
    scaled = {name: [v * factor for v in values] for name, values in tokens.items()}
    again = finding(scaled, requests)
    assert again.statistic.value == pytest.approx(first.statistic.value)
    assert again.statistic.rank == first.statistic.rank
    requests["stranger"] = [50.0] * DAYS  # named by one of the metrics only
    assert finding(tokens, requests).statistic == first.statistic
    later = both(
        {"total_tokens": tokens, "requests": requests},
        start=f"{pd.Timestamp('2026-01-05') + pd.Timedelta(weeks=weeks):%Y-%m-%d}",
    )
    days = [f"{pd.Timestamp(day) + pd.Timedelta(weeks=weeks):%Y-%m-%d}" for day in ("2026-01-09", "2026-01-12")]
    moved = only(detect(scene(later, "s", ":".join(days), metric="total_tokens")))
    assert moved.statistic.value == pytest.approx(first.statistic.value)


@pytest.mark.shared
def test_the_catalogue_of_five_days(shared: Path):
    panel = Panel.of(read(shared / "openrouter" / "catalogue_daily_2026-06-13_2026-06-17.csv"))
    assert panel.frequency is Frequency.DAY
    found = only(
        detect(scene(panel, "anthropic/claude-4.6-opus-20260205", "2026-06-16:2026-06-17", metric="total_tokens"))
    )
    assert found.figures["ratio"] == pytest.approx(54_941, rel=1e-3)
    assert found.statistic.n_reference == 322
    assert found.statistic.rank == 10
