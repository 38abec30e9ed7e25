"""End to end over real HTTP, against a server process on 127.0.0.1, faults included."""

import asyncio
import json
import resource
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from auditor.errors import SourceError, UsageError
from auditor.sources import openrouter
from auditor.sources.base import Query, Received, Source
from auditor.sources.fetch import collect, read
from auditor.sources.http import Cached, Client, Clock
from auditor.sources.registry import BY_NAME
from tests.sources import shapes
from tests.sources.server import Handler, running
from tests.sources.support import FAST, QUESTIONS, QUICK, FakeTime, query


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as base:
        yield base


def over_http(source: Source, question: Query, base: str, *, at: FakeTime | None = None, **settings):
    moving = at or FakeTime()
    settings.setdefault("policy", FAST)
    settings.setdefault("keys", shapes.KEYED)

    async def run() -> list[Received]:
        clock = Clock(now=lambda: moving.at, sleep=moving.sleep)
        bases = {source.SPEC.name: f"{base}/{source.SPEC.name}"}
        async with Client(clock, bases=bases, **settings) as client:
            return await collect(source, question, client)

    return asyncio.run(run())


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_source_over_real_http(name: str, server: str) -> None:
    source = BY_NAME[name]
    for question in QUESTIONS[name]:
        found = read(source, over_http(source, question, server))
        assert len(found.frame)
        assert found.sources[0].url.startswith(server)


EXPORT = query()
KEYED = query(since="2026-10-01", until="2026-10-07", via="api")


@pytest.mark.parametrize("style", ["429-retry-after", "429-retry-date", "429-reset-s", "429-reset-ms"])
def test_429_is_waited_out_in_every_style(style: str, server: str) -> None:
    at = FakeTime()
    answers = over_http(openrouter, EXPORT, f"{server}/fault/{style}-once", at=at)
    assert len(read(openrouter, answers).frame) == 1530
    # Manifest and file each ask for two seconds, told by the server's own clock (whose second may turn in between).
    assert len(at.slept) == 2
    assert all(1 <= seconds <= 2 for seconds in at.slept), at.slept


def test_500_then_success(server: str) -> None:
    at = FakeTime()
    answers = over_http(openrouter, EXPORT, f"{server}/fault/500-once", at=at)
    assert len(read(openrouter, answers).frame) == 1530
    assert len(at.slept) == 2


def test_gzip_in_transfer_leaves_the_promised_bytes(server: str) -> None:
    answers = over_http(openrouter, EXPORT, f"{server}/fault/gzip")
    assert answers[1].sha256 == answers[1].request.sha256


def test_a_broken_line_is_mended_by_a_retry(server: str) -> None:
    for fault in ("cut", "reset", "gzip-cut"):
        answers = over_http(openrouter, EXPORT, f"{server}/fault/{fault}-once")
        assert len(read(openrouter, answers).frame) == 1530


def test_redirects_on_the_same_host_are_followed(server: str) -> None:
    assert len(over_http(openrouter, KEYED, f"{server}/fault/redirect-near")) == 1


@pytest.mark.parametrize(
    ("fault", "question", "said"),
    [
        ("429-tomorrow", EXPORT, "it asks to wait until 20"),
        ("500", EXPORT, "status 500, 4 tries in all"),
        ("cut", EXPORT, "broke while the answer came in, 4 tries"),
        ("reset", EXPORT, "could not be reached"),
        ("gzip-cut", EXPORT, "the compressed body ends early, 4 tries"),
        ("gzip-bomb", EXPORT, "too large: "),
        ("huge", EXPORT, "too large: "),
        ("huge-stated", EXPORT, "too large: 2,000,000,000 bytes"),
        ("type", EXPORT, "answered with application/pdf"),
        ("html", EXPORT, "a web page"),
        ("html-as-json", KEYED, "a web page where data was expected"),
        ("redirect-foreign", EXPORT, "redirects to the host '127.0.0.2'"),
        ("redirect-loop", EXPORT, "redirects more than 3 times"),
        ("field", EXPORT, "the field files is missing"),
        ("field", KEYED, "the field data[0].total_tokens is missing"),
        ("manifest", EXPORT, "the file's SHA-256 is "),
        ("empty", EXPORT, "the answer is empty, 4 tries"),
        ("echo-key", KEYED, "repeats the key that was sent; it is not kept"),
        ("refuse-key", KEYED, "status 401 (Invalid key"),
    ],
)
def test_faults_end_in_one_clear_error(fault: str, question: Query, said: str, server: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(SourceError) as caught:
        read(openrouter, over_http(openrouter, question, f"{server}/fault/{fault}"))
    error = caught.value
    assert said in error.what
    assert error.exit_code == 4
    assert error.where.file.startswith(f"{server}/fault/{fault}/openrouter/") or fault == "redirect-foreign"
    assert error.hint
    assert shapes.KEY not in str(error)
    assert "secret" not in str(error)
    assert time.monotonic() - started < 20
    # The limit of a source is 64 MB; a 2 GB body or a bomb of 300 MB may not come near its size in memory.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000


def test_a_slow_body_ends_at_the_deadline(server: str) -> None:
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"did not finish its answer within 0.2 seconds, 2 tries in all"):
        over_http(openrouter, EXPORT, f"{server}/fault/slow", policy=replace(QUICK, attempts=2, total=0.2))
    assert time.monotonic() - started < 5


def test_a_body_that_stops_ends_at_the_read_timeout(server: str) -> None:
    with pytest.raises(SourceError, match=r"did not answer in time|stopped coming in"):
        over_http(openrouter, EXPORT, f"{server}/fault/slow", policy=replace(FAST, attempts=1, read=0.02))


def test_an_unchanged_manifest_costs_no_body(server: str) -> None:
    first = over_http(openrouter, EXPORT, server)
    kept = {a.url: Cached(a.raw, a.headers) for a in first}
    again = over_http(openrouter, EXPORT, server, recall=lambda _, url: kept.get(url))
    assert again[0].status == 304
    assert again[0].raw == first[0].raw
    assert read(openrouter, again).frame.equals(read(openrouter, first).frame)


def test_only_the_stated_addresses_were_asked(server: str) -> None:
    over_http(openrouter, query(since="2026-09-20"), server)
    with urllib.request.urlopen(f"{server}/count", timeout=5) as answer:
        counted = json.loads(answer.read())
    exports = "/openrouter/datasets/exports/rankings-daily/"
    asked = {path.removeprefix(exports) for path in counted if path.startswith(exports)}
    assert asked == {"latest.manifest.json", "2026-10-08.csv"}


def test_nobody_listening_is_an_error_with_a_way_out() -> None:
    with pytest.raises(SourceError, match=r"could not be reached \(ConnectError\), 4 tries in all") as caught:
        over_http(openrouter, EXPORT, "http://127.0.0.1:9")
    assert "archive:SOURCE" in caught.value.hint


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server with a certificate that nobody vouches for; yields its address and the certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed; it makes the certificate of this test")
    folder = tmp_path_factory.mktemp("tls")
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([openssl, *command.split(), *names], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{httpd.server_port}", folder / "cert.pem"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(10)


def test_tls_certificates_are_checked(tls: tuple[str, Path]) -> None:
    address, certificate = tls
    with pytest.raises(SourceError, match=r"TLS certificate could not be verified \(self-signed certificate\)"):
        over_http(openrouter, EXPORT, address)
    trusted = ssl.create_default_context(cafile=str(certificate))
    assert len(read(openrouter, over_http(openrouter, EXPORT, address, tls=trusted)).frame) == 1530


def test_checking_certificates_cannot_be_switched_off() -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    with pytest.raises(UsageError, match="always checked"):
        over_http(openrouter, EXPORT, "https://localhost:1", tls=careless)


def test_a_proxy_is_not_used_for_this_machine_and_its_password_is_not_repeated(server: str) -> None:
    proxy = "http://me:pa55word@127.0.0.2:9"
    assert len(over_http(openrouter, EXPORT, server, proxy=proxy)) == 2
    with pytest.raises(SourceError, match="could not be reached") as caught:
        over_http(openrouter, EXPORT, "https://proxied.invalid", proxy=proxy)
    assert "pa55word" not in str(caught.value)
    with pytest.raises(UsageError, match="proxy cannot be used") as refused:
        over_http(openrouter, EXPORT, server, proxy="gopher://me:pa55word@x")
    assert "pa55word" not in str(refused.value)
