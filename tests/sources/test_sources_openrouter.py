"""OpenRouter: the exports, the keyed API and the catalogue, by their documented quirks."""

import json
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import SourceError, UsageError
from auditor.observations import Frequency, Status
from auditor.panel import Panel
from auditor.sources import openrouter, openrouter_catalogue
from auditor.sources.base import Request
from auditor.sources.fetch import read, read_events, reread
from auditor.sources.windows import check_dates, split
from tests.sources import shapes
from tests.sources.support import NOW, FakeTime, ask, publisher, query, received


def test_the_default_is_the_keyless_export_manifest_first() -> None:
    answers = ask(openrouter, query(), keys={})
    assert [a.url.rpartition("/")[2] for a in answers] == ["latest.manifest.json", "2026-10-08.csv"]
    assert answers[1].sha256 == answers[1].request.sha256
    found = read(openrouter, answers)
    table = Panel.of(found).table()
    assert (len(table.dates), len(table.entities)) == (30, 50)
    assert table.values[0, 0] == dict(shapes.ranked(date(2026, 9, 8)))[table.entities[0]]
    assert (table.other > 0).all()
    assert not (table.status == Status.PARTIAL).any()
    assert found.sources[0].as_of == "2026-10-08T01:46:15.433Z"
    assert len(found.sources) == 1, "the manifest holds no figures and needs no card"


def test_longer_windows_are_stitched_from_earlier_snapshots_without_gaps() -> None:
    found = read(openrouter, ask(openrouter, query(since="2026-09-05", until="2026-10-07"), _from_september()))
    days = found.frame["date"].dt.date.unique()
    assert [str(min(days)), str(max(days)), len(days)] == ["2026-09-05", "2026-10-07", 33]


def _from_september() -> httpx.MockTransport:
    """The publisher, with snapshots from the first of September on but for two missing days."""

    def handle(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        stem = name.partition(".")[0]
        snapshot = shapes.TODAY if stem == "latest" else date.fromisoformat(stem)
        if snapshot in {date(2026, 9, 8), date(2026, 9, 9)}:
            return httpx.Response(404, json={"error": {"message": "Export not found", "code": 404}})
        if name.endswith("json"):
            return httpx.Response(200, json=shapes.manifest(snapshot))
        return httpx.Response(200, headers={"content-type": "text/csv"}, content=shapes.export_csv(snapshot))

    return httpx.MockTransport(handle)


def test_a_missing_snapshot_is_bridged_by_a_later_one() -> None:
    answers = ask(openrouter, query(since="2026-09-05"), _from_september())
    assert [a.url.rpartition("/")[2] for a in answers] == [
        "latest.manifest.json",
        "2026-10-08.csv",
        "2026-09-08.manifest.json",
        "2026-09-09.manifest.json",
        "2026-09-10.manifest.json",
        "2026-09-10.csv",
    ]
    assert [a.status for a in answers] == [200, 200, 404, 404, 200, 200]
    days = read(openrouter, answers).frame["date"].nunique()
    assert days == (date(2026, 10, 7) - date(2026, 9, 5)).days + 1


def test_the_archive_gives_back_more_than_was_asked_for() -> None:
    answers = ask(openrouter, query(since="2026-10-01", until="2026-10-03"))
    assert read(openrouter, answers).frame["date"].nunique() == 3
    assert reread(openrouter, answers[1]).frame["date"].nunique() == 30


def test_many_missing_snapshots_end_in_an_error() -> None:
    with pytest.raises(SourceError, match=r"no snapshot .* within 7 days after 2026-09-08") as caught:
        ask(openrouter, query(since="2026-08-22"))
    assert "via=api" in caught.value.hint


def test_before_the_first_export_the_keyed_way_is_named() -> None:
    with pytest.raises(UsageError, match="nothing before 2026-08-20") as caught:
        ask(openrouter, query(since="2026-04-01"))
    assert "OPENROUTER_API_KEY" in caught.value.hint


def test_a_window_that_ended_earlier_fetches_only_the_file_it_needs() -> None:
    answers = ask(openrouter, query(since="2026-09-05", until="2026-09-06"), _from_september())
    assert [a.url.rpartition("/")[2] for a in answers][-1] == "2026-09-10.csv"
    assert not any(a.url.endswith("2026-10-08.csv") for a in answers)
    assert read(openrouter, answers).frame["date"].nunique() == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": {"csv": {"bytes": 1}}}, "its manifest states 1"),
        ({"files": {"csv": {"sha256": "0" * 64}}}, "its manifest states 0000"),
        ({"files": {"csv": {"sha256": "short"}}}, "not a SHA-256"),
        ({"files": {"csv": {"url": "https://evil.example/x.csv"}}}, "points to the host 'evil.example'"),
        ({"files": {"csv": {"url": "https://openrouter.ai/api/v1/keys"}}}, "not the file of 2026-10-08"),
        ({"row_count": 1531}, "1,530 rows, its manifest states 1,531"),
        ({"snapshot_date": "2026-13-01"}, "snapshot_date is '2026-13-01', not a date"),
        ({"retrieved_at": None}, "retrieved_at is null"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(change: dict[str, object], said: str) -> None:
    manifest = shapes.manifest(shapes.TODAY)

    def merge(into: dict, more: dict) -> None:  # type: ignore[type-arg]  # plain JSON
        for key, value in more.items():
            if isinstance(value, dict):
                merge(into[key], value)
            else:
                into[key] = value

    merge(manifest, change)
    transport = publisher(faults={"latest.manifest.json": httpx.Response(200, json=manifest)})
    with pytest.raises(SourceError) as caught:
        read(openrouter, ask(openrouter, query(), transport))
    assert said in caught.value.what


def _file(raw: bytes) -> Request:
    found = openrouter.follow(
        received(openrouter.requests(query())[0], json.dumps(shapes.manifest(shapes.TODAY)).encode())
    )
    return replace(found[0], size=len(raw), sha256=sha256(raw).hexdigest())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"total_tokens", b"tokens", "the column total_tokens is missing"),
        (b",other,,", b",other,,1.5e3x", "total_tokens, line 52 is "),
        (b"2026-09-08,", b"2026-02-30,", "date, line 2 is '2026-02-30', not a date"),
        (b"2026-09-08,", b"2025-09-08,", "outside the window"),
        (b"2026-09-08,other,,", b"2026-09-08,other,", "the row has 4 fields, the header 5"),
        (b"date,", b"\xff\xfedate,", "not UTF-8"),
    ],
)
def test_a_damaged_file_names_line_and_field(old: bytes, new: bytes, said: str) -> None:
    raw = shapes.export_csv(shapes.TODAY).replace(old, new)
    with pytest.raises(SourceError) as caught:
        openrouter.parse(received(_file(raw), raw))
    assert said in caught.value.what


def test_the_keyed_api_is_split_into_windows_of_a_year() -> None:
    plan = openrouter.requests(query(since="2024-06-01", until="2026-10-07", via="api"))
    windows = [(r.get("since"), r.get("until")) for r in plan]
    assert windows == [("2025-01-01", "2026-01-01"), ("2026-01-02", "2026-10-07")]
    assert all(r.key == "required" and r.params[0] == ("start_date", r.get("since")) for r in plan)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 3000), st.integers(1, 400))
def test_windows_cover_every_day_once(since: date, days: int, most: int) -> None:
    until = since + timedelta(days=days)
    parts = list(split(since, until, most))
    covered = [a + timedelta(days=i) for a, b in parts for i in range((b - a).days + 1)]
    assert covered == [since + timedelta(days=i) for i in range(days + 1)]
    assert all((b - a).days < most for a, b in parts)


def test_keyed_history_is_one_panel_without_a_seam() -> None:
    answers = ask(openrouter, query(since="2025-01-01", until="2026-10-07", via="api"))
    table = Panel.of(read(openrouter, answers)).table()
    assert len(answers) == 2
    assert len(table.dates) == 645
    assert (table.other > 0).all()


def answer_of(rows: list[dict[str, object]], *, since: str, until: str, as_of: str = shapes.AS_OF, **options: str):
    question = query(since=since, until=until, today=date(2026, 10, 12), **({"via": "api"} | options))
    meta = {"as_of": as_of, "version": "v1", "start_date": since, "end_date": until}
    return received(openrouter.requests(question)[0], json.dumps({"data": rows, "meta": meta}).encode())


def row(day: str, value: object, model: str = "a/b") -> dict[str, object]:
    return {"date": day, "model_permaslug": model, "total_tokens": value}


@pytest.mark.parametrize(
    ("value", "read_as"), [("9223372036854775807", 9.223372036854775807e18), ("0", 0.0), (12, 12.0), ("-1", -1.0)]
)
def test_token_counts_are_read_as_whole_numbers(value: object, read_as: float) -> None:
    found = openrouter.parse(answer_of([row("2026-10-01", value)], since="2026-10-01", until="2026-10-01"))
    assert found.frame["value"].tolist() == [read_as]


@pytest.mark.parametrize("value", ["1e12", "1,000", "", " 5", "٣", None, 1.5, True, "1" * 40, [], {}])
def test_token_counts_of_another_form_are_refused(value: object) -> None:
    with pytest.raises(SourceError, match=r"the field data\[0\].total_tokens is "):
        openrouter.parse(answer_of([row("2026-10-01", value)], since="2026-10-01", until="2026-10-01"))


def test_a_day_that_was_not_over_is_partial() -> None:
    rows = [row("2026-10-07", "1"), row("2026-10-08", "1")]
    found = openrouter.parse(answer_of(rows, since="2026-10-07", until="2026-10-08", as_of="2026-10-08T23:59:00Z"))
    assert found.frame["status"].tolist() == [Status.OBSERVED, Status.PARTIAL]


def test_a_week_that_ends_after_the_window_is_partial() -> None:
    rows = [row("2026-09-21", "1"), row("2026-09-28", "1")]
    found = openrouter.parse(answer_of(rows, since="2026-09-23", until="2026-09-30", period="week"))
    assert found.frequency is Frequency.WEEK
    assert found.frame["status"].tolist() == [Status.OBSERVED, Status.PARTIAL]


def test_a_short_month_is_complete() -> None:
    rows = [row("2026-02-01", "1"), row("2026-03-01", "1")]
    found = openrouter.parse(answer_of(rows, since="2026-02-01", until="2026-03-30", period="month"))
    assert found.frequency is Frequency.MONTH
    assert found.frame["status"].tolist() == [Status.OBSERVED, Status.PARTIAL]


def test_an_answer_to_another_question_is_refused() -> None:
    mondays = [row("2026-09-21", "1"), row("2026-09-28", "1")]
    with pytest.raises(SourceError, match="every date of the answer is a Monday"):
        openrouter.parse(answer_of(mondays, since="2026-09-15", until="2026-10-01"))
    with pytest.raises(SourceError, match="outside the window"):
        openrouter.parse(answer_of(mondays, since="2026-09-22", until="2026-10-01"))
    with pytest.raises(SourceError, match="2026-09-22, which is not the start of a week"):
        openrouter.parse(answer_of([row("2026-09-22", "1")], since="2026-09-15", until="2026-10-01", period="week"))
    with pytest.raises(SourceError, match="not the start of a month"):
        check_dates([date(2026, 9, 2)], date(2026, 9, 1), date(2026, 9, 30), Frequency.MONTH, "x")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"category": "programming", "language_type": "natural"}, "cannot be combined with language_type"),
        ({"category": "programming", "modality": "text"}, "cannot be combined"),
        ({"category": "programming", "period": "day"}, "weekly estimates"),
        ({"dataset": "ranking"}, "no choice for the option 'dataset'"),
    ],
)
def test_questions_the_api_would_refuse_are_refused_before_asking(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        openrouter.requests(replace(query(), options=options))


def test_filters_make_a_metric_of_their_own() -> None:
    answers = ask(openrouter, query(since="2026-10-01", until="2026-10-07", modality="image"))
    assert read(openrouter, answers).frame["metric"].unique().tolist() == ["total_tokens[modality=image]"]
    assert answers[0].request.key == "required"


def test_apps_are_asked_day_by_day_and_told_apart_by_number() -> None:
    answers = ask(openrouter, query(since="2026-10-05", until="2026-10-07", dataset="app-rankings"))
    assert [a.request.get("day") for a in answers] == ["2026-10-05", "2026-10-06", "2026-10-07"]
    entities = set(read(openrouter, answers).frame["entity"])
    assert entities == {"Cline", "Editor (app 101)", "Editor (app 102)"}


def test_the_daily_quota_is_counted_before_it_is_used_up() -> None:
    with pytest.raises(UsageError, match="take 639 calls, and one account has 500 a day"):
        openrouter.requests(query(since="2025-01-07", until="2026-10-07", dataset="app-rankings"))


def test_the_pace_stays_below_thirty_requests_a_minute() -> None:
    time = FakeTime()
    ask(openrouter, query(since="2026-09-08", until="2026-10-07", dataset="app-rankings"), time=time)
    assert (time.at - NOW) / 29 == pytest.approx(2.5)


def test_the_catalogue_gives_names_prices_and_launches() -> None:
    answers = ask(openrouter, query(dataset="models"))
    assert answers[1].url.endswith("/models?output_modalities=all&limit=2&offset=2")
    listed = [row for a in answers for row in openrouter_catalogue.listings(a)]
    assert [(r.id, r.permaslug, r.variant, r.alias_of) for r in listed] == [
        ("a/b", "a/b-20260101", "", ""),
        ("a/b:free", "a/b-20260101:free", "free", ""),
        ("r/auto", "r/auto", "", ""),
        ("~a/b-latest", "a/b-20260101", "", "a/b"),
    ]
    found = read(openrouter, answers)
    price = found.frame.set_index(["entity", "metric"])["value"].to_dict()
    assert price == {
        ("a/b-20260101", "price_input"): pytest.approx(1.4),
        ("a/b-20260101", "price_output"): pytest.approx(4.4),
        ("a/b-20260101:free", "price_input"): 0,
        ("a/b-20260101:free", "price_output"): 0,
    }
    notes = [e.note for e in read_events(openrouter, answers).events]
    assert notes[1].endswith("at no charge when read")
    assert len(notes) == 3


def test_a_page_that_points_to_itself_is_refused() -> None:
    (request,) = openrouter.requests(query(dataset="models"))
    link = "/api/v1/models?output_modalities=all&limit=500"
    with pytest.raises(SourceError, match=r"links\.next points to its own page"):
        openrouter.follow(received(request, json.dumps({"data": [], "links": {"next": link}}).encode()))
