"""Combination, out-of-sample folds, factors, naming and power: behaviour on tables whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from auditor.calibration import scores
from auditor.calibration.crossval import TIERS, deal, fit, out_of_sample
from auditor.calibration.detectable import least_detectable, power_rows
from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS, evidence
from auditor.calibration.fusion import family_mean, fit_sum
from auditor.calibration.likelihood import fit_tests
from auditor.calibration.naming import INSUFFICIENT, name, smallest_threshold, with_organic
from auditor.calibration.recalibrate import bounding_factor, factors, slope
from auditor.calibration.weighting import class_weights
from auditor.findings import Hypothesis
from tests.calibration.synthetic import feature_table

AT = RIVALS.index(Hypothesis.INFLATED)


@pytest.fixture(scope="module")
def found():
    return evidence(feature_table(0))


@pytest.fixture(scope="module")
def folds(found):
    return deal(found, groups=3, blocks=3, seed=0)


def test_no_test_case_shares_entity_or_week_with_its_training(found, folds):
    seen = np.zeros(len(found), dtype=int)
    for test, training in folds.cells():
        seen += test
        assert not set(found.entity[test]) & set(found.entity[training])
        assert not set(found.week[test]) & set(found.week[training])
        assert len(set(found.truth[training])) == len(CLASSES)
    assert (seen == 1).all()


def test_blocks_of_weeks_are_stretches_of_time(found, folds):
    for block in np.unique(folds.week):
        weeks = np.unique(found.week[folds.week == block])
        assert (np.diff(weeks) == 1).all()


@pytest.mark.parametrize("combination", ["family_mean", "logistic", "shared", "generative"])
def test_out_of_sample_ratios_help_and_keep_the_bound(found, folds, combination):
    made = out_of_sample(found, folds, combination=combination, method="bins")
    yes, no = found.of(Hypothesis.INFLATED), found.truth == ORGANIC
    cost = {}
    for tier in TIERS:
        total = made[tier].sum(axis=1)[:, AT]
        cost[tier] = scores.cllr(total[yes], total[no])
        assert all(b.holds for b in scores.bound_check(total[no]))
    assert cost[3] < cost[2] < cost[1] < 0.9
    assert cost[3] < 0.5


@pytest.mark.slow
def test_boosted_trees_can_be_compared(found):
    few = found.rows(np.arange(0, len(found), 3))
    made = out_of_sample(few, deal(few, groups=2, blocks=2, seed=0), combination="boosted", tiers=(3,))
    total = made[3].sum(axis=1)[:, AT]
    assert scores.cllr(total[few.of(Hypothesis.INFLATED)], total[few.truth == ORGANIC]) < 0.8


def test_dependent_tests_share_their_weight_and_useless_ones_get_little(found):
    weight = class_weights(found)
    ratios = fit_tests(found, weight)(found)
    total = fit_sum(ratios, found, weight)
    w = dict(zip(found.rules, total.weights[:, AT], strict=True))
    assert ((total.weights >= 0) & (total.weights <= 1)).all()
    assert 0.7 < w["X1"] + w["X2"] < 1.5  # one fact seen twice counts about once
    assert w["X7"] > 0.7
    useless = found.rules.index("X6")
    assert np.abs(ratios[:, useless, AT] * w["X6"]).mean() < 0.05


def test_no_evidence_is_a_ratio_of_one(found):
    model = fit(found, combination="logistic")
    blank = found.rows(np.arange(5))
    silent = model.contributions(blank, np.zeros((5, len(found.rules), len(RIVALS))), 3)
    assert not silent.any()


def test_averaging_inside_a_family_ignores_tests_that_say_nothing():
    ratios = np.zeros((1, 3, 4))
    ratios[0, 0], ratios[0, 2] = 1.0, 0.5
    assert family_mean(ratios, ("a", "a", "b"))[0] == pytest.approx([1.5] * 4)


def test_a_factor_takes_overstatement_out():
    rng = np.random.default_rng(0)
    llr = lambda x: (2 * x - 2) / np.log(10)  # noqa: E731 - the exact ratio of N(2, 1) to N(0, 1)
    true, false = 2.5 * llr(rng.normal(2, 1, 4000)), 2.5 * llr(rng.normal(0, 1, 4000))
    ones = np.ones(4000)
    assert slope(true, false, ones, ones) == pytest.approx(0.4, abs=0.05)
    assert slope(true / 5, false / 5, ones, ones) == pytest.approx(1.0, abs=0.01)
    assert all(b.rate.value <= 1 / b.x for b in scores.bound_check(bounding_factor(false) * false))
    both = np.zeros((8000, len(RIVALS)))
    both[:, AT] = np.r_[true, false]
    truth = np.r_[np.full(4000, CLASSES.index(Hypothesis.INFLATED)), np.full(4000, ORGANIC)]
    assert factors(both, truth, np.ones(8000))[AT] == pytest.approx(0.4, abs=0.05)


def row(**families):
    out = np.zeros((1, 4, len(RIVALS)))
    for f, (hypothesis, values) in enumerate(families.items()):
        out[0, : len(values), RIVALS.index(Hypothesis(hypothesis))] = values
        assert f < 4
    return out


@pytest.mark.parametrize(
    ("contributions", "elevation", "settled", "threshold", "expected"),
    [
        (row(inflated=[1.0, 0.5]), 2.0, True, 1.0, "inflated"),
        (row(inflated=[1.0, 0.5]), 2.0, True, 1.6, None),  # below the measured threshold
        (row(inflated=[1.5]), 2.0, True, 1.0, None),  # one family alone
        (row(inflated=[1.0, 0.5]), 1.1, True, 1.0, None),  # nothing rose
        (row(inflated=[1.0, 0.5]), np.nan, True, 1.0, "inflated"),  # new
        (row(inflated=[1.0, 0.5]), 2.0, False, 1.0, None),  # unsettled
        (row(inflated=[1.0, 0.5], concentrated=[0.3, 0.3]), 2.0, True, 1.0, None),  # within a factor of 10
        (row(data_error=[1.5]), 0.5, True, 1.0, "data_error"),
        (
            row(inflated=[-1.0, -0.5], data_error=[-1.2], incentivised=[-1.1], concentrated=[-1.0]),
            2.0,
            True,
            1.0,
            "organic",
        ),
    ],
)
def test_naming_follows_the_rules_of_a_verdict(contributions, elevation, settled, threshold, expected):
    said = name(contributions, np.array([elevation]), np.array([settled]), threshold)
    assert said.code[0] == (INSUFFICIENT if expected is None else CLASSES.index(Hypothesis(expected)))


def test_the_threshold_lets_at_most_one_in_a_thousand_pass():
    rng = np.random.default_rng(1)
    contributions = np.zeros((4000, 2, len(RIVALS)))
    contributions[:, :, AT] = rng.normal(0.4, 0.4, (4000, 2))
    elevation, settled = np.full(4000, 2.0), np.ones(4000, bool)
    pure = np.ones(4000, bool)
    needed = smallest_threshold(name(contributions, elevation, settled, 0.0), pure)
    inflated = CLASSES.index(Hypothesis.INFLATED)
    assert (name(contributions, elevation, settled, needed).code == inflated).sum() <= 4
    assert (name(contributions, elevation, settled, needed - 0.05).code == inflated).sum() > 4


def test_the_zero_of_organic_growth_is_inserted_in_place():
    assert with_organic(np.ones((1, 4)))[0].tolist() == [0.0 if k == ORGANIC else 1.0 for k in range(5)]


def test_smallest_detectable_inflation():
    sizes = np.repeat([0.1, 0.5, 1.0], 10)
    assert least_detectable(sizes, np.zeros(30, bool)) is None
    assert least_detectable(sizes, np.ones(30, bool)) == 0.1
    # 60 % at +50 %, 100 % at +100 %: 80 % half way on the logarithm.
    called = np.r_[np.zeros(10, bool), np.arange(10) < 6, np.ones(10, bool)]
    assert least_detectable(sizes, called) == pytest.approx(np.sqrt(0.5), abs=0.01)
    # A dip by chance at a larger size is pooled, not believed.
    called = np.r_[np.zeros(10, bool), np.ones(10, bool), np.arange(10) < 8]
    assert least_detectable(sizes, called) == pytest.approx(0.46, abs=0.05)
    assert least_detectable(np.array([]), np.array([], bool)) is None


def test_power_is_counted_by_cell():
    info = pd.DataFrame({"kind": ["a", "a", "b"], "days": [1, 1, 2]})
    rows = power_rows(info, np.array([True, False, True]), ["kind", "days"])
    assert [(r["kind"], r["days"], r["n"], r["power"]) for r in rows] == [("a", 1, 2, 0.5), ("b", 2, 1, 1.0)]


def test_few_cases_cannot_show_a_small_rate_so_the_threshold_is_raised():
    contributions = np.zeros((100, 2, len(RIVALS)))
    said = name(contributions, np.full(100, 2.0), np.ones(100, bool), 0.0)
    assert smallest_threshold(said, np.ones(100, bool)) == pytest.approx(2.0, abs=0.01)  # seen to 1/100, asked 1/1,000
