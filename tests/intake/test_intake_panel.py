"""Observations become a panel: every cell with its status, never guessed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditor import panel as module
from auditor.errors import InputError, UsageError
from auditor.observations import Frequency, Observations, Status, concatenate
from auditor.panel import Panel, Table

DAY = Frequency.DAY


def observations(
    rows: list[tuple[Any, ...]], columns: str = "date entity value", frequency: Frequency = DAY
) -> Observations:
    frame = pd.DataFrame(rows, columns=columns.split())
    frame["date"] = pd.to_datetime(frame["date"], format="ISO8601")
    if "metric" not in frame:
        frame["metric"] = "tokens"
    return Observations(frame, frequency)


def table(rows: list[tuple[Any, ...]], columns: str = "date entity value", *, absent: str = "auto") -> Table:
    return Panel.of(observations(rows, columns), absent=absent).table()


def test_absent_is_censored_where_a_remainder_is_published_and_missing_elsewhere() -> None:
    found = table([("2026-08-01", "a", 10), ("2026-08-01", "b", 4), ("2026-08-01", "other", 3), ("2026-08-02", "a", 9)])
    assert found.entities == ("a", "b")
    assert found.status.tolist() == [[1, 1], [Status.OBSERVED, Status.MISSING]]
    found = table(
        [("2026-08-01", "a", 10), ("2026-08-01", "b", 4), ("2026-08-02", "a", 9), ("2026-08-02", "Others", 3)]
    )
    assert found.status[1].tolist() == [Status.OBSERVED, Status.CENSORED]
    assert (found.low[1, 1], found.high[1, 1], found.cutoff[1]) == (0, 9, 9)
    assert np.isnan(found.cutoff[0])


@pytest.mark.parametrize(
    ("absent", "status"), [("censored", Status.CENSORED), ("missing", Status.MISSING), ("auto", Status.MISSING)]
)
def test_absent_can_be_stated(absent: str, status: Status) -> None:
    rows = [("2026-08-01", "a", 10), ("2026-08-01", "b", 4), ("2026-08-02", "a", 9)]
    assert table(rows, absent=absent).status[1, 1] == status
    with pytest.raises(UsageError):
        table(rows, absent="zero")


def test_a_day_nobody_published_is_a_row_of_missing_cells() -> None:
    found = table([("2026-08-01", "a", 1), ("2026-08-03", "a", 2), ("2026-08-03", "other", 2)])
    assert len(found.dates) == 3
    assert found.status[:, 0].tolist() == [1, Status.MISSING, 1]
    assert np.isnan(found.values[1, 0])
    assert not found.published[1]


def test_published_bounds_and_rounding_are_kept_apart() -> None:
    nan = float("nan")
    found = table(
        [
            ("2026-08-01", "a", 10, 9.5, 10.5, 1),
            ("2026-08-01", "b", nan, 0, 2, Status.CENSORED),
            ("2026-08-01", "c", nan, 0, 3, Status.CENSORED),
            ("2026-08-01", "d", 8, nan, nan, 1),
            ("2026-08-02", "a", 11, 10.5, 11.5, Status.PARTIAL),
        ],
        "date entity value low high status",
    )
    assert found.low[0].tolist() == [9.5, 0, 0, 8]
    assert found.high[0].tolist() == [10.5, 2, 3, 8]
    assert found.status[0].tolist() == [1, 3, 3, 1]
    assert found.cutoff[0] == 3
    assert found.status[1].tolist() == [Status.PARTIAL, 0, 0, 0]


def test_the_latest_publication_wins_in_any_order_of_rows() -> None:
    rows = [
        ("2026-08-01", "a", 10, "2026-08-03"),
        ("2026-08-01", "a", 12, "2026-08-05T10:00:00+08:00"),
        ("2026-08-01", "b", 5, "2026-08-03"),
        ("2026-08-01", "b", 5, "2026-08-05"),
        ("2026-08-01", "other", 1, "2026-08-03"),
        ("2026-08-01", "other", 2, "2026-08-05"),
    ]
    for order in (rows, rows[::-1], rows[2:] + rows[:2]):
        found = table(order, "date entity value as_of")
        assert found.values.tolist() == [[12, 5]]
        assert found.status.tolist() == [[Status.REVISED, Status.OBSERVED]]
        assert found.other.tolist() == [2]


def test_a_day_completed_later_is_no_revision() -> None:
    rows = [
        ("2026-08-01", "a", 4, Status.PARTIAL, "2026-08-01T12:00Z"),
        ("2026-08-01", "a", 10, 1, "2026-08-02T12:00Z"),
    ]
    assert table(rows, "date entity value status as_of").status.tolist() == [[Status.OBSERVED]]
    rows.append(("2026-08-01", "a", 11, 1, "2026-08-03T12:00Z"))
    assert table(rows, "date entity value status as_of").status.tolist() == [[Status.REVISED]]


def test_a_difference_within_rounding_is_no_revision() -> None:
    rows = [("2026-08-01", "a", 10, 9.5, 10.5, "2026-08-03"), ("2026-08-01", "a", 10.4, 9.9, 10.9, "2026-08-05")]
    assert table(rows, "date entity value low high as_of").status.tolist() == [[Status.OBSERVED]]


def test_totals_are_never_entities_and_never_made_up() -> None:
    found = table([("2026-08-01", "a", 10), ("2026-08-01", "Total", 30), ("2026-08-02", "a", 10)])
    assert found.entities == ("a",)
    assert found.total[0] == 30
    assert np.isnan(found.total[1])
    with pytest.raises(InputError, match="no entity besides totals"):
        table([("2026-08-01", "Total", 30)])


def test_dates_off_the_grid_are_refused() -> None:
    with pytest.raises(InputError, match="does not lie on the day grid"):
        table([("2026-08-01", "a", 10), ("2026-08-02 06:00", "a", 10), ("2026-08-03", "a", 1)])


def test_months_and_metrics() -> None:
    rows = [("2026-01-01", "a", 1, "x"), ("2026-03-01", "a", 3, "x"), ("2026-02-01", "a", 2, "y")]
    found = Panel.of(observations(rows, "date entity value metric", Frequency.MONTH))
    assert found.metrics == ("x", "y")
    assert len(found.table("x").dates) == 3
    with pytest.raises(UsageError, match="several metrics"):
        found.table()


def test_a_panel_that_cannot_fit_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 3)
    with pytest.raises(InputError, match="more than a panel can hold"):
        table([("2026-08-01", "a", 1), ("2026-08-04", "a", 1)])


def test_inputs_join_with_what_each_lacks_filled_in() -> None:
    one = observations([("2026-08-01", "a", 10)])
    two = observations([("2026-08-02", "b", 4, 3.5, 4.5, 1, "t")], "date entity value low high status unit")
    joined = Panel.of(concatenate([one, two]))
    assert joined.table().high.tolist()[0][0] == 10
    assert joined.table().high.tolist()[1][1] == 4.5
    with pytest.raises(InputError, match="no input"):
        concatenate([])
