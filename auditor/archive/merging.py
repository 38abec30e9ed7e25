"""Import another archive or an export: its chain is checked first, then its entries are added as merged entries.

The other ledger is kept as an object itself (kind ``merged_ledger``), so the original chain can still be proven from here. An
entry that is already held, under its own hash or merged before, is not added again: merging twice changes nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from auditor.archive.entry import GENESIS, Entry, parse_line, utc_text
from auditor.archive.objects import ObjectStore
from auditor.archive.store import Archive, Retrieval
from auditor.errors import ArchiveError, UsageError

_CHUNK_ENTRIES = 2000
_CHUNK_BYTES = 64 * 1024 * 1024


class Merged(NamedTuple):
    """How many entries were added, were held already, and had no raw file in a partial export."""

    added: int
    held: int
    without_file: int


def merge(archive: Archive, folder: Path | str, *, retrieved_at: datetime | str, software: str = "") -> Merged:
    """Add what another archive or export holds.

    Parameters
    ----------
    archive : Archive
        Receives the entries.
    folder : Path or str
        An archive's folder, or one written by :func:`~auditor.archive.exporting.export`.
    retrieved_at : datetime or str
        Time of the merge, for its own ledger entry; merged entries keep theirs.
    software : str
        Name and version of the caller.

    Raises
    ------
    UsageError
        The folder is neither.
    ArchiveError
        The other ledger or one of its files is altered; nothing was added.
    """
    folder = Path(folder)
    record = folder / "ledger.jsonl"
    if not record.is_file():
        raise UsageError(
            "this is neither an archive nor an export: it has no ledger.jsonl",
            where=str(folder),
            hint="to take in a folder of old downloads use `audit archive import PATH --source ...`",
        )
    moment = utc_text(retrieved_at)
    ledger = record.read_bytes()
    ledger = ledger[: ledger.rfind(b"\n") + 1]  # an archive may be in use: its last line may not be finished
    theirs = _checked_chain(ledger, record)
    read = _reader(folder)
    held = {entry.identity for entry in archive.entries()}
    new = [entry for entry in theirs if entry.identity not in held and entry.kind != "merged_ledger"]
    found: list[Entry] = []
    lengths: dict[str, int | None] = {}
    for entry in new:  # everything is checked before anything is added
        if entry.sha256 not in lengths:
            raw = read(entry)
            lengths[entry.sha256] = None if raw is None else len(raw)
        if lengths[entry.sha256] is not None:
            found.append(entry)
    if found:
        _add(archive, found, read, ledger, _Merge(moment, software))
    return Merged(added=len(found), held=len(theirs) - len(new), without_file=len(new) - len(found))


class _Merge(NamedTuple):
    moment: str
    software: str


def _checked_chain(ledger: bytes, record: Path) -> list[Entry]:
    entries: list[Entry] = []
    previous = GENESIS
    for number, line in enumerate(ledger.splitlines(keepends=True), start=1):
        entry = parse_line(line)
        if entry is None or entry.seq != number or entry.previous != previous:
            raise ArchiveError(
                f"line {number} of the ledger to merge is altered or out of order; nothing was added",
                where=str(record),
                hint="ask for a fresh export",
            )
        entries.append(entry)
        previous = entry.hash
    return entries


def _reader(folder: Path) -> "Callable[[Entry], bytes | None]":
    """Return a function that reads and checks a raw file of an archive or an export; None when it has none."""
    store = ObjectStore(folder / "objects")
    files = {path.name[:64]: path for path in (folder / "data").glob("*")} if (folder / "data").is_dir() else {}

    def read(entry: Entry) -> bytes | None:
        if (folder / "archive.json").exists():
            return store.read(entry.sha256, limit=entry.byte_count)
        path = files.get(entry.sha256)
        if path is None:
            return None
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != entry.sha256:
            raise ArchiveError(
                f"the file of snapshot {entry.sha256} is altered; nothing was added",
                where=str(path),
                hint="ask for a fresh export",
            )
        return raw

    return read


def _add(
    archive: Archive, entries: Sequence[Entry], read: "Callable[[Entry], bytes | None]", ledger: bytes, how: _Merge
) -> None:
    digest = hashlib.sha256(ledger).hexdigest()
    batch: list[Retrieval] = [
        Retrieval(
            raw=ledger,
            source="archive",
            url="ledger.jsonl",
            retrieved_at=how.moment,
            status=None,
            headers={"content-type": "application/x-ndjson"},
            software=how.software,
            kind="merged_ledger",
        )
    ]
    size = 0
    for entry in entries:
        raw = read(entry)
        if raw is None:
            continue
        size += len(raw)
        batch.append(_merged(entry, raw, digest))
        if len(batch) >= _CHUNK_ENTRIES or size >= _CHUNK_BYTES:
            archive.add_many(batch)
            batch, size = [], 0
    archive.add_many(batch)


def _merged(entry: Entry, raw: bytes, ledger: str) -> Retrieval:
    origin: dict[str, Any] = {"ledger": ledger, "seq": entry.seq, "kind": entry.kind}
    kind = entry.kind if entry.kind in {"unchanged", "timestamp"} else "merge"
    return Retrieval(
        raw=raw,
        source=entry.source,
        url=entry.url,
        retrieved_at=entry.retrieved_at,
        status=entry.status,
        headers=entry.headers,
        licence=entry.licence,
        citation=entry.citation,
        as_of=entry.as_of,
        software=entry.software,
        details={**entry.details, "merged": origin},
        kind=kind,
        origin=entry.identity,
    )
