"""What the extra volume would cost, or how many accounts it would take."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.cost_to_fake import detect
from auditor.findings import NotApplicable
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import scene
from tests.detectors.two_metrics import both, only

WINDOW = "2026-01-09:2026-01-10"
TOKENS = {"s": [1e6] * 4 + [3e6, 5e6, 1e6]}


def outcomes(columns, **params) -> Any:
    return detect(scene(both(columns), "s", WINDOW, metric="total_tokens"), params)


def priced(prompt: float = 1.0, completion: float = 4.0) -> dict[str, dict[str, list[float]]]:
    return {"price_input_per_1m": {"s": [prompt] * 7}, "price_output_per_1m": {"s": [completion] * 7}}


def test_an_unknown_split_gives_an_interval():
    # Base 1 million; 2 + 4 million above it. At 1 and 4 dollars per million: 6 to 24 dollars.
    found = only(outcomes({"total_tokens": TOKENS, **priced()}))
    assert found.weighs is False
    assert (found.statistic.low, found.statistic.high) == (pytest.approx(6.0), pytest.approx(24.0))
    assert "between 6 and 24 dollars" in catalogue().write(found.statement)


def test_a_known_split_gives_one_figure():
    split = {"prompt_tokens": {"s": [75.0] * 7}, "completion_tokens": {"s": [25.0] * 7}}
    found = only(outcomes({"total_tokens": TOKENS, **priced(), **split}))
    assert found.statistic.value == pytest.approx(6 * (0.75 * 1 + 0.25 * 4))


def test_prices_per_token_and_per_million_are_told_apart_by_name():
    per_token = {"price_input_per_token": {"s": [1e-6] * 7}, "price_output_per_token": {"s": [4e-6] * 7}}
    found = only(outcomes({"total_tokens": TOKENS, **per_token}))
    assert found.statistic.low == pytest.approx(6.0)


def test_a_price_whose_unit_is_not_known_is_not_used():
    unknown = {"price_input": {"s": [1.0] * 7}, "price_output": {"s": [4.0] * 7}}
    found = only(outcomes({"total_tokens": TOKENS, **unknown}))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == "AUD151.no_price"


def test_free_of_charge_costs_nothing_and_a_later_price_is_said_to_be_later():
    free = only(outcomes({"total_tokens": TOKENS, **priced(0.0, 0.0)}))
    assert (free.statistic.value, free.statement.key) == (0.0, "AUD151.free")
    later = priced(0.0, 0.0)
    for metric, price in (("price_input_per_1m", 1.0), ("price_output_per_1m", 4.0)):
        later[metric]["s"][-1] = price
    found = only(outcomes({"total_tokens": TOKENS, **later}))
    assert found.statistic.low == pytest.approx(6.0)
    assert any(limit.key == "AUD151.limit_price_elsewhere" for limit in found.limits)


def test_a_price_holds_until_the_next_one_is_listed():
    listed_once = {metric: {"s": [values["s"][0], *[None] * 6]} for metric, values in priced().items()}
    found = only(outcomes({"total_tokens": TOKENS, **listed_once}))
    assert found.statistic.low == pytest.approx(6.0)
    assert any(limit.key == "AUD151.limit_price_window" for limit in found.limits)


def test_accounts_are_counted_under_stated_limits_only():
    by_tokens = only(outcomes({"total_tokens": TOKENS}, tokens_per_account=300_000))
    assert by_tokens.statistic.value == 14  # 4 million above the base on the largest day, over 0.3 million: 13.3
    requests = {
        "requests": {"s": [100.0] * 4 + [300.0, 500.0, 100.0]}
    }  # 10,000 tokens each: 400 requests above the base
    by_requests = only(outcomes({"total_tokens": TOKENS, **requests}, requests_per_account=50))
    assert by_requests.statistic.value == 8
    assert "8 accounts at a limit of 50 requests" in catalogue().write(by_requests.statement)


@pytest.mark.parametrize(
    ("columns", "metric", "reason"),
    [
        ({"total_tokens": TOKENS}, "total_tokens", "no_price"),
        ({"stars": TOKENS}, "stars", "no_tokens"),
        ({"total_tokens": {"s": [5.0] * 4 + [1.0, 1.0, 5.0]}, **priced()}, "total_tokens", "no_excess"),
    ],
)
def test_what_is_missing_is_named(columns, metric: str, reason: str):
    found = only(detect(scene(both(columns), "s", WINDOW, metric=metric)))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == f"AUD151.{reason}"


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(0.01, 1e4))
def test_the_cost_grows_with_the_volume(factor: float):
    found = only(outcomes({"total_tokens": {"s": [v * factor for v in TOKENS["s"]]}, **priced()}))
    assert found.statistic.high == pytest.approx(24.0 * factor)


@pytest.mark.shared
def test_the_catalogue_of_five_days(shared: Path):
    panel = Panel.of(read(shared / "openrouter" / "catalogue_daily_2026-06-13_2026-06-17.csv"))
    found = only(detect(scene(panel, "qwen/qwen3.6-plus-04-02", "2026-06-16:2026-06-17", metric="total_tokens")))
    excess, share = found.figures["excess"], found.figures["completion_share"]
    assert found.statistic.value == pytest.approx(excess * (0.325 * (1 - share) + 1.95 * share) / 1e6)
    assert found.statistic.value == pytest.approx(2392, rel=1e-3)
