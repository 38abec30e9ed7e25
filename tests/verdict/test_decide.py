"""The verdict: families, caps, thresholds, and the words that go with them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.findings import Confidence, Family, Finding, Hypothesis, Statistic
from auditor.texts.catalogue import catalogue
from auditor.texts.message import Message
from auditor.verdict.decide import MAY_STAND_ALONE, PROVISIONAL_CAP, decide
from auditor.verdict.model import Strength
from auditor.verdict.weigh import Band, Reference, ReferenceTable, judged_table, reference_table, weigh
from tests.build import panel, scene

SCENE = scene(panel({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]}), "a", "2026-01-06:2026-01-07")


def finding(rule="X1", family=Family.MARKET, weights=None, variant="", **statistic):
    measured: dict[str, Any] = {"name": "s", "value": 1.0} | statistic
    return Finding(
        rule=rule,
        version="1",
        name=rule,
        family=family,
        subject="a",
        window=None,
        statement=Message.literal("x"),
        variant=variant,
        statistic=Statistic(**measured),
        log10_lr={Hypothesis(h): w for h, w in (weights or {}).items()},
    )


def verdict(*findings):
    return decide(SCENE, findings, (), judged_table())


def test_nothing_found_is_insufficient_not_organic():
    result = verdict()
    assert result.hypothesis == "insufficient"
    assert result.strength is Strength.NONE
    assert all(score.log10_lr == 0 for score in result.scores.values())


def test_families_add_and_tests_inside_a_family_average():
    result = verdict(
        finding("X1", Family.MARKET, {"incentivised": 1.0}),
        finding("X2", Family.MARKET, {"incentivised": 0.5}),
        finding("X3", Family.RHYTHM, {"incentivised": 0.5}),
    )
    assert result.scores[Hypothesis.INCENTIVISED].log10_lr == pytest.approx(1.25)
    assert result.scores[Hypothesis.INCENTIVISED].by_family == {Family.MARKET: 0.75, Family.RHYTHM: 0.5}
    assert result.hypothesis == "incentivised"
    assert result.strength is Strength.MODERATE


def test_repeating_a_test_adds_nothing():
    once = verdict(finding("X1", Family.MARKET, {"inflated": 0.8}))
    thrice = verdict(*[finding("X1", Family.MARKET, {"inflated": 0.8})] * 3)
    assert once.scores == thrice.scores


@pytest.mark.parametrize("hypothesis", [h for h in Hypothesis if h not in MAY_STAND_ALONE | {Hypothesis.ORGANIC}])
def test_one_family_alone_names_nothing_that_speaks_of_conduct(hypothesis):
    result = verdict(finding("X1", Family.RHYTHM, {hypothesis.value: 2.5}))
    assert result.hypothesis == "insufficient"
    assert [r.key for r in result.reasons] == ["verdict.reasons.one_family"]


def test_an_incentive_on_record_needs_no_second_family_but_bears_no_contradiction():
    documented = finding("X1", Family.PRICE_EVENTS, {"incentivised": 1.5}, variant="documented")
    inferred = finding("X1", Family.PRICE_EVENTS, {"incentivised": 1.5}, variant="inferred")
    assert verdict(documented).hypothesis == "incentivised"
    assert verdict(inferred).hypothesis == "insufficient"
    assert verdict(documented, finding("X2", Family.MARKET, {"incentivised": -0.1})).hypothesis == "insufficient"


def test_inflated_needs_three_families_while_the_bands_are_provisional():
    found = [finding(f"X{f}", f, {"inflated": 1.0}) for f in (Family.RHYTHM, Family.MARKET)]
    assert verdict(*found).hypothesis == "insufficient"
    assert [r.key for r in verdict(*found).reasons] == ["verdict.reasons.few_families"]
    assert verdict(*found, finding("X9", Family.COMPOSITION, {"inflated": 0.2})).hypothesis == "inflated"


def test_where_nothing_rose_there_is_nothing_to_explain():
    level = scene(panel({"a": [2.0] * 20, "b": [1.0] * 20}), "a", "2026-01-15:2026-01-24")
    found = [finding(f"X{f}", f, {"inflated": 1.0}) for f in (Family.RHYTHM, Family.MARKET, Family.LEVEL_SHAPE)]
    result = decide(level, found, (), judged_table())
    assert result.hypothesis == "insufficient"
    assert "verdict.reasons.no_rise" in [r.key for r in result.reasons]


def test_a_data_error_may_rest_on_the_record_alone():
    assert verdict(finding("X1", Family.RECORD, {"data_error": 1.6})).hypothesis == "data_error"


def test_two_close_explanations_are_insufficient():
    result = verdict(
        finding("X1", Family.RHYTHM, {"inflated": 1.0, "concentrated": 0.6}),
        finding("X2", Family.MARKET, {"inflated": 0.6, "concentrated": 0.5}),
    )
    assert result.hypothesis == "insufficient"
    assert result.leading is Hypothesis.INFLATED
    assert "within a factor of 10" in catalogue().write(result.reasons[0])


def test_unsettled_days_are_insufficient_whatever_else_was_found():
    strong = [finding(f"X{f}", f, {"inflated": 1.0}) for f in (Family.RHYTHM, Family.MARKET, Family.LEVEL_SHAPE)]
    assert verdict(*strong).hypothesis == "inflated"
    assert verdict(*strong, finding("AUD171", Family.RECORD, variant="unsettled")).hypothesis == "insufficient"


def test_a_data_error_that_the_record_shows_may_be_named_of_unsettled_days():
    young = finding("AUD171", Family.RECORD, variant="unsettled")
    shown = finding("AUD177", Family.RECORD, {"data_error": 1.6}, variant="last")
    assert verdict(shown, young).hypothesis == "data_error"
    # What other families make of young figures stays unsaid, and so does conduct, however well the record supports it.
    elsewhere = finding("X1", Family.MARKET, {"data_error": 1.7})
    assert verdict(elsewhere).hypothesis == "data_error"
    assert [r.key for r in verdict(elsewhere, young).reasons] == ["verdict.reasons.unsettled"]
    assert [r.key for r in verdict(shown, elsewhere, young).reasons] == ["verdict.reasons.unsettled"]
    conduct = [finding(f"X{f}", f, {"inflated": 1.0}) for f in (Family.RECORD, Family.MARKET, Family.LEVEL_SHAPE)]
    assert verdict(*conduct).hypothesis == "inflated"
    assert [r.key for r in verdict(*conduct, young).reasons] == ["verdict.reasons.unsettled"]
    weak = finding("AUD177", Family.RECORD, {"data_error": 0.6}, variant="last")
    assert verdict(weak, young).hypothesis == "insufficient"


def test_organic_is_named_only_when_every_other_explanation_is_ten_times_less_probable():
    others = {h.value: -0.6 for h in Hypothesis if h is not Hypothesis.ORGANIC}
    assert verdict(finding("X1", Family.MARKET, others)).hypothesis == "insufficient"
    assert verdict(finding("X1", Family.MARKET, others), finding("X2", Family.RHYTHM, others)).hypothesis == "organic"


weights = st.dictionaries(
    st.sampled_from(["data_error", "incentivised", "concentrated", "inflated"]), st.floats(-4, 4), max_size=4
)


@given(st.lists(st.tuples(st.sampled_from(list(Family)), weights), max_size=12))
def test_scores_are_capped_and_the_order_of_findings_does_not_matter(items):
    found = [finding(f"X{i}", family, given_weights) for i, (family, given_weights) in enumerate(items)]
    forward, backward = verdict(*found), verdict(*reversed(found))
    assert forward.hypothesis == backward.hypothesis
    for hypothesis, score in forward.scores.items():
        assert abs(score.log10_lr) <= PROVISIONAL_CAP
        assert score.log10_lr == pytest.approx(backward.scores[hypothesis].log10_lr, abs=1e-6)
    assert forward.scores[Hypothesis.ORGANIC].log10_lr == 0
    if forward.sufficient:
        rivals = [s.log10_lr for h, s in forward.scores.items() if h is not forward.leading]
        assert forward.scores[forward.leading].log10_lr - max(rivals) >= 1 - 1e-6


@given(st.lists(st.tuples(st.sampled_from(list(Family)), weights), max_size=8))
def test_every_verdict_can_be_put_into_words_without_an_accusation(items):
    result = verdict(*[finding(f"X{i}", family, w) for i, (family, w) in enumerate(items)])
    said = " ".join(
        catalogue().write(m) for m in (result.words, *result.reasons, *result.would_settle, result.calibration)
    ).lower()
    assert not any(word in said for word in ("fraud", "fake", "cheat", "guilty", "manipulat", "{"))


TABLE = ReferenceTable(
    "t",
    provisional=True,
    rules={
        "V": Reference(
            "value", "", (Band(0.5, math.inf, "", {Hypothesis.INFLATED: 2.0, Hypothesis.CONCENTRATED: -2.0}),)
        ),
        "P": Reference("p", "", (Band(-math.inf, 0.1, "", {Hypothesis.INFLATED: 2.0}),)),
    },
)


@pytest.mark.parametrize(
    ("n", "p", "expected", "against"),
    [
        (9, None, 1.0, -1.0),
        (0, None, 2.0, -2.0),
        (999, None, 2.0, -2.0),
        (999, 0.1, 1.0, -2.0),
        (9, 0.5, math.log10(2), -1.0),
    ],
)
def test_a_ratio_never_exceeds_its_reference(n, p, expected, against):
    weighed = weigh(finding("V", value=0.9, n_reference=n, p=p), TABLE)
    assert weighed.log10_lr[Hypothesis.INFLATED] == pytest.approx(expected, abs=1e-6)
    assert weighed.log10_lr[Hypothesis.CONCENTRATED] == pytest.approx(against, abs=1e-6)


def test_low_confidence_shrinks_toward_no_weight():
    from dataclasses import replace

    weak = replace(finding("V", value=0.9), confidence=Confidence.LOW)
    assert weigh(weak, TABLE).log10_lr[Hypothesis.INFLATED] == pytest.approx(1.0)


@pytest.mark.parametrize("case", [{"value": 0.1}, {"value": math.nan}])
def test_an_outcome_outside_the_bands_carries_no_weight(case):
    weighed = weigh(finding("V", **case), TABLE)
    assert not weighed.weighs
    assert not weighed.log10_lr


def test_a_missing_p_carries_no_weight():
    assert not weigh(finding("P", value=1.0, p=None), TABLE).weighs


def test_the_judged_table_is_provisional_bounded_and_says_why():
    table = judged_table()
    assert table.provisional
    for rule, reference in table.rules.items():
        assert reference.why, rule
        for band in reference.bands:
            assert band.low < band.high
            assert Hypothesis.ORGANIC not in band.log10_lr
            assert all(abs(v) <= PROVISIONAL_CAP for v in band.log10_lr.values())


@pytest.mark.parametrize(
    ("log10_lr", "word"),
    [
        (-1, "no support"),
        (0.3, "no support"),
        (0.302, "weak"),
        (1, "moderate"),
        (2, "moderately strong"),
        (3.0001, "strong"),
    ],
)
def test_the_verbal_scale(log10_lr, word):
    assert Strength.of(log10_lr).value == word


def test_the_shipped_table_can_be_read_and_is_bounded():
    table = reference_table()
    assert table.version
    for curve in table.curves.values():
        assert Hypothesis.ORGANIC not in curve.log10_lr
        assert all(abs(v) <= PROVISIONAL_CAP for values in curve.log10_lr.values() for v in values)
    assert table.provisional == (not table.curves)
    assert all(tier.inflated_from >= 1 for tier in table.tiers.values())
