"""Injected volume has the size, the place and the shape that it is said to have, and the market's total grows by it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.calibration import injections
from auditor.calibration.bases import Base
from auditor.calibration.market import Mix, add, cut
from auditor.errors import UsageError
from auditor.observations import Frequency, Source


def base(*, days: int = 120, entities: int = 12, seed: int = 5, listed: int = 10) -> Base:
    """Make a small leaderboard of which only the largest are listed."""
    rng = np.random.default_rng(seed)
    level = np.exp(np.concatenate([np.linspace(23, 20, entities - 4), np.full(4, 19.5)]))
    values = np.round(level * np.exp(0.1 * rng.standard_normal((days, entities))))
    rank = np.argsort(np.argsort(-values, axis=1), axis=1)
    other = np.where(rank < listed, 0.0, values).sum(axis=1) + 1e9
    names = tuple(f"maker/model-{i:02d}" for i in range(entities))
    dates = pd.date_range("2026-01-05", periods=days, freq="D")
    shown = np.where(rank < listed, values, np.nan)
    return Base("test", "total_tokens", Frequency.DAY, dates, names, shown, other, Source("test"))


def ground(magnitude: float = 1.0, days: int = 14, seed: int = 3) -> injections.Ground:
    made = base(seed=seed)
    subject = 3
    others = np.delete(made.values, subject, axis=1)
    profile = injections.weekday_profile(made.total, 7)
    return injections.Ground(made.values[:, subject], others, profile, slice(60, 60 + days), magnitude)


@pytest.mark.parametrize("name", sorted({*injections.SHAPES, "batch"} - {"top_up"}))
@given(magnitude=st.floats(0.05, 4.0), days=st.integers(1, 28), seed=st.integers(0, 2**20))
@settings(max_examples=15, deadline=None)
def test_mean_over_the_window_is_the_magnitude_times_the_ordinary_level(
    name: str, magnitude: float, days: int, seed: int
) -> None:
    g = ground(magnitude, days)
    shape = injections.batch if name == "batch" else injections.SHAPES[name]
    amounts = shape(g, np.random.default_rng(seed))
    assert amounts.shape == g.ordinary.shape
    assert (amounts >= 0).all()
    assert amounts[g.window].mean() == pytest.approx(magnitude * g.level, rel=1e-9)
    assert not amounts[g.window.stop :].any()
    if name != "slow_drip":
        assert not amounts[: g.window.start].any()


def test_top_up_overtakes_the_holder_of_a_rank_by_one_to_five_percent() -> None:
    made = base()
    subject = 5
    others = np.delete(made.values, subject, axis=1)
    g = injections.Ground(made.values[:, subject], others, np.ones(120), slice(60, 74), 1.0)
    reached = g.ordinary + injections.top_up(g, np.random.default_rng(1))
    ranked = -np.sort(-np.where(np.isfinite(others), others, 0.0), axis=1)
    inside = slice(60, 74)
    margins = [reached[inside] / ranked[inside, k] for k in range(6)]
    assert any(((m >= 1.01) & (m <= 1.05 + 1e-9)).mean() > 0.9 for m in margins)


def test_flat_bot_has_no_weekend_and_profile_copy_has_the_platforms() -> None:
    season = np.tile([1.1, 1.1, 1.1, 1.1, 1.1, 0.75, 0.75], 20)
    g = injections.Ground(np.full(140, 1e9), np.full((140, 3), 1e9), season, slice(70, 98), 1.0)
    weekend = np.tile([0, 0, 0, 0, 0, 1, 1], 20).astype(bool)[70:98]

    def dip(name: str) -> float:
        made = [injections.SHAPES[name](g, np.random.default_rng(s))[g.window] for s in range(40)]
        return float(np.mean([m[weekend].mean() / m[~weekend].mean() for m in made]))

    assert dip("flat_bot") == pytest.approx(1.0, abs=0.02)
    assert dip("profile_copy") == pytest.approx(0.75 / 1.1, abs=0.05)


def test_on_off_is_off_on_some_days_and_ramp_rises() -> None:
    g = ground(1.0, 14)
    switched = injections.on_off(g, np.random.default_rng(0))[g.window]
    assert (switched == 0).any()
    assert (switched > 0).any()
    rising = injections.scripted_ramp(g, np.random.default_rng(0))[g.window]
    assert np.corrcoef(rising, np.arange(14))[0, 1] > 0.8


def test_slow_drip_has_no_step() -> None:
    g = ground(1.0, 14)
    amounts = injections.slow_drip(g, np.random.default_rng(0))
    begun = np.flatnonzero(amounts)[0]
    assert begun <= g.window.start - 10
    assert np.abs(np.diff(amounts[begun:60])).max() < 0.35 * g.level


def test_replay_repeats_an_earlier_stretch_in_proportion() -> None:
    g = ground(1.0, 7)
    amounts = injections.replay(g, np.random.default_rng(4))[g.window]
    ratios = [
        amounts / g.ordinary[s : s + 7]
        for s in range(g.window.start - 7 + 1)
        if np.isfinite(g.ordinary[s : s + 7]).all()
    ]
    assert min(r.std() / r.mean() for r in ratios) < 1e-12


def test_an_injection_needs_an_ordinary_volume() -> None:
    g = injections.Ground(np.full(30, np.nan), np.ones((30, 2)), np.ones(30), slice(10, 12), 1.0)
    with pytest.raises(UsageError, match="ordinary volume"):
        injections.flat_bot(g, np.random.default_rng(0))


@given(seed=st.integers(0, 2**20), which=st.integers(0, 11), size=st.floats(1e3, 1e11))
@settings(max_examples=60, deadline=None)
def test_total_grows_by_exactly_what_was_added(seed: int, which: int, size: float) -> None:
    made = base()
    name = made.entities[which]
    market = cut(made, (name,), 60, 74)
    amounts = np.zeros(market.rows)
    amounts[market.window] = size
    after = add(market, amounts, Mix(), np.random.default_rng(seed))
    np.testing.assert_allclose(after.total - market.total, np.round(amounts), rtol=0, atol=0.1)
    listed = np.isfinite(market.values).sum(axis=1)
    np.testing.assert_array_equal(np.isfinite(after.values).sum(axis=1), listed)
    own = market.values[:, market.column]
    np.testing.assert_array_equal(
        after.values[np.isfinite(own), market.column], (own + np.round(amounts))[np.isfinite(own)]
    )


def test_what_leaves_the_list_goes_into_the_remainder() -> None:
    made = base()
    hidden = int(np.flatnonzero(~np.isfinite(made.values[60]))[0])
    market = cut(made, (made.entities[hidden],), 60, 61)
    t = market.window.start
    amounts = np.zeros(market.rows)
    amounts[t] = 1e12
    after = add(market, amounts, Mix(), np.random.default_rng(0))
    gone = np.flatnonzero(np.isfinite(market.values[t]) & ~np.isfinite(after.values[t]))
    assert gone.size == 1
    assert market.values[t, gone[0]] == np.nanmin(market.values[t])
    below = after.values[t, market.column] - 1e12
    assert after.other[t] == market.other[t] + market.values[t, gone[0]] - below


def test_negative_amounts_are_refused() -> None:
    market = cut(base(), ("maker/model-00",), 60, 61)
    with pytest.raises(UsageError, match="none below zero"):
        add(market, np.full(market.rows, -1.0), Mix(), np.random.default_rng(0))
