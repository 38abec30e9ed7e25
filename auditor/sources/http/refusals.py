"""What an HTTP status means for the user, and which ones are worth another try."""

import json
import re
from collections.abc import Mapping

from auditor.errors import SourceError
from auditor.sources.base import Request, Spec
from auditor.sources.http.waits import asked_wait, exhausted

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})

_HINTS = {
    400: "check dates, subjects and options; the source did not accept them",
    402: "the account behind the key has no credit left",
    404: "check the spelling of the subject; the source has nothing under this address",
    410: "the publisher has retired this address; update the tool",
    413: "ask for a shorter window",
    414: "ask for fewer subjects at once",
    422: "check dates, subjects and options; ask for a shorter window",
    451: "the publisher does not serve this from where you are",
}


class TransientError(Exception):
    """A failure that may pass; ``wait`` is what the answer asked for, None where it did not."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(error.what)
        self.error = error
        self.wait = wait


def quota_gone(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer says that the caller asked too often (some sources say so with 403)."""
    return status == 429 or (status == 403 and (exhausted(headers) or "retry-after" in headers))


def is_html(raw: bytes) -> bool:
    """Whether a body is a web page, whatever its header says."""
    start = raw[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<h1", b"<!--"))


def message_of(raw: bytes) -> str:
    """Return the publisher's own words in an error body: one short printable line, or nothing."""
    if is_html(raw):
        return ""
    text = raw[:2000].decode("utf-8", errors="replace")
    try:
        found = _message(json.loads(raw)) if len(raw) <= 65_536 else ""
    except (ValueError, RecursionError):
        found = text
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in found)).strip()
    return line if len(line) <= 200 else line[:197] + "..."


def _message(body: object) -> str:
    if isinstance(body, list) and body:
        return _message(body[0])
    if isinstance(body, dict):
        for key in ("error", "errors", "message", "detail", "title"):
            found = body.get(key)
            if isinstance(found, str):
                return found
            if found:
                return _message(found)
    return ""


def refusal(spec: Spec, request: Request, url: str, status: int, headers: Mapping[str, str], raw: bytes) -> SourceError:
    """Build the error for a status that is not a success."""
    said = message_of(raw)
    what = f"{spec.title} answered with status {status}" + (f" ({said})" if said else "")
    if quota_gone(status, headers):
        hint = "wait and try again"
        if spec.key and request.key == "optional":
            hint += f", or set {spec.key.variable} for a higher limit"
    elif status in {401, 403} and spec.key and request.key != "none":
        hint = f"check that {spec.key.variable} holds a valid key" + (
            f" (keys are issued at {spec.key.page})" if spec.key.page else ""
        )
    elif status == 403:
        hint = f"some publishers want a contact in the user agent: set AUDIT_CONTACT to your e-mail address; see {spec.docs}"
    elif status >= 500 or status in TRANSIENT:
        hint = "the source has a fault of its own; try again later, or use what the archive holds (archive:SOURCE)"
    else:
        hint = _HINTS.get(status, f"see {spec.docs}")
    return SourceError(what, where=url, hint=hint)


def judged(
    spec: Spec, request: Request, url: str, status: int, headers: Mapping[str, str], raw: bytes, now: float
) -> Exception:
    """Return the error to raise for a status: transient where another try may help."""
    error = refusal(spec, request, url, status, headers, raw)
    if quota_gone(status, headers) or status in TRANSIENT:
        return TransientError(error, asked_wait(headers, now))
    return error
