"""File operations that survive a crash, and the one translation of disk and lock failures into :class:`ArchiveError`.

A file is written beside its final name, flushed to the disk, renamed, and its folder is flushed: at any instant the final
name is either absent or complete.
"""

import contextlib
import errno
import os
import sqlite3
import tempfile
from pathlib import Path

from auditor.errors import ArchiveError

TEMPORARY_SUFFIX = ".tmp"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk."""
    if os.name == "nt":  # Windows has no handle for a folder; its renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, each of them durable before anything is put inside."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def write_all(handle: int, data: bytes) -> None:
    """Write every byte; the operating system may take fewer at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Create or replace ``path`` with ``data``: whole or not at all, and on the disk when this returns.

    Raises
    ------
    OSError
        The disk is full or refuses; the temporary file is gone and ``path`` is as it was.
    """
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=TEMPORARY_SUFFIX, dir=path.parent)
    temporary = Path(name)
    try:
        try:
            write_all(handle, data)
            if os.name != "nt":
                os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def explain(error: OSError | sqlite3.Error, where: Path) -> ArchiveError:
    """Turn a failure of the disk or the database into one sentence and what to try."""
    place, text = str(where), str(error).lower()
    if (isinstance(error, OSError) and error.errno in _FULL) or "disk is full" in text:
        return ArchiveError(
            "no space left to write; nothing was added and what was archived before is intact",
            where=place,
            hint="free some space or point the archive at another disk, then fetch again",
        )
    if "locked" in text or "busy" in text:
        return ArchiveError(
            "another process kept the ledger locked for longer than the time allowed",
            where=place,
            hint="wait for the other process to finish, or allow more time with busy_timeout",
        )
    if "malformed" in text or "not a database" in text or "no such" in text:
        return ArchiveError(
            f"the ledger's index cannot be read ({error})",
            where=place,
            hint="move ledger.sqlite, ledger.sqlite-wal and ledger.sqlite-shm aside: "
            "the index is rebuilt from ledger.jsonl when the archive is opened next",
        )
    return ArchiveError(
        f"the archive could not be read or written ({error})",
        where=place,
        hint="check the folder's permissions and the disk, then run `audit archive verify`",
    )
