"""One pace per host, shared by every call of a client; and the pauses that a host asks for."""

from auditor.sources.http.policy import Clock


class Pace:
    """Spaces the requests to each host, and holds them back while the host says so.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free: dict[str, float] = {}
        self._blocked: dict[str, float] = {}

    def block(self, host: str, seconds: float) -> None:
        """Hold back every request to a host for a while."""
        self._blocked[host] = max(self._blocked.get(host, 0.0), self._clock.now() + seconds)

    def blocked(self, host: str) -> float:
        """Return the seconds a host must still be left alone."""
        return max(0.0, self._blocked.get(host, 0.0) - self._clock.now())

    async def turn(self, host: str, interval: float) -> float:
        """Wait for the next free turn at a host; return the seconds waited.

        A turn is taken before the first await, so two calls at once never get the same one.
        """
        now = self._clock.now()
        start = max(now, self._free.get(host, 0.0), self._blocked.get(host, 0.0))
        self._free[host] = start + interval
        waited = start - now
        if waited > 0:
            await self._clock.sleep(waited)
        while (late := self.blocked(host)) > 0:
            self._free[host] = max(self._free[host], self._blocked[host] + interval)
            await self._clock.sleep(late)
            waited += late
        return waited
