"""Level against independent series: a level nobody else shows, slow growth, demand that all show, and the level of the test."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors import co_movement
from auditor.detectors.proxy_level import BETWEEN, PRIOR, _slopes, detect
from auditor.findings import Finding
from auditor.observations import Source
from auditor.texts.catalogue import catalogue
from tests.build import pd, scene
from tests.detectors.two_metrics import both, only

HERE, THERE, FORUM = (Source(n, url=f"https://{n}.example/") for n in ("platform", "registry", "forum"))
DAYS, START, LENGTH = 112, 91, 14
WINDOW = "2026-04-06:2026-04-19"  # rows 91 to 104 of a panel that begins on Monday 2026-01-05


def market(
    seed: int = 0, peers: int = 10, *, noise: float = 0.05
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Tokens that wander, and two series that follow them with elasticities of their own."""
    rng = np.random.default_rng(seed)
    tokens: dict[str, Any] = {}
    downloads: dict[str, Any] = {}
    mentions: dict[str, Any] = {}
    for i, name in enumerate(["s", *(f"p{k:02d}" for k in range(peers))]):
        demand = np.cumsum(0.08 * rng.standard_normal(DAYS))
        tokens[name] = 1e9 * (1 + i) * np.exp(demand)
        for columns, scatter in ((downloads, noise), (mentions, 2 * noise)):
            columns[name] = 1e4 * np.exp(rng.uniform(0.5, 1.0) * demand + scatter * rng.standard_normal(DAYS))
    return tokens, downloads, mentions


def measured(tokens, *others, window=WINDOW, start="2026-01-05", cards=(THERE, FORUM), params=None) -> Any:
    names = ("downloads", "mentions")[: len(others)]
    metrics = {"total_tokens": tokens, **dict(zip(names, others, strict=True))}
    sources = {"total_tokens": HERE, **dict(zip(names, cards, strict=False))}
    panel = both({m: {k: list(v) for k, v in c.items()} for m, c in metrics.items()}, sources=sources, start=start)
    return only(detect(scene(panel, "s", window, metric="total_tokens"), params or {}))


def finding(*args, **more) -> Any:
    found = measured(*args, **more)
    assert isinstance(found, Finding), catalogue().write(found.reason)
    assert all("{" not in catalogue().write(m) for m in (found.statement, *found.limits))
    return found


def drip(tokens: dict[str, Any], size: float = 1.0) -> dict[str, Any]:
    """Raise the subject a little every day for a fortnight before the window, and keep it there."""
    shape = np.zeros(DAYS)
    shape[START - 14 : START] = np.arange(1, 15) / 15
    shape[START : START + LENGTH] = 1.0
    return {**tokens, "s": tokens["s"] * (1 + size * shape)}


def test_slow_growth_that_nothing_else_shows_is_seen():
    tokens, downloads, mentions = market()
    found = finding(drip(tokens), downloads, mentions)
    assert found.statement.key == "AUD163.above"
    assert found.figures["log_excess"] == pytest.approx(np.log(2), abs=0.3)
    assert found.statistic.p <= 0.03
    # The test of the largest single rise does not see it.
    panel = both({"total_tokens": {"s": list(drip(tokens)["s"])}, "downloads": {"s": list(downloads["s"])}},
                 sources={"total_tokens": HERE, "downloads": THERE})  # fmt: skip
    assert only(co_movement.detect(scene(panel, "s", WINDOW, metric="total_tokens"))).statistic.p > 0.05


def test_demand_that_the_others_show_is_explained():
    tokens, downloads, mentions = market()
    for columns, elasticity in ((tokens, 1.0), (downloads, 0.75), (mentions, 0.75)):
        columns["s"] = columns["s"].copy()
        columns["s"][START : START + LENGTH] *= 3.0**elasticity
    found = finding(tokens, downloads, mentions)
    assert found.statement.key == "AUD163.in_line"


def test_two_series_tell_more_than_the_noisier_one():
    tokens, downloads, mentions = market(noise=0.1)
    two, one = finding(drip(tokens, 0.5), downloads, mentions), finding(drip(tokens, 0.5), mentions, cards=(FORUM,))
    assert two.figures["log_excess_error"] < one.figures["log_excess_error"]


def test_the_elasticity_is_learned_where_figures_tell_and_the_prior_where_not():
    rng = np.random.default_rng(4)
    grown = rng.normal(0, 0.5, (300, 4))
    seen = grown * 0.9 + rng.normal(0, 0.02, (300, 4))
    seen[5, 0] += 9.0  # one gross error
    slopes, uncertain = _slopes(grown, seen, 1)
    assert slopes == pytest.approx(0.9, abs=0.02)
    assert (uncertain < 0.05).all()
    nothing, wide = _slopes(np.full((300, 4), np.nan), np.full((300, 4), np.nan), 1)
    assert nothing == pytest.approx(PRIOR)
    assert (wide >= BETWEEN).all()


def test_a_short_history_uses_the_base_right_before():
    tokens, downloads, mentions = ({n: v[70:] for n, v in c.items()} for c in market(peers=30))
    found = finding(tokens, downloads, mentions, start="2026-03-16")
    assert found.figures["gap"] == 0
    assert any(limit.key == "AUD163.limit_near" for limit in found.limits)


def test_what_is_missing_is_named():
    tokens, downloads, _ = market()
    assert measured(tokens).reason.key == "AUD163.no_independent"
    assert measured(tokens, downloads, cards=(HERE,)).reason.key == "AUD163.no_independent"
    assert measured(tokens, downloads, window="2026-01-06:2026-01-12").reason.key == "AUD163.no_base"
    same = Source("platform weekly", url="https://platform.example/weekly")
    assert finding(tokens, downloads, cards=(same,)).weighs is False
    assert finding(tokens, downloads, cards=(HERE,), params={"metric": "downloads"}).weighs is True


def test_without_peers_its_own_earlier_windows_are_the_reference():
    tokens, downloads, _ = market(peers=0)
    found = finding(tokens, downloads, window="2026-04-06:2026-04-06", cards=(THERE,))
    assert any(limit.key == "AUD163.limit_no_peers" for limit in found.limits)


def test_p_values_hold_their_level_without_a_change():
    low = [finding(*market(seed)).statistic.p <= 0.1 for seed in range(60)]
    assert np.mean(low) <= 0.2  # 0.1 plus 2.6 binomial standard deviations


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-2, 1e4), weeks=st.integers(1, 30))
def test_units_and_dates_do_not_matter(factor: float, weeks: int):
    tokens, downloads, mentions = market(3)
    first = finding(tokens, downloads, mentions).statistic
    scaled = finding(tokens, {n: v * factor for n, v in downloads.items()}, mentions).statistic
    assert scaled.value == pytest.approx(first.value, rel=1e-6, abs=1e-9)
    shift = pd.Timedelta(weeks=weeks)
    days = ":".join(f"{pd.Timestamp(d) + shift:%Y-%m-%d}" for d in WINDOW.split(":"))
    moved = finding(
        tokens, downloads, mentions, window=days, start=f"{pd.Timestamp('2026-01-05') + shift:%Y-%m-%d}"
    ).statistic
    assert moved.value == pytest.approx(first.value, rel=1e-6, abs=1e-9)
