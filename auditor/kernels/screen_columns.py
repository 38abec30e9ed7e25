"""What the screen is told and what it returns: settings, flags, and one row of columns per series."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from auditor.errors import UsageError

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Flag(IntFlag):
    """What to know before reading a row of a `Screen`."""

    EMPTY = 1
    """Nothing was observed."""
    SHORT = 2
    """Fewer than 8 observed periods: no estimate is given."""
    CONSTANT = 4
    """All observed values are equal: no noise, no change."""
    HOLES = 8
    """Some periods between the first and the last observed one are not observed."""
    NOT_POSITIVE = 16
    """Values at or below zero have no logarithm and count as not observed."""
    NO_SEASON = 32
    """Fewer than three seasons observed: no profile was taken off."""
    NOISELESS = 64
    """More than half of the residuals are zero (rounded or interpolated data): z is not defined."""


@dataclass(frozen=True)
class ScreenParams:
    """Settings of the screen; the defaults hold the error rates in the module's table.

    Attributes
    ----------
    penalty : float
        Price of a change in the second pass, times ``log n``, in units of the noise of the quasi-differences; at
        least 1.1 times ``bound``, so that no single period pays for it.
    first_penalty : float
        The same in the first pass.
    first_phi : float
        Largest AR(1) coefficient assumed in the first pass. Unfound shifts look like persistence, and too much
        persistence hides shifts: the first pass must rather find too many, and the second reads phi off its residuals.
    bound : float
        Largest loss of one period, in innovation scales.
    levels, first_levels : int
        Grid sizes of the second and first pass.
    outlier : float
        Residuals beyond this many robust scales are counted as outliers.
    block : int
        Series computed together; memory and speed depend on it, results do not.
    """

    penalty: float = 1.5
    first_penalty: float = 1.3
    first_phi: float = 0.7
    bound: float = 6.0
    levels: int = 64
    first_levels: int = 32
    outlier: float = 5.0
    block: int = 384

    def __post_init__(self) -> None:
        positive = {name: getattr(self, name) for name in ("penalty", "first_penalty", "bound", "outlier", "block")}
        for name, value in positive.items():
            if not value > 0:
                raise UsageError(f"{name} must be above 0, got {value}")
        for name in ("levels", "first_levels"):
            if not 2 <= getattr(self, name) <= 1024:
                raise UsageError(f"{name} must lie between 2 and 1024, got {getattr(self, name)}")
        if not 0.0 <= self.first_phi < 1.0:
            raise UsageError(f"first_phi must lie in [0, 1), got {self.first_phi}")


@dataclass(frozen=True)
class Screen:
    """One row per series; NaN where a quantity is not defined.

    Attributes
    ----------
    n_observed : ndarray of int, shape (N,)
        Periods used.
    flags : ndarray of int, shape (N,)
        Sum of `Flag`.
    n_changes : ndarray of int, shape (N,)
        Level shifts.
    change_offsets : ndarray of int, shape (N + 1,)
        The shifts of series i are the slice ``change_offsets[i]:change_offsets[i + 1]`` of the two ragged arrays.
    change_index : ndarray of int, shape (changes,)
        First observed period of the new level, 0-based.
    change_fold : ndarray, shape (changes,)
        New level over old level.
    fold : ndarray, shape (N,)
        The `change_fold` farthest from 1 in ratio; 1 if there is none.
    steps_up, steps_down : ndarray of int, shape (N,)
        Shifts by direction.
    spike_z : ndarray, shape (N,)
        Largest residual by absolute value, over the robust scale of the residuals; signed.
    spike_fold : ndarray, shape (N,)
        The same residual as the fold over level and season.
    spike_index : ndarray of int, shape (N,)
        Its period; -1 if there is none.
    n_outliers : ndarray of int, shape (N,)
        Residuals beyond ``params.outlier`` scales.
    weekend_ratio : ndarray, shape (N,)
        Saturday and Sunday over Monday to Friday (geometric means of the profile); period 7 only.
    phi : ndarray, shape (N,)
        AR(1) coefficient of the residuals.
    sigma : ndarray, shape (N,)
        Robust scale of the innovations on the log scale (0.1 is about 10 % a period).
    noise : ndarray, shape (N,)
        Robust scale of the residuals on the log scale.
    roughness : ndarray, shape (N,)
        Robust scale of the second differences over that of white noise of scale ``noise``: 1 for white noise, near 0
        for a smooth curve.
    plateau_flatness : ndarray, shape (N,)
        Robust scale of the residuals on the highest level over ``noise``: well below 1 where the top is flatter than
        the rest. NaN without changes, or if that level has fewer than 7 observed periods.
    """

    n_observed: Ints
    flags: Ints
    n_changes: Ints
    change_offsets: Ints
    change_index: Ints
    change_fold: Doubles
    fold: Doubles
    steps_up: Ints
    steps_down: Ints
    spike_z: Doubles
    spike_fold: Doubles
    spike_index: Ints
    n_outliers: Ints
    weekend_ratio: Doubles
    phi: Doubles
    sigma: Doubles
    noise: Doubles
    roughness: Doubles
    plateau_flatness: Doubles

    def __len__(self) -> int:
        return int(self.flags.size)

    def changes(self, row: int) -> Ints:
        """First periods of the new levels of one series."""
        return self.change_index[self.change_offsets[row] : self.change_offsets[row + 1]]

    def table(self) -> npt.NDArray[np.void]:
        """Every column with one value per series, as a structured array of N rows."""
        names = [field.name for field in fields(self) if not field.name.startswith("change_")]
        columns = [getattr(self, name) for name in names]
        out = np.empty(len(self), dtype=[(name, column.dtype) for name, column in zip(names, columns, strict=True)])
        for name, column in zip(names, columns, strict=True):
            out[name] = column
        return out

    @classmethod
    def concatenate(cls, parts: Iterable["Screen"]) -> "Screen":
        """Stack screens of disjoint rows, in the order given."""
        every = list(parts)
        if not every:
            raise UsageError("there is no screen to stack", hint="give at least one part")
        joined = {
            field.name: np.concatenate([getattr(part, field.name) for part in every])
            for field in fields(cls)
            if field.name != "change_offsets"
        }
        offsets = np.concatenate([[0], np.cumsum(joined["n_changes"])]).astype(np.int64)
        return cls(change_offsets=offsets, **joined)
