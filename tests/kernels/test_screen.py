"""The screen of many series: known answers, invariances, holes, odd rows, and independence of chunks and workers."""

import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.kernels.robust import robust_ar1
from auditor.kernels.screen import screen, screen_chunks
from auditor.kernels.screen_columns import Flag, Screen, ScreenParams
from auditor.kernels.screen_medians import row_medians, running_medians
from auditor.kernels.screen_noise import difference_noise
from auditor.kernels.screen_potts import potts_starts
from auditor.kernels.screen_segments import segment_levels
from auditor.kernels.seasonal import fit_seasonal
from benchmarks.screen.simulate import event_counts, event_f1, simulate


def volumes(seed=0, count=40, n=365, phi=0.5, events=True):
    return simulate(np.random.default_rng(seed), count, n, phi, events=events).values


def holed(seed=1, share=0.1, **kwargs):
    rng = np.random.default_rng(seed)
    values = volumes(seed, **kwargs)
    values[rng.random(values.shape) < share] = np.nan
    return values


def as_bytes(result: Screen) -> bytes:
    ragged = result.change_offsets.tobytes() + result.change_index.tobytes() + result.change_fold.tobytes()
    return result.table().tobytes() + ragged


def brute_force(y, grid, weight, penalty, bound):
    """Smallest loss by the plain Viterbi recursion in float64."""
    best = np.zeros(grid.size)
    for t, value in enumerate(y):
        if t:
            best = np.minimum(best, best.min() + penalty)
        best = best + weight[t] * np.minimum(np.abs(value - grid), bound)
    return float(best.min())


def path_loss(y, grid, weight, penalty, bound, starts):
    loss = penalty * (len(starts) - 1)
    for first, last in zip(starts, [*starts[1:], y.size], strict=True):
        part = np.minimum(np.abs(y[first:last, None] - grid), bound) * weight[first:last, None]
        loss += part.sum(axis=0).min()
    return float(loss)


# --- known answers -----------------------------------------------------------------------------------------------


def test_a_doubling_is_dated_and_sized():
    rng = np.random.default_rng(3)
    values = np.exp(10 + 0.05 * rng.standard_normal((1, 120)))
    values[:, 60:] *= 2.0
    result = screen(values)
    assert result.changes(0).tolist() == [60]
    assert result.fold[0] == pytest.approx(2.0, rel=0.03)
    assert (result.steps_up[0], result.steps_down[0]) == (1, 0)


def test_the_largest_fold_may_be_a_fall():
    rng = np.random.default_rng(4)
    values = np.exp(10 + 0.05 * rng.standard_normal((1, 200)))
    values[:, 60:] *= 2.0
    values[:, 130:] /= 5.0
    result = screen(values)
    assert result.changes(0).tolist() == [60, 130]
    assert result.fold[0] == pytest.approx(0.2, rel=0.03)
    assert (result.steps_up[0], result.steps_down[0]) == (1, 1)


def test_a_single_day_is_a_spike_and_no_level():
    rng = np.random.default_rng(5)
    values = np.exp(10 + 0.05 * rng.standard_normal((1, 120)))
    values[0, 77] *= 6.0
    result = screen(values)
    assert result.n_changes[0] == 0
    assert result.spike_index[0] == 77
    assert result.spike_fold[0] == pytest.approx(6.0, rel=0.15)
    assert result.spike_z[0] > 20
    assert result.n_outliers[0] == 1


@pytest.mark.parametrize("weekday0", range(7))
def test_weekend_ratio_counts_from_the_weekday_of_the_first_period(weekday0):
    day = (np.arange(140) + weekday0) % 7
    values = np.where(day >= 5, 60.0, 100.0)[None] * np.exp(0.02 * np.random.default_rng(6).standard_normal((1, 140)))
    assert screen(values, weekday0=weekday0).weekend_ratio[0] == pytest.approx(0.6, rel=0.03)


def test_phi_and_sigma_are_recovered():
    for phi in (0.0, 0.5, 0.8):
        rng = np.random.default_rng(7)
        noise = 0.1 * rng.standard_normal((60, 600))
        for t in range(1, 600):
            noise[:, t] += phi * noise[:, t - 1]
        result = screen(np.exp(noise[:, 100:]))
        assert np.median(result.phi) == pytest.approx(phi, abs=0.05)
        assert np.median(result.sigma) == pytest.approx(0.1, rel=0.05)


def test_roughness_separates_white_noise_from_a_smooth_curve():
    rng = np.random.default_rng(8)
    white = np.exp(0.1 * rng.standard_normal((1, 400)))
    smooth = np.exp(0.3 * np.sin(np.arange(400) / 4.0) + 1e-4 * rng.standard_normal(400))[None]
    result = screen(np.vstack([white, smooth]))
    assert result.roughness[0] == pytest.approx(1.0, abs=0.15)
    assert result.roughness[1] < 0.2


def test_a_plateau_flatter_than_the_rest_is_seen():
    rng = np.random.default_rng(9)
    log = 0.2 * rng.standard_normal((2, 300))
    log[:, 200:260] += 3.0
    log[1, 200:260] = 3.0 + 0.005 * rng.standard_normal(60)
    result = screen(np.exp(log), period=1)
    assert result.plateau_flatness[0] == pytest.approx(1.0, abs=0.4)
    assert result.plateau_flatness[1] < 0.1


def test_events_and_false_changes_hold_their_bars():
    rng = np.random.default_rng(10)
    truth = simulate(rng, 300, 365, 0.5, events=True)
    result = screen(truth.values)
    counts = [
        event_counts(result.changes(i).tolist(), truth.shifts[i].tolist(), int(truth.ramp[i])) for i in range(300)
    ]
    assert event_f1(counts) >= 0.95
    assert screen(simulate(rng, 300, 365, 0.5, events=False).values).n_changes.mean() <= 0.1


@pytest.mark.parametrize("n", [365, 1461])
def test_a_steep_ramp_hides_no_shift_and_splits_no_level(n):
    rng = np.random.default_rng(20)
    truth = simulate(rng, 60, n, 0.5, events=True, innovation_sd=0.01, ramp_fold=(1000.0, 2000.0))
    result = screen(truth.values)
    counts = [event_counts(result.changes(i).tolist(), truth.shifts[i].tolist(), int(truth.ramp[i])) for i in range(60)]
    assert event_f1(counts) >= 0.95


def test_the_event_score_counts_a_ramp_once_and_a_shift_once():
    assert event_counts([4, 9, 14], [100], 12) == (1, 1, 2)
    assert event_counts([4, 98, 103, 200], [100], 12) == (2, 4, 2)
    assert event_counts([], [100], 12) == (0, 0, 2)
    assert event_f1([(2, 4, 2), (0, 0, 2)]) == pytest.approx(0.5)


# --- invariances -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [volumes(), holed()], ids=["whole", "holes"])
@pytest.mark.parametrize("block", [1, 7, 384])
def test_the_block_changes_no_bit(values, block):
    assert as_bytes(screen(values, params=ScreenParams(block=block))) == as_bytes(screen(values))


def test_neighbours_change_no_bit():
    values = np.vstack([volumes(count=6), holed(count=6), np.full((1, 365), np.nan), np.ones((1, 365))])
    together = screen(values)
    alone = Screen.concatenate(screen(row[None]) for row in values)
    assert as_bytes(together) == as_bytes(alone)


def test_order_of_series_only_permutes():
    values = np.vstack([volumes(count=10), holed(count=10)])
    order = np.random.default_rng(0).permutation(20)
    assert screen(values[order]).table().tobytes() == screen(values).table()[order].tobytes()


@pytest.mark.parametrize("layout", ["F", "strided", "read-only"])
def test_memory_layout_changes_no_bit(layout):
    values = volumes(count=12)
    if layout == "F":
        other = np.asfortranarray(values)
    elif layout == "strided":
        other = np.repeat(values, 2, axis=1)[:, ::2]
    else:
        other = values.copy()
        other.flags.writeable = False
    assert as_bytes(screen(other)) == as_bytes(screen(values))


@pytest.mark.parametrize("rows", [1, 13, 1000])
def test_chunks_change_no_bit(rows):
    values = np.vstack([volumes(count=30), holed(count=30)])
    assert as_bytes(screen_chunks(values, rows=rows)) == as_bytes(screen(values))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_workers_change_no_bit(kind):
    values = np.vstack([volumes(count=30), holed(count=30)])
    # Forking a process that has threads warns from Python 3.12 on.
    pool = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, get_context("spawn"))
    with pool as workers:
        assert as_bytes(screen_chunks(values, rows=13, mapper=workers.map)) == as_bytes(screen(values))


def test_the_input_is_left_alone():
    values = holed(count=5)
    before = values.copy()
    screen(values)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e9])
def test_units_cancel(factor):
    values = holed(count=60)
    one, other = screen(values), screen(values * factor)
    np.testing.assert_array_equal(other.change_offsets, one.change_offsets)
    np.testing.assert_array_equal(other.change_index, one.change_index)
    np.testing.assert_array_equal(other.flags, one.flags)
    for name in ("fold", "phi", "sigma", "noise", "spike_fold", "weekend_ratio", "roughness"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-4, atol=1e-5)


def test_single_precision_agree_with_double():
    values = volumes(count=40)
    single = screen(values.astype(np.float32))
    np.testing.assert_array_equal(
        single.change_index, screen(values.astype(np.float32).astype(np.float64)).change_index
    )


def test_upside_down_gives_the_inverse_folds():
    values = volumes(count=40)
    one, other = screen(values), screen(1e12 / values)
    assert (one.n_changes == other.n_changes).mean() > 0.95
    same = [i for i in range(40) if one.changes(i).tolist() == other.changes(i).tolist()]
    assert len(same) > 35
    np.testing.assert_allclose(other.fold[same], 1.0 / one.fold[same], rtol=0.01)


# --- holes -------------------------------------------------------------------------------------------------------


def test_leading_and_trailing_holes_only_move_the_dates():
    values = volumes(count=20, n=200)
    padded = np.full((20, 221), np.nan)
    padded[:, 14:214] = values
    one, other = screen(values), screen(padded)
    np.testing.assert_array_equal(other.change_offsets, one.change_offsets)
    np.testing.assert_array_equal(other.change_index, one.change_index + 14)
    np.testing.assert_array_equal(other.flags & Flag.HOLES, 0)
    np.testing.assert_allclose(other.sigma, one.sigma, rtol=1e-4)


def test_a_hole_is_skipped_not_filled():
    rng = np.random.default_rng(11)
    values = np.exp(10 + 0.05 * rng.standard_normal((1, 150)))
    values[:, 80:] *= 3.0
    values[:, 60:80] = np.nan
    result = screen(values)
    assert result.changes(0).tolist() == [80]
    assert result.n_observed[0] == 130
    assert result.flags[0] == Flag.HOLES


def test_changes_start_on_observed_periods():
    values = holed(count=60, share=0.3)
    result = screen(values)
    owner = np.repeat(np.arange(60), result.n_changes)
    assert owner.size > 60
    assert np.isfinite(values[owner, result.change_index]).all()


def test_a_tenth_missing_costs_little():
    rng = np.random.default_rng(12)
    truth = simulate(rng, 200, 365, 0.5, events=True)
    values = np.where(rng.random(truth.values.shape) < 0.1, np.nan, truth.values)
    result = screen(values)
    counts = [
        event_counts(result.changes(i).tolist(), truth.shifts[i].tolist(), int(truth.ramp[i])) for i in range(200)
    ]
    assert event_f1(counts) >= 0.9


# --- odd rows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 7, 8, 9, 13, 14, 20, 22, 60])
def test_odd_rows_are_flagged_and_clean(n):
    rng = np.random.default_rng(13)
    noisy = np.exp(rng.standard_normal(n))
    rows = {
        "empty": np.full(n, np.nan),
        "constant": np.full(n, 7.0),
        "zeros": np.zeros(n),
        "negative": -noisy,
        "infinite": np.full(n, np.inf),
        "one": np.where(np.arange(n) == 0, 5.0, np.nan),
        "noisy": noisy,
    }
    result = screen(np.array(list(rows.values())))
    flags = dict(zip(rows, result.flags, strict=True))
    assert flags["empty"] == Flag.EMPTY
    assert flags["infinite"] == Flag.EMPTY
    assert flags["zeros"] == flags["negative"] == Flag.EMPTY | Flag.NOT_POSITIVE
    assert flags["one"] & Flag.SHORT
    assert bool(flags["constant"] & Flag.CONSTANT) == (n >= 8)
    assert bool(flags["noisy"] & Flag.SHORT) == (n < 8)
    assert bool(flags["noisy"] & Flag.NO_SEASON) == (n < 21)
    assert (result.n_changes[:-1] == 0).all()
    assert np.isnan(result.sigma[:-1]).all()
    assert (result.spike_index[:-1] == -1).all()
    if n >= 8:
        assert np.isfinite(result.noise[-1])


@pytest.mark.parametrize("n", [5000, 32_767])
def test_long_series_keep_their_dates(n):
    rng = np.random.default_rng(19)
    log = 0.1 * rng.standard_normal((2, n))
    log[:, n // 2 :] += 1.0
    log[:, n - 40 :] -= 2.0
    result = screen(np.exp(log))
    assert [result.changes(i).tolist() for i in range(2)] == [[n // 2, n - 40]] * 2


def test_a_penalty_too_large_to_pack_still_means_no_change():
    result = screen(volumes(count=8, n=60, events=False), params=ScreenParams(penalty=1e6))
    assert result.n_changes.sum() == 0


def test_no_rows_and_no_periods():
    assert len(screen(np.empty((0, 30)))) == 0
    assert len(screen_chunks(np.empty((0, 30)))) == 0
    assert screen(np.empty((3, 0))).flags.tolist() == [Flag.EMPTY] * 3


def test_a_noiseless_step_is_found_and_flagged():
    values = np.full((1, 100), 10.0)
    values[:, 40:] = 30.0
    result = screen(values)
    assert result.changes(0).tolist() == [40]
    assert result.fold[0] == pytest.approx(3.0, rel=1e-4)
    assert result.flags[0] == Flag.NOISELESS
    assert np.isnan(result.spike_z[0])


def test_extreme_ranges_do_not_overflow():
    values = np.full((2, 90), 1e-300)
    values[0, 45:] = 1e300
    values[1, ::2] = 1e300
    result = screen(values * np.exp(0.01 * np.random.default_rng(1).standard_normal(values.shape)))
    assert result.changes(0).tolist() == [45]
    assert np.isposinf(result.fold[0]) or result.fold[0] > 1e299


def test_integers_are_read():
    values = np.random.default_rng(2).poisson(1000, (4, 100))
    assert as_bytes(screen(values)) == as_bytes(screen(values.astype(float)))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.ones(5), {}, r"got shape \(5,\)"),
        (np.array([["a"]]), {}, "reads numbers"),
        (np.ones((2, 9)), {"period": 0}, "period"),
        (np.ones((2, 9)), {"weekday0": 7}, "weekday0"),
        (np.ones((1, 40_000)), {}, "40000 periods"),
    ],
)
def test_wrong_arguments_say_what(values, options, message):
    with pytest.raises(UsageError, match=message):
        screen(values, **options)


@pytest.mark.parametrize(
    "setting",
    [{"penalty": 0.0}, {"bound": -1.0}, {"levels": 1}, {"first_phi": 1.0}, {"block": 0}, {"penalty": float("nan")}],
)
def test_wrong_settings_say_what(setting):
    with pytest.raises(UsageError, match=next(iter(setting))):
        ScreenParams(**setting)


@pytest.mark.parametrize("period", [1, 2, 5, 12, 24])
def test_other_periods(period):
    rng = np.random.default_rng(14)
    season = rng.standard_normal(period)
    season -= season.mean()
    log = season[np.arange(300) % period] + 0.05 * rng.standard_normal((3, 300))
    log[:, 150:] += 1.0
    result = screen(np.exp(log), period=period)
    assert [result.changes(i).tolist() for i in range(3)] == [[150]] * 3
    assert np.isnan(result.weekend_ratio).all()
    assert result.sigma.max() < 0.08


# --- the parts against slower, plainer ones ----------------------------------------------------------------------

cells = st.one_of(st.none(), st.floats(-100, 100, width=32))


@given(st.lists(cells, min_size=0, max_size=40), st.sampled_from([3, 5, 7, 9]))
@settings(deadline=None, max_examples=150)
def test_running_medians_are_those_of_the_observed_cells(series, width):
    y = np.array([np.nan if v is None else v for v in series], dtype=np.float32)
    seen = np.isfinite(y)
    got = running_medians(y[:, None], seen[:, None], width)[:, 0]
    half = width // 2
    first, last = np.flatnonzero(seen)[[0, -1]] if seen.any() else (0, -1)
    for t in range(y.size):
        window = y[max(t - half, 0) : t + half + 1]
        window = window[np.isfinite(window)]
        if first + half <= t <= last - half and window.size:
            ordered = np.sort(window)
            middle = (ordered[(window.size - 1) // 2] + ordered[window.size // 2]) * np.float32(0.5)
            assert got[t] == middle
        else:
            assert np.isnan(got[t])


@given(st.lists(st.lists(cells, min_size=6, max_size=6), min_size=1, max_size=5))
@settings(deadline=None, max_examples=100)
def test_row_medians_match_numpy(rows):
    x = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=np.float32)
    for row, got in zip(x, row_medians(x), strict=True):
        finite = row[np.isfinite(row)]
        expected = np.median(finite.astype(np.float64)) if finite.size else np.nan
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-30)


@given(st.integers(0, 10_000), st.floats(2.0, 60.0), st.floats(1.5, 8.0), st.booleans())
@settings(deadline=None, max_examples=60)
def test_segmentation_reaches_the_smallest_loss(seed, penalty, bound, with_holes):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 90))
    y = (np.repeat(rng.normal(0, 4, 10), 9)[:n] + rng.standard_t(3, n)).astype(np.float32)
    weight = (rng.random(n) > 0.2 * with_holes).astype(np.float32)
    low, high = np.float32(y.min()), np.float32(y.max())
    starts = potts_starts(
        y[:, None],
        weight[:, None],
        np.array([low]),
        np.array([high]),
        np.array([penalty], dtype=np.float32),
        levels=24,
        bound=bound,
    )[:, 0]
    grid = np.linspace(low, high, 24)
    best = brute_force(y, grid, weight, penalty, bound)
    mine = path_loss(y, grid, weight, penalty, bound, np.flatnonzero(starts).tolist())
    assert mine <= best + 0.02 * n + 0.05 * starts.sum()  # losses are rounded to a fraction of the noise
    assert mine >= best - 1e-3


def test_segment_levels_are_medians_of_observed_cells():
    rng = np.random.default_rng(15)
    rows = rng.standard_normal((9, 80)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[3, 20:40] = np.nan
    starts = rng.random(rows.shape) < 0.1
    starts[:, 0] = True
    parts = segment_levels(rows, starts)
    for s, f, k, got in zip(parts.series, parts.first, parts.length, parts.level, strict=True):
        finite = rows[s, f : f + k]
        finite = finite[np.isfinite(finite)]
        expected = np.median(finite) if finite.size else np.nan
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_season_agrees_with_the_single_series_kernel():
    values = volumes(16, count=5, events=True)
    weekend = screen(values).weekend_ratio
    for row, ratio in zip(values, weekend, strict=True):
        profile = fit_seasonal(np.log(row)).profile
        expected = np.exp(profile[5:].mean() - profile[:5].mean())
        assert ratio == pytest.approx(expected, rel=0.01)


def test_the_first_pass_persistence_agrees_with_the_single_series_kernel():
    rows = np.log(volumes(17, count=8, events=False)).astype(np.float32)
    phi, _ = difference_noise(rows, 0.99)
    for row, got in zip(rows, phi, strict=True):
        assert got == pytest.approx(robust_ar1(row.astype(np.float64)), abs=2e-3)


def test_cost_is_linear_in_the_length():
    def spent(n):
        values = volumes(18, count=64, n=n, events=False)
        screen(values)
        begin = time.process_time()
        screen(values)
        return time.process_time() - begin

    assert min(spent(1600) for _ in range(3)) < 12 * min(spent(200) for _ in range(3))
