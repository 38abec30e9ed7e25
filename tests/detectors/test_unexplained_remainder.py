"""AUD135: the parts of a rise add up, and go where they belong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditor
from auditor.case import EventKind
from auditor.casefile import read as read_case
from auditor.detectors import unexplained_remainder
from auditor.window import resolve
from tests.detectors.made import event, exact, findings, market, said, scene

#: Tests read the fields of an outcome without asking whether they are there.
detect: Any = unexplained_remainder.detect


def lifted(columns, factor=4.0, first=42, stop=49):
    rows = np.arange(len(columns["s"]))
    return columns | {"s": columns["s"] * np.where((rows >= first) & (rows < stop), factor, 1.0)}


def parts(found):
    return [found.figures[k] for k in ("weekday", "common", "dated", "rest")]


def test_worked_answer():
    # A week at three times 5 x 100 + 2 x 50 = 600: 1,800. The level is the mean logarithm: 100 x 0.5^(2/7) a day.
    level = 7 * 100 * 0.5 ** (2 / 7)
    (found,) = findings(detect(scene(lifted(exact(), 3.0), (42, 48), event(42))))
    assert found.figures["rise"] == pytest.approx(1800 - level)
    assert parts(found) == pytest.approx([600 - level, 0.0, 1200.0, 0.0], abs=1e-9)
    assert found.variant == "events"


def test_without_an_event_the_same_rise_is_rest_and_says_that_this_is_no_evidence():
    (found,) = findings(detect(scene(lifted(exact(), 3.0), (42, 48))))
    assert found.figures["rest"] == pytest.approx(1200.0)
    assert (found.variant, found.weighs) == ("no_events", False)
    assert "not evidence that there was none" in said([found])


def test_a_week_that_all_share_is_common():
    columns = {name: values * np.where(np.arange(84) >= 42, 3.0, 1.0) for name, values in exact().items()}
    (found,) = findings(detect(scene(columns, (42, 48))))
    assert found.figures["common"] == pytest.approx(1200.0)
    assert found.figures["rest"] == pytest.approx(0.0, abs=1e-6)


def test_an_event_accounts_for_what_rose_within_days_of_it_only():
    columns = exact()
    # 200 more from row 42 on, another 300 from row 47 on (both weekdays in phase terms are left as they are).
    add = np.where(np.arange(84) >= 42, 200.0, 0.0) + np.where(np.arange(84) >= 47, 300.0, 0.0)
    columns["s"] = columns["s"] + add
    (found,) = findings(detect(scene(columns, (42, 48), event(42))))
    assert found.figures["dated"] == pytest.approx(7 * 200.0)
    assert found.figures["rest"] == pytest.approx(2 * 300.0)
    (longer,) = findings(detect(scene(columns, (42, 48), event(42)), {"within": 5}))
    assert longer.figures["dated"] == pytest.approx(7 * 200.0 + 2 * 300.0)


def test_a_fall_is_taken_from_both_parts_alike():
    columns = exact()
    add = np.array([0.0] * 42 + [100.0, 100, 100, 100, 400, 200, 200])
    columns["s"] = columns["s"][:49] + add
    columns = {k: v[:49] for k, v in columns.items()}
    (found,) = findings(detect(scene(columns, (42, 48), event(42))))
    # Row 46: 100 dated, 300 not; then half of it all is left.
    assert found.figures["rest"] == pytest.approx(300 + 150 + 150)


def test_the_end_of_a_free_period_is_no_cause_of_a_rise():
    (found,) = findings(detect(scene(lifted(exact(), 3.0), (42, 48), event(42, EventKind.FREE_END))))
    assert found.variant == "no_events"


def test_an_unusual_rest_is_ranked_and_an_ordinary_one_is_not_unusual():
    (high,) = findings(detect(scene(lifted(market(30, 150), 6.0, 100, 107), (100, 106), event(90))))
    assert high.statistic.rank == 1
    assert high.statistic.low > 0.5
    (usual,) = findings(detect(scene(lifted(market(30, 150), 1.12, 100, 107), (100, 106), event(90))))
    assert usual.statistic.p > 0.02


def test_a_new_subject_has_no_weekdays_or_peers_to_compare_with():
    columns = market()
    columns["s"] = np.where(np.arange(84) < 42, np.nan, columns["s"])
    (found,) = findings(detect(scene(columns, (42, 48), event(42, EventKind.LAUNCH))))
    assert found.variant == "new"
    assert found.statistic.value < 0.1  # what noise adds after the third day
    (alone,) = findings(detect(scene(columns, (42, 48))))
    assert (alone.variant, alone.statistic.value, alone.weighs) == ("new_no_events", 1.0, False)


def test_reasons_not_to_run():
    assert detect(scene(lifted(exact(), 0.5), (42, 48)))[0].reason.key == "AUD135.no_rise"
    assert detect(scene(exact(), (0, 3)))[0].reason.key == "AUD135.no_base"


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 9),
    rows=st.lists(st.integers(36, 50), max_size=3),
    within=st.integers(0, 6),
    scale=st.sampled_from([0.5, 1024.0]),
    weeks=st.integers(0, 3),
)
def test_the_parts_add_up_in_any_unit(seed, rows, within, scale, weeks):
    columns, events = lifted(market(seed=seed), 3.0), [event(r) for r in rows]
    (found,) = findings(detect(scene(columns, (42, 50), *events), {"within": within}))
    assert sum(parts(found)) == pytest.approx(found.figures["rise"])
    scaled = {k: scale * v for k, v in columns.items()}
    (moved,) = findings(detect(scene(scaled, (42, 50), *events, shift=7 * weeks), {"within": within}))
    assert moved.statistic.value == pytest.approx(found.statistic.value, abs=1e-9)
    assert moved.statistic.p == found.statistic.p


@pytest.mark.shared
def test_the_founding_case_arose_beside_its_events(shared: Path, project: Path):
    case = read_case(project / "data" / "fixtures" / "qwen3.6-plus" / "case.yaml")
    panel = auditor.read(shared / "openrouter" / "rankings_daily_2026-03-16_2026-04-25.csv")
    (found,) = findings(detect(resolve(panel, case)))
    assert found.variant == "new"
    assert found.statistic.value < 0.05
