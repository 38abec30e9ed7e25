"""A quick version of ``python -m benchmarks.rulebook``: a few placements of each class on a simulated ranking."""

import pytest

from auditor.findings import NotApplicable
from auditor.rulebook.book import Rulebook
from benchmarks.rulebook import power
from benchmarks.rulebook.corruptions import CLASSES, Corruption
from benchmarks.rulebook.spoilt import Base, Spoilt


@pytest.fixture(scope="module")
def base() -> Base:
    return power.simulated()


@pytest.mark.parametrize("chosen", CLASSES, ids=lambda c: c.spoil.__name__)
def test_the_rule_meant_for_a_corruption_catches_it(book: Rulebook, base: Base, chosen: Corruption) -> None:
    (result,) = power.measure(book, base, placements=3, seed=11, classes=[chosen])
    assert (result.placed, result.caught) == (3, 3), result


def test_the_clean_ranking_is_quiet(book: Rulebook, base: Base) -> None:
    hits = book.hits(Spoilt(base.long(), lambda _: False).scene())
    spoken = {r: len(h) for r, h in hits.items() if not isinstance(h, NotApplicable) and h}
    assert spoken == {}
    assert sum(not isinstance(h, NotApplicable) for h in hits.values()) >= 20
