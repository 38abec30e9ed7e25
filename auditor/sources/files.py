"""One door for files: CSV, TSV, Parquet and JSON, plain or gzipped, from a path, standard input or bytes.

The kind of a file is told by its content, never by its name. What can be read in one way only is read; everything else is
refused with an :class:`~auditor.errors.InputError` that names file, line and column and what to try.
"""

import gzip
import hashlib
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from auditor.errors import ErrorList, InputError, Where
from auditor.observations import Frequency, Note, Observations, Source
from auditor.sources.tabular.card import read_card
from auditor.sources.tabular.headers import Weeks
from auditor.sources.tabular.options import DateOrder, Options

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet workbook (xlsx, ods)", "save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet workbook (xls)", "save the sheet as CSV (UTF-8)"),
    (b"BZh", "compressed with bzip2", "unpack it, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it, or compress it with gzip"),
    (b"%PDF", "a PDF", "copy the table into a CSV"),
    (b"SQLite format 3", "a database", "export the table as CSV or Parquet"),
)


#: Files from this size on are first offered to the fast reader; starting its engine costs more than it saves below.
LARGE = 8 << 20
_HEAD = 1 << 20


class Content:
    """The bytes of an input: hashed as they were read, unpacked when asked for.

    Attributes
    ----------
    file : str
        Name to show; never a folder of the reader's machine.
    path : Path or None
        Where the input lies, if it is a file.
    sha256 : str
        Of the bytes as stored (packed, if they are).
    size : int
        Of the unpacked content, in bytes.
    head : bytes
        Its first part; all of it where it is small.
    """

    def __init__(self, file: str, data: bytes | None, path: Path | None) -> None:
        self.file = file
        self.path = path
        self._data = data
        self._stamp = path.stat() if path is not None else None
        if data is None and path is not None:
            with path.open("rb") as stream:
                self.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                stream.seek(0)
                self.head = stream.read(_HEAD)
            self.size = path.stat().st_size
        else:
            data = data or b""
            self.sha256 = hashlib.sha256(data).hexdigest()
            self._data = _unpacked(data, file)
            self.head, self.size = self._data[:_HEAD], len(self._data)

    @classmethod
    def of(cls, source: str | Path | bytes, name: str) -> "Content":
        """Open an input.

        Raises
        ------
        InputError
            When it does not exist or cannot be read.
        """
        if isinstance(source, bytes):
            return cls(name or "bytes", source, None)
        if str(source) == "-":
            return cls(name or "stdin", sys.stdin.buffer.read(), None)
        path = Path(source)
        try:
            with path.open("rb") as stream:
                packed = stream.read(2) == _GZIP
            small = path.stat().st_size < LARGE
            return cls(path.name, path.read_bytes() if packed or small else None, path)
        except FileNotFoundError as error:
            near = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
            from auditor.panel import nearest

            hint = nearest(path.name, near) if near else "check the path"
            raise InputError("there is no such file", where=Where(str(source)), hint=hint) from error
        except IsADirectoryError as error:
            raise InputError("this is a folder", where=Where(str(source)), hint="name the files in it") from error
        except OSError as error:
            what = f"the file cannot be read: {error.strerror}"
            raise InputError(what, where=Where(str(source)), hint="check its permissions") from error

    def unpacked(self) -> bytes:
        """Return the whole content."""
        if self._data is None:
            assert self.path is not None
            self._data = self.path.read_bytes()
            self._refuse_change()
        return self._data

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """Yield a path that holds the unpacked content."""
        if self._data is None and self.path is not None:
            yield self.path
            self._refuse_change()
            return
        with tempfile.TemporaryDirectory(prefix="audit-") as folder:
            path = Path(folder) / "input"
            path.write_bytes(self._data or b"")
            yield path

    def _refuse_change(self) -> None:
        assert self.path is not None
        assert self._stamp is not None
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (
            self._stamp.st_size,
            self._stamp.st_mtime_ns,
            self._stamp.st_ino,
        ):
            raise InputError(
                "the file changed while it was read", where=Where(self.file), hint="run again when it is complete"
            )


def read(
    source: str | Path | bytes,
    *,
    name: str = "",
    metric: str | None = None,
    entity: str | None = None,
    frequency: Frequency | str | None = None,
    absent: Literal["auto", "censored", "missing"] = "auto",
    date_order: DateOrder | None = None,
    decimal: Literal[".", ","] | None = None,
    columns: Mapping[str, str] | None = None,
    tz: str | None = None,
    year: int | None = None,
    week_label: Weeks | Literal["start", "end"] | None = None,
    date: str | None = None,
    difference: bool | None = None,
    retrieved_at: str | None = None,
    encoding: str | None = None,
    prefer: str = "",
) -> Observations:
    """Read a file of published figures.

    Parameters
    ----------
    source : str, Path or bytes
        A path, ``-`` for standard input, or the content itself.
    name : str, optional
        Name of the source for citations; default is that of the card beside the file, else the file's name.
    metric, entity, frequency, absent, date_order, decimal, columns, tz, year, week_label, date, difference, retrieved_at, encoding
        Statements about the file, so that nothing is guessed: see :class:`auditor.sources.tabular.options.Options`.
    prefer : str, optional
        The metric in question. A file that cannot be read as a whole is read for this metric alone, if that is possible in one
        way only, and a note says so.

    Returns
    -------
    Observations
        With one source card (SHA-256 of the bytes read) and a note for everything assumed, dropped or not known.

    Raises
    ------
    InputError or ErrorList
        When the file cannot be read in one way only.
    UsageError
        When a statement is not one of its choices.
    """
    options = Options(
        metric=metric or "",
        entity=entity or "",
        frequency=_frequency(frequency),
        absent=absent,
        date_order=date_order,
        decimal=decimal,
        columns=dict(columns or {}),
        tz=tz or "",
        year=year,
        week_label=_weeks(week_label),
        date=date or "",
        difference=difference,
        retrieved_at=retrieved_at or "",
        encoding=encoding or "",
    )
    content = Content.of(source, name)
    card = read_card(content.path) if content.path is not None else None

    def source_card(as_of: str) -> Source:
        base = card or Source(name=name or content.file)
        return Source(
            name=name or base.name or content.file,
            citation=base.citation,
            licence=base.licence,
            url=base.url,
            as_of=base.as_of or as_of or options.retrieved_at,
            sha256=content.sha256,
            file=content.file,
            simulated=base.simulated,
        )

    if not prefer or metric:
        return _dispatch(content, options, source_card)
    try:
        return _dispatch(content, options, source_card)
    except (InputError, ErrorList) as error:
        try:
            alone = _dispatch(content, replace(options, metric=prefer), source_card)
        except (InputError, ErrorList):
            raise error from None
        if not any(m == prefer for m in alone.frame["metric"].unique()):
            raise
        first = error.errors[0] if isinstance(error, ErrorList) else error
        text = f"only the figures of {prefer!r} were read: {first.what}"
        return alone.noted([Note("metric_alone", text, str(first.where) or content.file)])


def _dispatch(content: Content, options: Options, card: Callable[[str], Source]) -> Observations:
    head, file = content.head, content.file
    if head.startswith(_PARQUET):
        from auditor.sources.parquet import read_parquet

        return read_parquet(content.unpacked(), file, options, card)
    for magic, kind, hint in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"this is {kind}, not a table of figures", where=Where(file), hint=hint)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
        from auditor.sources.tabular.records import read_json

        return read_json(content.unpacked(), file, options, card)
    from auditor.sources.tabular.delimited import find_shape, read_careful

    encoding, dialect, layout = find_shape(head, file, options)
    if content.size >= LARGE and encoding in {"utf-8", "utf-8-sig"}:
        from auditor.sources.tabular.cells import NotPlainError
        from auditor.sources.tabular.fast import read_fast

        try:
            with content.as_file() as path:
                return read_fast(path, dialect, layout, file, options, card)
        except NotPlainError:
            pass  # the careful reader below reads it, or says what is wrong and where
    return read_careful(content.unpacked(), encoding, dialect, layout, file, options, card)


def _unpacked(data: bytes, file: str) -> bytes:
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"the gzip file is damaged or was cut off ({error})", where=Where(file), hint="fetch it again"
        ) from error


def _frequency(stated: Frequency | str | None) -> Frequency | None:
    if stated is None or isinstance(stated, Frequency):
        return stated
    from auditor.errors import UsageError

    try:
        return Frequency(stated)
    except ValueError as error:
        known = ", ".join(f.value for f in Frequency)
        raise UsageError(f"frequency={stated!r} is not one of {known}", where="frequency") from error


def _weeks(stated: Weeks | str | None) -> Weeks | None:
    if stated is None:
        return None
    try:
        return Weeks(stated)
    except ValueError as error:
        from auditor.errors import UsageError

        raise UsageError(f"week_label={stated!r} is not one of 'start', 'end'", where="week_label") from error
