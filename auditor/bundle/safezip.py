"""Zip archives from strangers: nothing is unpacked outside its folder, nothing larger than it says, nothing hidden.

References
----------
CWE-22 (path traversal, "zip slip"), CWE-409 (decompression bombs), APPNOTE.TXT 6.3.10 (the zip format).
"""

import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from auditor.errors import InputError

#: A bundle larger than this is refused before anything is unpacked.
MOST_BYTES = 4 << 30
MOST_MEMBERS = 20_000

#: Deflate cannot do better than 1:1032; text of figures reaches about 1:20. What claims more is a bomb.
MOST_RATIO = 200
_SMALL = 1 << 20
_CHUNK = 1 << 20

#: Date of every member: the zip format must name one, and the same input gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(path: Path, folder: Path, names: list[str]) -> None:
    """Write members of a folder as a zip that depends on nothing but their names and bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, (folder / name).read_bytes())


@contextmanager
def opened(path: Path) -> Iterator["Members"]:
    """Open a zip and judge its table of contents before any of it is unpacked.

    Raises
    ------
    InputError
        When it is no zip, or one that no honest program writes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield Members(archive, path.name)
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path), hint="check the path") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(
            f"is not a whole zip archive ({error})", where=path.name, hint="fetch the bundle again"
        ) from error


class Members:
    """The members of an opened zip; each has been judged by its entry in the table of contents."""

    def __init__(self, archive: zipfile.ZipFile, file: str) -> None:
        self._archive = archive
        self.file = file
        entries = archive.infolist()
        if len(entries) > MOST_MEMBERS:
            raise InputError(f"holds {len(entries):,} members; at most {MOST_MEMBERS:,} are unpacked", where=file)
        total = sum(entry.file_size for entry in entries)
        if total > MOST_BYTES:
            raise InputError(f"would unpack to {total:,} bytes; at most {MOST_BYTES:,} are unpacked", where=file)
        self.entries: dict[str, zipfile.ZipInfo] = {}
        folded: set[str] = set()
        for entry in entries:
            self._judge(entry)
            same = unicodedata.normalize("NFC", entry.filename).casefold()
            if same in folded:
                raise InputError(f"holds {entry.filename!r} twice", where=file, hint="fetch the bundle again")
            folded.add(same)
            self.entries[entry.filename] = entry

    def _judge(self, entry: zipfile.ZipInfo) -> None:
        name = entry.filename
        parts = PurePosixPath(name).parts
        unsafe = (
            not name
            or name.startswith("/")
            or name.endswith("/")
            or "\\" in name
            or ":" in name
            or ".." in parts
            or len(name) > 240
            or str(PurePosixPath(name)) != name
            or any(unicodedata.category(c).startswith("C") for c in name)
        )
        if unsafe:
            raise InputError(
                f"holds a member whose name leads elsewhere or cannot be a file: {name[:80]!r}", where=self.file
            )
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in {0, stat.S_IFREG}:
            raise InputError(f"holds {name!r}, which is a link or a device and not a file", where=self.file)
        if entry.flag_bits & 0x1:
            raise InputError(f"holds {name!r} encrypted", where=self.file, hint="ask for a bundle without a password")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise InputError(f"holds {name!r} in a compression that bundles do not use", where=self.file)
        if entry.file_size > _SMALL and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            raise InputError(
                f"holds {name!r}, which would unpack to {entry.file_size / max(entry.compress_size, 1):,.0f} times its size",
                where=self.file,
            )

    def read(self, name: str, *, most: int = MOST_BYTES) -> bytes:
        """Return a member's bytes, never more than its entry says."""
        entry = self.entries[name]
        if entry.file_size > most:
            raise InputError(f"{name} has {entry.file_size:,} bytes; at most {most:,} are read", where=self.file)
        with self._archive.open(entry) as stream:
            data = stream.read(entry.file_size + 1)
        if len(data) != entry.file_size:
            raise InputError(f"{name} is not as long as the table of contents says", where=self.file)
        return data

    def unpack(self, folder: Path) -> None:
        """Write all members below a folder."""
        for name, entry in self.entries.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            left = entry.file_size
            with self._archive.open(entry) as stream, place.open("xb") as out:
                while chunk := stream.read(min(_CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise InputError(f"{name} is longer than the table of contents says", where=self.file)
                    out.write(chunk)
