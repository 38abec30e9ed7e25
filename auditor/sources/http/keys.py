"""Keys: checked before use, added by the last link before the wire, and taken out of every text.

httpx logs the address of each request, and its errors hold the request. Neither ever sees a key here: the request that
httpx knows has none, and :class:`KeyTransport` sends a copy that does.
"""

import base64
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

import httpx

from auditor.errors import SourceError
from auditor.sources.base import Key

HIDDEN = "[key hidden]"
_EXTENSION = "auditor.credential"


class Credential:
    """A key and how it is sent; its text form never shows it."""

    __slots__ = ("_value", "key")

    def __init__(self, key: Key, value: str) -> None:
        value = value.strip()
        # A line break in a header is an injection, and the library's complaint about it would quote the key.
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise SourceError(
                f"the key in {key.variable} is empty or holds a space, a line break or a character outside ASCII",
                hint=f"set {key.variable} to the key alone" + (f"; keys are issued at {key.page}" if key.page else ""),
            )
        self.key = key
        self._value = value

    def __repr__(self) -> str:
        return f"Credential({self.key.variable})"

    def spellings(self) -> tuple[str, ...]:
        """Return every form in which the key could appear in a text, longest first."""
        plain = self._value
        forms = {plain, quote(plain, safe=""), quote_plus(plain), base64.b64encode(plain.encode()).decode()}
        return tuple(sorted(forms, key=len, reverse=True))

    def signed(self, request: httpx.Request) -> httpx.Request:
        """Return a copy of a request that carries the key."""
        url, headers = request.url, request.headers.copy()
        if self.key.query:
            url = url.copy_add_param(self.key.query, self._value)
        else:
            headers[self.key.header] = self.key.form.replace("{key}", self._value)
        extensions = {k: v for k, v in request.extensions.items() if k != _EXTENSION}
        return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=extensions)


class KeyTransport(httpx.AsyncBaseTransport):
    """Adds the credential of a request just before it leaves."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, with its credential where it has one."""
        credential = request.extensions.get(_EXTENSION)
        return await self._inner.handle_async_request(credential.signed(request) if credential else request)

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


def carrying(credential: Credential | None) -> Mapping[str, object]:
    """Return the request extensions that carry a credential to the transport."""
    return {_EXTENSION: credential} if credential else {}


def hide(text: str, credentials: Collection[Credential]) -> str:
    """Return a text without any key in it."""
    for credential in credentials:
        for spelling in credential.spellings():
            text = text.replace(spelling, HIDDEN)
    return text


def without_key(url: str, credentials: Collection[Credential], where: str) -> str:
    """Return the address of a redirect without a key in its query, as the publisher may have copied it there.

    Raises
    ------
    SourceError
        When the key stands elsewhere in it.
    """
    parts = urlsplit(url)
    kept = [(n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if hide(v, credentials) == v]
    query = urlencode(kept) if len(kept) != len(parse_qsl(parts.query, keep_blank_values=True)) else parts.query
    target = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    if hide(target, credentials) != target:
        raise SourceError("redirects to an address that repeats the key", where=where, hint="do not use this address")
    return target


def holds_key(raw: bytes, credentials: Collection[Credential]) -> bool:
    """Whether a body repeats a key."""
    return any(s.encode() in raw for credential in credentials for s in credential.spellings())
