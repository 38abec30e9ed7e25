"""Restatements: their size, direction and lag, and what is not one."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.detectors.revisions import detect
from auditor.findings import Finding, Hypothesis, NotApplicable, Severity
from auditor.observations import Frequency, Observations, Source, Status
from auditor.panel import Panel
from auditor.sources.files import read as read_file
from auditor.texts.catalogue import catalogue
from auditor.verdict.weigh import judged_table, weigh
from tests.build import scene
from tests.detectors.two_metrics import only

DAYS = pd.date_range("2026-01-05", periods=6)
WINDOW = "2026-01-06:2026-01-08"


def reading(lag: float, factors=None, *, factor: float = 1.0, width: float = 0.0) -> pd.DataFrame:
    """Return one reading of everything, each day ``lag`` days after it was over; ``factors`` scales cells by (entity, day number)."""
    rows = []
    for k, entity in enumerate(("s", *(f"p{i}" for i in range(9)))):
        for number, day in enumerate(DAYS):
            value = 1000.0 * (k + 1) * factor * (factors or {}).get((entity, number), 1.0)
            moment = day + pd.Timedelta(days=1 + lag)
            rows.append((day, entity, "tokens", value, moment.strftime("%Y-%m-%dT%H:%M:%SZ")))
    frame = pd.DataFrame(rows, columns=["date", "entity", "metric", "value", "as_of"])
    return frame.assign(low=frame["value"] - width / 2, high=frame["value"] + width / 2)


def outcome(*readings: pd.DataFrame):
    panel = Panel.of(Observations(pd.concat(readings, ignore_index=True), Frequency.DAY, (Source("test"),)))
    return only(detect(scene(panel, "s", WINDOW)))


def finding(*readings: pd.DataFrame) -> Any:
    found = outcome(*readings)
    assert isinstance(found, Finding), catalogue().write(found.reason)
    return found


def flags(found: Finding) -> tuple[str, ...]:
    return tuple(name for name in ("large", "down", "late") if found.figures[name])


def test_figures_that_stood_are_said_to_have_stood():
    found = finding(reading(0.1), reading(1.0))
    assert (found.statistic.value, found.variant, found.severity) == (0.0, "unchanged", Severity.INFO)
    assert found.figures["cells"] == 3
    assert "none was restated" in catalogue().write(found.statement)


def test_a_large_restatement_upward_is_ranked_among_the_others():
    found = finding(reading(0.1), reading(1.0, {("s", 2): 1.058, ("p3", 2): 1.00001}))
    assert found.statistic.value == pytest.approx(0.058)
    assert (found.statistic.rank, found.statistic.n_reference, found.statistic.p) == (1, 9, pytest.approx(0.1))
    assert flags(found) == ("large",)
    assert "5.8 %, of 2026-01-07 (from 1,000 to 1,058), seen 1.0 days" in catalogue().write(found.statement)


def test_downward_and_late_are_flagged():
    found = finding(reading(0.1), reading(4.0), reading(9.0, {("s", 1): 0.97}))
    assert found.statistic.value == pytest.approx(-0.03)
    assert flags(found) == ("large", "down", "late")
    assert found.severity is Severity.HIGH


def test_a_change_seen_late_but_not_known_to_have_come_late_is_not_flagged_late():
    found = finding(reading(0.1), reading(20.0, {("s", 1): 1.0005}))
    assert flags(found) == ()
    assert found.variant == "ordinary"


def test_a_figure_counts_as_corrected_where_late_counting_cannot_explain_it():
    def variant(lag: float, factor: float) -> str:
        return str(finding(reading(0.1), reading(lag, {("s", 1): factor})).variant)

    # Within three days: what late records did on record stays ordinary counting, however it is flagged.
    assert [variant(1.0, f) for f in (1.00001, 1.003, 1.058, 1.099)] == ["ordinary", "flagged", "flagged", "flagged"]
    assert [variant(1.0, f) for f in (1.11, 0.97, 0.995)] == ["corrected", "corrected", "flagged"]
    assert [variant(6.0, f) for f in (1.058, 1.021, 1.019, 0.9)] == ["corrected", "corrected", "flagged", "corrected"]
    found = finding(reading(0.1), reading(6.0, {("s", 1): 1.5, ("s", 2): 1.2}))
    assert found.figures["corrected_steps"] == 2
    assert "2 restatements" in " ".join(catalogue().write(m) for m in found.limits)


def test_small_restatements_upward_carry_next_to_nothing_and_corrections_support_an_error_of_the_record():
    def weight(*readings: pd.DataFrame) -> float:
        return weigh(finding(*readings), judged_table()).log10_lr.get(Hypothesis.DATA_ERROR, 0.0)

    assert abs(weight(reading(0.1), reading(1.0, {("s", 1): 1.00001}))) <= 0.1
    assert abs(weight(reading(0.1), reading(1.0, {("s", 1): 1.058}))) <= 0.1
    # Nine other entities, none of them corrected: a ratio of ten at most, whatever the band says.
    assert weight(reading(0.1), reading(6.0, {("s", 1): 1.5})) == pytest.approx(1.0)


def test_outside_the_window_nothing_is_held_against_the_subject():
    found = finding(reading(0.1), reading(1.0, {("s", 5): 1.5}))
    assert found.statistic.value == 0.0
    assert found.figures["elsewhere_above_1e-3"] > 0


def test_a_day_that_was_not_over_is_not_restated_by_its_completion():
    early = reading(-0.5, factor=0.4)
    assert outcome(early, reading(0.5)).reason.key == "AUD173.one_vintage"
    partial = reading(0.1, factor=0.4).assign(status=int(Status.PARTIAL))
    found = finding(partial, reading(0.5).assign(status=1), reading(1.0).assign(status=1))
    assert found.statistic.value == 0.0


def test_rounding_is_not_a_restatement():
    found = finding(reading(0.1, width=10.0), reading(1.0, factor=1.004, width=10.0))
    assert found.statistic.value == 0.0


@pytest.mark.parametrize("lag", [None, 0.1])
def test_one_reading_is_not_enough(lag: float | None):
    found = outcome(reading(0.1)) if lag is None else outcome(reading(lag).assign(as_of="2026-02-01T00:00:00Z"))
    assert isinstance(found, NotApplicable)
    assert found.reason.key == "AUD173.one_vintage"


def test_a_window_read_once_is_said_so():
    again = reading(1.0)
    assert outcome(reading(0.1), again[again["entity"] != "s"]).reason.key == "AUD173.window_once"


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-3, 1e9), weeks=st.integers(1, 20), change=st.floats(0.5, 2.0))
def test_units_and_whole_weeks_do_not_matter(factor: float, weeks: int, change: float):
    first = finding(reading(0.1), reading(1.0, {("s", 2): change}))
    scaled = finding(reading(0.1, factor=factor), reading(1.0, {("s", 2): change}, factor=factor))
    assert scaled.statistic.value == pytest.approx(first.statistic.value, rel=1e-6, abs=1e-9)
    assert flags(scaled) == flags(first)


@pytest.mark.shared
def test_the_vintages_of_one_platform_hold_what_is_known_of_them(shared: Path):
    panel = Panel.of(read_file(shared / "openrouter" / "rankings_daily_vintages_2026-05-23_2026-07-05.csv"))
    found: list[Any] = []
    for entity in panel.table().entities:
        here = scene(panel, entity)
        here = type(here)(panel, here.case, here.table, here.subject, slice(0, len(here.table.dates)))
        found += [o for o in detect(here) if isinstance(o, Finding)]
    assert len(found) > 60
    assert not any(f.figures["down"] for f in found)
    assert not any(f.figures["late"] for f in found)
    assert max(f.statistic.value for f in found) == pytest.approx(0.0034, abs=2e-4)
    assert sum(f.figures["large"] for f in found) == 2
    assert found[0].figures["elsewhere_median"] == pytest.approx(1.3e-5, rel=0.1)
