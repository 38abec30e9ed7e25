"""Runs again and again until it is told to stop: for containers, where there is no scheduler."""

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType

RETRY = timedelta(hours=1)
"""Pause after a run that failed."""


def next_time(now: datetime, at: str) -> datetime:
    """Return the next moment of a time of day (UTC) after ``now``.

    >>> next_time(datetime(2026, 5, 1, 7, 0, tzinfo=UTC), "06:15").isoformat()
    '2026-05-02T06:15:00+00:00'
    """
    hour, minute = int(at[:2]), int(at[3:])
    moment = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    return moment if moment > now else moment + timedelta(days=1)


class Stop:
    """A wish to stop, made by SIGTERM, SIGINT or a test; a run at work is finished first."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def listen(self) -> "Stop":
        """Take the signals of the process."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._heard)
        return self

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def set(self) -> None:
        """Ask to stop."""
        self._event.set()

    @property
    def wanted(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until somebody asks to stop; whether somebody did."""
        return self._event.wait(seconds)


def loop(
    once: Callable[[datetime], bool],
    *,
    at: str,
    clock: Callable[[], datetime],
    stop: Stop,
    most: int | None = None,
) -> int:
    """Run now, and then every day at a time, until ``stop``; returns the number of runs.

    Parameters
    ----------
    once : callable
        Does one run at a moment; False when it failed and is to be tried again sooner.
    most : int, optional
        Stop after so many runs.
    """
    done = 0
    while not stop.wanted:
        now = clock()
        fine = once(now)
        done += 1
        if most is not None and done >= most:
            break
        due = next_time(clock(), at)
        if not fine:
            due = min(due, clock() + RETRY)
        # Sleep in short steps: a laptop that was closed, or a clock that was set, must not delay the run by a day.
        while clock() < due and not stop.wait(min(60.0, max(0.1, (due - clock()).total_seconds()))):
            pass
    return done
