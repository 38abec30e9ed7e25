"""What changed between readings, and what was known when."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.archive import as_known_on, revision_summary, revisions
from auditor.archive.vintages import parse_as_of
from auditor.errors import InputError, UsageError
from benchmarks.archive import vintages as real


def frame(*rows: tuple[Any, ...], columns: str = "date entity value as_of") -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns.split())
    return table.assign(date=pd.to_datetime(table["date"]), metric="tokens")


TWO_READINGS = frame(
    ("2026-04-01", "a", 100.0, "2026-04-02T00:00Z"),
    ("2026-04-01", "b", 50.0, "2026-04-02T00:00Z"),
    ("2026-04-01", "a", 110.0, "2026-04-03T12:00Z"),
    ("2026-04-01", "c", 7.0, "2026-04-03T12:00Z"),
)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-05T01:35:00Z", datetime(2026, 4, 5, 1, 35, tzinfo=UTC)),
        ("2026-06-22T13:00:37+08:00", datetime(2026, 6, 22, 5, 0, 37, tzinfo=UTC)),
        ("2026-10-11T00:27Z", datetime(2026, 10, 11, 0, 27, tzinfo=UTC)),
        ("2026-04-05 01:35", datetime(2026, 4, 5, 1, 35, tzinfo=UTC)),
        ("2026-04-05", datetime(2026, 4, 5, tzinfo=UTC)),
        ("week ending 2026-04-05", datetime(2026, 4, 5, tzinfo=UTC)),
        ("page:20250205104428", datetime(2025, 2, 5, 10, 44, 28, tzinfo=UTC)),
    ],
)
def test_as_of_statements(text: str, moment: datetime) -> None:
    assert parse_as_of(text) == moment


@pytest.mark.parametrize("text", ["", "recently", "2026-04-05 to 2026-04-06", "week 2026-02-30", "page:20259905104428"])
def test_an_as_of_without_one_moment_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_as_of(text)


def test_rows_only_readings_leave_what_they_do_not_list() -> None:
    changes = revisions(TWO_READINGS)
    assert list(changes["entity"]) == ["a"]
    row = changes.iloc[0]
    assert (row["kind"], row["old"], row["new"], row["change"], row["ratio"]) == ("restated", 100, 110, 10, 1.1)
    assert row["lag_days"] == 1.5
    assert row["as_of"] == pd.Timestamp("2026-04-03T12:00")
    assert row["as_of_old"] == pd.Timestamp("2026-04-02")
    known = as_known_on(TWO_READINGS, "2026-04-03")
    assert dict(zip(known["entity"], known["value"], strict=True)) == {"a": 110, "b": 50, "c": 7}


@pytest.mark.parametrize("by_column", [False, True])
def test_whole_day_readings_withdraw_and_add(by_column: bool) -> None:
    rows = TWO_READINGS.assign(complete=True) if by_column else TWO_READINGS
    options: dict[str, Any] = {} if by_column else {"complete_days": True}
    changes = revisions(rows, **options).set_index("entity")
    assert changes["kind"].to_dict() == {"a": "restated", "b": "withdrawn", "c": "added"}
    assert changes.loc["b", "old"] == 50
    assert changes["new"].isna().to_dict() == {"a": False, "b": True, "c": False}
    known = as_known_on(rows, "2026-04-03", **options)
    assert dict(zip(known["entity"], known["value"], strict=True)) == {"a": 110, "c": 7}
    before = as_known_on(rows, "2026-04-02", **options)
    assert dict(zip(before["entity"], before["value"], strict=True)) == {"a": 100, "b": 50}
    assert len(as_known_on(rows, "2026-04-01", **options)) == 0


def test_the_caller_can_say_that_no_reading_is_whole() -> None:
    assert list(revisions(TWO_READINGS.assign(complete=True), complete_days=False)["kind"]) == ["restated"]


def test_a_figure_that_returns_is_added_again() -> None:
    rows = frame(
        ("2026-04-01", "a", 1.0, "2026-04-02"), ("2026-04-01", "b", 1.0, "2026-04-02"),
        ("2026-04-01", "a", 1.0, "2026-04-03"),
        ("2026-04-01", "a", 1.0, "2026-04-04"), ("2026-04-01", "b", 2.0, "2026-04-04"),
    )  # fmt: skip
    changes = revisions(rows, complete_days=True)
    assert list(changes["kind"]) == ["withdrawn", "added"]
    assert list(changes["lag_days"]) == [1, 2]


def test_a_whole_day_reading_says_nothing_of_other_days_metrics_and_sources() -> None:
    rows = pd.concat(
        [
            frame(("2026-04-01", "a", 1.0, "2026-04-02"), ("2026-04-02", "a", 1.0, "2026-04-03")),
            frame(("2026-04-02", "b", 1.0, "2026-04-04")),
            frame(("2026-04-02", "a", 9.0, "2026-04-03")).assign(metric="requests"),
        ]
    ).assign(source="s")
    other = frame(("2026-04-02", "a", 5.0, "2026-04-03")).assign(source="t")
    known = as_known_on(pd.concat([rows, other]), "2026-05-01", complete_days=True)
    found = {(str(r.date)[:10], r.entity, r.metric, r.source) for r in known.itertuples()}
    assert found == {
        ("2026-04-01", "a", "tokens", "s"), ("2026-04-02", "b", "tokens", "s"),
        ("2026-04-02", "a", "requests", "s"), ("2026-04-02", "a", "tokens", "t"),
    }  # fmt: skip


def test_dimensions_are_figures_of_their_own() -> None:
    rows = frame(
        ("2026-04-01", "a", "app 1", 1.0, "2026-04-02"),
        ("2026-04-01", "a", "app 2", 1.0, "2026-04-02"),
        ("2026-04-01", "a", None, 2.0, "2026-04-02"),
        ("2026-04-01", "a", "app 2", 3.0, "2026-04-03"),
        columns="date entity dimension value as_of",
    )
    changes = revisions(rows)
    assert list(changes["dimension"]) == ["app 2"]
    assert len(as_known_on(rows, "2026-04-05")) == 3


def test_a_partial_day_completed_is_no_restatement() -> None:
    rows = TWO_READINGS.assign(status=["partial", "partial", "observed", "observed"])
    changes = revisions(rows)
    assert list(changes["kind"]) == ["completed"]
    summary = revision_summary(rows, changes)
    assert (summary["completed"], summary["restatements"], summary["largest"]) == (1, 0, None)


@pytest.mark.parametrize(("period", "lag"), [(7, -4.5), (1, 1.5), (0.5, 2.0)])
def test_lags_count_from_the_end_of_the_period(period: float, lag: float) -> None:
    assert list(revisions(TWO_READINGS, period_days=period)["lag_days"]) == [lag]


def test_equal_readings_are_no_change_and_zero_has_no_ratio() -> None:
    rows = frame(
        ("2026-04-01", "a", 0.0, "2026-04-02"), ("2026-04-01", "a", 0.0, "2026-04-03"),
        ("2026-04-01", "a", 5.0, "2026-04-04"), ("2026-04-01", "b", float("nan"), "2026-04-02"),
        ("2026-04-01", "b", float("nan"), "2026-04-03"),
    )  # fmt: skip
    changes = revisions(rows)
    assert list(zip(changes["old"], changes["new"], strict=True)) == [(0, 5)]
    assert np.isnan(changes["ratio"].iloc[0])


def test_two_figures_under_one_as_of_are_a_change_and_the_later_counts() -> None:
    rows = frame(("2026-04-01", "a", 1.0, "2026-04-02"), ("2026-04-01", "a", 2.0, "2026-04-02"))
    assert list(revisions(rows)["new"]) == [2]
    assert list(as_known_on(rows, "2026-04-02")["value"]) == [2]


@pytest.mark.parametrize(
    ("when", "values"),
    [
        ("2026-04-01", []),
        ("2026-04-02", [100, 50]),
        (date(2026, 4, 2), [100, 50]),
        ("2026-04-03T11:59Z", [100, 50]),
        ("2026-04-03T20:00+08:00", [50, 110, 7]),
        (datetime(2026, 4, 3, 12, 0), [50, 110, 7]),  # without a zone on purpose: UTC
        (pd.Timestamp("2026-04-03", tz="UTC"), [100, 50]),
        ("2026-04-03", [50, 110, 7]),
    ],
)
def test_a_day_counts_to_its_end_and_a_moment_exactly(when: Any, values: list[float]) -> None:
    assert list(as_known_on(TWO_READINGS, when)["value"]) == values


@pytest.mark.parametrize("when", ["soon", "2026-13-01", 5])
def test_when_must_be_a_date(when: Any) -> None:
    with pytest.raises(UsageError, match="no date"):
        as_known_on(TWO_READINGS, when)


def test_a_missing_as_of_is_refused() -> None:
    with pytest.raises(InputError, match="as_of is missing in 1 rows"):
        revisions(TWO_READINGS.assign(as_of=TWO_READINGS["as_of"].where(TWO_READINGS["entity"] != "b")))


def test_no_observations_give_no_changes() -> None:
    empty = TWO_READINGS.iloc[:0]
    for options in ({}, {"complete_days": True}):
        assert len(revisions(empty, **options)) == 0
        assert len(as_known_on(empty, "2026-04-02", **options)) == 0
    assert revision_summary(empty, revisions(empty))["figures"] == 0


def rows_of(table: pd.DataFrame, column: str) -> list[tuple[date, str, Any]]:
    return list(zip(table["date"].dt.date, table["entity"], table[column], strict=True))


readings = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from("abc"), st.integers(0, 3), st.integers(1, 5)), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(rows=readings, whole=st.booleans(), as_category=st.booleans())
def test_the_panel_and_the_changes_agree_with_a_plain_walk_through_the_readings(
    rows: list[tuple[int, str, int, int]], whole: bool, as_category: bool
) -> None:
    start = date(2026, 4, 1)
    table = frame(
        *[(start + timedelta(day), entity, float(value), f"2026-05-0{as_of}") for day, entity, value, as_of in rows]
    )
    if as_category:
        table = table.astype({"entity": "category", "metric": "category", "as_of": "category"})
    state: dict[tuple[date, str], float] = {}
    seen: set[date] = set()
    expected: list[tuple[str, date, str]] = []
    for now in range(1, 6):
        reading: dict[date, list[tuple[str, float]]] = {}
        for day, entity, value, as_of in rows:
            if as_of == now:
                reading.setdefault(start + timedelta(day), []).append((entity, float(value)))
        for day_, listed in reading.items():
            before = {entity for known, entity in state if known == day_}
            if whole:
                for entity in before - {entity for entity, _ in listed}:
                    expected.append(("withdrawn", day_, entity))
                    del state[day_, entity]
            for entity, figure in listed:
                if (day_, entity) in state and state[day_, entity] != figure:
                    expected.append(("restated", day_, entity))
                elif whole and day_ in seen and (day_, entity) not in state:
                    expected.append(("added", day_, entity))
                state[day_, entity] = figure
            seen.add(day_)
        known = as_known_on(table, f"2026-05-0{now}", complete_days=whole)
        assert {(day, entity): value for day, entity, value in rows_of(known, "value")} == state
    changes = revisions(table, complete_days=whole)
    found = [(kind, day, entity) for day, entity, kind in rows_of(changes, "kind")]
    assert sorted(found) == sorted(expected)


@pytest.mark.shared
def test_real_restatements_are_reproduced_from_the_archive(shared: Path) -> None:
    # OpenRouter rankings-daily read daily from 2026-06-22 to 2026-07-07 (CC BY 4.0)
    unmet = [row for row in real.restatements(shared) if row.met is False]
    assert unmet == []


@pytest.mark.shared
def test_the_example_pair_yields_exactly_the_differing_rows(shared_root: Path) -> None:
    (row,) = real.example_pair(shared_root / "sources")
    assert (row.result, row.met) == ("36 / 36", True)
