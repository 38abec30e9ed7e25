"""When a rise is an alarm: the guarantee, and the bookkeeping behind it."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.watch.budget import DAYS_PER_YEAR, Budget
from auditor.watch.cycles import OPEN, PURSE_DAYS, QUIET, Alarm, Detector, advance, allotment

BUDGET = Budget(6, 0.95)


def days_of(detector, scores, budget=BUDGET, excused=frozenset(), start=0):
    """Feed one dict of scores per day; return all alarms."""
    alarms: list[Alarm] = []
    for i, day in enumerate(scores):
        listed = [(name, score, score) for name, score in day.items()]
        alarms += advance(detector, f"{start + i:05d}", listed, budget, excused=excused).alarms
    return alarms


def excursions(rng, days, entities):
    """Exchangeable excursions: quiet days, now and then a run of high days with a heavy-tailed peak."""
    left = np.zeros(entities, dtype=int)
    height = np.zeros(entities)
    for _ in range(days):
        begin = (left == 0) & (rng.random(entities) < 0.02)
        left = np.where(begin, rng.integers(1, 12, entities) + QUIET, np.maximum(left - 1, 0))
        height = np.where(begin, OPEN + rng.pareto(1.5, entities), height)
        yield {
            f"e{j:02d}": float(height[j] * rng.random() ** 0.2) if left[j] > QUIET else -1.0 for j in range(entities)
        }


@pytest.mark.parametrize("entities", [3, 40])
def test_expected_false_alarms_stay_within_what_is_spent(entities):
    # The guarantee, on worlds in which it must hold exactly: exchangeable excursions with a heavy tail.
    years, worlds, count = 3, 12, 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        count += len(days_of(Detector(), excursions(rng, int(years * 365.25), entities)))
    expected = BUDGET.expected * years * worlds
    assert count <= expected + 3 * np.sqrt(expected)
    assert count > 0  # a monitor that never speaks keeps any budget


def test_spending_never_exceeds_the_budget():
    detector, rng = Detector(), np.random.default_rng(0)
    spent, days = 0.0, 800
    before = 0.0
    for i, scores in enumerate(excursions(rng, days, 30)):
        days_of(detector, [scores], start=i)
        spent += max(0.0, before + BUDGET.expected / DAYS_PER_YEAR - detector.purse)
        before = detector.purse
    assert spent <= BUDGET.expected * days / DAYS_PER_YEAR + 1e-9


def test_no_alarm_before_the_reference_is_large_enough():
    detector = Detector()
    alarms = days_of(detector, [{"a": 0.0}] * 5 + [{"a": 1e6}] * 4)
    assert not alarms
    assert detector.open["a"].p == 1.0


def trained(peaks=400):
    detector = Detector(pool=[OPEN + 0.001 * i for i in range(peaks)], begun=[1] * 365)
    detector.purse = PURSE_DAYS * BUDGET.expected / DAYS_PER_YEAR
    return detector


def test_an_excursion_alarms_once_and_ends_once():
    detector = trained()
    alarms = days_of(detector, [{"a": 50.0}] * 10)
    assert [(a.entity, a.opened, a.day) for a in alarms] == [("a", "00000", "00000")]
    ended = [advance(detector, f"1{i:04d}", [("a", -1.0, 0.0)], BUDGET).ended for i in range(QUIET)]
    assert [e for e in ended if e] == [(("a", "00000"),)]
    assert detector.pool[-1] == 50.0


def test_p_value_only_falls_while_an_excursion_lasts():
    detector, last = trained(), 1.0
    for i, score in enumerate([0.3, 0.9, 0.5, 0.55, 0.64, 0.2, 5.0]):
        days_of(detector, [{"a": score, "b": 0.3 + 0.05 * i}], start=i)
        assert detector.open["a"].p <= last
        last = detector.open["a"].p


def test_reference_is_what_had_ended_before_the_excursion_began():
    detector = trained(10)
    days_of(detector, [{"a": 1.0}])
    detector.pool += [99.0] * 50
    days_of(detector, [{"a": 2.0}], start=1)
    assert detector.open["a"].p == pytest.approx(1 / 11)


def test_event_drops_the_excursion_unranked():
    detector = trained()
    days_of(detector, [{"a": 0.5}])
    pool = list(detector.pool)
    days_of(detector, [{"a": 60.0}] * 5, excused=frozenset({"a"}), start=1)
    assert detector.pool == pool
    assert not detector.open


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_order_of_entities_does_not_matter(seed, cut):
    rng = np.random.default_rng(seed)
    history = list(excursions(rng, 60, 6))
    one, other = trained(50), trained(50)
    days_of(one, history)
    days_of(other, [dict(sorted(day.items(), key=lambda kv: hash((kv[0], cut)))) for day in history])
    assert asdict(one) == asdict(other)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 59))
def test_state_written_and_read_back_goes_on_alike(seed, cut):
    from auditor.watch.state import Monitor, State

    history = list(excursions(np.random.default_rng(seed), 60, 6))
    whole = trained(50)
    days_of(whole, history)
    state = State(monitors={"s": Monitor(detector=trained(50))})
    days_of(state.monitors["s"].detector, history[:cut])
    back = State.from_bytes(state.to_bytes())
    days_of(back.monitors["s"].detector, history[cut:], start=cut)
    assert asdict(back.monitors["s"].detector) == asdict(whole)
    assert json.loads(state.to_bytes())["version"] == 1


def test_weight_is_an_equal_part_of_the_year():
    detector = Detector(begun=[1] * 365)
    assert allotment(detector, BUDGET) == pytest.approx(BUDGET.expected / DAYS_PER_YEAR, rel=0.01)
