"""The archive: what was received, exactly as received, and the ledger of who, when and what.

>>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
...     archive = Archive(folder)
...     entry = archive.add(b"...", source="openrouter", url="https://...", retrieved_at="2026-04-05T01:35:00Z")
...     archive.read(entry.sha256)
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.archive.durable import explain, make_folder, write_durably
from auditor.archive.entry import KINDS, Entry, utc_text
from auditor.archive.ledger import Ledger
from auditor.archive.objects import ObjectStore, Packed, pack
from auditor.archive.scrub import Scrubber
from auditor.errors import ArchiveError, UsageError

if TYPE_CHECKING:
    import pandas as pd

LISTED = ("seq", "kind", "retrieved_at", "source", "status", "as_of", "byte_count", "sha256", "url")
"""Columns that a listing shows; any field of an entry can be asked for."""

FORMAT = b'{"format": "audit-archive", "version": 1}\n'


@dataclass(frozen=True)
class Retrieval:
    """One answer to keep.

    Parameters
    ----------
    raw : bytes
        The body exactly as received.
    source, url : str
        The source's id and the address asked; secrets in the address are removed before storing.
    retrieved_at : datetime or str
        When, with its time zone; the archive reads no clock.
    status : int, optional
        HTTP status.
    headers : mapping or pairs
        Response headers; the ones that matter are kept.
    licence, citation, as_of, software : str
        See :class:`~auditor.archive.entry.Entry`.
    details : mapping
        Anything else worth keeping, as JSON. ``complete_days: true`` says that every day in the body is restated whole.
    secrets : collection of str
        Literal values that must appear nowhere in the archive.
    kind : str
        See :data:`~auditor.archive.entry.KINDS`.
    origin : str, optional
        Hash in the archive this was merged from.
    """

    raw: bytes
    source: str
    url: str
    retrieved_at: datetime | str
    status: int | None = 200
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    licence: str = ""
    citation: str = ""
    as_of: str | None = None
    software: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    secrets: Collection[str] = field(default=(), repr=False)
    kind: str = "retrieval"
    origin: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return the ledger's fields, free of secrets; those of the object are added when it is stored."""
        if not self.source:
            raise UsageError("a retrieval needs the id of its source", hint="pass source='...'")
        if self.kind not in KINDS:
            raise UsageError(f"there is no kind of entry {self.kind!r}", hint=f"one of {', '.join(KINDS)}")
        scrub = Scrubber(self.secrets)
        if self.secrets:
            scrub.refuse_in(self.raw, url=self.url)
        return {
            "kind": self.kind,
            "source": scrub.text(self.source),
            "url": scrub.url(self.url),
            "retrieved_at": utc_text(self.retrieved_at),
            "status": self.status,
            "headers": scrub.headers(self.headers),
            "licence": scrub.text(self.licence),
            "citation": scrub.text(self.citation),
            "as_of": None if self.as_of is None else scrub.text(str(self.as_of)),
            "software": scrub.text(self.software),
            "details": scrub.details(self.details),
            "origin": self.origin,
        }


class Archive:
    """An append-only, content-addressed store of raw answers with a hash-chained ledger.

    Parameters
    ----------
    folder : Path or str
        On a local disk. Created when absent, unless ``create`` is false.
    create : bool
        Whether to make a new archive.
    busy_timeout : float
        Seconds to wait while another process writes.

    Attributes
    ----------
    recovered : tuple of str
        What was left by a crash and put in order when this archive was opened.

    Raises
    ------
    ArchiveError
        There is no archive and ``create`` is false, or the folder holds something else.
    """

    def __init__(self, folder: Path | str, *, create: bool = True, busy_timeout: float = 60.0) -> None:
        self.folder = Path(folder)
        self.objects = ObjectStore(self.folder / "objects")
        self.marker = self.folder / "archive.json"
        self.ledger = Ledger(self.folder, busy_timeout=busy_timeout)
        if not self.marker.exists() and not self.ledger.record.exists():
            self._create(create=create)
        self._check_format()
        self.recovered = tuple(self.ledger.prepare())

    def _check_format(self) -> None:
        # An unreadable marker is for verify to name; only a known other format must not be touched.
        try:
            version = json.loads(self.marker.read_bytes())["version"]
        except (OSError, ValueError, TypeError, KeyError):
            return
        if version != 1:
            raise ArchiveError(
                f"this archive has format version {version}; this release knows version 1",
                where=str(self.marker),
                hint="use the release of audit that wrote it, or a later one",
            )

    def _create(self, *, create: bool) -> None:
        known = {"objects", "ledger.jsonl", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "torn", "cache"}
        try:
            present = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
            foreign = sorted(name for name in present - known if not name.startswith(".archive.json."))
            if foreign:
                raise ArchiveError(
                    f"this folder holds other files ({foreign[0]}) and no archive",
                    where=str(self.folder),
                    hint="name an empty folder, or the folder that `audit fetch` wrote to",
                )
            if not create:
                raise ArchiveError(
                    "there is no archive here",
                    where=str(self.folder),
                    hint="check the path, or fetch something first: `audit fetch SOURCE --archive DIR`",
                )
            make_folder(self.folder)
            self.objects.ready()
            write_durably(self.marker, FORMAT)
        except OSError as error:
            raise explain(error, self.folder) from error

    def add(
        self,
        raw: bytes,
        *,
        source: str,
        url: str,
        retrieved_at: datetime | str,
        status: int | None = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        licence: str = "",
        citation: str = "",
        as_of: str | None = None,
        software: str = "",
        details: Mapping[str, Any] | None = None,
        secrets: Collection[str] = (),
    ) -> Entry:
        """Keep one answer; it is durable when this returns. Parameters as in :class:`Retrieval`.

        Raises
        ------
        ArchiveError
            Nothing was kept: the disk is full, the ledger is locked or damaged, or the body repeats a secret.
        UsageError
            A field is missing or no JSON value.
        """
        return self.add_many(
            [
                Retrieval(
                    raw=raw,
                    source=source,
                    url=url,
                    retrieved_at=retrieved_at,
                    status=status,
                    headers=headers,
                    licence=licence,
                    citation=citation,
                    as_of=as_of,
                    software=software,
                    details=details or {},
                    secrets=secrets,
                )
            ]
        )[0]

    def add_many(self, retrievals: Iterable[Retrieval]) -> list[Entry]:
        """Keep several answers in one step: all of them, or none. They are held in memory meanwhile."""
        packed: dict[bytes, Packed] = {}
        prepared: list[tuple[Packed, dict[str, Any]]] = []
        for retrieval in retrievals:
            fields = retrieval.fields()
            if retrieval.raw not in packed:
                packed[retrieval.raw] = pack(retrieval.raw)
            prepared.append((packed[retrieval.raw], fields))
        if not prepared:
            return []
        with self.ledger.writing() as batch:
            done: dict[str, dict[str, Any]] = {}
            for content, fields in prepared:
                if content.sha256 not in done:
                    path = self.objects.path(content.sha256)
                    if not path.exists():
                        batch.created.append(path)
                    stored = self.objects.put(content)
                    done[content.sha256] = {
                        "sha256": content.sha256,
                        "byte_count": content.byte_count,
                        "stored_sha256": stored.sha256,
                        "stored_byte_count": stored.byte_count,
                    }
                batch.append(fields | done[content.sha256])
        return batch.entries

    def record_unchanged(
        self,
        previous: Entry,
        *,
        retrieved_at: datetime | str,
        status: int = 304,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        software: str = "",
    ) -> Entry:
        """Record that the server said nothing changed since ``previous``; the entry points at the same bytes."""
        return self.add_many(
            [
                Retrieval(
                    raw=self.read(previous.sha256),
                    source=previous.source,
                    url=previous.url,
                    retrieved_at=retrieved_at,
                    status=status,
                    headers=headers,
                    licence=previous.licence,
                    citation=previous.citation,
                    as_of=previous.as_of,
                    software=software,
                    details=previous.details,
                    kind="unchanged",
                )
            ]
        )[0]

    def read(self, sha256: str) -> bytes:
        """Return raw bytes by their SHA-256, checked against it.

        Raises
        ------
        ArchiveError
            Missing or altered.
        """
        return self.objects.read(sha256)

    def entries(
        self,
        *,
        source: str | None = None,
        url: str | None = None,
        sha256: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        kinds: Sequence[str] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """List the ledger in order, filtered.

        Parameters
        ----------
        source, url, sha256 : str, optional
            Exact values; the URL as stored, that is without secrets.
        since, until : datetime or str, optional
            Bounds on ``retrieved_at``, both included.
        kinds : sequence of str, optional
            Any of :data:`~auditor.archive.entry.KINDS`.
        """
        conditions = _conditions(source, url, sha256, since, until, kinds)
        return self.ledger.select(conditions, newest_first=newest_first, limit=limit)

    def table(
        self,
        columns: Sequence[str] = LISTED,
        *,
        source: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        kinds: Sequence[str] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> "pd.DataFrame":
        """List the ledger as a data frame, one row per entry; filters as in :meth:`entries`."""
        import pandas as pd

        conditions = _conditions(source, None, None, since, until, kinds)
        rows = self.ledger.rows(columns, conditions, newest_first=newest_first, limit=limit)
        return pd.DataFrame(rows, columns=list(columns))

    def latest(self, source: str, url: str, *, secrets: Collection[str] = ()) -> Entry | None:
        """Return the last successful retrieval of an address, for a conditional request (``entry.headers['etag']``)."""
        conditions = {"source = ?": source, "url = ?": Scrubber(secrets).url(url), "status = ?": 200}
        return next(iter(self.ledger.select(conditions, newest_first=True, limit=1)), None)

    def head(self) -> str:
        """Return the hash of the last entry: whoever notes it down can prove later that nothing before it changed."""
        return self.ledger.head().hash

    def sweep(self) -> list[str]:
        """Remove temporary files that a crash left; returns their names. Safe while other processes write."""
        with self.ledger.writing():
            leftovers = self.objects.leftovers()
            for path in leftovers:
                path.unlink(missing_ok=True)
        return [path.name for path in leftovers]


def _conditions(
    source: str | None,
    url: str | None,
    sha256: str | None,
    since: datetime | str | None,
    until: datetime | str | None,
    kinds: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the SQL conditions of a filter with their values."""
    exact = {"source": source, "url": url, "sha256": sha256}
    conditions: dict[str, Any] = {f"{name} = ?": value for name, value in exact.items() if value is not None}
    # julianday compares moments; as text, a fraction of a second would sort before none
    if since is not None:
        conditions["julianday(retrieved_at) >= julianday(?)"] = utc_text(since, field="since")
    if until is not None:
        conditions["julianday(retrieved_at) <= julianday(?)"] = utc_text(until, field="until")
    if kinds is not None:
        conditions[f"kind IN ({', '.join('?' * len(kinds))})"] = tuple(kinds)
    return conditions
