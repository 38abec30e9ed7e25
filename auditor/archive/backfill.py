"""Back-fill: take in old downloads from a file, a folder, or the history of a git repository.

Each file is kept exactly as it is. Its ``as_of`` comes from the first of: the argument ``as_of``; a column of the CSV (one
vintage, and one ledger entry, for each distinct value, all pointing at the same bytes); the commit's time in a git
history; a date in the file's name. A file without any is refused: the archive does not guess.
"""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from auditor.archive.objects import pack
from auditor.archive.store import Archive, Retrieval
from auditor.errors import InputError, UsageError

DATE_IN_NAME = r"(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})(?:[T_](?P<time>\d{2}[-:]?\d{2}(?:[-:]?\d{2})?)Z?)?"
"""Default pattern for a file's name: ``2026-04-05``, ``20260405``, ``2026-04-05T01-35``; the last match counts."""

_CHUNK_FILES = 500
_CHUNK_BYTES = 64 * 1024 * 1024
_MEDIA = {".csv": "text/csv", ".json": "application/json", ".jsonl": "application/x-ndjson", ".html": "text/html"}


class Imported(NamedTuple):
    """How many entries were added, and how many were held already (same source, bytes and as-of)."""

    added: int
    held: int


class _File(NamedTuple):
    raw: bytes
    name: str
    as_of: str | None
    details: Mapping[str, Any]


def import_path(
    archive: Archive,
    path: Path | str,
    *,
    source: str,
    retrieved_at: datetime | str,
    as_of: str | None = None,
    as_of_column: str | None = None,
    as_of_pattern: str = DATE_IN_NAME,
    git: bool = False,
    glob: str = "*",
    licence: str = "",
    citation: str = "",
    software: str = "",
    details: Mapping[str, Any] | None = None,
) -> Imported:
    """Archive old downloads.

    Parameters
    ----------
    archive : Archive
    path : Path or str
        A file or a folder (read to the bottom, in sorted order; hidden files are left out).
    source : str
        Id of the source whose parser will read them.
    retrieved_at : datetime or str
        Time of the import.
    as_of, as_of_column, as_of_pattern : str, optional
        See the module's text. The pattern is a regular expression with the groups ``year``, ``month``, ``day`` and
        optionally ``time``, or one group with the moment itself.
    git : bool
        Read every version of the files from the git history they lie in, with the commit's time as ``as_of``.
    glob : str
        Which file names to take from a folder.
    licence, citation, software, details
        As in :class:`~auditor.archive.store.Retrieval`.

    Returns
    -------
    Imported
        Importing the same files again adds nothing.

    Raises
    ------
    UsageError
        Nothing to import, arguments that exclude each other, or a file whose as-of is not known.
    InputError
        The CSV has no such column, or git cannot read the history.
    """
    path = Path(path)
    if sum((as_of is not None, as_of_column is not None, git)) > 1:
        raise UsageError(
            "as_of, as_of_column and git exclude each other", hint="say in one way when the figures were stated"
        )
    if not path.exists():
        raise UsageError("there is nothing to import", where=str(path), hint="check the path")
    files = _git_versions(path, glob) if git else _files(path, glob)
    held = {(entry.sha256, entry.as_of) for entry in archive.entries(source=source)}
    batch: list[Retrieval] = []
    counts = {"added": 0, "held": 0, "size": 0}

    def flush() -> None:
        archive.add_many(batch)
        counts["added"] += len(batch)
        counts["size"] = 0
        batch.clear()

    for file in files:
        digest = pack(file.raw).sha256
        for stated, found in _vintages(file, as_of, as_of_column, as_of_pattern):
            if (digest, stated) in held:
                counts["held"] += 1
                continue
            held.add((digest, stated))
            batch.append(
                Retrieval(
                    raw=file.raw,
                    source=source,
                    url=quote(file.name),
                    retrieved_at=retrieved_at,
                    status=None,
                    headers=_headers(file.name),
                    licence=licence,
                    citation=citation,
                    as_of=stated,
                    software=software,
                    details={**(details or {}), **file.details, **found, "path": file.name},
                    kind="backfill",
                )
            )
            counts["size"] += len(file.raw)
        if len(batch) >= _CHUNK_FILES or counts["size"] >= _CHUNK_BYTES:
            flush()
    flush()
    if not counts["added"] and not counts["held"]:
        raise UsageError(f"no file matches {glob!r}", where=str(path), hint="check the path and the pattern")
    return Imported(added=counts["added"], held=counts["held"])


def _vintages(file: _File, as_of: str | None, column: str | None, pattern: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each as-of statement of a file with what is noted about how it was found."""
    if as_of is not None:
        return [(as_of, {"as_of_from": "argument"})]
    if column is not None:
        return [(value, {"as_of_from": "column", "as_of_column": column}) for value in _column(file, column)]
    if file.as_of is not None:
        return [(file.as_of, {"as_of_from": "git"})]
    found = _from_name(file.name, pattern)
    if found is None:
        raise UsageError(
            "when these figures were stated is not known: no date in the file's name",
            where=file.name,
            hint="pass --as-of, --as-of-column, --as-of-pattern, or --git to take it from the commits",
        )
    return [(found, {"as_of_from": "name"})]


def _column(file: _File, column: str) -> list[str]:
    """Return the distinct values of a CSV column in order of appearance."""
    try:
        rows = csv.DictReader(io.StringIO(file.raw.decode("utf-8-sig"), newline=""))
        if column not in (rows.fieldnames or ()):
            raise InputError(
                f"there is no column {column!r}", where=file.name, hint=f"it has {', '.join(rows.fieldnames or ())}"
            )
        values = dict.fromkeys(row[column] for row in rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"this is no CSV in UTF-8 ({error})", where=file.name) from error
    if not values or not all(values):
        raise InputError(f"column {column!r} is empty in some row", where=file.name, hint="fill it, or pass --as-of")
    return list(values)


def _from_name(name: str, pattern: str) -> str | None:
    try:
        matches = list(re.finditer(pattern, Path(name).name))
    except re.error as error:
        raise UsageError(f"the pattern {pattern!r} is no regular expression ({error})") from error
    if not matches:
        return None
    groups = matches[-1].groupdict()
    if {"year", "month", "day"} <= set(groups):
        text = f"{groups['year']}-{groups['month']}-{groups['day']}"
        digits = re.sub(r"\D", "", groups.get("time") or "")
        if digits:
            text += f"T{digits[:2]}:{digits[2:4]}:{digits[4:6] or '00'}Z"
    else:
        text = matches[-1].group(1) if matches[-1].re.groups else matches[-1].group()
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text


def _headers(name: str) -> dict[str, str]:
    media = _MEDIA.get(Path(name).suffix.lower())
    return {"content-type": media} if media else {}


def _files(path: Path, glob: str) -> Iterator[_File]:
    root = path if path.is_dir() else path.parent
    found = sorted(path.rglob(glob)) if path.is_dir() else [path]
    for file in found:
        name = file.relative_to(root)
        if file.is_file() and not any(part.startswith(".") for part in name.parts):
            yield _File(file.read_bytes(), name.as_posix(), None, {})


def _git_versions(path: Path, glob: str) -> Iterator[_File]:
    """Yield every version of the files in history, oldest first; one that did not change in a commit is not repeated."""
    folder = path if path.is_dir() else path.parent
    spec = "." if path.is_dir() else path.name
    log = _git(folder, "log", "--reverse", "--format=%x01%H %cI", "--raw", "--no-renames", "--no-abbrev", "-z", "-m",
               "--first-parent", "--relative", "--", spec)  # fmt: skip
    for commit in log.decode("utf-8", "surrogateescape").split("\x01")[1:]:
        head, *parts = commit.split("\0")
        revision, moment = head.split()
        records = [part.lstrip("\n") for part in parts if part.strip("\n")]
        for record, name in zip(records[::2], records[1::2], strict=True):
            _, mode, _, blob, _ = record.split()
            if mode.startswith("100") and Path(name).match(glob):
                raw = _git(folder, "cat-file", "blob", blob)
                yield _File(raw, name, moment, {"git_commit": revision, "git_blob": blob})


def _git(folder: Path, *arguments: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        raise UsageError("git is not installed", hint="install git, or import a folder of files")
    done = subprocess.run([program, "-C", str(folder), *arguments], capture_output=True, check=False)  # noqa: S603  fixed program, no shell
    if done.returncode:
        raise InputError(
            f"git cannot read this history ({done.stderr.decode(errors='replace').strip().splitlines()[-1:]})",
            where=str(folder),
            hint="name a file or folder inside a git repository",
        )
    return done.stdout
