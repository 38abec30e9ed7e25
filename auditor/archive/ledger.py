"""The ledger: ``ledger.jsonl`` is the record, ``ledger.sqlite`` the index that makes it quick to ask.

Both hold every entry. A write takes SQLite's write lock (``BEGIN IMMEDIATE``), so the chain is computed by one process at
a time; appends the lines to ``ledger.jsonl`` and flushes them; then commits the index. An entry is acknowledged after the
commit. A crash in between leaves lines that the index does not know: they are whole and their objects are on the disk, so
the next process to open the archive adds them to the index; an unfinished last line was never acknowledged and is moved to
``torn/``. The index can be deleted at any time: it is rebuilt from the record.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256 as sha256_of
from pathlib import Path
from typing import Any, NamedTuple

from auditor.archive.durable import explain, make_folder, sync_folder, write_all, write_durably
from auditor.archive.entry import FIELDS, GENESIS, Entry, line_of, parse_line, sealed
from auditor.errors import ArchiveError, UsageError

_TYPES = {"seq": "INTEGER PRIMARY KEY", "status": "INTEGER", "byte_count": "INTEGER", "stored_byte_count": "INTEGER"}
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entries ("
    + ", ".join(f"{field} {_TYPES.get(field, 'TEXT')}" for field in FIELDS)
    + ", line_end INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_address ON entries (source, url)",
    "CREATE INDEX IF NOT EXISTS by_content ON entries (sha256)",
)
_COLUMNS = ", ".join(FIELDS)
_INSERT = f"INSERT INTO entries ({_COLUMNS}, line_end) VALUES ({', '.join('?' * (len(FIELDS) + 1))})"  # noqa: S608  only constants
_MAPPED = "PRAGMA mmap_size=1073741824"  # halves the time of a long listing; used for reading only
_WAL_ATTEMPTS = 200
_ADOPT_CHUNK = 5000


class Head(NamedTuple):
    """The end of the chain: last place and hash, and where its line starts and ends in ``ledger.jsonl``."""

    seq: int = 0
    hash: str = GENESIS
    line_start: int = 0
    line_end: int = 0


class Batch:
    """Entries to be written together: all of them are recorded, or none.

    ``created`` names object files that did not exist before; they are removed when the batch fails.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.entries: list[Entry] = []
        self.created: list[Path] = []

    def append(self, fields: Mapping[str, Any]) -> Entry:
        """Seal one more entry; its object is on the disk already."""
        last = self.entries[-1] if self.entries else None
        seq, previous = (last.seq, last.hash) if last else (self.head.seq, self.head.hash)
        entry = sealed(fields, seq=seq + 1, previous=previous)
        self.entries.append(entry)
        return entry


class Ledger:
    """Reads and appends to the ledger in ``folder``.

    Every operation opens its own SQLite connection, so a ledger can be used from several threads, and after a fork.

    Parameters
    ----------
    folder : Path
        The archive's folder, on a local disk (SQLite's WAL does not work over a network).
    busy_timeout : float
        Seconds to wait for another process to finish writing.
    """

    def __init__(self, folder: Path, *, busy_timeout: float) -> None:
        self.record = folder / "ledger.jsonl"
        self.index = folder / "ledger.sqlite"
        self.torn = folder / "torn"
        self._busy_timeout = busy_timeout

    @property
    def _read_only(self) -> bool:
        return not os.access(self.index.parent, os.W_OK)

    def prepare(self) -> list[str]:
        """Create what is missing, and bring the index up to the record after a crash.

        Returns
        -------
        list of str
            What was recovered, or why it could not be; damage is named by ``verify``, not raised here.
        """
        if self._read_only:
            return []
        try:
            with self.connection() as connection:
                self._create(connection)
                head, size = _head(connection), self._size()
            if size <= head.line_end:
                return []
            with self.writing() as batch:
                after = batch.head
        except (ArchiveError, OSError, sqlite3.Error) as error:
            return [f"the index could not be brought up to date: {error}"]
        return (
            [f"{after.seq - head.seq} entries of ledger.jsonl were added to the index"] if after.seq > head.seq else []
        )

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Open the index for one operation."""
        address = f"{self.index.absolute().as_uri()}?mode={'ro&immutable=1' if self._read_only else 'rwc'}"
        connection = sqlite3.connect(address, uri=True, timeout=self._busy_timeout, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA cell_size_check=ON")
            yield connection
        except (
            UnicodeDecodeError,
            OverflowError,
        ) as error:  # sqlite3 raises these on text and numbers that are damaged
            raise sqlite3.DatabaseError(f"malformed: {error}") from error
        finally:
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[Batch]:
        """Hold the write lock; what was appended to the batch is durable when the block ends without an error.

        Raises
        ------
        ArchiveError
            The disk is full, the lock was not released in time, or the ledger is damaged; nothing was recorded.
        """
        try:
            with self.connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                batch = Batch(Head())
                try:
                    batch.head = self._reconciled(connection)
                    yield batch
                    self._append(connection, batch)
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(OSError, sqlite3.Error):
                        self._undo(connection, batch)
                    raise
        except (OSError, sqlite3.Error) as error:
            raise explain(error, self.record.parent) from error

    def rows(
        self,
        columns: Sequence[str],
        conditions: Mapping[str, Any],
        *,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[tuple[Any, ...]]:
        """Return columns of entries, oldest first unless told otherwise.

        Parameters
        ----------
        columns : sequence of str
            Names of fields of :class:`~auditor.archive.entry.Entry`.
        conditions : mapping of str to value
            SQL conditions with one ``?`` each, or with as many as the value (a tuple) has items; all must hold.

        Raises
        ------
        ArchiveError
            The index cannot be read.
        UsageError
            There is no such field.
        """
        unknown = sorted(set(columns) - set(FIELDS))
        if unknown:
            raise UsageError(f"the ledger has no field {unknown[0]!r}", hint=f"its fields are {_COLUMNS}")
        values: list[Any] = []
        for value in conditions.values():
            values.extend(value if isinstance(value, tuple) else (value,))
        chosen = f"SELECT {', '.join(columns)} FROM entries"  # noqa: S608  names were checked, values are bound
        where = " WHERE " + " AND ".join(conditions) if conditions else ""
        order = " ORDER BY seq" + (" DESC" if newest_first else "")
        cut = "" if limit is None else f" LIMIT {int(limit)}"
        try:
            with self.connection() as connection:
                connection.execute(_MAPPED)
                return connection.execute(chosen + where + order + cut, values).fetchall()
        except sqlite3.Error as error:
            raise explain(error, self.index) from error

    def select(
        self, conditions: Mapping[str, Any], *, newest_first: bool = False, limit: int | None = None
    ) -> list[Entry]:
        """Return whole entries; parameters and errors as for :meth:`rows`."""
        return [Entry._make(row) for row in self.rows(FIELDS, conditions, newest_first=newest_first, limit=limit)]

    def head(self) -> Head:
        """Return the end of the chain as the index knows it."""
        try:
            with self.connection() as connection:
                return _head(connection)
        except sqlite3.Error as error:
            raise explain(error, self.index) from error

    def _create(self, connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'entries'").fetchone()[0]:
            return
        for attempt in range(_WAL_ATTEMPTS):  # SQLite does not wait for its lock here
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError:
                if attempt == _WAL_ATTEMPTS - 1:
                    raise
                time.sleep(0.02)
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")
        sync_folder(self.index.parent)

    def _size(self) -> int:
        try:
            return self.record.stat().st_size
        except FileNotFoundError:
            return 0

    def _reconciled(self, connection: sqlite3.Connection) -> Head:
        """Check that record and index end alike, after adopting what a crash left; needs the write lock."""
        head, size = _head(connection), self._size()
        if size < head.line_end:
            raise self._damaged(f"it ends at byte {size}, before the end of entry {head.seq} that the index knows")
        if head.seq:
            with self.record.open("rb") as file:
                file.seek(head.line_start)
                last = parse_line(file.read(head.line_end - head.line_start))
            if last is None or last.hash != head.hash:
                raise self._damaged(f"its entry {head.seq} is not the one the index knows")
        return self._adopt(connection, head) if size > head.line_end else head

    def _adopt(self, connection: sqlite3.Connection, head: Head) -> Head:
        rows: list[tuple[Any, ...]] = []
        with self.record.open("rb") as file:
            file.seek(head.line_end)
            for line in file:
                entry = parse_line(line)
                if entry is None or entry.seq != head.seq + 1 or entry.previous != head.hash:
                    rest = line + file.read()
                    if b"\n" in rest.strip(b"\0"):
                        raise self._damaged(f"the line after entry {head.seq} is altered or out of order")
                    self._set_aside(rest, head.line_end)
                    break
                head = Head(entry.seq, entry.hash, head.line_end, head.line_end + len(line))
                rows.append((*entry, head.line_end))
                if len(rows) >= _ADOPT_CHUNK:
                    connection.executemany(_INSERT, rows)
                    rows.clear()
        connection.executemany(_INSERT, rows)
        return head

    def _set_aside(self, rest: bytes, offset: int) -> None:
        make_folder(self.torn)
        write_durably(self.torn / f"{offset}-{sha256_of(rest).hexdigest()[:12]}", rest)
        self._truncate(offset)

    def _append(self, connection: sqlite3.Connection, batch: Batch) -> None:
        if not batch.entries:
            return
        lines = [line_of(entry) for entry in batch.entries]
        end, rows = batch.head.line_end, []
        for entry, line in zip(batch.entries, lines, strict=True):
            end += len(line)
            rows.append((*entry, end))
        connection.executemany(_INSERT, rows)
        is_new = not self.record.exists()
        handle = os.open(self.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            write_all(handle, b"".join(lines))
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            sync_folder(self.record.parent)

    def _undo(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Take back what an unfinished write left, if and only if no other process can have seen it."""
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")
            if _head(connection) != batch.head:  # committed after all, or adopted by another process
                connection.execute("ROLLBACK")
                return
        if batch.entries and self._size() > batch.head.line_end:
            self._truncate(batch.head.line_end)
        for path in batch.created:
            path.unlink(missing_ok=True)
        connection.execute("ROLLBACK")

    def _truncate(self, size: int) -> None:
        with self.record.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def _damaged(self, how: str) -> ArchiveError:
        return ArchiveError(
            f"ledger.jsonl was altered: {how}",
            where=str(self.record),
            hint="run `audit archive verify`; restore the file from a copy or an export. Nothing was written",
        )


def _head(connection: sqlite3.Connection) -> Head:
    rows = connection.execute("SELECT seq, hash, line_end FROM entries ORDER BY seq DESC LIMIT 2").fetchall()
    if not rows:
        return Head()
    seq, last, end = rows[0]
    start = rows[1][2] if len(rows) > 1 else 0
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end):
        raise sqlite3.DatabaseError(f"malformed: entry {seq} cannot lie from byte {start} to {end}")
    return Head(seq, last, start, end)
