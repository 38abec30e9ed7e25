"""What the caller hands to the client: clock, limits, what was kept earlier, and who watches the progress."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["waiting", "retrying", "receiving", "done"]


@dataclass(frozen=True)
class Clock:
    """Time as the client sees it; nothing in this room reads a clock of its own.

    The command line passes ``Clock(now=time.time, sleep=asyncio.sleep, random=random.random)``.

    Parameters
    ----------
    now : callable
        Seconds since 1970-01-01 UTC.
    sleep : async callable
        Waits that many seconds.
    random : callable
        A number in [0, 1), for the jitter of retries.
    """

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float] = field(default=lambda: 0.5)


@dataclass(frozen=True)
class Policy:
    """Bounds of one call; none of them is unlimited.

    Parameters
    ----------
    attempts : int
        Tries in all.
    first_wait, longest_wait : float
        Seconds before the first retry, doubled each time; and the longest pause that is waited out, whoever asks for it.
    connect, read, total : float
        Seconds to connect, between two chunks of a body, and for one attempt as a whole.
    redirects : int
        Most redirects followed.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 120.0
    connect: float = 10.0
    read: float = 30.0
    total: float = 300.0
    redirects: int = 3


@dataclass(frozen=True)
class Cached:
    """An answer kept earlier, for a conditional request."""

    raw: bytes = field(repr=False)
    headers: Mapping[str, str]


#: Returns the newest answer kept for a source and an address (without secrets), or None.
Recall = Callable[[str, str], Cached | None]


@dataclass(frozen=True)
class Progress:
    """One step of one call."""

    source: str
    url: str
    state: State
    received: int = 0
    expected: int | None = None
    seconds: float = 0.0
    note: str = ""


Watcher = Callable[[Progress], None]
