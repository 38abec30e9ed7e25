"""RFC 3161 time-stamps of the chain's head, against a local authority made with OpenSSL."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.archive import Archive, timestamp_head, verify
from auditor.archive.timestamp import CONTENT_TYPE, read_reply, request_bytes
from auditor.errors import ArchiveError, UsageError

MOMENT = "2026-04-05T01:35:00Z"
OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/cert.pem
certs = {folder}/cert.pem
signer_key = {folder}/key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""

Authority = Callable[[str, bytes, str], bytes]


def openssl(*arguments: str) -> str:
    assert OPENSSL is not None
    done = subprocess.run([OPENSSL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority")
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem",
        "-subj", "/CN=test authority", "-days", "2", "-addext", "extendedKeyUsage=critical,timeStamping",
    )  # fmt: skip
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    return folder


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    def answer(url: str, body: bytes, content_type: str) -> bytes:
        assert content_type == CONTENT_TYPE
        (folder / "query.tsq").write_bytes(body)
        openssl("ts", "-reply", "-config", f"{folder}/tsa.cnf", "-section", "here", "-queryfile", f"{folder}/query.tsq",
                "-out", f"{folder}/reply.tsr")  # fmt: skip
        return (folder / "reply.tsr").read_bytes()

    return answer


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "archive")
    archive.add(b"body", source="s", url="u", retrieved_at=MOMENT)
    return archive


def stamp(archive: Archive, authority: Authority, nonce: int | None = None) -> None:
    timestamp_head(
        archive, url="https://tsa.example.org/?key=secret", transport=authority, retrieved_at=MOMENT, nonce=nonce
    )


@needs_openssl
@pytest.mark.parametrize("nonce", [None, 0, 127, 128, 2**64 - 1])
def test_openssl_accepts_the_request_and_its_stamp_is_archived(
    archive: Archive, authority: Authority, folder: Path, nonce: int | None
) -> None:
    head = archive.head()
    stamp(archive, authority, nonce)
    entry = archive.entries()[-1]
    assert (entry.kind, entry.source, entry.url) == ("timestamp", "rfc3161", "https://tsa.example.org/?key=REDACTED")
    assert entry.details["head"] == head
    reply = tuple(read_reply(archive.read(entry.sha256)))
    assert reply[0] == head
    assert reply[3] == nonce
    stored = folder / "stored.tsr"
    stored.write_bytes(archive.read(entry.sha256))
    said = openssl("ts", "-verify", "-digest", head, "-in", str(stored), "-CAfile", f"{folder}/cert.pem")
    assert "Verification: OK" in said
    archive.add(b"more", source="s", url="u", retrieved_at=MOMENT)
    assert verify(archive).ok


@needs_openssl
def test_an_answer_about_something_else_is_refused(archive: Archive, authority: Authority) -> None:
    def other(url: str, body: bytes, content_type: str) -> bytes:
        return authority(url, request_bytes("ab" * 32), content_type)

    with pytest.raises(ArchiveError, match="not an answer to this request"):
        stamp(archive, other)
    with pytest.raises(ArchiveError, match="not an answer to this request"):
        stamp(archive, lambda url, _, kind: authority(url, request_bytes(archive.head(), nonce=8), kind), nonce=7)
    assert len(archive.entries()) == 1


@needs_openssl
def test_a_stamp_of_another_chain_is_found(archive: Archive, authority: Authority, tmp_path: Path) -> None:
    other = Archive(tmp_path / "other")
    reply = authority("", request_bytes("ab" * 32), CONTENT_TYPE)
    other.add_many([])
    from auditor.archive import Retrieval

    other.add_many([Retrieval(reply, "rfc3161", "u", MOMENT, kind="timestamp")])
    assert [problem.kind for problem in verify(other).problems] == ["anchor"]


def test_a_refusal_and_garbage_are_named(archive: Archive) -> None:
    refusal = bytes.fromhex("30053003020102")
    with pytest.raises(ArchiveError, match="refused"):
        stamp(archive, lambda *_: refusal)
    with pytest.raises(ArchiveError, match="cannot be read"):
        stamp(archive, lambda *_: b"<html>404</html>")
    assert len(archive.entries()) == 1


@given(st.binary(max_size=200))
def test_no_reply_does_more_than_raise_the_archives_error(reply: bytes) -> None:
    with pytest.raises(ArchiveError):
        read_reply(reply)


def test_nothing_to_stamp(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="nothing to time-stamp"):
        stamp(Archive(tmp_path), lambda *_: b"")


@pytest.mark.parametrize("digest", ["", "abc", "zz" * 32, "ab" * 31])
def test_only_a_sha256_can_be_stamped(digest: str) -> None:
    with pytest.raises(UsageError, match="SHA-256"):
        request_bytes(digest)
