"""What the tests of dated events share: changes over a season, less those of the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from auditor.detectors.season_steps import MIN_OTHERS, forward_means, medians_of_others, near, relative, row_of
from tests.detectors.made import event, exact, scene

CELLS = st.one_of(st.just(np.nan), st.integers(-3, 3).map(float))


@settings(max_examples=60, deadline=None)
@given(values=arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=CELLS))
def test_the_median_of_the_others_leaves_out_the_cell_itself(values):
    found = medians_of_others(values)
    for row, column in np.ndindex(*values.shape):
        others = np.delete(values[row], column)
        others = others[np.isfinite(others)]
        if np.isfinite(values[row, column]) and others.size >= MIN_OTHERS:
            assert found[row, column] == pytest.approx(float(np.median(others)))
        else:
            assert np.isnan(found[row, column])


def test_forward_means_skip_what_is_not_known_and_need_half():
    column = np.array([1.0, np.nan, 3.0, np.nan, np.nan])[:, None]
    assert forward_means(column, 3)[:, 0].tolist()[:2] == [2.0, pytest.approx(np.nan, nan_ok=True)]
    assert forward_means(column, 1)[2, 0] == 3.0
    assert np.isnan(forward_means(column, 2)[4, 0])


def test_a_market_that_moves_as_a_whole_leaves_no_excess():
    columns = {name: values * np.where(np.arange(84) >= 40, 3.0, 1.0) for name, values in exact().items()}
    data = relative(scene(columns, (40, 46)))
    assert np.nanmax(np.abs(data.excess)) < 1e-12
    assert np.nanmax(data.change) == pytest.approx(np.log(3.0))


def test_a_value_below_the_cutoff_enters_as_the_cutoff_and_two_of_them_as_nothing():
    columns = exact() | {"other": np.full(84, 10.0)}
    columns["s"] = np.where(np.arange(84) < 40, np.nan, 5000.0)
    data = relative(scene(columns, (40, 46)))
    cutoff = 200.0  # the smallest listed value on a weekday
    assert data.change[42, 0] == pytest.approx(np.log(5000.0 / cutoff))
    assert data.touched[42, 0]
    assert np.isnan(data.change[30, 0])


def test_events_outside_the_panel_have_no_row():
    where = scene(exact(), (40, 46))
    assert row_of(where, event(-1)) is None
    assert row_of(where, event(84)) is None
    assert row_of(where, event(83.5)) == 83
    assert near([2], 5, 1).tolist() == [False, True, True, True, False]
