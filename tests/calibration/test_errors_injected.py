"""Errors of the record change what they are said to change, and nothing else."""

import numpy as np
import pytest

from auditor.calibration import errors_injected as wrong
from auditor.calibration.composition import Sheet, compose
from auditor.calibration.market import Market, cut
from auditor.calibration.proxies import proxies
from auditor.errors import UsageError
from tests.calibration.test_injections import base


@pytest.fixture(name="market")
def _market() -> Market:
    made = base()
    return cut(made, (made.entities[2],), 60, 67)


@pytest.fixture(name="sheets")
def _sheets(market: Market) -> dict[str, Sheet]:
    nothing = Sheet("total_tokens", "tokens", market.entities, market.values, market.other)
    rng = np.random.default_rng(0)
    return {"total_tokens": nothing, **compose(market, rng), **proxies(market, rng)}


def total(sheet: Sheet) -> np.ndarray:
    return np.asarray(np.nansum(sheet.values, axis=1) + sheet.other)


def test_a_doubled_day_doubles_every_count_of_that_day_and_no_other(sheets: dict[str, Sheet]) -> None:
    damage = wrong.doubled_day(sheets, "total_tokens", 40)
    assert damage.magnitude == 1.0
    for name, sheet in damage.sheets.items():
        before = sheets[name].values
        factor = 2.0 if name == "total_tokens" or name in wrong.COUNTED else 1.0
        np.testing.assert_array_equal(sheet.values[40], before[40] * factor)
        np.testing.assert_array_equal(np.delete(sheet.values, 40, axis=0), np.delete(before, 40, axis=0))
    after = total(damage.sheets["total_tokens"])
    assert after[40] == 2 * total(sheets["total_tokens"])[40]


def test_a_partial_day_keeps_the_share_that_had_passed(sheets: dict[str, Sheet]) -> None:
    damage = wrong.partial_day(sheets, "total_tokens", 50, share=0.3)
    made = total(damage.sheets["total_tokens"])[50] / total(sheets["total_tokens"])[50]
    assert made == pytest.approx(0.3, rel=1e-6)
    assert damage.partial == 50
    np.testing.assert_array_equal(damage.sheets["downloads"].values, sheets["downloads"].values)


@pytest.mark.parametrize("parts", [True, False])
def test_a_unit_jump_touches_one_entity(sheets: dict[str, Sheet], market: Market, parts: bool) -> None:
    subject = market.entities[market.column]
    damage = wrong.unit_jump(sheets, "total_tokens", slice(60, 62), subject, factor=1000.0, parts=parts)
    for name, sheet in damage.sheets.items():
        moved = ~((sheet.values == sheets[name].values) | (np.isnan(sheet.values) & np.isnan(sheets[name].values)))
        touched = name == "total_tokens" or (parts and name in {"prompt_tokens", "completion_tokens"})
        expected = np.zeros_like(moved)
        if touched:
            expected[60:62, sheet.entities.index(subject)] = True
        np.testing.assert_array_equal(moved, expected)


def test_merging_two_ids_conserves_the_total_and_the_length_of_the_list(
    sheets: dict[str, Sheet], market: Market
) -> None:
    subject = market.entities[market.column]
    other = wrong.partner(market, np.random.default_rng(1))
    assert other is not None
    damage = wrong.merged_ids(sheets, "total_tokens", 60, subject, other, np.random.default_rng(2))
    before, after = sheets["total_tokens"], damage.sheets["total_tokens"]
    np.testing.assert_allclose(total(after), total(before), rtol=1e-12)
    np.testing.assert_array_equal(np.isfinite(after.values).sum(axis=1), np.isfinite(before.values).sum(axis=1))
    gone = after.values[60:, after.entities.index(other)]
    assert not np.isfinite(gone).any()
    mine = after.values[60:, market.column] - before.values[60:, market.column]
    np.testing.assert_array_equal(mine, before.values[60:, before.entities.index(other)])


def test_a_restatement_keeps_what_was_said_before(sheets: dict[str, Sheet], market: Market) -> None:
    subject = market.entities[market.column]
    damage = wrong.restatement(sheets, "total_tokens", slice(60, 67), subject, factor=1.5)
    assert damage.restated is not None
    np.testing.assert_array_equal(damage.restated[60:67], market.values[60:67, market.column])
    assert not np.isfinite(damage.restated[:60]).any()
    after = damage.sheets["total_tokens"].values[60:67, market.column]
    np.testing.assert_allclose(after / damage.restated[60:67], 1.5, rtol=1e-6)


def test_ids_that_are_never_listed_together_cannot_be_merged(sheets: dict[str, Sheet]) -> None:
    lonely = {
        "total_tokens": Sheet("total_tokens", "", ("a", "b"), np.array([[1.0, np.nan], [np.nan, 2.0]]), np.full(2, 9.0))
    }
    with pytest.raises(UsageError, match="never listed together"):
        wrong.merged_ids(lonely, "total_tokens", 0, "a", "b", np.random.default_rng(0))
