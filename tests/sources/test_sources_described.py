"""Sources described in YAML: no Python by the user, and errors with file, line and column."""

import asyncio
import contextlib
from datetime import date
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import ErrorList, SourceError, UsageError
from auditor.observations import Frequency, Status
from auditor.panel import Panel
from auditor.sources.answers import Node
from auditor.sources.base import Received
from auditor.sources.described import DescribedSource, load_source, walk
from auditor.sources.fetch import collect, read
from auditor.sources.http import Client
from tests.sources import shapes
from tests.sources.server import running
from tests.sources.support import FakeTime, ask, query, received

JSON = """\
name: my-registry
title: My registry
url: https://stats.example.org/api/usage/{subject}?from={since}&to={until}
format: json
rows: data.items[*]
fields:
  date: day
  entity: model
  values: {tokens: n.tokens}
units: {tokens: tokens}
frequency: day
citation: My registry, as of {as_of}.
licence: CC0 1.0
next: links.next
"""

CSV = """\
name: my-table
url: https://stats.example.org/described/{subject}.csv
format: csv
fields:
  date: Tag
  entity: "{subject}"
  values: Menge
date_format: "%d.%m.%Y"
citation: My table
licence: CC BY 4.0
"""


def described(tmp_path: Path, text: str) -> DescribedSource:
    path = tmp_path / "source.yaml"
    path.write_text(text)
    return load_source(path)


def test_addresses_are_filled_and_split(tmp_path: Path) -> None:
    source = described(tmp_path, JSON + "days_per_request: 10\n")
    plan = source.requests(query("a/x y", "ü", since="2026-10-01", until="2026-10-08"))
    assert [r.path for r in plan] == ["api/usage/a%2Fx%20y", "api/usage/%C3%BC"]
    assert plan[0].params == (("from", "2026-10-01"), ("to", "2026-10-08"))
    assert len(source.requests(query("a", since="2026-09-01", until="2026-10-08"))) == 4
    with pytest.raises(UsageError, match="needs at least one subject"):
        source.requests(query())


def test_a_subject_is_data_not_a_template(tmp_path: Path) -> None:
    (request,) = described(tmp_path, JSON).requests(query("{since}/../{key}", since="2026-10-01"))
    assert request.path == "api/usage/%7Bsince%7D%2F..%2F%7Bkey%7D"


def test_json_over_real_http_with_pages(tmp_path: Path) -> None:
    source = described(tmp_path, JSON.replace("api/usage/{subject}", "described/usage/{subject}"))
    with running() as base:

        async def run() -> list[Received]:
            async with Client(FakeTime().clock, bases={"my-registry": base}) as client:
                return await collect(source, query("x", since="2026-10-01", until="2026-10-08"), client)

        answers = asyncio.run(run())
    assert len(answers) == 3
    found = read(source, answers)
    assert found.frame["value"].tolist() == [10, 20, 30]
    assert found.frame["unit"].unique().tolist() == ["tokens"]
    assert found.sources[0].licence == "CC0 1.0"
    assert found.sources[0].citation == "My registry, as of 2026-10-08T12:00:00Z."
    assert Panel.of(found).table("tokens").entities == ("a/x",)


def test_csv_with_local_dates_and_blanks(tmp_path: Path) -> None:
    source = described(tmp_path, CSV)
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "text/csv"}, content=shapes.described("x.csv", {})[2])
    )
    found = read(source, ask(source, query("cats"), transport))
    assert found.frame[["entity", "metric", "value"]].to_numpy().tolist() == [["cats", "value", 5.0]]
    assert found.frame["date"].dt.date.tolist() == [date(2026, 10, 7)]


def test_keys_come_from_a_variable_and_never_stand_in_the_file(tmp_path: Path) -> None:
    text = JSON + "key: {variable: DESCRIBED_KEY, header: X-Key, form: '{key}'}\n"
    source = described(tmp_path, text)
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["x-key"])
        return httpx.Response(200, json={"data": {"items": []}})

    ask(source, query("x", since="2026-10-01"), httpx.MockTransport(handle))
    assert seen == [shapes.KEY]
    with pytest.raises(SourceError, match="DESCRIBED_KEY is not set"):
        ask(source, query("x", since="2026-10-01"), httpx.MockTransport(handle), keys={})


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("https://stats", "http://stats", 3, "must begin with https://"),
        ("https://stats.example.org", "https://me:pw@stats.example.org", 3, "without user, password"),
        ("{subject}", "{subjekt}", 3, "{subjekt}, which is not known"),
        ("{subject}", "{subject", 3, "not a template"),
        ("{subject}", "{{subject}}", 3, "not a template"),
        ("{subject}", "{subject!r}", 3, "{subject!r}, which is not known"),
        ("{subject}", "{}", 3, "{}, which is not known"),
        ("format: json", "format: xml", 4, "'json' or 'csv'"),
        ("rows: data.items[*]", "rows: data.items[a]", 5, "not a path"),
        ("  date: day\n", "", 6, "'date' is missing"),
        ("  date: day", "  date: day\n  data: day", 8, "unknown key 'data'"),
        ("values: {tokens: n.tokens}", "values: {}", 9, "at least 1"),
        ("frequency: day", "frequency: daily", 11, "'day', 'week' or 'month'"),
        ("licence: CC0 1.0\n", "", 1, "'licence' is missing"),
        ("name: my-registry", "name: My Registry", 1, "pattern"),
        ("next: links.next", "date_format: '%Y'", 14, "day and month"),
        ("next: links.next", "key: {variable: lower}", 14, "pattern"),
        ("next: links.next", "key: {variable: A_KEY, form: abc}", 14, "does not hold {key}"),
        ("next: links.next", "next: links.next\nname: again", 15, "stands twice"),
        ("units:", "units: :", 10, "not valid YAML"),
    ],
)
def test_mistakes_name_line_and_remedy(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in JSON
    with pytest.raises((UsageError, ErrorList)) as caught:
        described(tmp_path, JSON.replace(old, new, 1))
    error = caught.value
    assert (error.code if isinstance(error, ErrorList) else error.exit_code) == 2
    assert said in str(error)
    assert error.where.file.endswith("source.yaml")
    assert error.where.line == line, str(error)
    assert error.where.column
    assert "pw" not in str(error)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ErrorList) as caught:
        described(tmp_path, JSON.replace("format: json", "format: xml").replace("frequency: day", "frequency: x"))
    assert len(caught.value.errors) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"model": "a", "n": {"tokens": 1}}', "the field data.items[0].day is missing"),
        ('{"day": "x", "model": "a", "n": {"tokens": 1}}', "data.items[0].day is 'x', not a date"),
        ('{"day": "2026-10-01", "model": 5, "n": {"tokens": 1}}', "data.items[0].model is 5, not a text"),
        ('{"day": "2026-10-01", "model": "a", "n": {}}', "data.items[0].n.tokens is missing"),
        ('{"day": "2026-10-01", "model": "a", "n": {"tokens": "NaN"}}', "n.tokens is 'NaN', not a number"),
        ('{"day": "2026-10-01", "model": "a", "n": [1]}', "data.items[0].n is a list, not an object"),
    ],
)
def test_rows_that_do_not_fit_name_the_field(tmp_path: Path, row: str, said: str) -> None:
    source = described(tmp_path, JSON)
    (request,) = source.requests(query("x", since="2026-10-01"))
    raw = ('{"data": {"items": [' + row + "]}}").encode()
    with pytest.raises(SourceError) as caught:
        source.parse(received(request, raw))
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("form", "value", "day"),
    [
        ("iso", '"2026-10-07"', "2026-10-07"),
        ("iso", '"2026-10-07T23:59:59Z"', "2026-10-07"),
        ("iso", '"2026-10-08T01:00:00+03:00"', "2026-10-07"),
        ("epoch", "1791331200", "2026-10-07"),
        ("epoch_ms", '"1791331200000"', "2026-10-07"),
        ("'%d/%m/%y'", '"07/10/26"', "2026-10-07"),
    ],
)
def test_forms_of_dates(tmp_path: Path, form: str, value: str, day: str) -> None:
    source = described(tmp_path, JSON + f"date_format: {form}\n")
    (request,) = source.requests(query("x", since="2026-10-01"))
    raw = f'{{"data": {{"items": [{{"day": {value}, "model": "a", "n": {{"tokens": 1}}}}]}}}}'.encode()
    found = source.parse(received(request, raw))
    assert [str(d.date()) for d in found.frame["date"]] == [day]
    assert found.frame["status"].tolist() == [Status.OBSERVED]
    assert found.frequency is Frequency.DAY


def test_paths() -> None:
    node = Node({"a": [{"b": {"x": 1, "y": 2}}, {"b": {"x": 3}}]}, "", "u")
    assert [n.value for n in walk(node, "a[*].b.x")] == [1, 3]
    assert [n.value for n in walk(node, "$.a[0].b.*")] == [1, 2]
    assert [n.path for n in walk(node, "a[1].b.x")] == ["a[1].b.x"]
    assert list(walk(node, "c.d", optional=True)) == []
    with pytest.raises(SourceError, match=r"a has 2 items, no number \[7\]"):
        list(walk(node, "a[7]"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    ),
    st.text(),
)
def test_walking_any_answer_by_any_path_never_crashes(value: object, path: str) -> None:
    with contextlib.suppress(SourceError):
        list(walk(Node(value, "", "u"), path))
