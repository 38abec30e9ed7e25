"""Robust scales and the seasonal profile."""

import numpy as np
import pytest

from auditor.errors import UsageError
from auditor.kernels.robust import (
    huber_location,
    huber_weights,
    long_run_variance,
    mad_scale,
    median,
    robust_ar1,
    running_median,
)
from auditor.kernels.seasonal import fit_seasonal
from benchmarks.changepoints.simulate import ar1_noise


def test_mad_known_answer_and_holes() -> None:
    assert mad_scale(np.array([1.0, 2.0, 3.0, 4.0, 100.0])) == pytest.approx(1.4826)
    assert mad_scale(np.array([1.0, np.nan, 2.0, 3.0])) == pytest.approx(1.4826)
    assert np.isnan(mad_scale(np.array([np.nan])))
    assert mad_scale(np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), axis=1) == pytest.approx([1.4826, 0.0])


def test_huber() -> None:
    assert huber_weights(np.array([0.0, 1.345, -2.69])) == pytest.approx([1.0, 1.0, 0.5])
    assert huber_location(np.array([0.0, 1.0, 2.0, 1e9])) < 3.0
    assert huber_location(np.array([5.0, 5.0, 5.0, 9.0])) == 5.0
    assert np.isnan(huber_location(np.array([np.nan])))


def test_running_median_known_answer() -> None:
    assert running_median(np.array([1.0, 9.0, 2.0, 3.0, 8.0]), 1) == pytest.approx([9.0, 2.0, 3.0, 3.0, 3.0])
    assert running_median(np.array([1.0, 5.0, 2.0]), 4) == pytest.approx([2.0, 2.0, 2.0])


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_robust_ar1_is_not_fooled_by_shifts(phi: float) -> None:
    rng = np.random.default_rng([int(10 * phi)])
    y = ar1_noise(rng, 20_000, phi, heavy=False)[:, 0]
    shifted = y + np.repeat(rng.normal(0, 3, 20), 1000)
    plain = np.corrcoef(shifted[1:], shifted[:-1])[0, 1]
    assert robust_ar1(shifted) == pytest.approx(phi, abs=0.15)
    assert plain > 0.9
    assert robust_ar1(np.ones(3)) == 0.0


def test_long_run_variance_of_ar1_noise() -> None:
    y = ar1_noise(np.random.default_rng(1), 20_000, 0.5, heavy=False)[:, 0]
    assert long_run_variance(y, lags=60) == pytest.approx(0.01 / 0.25, rel=0.15)
    assert np.isnan(long_run_variance(np.array([1.0])))


def test_profile_survives_a_shift_an_outlier_and_holes() -> None:
    rng = np.random.default_rng(2)
    profile = np.array([0.1, 0.1, 0.1, 0.1, 0.0, -0.2, -0.2])
    y = np.tile(profile, 20) + 0.02 * rng.standard_normal(140)
    y[70:] += 3.0
    y[33] += 50.0
    y[[5, 6, 90]] = np.nan
    model = fit_seasonal(y)
    assert model.supported
    assert model.profile == pytest.approx(profile, abs=0.02)
    assert np.isnan(model.adjusted[[5, 6, 90]]).all()
    assert model.drift < 3.0


def test_drifting_season_is_flagged() -> None:
    rng = np.random.default_rng(3)
    strength = np.linspace(0.0, 2.0, 140)
    y = strength * np.tile([0.1, 0.1, 0.1, 0.1, 0.0, -0.2, -0.2], 20) + 0.02 * rng.standard_normal(140)
    assert fit_seasonal(y).drift > 3.0


def test_white_noise_supports_no_profile() -> None:
    rng = np.random.default_rng(4)
    assert sum(fit_seasonal(rng.standard_normal(n)).supported for n in (28, 60, 140, 365) for _ in range(10)) <= 4


def test_short_series_has_no_profile_and_misuse_is_named() -> None:
    assert not fit_seasonal(np.arange(10.0)).supported
    with pytest.raises(UsageError, match="period of 2"):
        fit_seasonal(np.arange(30.0), period=1)


@pytest.mark.parametrize("profile", [[1.0, -1.0], [0.0, 1.0, 0.0, -1.0], [3.0, 0.0, 0.0, -1.0, -1.0, -1.0]])
def test_an_even_period_leans_to_no_phase(profile: list[float]) -> None:
    y = np.tile(profile, 12)
    model = fit_seasonal(y, period=len(profile))
    assert model.profile == pytest.approx(profile)
    assert np.ptp(model.adjusted) == pytest.approx(0.0, abs=1e-12)
    shifted = y + np.repeat([0.0, 5.0], y.size // 2)
    assert fit_seasonal(shifted, period=len(profile)).profile == pytest.approx(profile)


def test_a_median_without_checks_is_the_median() -> None:
    rng = np.random.default_rng(6)
    for n in (1, 2, 5, 8, 31):
        x = rng.integers(0, 4, n).astype(float)
        assert median(x) == np.median(x)


def test_a_running_median_of_nine_is_that_of_sorting() -> None:
    x = np.random.default_rng(7).integers(0, 9, 200).astype(float)
    padded = np.concatenate([x[4:0:-1], x, x[-2:-6:-1]])
    assert running_median(x, 4).tolist() == [float(np.median(padded[i : i + 9])) for i in range(200)]
