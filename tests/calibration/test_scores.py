"""Scores of likelihood ratios: known answers and invariants."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.isotonic import isotonic_regression

from auditor.calibration import scores
from auditor.errors import UsageError

ratios = arrays(float, st.integers(1, 30), elements=st.floats(-5, 5))


def test_an_uninformative_ratio_costs_one_bit():
    assert scores.cllr(np.zeros(7), np.zeros(2)) == 1.0
    assert scores.cllr_min(np.zeros(7), np.zeros(2)) == pytest.approx(1.0)


def test_a_perfect_ratio_costs_nothing_and_an_inverted_one_a_lot():
    assert scores.cllr(np.full(4, 300.0), np.full(4, -300.0)) == pytest.approx(0.0, abs=1e-12)
    assert scores.cllr(np.full(4, -2.0), np.full(4, 2.0)) > 6


def test_cllr_against_the_formula_written_out():
    # Ratios 2 (true) and 1/4 (false): (log2(1 + 1/2) + log2(1 + 1/4)) / 2.
    expected = (np.log2(1.5) + np.log2(1.25)) / 2
    assert scores.cllr(np.log10([2.0]), np.log10([0.25])) == pytest.approx(expected)


def test_exact_ratios_of_two_normals_are_already_calibrated():
    rng = np.random.default_rng(1)
    d = 2.0
    llr = lambda x: (d * x - d * d / 2) / np.log(10)  # noqa: E731 - the exact ratio of N(d, 1) to N(0, 1)
    true, false = llr(rng.normal(d, 1, 20_000)), llr(rng.normal(0, 1, 20_000))
    assert scores.cllr(true, false) - scores.cllr_min(true, false) < 0.005
    assert scores.ece(true, false) < 0.01
    assert all(b.holds for b in scores.bound_check(false))


def test_multiplying_dependent_evidence_breaks_the_bound_and_is_noticed():
    rng = np.random.default_rng(2)
    false = rng.normal(0, 1, 20_000) * 2 - 2
    assert all(b.holds for b in scores.bound_check(false / np.log(10)))
    assert not scores.bound_check(4 * false / np.log(10))[1].holds


@settings(deadline=None)  # the first call imports a library
@given(ratios, ratios)
def test_calibration_in_hindsight_never_costs_more(true, false):
    assert scores.cllr_min(true, false) <= scores.cllr(true, false) + 1e-9
    assert scores.cllr_min(true, false) <= 1 + 1e-9


@settings(deadline=None)  # the first call imports a library
@given(ratios, ratios, st.floats(0.1, 3), st.floats(-1, 1))
def test_cllr_min_depends_on_the_order_alone(true, false, slope, shift):
    both: npt.NDArray[np.float64] = np.round(np.concatenate([true, false]), 6).astype(np.float64)
    a, b = both[: true.size], both[true.size :]
    assert scores.cllr_min(a, b) == pytest.approx(scores.cllr_min(slope * a + shift, slope * b + shift), abs=1e-6)


@settings(deadline=None)  # the first call imports a library
@given(arrays(float, st.integers(1, 40), elements=st.floats(-9, 9)))
def test_isotonic_never_falls_keeps_the_mean_and_agrees_with_a_reference(values):
    weights = np.linspace(1, 2, values.size)
    fitted = scores.isotonic(values, weights)
    assert (np.diff(fitted) >= -1e-12).all()
    assert np.average(fitted, weights=weights) == pytest.approx(np.average(values, weights=weights), abs=1e-9)
    assert fitted == pytest.approx(isotonic_regression(values, sample_weight=weights), abs=1e-6)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0)],
)
def test_the_exact_interval_against_published_values(count, total, low, high):
    found = scores.rate(count, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_tippett_falls_and_starts_at_everything():
    rng = np.random.default_rng(3)
    rows = scores.tippett(rng.normal(1, 1, 200), rng.normal(-1, 1, 200), at=[-9, -1, 0, 1, 9])
    assert (rows[0]["true"], rows[0]["false"]) == (1, 1)
    assert (rows[-1]["true"], rows[-1]["false"]) == (0, 0)
    assert all(
        a["true"] >= b["true"] and r["true"] >= r["false"] for a, b, r in zip(rows, rows[1:], rows, strict=False)
    )


def test_reliability_of_an_overconfident_ratio_shows_it():
    true, false = np.r_[np.full(60, 2.0), np.full(40, -2.0)], np.r_[np.full(60, -2.0), np.full(40, 2.0)]
    low, high = scores.reliability(true, false)
    assert low["stated"] < 0.02
    assert low["observed"] == pytest.approx(0.4)
    assert high["observed"] == pytest.approx(0.6)
    assert scores.ece(true, false) == pytest.approx(0.39, abs=0.01)


def test_what_is_unknown_or_impossible_is_refused():
    with pytest.raises(UsageError, match="unknown"):
        scores.cllr(np.array([np.nan]), np.zeros(1))
    with pytest.raises(UsageError, match="impossible"):
        scores.rate(3, 2)
