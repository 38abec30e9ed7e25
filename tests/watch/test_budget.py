"""The budget: from a number of alarms a year to an expected rate, and back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.watch.budget import Budget, poisson_mean, rate_interval


def tail(most: int, mean: float) -> float:
    return 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(most + 1))


def test_known_value_six_a_year():
    # Poisson tables: a mean of 3.285 exceeds 6 with probability .05.
    assert Budget(6, 0.95).expected == pytest.approx(3.2853, abs=1e-3)


@given(st.integers(1, 60), st.floats(0.5, 0.999))
def test_expected_rate_exceeds_the_budget_in_the_stated_share_of_years(most, confidence):
    assert tail(most, Budget(most, confidence).expected) == pytest.approx(1 - confidence, abs=1e-6)


@given(st.integers(0, 40), st.floats(0.5, 20))
def test_interval_holds_the_observed_rate(count, years):
    low, high = rate_interval(count, years)
    assert low <= count / years < high


def test_interval_known_value():
    # Garwood 1936: 10 events, 95 %: 4.795 to 18.391.
    low, high = rate_interval(10, 1.0)
    assert low == pytest.approx(4.795, abs=2e-3)
    assert high == pytest.approx(18.391, abs=2e-3)


def test_share_divides_the_spending():
    assert Budget(6, 0.95, 0.25).expected == pytest.approx(Budget(6, 0.95).expected / 4)


@pytest.mark.parametrize(("most", "confidence"), [(0, 0.95), (6, 1.0), (6, 0.2)])
def test_impossible_budgets_are_refused(most, confidence):
    with pytest.raises(UsageError):
        Budget(most, confidence)


def test_mean_of_a_certain_excess_is_zero_at_the_limit():
    assert poisson_mean(0, 1e-12) == pytest.approx(0, abs=1e-9)
