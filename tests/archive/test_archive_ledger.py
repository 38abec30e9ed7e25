"""The ledger survives crashes, other processes and a full disk; damage is named."""

import contextlib
import errno
import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.archive import Archive, Retrieval, verify
from auditor.errors import ArchiveError

MOMENT = "2026-04-05T01:35:00Z"


def filled(folder: Path, count: int = 5) -> Archive:
    archive = Archive(folder)
    for number in range(count):
        archive.add(f"body {number}".encode(), source="s", url=f"u{number}", retrieved_at=MOMENT)
    return archive


def add(archive: Archive, raw: bytes = b"more") -> Any:
    return archive.add(raw, source="s", url="u", retrieved_at=MOMENT)


def index_without(archive: Archive, last: int) -> None:
    with contextlib.closing(sqlite3.connect(archive.ledger.index)) as index, index:
        index.execute("DELETE FROM entries WHERE seq > (SELECT max(seq) FROM entries) - ?", (last,))


def test_the_index_is_rebuilt_when_it_is_deleted(tmp_path: Path) -> None:
    archive = filled(tmp_path)
    before = archive.entries()
    archive.ledger.index.unlink()
    again = Archive(tmp_path)
    assert again.entries() == before
    assert again.recovered == ("5 entries of ledger.jsonl were added to the index",)
    assert verify(again).ok


def test_lines_written_before_a_crash_are_adopted(tmp_path: Path) -> None:
    archive = filled(tmp_path)
    before = archive.entries()
    index_without(archive, last=2)
    assert any("2 entries behind" in note for note in verify(archive).notes)
    assert add(archive).seq == 6  # a writer that was open already adopts them too
    assert archive.entries()[:5] == before
    assert verify(Archive(tmp_path)).ok


def test_an_unfinished_line_is_moved_aside_and_reported(tmp_path: Path) -> None:
    archive = filled(tmp_path)
    with archive.ledger.record.open("ab") as file:
        file.write(b'{"as_of":null,"byte_c')
    assert verify(archive).ok  # it was never acknowledged
    again = Archive(tmp_path)
    assert len(again.entries()) == 5
    report = verify(again)
    assert report.ok
    assert any("torn/" in note for note in report.notes)
    assert [path.read_bytes() for path in again.ledger.torn.iterdir()] == [b'{"as_of":null,"byte_c']
    assert add(again).seq == 6


def test_zeros_that_a_power_cut_left_are_moved_aside_too(tmp_path: Path) -> None:
    archive = filled(tmp_path)
    with archive.ledger.record.open("ab") as file:
        file.write(b"\0" * 100)
    assert len(Archive(tmp_path).entries()) == 5
    assert verify(Archive(tmp_path)).ok


@pytest.mark.parametrize("delete_index", [False, True])
def test_an_altered_line_is_never_adopted_or_dropped(tmp_path: Path, delete_index: bool) -> None:
    archive = filled(tmp_path)
    record = archive.ledger.record
    altered = record.read_bytes().replace(b'"u3"', b'"u9"')
    record.write_bytes(altered)
    if delete_index:
        archive.ledger.index.unlink()
    else:
        index_without(archive, last=3)
    again = Archive(tmp_path)
    assert "altered" in again.recovered[0]
    with pytest.raises(ArchiveError, match="altered or out of order"):
        add(again)
    assert record.read_bytes() == altered
    assert [problem.kind for problem in verify(again).problems] == ["altered"]


def test_nothing_is_written_onto_a_shortened_or_exchanged_record(tmp_path: Path) -> None:
    archive = filled(tmp_path)
    record = archive.ledger.record
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(ArchiveError, match="ends at byte"):
        add(archive)
    assert any("the last 1 entries" in problem.what for problem in verify(archive).problems)
    record.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b'"u4"', b'"u5"')]))
    with pytest.raises(ArchiveError, match="not the one the index knows"):
        add(archive)


def test_a_damaged_index_is_named_and_says_how_to_rebuild_it(tmp_path: Path) -> None:
    archive = filled(tmp_path)
    archive.ledger.index.write_bytes(b"no database at all, " * 500)
    again = Archive(tmp_path)
    with pytest.raises(ArchiveError, match=r"move ledger\.sqlite"):
        again.entries()
    report = verify(again)
    assert report.entries == 5
    assert [problem.kind for problem in report.problems] == ["index"]
    archive.ledger.index.unlink()
    assert len(Archive(tmp_path).entries()) == 5


def _write_many(folder: str, number: int, count: int) -> None:
    archive = Archive(folder)
    for step in range(count):
        body = f"{step if step % 2 else (number, step)}".encode()
        archive.add(body, source=f"s{number}", url=f"u{step}", retrieved_at=MOMENT)


def test_processes_that_write_at_once_make_one_chain(tmp_path: Path) -> None:
    folder = tmp_path / "archive"  # created by whichever process comes first
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(str(folder), number, 25)) for number in range(3)]
    for worker in workers:
        worker.start()
    checks = 0
    while any(worker.is_alive() for worker in workers):  # verify is safe meanwhile
        meanwhile = verify(Archive(folder))
        assert meanwhile.ok, meanwhile
        checks += 1
    for worker in workers:
        worker.join(120)
    assert checks > 0
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    archive = Archive(folder)
    assert archive.recovered == ()
    report = verify(archive)
    assert report.ok
    assert report.notes == ()
    assert report.entries == 75
    for number in range(3):
        assert [entry.url for entry in archive.entries(source=f"s{number}")] == [f"u{step}" for step in range(25)]


def test_a_lock_that_is_not_released_gives_a_clear_error(tmp_path: Path) -> None:
    archive = Archive(tmp_path, busy_timeout=0.05)
    with archive.ledger.writing(), pytest.raises(ArchiveError, match="another process kept the ledger locked"):
        add(archive)
    assert add(archive).seq == 1


class Failing:
    """Lets the n-th of the operations that change the disk fail as a full disk does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        for owner, name in ((os, "write"), (os, "fsync"), (Path, "replace"), (Path, "mkdir"), (Path, "unlink")):
            monkeypatch.setattr(owner, name, self._failing(getattr(owner, name)))

    def _failing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments, **options)

        return wrapper


def test_a_disk_that_fills_at_any_step_gives_one_clear_error_and_an_intact_archive(tmp_path: Path) -> None:
    failures = 0
    for at in range(1, 40):
        archive = filled(tmp_path / str(at), count=2)
        before = archive.entries()
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(patch, at)
            error = None
            try:
                archive.add_many([Retrieval(body, "s", "u", MOMENT) for body in (b"new one", b"new two")])
            except ArchiveError as caught:
                error = caught
        if error is not None:
            failures += 1
            assert "no space left" in error.what
            assert archive.ledger.record.read_bytes().count(b"\n") == 2
        again = Archive(archive.folder)
        report = verify(again)
        assert report.ok, (at, report)
        assert again.entries()[:2] == before
        if failing.left > 0:
            assert len(again.entries()) == 4
            break
        assert again.entries() == before
        assert not any("temporary" in note or "in no ledger entry" in note for note in report.notes)
        assert add(again).seq == 3
    else:
        pytest.fail("the write never got through")
    assert failures > 8


def test_a_commit_that_fails_takes_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = filled(tmp_path, count=2)

    class NoCommit(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *arguments)

    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *a, **o: connect(*a, factory=NoCommit, **o))
        with pytest.raises(ArchiveError, match="no space left"):
            add(archive)
    report = verify(Archive(tmp_path))
    assert report.ok
    assert report.notes == ()
    assert report.entries == 2


def test_everything_is_on_the_disk_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = filled(tmp_path, count=1)
    trace: list[str] = []
    opened: dict[int, str] = {}
    real_open, real_fsync, real_replace, connect = os.open, os.fsync, Path.replace, sqlite3.connect

    def spy_open(path: Any, *arguments: Any, **options: Any) -> int:
        handle = real_open(path, *arguments, **options)
        opened[handle] = Path(path).name
        return handle

    class Spy(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql in {"COMMIT", "BEGIN IMMEDIATE", "PRAGMA synchronous=FULL"}:
                trace.append(sql)
            return super().execute(sql, *arguments)

    def spy_fsync(handle: int) -> None:
        trace.append(f"fsync {opened.get(handle, '?')}")
        real_fsync(handle)

    def spy_replace(path: Path, target: Path) -> Path:
        trace.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "open", spy_open)
    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(Path, "replace", spy_replace)
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **o: connect(*a, factory=Spy, **o))
    entry = add(archive, b"traced")
    folder, temporary = entry.sha256[:2], f".{entry.sha256[:40]}."
    steps = [temporary if temporary in step else step for step in trace]
    assert steps == [
        "PRAGMA synchronous=FULL",
        "BEGIN IMMEDIATE",
        "fsync objects",  # the new fan-out folder
        temporary,
        "rename",
        f"fsync {folder}",
        "fsync ledger.jsonl",
        "COMMIT",
    ]


def test_sweep_removes_leftovers_of_a_crash_only(tmp_path: Path) -> None:
    archive = filled(tmp_path)
    leftover = next(archive.objects.files()).with_name(".abc.tmp")
    leftover.write_bytes(b"half")
    report = verify(archive)
    assert report.ok
    assert any("temporary file of a crash" in note for note in report.notes)
    assert archive.sweep() == [".abc.tmp"]
    assert verify(archive).notes == ()
