"""Digit tests: only where they are valid, and then with the right numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.digits import BENFORD, _chi_square_tail, _fisher, detect
from auditor.findings import NotApplicable
from auditor.panel import Panel
from auditor.sources.files import read
from auditor.texts.catalogue import catalogue
from tests.build import panel, scene
from tests.detectors.two_metrics import only


def outcomes(columns, **params) -> Any:
    return detect(scene(panel({k: list(v) for k, v in columns.items()}), "s"), params)


def table(values: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[:, i] for i, name in enumerate(("s", *(f"p{k:03}" for k in range(values.shape[1] - 1))))}


def test_fishers_exact_test_and_the_chi_square_tail_against_scipy():
    from scipy.stats import chi2, fisher_exact

    for a, n, b, m in ((8, 10, 30, 100), (3, 50, 90, 700), (0, 5, 5, 50), (5, 5, 0, 9)):
        expected = fisher_exact(np.array([[a, n - a], [b, m - b]]), "greater").pvalue
        assert _fisher(a, n, b, m) == pytest.approx(expected, rel=1e-9)
    for x in (0.0, 3.5, 15.507, 80.0):
        assert _chi_square_tail(x) == pytest.approx(chi2.sf(x, 8), rel=1e-9)


def test_a_series_of_exact_daily_totals_is_not_tested():
    values = np.round(np.random.default_rng(0).lognormal(23, 0.3, (90, 12)))
    found = only(outcomes(table(values)))
    assert isinstance(found, NotApplicable)
    assert "daily totals of one entity never follow such a law" in catalogue().write(found.reason)


def test_heaping_is_measured_where_figures_are_rounded():
    rng = np.random.default_rng(1)
    values = np.round(rng.lognormal(9, 0.3, (60, 8)))
    values[:, 4:] = np.round(values[:, 4:], -1)  # half of the table is rounded to tens: 40 % and more end in 0
    values[:, 0] = np.round(values[:, 0] / 5) * 5  # the subject's figures all end in 0 or 5
    found = only(outcomes(table(values)))
    assert found.variant == "heaping"
    assert found.figures["share"] == 1.0
    assert found.figures["share_others"] == pytest.approx((3 * 0.2 + 4) / 7, abs=0.05)
    assert found.statistic.p < 0.01


def test_exact_figures_are_tested_only_when_said_to_be_typed():
    values = np.round(np.random.default_rng(2).lognormal(9, 0.3, (60, 8)))
    assert isinstance(outcomes(table(values))[0], NotApplicable)
    found = only(outcomes(table(values), typed=True))
    assert abs(found.statistic.value) < 0.15


def test_first_digits_of_a_wide_cross_section():
    values = 10 ** np.random.default_rng(3).uniform(3, 9, (3, 1000))  # the law holds exactly for a log-uniform size
    values[:] = values[0]
    found = only(outcomes(table(values)))
    assert found.variant == "first_digits"
    assert found.weighs is False
    assert found.statistic.value < 0.012
    assert found.statement.key == "AUD175.conforms"
    assert [row[3] for row in found.data.rows] == pytest.approx(list(BENFORD))


def test_first_digits_that_depart():
    sizes = 10.0 ** np.random.default_rng(4).integers(3, 9, 500) * np.random.default_rng(5).uniform(1, 9.99, 500)
    found = only(outcomes(table(np.tile(sizes, (3, 1)))))
    # Leading digits uniform instead: the mean absolute deviation is that of 1/9 from the law.
    assert found.statistic.value == pytest.approx(np.abs(1 / 9 - BENFORD).mean(), abs=0.012)
    assert found.statement.key == "AUD175.departs"


def test_a_narrow_or_small_cross_section_is_not_tested():
    rng = np.random.default_rng(6)
    for values in (rng.lognormal(20, 0.3, (2, 400)), 10 ** rng.uniform(3, 9, (2, 200))):
        found = only(outcomes(table(np.round(values))))
        assert isinstance(found, NotApplicable)


@settings(max_examples=20, deadline=None)
@given(power=st.integers(-3, 9))
def test_a_power_of_ten_does_not_move_first_digits(power: int):
    sizes = np.tile(10 ** np.random.default_rng(7).uniform(3, 9, 400), (2, 1))
    one, other = (outcomes(table(v))[0] for v in (sizes, sizes * 10.0**power))
    assert other.statistic.value == pytest.approx(one.statistic.value, abs=2e-3)


@pytest.mark.shared
def test_the_catalogue_of_five_days_follows_the_law(shared: Path):
    built = Panel.of(read(shared / "openrouter" / "catalogue_daily_2026-06-13_2026-06-17.csv"))
    found = only(detect(scene(built, "qwen/qwen3.6-plus-04-02", "2026-06-16:2026-06-17", metric="total_tokens")))
    assert found.figures["entities"] == 371
    assert found.statistic.value == pytest.approx(0.0108, abs=1e-3)
    assert found.statistic.p > 0.5


@pytest.mark.shared
def test_the_long_panel_has_too_few_entities(shared: Path):
    built = Panel.of(read(shared / "openrouter" / "rankings_daily_2025-12-01_2026-07-05.csv"))
    found = only(detect(scene(built, "qwen/qwen3.6-plus-04-02:free")))
    assert isinstance(found, NotApplicable)
