"""Date labels, and what only a whole column of them can settle."""

from contextlib import suppress
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import AuditError, InputError
from auditor.observations import Frequency
from auditor.sources.files import read
from auditor.sources.tabular.dates import Kind, read_label


@pytest.mark.parametrize(
    ("text", "kind", "when"),
    [
        ("2026-08-19", Kind.DAY, "2026-08-19"),
        ("20260819", Kind.DAY, "2026-08-19"),
        ("2026/8/9", Kind.DAY, "2026-08-09"),
        ("19.08.2026", Kind.DAY, "2026-08-19"),
        ("08/19/2026", Kind.DAY, "2026-08-19"),
        ("Aug 19, 2026", Kind.DAY, "2026-08-19"),
        ("Wed, 19 Aug 2026", Kind.DAY, "2026-08-19"),
        ("19. August 2026", Kind.DAY, "2026-08-19"),
        ("2026年8月19日", Kind.DAY, "2026-08-19"),
        ("2026-W33", Kind.WEEK, "2026-08-10"),
        ("2026-W33-3", Kind.DAY, "2026-08-12"),
        ("KW 33/2026", Kind.WEEK, "2026-08-10"),
        ("2025-W01", Kind.WEEK, "2024-12-30"),
        ("2026-08", Kind.MONTH, "2026-08-01"),
        ("Aug 2026", Kind.MONTH, "2026-08-01"),
        ("2026-08-20T06:30:00Z", Kind.INSTANT, "2026-08-20T06:30"),
        ("2026-08-19T23:30:00-07:00", Kind.INSTANT, "2026-08-20T06:30"),
        ("2026-08-20 12:00:00.250000+05:30", Kind.INSTANT, "2026-08-20T06:30:00.250"),
        ("1787207400", Kind.INSTANT, "2026-08-20T06:30"),
        ("1787207400000", Kind.INSTANT, "2026-08-20T06:30"),
        ("2026082006", Kind.NAIVE, "2026-08-20T06:00"),
        ("2026-08-20 06:30:00", Kind.NAIVE, "2026-08-20T06:30"),
        ("20260820 063000", Kind.NAIVE, "2026-08-20T06:30"),
    ],
)
def test_label(text: str, kind: Kind, when: str) -> None:
    found = read_label(text)
    assert (found.kind, found.when) == (kind, datetime.fromisoformat(when))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-02-30", "exists"),
        ("2026-W54", "exists"),
        ("19.08.26", "two digits"),
        ("2026", "whole year"),
        ("2026-Q3", "quarter"),
        ("46253", "serial day"),
        ("Total", "not a date"),
        ("", "not a date"),
        ("5.2", "not a date"),
    ],
)
def test_label_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_label(text)


@given(st.text(max_size=24))
def test_any_label_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        assert read_label(text).when.year >= 1


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2099, 12, 31)))
def test_day_survives_every_spelling(day: date) -> None:
    for form in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d %B %Y", "%Y年%m月%d日", "%Y-%m-%dT00:00:00Z", "%G-W%V-%u"):
        assert read_label(f"{day:{form}}").when.date() == day


def column(labels: list[str], heading: str = "date", **options: object) -> list[str]:
    rows = "".join(f'"{label}",{i % 3 + 1}\n' for i, label in enumerate(labels))
    found = read(f"{heading},tokens\n{rows}".encode(), name="c.csv", **options)  # type: ignore[arg-type]  # options are passed through
    return [found.frequency.value, *[str(d) for d in found.frame["date"].to_numpy().astype("datetime64[h]")]]


def test_order_of_day_and_month_is_found_in_the_column() -> None:
    assert column(["01/08/2026", "02/08/2026", "13/08/2026"])[1:3] == ["2026-08-01T00", "2026-08-02T00"]
    assert column(["08/01/2026", "08/02/2026", "08/13/2026"])[1:3] == ["2026-08-01T00", "2026-08-02T00"]


def test_order_of_day_and_month_is_asked_for_where_nothing_shows_it() -> None:
    with pytest.raises(InputError, match="day or the month first") as caught:
        column(["01/08/2026", "02/08/2026"])
    assert (caught.value.where.line, caught.value.where.column) == (2, 1)
    assert column(["01/08/2026", "02/08/2026"], date_order="mdy")[1:] == ["2026-01-08T00", "2026-02-08T00"]
    assert column(["01/08/2026", "02/08/2026"], date_order="dmy")[1:] == ["2026-08-01T00", "2026-08-02T00"]


def test_contradicting_orders_are_refused() -> None:
    with pytest.raises(InputError, match="some the month") as caught:
        column(["13/08/2026", "08/14/2026"])
    assert caught.value.where.line == 3


@pytest.mark.parametrize(
    ("labels", "heading", "expected"),
    [
        (["2026-08-03", "2026-08-10"], "week_start", ["week", "2026-08-03T00", "2026-08-10T00"]),
        (["2026-08-09", "2026-08-16"], "weekEnding", ["week", "2026-08-03T00", "2026-08-10T00"]),
        (["2026-08-09", "2026-08-16"], "week_start", ["week", "2026-08-09T00", "2026-08-16T00"]),
        (["2026-W32", "2026-W33"], "week", ["week", "2026-08-03T00", "2026-08-10T00"]),
        (["2026-07", "2026-08"], "month", ["month", "2026-07-01T00", "2026-08-01T00"]),
        (["2026-07-31", "2026-08-31"], "date", ["month", "2026-07-01T00", "2026-08-01T00"]),
        (["2026-08-01", "2026-09-01"], "date", ["month", "2026-08-01T00", "2026-09-01T00"]),
        (
            ["2026-06-10", "2026-06-11", "2026-08-27"],
            "date",
            ["day", "2026-06-10T00", "2026-06-11T00", "2026-08-27T00"],
        ),
        (["2026-08-19 00:00:00", "2026-08-20 00:00:00"], "date", ["day", "2026-08-19T00", "2026-08-20T00"]),
        (["2026-08-19T00:00Z", "2026-08-19T01:00Z"], "hour", ["hour", "2026-08-19T00", "2026-08-19T01"]),
        (["2026-08-19T00:00:00-07:00", "2026-08-20T00:00:00-07:00"], "date", ["day", "2026-08-19T00", "2026-08-20T00"]),
    ],
)
def test_spacing_is_found(labels: list[str], heading: str, expected: list[str]) -> None:
    assert column(labels, heading) == expected


def test_sunday_weeks_without_a_heading_that_says_are_asked_about() -> None:
    with pytest.raises(InputError, match="first or their last day"):
        column(["2026-08-09", "2026-08-16"], "week")
    assert column(["2026-08-09", "2026-08-16"], "week", week_label="end")[1] == "2026-08-03T00"


@pytest.mark.parametrize(
    ("labels", "line", "words"),
    [
        (["2026-08-03", "2026-08-10", "2026-08", "2026-08-17"], 4, "periods of different length"),
        (["2026-W32", "2026-08-10"], 3, "periods of different length"),
        (["2026-06-01", "2026-06-08", "2026-06-15", "2026-06-22", "2026-06-23", "2026-06-24"], 2, "spaced by weeks"),
        (["2026-08-20T06:30:11Z", "2026-08-21T06:31:00Z"], 2, "moments of reading"),
        (["2026-08-20T06:00:00", "2026-08-20T07:00:00Z"], 2, "without an offset"),
    ],
)
def test_mixtures_are_refused_with_their_line(labels: list[str], line: int, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        column(labels)
    assert caught.value.where.line == line


def test_stated_frequency_is_checked_not_obeyed() -> None:
    with pytest.raises(InputError, match="the stated frequency is day"):
        column(["2026-W32", "2026-W33"], frequency="day")
    with pytest.raises(InputError, match="earlier weeks are labelled"):
        column(["2026-08-03", "2026-08-11"], frequency="week")
    assert column(["2026-08-03", "2026-08-10"], frequency="day")[0] == "day"


def test_naive_hours_are_placed_by_the_stated_zone_across_summer_time() -> None:
    labels = ["2026-03-29 00:00", "2026-03-29 01:00", "2026-03-29 03:00"]
    assert column(labels, "hour", tz="Europe/Berlin")[1:] == ["2026-03-28T23", "2026-03-29T00", "2026-03-29T01"]
    with pytest.raises(AuditError, match="not a time zone"):
        column(labels, "hour", tz="Nowhere/Town")


def test_every_assumption_is_noted() -> None:
    found = read(b"hour,tokens\n2026-08-19 00:00,1\n2026-08-19 01:00,2\n2026-08-19 04:00,1\n", name="c.csv")
    codes = {note.code: note for note in found.notes}
    assert "read as UTC" in codes["naive_time"].text
    assert codes["gaps"].count == 2
    assert "one figure per hour, found from 3" in codes["frequency"].text
    assert found.frequency is Frequency.HOUR


def test_year_rolls_over_inside_the_file() -> None:
    assert column(["12/22", "12/29", "1/5"], "label", year=2025)[1:] == [
        "2025-12-22T00",
        "2025-12-29T00",
        "2026-01-05T00",
    ]
    with pytest.raises(InputError, match="run backwards"):
        column(["5/20", "5/19"], "label", year=2025)


@settings(deadline=None)
@given(st.permutations(range(12)))
def test_order_of_rows_does_not_matter(order: list[int]) -> None:
    from auditor.panel import Panel

    rows = [f"2026-08-{d + 1:02d},{name},{(d * 37 + i * 11) % 50 + 1}" for d in range(6) for i, name in enumerate("ab")]
    straight = Panel.of(read(("date,model,tokens\n" + "\n".join(rows)).encode())).table()
    mixed = Panel.of(read(("date,model,tokens\n" + "\n".join(rows[i] for i in order)).encode())).table()
    assert (straight.dates == mixed.dates).all()
    assert np.array_equal(straight.values, mixed.values)
