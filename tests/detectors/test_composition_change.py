"""Change of composition: a known change, what newcomers may bring, what added volume must have been, and what must not matter."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.composition_change import detect
from auditor.findings import Finding, NotApplicable
from auditor.texts.catalogue import catalogue
from tests.build import pd, scene
from tests.detectors.two_metrics import both, only

DAYS, START, LENGTH = 70, 56, 7
WINDOW = "2026-03-02:2026-03-08"  # rows 56 to 62 of a panel that begins on Monday 2026-01-05


def market(
    seed: int = 0, peers: int = 12, *, noise: float = 0.1
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Tokens, requests and completion tokens whose ratios scatter from day to day around levels of their own."""
    rng = np.random.default_rng(seed)
    tokens, requests, completion = {}, {}, {}
    for i, name in enumerate(["s", *(f"p{k:02d}" for k in range(peers))]):
        volume = 1e9 * (1 + i) * np.exp(0.1 * rng.standard_normal(DAYS))
        tokens[name] = volume
        requests[name] = volume / (5e3 * np.exp(0.2 * (i % 7) + noise * rng.standard_normal(DAYS)))
        odds = -3.0 + 0.1 * (i % 7) + noise * rng.standard_normal(DAYS)
        completion[name] = volume / (1 + np.exp(-odds))
    return tokens, requests, completion


def measured(tokens, requests=None, completion=None, *, window=WINDOW, start="2026-01-05") -> Any:
    metrics = {"total_tokens": tokens, "requests": requests, "completion_tokens": completion}
    listed = {m: {k: list(v) for k, v in columns.items()} for m, columns in metrics.items() if columns}
    return only(detect(scene(both(listed, start=start), "s", window, metric="total_tokens")))


def finding(*args, **more) -> Any:
    found = measured(*args, **more)
    assert isinstance(found, Finding), catalogue().write(found.reason)
    assert all("{" not in catalogue().write(m) for m in (found.statement, *found.limits))
    return found


def test_an_ordinary_window_is_ordinary():
    found = finding(*market())
    assert found.statement.key == "AUD146.usual"
    assert found.statistic.p > 0.05
    assert found.statistic.n_reference >= 90


def test_requests_that_become_shorter_are_seen_with_their_size():
    tokens, requests, completion = market()
    requests["s"][START : START + LENGTH] *= 2  # half the tokens per request: a log change of -0.69
    found = finding(tokens, requests, completion)
    assert found.statement.key == "AUD146.changed"
    assert found.figures["tokens_per_request_change"] == pytest.approx(-np.log(2), abs=0.15)
    assert found.statistic.p == pytest.approx(1 / (found.statistic.n_reference + 1))
    assert abs(found.figures["completion_share_z"]) < 3


def test_the_same_change_of_every_entity_is_not_the_subjects():
    tokens, requests, completion = market()
    for name in requests:
        requests[name][START : START + LENGTH] *= 2
    assert finding(tokens, requests, completion).statistic.p > 0.05


def test_the_distance_of_one_ratio_is_its_standard_score():
    tokens, requests, _ = market()
    found = finding(tokens, requests)
    assert found.statistic.value == pytest.approx(abs(found.figures["tokens_per_request_z"]))
    assert any(limit.key == "AUD146.limit_one_part" for limit in found.limits)


def test_what_the_added_volume_was_is_worked_out():
    # 100 tokens a day at 10 per request; in the window 300 more at 50 per request, where no other entity has above 12.
    tokens, requests, _ = market()
    for name in tokens:
        requests[name] = tokens[name] / (10.0 + 0.1 * (len(name) + np.arange(DAYS) % 5))
    tokens["s"] = np.full(DAYS, 100.0)
    requests["s"] = np.full(DAYS, 10.0)
    tokens["s"][START : START + LENGTH] += 300.0
    requests["s"][START : START + LENGTH] += 6.0
    found = finding(tokens, requests)
    assert found.figures["tokens_per_request_added"] == pytest.approx(50.0)
    assert found.variant == "added_outside"
    assert any(limit.key == "AUD146.limit_added" for limit in found.limits)


def test_newcomers_may_differ_a_little_where_volume_rises():
    tokens, requests, _ = market(noise=0.03)
    requests["s"][START : START + LENGTH] *= 1.15
    flat = finding(tokens, requests)
    risen = {**tokens, "s": tokens["s"].copy()}
    asked = {**requests, "s": requests["s"].copy()}
    for columns in (risen, asked):
        columns["s"][START : START + LENGTH] *= 4
    assert finding(risen, asked).statistic.value < flat.statistic.value


@pytest.mark.parametrize("kind", ["cached_prompt_tokens", "reasoning_tokens"])
def test_further_shares_are_read_where_they_are_published(kind: str):
    tokens, requests, completion = market()
    rng = np.random.default_rng(5)
    prompt = {n: tokens[n] - completion[n] for n in tokens}
    whole = prompt if kind.startswith("cached") else completion
    part = {n: whole[n] * 0.3 * np.exp(0.05 * rng.standard_normal(DAYS)) for n in tokens}
    part["s"][START : START + LENGTH] *= 2
    names = {
        "total_tokens": tokens,
        "requests": requests,
        "completion_tokens": completion,
        "prompt_tokens": prompt,
        kind: part,
    }
    panel = both({m: {k: list(v) for k, v in c.items()} for m, c in names.items()})
    found = only(detect(scene(panel, "s", WINDOW, metric="total_tokens")))
    assert found.figures["parts"] == 3
    assert found.statistic.p <= 0.02


def test_what_is_missing_is_named():
    tokens, requests, completion = market()
    assert measured(tokens).reason.key == "AUD146.no_ratio"
    assert measured(tokens, requests, window="2026-01-06:2026-01-12").reason.key == "AUD146.no_base"
    few = [{n: c[n] for n in ("s", "p00", "p01")} for c in (tokens, requests, completion)]
    found = measured(*few)
    assert isinstance(found, NotApplicable)
    assert found.reason.key == "AUD146.few_peers"


def test_p_values_hold_their_level_without_a_change():
    low = [finding(*market(seed, noise=0.1)).statistic.p <= 0.1 for seed in range(60)]
    assert np.mean(low) <= 0.2  # 0.1 plus 2.6 binomial standard deviations


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-2, 1e4), weeks=st.integers(1, 30))
def test_units_and_dates_do_not_matter(factor: float, weeks: int):
    tokens, requests, _ = market(3)
    first = finding(tokens, requests).statistic
    scaled = finding({n: v * factor for n, v in tokens.items()}, requests).statistic
    assert scaled.value == pytest.approx(first.value, rel=1e-6)
    shift = pd.Timedelta(weeks=weeks)
    days = ":".join(f"{pd.Timestamp(d) + shift:%Y-%m-%d}" for d in WINDOW.split(":"))
    moved = finding(tokens, requests, window=days, start=f"{pd.Timestamp('2026-01-05') + shift:%Y-%m-%d}").statistic
    assert moved.value == pytest.approx(first.value, rel=1e-6)
    assert (moved.rank, scaled.rank) == (first.rank, first.rank)
