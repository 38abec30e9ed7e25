"""The contract of every source in the registry: one line there earns all of this."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from auditor.errors import SourceError, UsageError
from auditor.observations import Observations
from auditor.panel import Panel
from auditor.sources.base import Query, Received, Request, Source
from auditor.sources.fetch import read, read_events, reread, restored
from auditor.sources.registry import BY_NAME, SOURCES, find, key_variables
from tests.sources import shapes
from tests.sources.support import QUESTIONS, ask, query, replay

EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.SPEC.name)


def _asked(key: str = "") -> pytest.MarkDecorator:
    """All questions; or those whose requests use the key in one way."""
    found = [
        pytest.param(BY_NAME[name], question, id=f"{name}-{i}")
        for name, questions in QUESTIONS.items()
        for i, question in enumerate(questions)
        if not key or all(r.key == key for r in BY_NAME[name].requests(question))
    ]
    return pytest.mark.parametrize(("source", "question"), found)


ASKED, KEYED, KEYLESS = _asked(), _asked("required"), _asked("none")


def test_every_source_is_asked_something_here() -> None:
    assert set(QUESTIONS) == set(BY_NAME)


@EACH
def test_declares_what_a_reader_needs(source: Source) -> None:
    spec = source.SPEC
    assert re.fullmatch(r"[a-z][a-z-]+", spec.name)
    assert all((spec.title, spec.licence, spec.grain, spec.independence))
    assert "{as_of}" in spec.citation
    assert spec.base_url.startswith("https://")
    assert not spec.base_url.endswith("/")
    assert urlsplit(spec.base_url).hostname in spec.hosts
    assert spec.docs.startswith("https://")
    assert spec.seconds_between > 0
    assert source.PARSER_VERSION >= 1
    for option in spec.options:
        assert option.help
        assert not option.choices or option.default in option.choices or option.default == ""
    if spec.key:
        assert re.fullmatch(r"[A-Z][A-Z_]+", spec.key.variable)
        assert spec.key.variable in key_variables()
        assert "{key}" in spec.key.form


@ASKED
def test_planning_is_pure_and_stays_below_the_base(source: Source, question: Query) -> None:
    first, second = source.requests(question), source.requests(question)
    assert first == second
    assert first
    for request in first:
        assert request.source == source.SPEC.name
        assert not request.path.startswith(("/", "http"))
        assert ".." not in request.path
        assert all(isinstance(v, str) for _, v in (*request.params, *request.context, *request.headers))
        assert not {n.lower() for n, _ in request.headers} & {"authorization", "x-api-key", "cookie"}


@ASKED
def test_reads_into_a_panel_with_citation(source: Source, question: Query) -> None:
    answers = ask(source, question)
    found = read(source, answers)
    frame = found.frame
    assert len(frame)
    assert frame["value"].notna().all()
    assert (frame["date"] == frame["date"].dt.normalize()).all()
    assert set(frame["snapshot"].astype(str)) <= {a.sha256 for a in answers}
    for card in found.sources:
        assert card.name == source.SPEC.name
        assert card.as_of
        assert card.as_of in card.citation
        assert card.licence
        assert card.sha256
        assert "{" not in card.citation
    assert all(note.text for note in found.notes)
    cells = frame[["date", "entity", "metric"]].astype(str).agg("|".join, axis=1)
    assert cells.is_unique
    Panel.of(found)


@ASKED
def test_same_bytes_same_observations_also_from_the_archive(source: Source, question: Query) -> None:
    answers = ask(source, question)
    kept = []
    for a in answers:
        details = json.loads(json.dumps(a.details(source.PARSER_VERSION)))
        kept.append(
            restored(a.raw, details, url=a.url, retrieved_at=a.retrieved_at, status=a.status, headers=dict(a.headers))
        )
    first, again = read(source, answers), read(source, kept)
    assert first.frame.equals(again.frame)
    assert first.sources == again.sources
    assert first.notes == again.notes
    assert read_events(source, answers) == read_events(source, kept)
    for a in kept:
        assert isinstance(reread(source, a), Observations)


@EACH
def test_refuses_what_it_does_not_know(source: Source) -> None:
    question = QUESTIONS[source.SPEC.name][0]
    with pytest.raises(UsageError, match="no option 'colour'"):
        ask(source, replace(question, options={"colour": "red"}))
    with pytest.raises(UsageError, match="before it starts"):
        ask(source, query(*question.subjects, since="2026-10-02", until="2026-10-01"))


@EACH
def test_subjects_cannot_leave_the_address(source: Source) -> None:
    subject = "../../admin?x=1#y\r\nHost: evil"
    question = replace(QUESTIONS[source.SPEC.name][0], subjects=(subject,))
    try:
        requests = source.requests(question)
    except UsageError:
        return
    for request in requests:
        assert ".." not in request.path.replace("..%2F", "").replace("%2F..", "")
        assert not set(request.path) & set("?#\r\n ")


@KEYED
def test_missing_key_names_its_variable_and_sends_nothing(source: Source, question: Query) -> None:
    transport, asked = replay(httpx.Response(200, json={}))
    assert source.SPEC.key
    with pytest.raises(SourceError, match=source.SPEC.key.variable) as caught:
        ask(source, question, transport, keys={})
    assert caught.value.exit_code == 4
    assert "set the environment variable" in caught.value.hint
    assert asked == []


@KEYLESS
def test_keyless_questions_send_no_key(source: Source, question: Query) -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(418)

    with pytest.raises(SourceError, match="status 418"):
        ask(source, question, httpx.MockTransport(handle))
    assert seen
    assert all(shapes.KEY not in str(r.url) + str(dict(r.headers)) for r in seen)


def _mutations(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place of an answer, deleted or replaced by something of another kind; long lists are sampled."""
    if path:
        for wrong in (_GONE, None, "x", -1, 1e400, [[]], {}, "2026-02-30"):
            yield path, wrong
    if isinstance(value, dict):
        for key in value:
            yield from _mutations(value[key], (*path, key))
    elif isinstance(value, list) and value:
        for i in {0, len(value) - 1}:
            yield from _mutations(value[i], (*path, i))


_GONE = object()


def _mutated(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    value = copy.deepcopy(value)
    place = value
    for step in path[:-1]:
        place = place[step]
    if wrong is _GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = wrong
    return value


def _failure(source: Source, answer: Received) -> SourceError | None:
    """Read an answer in every way; return the one kind of error that may come of it."""
    try:
        source.follow(answer)
        if answer.request.data:
            source.parse(answer)
            source.events(answer)
    except SourceError as error:
        return error
    return None


@ASKED
def test_a_changed_field_is_an_error_that_names_it_never_a_crash(source: Source, question: Query) -> None:
    named = needed = 0
    for answer in ask(source, question)[:2]:
        if answer.absent or not answer.raw.startswith((b"{", b"[")):
            continue
        value = json.loads(answer.raw)
        for path, wrong in _mutations(value):
            error = _failure(source, replace(answer, raw=json.dumps(_mutated(value, path, wrong)).encode()))
            if error is None:
                continue
            assert error.where.file or error.where.field, error.what
            if wrong is _GONE and isinstance(path[-1], str):
                needed += 1
                said = error.where.field + error.what
                named += str(path[-1]) in said or "names no model" in said
    if any(r.kind != "csv" for r in source.requests(question)):
        assert needed, "no field is needed"
        assert named == needed, f"{needed - named} of {needed} missing fields are not named"


@ASKED
def test_a_cut_or_foreign_body_is_an_error_never_a_crash(source: Source, question: Query) -> None:
    junk = (b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b"1", b'"', b"a,b\n1", b"[" * 100_000)
    for answer in ask(source, question)[:2]:
        if answer.absent:
            continue
        for raw in (*junk, answer.raw[:-9]):
            error = _failure(source, replace(answer, raw=raw))
            if error is not None:
                assert error.where.file
            else:
                # Whole rows can be cut off a CSV file unseen; size and hash of the manifest catch it before this point.
                assert raw == b"[]" or answer.request.kind in {"export", "csv"}, raw[:20]


def test_an_unknown_source_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no source 'openruoter'") as caught:
        find("openruoter")
    assert "openrouter" in caught.value.hint


def test_requests_survive_the_ledger() -> None:
    request = Request("a", "b", "c", (("x", "1"),), context=(("y", "2"),), absent="gone", complete_days=True)
    again = Request.from_dict(json.loads(json.dumps(request.to_dict())))
    assert again == request
