"""What the monitor measures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.watch.level import MARGIN, RUN, WINDOW, level, relative


def organic(entities=8, days=WINDOW, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(20 + 0.15 * rng.standard_normal((days, entities)))


def test_doubling_is_seen_only_when_all_days_of_the_run_are_high():
    values = organic()
    values[-RUN + 1 :, 0] *= 2  # one day short
    short = level(values).rise[0]
    values[-RUN, 0] *= 2
    assert short < 0.25 < level(values).rise[0]


def test_rise_of_a_noiseless_series_is_exact():
    values = np.full((WINDOW, 1), 100.0)
    values[40, 0] = 130.0  # a scale to measure with
    values[-RUN:] = 250.0
    assert level(values).rise[0] == pytest.approx(np.log(2.5))


def test_a_burst_of_two_days_is_no_rise():
    values = organic()
    values[-3:-1, 0] *= 20
    assert level(values).rise[0] < MARGIN


def test_what_all_do_alike_is_taken_out():
    values = organic()
    everything = values * np.exp(np.linspace(0, 3, WINDOW))[:, None]
    everything[-RUN:] *= 5
    np.testing.assert_allclose(level(everything).rise, level(values).rise, atol=1e-9)


@settings(max_examples=25)
@given(st.floats(1e-3, 1e6), st.integers(0, 50))
def test_unit_of_the_metric_does_not_matter(scale, seed):
    values = organic(seed=seed)
    np.testing.assert_allclose(level(values * scale).score, level(values).score, atol=2e-4)


def test_order_of_entities_does_not_matter():
    values = organic()
    order = np.random.default_rng(1).permutation(values.shape[1])
    np.testing.assert_array_equal(level(values[:, order]).score, level(values).score[order])


def test_longer_past_than_the_window_changes_nothing():
    values = organic(days=WINDOW + 50)
    np.testing.assert_array_equal(level(values).score, level(values[-WINDOW:]).score)


def test_noisy_entity_is_measured_with_a_longer_ruler():
    values = organic()
    rng = np.random.default_rng(5)
    values[:-RUN, 1] = np.exp(20 + 0.6 * rng.standard_normal(WINDOW - RUN))
    for j in (0, 1):
        values[-RUN:, j] = 2.5 * np.median(values[-32:-RUN, j])
    measured = level(values)
    assert measured.score[1] < measured.score[0]


@pytest.mark.parametrize("days", [1, 3, 4, 5, 20, 40])
def test_short_past_gives_no_score(days):
    assert np.isnan(level(organic(days=days)).score).all()


def test_missing_day_in_the_run_gives_no_score_and_zero_is_not_a_value():
    values = organic()
    values[-2, 0] = np.nan
    values[-2, 1] = 0.0
    assert np.isnan(level(values).score[:2]).all()
    assert np.isfinite(level(values).score[2:]).all()


def test_relative_needs_peers():
    values = np.exp(np.linspace(0, 1, 10))[:, None]
    np.testing.assert_allclose(relative(values)[:, 0], np.linspace(0, 1, 10), atol=1e-12)
