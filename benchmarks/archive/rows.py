"""One line of the printed table."""

from typing import NamedTuple


class Row(NamedTuple):
    """What was measured, the figure, what was asked, and whether it was met (None: reported only)."""

    part: str
    measured: str
    result: str
    asked: str = ""
    met: bool | None = None
