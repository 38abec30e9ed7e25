"""The object store: raw bytes under their SHA-256, gzip-compressed, written once and never changed.

``objects/ab/abcd....gz`` can be read with ``zcat`` and checked with ``sha256sum`` alone. The caller holds the ledger's
write lock while it puts an object, so a temporary file seen under that lock belongs to a process that died.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from auditor.archive.durable import TEMPORARY_SUFFIX, make_folder, write_durably
from auditor.errors import ArchiveError

_GZIP = 31  # zlib's code for the gzip format; it writes no time and no name, so equal bytes give equal files
_LEVEL = 6
_NAME = re.compile(r"[0-9a-f]{64}\.gz")


class Stored(NamedTuple):
    """What is on the disk for one object: hash and length of the compressed file."""

    sha256: str
    byte_count: int


class Packed(NamedTuple):
    """Raw bytes made ready to store."""

    sha256: str
    byte_count: int
    compressed: bytes


def pack(raw: bytes) -> Packed:
    """Hash and compress raw bytes; the slow part of storing, done before any lock is taken."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return Packed(hashlib.sha256(raw).hexdigest(), len(raw), packer.compress(raw) + packer.flush())


def unpack(compressed: bytes, *, limit: int | None = None) -> bytes | None:
    """Decompress a stored file; None unless it is one complete gzip stream (of at most ``limit`` bytes)."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        raw = unpacker.decompress(compressed, 0 if limit is None else limit + 1)
    except zlib.error:
        return None
    whole = unpacker.eof and not unpacker.unused_data and not unpacker.unconsumed_tail
    return raw if whole and (limit is None or len(raw) <= limit) else None


class ObjectStore:
    """Content-addressed files in fan-out folders below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Return where the object with this SHA-256 lies, whether or not it exists."""
        return self.folder / sha256[:2] / f"{sha256}.gz"

    def put(self, packed: Packed) -> Stored:
        """Store an object unless it is there already; on the disk when this returns. Needs the ledger's write lock.

        A file that is there but damaged is renamed to ``*.damaged`` and replaced: the new bytes are proven by their hash,
        and ``verify`` reports what was set aside.

        Raises
        ------
        OSError
            The disk is full or refuses; nothing half-written is left.
        """
        path = self.path(packed.sha256)
        if path.exists():
            existing = path.read_bytes()
            raw = unpack(existing, limit=packed.byte_count)
            if raw is not None and hashlib.sha256(raw).hexdigest() == packed.sha256:
                return Stored(hashlib.sha256(existing).hexdigest(), len(existing))
            self._set_aside(path)
        write_durably(path, packed.compressed, mode=0o444)
        return Stored(hashlib.sha256(packed.compressed).hexdigest(), len(packed.compressed))

    def read(self, sha256: str, *, limit: int | None = None) -> bytes:
        """Return the raw bytes of an object, after checking that they still have this SHA-256.

        Raises
        ------
        ArchiveError
            The object is missing or altered.
        """
        path = self.path(sha256)
        try:
            raw = unpack(path.read_bytes(), limit=limit)
        except FileNotFoundError:
            raise ArchiveError(
                f"snapshot {sha256} is in the ledger but its file is missing",
                where=str(path),
                hint="restore the file from a copy or an export; `audit archive verify` lists all that is missing",
            ) from None
        if raw is None or hashlib.sha256(raw).hexdigest() != sha256:
            raise ArchiveError(
                f"snapshot {sha256} was altered: its bytes no longer have that hash",
                where=str(path),
                hint="restore the file from a copy or an export; `audit archive verify` lists all that is altered",
            )
        return raw

    def files(self) -> Iterator[Path]:
        """Yield every file below the store in sorted order, temporary and foreign ones included."""
        if self.folder.is_dir():
            yield from (path for path in sorted(self.folder.rglob("*")) if not path.is_dir())

    def leftovers(self) -> list[Path]:
        """Return temporary files; under the write lock these are leftovers of a crash."""
        return [path for path in self.files() if path.name.endswith(TEMPORARY_SUFFIX)]

    def ready(self) -> None:
        """Create the store's folder."""
        make_folder(self.folder)

    @staticmethod
    def _set_aside(path: Path) -> None:
        number = 1
        while (aside := path.with_name(f"{path.name}.{number}.damaged")).exists():
            number += 1
        path.rename(aside)


def sha256_of_name(path: Path) -> str | None:
    """Return the SHA-256 that an object's file name states; None for a file that is no object."""
    return path.name[:64] if _NAME.fullmatch(path.name) and path.parent.name == path.name[:2] else None
