"""The shipped rules: each is whole, quiet where it should be, modest in its weight, and speaks of figures only."""

import re

import pytest

from auditor import rulebook
from auditor.findings import Hypothesis
from auditor.rulebook import linting, testing
from auditor.rulebook.book import Rulebook
from auditor.rulebook.files import shipped
from auditor.rulebook.model import MOST_WEIGHT

BOOK = rulebook.load()
IDS = [rule.id for rule in BOOK.rules]


@pytest.mark.parametrize("rule_id", IDS)
def test_a_rule_binds_and_passes_its_own_tests(rule_id: str) -> None:
    rule = BOOK.rule(rule_id)
    assert [str(e) for e in linting.bound(rule)] == []
    results = testing.test([rule])
    assert len(results) >= 3
    assert [str(r.problem) for r in results if r.problem] == []


def test_at_least_thirty_rules_in_five_groups() -> None:
    assert len(BOOK.rules) >= 30
    assert {r.group for r in BOOK.rules} == {"accounting", "units", "vintage", "cross-source", "context"}
    assert sorted(IDS) == IDS


@pytest.mark.parametrize("rule_id", IDS)
def test_the_file_is_named_after_the_rule(rule_id: str) -> None:
    rule = BOOK.rule(rule_id)
    assert rule.file == str(shipped() / f"{rule.id}_{rule.name}.yaml")


@pytest.mark.parametrize("rule_id", IDS)
def test_weights_are_modest_and_speak_of_conduct_least(rule_id: str) -> None:
    rule = BOOK.rule(rule_id)
    for band in rule.weights.bands:
        assert all(abs(v) <= MOST_WEIGHT[rule.weights.basis] for v in band.log10_lr.values())
        assert band.log10_lr.get(Hypothesis.INFLATED, 0.0) <= 0.3
        assert band.log10_lr.get(Hypothesis.CONCENTRATED, 0.0) <= 0.5


@pytest.mark.parametrize("rule_id", IDS)
def test_the_words_accuse_nobody_and_name_no_case(rule_id: str) -> None:
    rule = BOOK.rule(rule_id)
    words = " ".join((rule.title, rule.description, rule.rationale, rule.message, *rule.falsepositives)).lower()
    found = re.findall(r"\b(fraud|fake|cheat|manipulat|culprit|guilt|suspicious|qwen|alibaba)\w*", words)
    assert found == []


def test_every_band_that_is_cut_covers_what_its_rule_can_return(book: Rulebook) -> None:
    for rule in book.rules:
        if rule.weights.bands and rule.weights.measure:
            assert all(b.low < b.high for b in rule.weights.bands), rule.id
