"""Answers of OpenRouter's Data API as files."""

import json
from typing import Any

import pytest

from auditor.errors import InputError
from auditor.observations import Frequency, Status
from auditor.sources.files import read

META: dict[str, Any] = {
    "as_of": "2026-08-22T02:00:00Z",
    "version": "v1",
    "start_date": "2026-08-19",
    "end_date": "2026-08-19",
}


def answer(rows: list[dict[str, Any]], **meta: str) -> bytes:
    return json.dumps({"data": rows, "meta": {**META, **meta}}).encode()


def app(name: str, number: int, tokens: str = "10") -> dict[str, Any]:
    return {"rank": 1, "app_id": number, "app_name": name, "total_tokens": tokens, "total_requests": 3}


def row(date: str, tokens: object = "10", model: str = "a/b") -> dict[str, Any]:
    return {"date": date, "model_permaslug": model, "total_tokens": tokens}


def test_strings_become_whole_numbers() -> None:
    found = read(answer([row("2026-08-19", "9007199254740993"), row("2026-08-19", "5", "other")]))
    assert found.frame["value"].tolist() == [float(9007199254740993), 5.0]
    assert set(found.frame["metric"]) == {"total_tokens"}
    assert "beyond_2_53" in {note.code for note in found.notes}


@pytest.mark.parametrize("tokens", ["1.5", "1e9", "", "-3", 1.5, None, True])
def test_tokens_that_are_no_whole_number_are_refused(tokens: object) -> None:
    with pytest.raises(InputError, match="not a whole number") as caught:
        read(answer([row("2026-08-19", tokens)]))
    assert caught.value.where.field == "data[0].total_tokens"


def test_dates_outside_the_window_are_refused() -> None:
    with pytest.raises(InputError, match="outside the window"):
        read(answer([row("2026-08-18"), row("2026-08-19")]))


def test_a_day_that_was_not_over_is_partial() -> None:
    found = read(answer([row("2026-08-19"), row("2026-08-20")], as_of="2026-08-20T23:00:00Z", end_date="2026-08-20"))
    assert found.frame["status"].tolist() == [Status.OBSERVED, Status.PARTIAL]


@pytest.mark.parametrize(
    ("start", "end", "frequency"),
    [
        ("2026-08-19", "2026-08-19", Frequency.DAY),
        ("2026-08-10", "2026-08-16", Frequency.WEEK),
        ("2026-08-12", "2026-08-18", Frequency.WEEK),
        ("2026-07-01", "2026-07-31", Frequency.MONTH),
    ],
)
def test_apps_of_one_period(start: str, end: str, frequency: Frequency) -> None:
    found = read(answer([app("Cline", 1), app("Same", 2), app("Same", 3)], start_date=start, end_date=end))
    assert found.frequency is frequency
    assert set(found.frame["date"].astype(str).str[:10]) == {start}
    assert set(found.frame["metric"]) == {"app_tokens", "app_requests"}
    assert set(found.frame["entity"]) == {"Cline", "Same (2)", "Same (3)"}
    assert "openrouter.ai/apps" in found.sources[0].citation


def test_apps_of_a_window_that_is_no_period_are_refused() -> None:
    with pytest.raises(InputError, match="no day, week or month") as caught:
        read(answer([app("Cline", 1)], start_date="2026-07-23", end_date="2026-08-21"))
    assert "one day at a time" in caught.value.hint


OTHERS: list[dict[str, Any]] = [
    {"data": [], "meta": META},
    {"data": [{"tag": "x"}], "meta": META},
    {"data": [row("2026-08-19"), {"date": "2026-08-19", "total_tokens": "1"}], "meta": META},
    {"data": [app("Cline", 1), app("", 2)], "meta": META},
    {"data": [row("2026-08-19")], "meta": dict(META, start_date="soon")},
    {"error": {"code": 401, "message": "Missing Authentication header"}},
]


@pytest.mark.parametrize("document", OTHERS)
def test_other_answers_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        read(json.dumps(document).encode())
    assert caught.value.hint
