"""The transport seam, without a network: retries, waits, limits, redirects, conditional requests, keys."""

import asyncio
import gzip
import json
import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from auditor.errors import SourceError
from auditor.sources.base import Key, Request, Spec
from auditor.sources.http import Cached, Client, Policy, Progress
from tests.sources.shapes import KEY
from tests.sources.support import NOW, FakeTime, get, replay

SPEC = Spec(
    name="toy",
    title="Toy",
    licence="CC0",
    citation="Toy, {as_of}",
    base_url="https://toy.example/api",
    hosts=("toy.example", "files.toy.example"),
    docs="https://toy.example/docs",
    grain="a figure",
    seconds_between=2.0,
    key=Key("TOY_KEY", page="https://toy.example/keys"),
    largest=10_000,
)
KEYS = {"TOY_KEY": KEY}
ASK = Request("toy", "x", "figures", params=(("q", "a b"),), key="required")
GOOD = httpx.Response(200, json={"ok": 1})


class Toy:
    SPEC = SPEC


def toy(request: Request, *answers: httpx.Response | Exception, time: FakeTime | None = None, **settings):
    transport, asked = replay(*answers)
    settings.setdefault("keys", KEYS)
    try:
        return get(Toy, request, transport, time=time, **settings), asked  # type: ignore[arg-type]  # only its SPEC is used
    except SourceError as error:
        return error, asked


def limited(**headers: str) -> httpx.Response:
    return httpx.Response(
        429, headers={k.replace("_", "-"): v for k, v in headers.items()}, json={"error": {"message": "slow"}}
    )


@pytest.mark.parametrize(
    ("answer", "slept"),
    [
        (limited(retry_after="7"), 7.0),
        (limited(retry_after="Thu, 08 Oct 2026 12:00:09 GMT"), 9.0),
        (limited(x_ratelimit_reset=str(int(NOW) + 11)), 11.0),
        (limited(x_ratelimit_reset=str((int(NOW) + 13) * 1000)), 13.0),
        (limited(x_ratelimit_reset="15"), 15.0),
        (limited(ratelimit='"api";r=0;t=17'), 17.0),
        (limited(retry_after="3", x_ratelimit_reset="90"), 3.0),
        (limited(retry_after="soon"), 2.0),
        (httpx.Response(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 5)}), 5.0),
        (httpx.Response(503, headers={"retry-after": "4"}, text="busy"), 4.0),
        (httpx.Response(500, text="oops"), 2.0),
        (httpx.ReadTimeout("slow"), 2.0),
        (httpx.ConnectError("down"), 2.0),
        (httpx.RemoteProtocolError("cut"), 2.0),
        (httpx.Response(200, content=b"  "), 2.0),
    ],
)
def test_waits_as_asked_and_tries_again(answer: httpx.Response | Exception, slept: float) -> None:
    time = FakeTime()
    found, asked = toy(ASK, answer, GOOD, time=time)
    assert found.raw == GOOD.content
    assert len(asked) == 2
    # An own back-off of 0.75 s ends before the pace of the source, two seconds, lets the next request out.
    assert sum(time.slept) == pytest.approx(slept)


def test_gives_up_after_the_stated_number_of_tries() -> None:
    time = FakeTime()
    error, asked = toy(ASK, httpx.Response(500, json={"error": "kaputt"}), time=time, policy=Policy(attempts=3))
    assert len(asked) == 3
    assert "status 500 (kaputt), 3 tries in all" in error.what
    assert error.where.file == "https://toy.example/api/figures?q=a+b"
    assert len(time.slept) < 6


def test_backoff_doubles_and_is_bounded() -> None:
    time = FakeTime()
    policy = Policy(attempts=6, first_wait=10, longest_wait=60)
    toy(ASK, httpx.Response(502), time=time, policy=policy)
    assert time.slept == [7.5, 15.0, 30.0, 45.0, 45.0]


def test_a_long_wait_stops_at_once_and_says_until_when() -> None:
    time = FakeTime()
    answer = limited(x_ratelimit_remaining="0", x_ratelimit_reset="1791504000000")
    error, asked = toy(ASK, answer, time=time)
    assert len(asked) == 1
    assert time.slept == []
    assert "wait until 2026-10-09 00:00:00 UTC" in error.what


def test_other_calls_to_the_host_keep_the_pause_too() -> None:
    time = FakeTime()
    transport, asked = replay(limited(retry_after="5000"), GOOD)

    async def run() -> list[str]:
        async with Client(time.clock, keys=KEYS, transport=transport) as client:
            said = []
            for _ in range(2):
                with pytest.raises(SourceError) as caught:
                    await client.get(SPEC, ASK)
                said.append(caught.value.what)
            return said

    first, second = asyncio.run(run())
    assert len(asked) == 1
    assert "wait until 2026-10-08 13:23:20 UTC" in first
    assert "wait until 2026-10-08 13:23:20 UTC" in second


def test_calls_at_once_share_one_pace_per_host() -> None:
    time = FakeTime()
    transport, asked = replay(GOOD)
    starts: list[float] = []

    class Timed(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            starts.append(time.at)
            return await transport.handle_async_request(request)

    async def run() -> None:
        async with Client(time.clock, keys=KEYS, transport=Timed()) as client:
            await asyncio.gather(*(client.get(SPEC, ASK) for _ in range(5)))

    asyncio.run(run())
    assert len(asked) == 5
    assert starts == [NOW + 2.0 * i for i in range(5)]


@pytest.mark.parametrize(
    ("status", "said", "hint"),
    [
        (400, "status 400 (no such date)", "check dates"),
        (
            401,
            "status 401 (no such date)",
            "check that TOY_KEY holds a valid key (keys are issued at https://toy.example/keys)",
        ),
        (403, "status 403", "check that TOY_KEY"),
        (404, "status 404", "check the spelling"),
        (410, "status 410", "retired"),
        (418, "status 418", "https://toy.example/docs"),
        (422, "status 422", "shorter window"),
    ],
)
def test_a_refusal_is_not_repeated_and_says_what_to_try(status: int, said: str, hint: str) -> None:
    error, asked = toy(ASK, httpx.Response(status, json={"error": {"code": status, "message": "no such\n date"}}))
    assert len(asked) == 1
    assert said in error.what
    assert hint in error.hint
    assert error.exit_code == 4


def test_an_absence_that_means_something_is_an_answer() -> None:
    asked = Request("toy", "x", "figures", absent="no views")
    found, _ = toy(asked, httpx.Response(404, json={}))
    assert found.absent


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, headers={"content-type": "text/html"}, text="<html>"), r"text/html \(a web page\)"),
        (httpx.Response(200, headers={"content-type": "application/pdf"}, text="%PDF"), "application/pdf"),
        (
            httpx.Response(200, headers={"content-type": "application/json"}, text="\n<!DOCTYPE html>"),
            "a web page where data",
        ),
        (httpx.Response(200, headers={"content-encoding": "identity"}, content=b"<HTML>"), "a web page where data"),
        (httpx.Response(200, json={"x": "y" * 20_000}), "too large: 20,"),
        (httpx.Response(302, headers={"location": "https://evil.example/?token=t0ken"}), "host 'evil.example'"),
        (httpx.Response(302, headers={"location": "http://toy.example/api"}), "without TLS"),
        (httpx.Response(302, headers={"location": ""}), "redirects more than 3 times"),
        (httpx.Response(206, json={}), "status 206"),
        (httpx.UnsupportedProtocol("x"), "cannot be asked"),
    ],
)
def test_what_is_no_data_is_refused_at_once(answer: httpx.Response | Exception, said: str) -> None:
    error, asked = toy(ASK, answer)
    assert isinstance(error, SourceError)
    import re

    assert re.search(said, error.what)
    assert error.hint
    assert len(asked) <= 4
    assert "t0ken" not in str(error)


def test_unknown_compression_is_refused() -> None:
    answer = httpx.Response(200, content=b"{}")
    answer.headers["content-encoding"] = "zstd"
    transport = httpx.MockTransport(lambda _: answer)
    with pytest.raises(SourceError, match="compression 'zstd'"):
        get(Toy, ASK, transport, keys=KEYS)  # type: ignore[arg-type]  # only its SPEC is used


def _packed(raw: bytes, **more: str) -> httpx.MockTransport:
    class Raw(httpx.AsyncByteStream):
        async def __aiter__(self):
            for i in range(0, len(raw), 1000):
                yield raw[i : i + 1000]

    headers = {"content-encoding": "gzip", "content-type": "application/json", **more}
    return httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=Raw()))


def test_gzip_is_unpacked_also_in_members() -> None:
    raw = gzip.compress(b'{"a": ') + gzip.compress(b"1}")
    assert get(Toy, ASK, _packed(raw), keys=KEYS).raw == b'{"a": 1}'  # type: ignore[arg-type]  # only its SPEC is used


DAMAGED = {
    "cut off": gzip.compress(b'{"a": 1}' * 99, mtime=0)[:-9],
    "no gzip": b"no gzip at all",
    "head only": gzip.compress(b"{}", mtime=0)[:12],
}


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED)
def test_damaged_gzip_is_an_error_after_retries(raw: bytes) -> None:
    with pytest.raises(SourceError, match=r"compressed body (ends early|is damaged).*5 tries"):
        get(Toy, ASK, _packed(raw), keys=KEYS)  # type: ignore[arg-type]  # only its SPEC is used


def test_a_bomb_is_cut_off_early() -> None:
    bomb = gzip.compress(b" " * 50_000_000, 9)
    with pytest.raises(SourceError, match=r"too large: [\d,]+ unpacked bytes") as caught:
        get(Toy, ASK, _packed(bomb), keys=KEYS)  # type: ignore[arg-type]  # only its SPEC is used
    assert int(caught.value.what.split(": ")[1].split(" ")[0].replace(",", "")) <= 10_000 + (1 << 20)


def test_redirects_within_the_declared_hosts_are_followed_without_the_key() -> None:
    seen: list[tuple[str, str]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers.get("authorization", "")))
        if request.url.host == "toy.example":
            return httpx.Response(307, headers={"location": "https://files.toy.example/f"})
        return httpx.Response(200, json={})

    found = get(Toy, ASK, httpx.MockTransport(handle), keys=KEYS)  # type: ignore[arg-type]  # only its SPEC is used
    assert seen == [("toy.example", f"Bearer {KEY}"), ("files.toy.example", "")]
    assert found.url == "https://toy.example/api/figures?q=a+b"


def test_conditional_requests_use_what_was_kept() -> None:
    kept = Cached(b'{"old": 1}', {"etag": '"v1"', "content-type": "application/json"})
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("if-none-match"))
        return httpx.Response(304, headers={"etag": '"v1"'})

    asked_for: list[tuple[str, str]] = []

    def recall(source: str, url: str) -> Cached:
        asked_for.append((source, url))
        return kept

    found = get(Toy, ASK, httpx.MockTransport(handle), keys=KEYS, recall=recall)  # type: ignore[arg-type]  # only its SPEC is used
    assert seen == ['"v1"']
    assert asked_for == [("toy", "https://toy.example/api/figures?q=a+b")]
    assert found.unchanged
    assert found.raw == kept.raw
    assert found.headers["etag"] == '"v1"'


def test_progress_is_told() -> None:
    steps: list[Progress] = []
    toy(ASK, limited(retry_after="3"), GOOD, watch=steps.append)
    assert [s.state for s in steps] == ["retrying", "waiting", "receiving", "done"]
    assert steps[-1].received == len(GOOD.content)
    assert steps[0].seconds == 3


def test_the_user_agent_names_the_tool_and_the_contact_given() -> None:
    _, asked = toy(ASK, GOOD, contact="me@example.org ")
    assert asked[0].headers["user-agent"].startswith("usage-auditor/")
    assert asked[0].headers["user-agent"].endswith(" contact: me@example.org")
    assert asked[0].headers["accept-encoding"] == "gzip"


def test_time_of_retrieval_comes_from_the_caller() -> None:
    found, _ = toy(ASK, GOOD)
    assert found.retrieved_at == datetime(2026, 10, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "base",
    [
        "http://toy.example",
        "https://user:pw@toy.example",
        "ftp://x",
        "https://",
        "https://x/?k=v",
        "https://x:999999",
        "",
    ],
)
def test_an_unsafe_base_address_is_refused_without_repeating_its_password(base: str) -> None:
    error, asked = toy(ASK, GOOD, bases={"toy": base})
    assert "cannot be the base address" in error.what
    assert "pw" not in str(error)
    assert asked == []


def test_a_mirror_replaces_the_base() -> None:
    found, asked = toy(ASK, GOOD, bases={"toy": "https://mirror.example/toy/"})
    assert found.url == "https://mirror.example/toy/figures?q=a+b"
    assert str(asked[0].url) == found.url


def test_a_bad_certificate_is_told_apart_and_not_repeated() -> None:
    error = httpx.ConnectError("tls")
    cause = ssl.SSLCertVerificationError(1, "bad")
    cause.verify_message = "self-signed certificate"
    error.__cause__ = cause
    found, asked = toy(ASK, error)
    assert "certificate could not be verified (self-signed certificate)" in found.what
    assert len(asked) == 1


@pytest.mark.parametrize("bad", ["two words", "line\nbreak", "d\u00e9j\u00e0", " "])
def test_an_unusable_key_is_refused_by_name(bad: str) -> None:
    error, asked = toy(ASK, GOOD, keys={"TOY_KEY": bad})
    assert "TOY_KEY" in str(error)
    assert asked == []
    assert bad.strip() == "" or bad not in str(error)


ECHO = json.dumps({"error": {"message": f"invalid key Bearer {KEY}"}})
LEAKS: list[httpx.Response | Exception] = [
    *(httpx.Response(s, text=ECHO) for s in (400, 401, 402, 403, 404, 408, 410, 418, 422, 429, 500, 502, 503)),
    httpx.Response(200, headers={"content-type": f"text/{KEY}"}, text="x"),
    httpx.Response(200, json={"you_sent": KEY}),
    httpx.Response(200, text=f"<html>{KEY}"),
    httpx.Response(200, json={"x": KEY * 2000}),
    httpx.Response(200, headers={"content-encoding": "identity", "etag": f'"{KEY}"'}, json={"ok": 1}),
    httpx.Response(302, headers={"location": f"https://{KEY}.evil.example/{KEY}?k={KEY}"}),
    httpx.Response(302, headers={"location": f"http://toy.example/{KEY}"}),
    httpx.Response(302, headers={"location": f"/api/figures?again={KEY}"}),
    httpx.Response(429, headers={"retry-after": "99999"}, text=ECHO),
    httpx.ConnectError(f"refused {KEY}"),
    httpx.ReadTimeout(f"slow {KEY}"),
    httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"),
    httpx.InvalidURL(f"bad {KEY}"),
]


@pytest.mark.parametrize("how", ["header", "query"])
@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: f"{type(leak).__name__}-{getattr(leak, 'status_code', '')}")
def test_the_key_appears_in_no_error_log_progress_or_result(
    leak: httpx.Response | Exception, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import replace

    spec = replace(SPEC, key=Key("TOY_KEY", query="api_key")) if how == "query" else SPEC
    steps: list[Progress] = []
    sent: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url) + str(dict(request.headers)))
        if isinstance(leak, Exception):
            raise leak
        return httpx.Response(leak.status_code, headers=leak.headers, content=leak.content)

    said = ""
    with caplog.at_level(logging.DEBUG):

        async def run() -> str:
            async with Client(
                FakeTime().clock, keys=KEYS, watch=steps.append, transport=httpx.MockTransport(handle)
            ) as client:
                found = await client.get(spec, ASK)
                return repr(client) + repr(found) + repr(vars(found)) + found.raw.decode()

        try:
            said = asyncio.run(run())
        except SourceError as error:
            chain: BaseException | None = error
            while chain is not None:
                said += str(chain) + repr(chain) + repr(chain.args) + repr(vars(chain))
                chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    assert KEY in sent[0], "the key is sent to the source itself"
    assert said
    assert KEY not in said
    assert KEY not in caplog.text
    assert all(KEY not in str(record.__dict__) for record in caplog.records)
    assert KEY not in repr(steps)


def test_retries_print_nothing_where_logging_is_not_set_up() -> None:
    import subprocess
    import sys

    script = (
        "from tests.sources.test_http_client import *\n"
        "found, asked = toy(ASK, httpx.Response(500), GOOD)\n"
        "assert len(asked) == 2\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
