"""Plateaus: flatness against the peers' own stretches, and edges that are known or said to be unknown."""

from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.case import Case
from auditor.detectors.base import Scene
from auditor.detectors.plateau import detect
from auditor.findings import Finding, NotApplicable, Severity, Statistic, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.texts.catalogue import catalogue
from auditor.window import resolve

Floats = npt.NDArray[np.float64]
DAYS = 42


def panel(values: Floats, start: str = "2026-01-05", names: list[str] | None = None) -> Panel:
    days, n = values.shape
    dates = pd.date_range(start, periods=days)
    entity = np.tile(names or ["s", *(f"m{i}" for i in range(n - 1))], days)
    long = pd.DataFrame({"date": dates.repeat(n), "entity": entity, "metric": "n", "value": values.ravel()})
    return Panel.of(Observations(long.dropna(subset=["value"]), Frequency.DAY))


def scene(at: Panel, first: int = 14, last: int = 20, subject: str = "s") -> Scene:
    dates = at.table().dates
    window = Window(dates[first].to_pydatetime(), dates[last].to_pydatetime())
    return resolve(at, Case(subject=(subject,), window=window))


def measured(at: Scene) -> tuple[Finding, Statistic]:
    (found,) = detect(at)
    assert isinstance(found, Finding)
    assert found.statistic is not None
    assert found.statistic.reference is not None
    for message in (found.statement, found.statistic.reference, *found.limits):
        assert catalogue().write(message)
    return found, found.statistic


def reason(at: Scene) -> str:
    (found,) = detect(at)
    assert isinstance(found, NotApplicable)
    assert catalogue().write(found.reason)
    return found.reason.key


def market(seed: int = 0, n: int = 12, top: float = 0.005, height: float = 5.0, weekend: float = 0.75) -> Floats:
    """Subject 1e9 with noise 0.1, at `height` times that with noise `top` on days 14 to 20; peers with noise 0.1."""
    rng = np.random.default_rng(seed)
    week = np.where(np.arange(DAYS) % 7 >= 5, np.log(weekend), 0.0)
    logs = np.log(1e9) + rng.normal(0, 0.1, (DAYS, n + 1)) + week[:, None]
    logs[14:21, 0] = np.log(1e9 * height) + rng.normal(0, top, 7)
    return np.asarray(np.exp(logs))


def test_spread_and_edges_are_those_worked_by_hand() -> None:
    # Top: 5e9 * (1, 1.01, 1, 1.01, 1, 1.01, 1): median 0, absolute deviations 0 or log 1.01, four of seven 0: spread 0.
    # With (1, 1.01, 0.99, 1.02, 1, 1.01, 0.98) the deviations from the median log 1.00 are sorted
    # 0, 0, .00995, .00995, .01005, .0198, .0202: the median is log 1.01.
    values = market(weekend=1.0)
    values[13, 0], values[21, 0] = 1e9, 2e9
    values[14:21, 0] = 5e9 * np.array([1, 1.01, 0.99, 1.02, 1, 1.01, 0.98])
    found, statistic = measured(scene(panel(values)))
    assert found.figures["spread_raw"] == pytest.approx(1.4826 * np.log(1.01))
    assert found.figures["rise_factor"] == pytest.approx(5.0)
    assert found.figures["fall_factor"] == pytest.approx(4.9 / 2)
    assert found.figures["periods"] == 7
    assert found.variant == "on_off"
    # 42 days hold six weeks, and each of the 12 peers gives each of them.
    assert statistic.n_reference == 72


def test_a_noisy_top_is_not_flat_and_a_slow_edge_is_not_sharp() -> None:
    _, noisy = measured(scene(panel(market(top=0.1))))
    assert noisy.p is not None
    assert noisy.p > 0.1
    values = market()
    values[11:14, 0] = (1.5e9, 2.2e9, 3e9)
    found, _ = measured(scene(panel(values)))
    assert found.variant == "flat_only"
    assert found.severity is Severity.LOW


def test_a_flat_top_with_sharp_edges_is_severe() -> None:
    found, statistic = measured(scene(panel(market(n=60))))
    assert found.variant == "on_off"
    assert statistic.value < 0.2
    assert statistic.p == pytest.approx(1 / 361)  # 60 peers, six weeks each
    assert found.severity is Severity.HIGH


def test_every_stretch_of_a_peer_that_does_not_overlap_another_is_a_case() -> None:
    # 12 peers with six weeks each. That they are exchangeable enough is measured: on 1,045 real windows p <= .01 in 0.9 %.
    _, statistic = measured(scene(panel(market())))
    assert (statistic.n_reference, statistic.rank) == (72, 1)
    assert statistic.p == pytest.approx(1 / 73)


def test_the_weekend_of_the_peers_gives_neither_side_an_advantage() -> None:
    # A subject that follows the week as its peers do is as flat as a subject without a week among peers without one.
    week = np.where(np.arange(DAYS) % 7 >= 5, 0.75, 1.0)
    values = market(weekend=1.0)
    _, plain = measured(scene(panel(values)))
    _, weekly = measured(scene(panel(values * week[:, None])))
    assert weekly.value == pytest.approx(plain.value, abs=0.25)
    assert weekly.p == pytest.approx(plain.p, abs=0.05)


def test_edges_outside_the_data_are_unknown_and_below_a_cutoff_bounded() -> None:
    values = market()
    found, _ = measured(scene(panel(values[14:]), 0, 6))
    assert "AUD105.limit_edges" in [limit.key for limit in found.limits]
    assert "rise_factor" not in found.figures
    values[:14, 0] = values[21:, 0] = np.nan
    other = np.full(DAYS, 1e8)
    tiny = np.full(DAYS, 1e7) * np.exp(np.random.default_rng(1).normal(0, 0.1, DAYS))
    names = ["s", *(f"m{i}" for i in range(12)), "tiny", "other"]
    bounded, _ = measured(scene(panel(np.column_stack([values, tiny, other]), names=names)))
    assert bounded.variant == "on_off"
    assert bounded.figures["rise_factor"] > 300  # from at most the cut-off, which is `tiny`


def test_reasons_why_it_cannot_run() -> None:
    values = market()
    assert reason(scene(panel(values), 14, 17)) == "AUD105.short_top"
    assert reason(scene(panel(values[:, :1]))) == "AUD105.few_peers"
    assert reason(scene(panel(values[:, :2]))) == "AUD105.few_peers"
    coarse = values.copy()
    coarse[:, 0] = np.maximum(np.round(coarse[:, 0] / 1e9), 1) * 1e9
    assert reason(scene(panel(coarse))) == "AUD105.rounded"


def test_gaps_zeros_and_placeholders_are_survived() -> None:
    values = np.column_stack([market(), np.zeros(DAYS), np.full(DAYS, 5e8)])
    values[30, 2] = np.nan
    _, statistic = measured(scene(panel(values)))
    assert statistic.n_reference == 71  # one week of one peer has a gap; zeros and placeholders never count
    values[16, 0] = np.nan
    assert reason(scene(panel(values))) == "AUD105.short_top"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), scale=st.sampled_from([0.25, 7.0, 1e6]), weeks=st.integers(1, 60))
def test_units_order_dates_and_a_constant_stranger_do_not_matter(seed: int, scale: float, weeks: int) -> None:
    values = market(seed, top=0.03)
    _, plain = measured(scene(panel(values)))
    names = ["s", *(f"x{i}" for i in np.random.default_rng(seed).permutation(12))]
    start = str(pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=weeks))
    _, moved = measured(scene(panel(values * scale, start, names)))
    assert moved.value == pytest.approx(plain.value)
    assert (moved.rank, moved.n_reference) == (plain.rank, plain.n_reference)
    _, joined = measured(scene(panel(np.column_stack([values, np.full(DAYS, 1e-3)]))))
    assert joined.value == pytest.approx(plain.value)
    assert (joined.rank, joined.n_reference) == (plain.rank, plain.n_reference)


@pytest.mark.shared
def test_the_founding_case_has_no_plateau_and_real_windows_hold_the_level(shared: Path) -> None:
    def real(name: str) -> Panel:
        raw = pd.read_csv(shared / "openrouter" / name, parse_dates=["date"])
        raw = raw.rename(columns={"model_permaslug": "entity", "total_tokens": "value"}).assign(metric="tokens")
        return Panel.of(Observations(raw, Frequency.DAY))

    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    founding = resolve(real("rankings_daily_2026-03-16_2026-04-25.csv"), Case(subject=ids, window=window))
    assert reason(founding) == "AUD105.short_top"

    at = real("rankings_daily_2025-12-01_2026-07-05.csv")
    table = at.table()
    ps = []
    for first in (21, 77, 133):
        for column in np.flatnonzero(np.isfinite(table.values[first : first + 7]).all(axis=0)):
            (found,) = detect(scene(at, first, first + 6, table.entities[int(column)]))
            if isinstance(found, Finding) and found.statistic is not None and found.statistic.p is not None:
                ps.append(found.statistic.p)
    assert len(ps) > 80
    assert np.mean(np.asarray(ps) <= 0.05) <= 0.1
