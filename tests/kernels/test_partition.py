"""The dynamic programme against exhaustive search and against a named peer; the noise model against statsmodels."""

from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest

from auditor.kernels.noise import Whitener, clean_innovations, fit_noise, slope_in_phi, t_deviance
from auditor.kernels.partition import Partition, optimal_partition

Floats = npt.NDArray[np.float64]


def segment_cost(y: Floats, times: Floats, phi: float, trend: bool) -> float:
    """Least squares on the exact covariance of stationary AR(1) noise."""
    cov = phi ** np.abs(times[:, None] - times[None, :]) / (1 - phi**2)
    root = np.linalg.cholesky(np.linalg.inv(cov)).T
    x = np.column_stack([np.ones_like(times), times]) if trend else np.ones((times.size, 1))
    beta = np.linalg.lstsq(root @ x, root @ y, rcond=None)[0]
    return float(np.sum((root @ (y - x @ beta)) ** 2))


@pytest.mark.parametrize("trend", [False, True])
@pytest.mark.parametrize("phi", [0.0, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_equals_exhaustive_search_on_gappy_series(seed: int, phi: float, trend: bool) -> None:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(24, 16, replace=False)).astype(float)
    y = rng.standard_normal(16) + 3.0 * (times > 12)
    found = optimal_partition(y, times, Whitener.of(times, phi), 4.0, min_length=3, trend=trend)

    def total(changes: tuple[int, ...]) -> float:
        edges = [0, *changes, 16]
        if any(b - a < 3 for a, b in pairwise(edges)):
            return np.inf
        return 4.0 * len(changes) + sum(segment_cost(y[a:b], times[a:b], phi, trend) for a, b in pairwise(edges))

    best = min((c for k in range(5) for c in combinations(range(3, 14), k)), key=total)
    assert total(found) == pytest.approx(total(best), abs=1e-8)
    assert found == best


def test_equals_ruptures_on_white_noise() -> None:
    import ruptures

    rng = np.random.default_rng(7)
    y = np.repeat(rng.normal(0, 2, 6), 30) + rng.standard_normal(180)
    times = np.arange(180.0)
    found = optimal_partition(y, times, Whitener.of(times, 0.0), 12.0, min_length=5)
    theirs = ruptures.Dynp(model="l2", min_size=5, jump=1).fit(y).predict(n_bkps=len(found))
    assert list(found) == theirs[:-1]


def test_blocks_do_not_matter_and_coarse_grids_stay_close() -> None:
    rng = np.random.default_rng(8)
    y = np.repeat([0.0, 4.0, 1.0], 150) + rng.standard_normal(450)
    times = np.arange(450.0)
    whitener = Whitener.of(times, 0.25)
    exact = optimal_partition(y, times, whitener, 15.0, min_length=5, max_candidates=1000)
    coarse = optimal_partition(y, times, whitener, 15.0, min_length=5, max_candidates=100)
    assert exact == (150, 300)
    assert all(abs(a - b) <= 5 for a, b in zip(exact, coarse, strict=True))


def test_regression_agrees_with_statsmodels_on_normal_noise() -> None:
    from statsmodels.regression.linear_model import GLSAR

    rng = np.random.default_rng(9)
    e = rng.standard_normal(400)
    noise = np.zeros(400)
    for t in range(1, 400):
        noise[t] = 0.5 * noise[t - 1] + e[t]
    x = np.column_stack([np.ones(400), np.arange(400) / 400])
    y = x @ [1.0, 2.0] + noise
    fit = fit_noise(y, x, Whitener.of(np.arange(400.0), 0.5), dof=1e6)
    model = GLSAR(y, x, rho=[0.5])
    assert fit.coefficients == pytest.approx(model.fit().params, abs=0.02)
    assert fit.sigma == pytest.approx(1.0, abs=0.1)


def test_whitening_over_a_gap_uses_the_power_of_the_coefficient() -> None:
    whitener = Whitener.of(np.array([0.0, 1.0, 4.0]), 0.5)
    out = whitener.apply(np.array([2.0, 3.0, 1.0]))
    variance = (1 - 0.5**6) / (1 - 0.25)
    assert out == pytest.approx([2.0 * np.sqrt(0.75), 3.0 - 1.0, (1.0 - 0.125 * 3.0) / np.sqrt(variance)])


def test_cleaning_removes_a_wild_day_and_keeps_a_step() -> None:
    rng = np.random.default_rng(10)
    times = np.arange(120.0)
    y = 0.1 * rng.standard_normal(120) + np.where(times >= 60, 1.0, 0.0)
    wild = y.copy()
    wild[30] += 10.0
    cleaned, sigma = clean_innovations(wild, Whitener.of(times, 0.0))
    assert sigma == pytest.approx(0.1, rel=0.4)
    assert abs(cleaned[30]) < 0.6
    assert np.median(cleaned[60:]) - np.median(cleaned[:60]) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("phi", [0.0, 0.25, 0.7])
def test_the_slope_in_phi_is_that_of_the_deviance(phi: float) -> None:
    rng = np.random.default_rng(9)
    times = np.delete(np.arange(300.0), [20, 21, 100])
    y = rng.standard_normal(times.size).cumsum() * 0.02 + rng.standard_normal(times.size)
    ones = np.ones((times.size, 1))
    fit = fit_noise(y, ones, Whitener.of(times, phi), dof=5.0, steps=60)
    errors = y - ones @ fit.coefficients

    def held(at: float) -> float:
        whitener = Whitener.of(times, at)
        return float(t_deviance(whitener.apply(errors), fit.sigma, 5.0).sum()) + whitener.log_jacobian

    slope, bend = slope_in_phi(fit, errors, Whitener.of(times, phi), 5.0)
    h = 1e-5
    ahead = (held(phi + h) - held(phi)) / h if phi == 0.0 else (held(phi + h) - held(phi - h)) / (2 * h)
    assert slope == pytest.approx(ahead, rel=1e-2, abs=0.05)
    assert bend > 0.0


def test_one_programme_serves_several_prices_and_both_kinds() -> None:
    rng = np.random.default_rng(10)
    y = rng.standard_normal(400) * 0.3 + np.repeat([0.0, 1.0, -1.0, 0.5], 100)
    times = np.arange(400.0)
    whitener = Whitener.of(times, 0.25)
    kept = Partition(y, times, whitener)
    for trend, price, least in ((True, 3.0, 30), (False, 3.0, 5), (False, 0.3, 5), (True, 0.5, 12)):
        fresh = optimal_partition(y, times, whitener, price, min_length=least, trend=trend)
        assert kept.changes(price, min_length=least, trend=trend) == fresh
    assert kept.changes(3.0, min_length=5, trend=False)
