"""One line of the ledger: what was retrieved, from where, when, under which licence, and its place in the hash chain.

The canonical form of an entry is ASCII JSON with sorted keys and no spaces. ``hash`` is the SHA-256 of that form without
the key ``hash``; ``previous`` is the hash of the entry before (64 zeros before the first). Changing, removing, inserting
or reordering an entry therefore breaks every hash after it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from auditor.errors import UsageError

GENESIS = "0" * 64
"""``previous`` of the first entry."""

KINDS = ("retrieval", "unchanged", "backfill", "merge", "merged_ledger", "timestamp")
"""What an entry may record; observations come from ``retrieval``, ``backfill`` and ``merge``."""


class Entry(NamedTuple):
    """One entry of the ledger.

    Attributes
    ----------
    seq : int
        Place in the ledger, from 1.
    kind : str
        One of :data:`KINDS`.
    source, url : str
        The source's id, and the address without secrets.
    retrieved_at : str
        ISO 8601 UTC, as passed in by the caller.
    status : int or None
        HTTP status; None where there was no HTTP.
    headers_json : str
        The response headers that matter, canonical JSON; see :attr:`headers`.
    licence, citation : str
        As the publisher asks.
    as_of : str or None
        When the publisher stated the figures, in the publisher's own words.
    software : str
        Name and version of what retrieved it.
    sha256, byte_count : str, int
        Of the raw bytes as received.
    stored_sha256, stored_byte_count : str, int
        Of the compressed file, so that a change which still decompresses to the same bytes shows too.
    details_json : str
        Anything else the source wants to keep, canonical JSON; see :attr:`details`.
    origin : str or None
        For a merged entry the hash it had in the archive it was first recorded in.
    previous, hash : str
        The hash chain.
    """

    seq: int
    kind: str
    source: str
    url: str
    retrieved_at: str
    status: int | None
    headers_json: str
    licence: str
    citation: str
    as_of: str | None
    software: str
    sha256: str
    byte_count: int
    stored_sha256: str
    stored_byte_count: int
    details_json: str
    origin: str | None
    previous: str
    hash: str

    @property
    def headers(self) -> dict[str, str]:
        """The response headers that matter, lower-case names."""
        return cast("dict[str, str]", json.loads(self.headers_json))

    @property
    def details(self) -> dict[str, Any]:
        """What the source kept beside the fixed fields."""
        return cast("dict[str, Any]", json.loads(self.details_json))

    @property
    def identity(self) -> str:
        """The hash this entry had where it was first recorded: equal for all merged copies of one retrieval."""
        return self.origin or self.hash


FIELDS = Entry._fields


def canonical(value: Any) -> bytes:
    """Return the one JSON form of a value: sorted keys, no spaces, ASCII, no NaN.

    Raises
    ------
    UsageError
        The value holds something JSON cannot say.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the ledger keeps plain JSON values only: {error}",
            hint="pass strings, finite numbers, lists and dictionaries with string keys",
        ) from error


def body(entry: Entry) -> dict[str, Any]:
    """Return the entry as the dictionary that is hashed and written, ``hash`` included."""
    record = entry._asdict()
    record["headers"] = json.loads(record.pop("headers_json"))
    record["details"] = json.loads(record.pop("details_json"))
    return record


def line_of(entry: Entry) -> bytes:
    """Return the entry's line in ``ledger.jsonl``, newline included."""
    return canonical(body(entry)) + b"\n"


def sealed(fields: Mapping[str, Any], *, seq: int, previous: str) -> Entry:
    """Put an entry in its place of the chain and compute its hash.

    Parameters
    ----------
    fields : mapping
        All of an entry but ``seq``, ``previous`` and ``hash``; ``headers`` and ``details`` as dictionaries.
    seq, previous : int, str
        The place, and the hash of the entry before.
    """
    record = {**fields, "seq": seq, "previous": previous}
    digest = hashlib.sha256(canonical(record)).hexdigest()
    return from_record({**record, "hash": digest})


def from_record(record: Mapping[str, Any]) -> Entry:
    """Build an entry from its dictionary form (KeyError or TypeError when a field is missing or too many)."""
    flat = dict(record)
    flat["headers_json"] = canonical(flat.pop("headers")).decode("ascii")
    flat["details_json"] = canonical(flat.pop("details")).decode("ascii")
    return Entry(**flat)


def parse_line(line: bytes) -> Entry | None:
    """Read one line of ``ledger.jsonl``; None unless every byte of it is as it was written and its own hash holds."""
    try:
        record = json.loads(line)
        stated = record.pop("hash")
        if hashlib.sha256(canonical(record)).hexdigest() != stated:
            return None
        record["hash"] = stated
        if canonical(record) + b"\n" != line:
            return None
        return from_record(record)
    except (ValueError, KeyError, TypeError, AttributeError, UsageError):
        return None


def utc_text(moment: datetime | str, *, field: str = "retrieved_at") -> str:
    """Return a moment as ISO 8601 UTC text ending in ``Z``.

    Raises
    ------
    UsageError
        The text is not ISO 8601, or the moment has no time zone.
    """
    try:
        parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError as error:
        raise UsageError(
            f"{field} is not a moment in ISO 8601: {moment!r}", hint="for example 2026-04-05T01:35:00Z"
        ) from error
    if parsed.tzinfo is None:
        raise UsageError(f"{field} has no time zone: {moment!r}", hint="add the zone, for example 2026-04-05T01:35:00Z")
    return parsed.astimezone(UTC).isoformat().replace("+00:00", "Z")
