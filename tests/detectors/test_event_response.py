"""AUD134: steps at dated events on worked examples, their ranks, and real cases."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor
from auditor.case import EventKind
from auditor.casefile import read as read_case
from auditor.detectors import event_response
from auditor.detectors.event_response import RULE
from auditor.findings import Confidence, NotApplicable, Severity, Window
from auditor.observations import Frequency, Observations
from auditor.panel import Panel
from auditor.window import resolve
from tests.detectors.made import event, exact, findings, market, observations, said, scene

#: Tests read the fields of an outcome without asking whether they are there.
detect: Any = event_response.detect


def stepped(columns, row=42, factor=4.0):
    lifted = np.where(np.arange(len(columns["s"])) >= row, factor, 1.0)
    return columns | {"s": columns["s"] * lifted}


def test_worked_answer():
    # Four times the level from row 42 on, weekdays alike, no noise: the step is ln 4 and no placebo date has one.
    (found,) = findings(detect(scene(stepped(exact()), (40, 50), event(42))))
    assert found.statistic.value == pytest.approx(np.log(4.0))
    assert (found.statistic.rank, found.variant) == (1, "rise")
    assert found.statistic.p == pytest.approx(1 / (found.statistic.n_reference + 1))
    assert found.severity is Severity.HIGH
    assert "4.0 times" in said([found])


def test_a_step_without_an_event_on_its_date_is_not_credited_to_another():
    (found,) = findings(detect(scene(stepped(market(), 60), (40, 50), event(42))))
    assert found.statistic.p > 0.05
    assert found.figures["large_moves_with_an_event"] == 0


def test_what_moves_everyone_is_no_response():
    columns = {name: values * np.where(np.arange(84) >= 42, 4.0, 1.0) for name, values in market().items()}
    (found,) = findings(detect(scene(columns, (40, 50), event(42))))
    assert abs(found.statistic.value) < 0.5
    assert found.statistic.p > 0.05


def test_several_events_cost_what_they_are_worth():
    one = findings(detect(scene(stepped(market()), (40, 50), event(42))))[0].statistic.p
    found = findings(detect(scene(stepped(market()), (40, 50), event(42), event(30), event(56))))[0]
    assert len(found.data.rows) == 3
    assert found.statistic.p == pytest.approx(3 * found.figures["p_of_this_event"])
    assert found.statistic.p > one


def test_a_step_ends_where_the_next_event_begins():
    columns = stepped(stepped(exact(), 42, 4.0), 45, 0.25)
    (found,) = findings(detect(scene(columns, (40, 50), event(42), event(45))))
    table = {row[0]: row for row in found.data.rows}
    assert len(table) == 2
    (first, second) = (table[k] for k in sorted(table))
    assert first[3] == 3
    assert first[4] == pytest.approx(np.log(4.0))
    # The week before the second event is partly the first one's: rows 42 to 44 stand four times too high there.
    assert second[4] == pytest.approx(-3 / 7 * np.log(4.0))


def test_events_of_other_entities_and_far_events_are_left_out():
    far = detect(scene(market(), (40, 50), event(5)))
    assert far[0].reason.key == "AUD134.no_events"
    other = detect(scene(market(), (40, 50), event(42, entity="p03")))
    assert other[0].reason.key == "AUD134.no_events"
    own = detect(scene(market(), (40, 50), event(42, entity="s")))
    assert not isinstance(own[0], NotApplicable)


def test_a_launch_without_a_cutoff_has_no_step():
    columns = market()
    columns["s"] = np.where(np.arange(84) < 42, np.nan, columns["s"])
    (found,) = detect(scene(columns, (42, 50), event(42, EventKind.LAUNCH)))
    assert found.reason.key == "AUD134.no_step"


def test_a_launch_below_a_cutoff_is_bounded():
    columns = market() | {"other": np.full(84, 1.0)}
    columns["s"] = np.where(np.arange(84) < 42, np.nan, columns["s"] * 50)
    (found,) = findings(detect(scene(columns, (42, 50), event(42, EventKind.LAUNCH))))
    assert "AUD134.limit_bound" in {m.key for m in found.limits}
    assert found.statistic.value > 0


def test_a_series_alone_is_ranked_among_its_own_dates_with_low_confidence():
    (found,) = findings(detect(scene({"s": stepped(market())["s"]}, (40, 50), event(42))))
    assert found.confidence is Confidence.LOW
    assert found.statistic.n_reference >= 20


def test_too_few_dates_give_no_rank():
    short = {name: values[:24] for name, values in market(entities=2).items()}
    (found,) = findings(detect(scene(short, (14, 16), event(14))))
    assert (found.statistic.p, found.weighs) == (None, False)


def test_weeks_have_no_season_and_work():
    frame = observations({k: v[:40] for k, v in stepped(market(), 20).items()})
    first = frame["date"].min()
    frame = frame.assign(date=first + (frame["date"] - first) * 7)
    panel = Panel.of(Observations(frame, Frequency.WEEK))
    days = scene(market(), (0, 1)).case
    dates = panel.table().dates
    case = replace(
        days,
        window=Window(dates[18].to_pydatetime(), dates[24].to_pydatetime()),
        events=(replace(event(0), date=dates[20].to_pydatetime()),),
    )
    (found,) = findings(detect(resolve(panel, case)))
    assert found.statistic.value == pytest.approx(np.log(4.0), abs=0.5)
    assert found.statistic.p < 0.05


@settings(max_examples=12, deadline=None)
@given(factor=st.sampled_from([0.5, 8.0, 1024.0]), weeks=st.integers(0, 4), seed=st.integers(0, 5))
def test_units_whole_weeks_and_a_constant_bystander_change_nothing(factor, weeks, seed):
    columns = stepped(market(seed=seed))
    plain = detect(scene(columns, (40, 50), event(42)))[0]
    moved = detect(scene({k: factor * v for k, v in columns.items()}, (40, 50), event(42), shift=7 * weeks))[0]
    assert moved.statistic.value == pytest.approx(plain.statistic.value)
    assert moved.statistic.p == plain.statistic.p
    with_constant = detect(scene(columns | {"zz": np.full(84, 1.0)}, (40, 50), event(42)))[0]
    assert with_constant.statistic.rank == plain.statistic.rank


@pytest.mark.shared
def test_the_founding_case_steps_at_its_events(shared: Path, project: Path):
    case = read_case(project / "data" / "fixtures" / "qwen3.6-plus" / "case.yaml")
    panel = auditor.read(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    (found,) = findings(detect(resolve(panel, case)))
    table = {row[0]: row for row in found.data.rows}
    assert sorted(table) == ["2026-03-30", "2026-04-02", "2026-04-08"]
    # It went from hundreds of billions to about forty when the free period ended.
    assert table["2026-04-08"][4] < -2.5
    assert table["2026-04-02"][4] > 2.5
    assert found.rule == RULE.id
