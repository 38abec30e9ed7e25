"""Keep secrets out of the archive: URLs, headers, citations and details are cleaned before anything is stored.

Response headers go by a list of those allowed; request headers are never stored. In addresses, a query value is replaced
when a word of its key names a secret (``api_key``, ``X-Amz-Signature``, ``accessToken``), user names and passwords are
dropped, and so is the fragment. Values that the caller names in ``secrets`` are replaced wherever they occur.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus, urlsplit, urlunsplit

from auditor.errors import ArchiveError, UsageError

REDACTED = "REDACTED"

_SECRET_WORDS = frozenset(
    [
        "accesskey",
        "accesstoken",
        "apikey",
        "apitoken",
        "appkey",
        "auth",
        "authentication",
        "authorization",
        "bearer",
        "clientsecret",
        "cookie",
        "credential",
        "credentials",
        "jwt",
        "key",
        "oauth",
        "passphrase",
        "passwd",
        "password",
        "private",
        "pwd",
        "secret",
        "session",
        "sessionid",
        "sid",
        "sig",
        "signature",
        "subscriptionkey",
        "token",
        "authtoken",
        "privatekey",
    ]
)
_KEPT_HEADERS = frozenset(
    [
        "age",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "deprecation",
        "etag",
        "expires",
        "last-modified",
        "link",
        "location",
        "retry-after",
        "sunset",
        "transfer-encoding",
        "vary",
        "warning",
        "x-request-id",
    ]
)
_KEPT_PREFIXES = ("x-ratelimit-", "ratelimit")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHORTEST_SECRET = 4


def names_secret(key: str) -> bool:
    """Whether a query key, header or field name says that its value is a secret."""
    words = [word.lower() for word in _WORD.findall(key)]
    pairs = ["".join(pair) for pair in pairwise(words)]
    return any(word in _SECRET_WORDS for word in (*words, *pairs))


class Scrubber:
    """Removes secrets from what the ledger stores.

    Parameters
    ----------
    secrets : collection of str
        Literal values that must not be stored anywhere (the keys that were sent).

    Raises
    ------
    UsageError
        A secret is shorter than four characters: replacing it would garble ordinary text.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        spelled: set[str] = set()
        for secret in secrets:
            if not secret:
                continue
            if len(secret) < _SHORTEST_SECRET:
                raise UsageError("a secret shorter than four characters cannot be told from ordinary text")
            escaped = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
            spelled |= {secret, *escaped, *(_ESCAPE.sub(lambda found: found.group().lower(), text) for text in escaped)}
        self._spelled = sorted(spelled, key=len, reverse=True)

    def text(self, value: str) -> str:
        """Clean free text: addresses in it, bearer tokens, literal secrets."""
        cleaned = _ADDRESS.sub(lambda found: self._address(found.group()), self._literal(value))
        return self._literal(_BEARER.sub(lambda found: f"{found.group(1)} {REDACTED}", cleaned))

    def url(self, value: str) -> str:
        """Clean one address, absolute or relative."""
        return self._literal(self._address(self._literal(value)))

    def headers(self, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
        """Keep the response headers that matter, lower-case and cleaned; repeated ones are joined by a comma."""
        kept: dict[str, str] = {}
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        for name, value in pairs:
            low = name.lower()
            if low in _KEPT_HEADERS or low.startswith(_KEPT_PREFIXES):
                relative = low in {"location", "content-location"}
                cleaned = self.url(value) if relative else self.text(value)
                kept[low] = f"{kept[low]}, {cleaned}" if low in kept else cleaned
        return kept

    def details(self, value: Any) -> Any:
        """Clean nested values; a value under a key that names a secret is replaced whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self._literal(str(key)): REDACTED if names_secret(str(key)) and inner else self.details(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.details(inner) for inner in value]
        return value

    def refuse_in(self, raw: bytes, *, url: str) -> None:
        """Refuse bytes that repeat a literal secret: they are kept exactly as received or not at all.

        Raises
        ------
        ArchiveError
            The answer holds one of the caller's secrets.
        """
        for secret in self._spelled:
            if secret.encode() in raw:
                raise ArchiveError(
                    "the answer repeats a secret that was sent with the request, so it was not stored",
                    where=self.url(url),
                    hint="replace the key with a new one: the server prints it in its answers",
                )

    def _literal(self, value: str) -> str:
        for secret in self._spelled:
            value = value.replace(secret, REDACTED)
        return value

    def _address(self, value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port  # raises where a password with a slash in it makes the address ambiguous
        except ValueError:
            return REDACTED
        query = "&".join(_clean_pair(pair) for pair in parts.query.split("&"))
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _clean_pair(pair: str) -> str:
    """Clean one ``key=value`` of a query, leaving the spelling of all others as it was."""
    key, equals, _ = pair.partition("=")
    return f"{key}={REDACTED}" if equals and names_secret(unquote_plus(key)) else pair
