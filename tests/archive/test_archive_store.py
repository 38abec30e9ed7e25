"""Raw answers are kept exactly, once, under their SHA-256; the ledger says who, when and what."""

import gzip
import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.archive import Archive, Entry, Retrieval, verify
from auditor.archive.entry import GENESIS, line_of, parse_line
from auditor.errors import ArchiveError, UsageError

MOMENT = "2026-04-05T01:35:00Z"


def add(archive: Archive, raw: bytes = b"body", **options: Any) -> Entry:
    return archive.add(raw, **({"source": "s", "url": "https://example.org/data", "retrieved_at": MOMENT} | options))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def test_bytes_come_back_exactly_and_are_readable_with_gzip_alone(archive: Archive) -> None:
    raw = bytes(range(256)) * 50
    entry = add(archive, raw)
    assert archive.read(entry.sha256) == raw
    assert entry.sha256 == hashlib.sha256(raw).hexdigest()
    assert entry.byte_count == len(raw)
    path = archive.folder / "objects" / entry.sha256[:2] / f"{entry.sha256}.gz"
    assert gzip.decompress(path.read_bytes()) == raw


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=2000))
def test_any_bytes_survive(archive: Archive, raw: bytes) -> None:
    assert archive.read(add(archive, raw).sha256) == raw


def test_the_same_bytes_read_twice_are_two_entries_and_one_object(archive: Archive) -> None:
    first, second = add(archive), add(archive, retrieved_at="2026-04-06T01:35:00Z")
    assert (first.seq, second.seq) == (1, 2)
    assert first.sha256 == second.sha256
    assert len(list(archive.objects.files())) == 1


def test_every_field_is_kept(archive: Archive) -> None:
    entry = add(
        archive,
        status=203,
        headers=[("Content-Type", "text/csv"), ("ETag", '"x"'), ("Set-Cookie", "no"), ("X-RateLimit-Reset", "7")],
        licence="CC BY 4.0",
        citation="Source: example",
        as_of="week ending 2026-04-05",
        software="audit 0.1",
        details={"dataset": "daily", "window": ["2026-04-01", None], "n": 3},
    )
    kept = Archive(archive.folder).entries()[0]
    assert kept == entry
    assert kept.headers == {"content-type": "text/csv", "etag": '"x"', "x-ratelimit-reset": "7"}
    assert kept.details == {"dataset": "daily", "window": ["2026-04-01", None], "n": 3}
    assert (kept.status, kept.licence, kept.citation, kept.as_of, kept.software) == (
        203, "CC BY 4.0", "Source: example", "week ending 2026-04-05", "audit 0.1",
    )  # fmt: skip


def test_each_entry_carries_the_hash_of_the_one_before(archive: Archive) -> None:
    entries = [add(archive, str(number).encode()) for number in range(4)]
    assert [entry.previous for entry in entries] == [GENESIS, *(entry.hash for entry in entries[:-1])]
    lines = (archive.folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    assert lines == [line_of(entry) for entry in entries]
    assert [parse_line(line) for line in lines] == entries
    assert archive.head() == entries[-1].hash


def test_the_same_calls_give_the_same_record(tmp_path: Path) -> None:
    archives = [Archive(tmp_path / name) for name in "ab"]
    for archive in archives:
        add(archive, b"one", as_of="2026-04-05")
        add(archive, b"two", details={"b": 1, "a": 2})
    first, second = (archive.folder for archive in archives)
    assert (first / "ledger.jsonl").read_bytes() == (second / "ledger.jsonl").read_bytes()


def test_times_are_kept_in_utc(archive: Archive) -> None:
    zone = timezone(timedelta(hours=8))
    assert add(archive, retrieved_at=datetime(2026, 4, 5, 9, 35, tzinfo=zone)).retrieved_at == MOMENT
    assert add(archive, retrieved_at="2026-04-05T09:35:00+08:00").retrieved_at == MOMENT
    assert add(archive, retrieved_at=datetime(2026, 4, 5, 1, 35, tzinfo=UTC)).retrieved_at == MOMENT


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retrieved_at": "2026-04-05T01:35:00"}, "no time zone"),
        ({"retrieved_at": "yesterday"}, "ISO 8601"),
        ({"source": ""}, "id of its source"),
        ({"details": {"x": float("nan")}}, "plain JSON"),
        ({"details": {"x": object()}}, "plain JSON"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_kept(archive: Archive, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        add(archive, **options)
    assert archive.entries() == []
    assert verify(archive).ok


def test_a_batch_is_kept_whole_or_not_at_all(archive: Archive) -> None:
    good = Retrieval(b"good", "s", "u", MOMENT)
    with pytest.raises(UsageError):
        archive.add_many([good, Retrieval(b"bad", "", "u", MOMENT)])
    with pytest.raises(UsageError, match="no kind of entry 'rumour'"):
        archive.add_many([good, Retrieval(b"bad", "s", "u", MOMENT, kind="rumour")])
    assert archive.entries() == []
    assert [entry.seq for entry in archive.add_many([good, good])] == [1, 2]
    assert archive.add_many([]) == []


def test_entries_are_filtered_and_ordered(archive: Archive) -> None:
    add(archive, source="a", url="https://x/1", retrieved_at="2026-04-05T00:00:00Z")
    add(archive, source="b", url="https://x/2", retrieved_at="2026-04-05T00:00:00.5Z")
    add(archive, source="a", url="https://x/2", retrieved_at="2026-04-06T00:00:00Z")

    def seqs(**options: Any) -> list[int]:
        return [entry.seq for entry in archive.entries(**options)]

    assert seqs() == [1, 2, 3]
    assert seqs(source="a") == [1, 3]
    assert seqs(url="https://x/2", source="b") == [2]
    assert seqs(since="2026-04-05T00:00:00.2Z") == [2, 3]
    assert seqs(until="2026-04-05T00:00:00.2Z") == [1]
    assert seqs(newest_first=True, limit=2) == [3, 2]
    assert seqs(kinds=["backfill"]) == []
    assert list(archive.table()["seq"]) == [1, 2, 3]
    assert archive.table(["url", "seq"], source="a", newest_first=True).to_numpy().tolist() == [
        ["https://x/2", 3],
        ["https://x/1", 1],
    ]
    with pytest.raises(UsageError, match="no field 'seq; DROP"):
        archive.table(["seq; DROP TABLE entries"])


def test_conditional_requests_find_the_last_answer_and_record_no_change(archive: Archive) -> None:
    url = "https://example.org/data?api_key=abc&day=1"
    add(archive, url=url, headers={"etag": '"1"'})
    good = add(archive, b"newer", url=url, headers={"etag": '"2"'})
    add(archive, b"error page", url=url, status=500)
    latest = archive.latest("s", url)
    assert latest == good
    unchanged = archive.record_unchanged(good, retrieved_at="2026-04-07T00:00:00Z")
    assert (unchanged.kind, unchanged.status, unchanged.sha256) == ("unchanged", 304, good.sha256)
    assert archive.latest("s", "https://example.org/other") is None


def test_a_missing_or_altered_snapshot_is_never_returned(archive: Archive) -> None:
    entry = add(archive, b"some text " * 50)
    path = archive.objects.path(entry.sha256)
    path.chmod(0o644)
    path.write_bytes(gzip.compress(b"other text"))
    with pytest.raises(ArchiveError, match="altered"):
        archive.read(entry.sha256)
    path.unlink()
    with pytest.raises(ArchiveError, match="missing"):
        archive.read(entry.sha256)


def test_receiving_the_bytes_again_heals_a_damaged_object_and_keeps_the_damaged_file(archive: Archive) -> None:
    entry = add(archive, b"some text " * 50)
    path = archive.objects.path(entry.sha256)
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    assert not verify(archive).ok
    add(archive, b"some text " * 50)
    report = verify(archive)
    assert report.ok
    assert archive.read(entry.sha256) == b"some text " * 50
    assert any(".damaged" in note for note in report.notes)


def test_a_folder_with_other_files_is_not_turned_into_an_archive(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(ArchiveError, match=r"thesis\.doc"):
        Archive(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_opening_what_does_not_exist_says_so_and_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no archive here"):
        Archive(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_an_archive_on_read_only_media_can_be_read(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = add(archive)
    monkeypatch.setattr("auditor.archive.ledger.os.access", lambda *_: False)
    readable = Archive(archive.folder)
    assert readable.entries() == [entry]
    assert readable.read(entry.sha256) == b"body"
    assert verify(readable).ok
    with pytest.raises(ArchiveError):
        add(readable)
