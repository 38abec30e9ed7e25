"""Whatever is missing or altered is found and named."""

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

from auditor.archive import Archive, Entry, verify
from auditor.archive.entry import from_record, line_of, sealed
from auditor.errors import ArchiveError

MOMENT = "2026-04-05T01:35:00Z"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "archive")
    generator = random.Random(1)
    for number in range(12):
        body = b"text " * number * 20 if number % 2 else generator.randbytes(number * 40)
        archive.add(body, source="s", url=f"https://example.org/{number}", retrieved_at=MOMENT, as_of="2026-04-05")
    return archive


def kinds(archive: Archive) -> list[str]:
    return sorted({problem.kind for problem in verify(Archive(archive.folder)).problems})


def test_a_whole_archive_passes_and_states_what_was_checked(archive: Archive) -> None:
    report = verify(archive)
    assert report.ok
    assert (report.entries, report.objects) == (12, 12)
    assert report.byte_count == sum(entry.byte_count for entry in archive.entries())
    assert report.head == archive.head()
    report.require_ok()


def test_an_empty_archive_passes(tmp_path: Path) -> None:
    assert verify(Archive(tmp_path)).ok


def test_every_byte_of_an_object_counts_even_those_that_do_not_change_its_content(archive: Archive) -> None:
    path = archive.objects.path(archive.entries()[3].sha256)
    path.chmod(0o644)
    original = path.read_bytes()
    for at in range(len(original)):
        for bit in (0x01, 0x80):
            changed = bytearray(original)
            changed[at] ^= bit
            path.write_bytes(bytes(changed))
            report = verify(archive)
            assert [problem.kind for problem in report.problems] == ["altered"], at
            assert report.problems[0].where == str(path)
    path.write_bytes(original + b"\0")
    assert kinds(archive) == ["altered"]


def test_every_byte_of_a_ledger_line_counts(archive: Archive) -> None:
    record = archive.ledger.record
    original = record.read_bytes()
    lines = original.splitlines(keepends=True)
    start, generator = sum(map(len, lines[:10])), random.Random(2)
    for at in range(start, len(original), 5):
        changed = bytearray(original)
        changed[at] ^= generator.randrange(1, 256)
        record.write_bytes(bytes(changed))
        report = verify(archive)
        assert not report.ok, at
        assert all(problem.where == str(record) or problem.kind == "index" for problem in report.problems)


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_a_shortened_ledger_is_found(archive: Archive, cut: int) -> None:
    record = archive.ledger.record
    record.write_bytes(record.read_bytes()[:-cut])
    assert not verify(Archive(archive.folder)).ok


def test_removed_added_and_exchanged_lines_are_found(archive: Archive) -> None:
    record = archive.ledger.record
    lines = record.read_bytes().splitlines(keepends=True)
    for altered in (
        [*lines[:4], *lines[5:]],
        [*lines[:4], lines[5], lines[4], *lines[6:]],
        [*lines[:4], lines[4], lines[4], *lines[5:]],
        [*lines[:4], b"\n", *lines[4:]],
        [],
    ):
        record.write_bytes(b"".join(altered))
        assert not verify(Archive(archive.folder)).ok
    record.unlink()
    assert not verify(Archive(archive.folder)).ok
    record.write_bytes(b"".join(lines))
    assert verify(Archive(archive.folder)).ok


def test_missing_truncated_and_exchanged_objects_are_named(archive: Archive) -> None:
    first, second, third = (archive.objects.path(entry.sha256) for entry in archive.entries()[2:5])
    second.chmod(0o644)
    second.write_bytes(third.read_bytes())
    first.unlink()
    report = verify(archive)
    assert {(problem.kind, problem.where) for problem in report.problems} == {
        ("missing", str(first)),
        ("altered", str(second)),
    }
    with pytest.raises(ArchiveError, match="and 1 more"):
        report.require_ok()


@pytest.mark.parametrize("column", ["source", "status", "as_of", "sha256", "hash", "seq", "line_end", "details_json"])
def test_every_field_of_the_index_is_compared(archive: Archive, column: str) -> None:
    value = 99 if column in {"seq", "status", "line_end"} else "other"
    with contextlib.closing(sqlite3.connect(archive.ledger.index)) as index, index:
        index.execute(f"UPDATE entries SET {column} = ? WHERE seq = 6", (value,))
    assert "index" in kinds(archive)


def test_other_files_are_reported_and_do_not_fail(archive: Archive) -> None:
    (archive.folder / "objects" / "note.txt").write_text("mine")
    report = verify(archive)
    assert report.ok
    assert report.notes == ("file that is not the archive's: objects/note.txt",)


def test_an_altered_object_that_no_entry_names_is_found(archive: Archive) -> None:
    folder = archive.folder / "objects" / "ab"
    folder.mkdir(exist_ok=True)
    (folder / f"ab{'0' * 62}.gz").write_bytes(b"x")
    assert kinds(archive) == ["altered"]


def test_the_format_marker_is_checked(archive: Archive) -> None:
    archive.marker.write_bytes(b'{"format": "audit-archive"; "version": 1}\n')
    assert kinds(archive) == ["altered"]
    archive.marker.unlink()
    assert kinds(archive) == ["missing"]
    assert not archive.marker.exists()


def test_a_later_format_is_not_touched(archive: Archive) -> None:
    archive.marker.write_bytes(b'{"format": "audit-archive", "version": 2}\n')
    with pytest.raises(ArchiveError, match="format version 2"):
        Archive(archive.folder)


def test_a_wholly_recomputed_chain_shows_only_against_an_anchor(archive: Archive) -> None:
    noted = archive.head()
    entries = archive.entries()
    forged: list[Entry] = []
    for entry in entries:
        record = entry._asdict() | {"headers": entry.headers, "details": entry.details, "as_of": "2026-04-01"}
        for name in ("headers_json", "details_json", "seq", "previous", "hash"):
            record.pop(name)
        forged.append(sealed(record, seq=entry.seq, previous=forged[-1].hash if forged else "0" * 64))
    archive.ledger.record.write_bytes(b"".join(line_of(entry) for entry in forged))
    archive.ledger.index.unlink()
    again = Archive(archive.folder)
    assert verify(again).ok  # internally consistent: this is what a chain alone cannot show
    assert [problem.kind for problem in verify(again, anchors=[noted]).problems] == ["anchor"]


def test_an_anchor_in_the_chain_holds_after_more_was_added(archive: Archive) -> None:
    noted = archive.head()
    archive.add(b"later", source="s", url="u", retrieved_at=MOMENT)
    assert verify(archive, anchors=[noted]).ok


def test_verify_changes_nothing(archive: Archive) -> None:
    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in archive.folder.rglob("*") if path.is_file()}

    before = files()
    verify(archive)
    assert files() == before


def test_a_record_with_other_fields_is_no_entry() -> None:
    with pytest.raises((KeyError, TypeError)):
        from_record({"headers": {}, "details": {}, "surprise": 1})
