"""RFC 3161 time-stamps: a third party's word that the chain's head existed at a moment. Off unless called.

The request and the reading of the reply are here; the signature of the reply is checked with any CMS tool, for example
``openssl ts -verify -digest HEAD -in reply.tsr -CAfile tsa-chain.pem``. The reply is archived like any other answer, so
``verify`` covers its bytes and checks that the stamped hash is still in the chain.

References
----------
Adams, C. et al. (2001). Internet X.509 Public Key Infrastructure Time-Stamp Protocol (TSP). RFC 3161.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from auditor.archive.entry import GENESIS, Entry
from auditor.archive.store import Archive, Retrieval
from auditor.errors import ArchiveError, UsageError

CONTENT_TYPE = "application/timestamp-query"

Transport = Callable[[str, bytes, str], bytes]
"""``transport(url, body, content_type) -> body of the reply``; it raises its own error when the server fails."""

_SHA256 = bytes.fromhex("06096086480165030402010500")  # OID 2.16.840.1.101.3.4.2.1 and NULL parameters
_SHA256_OID = bytes.fromhex("608648016503040201")
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_INTEGER, _BOOLEAN_TRUE, _OCTETS, _OID, _TIME, _SEQUENCE, _SET, _EXPLICIT = (
    0x02,
    b"\x01\x01\xff",
    4,
    6,
    0x18,
    0x30,
    0x31,
    0xA0,
)
_GRANTED = (0, 1)  # granted, granted with modifications


class TimestampToken(NamedTuple):
    """What a time-stamp says: SHA-256 ``digest`` (hex) existed at ``time`` (GeneralizedTime, UTC); its serial and nonce."""

    digest: str
    time: str
    serial: int
    nonce: int | None


def request_bytes(digest: str, *, nonce: int | None = None) -> bytes:
    """Return the DER of a TimeStampReq for a SHA-256, asking for the signer's certificate.

    Raises
    ------
    UsageError
        The digest is not 64 hexadecimal digits.
    """
    try:
        octets = bytes.fromhex(digest)
    except ValueError:
        octets = b""
    if len(octets) != 32:
        raise UsageError(f"a time-stamp needs a SHA-256 in hexadecimal, not {digest!r}")
    imprint = _tlv(_SEQUENCE, _tlv(_SEQUENCE, _SHA256) + _tlv(_OCTETS, octets))
    asked = b"" if nonce is None else _tlv(_INTEGER, nonce.to_bytes(nonce.bit_length() // 8 + 1, "big"))
    return _tlv(_SEQUENCE, _tlv(_INTEGER, b"\x01") + imprint + asked + _BOOLEAN_TRUE)


def read_reply(reply: bytes) -> TimestampToken:
    """Read a TimeStampResp; the signature is not checked here.

    Raises
    ------
    ArchiveError
        The reply is no granted time-stamp over a SHA-256.
    """
    try:
        status, token = _children(_only(reply, _SEQUENCE))[0], _children(_only(reply, _SEQUENCE))[1:]
        code = int.from_bytes(_children(_value(status, _SEQUENCE))[0][1], "big")
        if code not in _GRANTED or not token:
            raise ArchiveError(
                f"the time-stamp authority refused (status {code})", hint="try again, or another authority"
            )
        content_type, content = _children(_value(token[0], _SEQUENCE))
        signed = _children(_only(_value(content, _EXPLICIT), _SEQUENCE))
        inner_type, inner = _children(_value(signed[2], _SEQUENCE))
        _expect(_value(content_type, _OID), _SIGNED_DATA, "no signed data inside")
        _expect(_value(inner_type, _OID), _TST_INFO, "no time-stamp inside")
        info = _children(_only(_only(_value(inner, _EXPLICIT), _OCTETS), _SEQUENCE))
        algorithm, digest = _children(_value(info[2], _SEQUENCE))
        _expect(_value(_children(_value(algorithm, _SEQUENCE))[0], _OID), _SHA256_OID, "the stamped hash is no SHA-256")
        nonce = next((int.from_bytes(value, "big") for tag, value in info[5:] if tag == _INTEGER), None)
        return TimestampToken(
            digest=_value(digest, _OCTETS).hex(),
            time=_value(info[4], _TIME).decode("ascii"),
            serial=int.from_bytes(_value(info[3], _INTEGER), "big", signed=True),
            nonce=nonce,
        )
    except (ValueError, IndexError) as error:
        raise ArchiveError(
            f"the time-stamp authority's reply cannot be read ({error})",
            hint="check the authority's address; it should answer application/timestamp-reply",
        ) from error


def timestamp_head(
    archive: Archive,
    *,
    url: str,
    transport: Transport,
    retrieved_at: datetime | str,
    nonce: int | None = None,
    software: str = "",
) -> Entry:
    """Have the chain's head time-stamped, check the reply's claim, and archive the reply.

    Parameters
    ----------
    archive : Archive
    url : str
        The authority's address.
    transport : callable
        Sends the request; see :data:`Transport`.
    retrieved_at : datetime or str
        When, with its time zone.
    nonce : int, optional
        A random number for this request, to tell a replayed answer.
    software : str
        Name and version of the caller.

    Raises
    ------
    ArchiveError
        The archive is empty, or the reply is refused, unreadable or about something else.
    """
    head = archive.head()
    if head == GENESIS:
        raise ArchiveError(
            "there is nothing to time-stamp yet", where=str(archive.folder), hint="fetch something first"
        )
    reply = transport(url, request_bytes(head, nonce=nonce), CONTENT_TYPE)
    token = read_reply(reply)
    if token.digest != head or token.nonce != nonce:
        raise ArchiveError("the time-stamp is not an answer to this request", hint="try again, or another authority")
    details = {"head": head, "time": token.time, "serial": str(token.serial)}
    return archive.add_many(
        [
            Retrieval(
                raw=reply,
                source="rfc3161",
                url=url,
                retrieved_at=retrieved_at,
                as_of=token.time,
                software=software,
                details=details,
                kind="timestamp",
            )
        ]
    )[0]


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([0x81, size])  # a request is always shorter than 256 bytes
    return bytes([tag]) + length + value


def _children(data: bytes) -> list[tuple[int, bytes]]:
    """Split DER into its elements (tag, value); ValueError when a length does not fit."""
    elements, at = [], 0
    while at < len(data):
        tag, first, start = data[at], data[at + 1], at + 2
        if first & 0x80:
            count = first & 0x7F
            size = int.from_bytes(data[start : start + count], "big")
            start += count
        else:
            size = first
        if start + size > len(data):
            raise ValueError("a length points beyond the end")
        elements.append((tag, data[start : start + size]))
        at = start + size
    return elements


def _value(element: tuple[int, bytes], tag: int) -> bytes:
    if element[0] != tag:
        raise ValueError(f"element {element[0]:#x} where {tag:#x} belongs")
    return element[1]


def _expect(value: bytes, expected: bytes, otherwise: str) -> None:
    if value != expected:
        raise ValueError(otherwise)


def _only(data: bytes, tag: int) -> bytes:
    elements = _children(data)
    if len(elements) != 1:
        raise ValueError("more than one element where one belongs")
    return _value(elements[0], tag)
