"""AUD133: elasticities worked by hand, changes to and from zero, notes and listed prices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor
from auditor.case import EventKind
from auditor.casefile import read as read_case
from auditor.detectors import price_elasticity
from auditor.detectors.price_elasticity import price_changes
from auditor.window import resolve
from tests.detectors.made import event, exact, findings, market, observations, said, scene

#: Tests read the fields of an outcome without asking whether they are there.
detect: Any = price_elasticity.detect


PRICE, START, END = EventKind.PRICE, EventKind.FREE_START, EventKind.FREE_END


def stepped(columns, factor, row=42, name="s"):
    return columns | {name: columns[name] * np.where(np.arange(len(columns[name])) >= row, factor, 1.0)}


def price(old, new, row=42, days=84):
    return np.where(np.arange(days) >= row, new, old)


def test_worked_answer():
    # The price doubles and the volume halves: ln(1/2) / ln 2 = -1.
    events = event(42, PRICE, "price_usd_per_m_output: 1 to 2")
    (found,) = findings(detect(scene(stepped(exact(), 0.5), (40, 50), events)))
    assert found.statistic.value == pytest.approx(-1.0)
    assert found.variant == "log"
    assert "rose on 2026-02-16 to 2.00 times" in said([found])


def test_a_cut_that_doubles_demand_is_as_elastic_as_a_rise_that_halves_it():
    events = event(42, PRICE, "output price from $4 to $1")
    (found,) = findings(detect(scene(stepped(exact(), 2.0), (40, 50), events)))
    assert found.statistic.value == pytest.approx(-0.5)


def test_what_moves_all_is_not_an_answer_to_the_price():
    columns = {name: values * np.where(np.arange(84) >= 42, 3.0, 1.0) for name, values in exact().items()}
    (found,) = findings(detect(scene(columns, (40, 50), event(42, PRICE, "price 1 to 2"))))
    assert found.statistic.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "note", "factor", "arc"),
    [
        (END, "", 1 / 3, -0.5),  # (1/3 - 1) / (1/3 + 1)
        (START, "", 3.0, -0.5),
        (PRICE, "price_output: 0 to 2", 1 / 3, -0.5),
        (PRICE, "price_output: 2 to 0", 3.0, -0.5),
        (START, "", 1 / 3, 0.5),
    ],
)
def test_zero_has_an_arc_elasticity_only(kind, note, factor, arc):
    (found,) = findings(detect(scene(stepped(exact(), factor), (40, 50), event(42, kind, note))))
    assert (found.variant, found.statistic.value) == ("arc", pytest.approx(arc))
    assert "has no elasticity" in said([found])
    assert "AUD133.limit_zero" in {m.key for m in found.limits}


def test_a_free_end_and_its_paid_price_are_one_change():
    events = (
        event(42, END, "free variant withdrawn"),
        event(42, PRICE, "paid at $0.325 in, $1.95 out per million tokens"),
    )
    where = scene(stepped(exact(), 0.1), (40, 50), *events)
    (change,) = price_changes(where)
    assert change.new == {"prompt": 0.325, "completion": 1.95}
    assert change.kind == "arc"
    assert len(findings(detect(where))) == 1


@pytest.mark.parametrize(
    "note",
    [
        "",
        "free from 2026-02-16 to 2026-02-20",
        "open from 3 to 5 pm",
        "price_usd_per_m_cache_read: 0.3 to 0.1",
        "now cheaper",
        "$1 in May",
    ],
)
def test_a_note_without_two_prices_states_none(note):
    (found,) = detect(scene(stepped(exact(), 0.5), (40, 50), event(42, PRICE, note)))
    assert found.reason.key in {"AUD133.no_amount", "AUD133.no_change"}


def test_listed_prices_are_read_and_hold_until_the_next():
    listed = observations({"s": [1.0] + [np.nan] * 41 + [2.0] + [np.nan] * 41}, "price_output_per_1m")
    (found,) = findings(detect(scene(stepped(exact(), 0.5), (40, 50), more=[listed])))
    assert found.statistic.value == pytest.approx(-1.0)


def test_prompt_and_completion_prices_span_the_interval():
    listed = [
        observations({"s": price(1.0, 2.0)}, "price_input_per_1m"),
        observations({"s": price(1.0, 4.0)}, "price_output_per_1m"),
    ]
    (found,) = findings(detect(scene(stepped(exact(), 0.5), (40, 50), more=listed)))
    # ln(1/2) over the mean of ln 2 and ln 4; between ln(1/2) / ln 2 and ln(1/2) / ln 4.
    assert found.statistic.value == pytest.approx(-1 / 1.5)
    assert (found.statistic.low, found.statistic.high) == (pytest.approx(-1.0), pytest.approx(-0.5))


def test_prices_that_moved_both_ways_give_no_elasticity():
    listed = [
        observations({"s": price(1.0, 2.0)}, "price_input_per_1m"),
        observations({"s": price(4.0, 1.0)}, "price_output_per_1m"),
    ]
    (found,) = detect(scene(stepped(exact(), 0.5), (40, 50), more=listed))
    assert found.reason.key == "AUD133.no_amount"


def test_other_price_changes_are_the_comparison():
    columns = market(entities=30)
    table = {name: price(1.0, 2.0, row=20 + i) for i, name in enumerate(columns)}
    table["s"] = price(1.0, 2.0, row=42)
    listed = [observations(table, "price_output_per_1m")]
    ordinary = findings(detect(scene(columns, (40, 50), more=listed)))[0]
    assert ordinary.statistic.n_reference == 29
    assert ordinary.statistic.p > 0.1
    fallen = findings(detect(scene(stepped(columns, 0.02), (40, 50), more=listed)))[0]
    assert fallen.statistic.rank == 1
    assert fallen.statistic.value < -4


def test_the_interval_holds_the_truth_in_noise():
    inside = 0
    for seed in range(20):
        columns = stepped(market(seed=seed), 0.5)
        found = detect(scene(columns, (40, 50), event(42, PRICE, "price 1 to 2")))[0]
        inside += found.statistic.low <= -1.0 <= found.statistic.high
    assert inside >= 15  # nominal 90 % of 20


def test_reasons_not_to_run():
    assert detect(scene(market(), (40, 50)))[0].reason.key == "AUD133.no_change"
    early = {name: values[:30] for name, values in market().items()}
    assert detect(scene(early, (1, 4), event(2, END)))[0].reason.key == "AUD133.no_step"


@settings(max_examples=12, deadline=None)
@given(factor=st.sampled_from([0.5, 1024.0]), weeks=st.integers(0, 3), seed=st.integers(0, 4))
def test_units_and_whole_weeks_change_nothing(factor, weeks, seed):
    columns, change = stepped(market(seed=seed), 0.4), event(42, PRICE, "price 1 to 2")
    plain = detect(scene(columns, (40, 50), change))[0].statistic
    moved = detect(scene({k: factor * v for k, v in columns.items()}, (40, 50), change, shift=7 * weeks))[0].statistic
    assert (moved.value, moved.low, moved.high) == (
        pytest.approx(plain.value),
        pytest.approx(plain.low),
        pytest.approx(plain.high),
    )


@pytest.mark.shared
def test_the_founding_case_lost_almost_all_when_it_was_no_longer_free(shared: Path, project: Path):
    case = read_case(project / "data" / "fixtures" / "qwen3.6-plus" / "case.yaml")
    panel = auditor.read(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    first = findings(detect(resolve(panel, case)))[0]
    assert first.variant == "arc"
    assert -0.96 < first.statistic.value < -0.9
