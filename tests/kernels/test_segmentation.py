"""Segmentation: known answers, invariants, and its promises on noise."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.kernels.penalties import (
    SegmentationParams,
    level_penalty,
    min_level_segment,
    min_trend_segment,
    trend_penalty,
)
from auditor.kernels.segmentation import segment
from benchmarks.changepoints.simulate import WEEKDAYS, usage

Floats = npt.NDArray[np.float64]


def step_series(seed: int = 0, n: int = 90, at: int = 45, phi: float = 0.5) -> Floats:
    return usage(np.random.default_rng(seed), n, phi, shape="flat").values + np.where(
        np.arange(n) >= at, np.log(2.0), 0.0
    )


def test_exact_step_is_dated_to_the_sample_with_its_levels() -> None:
    result = segment([1.0] * 20 + [3.0] * 20, period=None)
    assert result.breaks == (20,)
    assert result.levels == pytest.approx([1.0, 3.0], abs=1e-6)
    assert result.changes[0].jump == pytest.approx(2.0, abs=1e-6)
    assert result.changes[0].interval == (20, 20)


def test_two_changes_in_white_noise() -> None:
    rng = np.random.default_rng(4)
    y = np.repeat([0.0, 2.0, -1.0], 40) + 0.2 * rng.standard_normal(120)
    result = segment(y, period=None)
    assert result.breaks == (40, 80)
    assert result.levels == pytest.approx([0.0, 2.0, -1.0], abs=0.15)
    assert result.phi <= 0.25
    assert all(change.score > result.penalty for change in result.changes)


def test_step_under_weekdays_and_ar_noise() -> None:
    result = segment(step_series(seed=1))
    assert result.breaks == (45,)
    low, high = result.changes[0].interval
    assert low <= 45 <= high
    assert result.changes[0].jump == pytest.approx(np.log(2.0), abs=0.25)


def test_weekday_profile_is_recovered_from_the_first_sample_on() -> None:
    n = 140
    y = 5.0 + np.tile(WEEKDAYS, n // 7) + 0.03 * np.random.default_rng(2).standard_normal(n)
    result = segment(y)
    assert result.breaks == ()
    assert result.seasonal[:7] == pytest.approx(WEEKDAYS - WEEKDAYS.mean(), abs=0.02)


def test_no_profile_without_a_season() -> None:
    y = 0.1 * np.random.default_rng(3).standard_normal(140)
    assert np.all(segment(y).seasonal == 0.0)


def test_week_long_spike_is_two_breaks_and_one_episode() -> None:
    truth = usage(np.random.default_rng(5), 120, 0.5, shape="spike")
    result = segment(truth.values)
    assert result.breaks == truth.changes
    assert [(e.start, e.end) for e in result.episodes] == [truth.changes]
    assert result.episodes[0].fold == pytest.approx(3.0, rel=0.35)


@pytest.mark.parametrize("days", [1, 2, 3])
def test_short_spike_is_an_episode_and_no_break(days: int) -> None:
    y = usage(np.random.default_rng(6), 120, 0.5).values
    y[60 : 60 + days] += np.log(4.0)
    result = segment(y)
    assert result.breaks == ()
    assert [(e.start, e.end) for e in result.episodes] == [(60, 60 + days)]
    assert result.episodes[0].fold == pytest.approx(4.0, rel=0.35)


@pytest.mark.parametrize("seed", range(6))
def test_a_clean_launch_ramp_has_no_break(seed: int) -> None:
    truth = usage(np.random.default_rng([9, seed]), 120, 0.5, shape="ramp")
    result = segment(truth.values)
    assert result.breaks == ()


def test_a_launch_ramp_is_described() -> None:
    rng = np.random.default_rng(9)
    y = 20.0 - 3.0 * np.clip(1.0 - np.arange(120) / 14, 0.0, 1.0) + 0.05 * rng.standard_normal(120)
    result = segment(y)
    assert result.model == "ramp"
    assert result.breaks == ()
    assert result.ramp is not None
    assert (result.ramp.start, result.ramp.kind) == (0, "linear")
    assert abs(result.ramp.end - 14) <= 1
    assert result.ramp.rise == pytest.approx(3.0, abs=0.2)
    assert result.levels == pytest.approx([20.0], abs=0.05)


def test_a_step_after_a_launch_ramp_is_found() -> None:
    truth = usage(np.random.default_rng(10), 150, 0.5, shape="ramp")
    y = truth.values + np.where(np.arange(150) >= 90, np.log(2.0), 0.0)
    result = segment(y)
    assert result.model == "ramp"
    assert result.breaks == (90,)


def test_one_wild_day_is_no_break() -> None:
    y = usage(np.random.default_rng(11), 90, 0.5).values
    y[40] += 8.0
    assert segment(y).breaks == ()


def test_missing_days_are_skipped_and_never_filled() -> None:
    y = step_series(seed=12)
    y[[3, 4, 20, 44, 60, 61, 62]] = np.nan
    result = segment(y)
    assert result.breaks == (45,)
    assert np.isnan(result.residuals[[3, 4, 20, 44, 60, 61, 62]]).all()
    assert np.isfinite(result.fitted).all()


def test_a_break_in_a_hole_is_dated_to_the_first_observed_day_after_it() -> None:
    y = step_series(seed=13)
    y[42:49] = np.nan
    assert segment(y).breaks == (49,)


def test_censored_days_count_as_unobserved_not_as_zero() -> None:
    y = step_series(seed=14, at=200)
    lower, upper = y.copy(), y.copy()
    lower[30:37], upper[30:37], y[30:37] = 0.0, 12.0, 0.0
    result = segment(y, lower=lower, upper=upper)
    assert result.breaks == ()
    assert np.isnan(result.residuals[30:37]).all()


@given(
    seed=st.integers(0, 30),
    factor=st.floats(1e-6, 1e6, allow_nan=False),
    shift=st.floats(-1e4, 1e4, allow_nan=False),
)
@settings(max_examples=15, deadline=None)
def test_units_do_not_matter(seed: int, factor: float, shift: float) -> None:
    y = step_series(seed=seed, n=70, at=35)
    # Multiplying raw counts adds a constant to their logarithms; other units multiply.
    assert segment(y + shift).breaks == segment(y).breaks
    assert segment(y * factor).breaks == segment(y).breaks


@given(seed=st.integers(0, 20), weeks=st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_unobserved_weeks_in_front_move_dates_by_whole_weeks(seed: int, weeks: int) -> None:
    y = step_series(seed=seed, n=84, at=40)
    later = segment(np.concatenate([np.full(7 * weeks, np.nan), y]))
    assert tuple(index - 7 * weeks for index in later.breaks) == segment(y).breaks


@pytest.mark.parametrize("seed", range(5))
def test_reversed_time_gives_mirrored_dates_of_a_large_step(seed: int) -> None:
    y = np.where(np.arange(80) >= 30, 2.0, 0.0) + 0.1 * np.random.default_rng(seed).standard_normal(80)
    assert segment(y, period=None).breaks == (30,)
    assert segment(y[::-1], period=None).breaks == (50,)


def test_same_input_same_result() -> None:
    y = step_series(seed=15)
    one, other = segment(y), segment(y)
    assert one.changes == other.changes
    assert one.fitted.tobytes() == other.fitted.tobytes()


def test_input_is_not_changed() -> None:
    y = step_series(seed=16)
    kept = y.copy()
    segment(y, lower=y - 1, upper=y)
    assert np.array_equal(y, kept)


@pytest.mark.parametrize("y", [[], [1.0], [1.0] * 7, [np.nan] * 50, [2.0] * 50])
def test_too_short_empty_or_constant_series_say_nothing(y: list[float]) -> None:
    result = segment(y)
    assert result.model == "none"
    assert result.breaks == ()
    assert result.fitted.size == len(y)


def test_misuse_is_named() -> None:
    with pytest.raises(UsageError, match="one dimension"):
        segment(np.zeros((3, 3)))
    with pytest.raises(UsageError, match="sample 2 is infinite"):
        segment([1.0, 2.0, -np.inf, 3.0])
    with pytest.raises(UsageError, match="bounds"):
        segment(np.arange(20.0), lower=np.zeros(3), upper=np.ones(3))


def test_a_smooth_stochastic_trend_is_not_a_chain_of_changes() -> None:
    drift = 0.01 * np.cumsum(np.random.default_rng(17).standard_normal(300))
    result = segment(np.cumsum(1.0 + drift), period=None)
    assert result.model == "integrated"
    assert result.breaks == ()


def test_penalties_exceed_the_information_criterion_and_fade_towards_it() -> None:
    sizes = np.array([30, 100, 1000, 10_000])
    for penalty, parameters in ((level_penalty, 2), (trend_penalty, 3)):
        extra = np.array([penalty(int(n)) - parameters * np.log(n) for n in sizes])
        assert (extra > 0).all()
        assert (np.diff(extra) < 0).all()
    assert [min_level_segment(n) for n in (12, 20, 400)] == [3, 5, 5]
    assert [min_trend_segment(n) for n in (30, 150, 600)] == [7, 10, 40]


def test_a_higher_penalty_finds_no_more() -> None:
    y = step_series(seed=18)
    assert segment(y, params=SegmentationParams(penalty_scale=100.0)).breaks == ()


@pytest.mark.parametrize(("phi", "heavy"), [(0.0, False), (0.5, True), (0.8, False), (0.9, True)])
def test_few_false_alarms(phi: float, heavy: bool) -> None:
    rng = np.random.default_rng([60, int(10 * phi), heavy])
    alarms = sum(bool(segment(usage(rng, 60, phi, heavy=heavy).values).breaks) for _ in range(40))
    # With a true rate of 5 % the chance of more than 5 in 40 is 1.4 %; the seed is fixed.
    assert alarms <= 5


def test_steps_and_spikes_are_hit() -> None:
    rng = np.random.default_rng(61)
    for shape in ("step", "spike"):
        hits = 0
        for _ in range(20):
            truth = usage(rng, 90, 0.5, shape=shape)
            found = segment(truth.values).breaks
            hits += all(any(abs(index - change) <= 2 for index in found) for change in truth.changes)
        assert hits >= 19


@pytest.mark.parametrize(("shape", "least"), [("step", 17), ("spike", 19)])
def test_a_month_is_enough_for_a_doubling_or_a_threefold_week(shape: str, least: int) -> None:
    rng = np.random.default_rng(30)
    hits = 0
    for k in range(20):
        truth = usage(rng, 30, 0.5, heavy=bool(k % 2), shape=shape)
        found = segment(truth.values)
        dated = all(any(abs(i - at) <= 2 for i in found.breaks) for at in truth.changes)
        hits += dated or (shape == "spike" and any(abs(e.start - truth.changes[0]) <= 2 for e in found.episodes))
    assert hits >= least


def test_growth_over_a_month_is_a_line_and_not_a_step() -> None:
    rng = np.random.default_rng(31)
    alarms = sum(bool(segment(usage(rng, 30, 0.5).values + 1.4 * np.arange(30) / 30).breaks) for _ in range(20))
    assert alarms <= 3
