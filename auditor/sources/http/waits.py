"""How long an answer asks to be left alone: every header style met in practice.

References
----------
RFC 9110, section 10.2.3 (``Retry-After``: seconds or an HTTP date); draft-ietf-httpapi-ratelimit-headers
(``RateLimit: "api";r=0;t=143``); ``X-RateLimit-Reset`` is not standardised: epoch seconds, epoch milliseconds and
seconds to go are all in use, and told apart by size.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

#: Larger reset values are milliseconds since 1970, see the published limits of the sources.
_MILLISECONDS = 1e11
#: Larger reset values are seconds since 1970 (2001 and later), smaller ones seconds to go.
_EPOCH = 1e9

_RATELIMIT = re.compile(r"(?:^|[;,\s])t=(\d{1,9})(?=$|[;,\s])")
_LEFT = re.compile(r"(?:^|[;,\s])r=(\d{1,9})(?=$|[;,\s])")


def exhausted(headers: Mapping[str, str]) -> bool:
    """Whether the headers say that nothing is left of a quota."""
    left = headers.get("x-ratelimit-remaining", "").strip()
    found = _LEFT.search(headers.get("ratelimit", ""))
    return left == "0" or (found is not None and int(found.group(1)) == 0)


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds an answer asks to wait, or None where it says nothing readable.

    ``Retry-After`` wins over the reset of a quota.

    Parameters
    ----------
    headers : mapping
        Lower-case names.
    now : float
        Seconds since 1970 by the caller's clock; the answer's own ``Date`` is preferred, so that a clock that is wrong
        does not stretch or shorten the wait.
    """
    here = _http_date(headers.get("date", ""))
    now = now if here is None else here
    for found in (
        _retry_after(headers.get("retry-after", ""), now),
        _reset(headers.get("x-ratelimit-reset", ""), now),
        _ratelimit(headers.get("ratelimit", "")),
    ):
        if found is not None and math.isfinite(found):
            return max(0.0, found)
    return None


def _retry_after(text: str, now: float) -> float | None:
    seconds = _number(text)
    if seconds is not None:
        return seconds
    when = _http_date(text)
    return None if when is None else when - now


def _http_date(text: str) -> float | None:
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _reset(text: str, now: float) -> float | None:
    value = _number(text)
    if value is None:
        return None
    if value > _MILLISECONDS:
        return value / 1000 - now
    return value - now if value > _EPOCH else value


def _ratelimit(text: str) -> float | None:
    found = _RATELIMIT.search(text)
    return float(found.group(1)) if found else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,18}(\.\d{1,9})?\s*", text) else None
