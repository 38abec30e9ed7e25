"""Ratios of single tests: known densities, shrinkage, caps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.calibration import likelihood as lik
from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS, evidence
from auditor.calibration.weighting import balanced, class_weights, effective, strata
from auditor.errors import InputError
from auditor.findings import Confidence, Family, Finding, Hypothesis, Statistic
from auditor.texts.message import Message
from auditor.verdict.table import Curve, ReferenceTable
from auditor.verdict.weigh import weigh
from tests.calibration.synthetic import feature_table

INFLATED = CLASSES.index(Hypothesis.INFLATED)
AT = RIVALS.index(Hypothesis.INFLATED)


def two_normals(n, shift=1.5, seed=0):
    rng = np.random.default_rng(seed)
    x = np.r_[rng.standard_normal(n), shift + rng.standard_normal(n)]
    truth = np.r_[np.full(n, ORGANIC), np.full(n, INFLATED)]
    return x, truth, np.ones(2 * n)


@pytest.mark.parametrize("method", lik.METHODS)
def test_every_method_finds_the_ratio_of_two_normals(method):
    x, truth, w = two_normals(4000)
    fitted = lik.fit_one(x, truth, w, method=method)
    at = np.array([-0.5, 0.25, 0.75, 1.25, 2.0])
    exact = (1.5 * at - 1.125) / np.log(10)
    # Six bins average over their width; smooth methods must be nearer.
    assert fitted(at)[:, AT] == pytest.approx(exact, abs=0.35 if method == "bins" else 0.15)
    others = [i for i in range(len(RIVALS)) if i != AT]
    assert not fitted(at)[:, others].any()
    assert list(fitted.measured) == [i == AT for i in range(len(RIVALS))]


@pytest.mark.parametrize("method", lik.METHODS)
def test_a_test_that_tells_nothing_gets_a_ratio_near_one(method):
    x, truth, w = two_normals(600, shift=0.0, seed=3)
    assert np.abs(lik.fit_one(x, truth, w, method=method)(np.linspace(-1.5, 1.5, 9))).max() < 0.25


def test_few_cases_are_shrunk_toward_a_ratio_of_one():
    many, few = (lik.fit_bins(*two_normals(n, shift=3.0, seed=4)) for n in (2000, 40))
    assert abs(few(np.array([3.0]))[0, AT]) < abs(many(np.array([3.0]))[0, AT])


def test_a_bin_that_no_organic_case_reached_has_a_finite_ratio_bounded_by_the_pseudo_counts():
    n = 200
    x = np.r_[np.linspace(0, 1, n), np.linspace(5, 6, n)]
    truth = np.r_[np.full(n, ORGANIC), np.full(n, INFLATED)]
    ratio = lik.fit_bins(x, truth, np.ones(2 * n))(np.array([5.5]))[0, AT]
    assert 0.5 < ratio < np.log10(2 * (n + lik.STRENGTH) / lik.STRENGTH * lik.MOST_BINS)


def test_an_explanation_without_cases_enough_is_not_measured():
    x, truth, w = two_normals(300)
    w[truth == INFLATED] *= lik.FEWEST / 300 * 0.99
    fitted = lik.fit_bins(x, truth, w)
    assert not fitted.measured.any()
    assert not fitted(np.array([2.0])).any()


@given(st.floats(0.01, 100), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_bins_do_not_depend_on_the_unit(scale, seed):
    x, truth, w = two_normals(150, seed=seed)
    a, b = lik.fit_bins(x, truth, w), lik.fit_bins(scale * x, truth, w)
    # Cuts are kept to four digits, so a point on a cut may change sides.
    assert a.knots.size == b.knots.size
    assert a.log10_lr == pytest.approx(b.log10_lr, abs=0.1)


statistics = st.tuples(
    st.floats(-3, 3),
    st.integers(0, 2000),
    st.one_of(st.none(), st.floats(0.001, 1)),
    st.sampled_from(list(Confidence)),
)


@given(st.lists(statistics, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_calibration_caps_ratios_exactly_as_an_audit_does(rows):
    knots = tuple(np.linspace(-3, 3, 7))
    ratios = {
        h: tuple(round(float(k) * s, 3) for k in knots) for h, s in zip(RIVALS, (1.0, -0.5, 0.3, 0.9), strict=True)
    }
    curve = Curve("value", steps=False, knots=knots, log10_lr=ratios)
    table = ReferenceTable("t", provisional=False, rules={}, curves={("X", ""): curve})
    shipped = []
    for value, n, p, confidence in rows:
        found = Finding(
            "X", "1", "x", Family.MARKET, "a", None, Message.literal("x"),
            Statistic("s", value, n_reference=n, p=p), confidence=confidence,
        )  # fmt: skip
        weighed = weigh(found, table).log10_lr
        shipped.append([weighed[h] for h in RIVALS])
    raw = lik.Ratios(
        "value", False, np.array(knots), np.array([ratios[h] for h in RIVALS]).T, np.zeros(5), np.zeros(21)
    )
    x, n, _, confidence = zip(*rows, strict=True)
    made = lik.capped(
        raw(np.array(x)),
        np.array(n, dtype=float),
        np.array([0.5 if c is Confidence.LOW else 1.0 for c in confidence]),
    )
    assert made == pytest.approx(np.array(shipped), abs=2e-6)


def test_where_the_variant_is_the_finding_its_frequency_is_evidence():
    table = feature_table(1)
    chosen = table["rule"] == "X5"
    table.loc[chosen, "rule"] = "AUD172"
    table.loc[chosen, "variant"] = np.where(table.loc[chosen, "value"] > 2.5, "cross_section", "none")
    table.loc[chosen, "value"] = 0.9
    found = evidence(table)
    fitted = lik.fit_tests(found, class_weights(found))
    at = RIVALS.index(Hypothesis.DATA_ERROR)
    assert fitted.curves["AUD172", "cross_section"].log10_lr[0, at] > 0.8
    assert fitted.curves["AUD172", "none"].log10_lr[0, at] < -0.5


def test_what_a_label_rests_on_is_never_measured_by_it():
    table = feature_table(2)
    table.loc[table["rule"] == "X3", "rule"] = "AUD132"
    found = evidence(table)
    curve = lik.fit_tests(found, class_weights(found)).curves["AUD132", ""]
    assert not curve.measured[RIVALS.index(Hypothesis.INCENTIVISED)]
    assert curve.measured[RIVALS.index(Hypothesis.CONCENTRATED)]


def test_repeating_an_episode_does_not_make_it_more_certain():
    once = evidence(feature_table(0, entities=10, weeks=8, per_cell=1))
    again = feature_table(0, entities=10, weeks=8, per_cell=1)
    copies = [again.assign(episode=again["episode"] + suffix) for suffix in ("", "b", "c")]
    import pandas as pd

    thrice = evidence(pd.concat(copies, ignore_index=True))
    a, b = class_weights(once), class_weights(thrice)
    assert a.sum() == pytest.approx(b.sum())
    x = np.linspace(-2, 3, 11)
    one = lik.fit_tests(once, a).curves["X1", ""](x)
    assert one == pytest.approx(lik.fit_tests(thrice, b).curves["X1", ""](x), abs=1e-9)


def test_how_much_a_series_rose_is_taken_out():
    table = feature_table(3)
    # Injections that rose more, with a test that only measures the rise.
    rises = np.where(table["truth"] == "inflated", 1.4, 0.8)
    table["elevation"] = np.exp(rises + 0.45 * np.random.default_rng(0).standard_normal(len(table))).clip(1.3)
    table["elevation"] = table.groupby("episode")["elevation"].transform("first")
    table.loc[table["rule"] == "X6", "value"] = np.log(table["elevation"])
    table["applicable"] = True
    found = evidence(table)
    j = found.rules.index("X6")
    told = {}
    for stratify in (True, False):
        fitted = lik.fit_tests(found, class_weights(found, stratify=stratify)).curves["X6", ""]
        told[stratify] = np.abs(fitted(found.value[:, j])[:, AT]).mean()
    assert told[True] < 0.5 * told[False]


def test_weights_and_strata():
    found = evidence(feature_table(0, entities=6, weeks=6))
    weight = class_weights(found)
    even = balanced(found, weight)
    sums = [even[found.truth == k].sum() for k in range(len(CLASSES))]
    assert sums == pytest.approx([0.2] * 5)
    assert strata(np.array([np.nan, 0.5, 1.0, 1.3, 99.0])).tolist() == [7, 0, 1, 2, 6]
    assert effective(np.array([3.0, 3.0])) == pytest.approx(2.0)
    low = replace(found, info=found.info.assign(elevation=1.0))
    assert class_weights(low)[found.truth != CLASSES.index(Hypothesis.DATA_ERROR)].sum() == 0


def test_a_table_without_its_columns_or_cases_is_refused():
    table = feature_table(0, entities=2, weeks=2)
    with pytest.raises(InputError, match="lacks the columns value"):
        evidence(table.drop(columns="value"))
    with pytest.raises(InputError, match="no test that ran"):
        evidence(table.assign(applicable=False))
    with pytest.raises(InputError, match="unknown truths: nonsense"):
        evidence(table.assign(truth="nonsense"))


def test_lower_tiers_do_not_see_what_they_could_not_have():
    found = evidence(feature_table(0, entities=3, weeks=3))
    one, three = found.at_tier(1), found.at_tier(3)
    hidden = [found.rules.index(r) for r in ("X4", "X7")]
    assert np.isnan(one.value[:, hidden]).all()
    assert np.array_equal(three.value, found.value, equal_nan=True)


def test_descriptive_findings_are_left_out_and_the_smallest_p_counts():
    table = feature_table(0, entities=2, weeks=2)
    table.loc[table["rule"] == "X6", "weighs"] = False
    double = table[table["rule"] == "X1"].assign(p=0.02, value=9.0)
    import pandas as pd

    found = evidence(pd.concat([table, double], ignore_index=True))
    assert "X6" not in found.rules
    assert (found.value[:, found.rules.index("X1")] == 9.0).all()
