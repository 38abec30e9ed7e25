"""Smoothness: noise relative to what the panel's own size law predicts."""

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
from auditor.detectors.smoothness import detect
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


def scene(at: Panel, first: int = 0, last: int = DAYS - 1, subject: str = "s") -> Scene:
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


def market(seed: int = 0, n: int = 30, own: float = 0.1, slope: float = 0.0, growth: float = 0.0) -> Floats:
    """Subject with log noise `own`, peers with noise 0.1 * size ** slope; all share a week and daily shocks."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([[1.0], np.exp(np.linspace(-3, 3, n))])
    noise = np.concatenate([[own], 0.1 * sizes[1:] ** slope])
    shared = np.where(np.arange(DAYS) % 7 >= 5, -0.3, 0.0) + rng.normal(0, 0.05, DAYS)
    logs = np.log(1e9 * sizes) + shared[:, None] + growth * np.arange(DAYS)[:, None]
    return np.asarray(np.exp(logs + noise * rng.normal(size=(DAYS, n + 1))))


def test_roughness_of_a_zigzag_is_exact() -> None:
    # x alternates by +-h around its mean: every bend is 2h, so roughness is 1.4826 * 2h / sqrt(1.5); the peers zigzag with
    # five times the height, out of step with each other in pairs, so nothing is common to them.
    sign = np.where(np.arange(DAYS) % 2 == 0, 1.0, -1.0)
    other = np.where(np.arange(DAYS) // 2 % 2 == 0, 1.0, -1.0)
    columns = [np.exp(0.01 * other)] + [np.exp(0.05 * sign * flip) for flip in (1, -1) * 5]
    found, statistic = measured(scene(panel(1e9 * np.column_stack(columns))))
    assert found.figures["predicted"] == pytest.approx(1.4826 * 0.1 / np.sqrt(1.5))
    # `other` stays for two days and then jumps: each bend is h, half that of a zigzag.
    assert found.figures["roughness"] == pytest.approx(1.4826 * 0.01 / np.sqrt(1.5))
    assert statistic.value == pytest.approx(0.1)
    assert (statistic.rank, statistic.n_reference) == (1, 10)
    assert statistic.p == pytest.approx(1 / 11)


@pytest.mark.parametrize(("own", "low", "high"), [(0.1, 0.6, 1.5), (0.01, 0.05, 0.4), (0.4, 2.5, 6.0)])
def test_the_ratio_is_that_of_the_noises(own: float, low: float, high: float) -> None:
    found, statistic = measured(scene(panel(market(own=own))))
    assert low < statistic.value < high
    assert (found.severity is Severity.MEDIUM) == (own == 0.01)
    if own == 0.01:
        # Thirty noisy peers blur what is common to them, and with it the subject's own noise; the interval says so.
        assert statistic.low is not None
        assert statistic.low < 0.8 * statistic.value


def test_size_is_allowed_for_by_taylors_law() -> None:
    values = market(slope=-0.3, own=0.1)
    small = values.copy()
    small[:, 0] *= np.exp(-3)
    found, statistic = measured(scene(panel(values)))
    assert found.figures["taylor_slope"] == pytest.approx(-0.3, abs=0.1)
    assert statistic.value == pytest.approx(1.0, abs=0.4)
    _, smaller = measured(scene(panel(small)))
    assert smaller.value < 0.6 * statistic.value


def test_a_common_week_and_steady_growth_do_not_count_as_roughness() -> None:
    found, _ = measured(scene(panel(market(own=0.02, growth=0.05))))
    assert found.figures["roughness"] < 0.05


def test_rounding_neither_makes_nor_hides_smoothness() -> None:
    values = market(own=0.02)
    values[:, 0] = np.round(values[:, 0] / 5e8) * 5e8
    assert reason(scene(panel(values))) == "AUD114.rounded"
    coarse = np.maximum(np.round(market(own=0.02) / 1e9), 1) * 1e9
    assert reason(scene(panel(coarse))) == "AUD114.peers_rounded"
    constant = market()
    constant[:, 0] = 123456789.0
    found, statistic = measured(scene(panel(constant)))
    assert (statistic.value, statistic.rank, found.severity) == (0.0, 1, Severity.HIGH)


def test_reasons_why_it_cannot_run() -> None:
    values = market()
    assert reason(scene(panel(values), 0, 8)) == "AUD114.too_short"
    assert reason(scene(panel(values), 3, 3)) == "AUD114.too_short"
    assert reason(scene(panel(values[:, :6]))) == "AUD114.few_peers"
    assert reason(scene(panel(values[:, :1]))) == "AUD114.few_peers"


def test_gaps_zeros_and_placeholders_are_survived() -> None:
    values = np.column_stack([market(), np.zeros(DAYS), np.full(DAYS, 5e8)])
    values[10, 0] = np.nan
    values[20:30, 3] = np.nan
    found, statistic = measured(scene(panel(values)))
    assert statistic.n_reference == 29  # neither the placeholders nor the peer with the long gap
    assert found.figures["periods"] == DAYS - 1
    assert reason(scene(panel(values), subject="m30")) == "AUD114.too_short"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), scale=st.sampled_from([0.25, 7.0, 1e6]), weeks=st.integers(1, 60))
def test_units_order_dates_and_a_constant_stranger_do_not_matter(seed: int, scale: float, weeks: int) -> None:
    values = market(seed)
    _, plain = measured(scene(panel(values)))
    names = ["s", *(f"x{i}" for i in np.random.default_rng(seed).permutation(30))]
    start = str(pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=weeks))
    _, moved = measured(scene(panel(values * scale, start, names)))
    _, joined = measured(scene(panel(np.column_stack([values, np.full(DAYS, 1e-3)]))))
    for again in (moved, joined):
        assert again.value == pytest.approx(plain.value)
        assert (again.rank, again.n_reference) == (plain.rank, plain.n_reference)


@pytest.mark.shared
def test_real_windows_hold_the_level_and_the_founding_case_is_rough(shared: Path) -> None:
    def real(name: str) -> Panel:
        raw = pd.read_csv(shared / "openrouter" / name, parse_dates=["date"])
        raw = raw.rename(columns={"model_permaslug": "entity", "total_tokens": "value"}).assign(metric="tokens")
        return Panel.of(Observations(raw, Frequency.DAY))

    ids = ("qwen/qwen3.6-plus-preview:free", "qwen/qwen3.6-plus-04-02:free", "qwen/qwen3.6-plus-04-02")
    window = Window(datetime(2026, 3, 30), datetime(2026, 4, 8))
    founding = resolve(real("rankings_daily_2026-03-16_2026-04-25.csv"), Case(subject=ids, window=window))
    found, statistic = measured(founding)
    assert statistic.value > 3
    assert found.severity is Severity.INFO

    at = real("rankings_daily_2025-12-01_2026-07-05.csv")
    table = at.table()
    ps = []
    for first in (28, 84, 140):
        for column in np.flatnonzero(np.isfinite(table.values[first : first + 28]).all(axis=0)):
            _, statistic = measured(scene(at, first, first + 27, table.entities[int(column)]))
            assert statistic.p is not None
            ps.append(statistic.p)
    assert np.mean(np.asarray(ps) <= 0.05) <= 0.08
