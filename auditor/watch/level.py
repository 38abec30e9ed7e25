"""What the monitor measures: how far a whole run of days lies above the entity's own past, in its own scale.

Overnight jumps are common in these series (1.3 % of model-days double), and a jump that is gone the next day is no change
of level. The statistic therefore is the *smallest* value of the last 4 days against the median of the 28 days before them, on
the log scale. It is taken relative to the peers (the median daily change of all entities is subtracted, which removes growth,
weekends and outages of the platform); what is left must exceed a margin, and is divided by the usual size of the very same
statistic in the entity's own past: a strongly autocorrelated entity wanders further and is measured with a longer ruler. What a
value of it is worth is not computed from a model but ranked among the past of all entities; see :mod:`auditor.watch.cycles`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RUN = 4
"""Days in a row that must all be high. With 3, bursts of two days and their echo pass; each further day delays every alarm."""

MARGIN = 0.25
"""Log rise (28 %) that is never worth a look; subtracted."""

BASE = 28
"""Days of the reference level before the run."""

BASE_LEAST = 14
"""Fewest published days in it."""

PAST = 112
"""Days from which the usual size of the statistic is learned."""

PAST_LEAST = 28
"""Fewest days on which that size may rest."""

WINDOW = BASE + 2 * RUN + PAST
"""Days that the statistic of one day looks back on, itself included."""

POOLED = 0.2
"""Part of an entity's scale, squared, that is taken from the median entity."""

PEERS_LEAST = 5
"""With fewer entities published on both days, no common change is taken out."""

DIGITS = 4
"""Decimals kept of the statistic: equal inputs then rank equal on every machine."""


@dataclass(frozen=True, eq=False)
class Level:
    """The statistic of one day, per entity.

    Attributes
    ----------
    score : ndarray, shape (N,)
        Rise beyond the margin, in units of the entity's usual one; NaN where it cannot be measured.
    rise : ndarray, shape (N,)
        Natural log of the run's smallest value over the reference level, relative to the peers.
    """

    score: Floats
    rise: Floats


def relative(values: Floats) -> Floats:
    """Log values without what all entities did alike, shape (T, N).

    Parameters
    ----------
    values : ndarray, shape (T, N)
        Published figures per day; NaN where none.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(values > 0, np.log(values), np.nan)
    steps = np.diff(logs, axis=0)
    known = np.isfinite(steps).sum(axis=1)
    common = np.zeros(len(logs))
    for day in np.flatnonzero(known >= PEERS_LEAST):
        common[day + 1] = np.median(steps[day][np.isfinite(steps[day])])
    result: Floats = logs - np.cumsum(common)[:, None]
    return result


def level(values: Floats) -> Level:
    """Measure the last day of a window.

    Parameters
    ----------
    values : ndarray, shape (T, N)
        Figures of the last days, the newest last; more than :data:`WINDOW` days are cut, fewer are measured as far as possible.
    """
    r = relative(values[-WINDOW:])
    rise = np.full(r.shape, np.nan)
    if len(r) > RUN:
        lowest = np.lib.stride_tricks.sliding_window_view(r, RUN, axis=0).min(axis=2)
        rise[RUN:] = lowest[1:] - _running_median(r)[:-RUN]
    size = _usual_size(rise[:-RUN])  # the days of the run itself do not help to judge it
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.round((rise[-1] - MARGIN) / size, DIGITS)
    return Level(score, rise[-1])


def _running_median(r: Floats) -> Floats:
    """Median of the last :data:`BASE` days up to each day, shape (T, N); NaN with fewer than :data:`BASE_LEAST` of them."""
    padded = np.concatenate([np.full((BASE - 1, r.shape[1]), np.nan), r])
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, BASE, axis=0), axis=2)  # NaN sorts last
    return _middle(windows, np.isfinite(windows).sum(axis=2), BASE_LEAST)


def _usual_size(rises: Floats) -> Floats:
    """Root mean square of the statistic per entity, shape (N,), drawn a little towards that of the median entity.

    The part that is pooled keeps an entity with a short or oddly quiet past from having no scale at all.
    """
    rises = rises[-PAST:]
    known = np.isfinite(rises)
    count = known.sum(axis=0)
    square = np.where(known, rises, 0.0) ** 2
    own = np.where(count >= PAST_LEAST, square.sum(axis=0) / np.maximum(count, 1), np.nan)
    usable = own[np.isfinite(own)]
    pooled = float(np.median(usable)) if usable.size else np.nan
    size: Floats = np.sqrt((1 - POOLED) * own + POOLED * pooled)
    return np.where(size > 0, size, np.nan)


def _middle(ordered: Floats, count: npt.NDArray[np.int64], least: int) -> Floats:
    """Median along the last axis of values sorted with NaN last."""
    last = np.maximum(count - 1, 0)
    low = np.take_along_axis(ordered, (last // 2)[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, ((last + 1) // 2)[..., None], axis=-1)[..., 0]
    result: Floats = np.where(count >= least, (low + high) / 2, np.nan)
    return result
