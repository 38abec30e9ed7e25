"""Completion share against the cross-section."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.completion_share import detect
from auditor.findings import Finding, NotApplicable
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import scene
from tests.detectors.two_metrics import both, only

DAYS = 8


def split(share: float, peers: int = 9) -> dict[str, dict[str, list[float]]]:
    """Peers with completion shares of 1 %, 2 %, ... of 10,000 tokens, and the subject with its own."""
    shares = {f"p{i}": i / 100 for i in range(1, peers + 1)} | {"s": share}
    return {
        "prompt_tokens": {name: [1e4 * (1 - v)] * DAYS for name, v in shares.items()},
        "completion_tokens": {name: [1e4 * v] * DAYS for name, v in shares.items()},
    }


def finding(metrics) -> Any:
    found = only(detect(scene(both(metrics), "s", "2026-01-08:2026-01-10", metric=next(iter(metrics)))))
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def test_a_low_share_is_ranked_from_below():
    # 0.5 % lies below all nine peers: one-sided 1 / 10, two-sided 0.2; the median peer has 5 %.
    found = finding(split(0.005))
    assert found.statistic.value == pytest.approx(0.1)
    assert (found.statistic.rank, found.statistic.p) == (1, pytest.approx(0.2))
    assert "0.5 % of the tokens of s were completion tokens" in catalogue().write(found.statement)


def test_where_prompts_are_not_published_the_total_stands_in():
    metrics = split(0.02)
    prompt = metrics.pop("prompt_tokens")
    completion = metrics["completion_tokens"]
    metrics["total_tokens"] = {n: [a + b for a, b in zip(prompt[n], completion[n], strict=True)] for n in prompt}
    assert finding(metrics).figures["ratio"] == pytest.approx(0.02)


def test_a_split_that_was_not_kept_is_not_a_share_of_zero():
    metrics = split(0.02)
    metrics["completion_tokens"]["s"] = [0.0] * DAYS
    found = only(detect(scene(both(metrics), "s", metric="prompt_tokens")))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == "AUD143.no_window"


@pytest.mark.parametrize(("keep", "reason"), [("prompt_tokens", "no_completion"), ("completion_tokens", "no_prompt")])
def test_what_is_missing_is_named(keep: str, reason: str):
    found = only(detect(scene(both({keep: split(0.02)[keep]}), "s")))
    assert found.reason.key == f"AUD143.{reason}"


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-2, 1e6), share=st.floats(0.001, 0.5))
def test_the_unit_does_not_matter(factor: float, share: float):
    metrics = split(share)
    scaled = {m: {e: [v * factor for v in values] for e, values in columns.items()} for m, columns in metrics.items()}
    assert finding(scaled).statistic.value == pytest.approx(finding(metrics).statistic.value)


@pytest.mark.shared
def test_the_catalogue_of_five_days(shared: Path):
    panel = Panel.of(read(shared / "openrouter" / "catalogue_daily_2026-06-13_2026-06-17.csv"))
    found = only(detect(scene(panel, "qwen/qwen3.6-plus-04-02", "2026-06-16:2026-06-17", metric="total_tokens")))
    assert found.figures["ratio"] == pytest.approx(0.0625, abs=5e-4)
    assert found.statistic.n_reference == 270
    assert found.statistic.p > 0.5
