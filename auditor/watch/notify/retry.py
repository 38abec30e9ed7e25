"""Tries again, a little later each time."""

from collections.abc import Callable

from auditor.watch.outbox import NotifyError

FIRST_WAIT = 1.0
"""Seconds before the second try; doubled each time."""


class PassingError(Exception):
    """A failure that may be over in a moment; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


def again(attempt: Callable[[], None], tries: int, sleep: Callable[[float], None], hint: str) -> None:
    """Call ``attempt`` until it succeeds or the tries are used up.

    Raises
    ------
    NotifyError
        With the last failure.
    """
    for number in range(tries):
        try:
            return attempt()
        except PassingError as error:
            if number == tries - 1:
                raise NotifyError(f"gave up after {tries} tries: {error}", hint=hint) from error
            sleep(min(60.0, FIRST_WAIT * 2**number if error.wait is None else error.wait))
    return None
