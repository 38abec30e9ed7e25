"""One exchange with a source: send, follow redirects, and judge what comes back. No retries, no waiting."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.errors import SourceError
from auditor.sources.base import Received, Request, Spec
from auditor.sources.http.addresses import host_of, origin_of, redirected
from auditor.sources.http.body import ENCODINGS, CutOffError, TooLargeError, read_body
from auditor.sources.http.policy import Cached, Progress, Recall, Watcher
from auditor.sources.http.refusals import TransientError, is_html, judged, quota_gone

if TYPE_CHECKING:
    import httpx

    from auditor.sources.http.keys import Credential

#: Response headers that are kept; nothing else of an answer's head leaves the client.
KEPT = frozenset(
    {
        "age",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "last-modified",
        "link",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    }
)

_ERROR_BYTES = 65_536


@dataclass(frozen=True)
class Exchange:
    """What one exchange needs of its client.

    Attributes
    ----------
    http : httpx.AsyncClient
        Follows no redirect by itself, and knows no key.
    now : callable
        Seconds since 1970.
    redirects : int
    recall : callable or None
        What was kept earlier.
    held : callable
        The credentials in use, to keep them out of everything that is returned.
    watch : callable or None
    """

    http: "httpx.AsyncClient"
    now: Callable[[], float]
    redirects: int
    recall: Recall | None
    held: "Callable[[], tuple[Credential, ...]]"
    watch: Watcher | None

    async def run(self, spec: Spec, request: Request, url: str, credential: "Credential | None") -> Received:
        """Ask, follow redirects, and return what came.

        Raises
        ------
        SourceError, TransientError
            What another try cannot mend, and what it may.
        """
        from auditor.sources.http.keys import without_key

        kept = self.recall(spec.name, url) if self.recall else None
        at = url
        for _ in range(self.redirects + 1):
            response = await self._send(request, at, credential if origin_of(at) == origin_of(url) else None, kept)
            try:
                if response.status_code in {301, 302, 303, 307, 308}:
                    target = redirected(at, response.headers.get("location", ""), {*spec.hosts, host_of(url)})
                    at = without_key(target, self.held(), url)
                    continue
                return await self._receive(spec, request, url, response, kept)
            finally:
                await response.aclose()
        raise SourceError(f"redirects more than {self.redirects} times", where=url, hint="the publisher may have moved")

    async def _send(
        self, request: Request, url: str, credential: "Credential | None", kept: Cached | None
    ) -> "httpx.Response":
        import httpx

        from auditor.sources.http.keys import carrying

        headers = {"accept": ", ".join(request.accept), **dict(request.headers)}
        if kept and kept.headers.get("etag"):
            headers["if-none-match"] = kept.headers["etag"]
        elif kept and kept.headers.get("last-modified"):
            headers["if-modified-since"] = kept.headers["last-modified"]
        try:
            built = self.http.build_request("GET", url, headers=headers)
            built.extensions.update(carrying(credential))
            return await self.http.send(built, stream=True)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise unreachable(error, url) from None

    async def _receive(
        self, spec: Spec, request: Request, url: str, response: "httpx.Response", kept: Cached | None
    ) -> Received:

        status = response.status_code
        headers = {k.lower(): v for k, v in response.headers.items() if k.lower() in KEPT}
        if status == 304 and kept is not None:
            merged = {**kept.headers, **headers}
            return self._received(request, url, status, merged, kept.raw)
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in ENCODINGS:
            raise SourceError(f"uses the compression {encoding!r}, which was not asked for", where=url, hint=spec.docs)
        fine = status == 200
        if fine:
            _check_type(request, url, headers.get("content-type", ""))

        raw = await self._body(spec, url, response) if fine else await _error_body(response)
        if status == 404 and request.absent and not quota_gone(status, headers):
            return self._received(request, url, status, headers, raw)
        if not fine:
            raise judged(spec, request, url, status, headers, raw, self.now())
        if not raw.strip():
            raise TransientError(SourceError("the answer is empty", where=url, hint="try again later"))
        if is_html(raw):
            raise SourceError(
                "answered with a web page where data was expected (status 200)",
                where=url,
                hint="a proxy, a login page or an outage may be in the way; open the address in a browser",
            )
        if self.watch:
            self.watch(Progress(spec.name, url, "done", len(raw)))
        return self._received(request, url, status, headers, raw)

    async def _body(self, spec: Spec, url: str, response: "httpx.Response") -> bytes:
        import httpx

        stated = response.headers.get("content-length", "")
        expected = int(stated) if stated.isdigit() else None

        def step(read: int) -> None:
            if self.watch:
                self.watch(Progress(spec.name, url, "receiving", read, expected))

        try:
            return await read_body(response, spec.largest, step)
        except TooLargeError as big:
            state = "unpacked " if big.unpacked else ""
            raise SourceError(
                f"the answer is too large: {big.read:,} {state}bytes or more, at most {spec.largest:,} are accepted",
                where=url,
                hint="ask for a shorter window; an answer of this size is not what the publisher describes",
            ) from None
        except CutOffError as cut:
            said = str(cut)
        except httpx.TimeoutException:
            said = "the answer stopped coming in"
        except httpx.TransportError:
            said = "the connection broke while the answer came in"
        raise TransientError(
            SourceError(said, where=url, hint="try again; the line or the source cuts answers off")
        ) from None

    def _received(self, request: Request, url: str, status: int, headers: Mapping[str, str], raw: bytes) -> Received:
        from auditor.sources.http.keys import hide, holds_key

        held = self.held()
        if holds_key(raw, held):
            raise SourceError(
                "the answer repeats the key that was sent; it is not kept",
                where=url,
                hint="do not use this address; if a mirror is set, it may be logging keys: change the key",
            )
        clean = {name: hide(value, held) for name, value in headers.items()}
        return Received(request, raw, url, status, clean, datetime.fromtimestamp(self.now(), UTC))


async def _error_body(response: "httpx.Response") -> bytes:
    """Return the start of a refusal's body; what is wrong with it does not matter beside the status."""
    import httpx

    try:
        return await read_body(response, _ERROR_BYTES)
    except (TooLargeError, CutOffError, httpx.TransportError):
        return b""


def unreachable(error: Exception, url: str) -> Exception:
    """Return the error to raise where no answer came at all: transient, unless it can only happen again."""
    import httpx

    name = type(error).__name__
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, ssl.SSLCertVerificationError):
            return SourceError(
                f"the TLS certificate could not be verified ({chain.verify_message})",
                where=url,
                hint="check the machine's clock and whether a proxy opens TLS; it is not switched off here",
            )
        chain = chain.__cause__ or chain.__context__
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return SourceError(f"the address cannot be asked ({name})", where=url, hint="check subject and base address")
    what = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "could not be reached"
    return TransientError(
        SourceError(
            f"{what} ({name})",
            where=url,
            hint="check the network and proxy, or use what the archive holds (archive:SOURCE)",
        )
    )


def _check_type(request: Request, url: str, stated: str) -> None:
    """Refuse a body whose stated type is not one that was asked for, before reading it."""
    kind = stated.partition(";")[0].strip().lower()
    if not kind or kind in request.accept or (kind.endswith("+json") and "application/json" in request.accept):
        return
    page = " (a web page)" if kind in {"text/html", "application/xhtml+xml"} else ""
    raise SourceError(
        f"answered with {kind}{page} where {' or '.join(request.accept)} was expected",
        where=url,
        hint="a proxy, a login page or an outage may be in the way; open the address in a browser",
    )
