"""What the check of a claim returns, and how a claimed figure becomes an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from auditor.case import Claim
from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.findings import Rows
from auditor.texts.message import Message


class ClaimStatus(StrEnum):
    """Outcome of checking a public statement against the figures."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNCHECKABLE = "uncheckable"


@dataclass(frozen=True)
class ClaimResult:
    """A claim and what was measured.

    Attributes
    ----------
    text : str
        The statement, as the case file quotes it.
    status : ClaimStatus
    measured : Message
        The measured figure and its date, always; or why it cannot be measured.
    claimed : Interval or None
        The figure claimed with the interval its rounding allows.
    value, low, high : float or None
        The measured figure nearest to the claim, and its interval (rounding, censoring).
    data : Rows or None
        Every figure that was compared.
    """

    text: str
    kind: str
    status: ClaimStatus
    measured: Message
    claimed: "Interval | None" = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    data: Rows | None = None


@dataclass(frozen=True)
class Interval:
    """A claimed figure and the closed interval of values that round to it."""

    value: float
    low: float
    high: float

    def meets(self, low: float, high: float) -> bool:
        """Whether a measured interval has a point in common with this one."""
        return bool(low <= self.high and high >= self.low)


class Check(Protocol):
    """A module under ``auditor.claims``: a ``KIND``, the settings it takes, and a pure function."""

    KIND: str
    REQUIRED: frozenset[str]
    OPTIONAL: frozenset[str]

    @staticmethod
    def check(scene: Scene, claim: Claim) -> ClaimResult:
        """Compare the claim with the figures."""
        ...


def claimed(claim: Claim, name: str = "value") -> Interval:
    """Interval of values that a claimed figure stands for, from the digits it was given with.

    ``1.4e12`` has two significant digits and stands for 1.35e12 to 1.45e12. ``tolerance`` (a share, 0.02 for 2 %) in
    the claim replaces this.

    Raises
    ------
    UsageError
        When the claim gives no number.
    """
    given = claim.get(name)
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise UsageError(f"the claim {claim.text!r} has no number for `{name}`", hint=f"write {name}: 1.4e12")
    try:
        number = Decimal(str(given).replace("_", "").replace(",", ""))
    except ArithmeticError:
        raise UsageError(
            f"the claim {claim.text!r} gives {given!r} for `{name}`, which is not a number",
            hint=f"write {name}: 1.4e12",
        ) from None
    tolerance = claim.get("tolerance")
    if tolerance is not None:
        half = abs(number) * Decimal(str(tolerance))
    else:
        exponent = number.normalize().as_tuple().exponent
        half = Decimal(5).scaleb(int(exponent) - 1)
    return Interval(float(number), float(number - half), float(number + half))


def rows_on(scene: Scene, claim: Claim, *, default: str = "any-day") -> tuple[list[int], str]:
    """Rows of the panel that a claim speaks of, and how they were chosen (``any-day``, ``peak`` or a date).

    Raises
    ------
    UsageError
        When the day named does not occur in the panel.
    """
    on: Any = claim.get("on", default)
    if on in {"any-day", "any"}:
        return list(range(scene.window.start, scene.window.stop)), "any-day"
    if on == "peak":
        return [scene.peak], "peak"
    row = scene.table.position(str(on))
    if row is None:
        raise UsageError(
            f"the claim {claim.text!r} names the day {on}, which the figures do not hold",
            hint=f"they run from {scene.day(0):%Y-%m-%d} to {scene.day(len(scene.table.dates) - 1):%Y-%m-%d}",
        )
    return [row], "date"


def judge(
    claim: Claim,
    interval: Interval,
    days: Sequence[Any],
    value: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
) -> tuple[ClaimStatus, int | None]:
    """Compare a claimed interval with measured ones; also return the position of the nearest measured value.

    Supported where any measured interval meets the claimed one; contradicted where every one is known to lie outside;
    uncheckable where some are unknown and none of the known ones meets it. Set ``at_least: true`` or ``at_most: true`` in
    the claim for one-sided statements.
    """
    lo, hi = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    known = np.isfinite(lo) & np.isfinite(hi)
    wanted_low = -np.inf if claim.get("at_most") else interval.low
    wanted_high = np.inf if claim.get("at_least") else interval.high
    meets = known & (lo <= wanted_high) & (hi >= wanted_low)
    exact = np.isfinite(np.asarray(value, dtype=float))
    distance = np.where(exact, np.abs(np.asarray(value, dtype=float) - interval.value), np.inf)
    nearest: int | None = int(np.argmin(distance)) if exact.any() else None
    sure = meets & exact
    if sure.any():
        nearest = int(np.argmin(np.where(sure, distance, np.inf)))
        return ClaimStatus.SUPPORTED, nearest
    if meets.any() or not known.all() or not len(days):
        return ClaimStatus.UNCHECKABLE, nearest
    return ClaimStatus.CONTRADICTED, nearest
