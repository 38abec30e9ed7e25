"""Segmentation of one regular series: level shifts, AR(1) noise, season and launch ramp in one model."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from auditor.errors import UsageError
from auditor.kernels.dating import date_interval, refine_dates
from auditor.kernels.episodes import RETURN_SHARE, Episode, scan_episodes
from auditor.kernels.noise import NoiseFit
from auditor.kernels.penalties import SegmentationParams, nuisance_factor, trend_penalty
from auditor.kernels.ramp import Ramp, ramp_column
from auditor.kernels.search import Mean, Search
from auditor.kernels.seasonal import fit_seasonal

Floats = npt.NDArray[np.float64]
Model = Literal["level", "trend", "ramp", "integrated", "none"]

SHORTEST = 8
"""Fewer observations than this and nothing is said."""


@dataclass(frozen=True)
class Break:
    """One change of level (or line).

    Attributes
    ----------
    index : int
        0-based sample number of the first observation of the new segment.
    interval : tuple of int
        First and last sample that could be it, at 95 %.
    score : float
        Drop in deviance that the change buys, everything else fitted again: minus twice a log-likelihood ratio.
    jump : float
        Mean just after minus mean just before, in the units of y.
    """

    index: int
    interval: tuple[int, int]
    score: float
    jump: float


@dataclass(frozen=True)
class Segmentation:
    """What `segment` found; arrays have the length n of the series.

    Attributes
    ----------
    model : str
        ``level``, ``trend``, ``ramp`` (levels after a launch ramp), ``integrated`` (a smooth stochastic trend
        explains the series without any change) or ``none`` (too short or constant).
    changes : tuple of Break
        The changes, in order of date.
    levels : ndarray, shape (changes + 1,)
        Mean of the fitted level in each segment, season and ramp excluded, in the units of y.
    slopes : ndarray, shape (changes + 1,)
        Change per sample within each segment; 0 unless the model is ``trend``.
    fitted, seasonal : ndarray, shape (n,)
        Mean including season and ramp, and the season alone; defined on unobserved samples too.
    residuals : ndarray, shape (n,)
        AR-aware residuals (innovations) in units of ``sigma``; NaN where not observed.
    phi, sigma : float
        AR(1) coefficient per sample, and scale of the Student-t innovations in the units of y.
    ramp : Ramp or None
        The launch ramp.
    penalty : float
        Price of one change in deviance units; compare with the scores.
    episodes : tuple of Episode
        Short excursions, in order of date.
    """

    model: Model
    changes: tuple[Break, ...]
    levels: Floats
    slopes: Floats
    fitted: Floats
    seasonal: Floats
    residuals: Floats
    phi: float
    sigma: float
    ramp: Ramp | None
    penalty: float
    episodes: tuple[Episode, ...]

    @property
    def breaks(self) -> tuple[int, ...]:
        """0-based index of the first sample of each new segment."""
        return tuple(change.index for change in self.changes)


def segment(
    y: npt.ArrayLike,
    *,
    period: int | None = 7,
    params: SegmentationParams | None = None,
    lower: npt.ArrayLike | None = None,
    upper: npt.ArrayLike | None = None,
) -> Segmentation:
    """Find the changes of level of one regular series.

    One model holds the mean (piecewise constant, piecewise linear, or piecewise constant after one launch ramp), a
    fixed seasonal profile, and Student-t AR(1) noise. Dates come from an optimal-partitioning dynamic programme run
    at each AR coefficient of a grid; every candidate set of changes, and all that backward elimination makes of it,
    is then fitted by maximum likelihood with the AR coefficient profiled out, and the smallest penalised deviance
    wins. That competition includes "no change, more persistent noise" and "a smooth stochastic trend", so that a
    shift has to beat both (compare EnvCpt: Beaulieu & Killick 2018, J. Climate 31:9519).

    Parameters
    ----------
    y : array_like, shape (n,)
        Regular series, one sample per step; NaN = not observed, skipped and never filled. Use logarithms for usage,
        so that shifts are folds and the season is additive.
    period : int or None
        Samples per season (7 for weekdays); phase 0 is the first sample. None for no season. A profile is kept only
        if the data support it.
    params : SegmentationParams, optional
        Settings; the defaults are meant for every series.
    lower, upper : array_like, shape (n,), optional
        Bounds of censored samples. A sample whose bounds differ counts as not observed, whatever y says: its value
        is unknown, not zero. Long censored stretches are not random: the levels describe listed days only.

    Returns
    -------
    Segmentation

    Raises
    ------
    UsageError
        If y is not one-dimensional, holds infinities, or the bounds have another shape.

    Notes
    -----
    Units cancel: adding a constant or multiplying by one changes no date. Detection of a change at either end needs
    5 samples beyond it (10 for a line). Mean and season can be confused when fewer than ``season_min_cycles`` cycles
    were observed; no season is fitted then.
    """
    settings = params or SegmentationParams()
    values = _observed(y, lower, upper)
    seen = np.flatnonzero(np.isfinite(values))
    if seen.size < SHORTEST or np.ptp(values[seen]) <= 0.0:
        return _nothing(values)
    offset, unit = float(np.median(values[seen])), float(np.ptp(values[seen]))
    scaled = (values - offset) / unit
    contrasts, adjusted = _season(scaled, period, settings)
    model: Model
    search = Search(scaled[seen], seen.astype(np.float64), contrasts[seen], adjusted[seen], settings)
    mean = search.best()
    if search.integrated_criterion < search.criterion(mean):
        mean = min((Mean(), Mean(trend=True)), key=search.criterion)
        model = "integrated"
    else:
        mean = refine_dates(search, mean)
        model = "ramp" if mean.ramp else "trend" if mean.trend else "level"
    return _describe(search, mean, model, contrasts, offset, unit)


def _observed(y: npt.ArrayLike, lower: npt.ArrayLike | None, upper: npt.ArrayLike | None) -> Floats:
    values = np.array(y, dtype=np.float64)
    if values.ndim != 1:
        raise UsageError(f"a series has one dimension, got shape {values.shape}")
    if np.isinf(values).any():
        raise UsageError(
            f"sample {int(np.flatnonzero(np.isinf(values))[0])} is infinite",
            hint="mark days without a count as NaN before taking logarithms",
        )
    if lower is not None and upper is not None:
        low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
        if low.shape != values.shape or high.shape != values.shape:
            raise UsageError(f"bounds have shapes {low.shape} and {high.shape}, the series {values.shape}")
        values[low < high] = np.nan
    return values


def _season(scaled: Floats, period: int | None, settings: SegmentationParams) -> tuple[Floats, Floats]:
    """Seasonal contrasts, shape (n, period - 1) or (n, 0), and the series without its first estimate.

    Few cycles cannot tell whether there is a season, and a shift among them hides one: short series get it always, at the
    price of its coefficients.
    """
    n = scaled.size
    if period is None or n < period * settings.season_min_cycles:
        return np.zeros((n, 0)), scaled
    model = fit_seasonal(scaled, period)
    if not model.supported and n >= settings.short_n:
        return np.zeros((n, 0)), scaled
    phase = np.eye(period)[np.arange(n) % period]
    return phase[:, 1:] - phase[:, :1], model.adjusted


def _nothing(values: Floats) -> Segmentation:
    seen = values[np.isfinite(values)]
    level = float(np.median(seen)) if seen.size else float("nan")
    n = values.size
    return Segmentation(
        model="none",
        changes=(),
        levels=np.array([level]),
        slopes=np.zeros(1),
        fitted=np.full(n, level),
        seasonal=np.zeros(n),
        residuals=np.where(np.isfinite(values), 0.0, np.nan),
        phi=0.0,
        sigma=0.0,
        ramp=None,
        penalty=float("inf"),
        episodes=(),
    )


def _describe(search: Search, mean: Mean, model: Model, contrasts: Floats, offset: float, unit: float) -> Segmentation:
    fit = search.fit(mean)
    n = contrasts.shape[0]
    season = contrasts @ fit.coefficients[fit.coefficients.size - contrasts.shape[1] :]
    base, levels, slopes = _lay_out(search, mean, fit, n)
    starts = [int(search.times[i]) for i in mean.breaks]
    changes = []
    for j, start in enumerate(starts):
        low, high = date_interval(search, mean, j)
        score = search.fit(mean.without([j])).deviance - fit.deviance
        jump = unit * float(base[start] - base[start - 1])
        changes.append(Break(start, (int(search.times[low]), int(search.times[high])), float(score), jump))
    ramp = None
    if mean.ramp is not None:
        length, kind = mean.ramp
        first = int(search.times[0])
        ramp = Ramp(first, first + length, kind, unit * float(fit.coefficients[len(starts) + 1]))
    residuals = np.full(n, np.nan)
    residuals[search.times.astype(int)] = fit.innovations / fit.sigma
    return Segmentation(
        model=model,
        changes=tuple(changes),
        levels=offset + unit * levels,
        slopes=unit * slopes,
        fitted=offset + unit * (base + season),
        seasonal=unit * season,
        residuals=residuals,
        phi=fit.phi,
        sigma=unit * fit.sigma,
        ramp=ramp,
        penalty=search.price[mean.trend],
        episodes=_episodes(search, mean, fit, starts, levels, unit),
    )


def _lay_out(search: Search, mean: Mean, fit: NoiseFit, n: int) -> tuple[Floats, Floats, Floats]:
    """Mean without season on all n samples, and level and slope of each segment."""
    times = np.arange(n, dtype=np.float64)
    per = 2 if mean.trend else 1
    starts = [search.times[i] for i in (0, *mean.breaks)]
    cuts = [0, *(int(start) for start in starts[1:]), n]
    base, levels, slopes = np.empty(n), np.empty(len(starts)), np.zeros(len(starts))
    for k, start in enumerate(starts):
        own = slice(cuts[k], cuts[k + 1])
        base[own] = fit.coefficients[per * k]
        if mean.trend:
            slopes[k] = fit.coefficients[per * k + 1] / search.m
            base[own] += slopes[k] * (times[own] - start)
        levels[k] = base[own].mean()
    if mean.ramp is not None:
        length, kind = mean.ramp
        shifted = np.append(search.times[0], np.maximum(times, search.times[0]))
        base += fit.coefficients[len(starts)] * ramp_column(shifted, length, kind)[1:]
    return base, levels, slopes


def _episodes(
    search: Search, mean: Mean, fit: NoiseFit, starts: list[int], levels: Floats, unit: float
) -> tuple[Episode, ...]:
    """Short segments whose level comes back, and excursions left in the residuals."""
    settings = search.params
    price = settings.penalty_scale * trend_penalty(search.m) * nuisance_factor(search.m, search.season.shape[1])
    found = scan_episodes(
        fit, search.whitener(fit.phi), search.times, settings.max_episode, price, settings.degrees_of_freedom
    )
    out = [Episode(e.start, e.end, unit * e.height, e.score) for e in found]
    for j in range(len(starts) - 1):
        sides = (levels[j], levels[j + 2])
        height = float(levels[j + 1] - np.mean(sides))
        short = starts[j + 1] - starts[j] <= settings.max_episode
        if short and abs(sides[1] - sides[0]) < RETURN_SHARE * abs(height):
            joined = search.fit(mean.without([j, j + 1])).deviance - fit.deviance
            out.append(Episode(starts[j], starts[j + 1], unit * height, float(joined)))
    return tuple(sorted(out, key=lambda e: (e.start, e.end)))
