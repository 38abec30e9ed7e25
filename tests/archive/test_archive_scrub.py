"""Secrets never reach the archive's files."""

from pathlib import Path

import pytest

from auditor.archive import Archive, export, verify
from auditor.archive.scrub import Scrubber, names_secret
from auditor.errors import ArchiveError, UsageError

CANARY = "sk-canary-7f3a9/+="
MOMENT = "2026-04-05T01:35:00Z"


@pytest.mark.parametrize(
    "key",
    ["key", "api_key", "apiKey", "APIKEY", "X-Api-Key", "access_token", "accessToken", "token", "Authorization", "client_secret",
     "X-Amz-Signature", "X-Amz-Credential", "password", "sig", "subscription-key", "PHPSESSID_session"],
)  # fmt: skip
def test_keys_that_name_a_secret(key: str) -> None:
    assert names_secret(key)


@pytest.mark.parametrize(
    "key", ["keyword", "total_tokens", "monkey", "start_date", "design", "authors", "tokens", "keys_count", ""]
)
def test_keys_that_do_not(key: str) -> None:
    assert not names_secret(key)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/a?b=1&c=2", "https://example.org/a?b=1&c=2"),
        ("https://example.org/a?q=a%20b&empty=", "https://example.org/a?q=a%20b&empty="),
        ("https://me:pw@example.org:8443/a", "https://example.org:8443/a"),
        ("https://example.org/a?API_KEY=x&b=1#frag", "https://example.org/a?API_KEY=REDACTED&b=1"),
        ("/relative?token=x", "/relative?token=REDACTED"),
        ("https://[bad/a?token=x", "REDACTED"),
        ("https://me:pass/word@example.org/a", "REDACTED"),
    ],
)
def test_addresses(url: str, kept: str) -> None:
    assert Scrubber().url(url) == kept
    assert Scrubber().url(kept) == kept


def test_text_and_nested_details_are_cleaned() -> None:
    scrub = Scrubber([CANARY])
    assert scrub.text("see https://x/?key=abc and Bearer abcdefgh") == "see https://x/?key=REDACTED and Bearer REDACTED"
    assert scrub.details({"request": {"token": "t", "day": 1}, "tries": [f"k={CANARY}", {"password": ""}]}) == {
        "request": {"token": "REDACTED", "day": 1},
        "tries": ["k=REDACTED", {"password": ""}],
    }


def test_a_canary_in_every_field_is_in_no_file_of_the_archive_or_its_export(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.add(
        b"body",
        source=f"s-{CANARY}",
        url=f"https://u:{CANARY}@example.org/{CANARY}/x?api_key={CANARY}&other={CANARY}&q=sk-canary-7f3a9%2F%2B%3D",
        retrieved_at=MOMENT,
        headers={
            "authorization": CANARY,
            "x-api-key": CANARY,
            "set-cookie": CANARY,
            "location": f"/next?token={CANARY}",
            "link": f"<https://example.org/?token={CANARY}>; rel=next",
            "etag": CANARY,
        },
        licence=CANARY,
        citation=f"see https://example.org/?key={CANARY}",
        as_of=CANARY,
        software=f"audit {CANARY}",
        details={"Authorization": f"Bearer {CANARY}", "nested": [{"x": CANARY}], CANARY: 1},
        secrets=[CANARY],
    )
    assert verify(archive).ok
    export(archive, tmp_path / "export")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 6
    for path in files:
        assert b"canary" not in path.read_bytes(), path
        assert "canary" not in str(path.relative_to(tmp_path))


def test_without_being_told_the_value_known_places_are_still_cleaned(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.add(
        b"body",
        source="s",
        url=f"https://u:{CANARY}@example.org/x?api_key={CANARY}",
        retrieved_at=MOMENT,
        headers={"authorization": CANARY, "x-auth-token": CANARY, "location": f"https://example.org/?sig={CANARY}"},
        details={"api_key": CANARY},
    )
    for path in (tmp_path / "archive").rglob("*"):
        assert path.is_dir() or b"canary" not in path.read_bytes()


def test_an_answer_that_repeats_the_secret_is_refused_without_printing_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    with pytest.raises(ArchiveError, match="repeats a secret") as caught:
        archive.add(
            f"bad key {CANARY}".encode(),
            source="s",
            url=f"https://x/?key={CANARY}",
            retrieved_at=MOMENT,
            secrets=[CANARY],
        )
    assert "canary" not in str(caught.value)
    assert archive.entries() == []


def test_a_secret_too_short_to_replace_safely_is_refused() -> None:
    with pytest.raises(UsageError, match="shorter"):
        Scrubber(["ab"])
    assert Scrubber([""]).text("abc") == "abc"
