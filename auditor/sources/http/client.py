"""The client: retries, pace, limits, conditional requests, redirects and keys, in one place for all sources."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from auditor.errors import SourceError, UsageError, Where
from auditor.sources.base import Received, Request, Spec
from auditor.sources.http.addresses import address, checked_base, host_of, is_loopback
from auditor.sources.http.exchange import Exchange
from auditor.sources.http.pace import Pace
from auditor.sources.http.policy import Clock, Policy, Progress, Recall, State, Watcher
from auditor.sources.http.refusals import TransientError

if TYPE_CHECKING:
    import httpx

    from auditor.sources.http.keys import Credential

USER_AGENT = "usage-auditor/{version} (audits of public usage figures)"


class Client:
    """Asks sources; used as ``async with Client(clock) as client``.

    Parameters
    ----------
    clock : Clock
        The caller's clock, sleep and jitter.
    keys : mapping of str to str
        Environment variable to key, for the variables that are set.
    bases : mapping of str to str
        Source to base address, where it differs from the published one (a mirror, or a test).
    policy : Policy
    recall : callable, optional
        Returns what was kept earlier for a source and an address; makes requests conditional.
    watch : callable, optional
        Told of every step.
    transport : httpx.AsyncBaseTransport, optional
        In place of the network.
    proxy : str, optional
        Address of a proxy. The process environment is not read.
    tls : ssl.SSLContext, optional
        To trust another authority than the public ones; a context that does not check certificates is refused.
    contact : str
        Added to the user agent; some publishers ask for one.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        keys: Mapping[str, str] | None = None,
        bases: Mapping[str, str] | None = None,
        policy: Policy | None = None,
        recall: Recall | None = None,
        watch: Watcher | None = None,
        transport: "httpx.AsyncBaseTransport | None" = None,
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
        contact: str = "",
    ) -> None:
        if tls is not None and (tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname):
            raise UsageError(
                "TLS certificates are always checked", hint="pass a context that trusts your own authority"
            )
        self._clock = clock
        self._keys = dict(keys or {})
        self._bases = dict(bases or {})
        self._policy = policy or Policy()
        self._recall = recall
        self._watch = watch
        self._transport = transport
        self._proxy = proxy
        self._tls = tls
        self._contact = contact.strip()
        self._pace = Pace(clock)
        self._http: httpx.AsyncClient | None = None
        self._exchange: Exchange | None = None
        self._credentials: dict[str, Credential] = {}

    def __repr__(self) -> str:
        return f"Client(bases={self._bases!r})"

    async def __aenter__(self) -> Self:
        import httpx

        from auditor import __version__
        from auditor.sources.http.keys import Credential, KeyTransport

        # stamina logs every retry; where nobody set logging up, Python would print that beside our own messages.
        if not logging.getLogger("stamina").hasHandlers():
            logging.getLogger("stamina").addHandler(logging.NullHandler())
        self._make_credential = Credential
        network, mounts = self._network()
        agent = USER_AGENT.format(version=__version__) + (f" contact: {self._contact}" if self._contact else "")
        timeout = httpx.Timeout(self._policy.read, connect=self._policy.connect)
        self._http = httpx.AsyncClient(
            transport=KeyTransport(network),
            mounts={pattern: KeyTransport(direct) for pattern, direct in mounts.items()},
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": agent, "accept-encoding": "gzip"},
        )
        self._exchange = Exchange(
            self._http, self._clock.now, self._policy.redirects, self._recall, self._held, self._watch
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    def _network(self) -> "tuple[httpx.AsyncBaseTransport, dict[str, httpx.AsyncBaseTransport]]":
        """Return the way out, and the ways that differ by host: this machine is not asked through a proxy."""
        import httpx

        if self._transport is not None:
            return self._transport, {}
        tls = self._tls or httpx.create_ssl_context(trust_env=False)
        if not self._proxy:
            return httpx.AsyncHTTPTransport(verify=tls, trust_env=False), {}
        try:
            proxied = httpx.AsyncHTTPTransport(verify=tls, trust_env=False, proxy=self._proxy)
        except (ValueError, ImportError, httpx.InvalidURL):
            # The library's message would repeat the address, which may hold a password.
            raise UsageError(
                "the address of the proxy cannot be used",
                hint="write it as http://host:port or http://user:password@host:port",
            ) from None
        direct = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
        return proxied, {f"all://{host}": direct for host in ("127.0.0.1", "localhost", "[::1]")}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys themselves, for whoever must keep them out of what is written."""
        return tuple(value.strip() for value in self._keys.values() if value.strip())

    def url(self, spec: Spec, request: Request) -> str:
        """Return the address of a request, without a key."""
        return address(checked_base(spec, self._bases.get(spec.name, spec.base_url)), request)

    async def get(self, spec: Spec, request: Request) -> Received:
        """Ask once, with retries.

        Raises
        ------
        SourceError
            With the address (without key), what happened, and what to try.
        """
        import stamina

        url = self.url(spec, request)
        credential = self._credential(spec, request)
        host = host_of(url)
        tries = 0

        def again(error: Exception) -> bool | float:
            # The pause goes through the pace, so that every other call to this host keeps it too; none is left to stamina.
            if not isinstance(error, TransientError):
                return False
            pause = error.wait or self._backoff(tries)
            if tries < self._policy.attempts:
                self._pace.block(host, pause)
                self._tell(spec, url, "retrying", pause, str(error))
            return 0.0

        try:
            async for attempt in stamina.retry_context(
                on=again, attempts=self._policy.attempts, timeout=None, wait_jitter=0.0
            ):
                with attempt:
                    tries += 1
                    return await self._attempt(spec, request, url, credential)
        except TransientError as failed:
            error = failed.error
        counted = f"{error.what}, {tries} tries in all" if tries > 1 else error.what
        raise self._clean(SourceError(counted, where=error.where, hint=error.hint))

    async def _attempt(self, spec: Spec, request: Request, url: str, credential: "Credential | None") -> Received:
        assert self._exchange is not None, "the client is used inside `async with`"
        host = host_of(url)
        self._patience(spec, request, url, self._pace.blocked(host), "the source asked to be left alone")
        waited = await self._pace.turn(host, 0.0 if is_loopback(host) else spec.seconds_between)
        if waited > 0:
            self._tell(spec, url, "waiting", waited)
        try:
            async with asyncio.timeout(self._policy.total):
                return await self._exchange.run(spec, request, url, credential)
        except TimeoutError:
            slow = SourceError(
                f"did not finish its answer within {self._policy.total:g} seconds",
                where=url,
                hint="try again later, or ask for a shorter window",
            )
            raise TransientError(slow) from None
        except SourceError as error:
            raise self._clean(error) from None
        except TransientError as failed:
            failed.error = self._clean(failed.error)
            failed.args = (failed.error.what,)
            if failed.wait is not None:
                self._patience(spec, request, url, failed.wait, failed.error.what)
            raise

    def _credential(self, spec: Spec, request: Request) -> "Credential | None":
        if spec.key is None or request.key == "none":
            return None
        value = self._keys.get(spec.key.variable, "")
        if not value.strip():
            if request.key == "optional":
                return None
            raise SourceError(
                f"{spec.title} needs a key for this, and {spec.key.variable} is not set",
                where=self.url(spec, request),
                hint=f"set the environment variable {spec.key.variable}"
                + (f"; keys are issued at {spec.key.page}" if spec.key.page else ""),
            )
        if spec.name not in self._credentials:
            self._credentials[spec.name] = self._make_credential(spec.key, value)
        return self._credentials[spec.name]

    def _backoff(self, tries: int) -> float:
        """Full wait doubles per try; half of it is jitter, so that many clients do not come back at once."""
        whole = min(self._policy.longest_wait, self._policy.first_wait * 2.0 ** (tries - 1))
        return whole * (0.5 + 0.5 * self._clock.random())

    def _patience(self, spec: Spec, request: Request, url: str, wait: float, what: str) -> None:
        if wait <= self._policy.longest_wait:
            return
        until = datetime.fromtimestamp(self._clock.now() + min(wait, 1e9), UTC)
        hint = f"try again after that; at most {self._policy.longest_wait:g} seconds are waited out"
        if spec.key and request.key == "optional" and spec.name not in self._credentials:
            hint += f"; a key in {spec.key.variable} raises the limit"
        error = SourceError(f"{what}; it asks to wait until {until:%Y-%m-%d %H:%M:%S} UTC", where=url, hint=hint)
        self._pace.block(host_of(url), min(wait, 1e9))
        raise self._clean(error) from None

    def _clean(self, error: SourceError) -> SourceError:
        from auditor.sources.http.keys import hide

        held = self._held()
        place = error.where
        where = Where(hide(place.file, held), place.line, place.column, hide(place.field, held))
        return SourceError(hide(error.what, held), where=where, hint=hide(error.hint, held))

    def _held(self) -> "tuple[Credential, ...]":
        return tuple(self._credentials.values())

    def _tell(self, spec: Spec, url: str, state: State, seconds: float, note: str = "") -> None:
        if self._watch:
            self._watch(Progress(spec.name, url, state, seconds=seconds, note=note))
