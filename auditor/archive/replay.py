"""Observations are derived from the raw bytes by a versioned parser, never kept in their place.

A corrected parser gets a new version and is replayed over everything that was ever received. What a parser made of an entry is
cached in columns (NumPy ``.npz``) below ``cache/``, keyed by the entry, which pins the bytes by SHA-256, and by the parser's
name and version. The cache can be deleted at any time.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.archive.columns import Columns
from auditor.archive.durable import make_folder
from auditor.archive.entry import Entry
from auditor.archive.store import Archive
from auditor.errors import AuditError, InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

OBSERVED_KINDS = ("retrieval", "backfill", "merge")
"""Kinds of entries that hold observations."""

_MOST_SEGMENTS = 8


@dataclass(frozen=True)
class Parser:
    """A parser with the name and version under which its results are cached; raise the version with every change.

    ``parse(raw, entry)`` returns a data frame with ``date`` (datetime64, UTC day or start of the period), ``entity``, ``metric``, ``value`` and
    optionally ``as_of``, ``low``, ``high``, ``unit``, ``dimension``, ``status``, ``complete``. It must depend on its arguments
    only. Where it states no ``as_of``, the entry's ``as_of`` is taken, and failing that the time of retrieval.
    """

    name: str
    version: str
    parse: "Callable[[bytes, Entry], pd.DataFrame]"


def observations(
    archive: Archive,
    parser: Parser,
    *,
    source: str | None = None,
    url: str | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    entries: Sequence[Entry] | None = None,
    refresh: bool = False,
    failures: list[tuple[Entry, AuditError]] | None = None,
) -> "pd.DataFrame":
    """Return all vintages of what was archived, in the order of the ledger.

    Parameters
    ----------
    archive : Archive
    parser : Parser
    source, url, since, until
        Which entries; see :meth:`Archive.entries`.
    entries : sequence of Entry, optional
        Exactly these entries instead.
    refresh : bool
        Parse everything again and rebuild the cache.
    failures : list, optional
        Collects entries that could not be parsed, with the reason; without it the first one is raised.

    Returns
    -------
    DataFrame
        ``date``, ``entity``, ``metric``, ``value``, ``as_of``, whichever optional columns occur, ``source``, ``snapshot``
        (SHA-256 of the bytes). Text columns are categories.

    Raises
    ------
    InputError
        The parser failed on an entry, or returned something else than observations.
    ArchiveError
        A snapshot is missing or altered.
    """
    if entries is None:
        entries = archive.entries(source=source, url=url, since=since, until=until, kinds=OBSERVED_KINDS)
    chosen = [entry for entry in entries if entry.status is None or 200 <= entry.status < 300]
    cache = _Cache(archive.folder / "cache", parser)
    known = Columns.empty() if refresh else cache.load()
    if refresh:
        cache.clear()
    missing = [entry for entry in chosen if entry.hash not in known.entries]
    if missing:
        fresh = Columns.from_parts(_parsed(archive, parser, missing, failures))
        cache.store(fresh)
        known = Columns.joined([known, fresh])
    return known.frame(chosen)


def _parsed(
    archive: Archive, parser: Parser, entries: Sequence[Entry], failures: list[tuple[Entry, AuditError]] | None
) -> "Iterator[tuple[Entry, pd.DataFrame]]":
    # One file with many vintages has one entry for each of them; it is parsed once when those follow each other.
    last: tuple[str, pd.DataFrame] | None = None
    for entry in entries:
        column = entry.details.get("as_of_column")
        try:
            if column and last is not None and last[0] == entry.sha256:
                frame = last[1]
            else:
                frame = _call(archive, parser, entry)
                last = (entry.sha256, frame) if column else None
            yield entry, _vintage(frame, entry) if column else frame
        except AuditError as error:
            if failures is None:
                raise
            failures.append((entry, error))


def _call(archive: Archive, parser: Parser, entry: Entry) -> "pd.DataFrame":
    raw = archive.read(entry.sha256)
    try:
        frame = parser.parse(raw, entry)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            f"parser {parser.name} {parser.version} cannot read snapshot {entry.sha256[:12]} of {entry.retrieved_at}: "
            f"{type(error).__name__}: {error}",
            where=entry.url,
            hint="the bytes are kept; correct the parser, raise its version and load again",
        ) from error
    return _checked(frame, parser, entry)


def _checked(frame: "pd.DataFrame", parser: Parser, entry: Entry) -> "pd.DataFrame":
    """Check the contract and fill ``as_of``."""
    wrong = _breach(frame)
    if wrong:
        raise InputError(
            f"parser {parser.name} {parser.version} broke its contract on snapshot {entry.sha256[:12]}: {wrong}",
            where=entry.url,
            hint="correct the parser, raise its version and load again",
        )
    frame = frame.reset_index(drop=True)
    for name in ("value", "low", "high"):
        if name in frame:
            frame[name] = frame[name].astype(float)
    stated = entry.as_of or entry.retrieved_at
    if "as_of" not in frame:
        frame["as_of"] = stated
    elif frame["as_of"].isna().any():
        frame["as_of"] = frame["as_of"].astype(object).where(frame["as_of"].notna(), stated)
    if "complete" not in frame and entry.details.get("complete_days") is True:
        frame["complete"] = True
    return frame


def _breach(frame: "pd.DataFrame") -> str:
    """Say how a frame breaks the contract of observations; empty when it does not."""
    import pandas as pd

    missing = [name for name in ("date", "entity", "metric", "value") if name not in frame]
    if missing:
        return f"no column {missing[0]!r}"
    if frame.empty:  # an answer without rows has no types to speak of
        return ""
    if not pd.api.types.is_datetime64_dtype(frame["date"].dtype):
        return f"dates of type {frame['date'].dtype}, not datetime64 without a zone"
    if frame["date"].isna().any():
        return "a date is missing"
    for name in ("entity", "metric"):
        if frame[name].isna().any():
            return f"{name} is missing in some row"
    for name in ("value", "low", "high"):
        if name in frame and not pd.api.types.is_numeric_dtype(frame[name].dtype):
            return f"{name} is of type {frame[name].dtype}, not a number"
    return ""


def _vintage(frame: "pd.DataFrame", entry: Entry) -> "pd.DataFrame":
    chosen = frame[frame["as_of"].astype(str) == str(entry.as_of)].reset_index(drop=True)
    if chosen.empty:
        raise InputError(
            f"no row has the as_of {entry.as_of!r} under which this file was imported",
            where=entry.url,
            hint="the parser should return the column as text, exactly as it stands in the file",
        )
    return chosen


class _Cache:
    """Segments of parsed columns for one parser; any of them may vanish or be damaged without harm."""

    def __init__(self, folder: Path, parser: Parser) -> None:
        if not parser.name or not parser.version:
            raise UsageError("a parser needs a name and a version", hint="Parser('openrouter-rankings', '1', parse)")
        exact = hashlib.sha256(f"{parser.name}\0{parser.version}".encode()).hexdigest()[:8]
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{parser.name}-{parser.version}")[:60]
        self.folder = folder / f"{readable}-{exact}"

    def load(self) -> Columns:
        paths = sorted(self.folder.glob("*.npz")) if self.folder.is_dir() else []
        parts: list[Columns] = []
        for path in paths:
            part = Columns.read(path)
            if part is None:
                with contextlib.suppress(OSError):
                    path.unlink()
            else:
                parts.append(part)
        joined = Columns.joined(parts)
        if len(parts) > _MOST_SEGMENTS:
            self.store(joined)
            self._remove([path for path in paths if path != self._path(joined)])
        return joined

    def store(self, columns: Columns) -> None:
        # The cache is a convenience: on a full or read-only disk the observations are simply not kept.
        with contextlib.suppress(OSError):
            if columns.entries:
                make_folder(self.folder)
                columns.write(self._path(columns))

    def clear(self) -> None:
        self._remove(list(self.folder.glob("*.npz")) if self.folder.is_dir() else [])

    def _path(self, columns: Columns) -> Path:
        return self.folder / f"{hashlib.sha256(''.join(columns.entries).encode()).hexdigest()[:16]}.npz"

    def _remove(self, paths: list[Path]) -> None:
        for path in paths:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
