"""Proof that an archive is whole: re-hash everything, follow the chain, name what is missing or altered.

What is covered, to the byte:

* every file below ``objects/`` that the ledger names: its stored bytes, its raw bytes and its length;
* every byte of ``ledger.jsonl``: each line must be exactly what its fields spell, its hash must hold, and it must carry the
  hash of the line before; the index remembers where the last line ends, so lines cut off the end show too;
* every field of every row of ``ledger.sqlite`` against ``ledger.jsonl``, and SQLite's own integrity check.

What is not:

* bytes of ``ledger.sqlite`` that hold no ledger data (free space in pages, counters in the file header): changing them changes
  nothing that anyone reads;
* the log ``ledger.sqlite-wal``: SQLite drops a commit whose bytes there do not match their checksum; the entries are then
  taken again from ``ledger.jsonl`` when the archive is opened, and a note says so;
* the cache of parsed observations, which is no evidence: load with ``refresh=True`` to rebuild it;
* a forger who can write to the folder can compute a whole new chain, or cut the end off the record and delete the index. Only a
  hash of the head that was noted elsewhere, or a time-stamp from a third party (:mod:`auditor.archive.timestamp`), shows that:
  pass it as an anchor.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.archive.durable import TEMPORARY_SUFFIX
from auditor.archive.entry import FIELDS, GENESIS, Entry, parse_line
from auditor.archive.objects import sha256_of_name, unpack
from auditor.archive.store import FORMAT, Archive
from auditor.archive.timestamp import read_reply
from auditor.errors import ArchiveError

_SELECT = f"SELECT {', '.join(FIELDS)}, line_end FROM entries ORDER BY seq"  # noqa: S608  only constants


@dataclass(frozen=True)
class Problem:
    """One thing that is missing or altered: ``kind`` (missing, altered, chain, index, anchor), what, and in which file."""

    kind: str
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what} ({self.where})"


@dataclass(frozen=True)
class Verification:
    """The outcome of :func:`verify`.

    Attributes
    ----------
    ok : bool
        Whether nothing is missing or altered.
    entries, objects, byte_count : int
        How many ledger entries and objects were checked, and their raw bytes.
    head : str
        Hash of the last entry of ``ledger.jsonl``; note it down elsewhere to anchor what is archived now.
    problems : tuple of Problem
    notes : tuple of str
        Harmless: leftovers of a crash, files that are not the archive's.
    """

    ok: bool
    entries: int
    objects: int
    byte_count: int
    head: str
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def require_ok(self) -> None:
        """Raise the problems as one error.

        Raises
        ------
        ArchiveError
            Something is missing or altered.
        """
        if self.ok:
            return
        more = f" and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
        raise ArchiveError(
            f"the archive is damaged: {self.problems[0]}{more}",
            where=self.problems[0].where,
            hint="restore the named files from a copy or an export",
        )


@dataclass
class _Content:
    """What the ledger says about one object."""

    byte_count: int
    stored: set[str] = field(default_factory=set)


@dataclass
class _Findings:
    """Where checks put what they find."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, kind: str, what: str, where: Path) -> None:
        self.problems.append(Problem(kind, what, str(where)))


class _Chain(_Findings):
    """Follows ``ledger.jsonl`` from the first line, and the rows of the index beside it."""

    def __init__(self, archive: Archive, *, index_usable: bool) -> None:
        super().__init__()
        self.ledger = archive.ledger
        self.index_usable = index_usable
        self.contents: dict[str, _Content] = {}
        self.timestamps: list[Entry] = []
        self.hashes: set[str] = set()
        self.head: str | None = GENESIS
        self.entries = 0

    def follow(self, rows: Iterator[tuple[object, ...]]) -> None:
        """Read every line; ``rows`` are those of the index, in order."""
        row = next(rows, None)
        beyond = line_end = 0
        for number, line in enumerate(_lines(self.ledger.record), start=1):
            line_end += len(line)
            if row is None and not line.endswith(b"\n"):
                self.notes.append("ledger.jsonl ends in an unfinished line: a write in progress or a crash")
                break
            entry = parse_line(line)
            if entry is None:
                self.problem("altered", f"line {number} of the ledger was altered", self.ledger.record)
                self.head = None
            else:
                self._link(entry, number)
                if row is not None and row != (*entry, line_end):
                    self.problem("index", f"entry {number} differs from ledger.jsonl", self.ledger.index)
            beyond += row is None
            row = next(rows, None) if row is not None else None
        if row is not None:
            missing = 1 + sum(1 for _ in rows)
            self.problem("missing", f"the last {missing} entries that the index knows are gone", self.ledger.record)
        if beyond and self.index_usable:
            self.notes.append(f"the index is {beyond} entries behind ledger.jsonl: they are added at the next opening")

    def _link(self, entry: Entry, number: int) -> None:
        # after an altered line the chain cannot be followed, and the altered line itself is reported already
        if entry.seq != number or (self.head is not None and entry.previous != self.head):
            self.problem("chain", f"entry {number} does not follow the one before", self.ledger.record)
        self.head = entry.hash
        self.entries += 1
        self.hashes.add(entry.hash)
        content = self.contents.setdefault(entry.sha256, _Content(entry.byte_count))
        content.stored.add(entry.stored_sha256)
        if content.byte_count != entry.byte_count:
            self.problem("chain", f"entry {number} states another length for its snapshot", self.ledger.record)
        if entry.kind == "timestamp":
            self.timestamps.append(entry)


def verify(archive: Archive, *, anchors: Collection[str] = ()) -> Verification:
    """Check an archive completely; changes nothing. Safe while other processes write.

    Parameters
    ----------
    archive : Archive
    anchors : collection of str
        Hashes of heads noted down earlier: each must still be in the chain.

    Returns
    -------
    Verification
        All problems, not just the first.
    """
    found = _Findings(notes=list(archive.recovered))
    _check_marker(found, archive.marker)
    chain = _check_ledger(archive)
    found.problems += chain.problems
    found.notes += chain.notes
    byte_count = _check_objects(found, archive, chain.contents)
    _check_timestamps(found, archive, chain)
    for anchor in anchors:
        if anchor not in chain.hashes:
            found.problem("anchor", f"the chain no longer holds the noted hash {anchor}", archive.ledger.record)
    if archive.ledger.torn.is_dir():
        torn = sorted(path.name for path in archive.ledger.torn.iterdir())
        found.notes += [f"unfinished line of a crash kept in torn/{name}" for name in torn]
    return Verification(
        ok=not found.problems,
        entries=chain.entries,
        objects=len(chain.contents),
        byte_count=byte_count,
        head=chain.head or "",
        problems=tuple(found.problems),
        notes=tuple(found.notes),
    )


def _check_marker(found: _Findings, marker: Path) -> None:
    try:
        if marker.read_bytes() != FORMAT:
            found.problem("altered", "the file that names the archive's format was altered", marker)
    except OSError as error:
        found.problem("missing", f"the file that names the archive's format cannot be read ({error})", marker)


def _check_ledger(archive: Archive) -> _Chain:
    ledger = archive.ledger
    chain = _Chain(archive, index_usable=True)
    try:
        with ledger.connection() as connection:
            # One snapshot of the index is read: lines that are added meanwhile are then simply beyond it.
            connection.execute("BEGIN")
            chain.follow(connection.execute(_SELECT))
            for (text,) in connection.execute("PRAGMA integrity_check(5)"):
                if text != "ok":
                    chain.problem("index", f"SQLite reports: {text}", ledger.index)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        chain = _Chain(archive, index_usable=False)
        chain.problem("index", f"the index cannot be read ({error})", ledger.index)
        chain.follow(iter(()))
    return chain


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from file


def _check_objects(found: _Findings, archive: Archive, contents: Mapping[str, _Content]) -> int:
    """Re-hash every object; returns the raw bytes of those that are whole."""
    store, whole = archive.objects, 0
    files = set(store.files())
    for sha256, content in sorted(contents.items()):
        path = store.path(sha256)
        files.discard(path)
        try:
            stored = path.read_bytes()
        except OSError as error:
            found.problem("missing", f"snapshot {sha256} cannot be read ({error.strerror})", path)
            continue
        raw = unpack(stored, limit=content.byte_count)
        if raw is None or len(raw) != content.byte_count or hashlib.sha256(raw).hexdigest() != sha256:
            found.problem("altered", f"snapshot {sha256} no longer has its hash", path)
        elif hashlib.sha256(stored).hexdigest() not in content.stored:
            found.problem("altered", f"the stored file of snapshot {sha256} was changed; its content is whole", path)
        else:
            whole += len(raw)
    for path in sorted(files):
        _check_stray(found, archive, path)
    return whole


def _check_stray(found: _Findings, archive: Archive, path: Path) -> None:
    name = sha256_of_name(path)
    if name is None:
        what = "temporary file of a crash" if path.name.endswith(TEMPORARY_SUFFIX) else "file that is not the archive's"
        found.notes.append(f"{what}: {path.relative_to(archive.folder)}")
        return
    try:
        raw = unpack(path.read_bytes())
    except FileNotFoundError:  # a write that was taken back meanwhile
        return
    if raw is None or hashlib.sha256(raw).hexdigest() != name:
        found.problem("altered", f"snapshot {name}, in no ledger entry, does not have its hash", path)
    else:
        found.notes.append(f"snapshot {name} is in no ledger entry: a write in progress or a crash")


def _check_timestamps(found: _Findings, archive: Archive, chain: _Chain) -> None:
    for entry in chain.timestamps:
        path = archive.objects.path(entry.sha256)
        try:
            token = read_reply(archive.read(entry.sha256))
        except ArchiveError as error:
            found.problem("altered", f"the time-stamp of entry {entry.seq} cannot be read ({error.what})", path)
            continue
        if token.digest not in chain.hashes:
            found.problem("anchor", f"the chain no longer holds the hash that was stamped at {token.time}", path)
