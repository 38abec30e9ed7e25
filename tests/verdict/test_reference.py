"""The measured table at audit time: curves, weights, thresholds, domains, and what is said of them."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.case import Case
from auditor.errors import UsageError
from auditor.findings import Family, Finding, Hypothesis, NotApplicable, Statistic, Window
from auditor.observations import Frequency
from auditor.texts.catalogue import catalogue
from auditor.texts.message import Message
from auditor.verdict.combine import contributions, tier_of
from auditor.verdict.decide import decide
from auditor.verdict.domain import FOREIGN_CAP, Domain, domain_of
from auditor.verdict.priors import parse, posterior
from auditor.verdict.table import JUDGED_MOST, Curve, Reference, ReferenceTable, Tier, judged_table
from auditor.verdict.wanted import expected
from auditor.verdict.weigh import Band, weigh
from tests.build import panel, scene

H = Hypothesis
SCENE = scene(panel({"a": [1.0] * 30 + [3.0] * 15, "b": [1.0] * 45}), "a", "2026-02-04:2026-02-18")
OTHER = scene(panel({"a": [1.0, 2.0, 3.0], "b": [1.0] * 3}, metric="downloads"), "a", "2026-01-06:2026-01-07")

LINE = Curve(
    "value", steps=False, knots=(0.0, 1.0, 3.0), log10_lr={H.INFLATED: (-0.5, 0.5, 2.5)}, cases={H.ORGANIC: 80.0}
)
STEPS = Curve(
    "p", steps=True, knots=(0.0, 0.1, 0.5), log10_lr={H.INFLATED: (1.2, 0.2, -0.4), H.DATA_ERROR: (0.5, 0.0, 0.0)}
)


def table(**changes):
    base = ReferenceTable(
        version="9",
        provisional=False,
        rules={
            "L": Reference("value", "because", (Band(-np.inf, np.inf, "", {H.INFLATED: 2.0, H.INCENTIVISED: 2.0}),))
        },
        curves={("L", ""): LINE, ("S", ""): STEPS, ("T", ""): LINE},
        tiers={
            1: Tier(
                weights={"L": {H.INFLATED: 0.5}, "S": {H.INFLATED: 1.0, H.DATA_ERROR: 1.0}},
                factor={H.INFLATED: 0.8},
                inflated_from=1.3,
                errors={"false_count": 1, "false_total": 2000, "false_high": 0.003, "power": 0.61, "cllr": 0.7},
            ),
            3: Tier(
                weights={"L": {H.INFLATED: 1.0}, "S": {H.INFLATED: 1.0}, "T": {H.INFLATED: 1.0}}, cap={H.INFLATED: 1.5}
            ),
        },
        tier_of={"T": 3},
        detectable=(
            {"tier": 1, "established": True, "days": 7, "least": None, "largest": 3.0, "power": 0.1, "n": 20},
            {"tier": 1, "established": True, "days": 14, "least": 0.4, "largest": 3.0, "power": 0.9, "n": 30},
            {"tier": 1, "established": False, "days": 14, "least": 2.0, "largest": 3.0, "power": 0.2, "n": 10},
        ),
        information=({"rule": "AUD161", "first": "organic", "second": "inflated", "log10_lr": 0.7},),
    )
    return replace(base, **changes)


def finding(rule, family=Family.MARKET, value=1.0, **statistic):
    return Finding(
        rule, "1", rule, family, "a", None, Message.literal("x"), Statistic("s", value, **statistic)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("x", "expected_"), [(-9, -0.5), (0, -0.5), (0.5, 0.0), (1, 0.5), (2, 1.5), (3, 2.5), (99, 2.5)]
)
def test_a_curve_is_interpolated_and_constant_beyond_its_ends(x, expected_):
    assert LINE.at(x)[H.INFLATED] == pytest.approx(expected_)


@pytest.mark.parametrize(("x", "expected_"), [(-1, 1.2), (0.05, 1.2), (0.1, 0.2), (0.49, 0.2), (0.5, -0.4), (1, -0.4)])
def test_a_stepped_curve_holds_its_lower_edge(x, expected_):
    assert STEPS.at(x)[H.INFLATED] == expected_


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_a_rising_curve_never_falls(a, b):
    low, high = sorted((a, b))
    assert LINE.at(low)[H.INFLATED] <= LINE.at(high)[H.INFLATED] + 1e-12


def test_a_measurement_counts_before_a_judgement_which_is_held_to_ten():
    weighed = weigh(finding("L", value=3.0), table())
    assert weighed.log10_lr == {H.INFLATED: 2.5, H.INCENTIVISED: JUDGED_MOST}
    assert weigh(finding("L", value=3.0), table(curves={}, provisional=True)).log10_lr[H.INCENTIVISED] == 2.0


def test_a_corrected_p_caps_a_judgement_but_not_a_measurement():
    weighed = weigh(finding("L", value=3.0, n_reference=99, p=0.9), table())
    assert weighed.log10_lr[H.INFLATED] == 2.0  # n_reference + 1
    assert weighed.log10_lr[H.INCENTIVISED] == pytest.approx(-np.log10(0.9), abs=1e-6)


def test_measured_tests_are_added_with_their_weights_and_factor_and_judged_ones_averaged():
    held = table()
    found = [weigh(finding("L", value=3.0), held), weigh(finding("S", Family.RHYTHM, p=0.05), held)]
    families = contributions(found, held, tier=1)
    assert families[Family.MARKET][H.INFLATED] == pytest.approx(0.8 * 0.5 * 2.5)
    assert families[Family.MARKET][H.INCENTIVISED] == JUDGED_MOST
    assert families[Family.RHYTHM][H.INFLATED] == pytest.approx(0.8 * 1.2)
    assert families[Family.RHYTHM][H.DATA_ERROR] == pytest.approx(0.5)


def test_without_fitted_weights_families_are_averaged():
    held = table(tiers={1: Tier(factor={H.INFLATED: 0.5})})
    found = [weigh(finding("L", value=3.0), held), weigh(finding("S", p=0.05), held)]
    assert contributions(found, held, tier=1)[Family.MARKET][H.INFLATED] == pytest.approx(0.5 * (2.5 + 1.2) / 2)


def test_the_tier_is_that_of_the_best_informed_test_that_weighs():
    held = table()
    assert tier_of([weigh(finding("L"), held)], held) == 1
    assert tier_of([weigh(finding("L"), held), weigh(finding("T", Family.INDEPENDENCE), held)], held) == 3
    assert tier_of([replace(finding("T", Family.INDEPENDENCE), weighs=False)], held) == 1


def test_of_several_outcomes_of_a_measured_test_the_smallest_p_counts():
    held = table()
    rows = [weigh(finding("S", p=p), held) for p in (0.7, 0.05)]
    assert (
        contributions(rows, held, tier=1)
        == contributions(rows[::-1], held, tier=1)
        == contributions(rows[1:], held, tier=1)
    )


def two_families(held, strength=3.0):
    return [
        weigh(finding("L", value=strength), held),
        weigh(finding("S", Family.RHYTHM, p=0.05), held),
    ]


def test_inflated_is_named_only_above_the_measured_threshold():
    plain = table(rules={})
    verdict = decide(SCENE, two_families(plain), (), plain)
    assert verdict.hypothesis == "inflated"
    stricter = replace(plain, tiers={1: replace(plain.tiers[1], inflated_from=1.99)})
    verdict = decide(SCENE, two_families(stricter), (), stricter)
    assert verdict.hypothesis == "insufficient"
    assert [r.key for r in verdict.reasons] == ["verdict.reasons.below_measured"]


def test_the_cap_of_a_tier_holds():
    held = table(rules={})
    found = [*two_families(held), weigh(finding("T", Family.INDEPENDENCE, value=3.0), held)]
    verdict = decide(SCENE, found, (), held)
    assert verdict.tier == 3
    assert verdict.scores[H.INFLATED].log10_lr == 1.5


@pytest.mark.parametrize(
    ("built", "expected_"),
    [
        (SCENE, Domain.NATIVE),
        (OTHER, Domain.FOREIGN),
        (scene(panel({"a": [1.0] * 9}, frequency=Frequency.WEEK), "a", "2026-01-05:2026-01-19"), Domain.FOREIGN),
    ],
)
def test_the_domain_is_that_of_the_figures(built, expected_):
    assert domain_of(built) is expected_


def test_elsewhere_ratios_of_conduct_are_halved_and_capped_and_those_of_errors_are_not():
    held = table(rules={})
    native = contributions(two_families(held), held, tier=1)
    foreign = contributions(two_families(held), held, tier=1, domain=Domain.FOREIGN)
    assert foreign[Family.MARKET][H.INFLATED] == pytest.approx(native[Family.MARKET][H.INFLATED] / 2)
    assert foreign[Family.RHYTHM][H.DATA_ERROR] == native[Family.RHYTHM][H.DATA_ERROR]
    loud = [weigh(finding(f"{r}", f, value=3.0), held) for r, f in (("L", Family.MARKET), ("T", Family.INDEPENDENCE))]
    heavy = replace(held, tiers={3: Tier(weights={"L": {H.INFLATED: 1.0}, "T": {H.INFLATED: 1.0}})})
    assert decide(OTHER, loud, (), heavy).scores[H.INFLATED].log10_lr == FOREIGN_CAP
    assert decide(OTHER, loud, (), heavy, domain=Domain.REBUILT).scores[H.INFLATED].log10_lr == 3.0


def test_a_verdict_says_what_it_rests_on():
    held = table()
    verdict = decide(SCENE, two_families(held), (), held)
    texts = catalogue()
    assert not verdict.provisional
    assert verdict.basis == {"L": "mixed", "S": "measured"}
    said = texts.write(verdict.calibration)
    assert "1 of 2,000 real cases" in said
    assert "61.0 %" in said
    assert verdict.domain == "native"
    assert verdict.domain_words is not None
    assert "daily token counts" in texts.write(verdict.domain_words)
    assert verdict.error_rates["false_total"] == 2000
    assert not verdict.posterior


@pytest.mark.parametrize(
    ("window", "least", "words"),
    [
        ("2026-02-04:2026-02-18", 0.4, "An inflation under 40.0 % over 14 days"),
        ("2026-02-04:2026-02-12", None, "Not even an inflation of 300 % over 7 days"),
        ("2026-02-04:2026-02-05", None, "over 7 days"),  # shorter than any tried: the shortest
    ],
)
def test_how_small_an_inflation_would_have_been_found(window, least, words):
    built = scene(panel({"a": [1.0] * 30 + [3.0] * 15, "b": [1.0] * 45}), "a", window)
    found = decide(built, [], (), table()).detectable
    assert found is not None
    assert found.least == least
    assert found.established
    assert words in catalogue().write(found.words)
    assert decide(OTHER, [], (), table()).detectable is None


def test_a_new_subject_is_compared_with_injections_into_new_ones():
    built = scene(panel({"a": [None] * 20 + [3.0] * 15, "b": [1.0] * 35}), "a", "2026-01-25:2026-02-08")
    found = decide(built, [], (), table()).detectable
    assert found is not None
    assert found.least == 2.0


def test_missing_data_are_ranked_by_what_their_tests_were_measured_to_tell():
    verdict = decide(SCENE, [], [NotApplicable("AUD121", "1", "x", Family.MARKET, Message.literal("x"))], table())
    kinds = [w.kind for w in verdict.wanted]
    assert kinds[:2] == ["accounts", "independent"] or verdict.leading is not H.INFLATED
    assert tuple(w.words for w in verdict.wanted) == verdict.would_settle
    assert "total" in kinds
    assert expected(["AUD161"], H.INFLATED, H.ORGANIC, table()) == 0.7
    assert expected(["AUD161"], H.ORGANIC, H.INFLATED, table()) == 0.7
    assert expected(["AUD141"], H.INFLATED, H.ORGANIC, table()) is None


def test_priors_of_the_user_give_a_posterior_and_change_nothing_else():
    held = table(rules={})
    priors = parse({"data_error": 5, "organic": 60, "incentivised": 25, "concentrated": 8, "inflated": 2})
    with_, without = (decide(SCENE, two_families(held), (), held, priors=p) for p in (priors, None))
    assert with_.hypothesis == without.hypothesis
    assert sum(with_.posterior.values()) == pytest.approx(1)
    odds = with_.posterior[H.INFLATED] / with_.posterior[H.ORGANIC]
    assert odds == pytest.approx(2 / 60 * 10 ** with_.scores[H.INFLATED].log10_lr, rel=1e-4)
    assert with_.posterior_words is not None
    said = catalogue().write(with_.posterior_words)
    assert "the user" in said
    assert "not the tool's" in said


@given(st.lists(st.floats(0.001, 1000), min_size=5, max_size=5), st.lists(st.floats(-3, 3), min_size=5, max_size=5))
def test_a_posterior_is_a_probability_and_no_evidence_leaves_the_prior(weights, ratios):
    priors = parse({h.value: w for h, w in zip(H, weights, strict=True)})
    after = posterior(priors, dict(zip(H, ratios, strict=True)))
    assert sum(after.values()) == pytest.approx(1, abs=1e-6)
    assert posterior(priors, {}) == pytest.approx(dict(priors), abs=1e-8)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"organic": 1.0}, "missing: data_error"),
        ({h.value: 1.0 for h in H} | {"fraud": 1.0}, "unknown: fraud"),
        ({h.value: 1.0 for h in H} | {"inflated": 0.0}, "inflated is 0.0"),
        ({h.value: 1.0 for h in H} | {"inflated": float("nan")}, "inflated is nan"),
    ],
)
def test_impossible_priors_are_refused(entries, words):
    with pytest.raises(UsageError, match=words):
        parse(entries)


def test_the_judged_table_stands_alone():
    judged = judged_table()
    assert judged.provisional
    assert judged.rules
    assert not judged.curves


def test_every_new_sentence_can_be_written_and_accuses_nobody():
    held = table()
    priors = parse({h.value: 1.0 for h in H})
    for built in (SCENE, OTHER):
        for domain in Domain:
            verdict = decide(built, two_families(held), (), held, domain=domain, priors=priors)
            messages = [
                verdict.words,
                verdict.calibration,
                *verdict.reasons,
                verdict.domain_words,
                verdict.posterior_words,
            ]
            if verdict.detectable:
                messages.append(verdict.detectable.words)
            said = " ".join(catalogue().write(m) for m in messages if m is not None).lower()
            assert not any(word in said for word in ("fraud", "fake", "cheat", "guilty", "manipulat", "{"))


def test_a_case_and_its_window_are_not_changed():
    case = Case(subject=("a",), window=Window(datetime(2026, 2, 4), datetime(2026, 2, 18)))
    before = repr(case)
    decide(SCENE, two_families(table()), (), table())
    assert repr(case) == before


def explained(topic):
    from click.testing import CliRunner

    from auditor.commands.explain import command

    return CliRunner().invoke(command, [topic], catch_exceptions=False, standalone_mode=False).output


def test_explaining_the_verdict_tells_what_was_measured(monkeypatch):
    full = table(tiers={t: table().tiers[1] for t in (1, 2, 3)}, origin={"episodes": 1234})
    monkeypatch.setattr("auditor.verdict.weigh.reference_table", lambda: full)
    said = " ".join(explained("verdict").split())
    for words in (
        "1,234 windows",
        "a factor of 20 with totals only",
        "Tier 1: 1 of 2,000 real cases",
        "placebo windows",
        "the reader's",
        "never names anybody",
    ):
        assert words in said
    assert "provisional" not in said


def test_explaining_a_test_tells_its_measured_ratios(monkeypatch):
    full = table(curves={("AUD114", ""): LINE, ("AUD172", "none"): replace(STEPS, cases={H.ORGANIC: 99.0})}, rules={})
    monkeypatch.setattr("auditor.verdict.weigh.reference_table", lambda: full)
    assert "value = 1: inflated +0.50" in explained("AUD114")
    assert "independent cases: organic 80" in explained("AUD114")
    said = explained("AUD172")
    assert "none: independent cases: organic 99" in said
    assert "p < 0.1: inflated +1.20, data_error +0.50" in said
    assert "0.5 <= p: inflated -0.40" in said
    assert "no likelihood ratio" in explained("AUD101")


def test_while_nothing_is_measured_the_explanation_says_provisional(monkeypatch):
    monkeypatch.setattr("auditor.verdict.weigh.reference_table", judged_table)
    said = " ".join(explained("verdict").split())
    assert "provisional bands" in said
    assert "three families" in said
