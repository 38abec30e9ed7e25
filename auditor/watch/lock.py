"""One run at a time: the second says who is running, and leaves."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.archive.durable import explain, make_folder
from auditor.errors import ArchiveError

NAME = "lock"


class BusyError(ArchiveError):
    """Another run holds the lock."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a state folder; the system releases it when the process ends, however it ends.

    Raises
    ------
    BusyError
        When another process holds it.
    """
    try:
        make_folder(folder)
        handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise explain(error, folder / NAME) from error
    try:
        _take(handle, folder)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            raise _busy(handle, folder) from None
        return
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise _busy(handle, folder) from None
    with contextlib.suppress(OSError):  # who holds it is a courtesy to the reader, not part of the lock
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)


def _busy(handle: int, folder: Path) -> BusyError:
    holder = ""
    if sys.platform != "win32":
        holder = os.pread(handle, 40, 0).decode("ascii", "replace").strip()
    return BusyError(
        f"another run is at work{f' (process {holder})' if holder else ''}; nothing was done",
        where=str(folder / NAME),
        hint="wait for it to finish; the lock ends with its process and never has to be removed",
    )
