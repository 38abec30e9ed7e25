"""What the tests of sources share: a clock that does not wait, replayed answers, and one query per source."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from auditor.sources.base import Query, Received, Request, Source
from auditor.sources.fetch import collect
from auditor.sources.http import Client, Clock, Policy
from auditor.sources.registry import BY_NAME
from tests.sources import shapes

NOW = datetime(2026, 10, 8, 12, tzinfo=UTC).timestamp()


@dataclass
class FakeTime:
    """A clock that only moves when someone sleeps."""

    at: float = NOW
    slept: list[float] = field(default_factory=list)
    _waiting: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time: the earliest of all sleepers moves the clock."""
        self.slept.append(seconds)
        until = self.at + seconds
        self._waiting.append(until)
        for _ in range(5):
            await asyncio.sleep(0)
        while self.at < until:
            if min(self._waiting) == until:
                self.at = until
            else:
                await asyncio.sleep(0)
        self._waiting.remove(until)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, sleep=self.sleep, random=lambda: 0.5)


Answers = Callable[[httpx.Request], httpx.Response]


def replay(*answers: httpx.Response | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A transport that gives the answers in turn (the last one for ever), and what it was asked."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return httpx.MockTransport(handle), asked


def publisher(*, faults: Mapping[str, httpx.Response] | None = None) -> httpx.MockTransport:
    """A transport that answers like every publisher, in process; ``faults`` by end of the path."""

    def handle(request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        for end, fault in (faults or {}).items():
            if urlsplit(url).path.endswith(end):
                return fault
        for name, source in BY_NAME.items():
            base = source.SPEC.base_url + "/"
            if url.startswith(base):
                path = urlsplit(url).path.removeprefix(urlsplit(base).path)
                status, head, body = shapes.respond(name, path, dict(parse_qsl(urlsplit(url).query)), request.headers)
                return httpx.Response(status, headers=head, content=body)
        raise httpx.ConnectError(f"no such host: {request.url.host}")

    return httpx.MockTransport(handle)


def ask(
    source: Source,
    query: Query,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    time: FakeTime | None = None,
    keys: Mapping[str, str] = shapes.KEYED,
    **settings: Any,
) -> list[Received]:
    """Fetch, and return all answers."""

    async def run() -> list[Received]:
        clock = (time or FakeTime()).clock
        async with Client(clock, keys=keys, transport=transport or publisher(), **settings) as client:
            return await collect(source, query, client)

    return asyncio.run(run())


def get(
    source: Source,
    request: Request,
    transport: httpx.AsyncBaseTransport,
    *,
    time: FakeTime | None = None,
    keys: Mapping[str, str] = shapes.KEYED,
    **settings: Any,
) -> Received:
    """Ask once."""

    async def run() -> Received:
        async with Client((time or FakeTime()).clock, keys=keys, transport=transport, **settings) as client:
            return await client.get(source.SPEC, request)

    return asyncio.run(run())


def received(request: Request, raw: bytes, *, at: float = NOW, **headers: str) -> Received:
    """An answer without a network."""
    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    return Received(request, raw, "https://example.org/x", 200, kept, datetime.fromtimestamp(at, UTC))


def example(path: Path) -> bytes:
    """An example file as the publisher would send it: without the wrapper and the remarks of who stored it."""
    value = json.loads(path.read_bytes())
    if isinstance(value, dict):
        if "_http" in value and "body" in value:
            value = value["body"]
        if isinstance(value, dict):
            value = {k: v for k, v in value.items() if k not in {"_kind", "_note", "_http"}}
    return json.dumps(value).encode()


def query(*subjects: str, since: str = "", until: str = "", today: date = shapes.TODAY, **options: str) -> Query:
    """A query, in few words."""
    first = date.fromisoformat(since) if since else None
    last = date.fromisoformat(until) if until else None
    return Query(today, first, last, tuple(subjects), options)


#: Source, and questions that reach every kind of answer it has.
QUESTIONS: dict[str, Sequence[Query]] = {
    "openrouter": (
        query(),
        query(since="2026-10-01", until="2026-10-07", via="api"),
        query(since="2026-09-01", until="2026-10-04", via="api", category="programming"),
        query(since="2026-10-06", dataset="app-rankings"),
        query(dataset="session-cost"),
        query(dataset="classifications"),
        query(dataset="models"),
        query("a/b", dataset="endpoints"),
    ),
    "vercel": (query(since="2026-10-01"), query(since="2026-10-01", format="csv")),
    "wikimedia": (query("ChatGPT", since="2026-09-01", until="2026-09-30"),),
    "pypistats": (query("openai"), query("openai", table="recent"), query("openai", table="python_minor")),
    "huggingface": (query("openai/gpt-oss-120b"), query(author="o", limit="3000")),
    "hackernews": (query("ChatGPT", since="2026-08-01", until="2026-09-30"),),
    "price-events": (query(),),
    "cloudflare-radar": (query(since="2026-08-01", until="2026-08-02"), query(table="top")),
    "github": (query("o/r"), query("o/r", table="releases")),
    "lmarena": (query(),),
    "artificial-analysis": (query(),),
}

FAST = Policy(attempts=4, first_wait=1.0, longest_wait=120.0, connect=5.0, read=5.0, total=20.0)
QUICK = replace(FAST, total=0.4)
