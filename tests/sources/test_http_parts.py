"""The parts of the transport: waits, pace, addresses, bodies, keys."""

import asyncio
import gzip
import zlib
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import SourceError
from auditor.sources import openrouter
from auditor.sources.base import Key, Request
from auditor.sources.http.addresses import address, is_loopback, redirected, relative
from auditor.sources.http.body import CutOffError, TooLargeError, read_body
from auditor.sources.http.keys import HIDDEN, Credential, hide, holds_key
from auditor.sources.http.pace import Pace
from auditor.sources.http.refusals import is_html, message_of
from auditor.sources.http.waits import asked_wait, exhausted
from tests.sources.support import NOW, FakeTime


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 120 "}, 120.0),
        ({"retry-after": "Thu, 08 Oct 2026 12:01:00 GMT"}, 60.0),
        ({"retry-after": "Thu, 08 Oct 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 08 Oct 2026 12:01:00 GMT", "date": "Thu, 08 Oct 2026 12:00:50 GMT"}, 10.0),
        ({"x-ratelimit-reset": "1791504000000"}, 43_200.0),
        ({"x-ratelimit-reset": "1791504000"}, 43_200.0),
        ({"x-ratelimit-reset": "1791504000.5"}, 43_200.5),
        ({"x-ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-reset": "1"}, 1.0),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"ratelimit": '"api";r=0;t=143'}, 143.0),
        ({"ratelimit": "limit=10, remaining=0, reset=5"}, None),
    ],
)
def test_every_style_of_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, NOW) == seconds


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset", "ratelimit", "date"]), st.text()))
def test_a_wait_is_never_negative_and_never_a_crash(headers: dict[str, str]) -> None:
    found = asked_wait(headers, NOW)
    assert found is None or found >= 0
    exhausted(headers)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 9), st.one_of(st.none(), st.floats(0, 50))), min_size=1
    )
)
@settings(max_examples=50)
def test_turns_at_a_host_are_never_closer_than_its_interval(calls: list[tuple[str, float, float | None]]) -> None:
    time = FakeTime()
    pace = Pace(time.clock)
    starts: dict[str, list[tuple[float, float]]] = {"a": [], "b": []}

    async def run() -> None:
        async def call(host: str, interval: float, block: float | None) -> None:
            await pace.turn(host, interval)
            starts[host].append((time.at, interval))
            if block is not None:
                pace.block(host, block)

        for host, interval, block in calls:
            await call(host, interval, block)
            assert pace.blocked(host) <= 50

    asyncio.run(run())
    for taken in starts.values():
        for (first, interval), (second, _) in pairwise(taken):
            assert second - first >= interval - 1e-6


def test_a_block_set_while_others_wait_holds_them_too() -> None:
    time = FakeTime()
    pace = Pace(time.clock)
    went: list[float] = []

    async def run() -> None:
        async def call() -> None:
            await pace.turn("a", 1.0)
            went.append(time.at - NOW)

        async def refused() -> None:
            await pace.turn("a", 1.0)
            pace.block("a", 30.0)

        await asyncio.gather(refused(), call(), call())

    asyncio.run(run())
    assert min(went) >= 30


def _body(raw: bytes, **headers: str) -> httpx.Response:
    class Pieces(httpx.AsyncByteStream):
        async def __aiter__(self):
            for i in range(0, len(raw), 700):
                yield raw[i : i + 700]

    return httpx.Response(200, headers={k.replace("_", "-"): v for k, v in headers.items()}, stream=Pieces())


@given(st.binary(max_size=5000), st.sampled_from(["gzip", "deflate", ""]))
def test_bodies_come_through_unchanged(raw: bytes, encoding: str) -> None:
    packed = gzip.compress(raw) if encoding == "gzip" else zlib.compress(raw) if encoding else raw
    assert asyncio.run(read_body(_body(packed, content_encoding=encoding), 10_000)) == raw


@given(st.binary(min_size=1, max_size=3000), st.data())
def test_a_cut_gzip_is_always_noticed(raw: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(raw)
    keep = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CutOffError):
        asyncio.run(read_body(_body(packed[:keep], content_encoding="gzip"), 10_000))


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_limit_holds_exactly(encoding: str) -> None:
    raw = bytes(range(256)) * 20
    packed = gzip.compress(raw, 0) if encoding else raw
    size = len(packed)
    assert asyncio.run(read_body(_body(packed, content_encoding=encoding), size)) == raw
    with pytest.raises(TooLargeError):
        asyncio.run(read_body(_body(packed, content_encoding=encoding), min(size, len(raw)) - 1))


def test_a_stated_length_that_is_not_kept_is_noticed() -> None:
    with pytest.raises(CutOffError, match="3 bytes where its header states 9"):
        asyncio.run(read_body(_body(b"abc", content_length="9"), 100))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?x=1", "https://a.example/b?x=1"),
        ("//", "https://a.example/x/y"),
        ("//b.example/c", "https://b.example/c"),
        ("https://u:p@b.example/c", "https://b.example/c"),
        ("https://A.EXAMPLE/c", "https://A.EXAMPLE/c"),
    ],
)
def test_redirects_to_declared_hosts(location: str, target: str) -> None:
    assert redirected("https://a.example/x/y", location, {"a.example", "b.example"}) == target


@pytest.mark.parametrize(
    "location",
    [
        "https://c.example/",
        "https://a.example.c.example/",
        "https://a.example@c.example/",
        "http://a.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://[::1]/",
        "http://127.0.0.1/",
    ],
)
def test_redirects_elsewhere_are_refused(location: str) -> None:
    with pytest.raises(SourceError, match="redirects to"):
        redirected("https://a.example/x/y", location, {"a.example"})


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/v1/x",
        "http://openrouter.ai/api/v1/x",
        "https://openrouter.ai/other/x",
        "https://openrouter.ai/api/v1/../../x",
        "https://openrouter.ai:444/api/v1/x",
        "https://u@openrouter.ai/api/v1/x",
        "//evil.example/api/v1/x",
    ],
)
def test_an_answer_cannot_lead_outside_the_base(url: str) -> None:
    with pytest.raises(SourceError, match="points to the host"):
        relative(url, openrouter.SPEC, "https://openrouter.ai/api/v1/m")


def test_addresses_encode_their_parameters() -> None:
    request = Request("a", "b", "x/y", params=(("q", "ü &=#"), ("q", "2")))
    assert address("https://h.example", request) == "https://h.example/x/y?q=%C3%BC+%26%3D%23&q=2"


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)],
)
def test_loopback(host: str, is_local: bool) -> None:
    assert is_loopback(host) is is_local


def test_keys_hide_in_every_spelling() -> None:
    credential = Credential(Key("A_KEY"), "  s3cr/t+key= ")
    text = "s3cr/t+key= s3cr%2Ft%2Bkey%3D czNjci90K2tleT0="
    assert hide(text, [credential]) == f"{HIDDEN} {HIDDEN} {HIDDEN}"
    assert holds_key(b"{'k': 's3cr%2Ft%2Bkey%3D'}", [credential])
    assert "s3cr" not in repr(credential)
    assert "s3cr" not in f"{credential}"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"error": {"message": "a\\nb\\u0007", "code": 1}}', "a b"),
        (b'{"errors": [{"code": 1, "message": "m"}]}', "m"),
        (b'{"error": "text"}', "text"),
        (b'{"detail": "d"}', "d"),
        (b"RATE LIMIT EXCEEDED", "RATE LIMIT EXCEEDED"),
        (b"<!DOCTYPE html><p>secret page", ""),
        (b"<h1>404</h1>", ""),
        (b"", ""),
        (b"[]", ""),
        (b'{"error": {"message": 5}}', ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 300, "x" * 197 + "..."),
        (b"[" * 5000, "[" * 197 + "..."),
    ],
)
def test_the_publishers_words_are_one_short_line(raw: bytes, said: str) -> None:
    assert message_of(raw) == said


@given(st.binary(max_size=300))
def test_the_publishers_words_are_always_printable(raw: bytes) -> None:
    said = message_of(raw)
    assert len(said) <= 200
    assert all(c.isprintable() for c in said)
    is_html(raw)
