"""Simulated composition adds up to the real totals, and shows what its mix says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auditor.calibration.composition import Habits, compose, wander
from auditor.calibration.market import Market, Mix, add, cut, surge_layer
from auditor.calibration.proxies import proxies
from tests.calibration.test_injections import base


def market(mix: Mix | None = None, *, size: float = 3.0, seen: float = 0.0, seed: int = 0) -> Market:
    made = base()
    plain = cut(made, (made.entities[2],), 60, 74)
    if mix is None:
        return plain
    amounts = np.zeros(plain.rows)
    amounts[plain.window] = size * float(np.nanmedian(plain.values[plain.window, plain.column]))
    return add(plain, amounts, mix, np.random.default_rng(seed), seen=seen)


def test_prompt_and_completion_add_up_to_the_total_exactly() -> None:
    m = market(Mix(1.0, -1.0))
    sheets = compose(m, np.random.default_rng(1))
    added = sheets["prompt_tokens"].values + sheets["completion_tokens"].values
    np.testing.assert_array_equal(added, m.values)
    assert (sheets["completion_tokens"].values[np.isfinite(m.values)] >= 0).all()
    assert (sheets["prompt_tokens"].values[np.isfinite(m.values)] >= 0).all()


def test_applications_never_exceed_the_platform_and_at_most_twenty_are_listed() -> None:
    m = market(Mix(app="one"), size=20.0)
    apps = compose(m, np.random.default_rng(1))["app_tokens"].values
    assert (np.nansum(apps, axis=1) <= m.total).all()
    assert np.isfinite(apps).sum(axis=1).max() <= 20


@pytest.mark.parametrize("shift", [-1.5, 1.5])
def test_tokens_per_request_of_the_window_move_as_the_mix_says(shift: float) -> None:
    moves = []
    for seed in range(20):
        m = market(Mix(tokens_per_request=shift), size=1e3)
        requests = compose(m, np.random.default_rng(seed))["requests"].values[:, m.column]
        ratio = np.log(m.values[:, m.column] / requests)
        moves.append(np.median(ratio[m.window]) - np.median(ratio[: m.window.start]))
    assert np.median(moves) == pytest.approx(shift, abs=0.2)


def test_padding_without_requests_adds_none() -> None:
    with_requests, without = (
        compose(market(Mix(requests=r)), np.random.default_rng(2))["requests"].values for r in (True, False)
    )
    m = market(Mix())
    inside = m.window
    assert without[inside, m.column].sum() < 0.5 * with_requests[inside, m.column].sum()
    np.testing.assert_array_equal(np.delete(without, m.column, axis=1), np.delete(with_requests, m.column, axis=1))


def test_one_application_carries_what_comes_through_one() -> None:
    m = market(Mix(app="one"), size=5.0)
    apps = np.nan_to_num(compose(m, np.random.default_rng(3))["app_tokens"].values)
    rise = apps[m.window].mean(axis=0) - apps[: m.window.start].mean(axis=0)
    layer = m.layers[-1].amounts[m.window].mean()
    assert rise.max() > 0.6 * layer
    quiet = market(Mix(app="none"), size=5.0)
    apps = np.nan_to_num(compose(quiet, np.random.default_rng(3))["app_tokens"].values)
    assert (apps[quiet.window].mean(axis=0) - apps[: quiet.window.start].mean(axis=0)).max() < 0.1 * layer


def test_habits_are_those_that_were_stated() -> None:
    h = Habits()
    for habit, daily, between in ((h.tokens_per_request, 0.12, 1.18), (h.completion, 0.15, 0.93)):
        drawn = wander(habit, 300, 400, np.random.default_rng(0))
        changes = np.diff(drawn, axis=0)
        spread = np.subtract(*np.quantile(changes, [0.75, 0.25])) / 1.349
        assert spread == pytest.approx(daily, abs=0.015)
        assert drawn[0].std() == pytest.approx(between, abs=0.1)


def test_a_proxy_sees_demand_and_not_what_scripts_add() -> None:
    plain = market()
    bot, users = market(Mix(), size=2.0), market(Mix(), size=2.0, seen=1.0)
    base_line, unseen, seen = (
        proxies(m, np.random.default_rng(7))["downloads"].values[:, m.column] for m in (plain, bot, users)
    )
    inside = plain.window
    np.testing.assert_allclose(
        unseen[inside] / unseen[: inside.start].mean(), base_line[inside] / base_line[: inside.start].mean(), rtol=0.02
    )
    lift = np.log(seen[inside].mean() / base_line[inside].mean())
    assert 0.4 * np.log(3) < lift < 1.05 * np.log(3)


def test_a_surge_layer_leaves_the_figures_as_they_are() -> None:
    m = market()
    named = surge_layer(m, Mix(), 0.5)
    np.testing.assert_array_equal(named.values, m.values)
    assert (named.layers[-1].amounts <= np.nan_to_num(m.values[:, m.column])).all()


@pytest.mark.shared
def test_habits_agree_with_the_published_files(shared: Path) -> None:
    """The figures that the docstring of Habits names are those of the files."""
    h = Habits()
    frame = pd.read_csv(shared / "openrouter" / "catalogue_daily_2026-06-13_2026-06-17.csv")
    wide = frame.pivot_table(index=["date", "entity"], columns="metric", values="value")
    wide = wide[wide["total_tokens"] > 3e9]
    logs = wide.assign(ratio=np.log(wide["total_tokens"] / wide["requests"])).reset_index()
    ratio = logs.pivot_table(index="date", columns="entity", values="ratio")
    assert ratio.mean().mean() == pytest.approx(h.tokens_per_request.centre, abs=0.05)
    assert ratio.mean().std() == pytest.approx(h.tokens_per_request.between, abs=0.05)
    changes = ratio.diff().to_numpy()
    spread = np.subtract(*np.nanquantile(changes, [0.75, 0.25])) / 1.349
    assert spread == pytest.approx(0.12, abs=0.01)
    apps = pd.read_csv(shared / "openrouter" / "app_rankings_daily_2026-03-28_2026-05-16.csv")
    tokens = apps[apps["metric"] == "app_tokens"].pivot_table(index="date", columns="entity", values="value")
    moves = np.diff(np.log(tokens.to_numpy()), axis=0)
    assert np.subtract(*np.nanquantile(moves, [0.75, 0.25])) / 1.349 == pytest.approx(h.app_noise, abs=0.005)
    assert tokens.notna().sum(axis=1).median() == h.shown
    panel = pd.read_csv(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv")
    total = panel.groupby("date")["total_tokens"].sum()
    listed = tokens.sum(axis=1) / total.reindex(tokens.index)
    assert listed.mean() == pytest.approx(h.listed, abs=0.01)
