"""Search over means, dates and AR coefficients for one series; the engine behind `segmentation.segment`."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from auditor.kernels.noise import NoiseFit, Whitener, clean_innovations, fit_noise, fit_whitened, slope_in_phi
from auditor.kernels.partition import Partition
from auditor.kernels.penalties import (
    SegmentationParams,
    level_penalty,
    line_penalty,
    min_level_segment,
    min_trend_segment,
    nuisance_factor,
    trend_penalty,
)
from auditor.kernels.ramp import KINDS, RampKind, candidate_ramps, ramp_column

Floats = npt.NDArray[np.float64]
Shape = tuple[int, RampKind]

SHORT = 128
"""Up to this many observations every AR coefficient of the grid is searched, and both neighbours of the best one tried."""


@dataclass(frozen=True)
class Mean:
    """One candidate for the mean: what is constant or linear between which changes, and after which ramp.

    Attributes
    ----------
    trend : bool
        Lines instead of levels.
    breaks : tuple of int
        Positions, among the observed samples, of the first sample of each new segment.
    ramp : tuple or None
        Length and kind of the launch ramp.
    """

    trend: bool = False
    breaks: tuple[int, ...] = ()
    ramp: Shape | None = None

    def without(self, gone: Iterable[int]) -> "Mean":
        """Return the same mean without the changes at the given places of ``breaks``."""
        dropped = set(gone)
        kept = tuple(change for i, change in enumerate(self.breaks) if i not in dropped)
        return Mean(self.trend, kept, self.ramp)


class Search:
    """All that is known of one series while its segmentation is sought.

    Parameters
    ----------
    y : ndarray, shape (m,)
        Observed values, scaled to unit range.
    times : ndarray, shape (m,)
        Their sample numbers.
    season : ndarray, shape (m, s)
        Seasonal contrasts to be fitted beside the mean; s = 0 for none.
    adjusted : ndarray, shape (m,)
        ``y`` without a first estimate of the season.
    params : SegmentationParams
        Settings.
    """

    def __init__(self, y: Floats, times: Floats, season: Floats, adjusted: Floats, params: SegmentationParams) -> None:
        self.y, self.times, self.season, self.adjusted, self.params = y, times, season, adjusted, params
        self.m = y.size
        scale = params.penalty_scale * nuisance_factor(self.m, season.shape[1])
        self.price = {False: scale * level_penalty(self.m), True: scale * trend_penalty(self.m)}
        # Height, length and kind by the plain BIC: a ramp takes changes away, so the doubt is its to enjoy.
        self.ramp_price = 3.0 * float(np.log(self.m))
        self._short = self.m < params.short_n and season.shape[1] > 0
        self._whiteners: dict[float, Whitener] = {}
        self._fits: dict[tuple[Mean, float], NoiseFit] = {}
        self._best: dict[Mean, NoiseFit] = {}
        self._rows: dict[Mean, Floats] = {}
        self._whitened: dict[float, tuple[Floats, Floats]] = {}
        self._clean: dict[float, tuple[float, Partition]] = {}
        self._guess = min(1, len(params.phi_grid) - 1)

    def whitener(self, phi: float) -> Whitener:
        """AR(1) filter of ``phi`` on the observation times."""
        if phi not in self._whiteners:
            self._whiteners[phi] = Whitener.of(self.times, phi)
        return self._whiteners[phi]

    def min_length(self, *, trend: bool) -> int:
        """Fewest observations in a segment."""
        return min_trend_segment(self.m) if trend else min_level_segment(self.m)

    def design(self, mean: Mean) -> Floats:
        """Regressors of a mean: per segment a level (and a slope), then the ramp, then the season; shape (m, p)."""
        return np.concatenate([self._mean_rows(mean), self.season.T]).T

    def _mean_rows(self, mean: Mean) -> Floats:
        """Regressors of a mean without the season, one per row."""
        if mean not in self._rows:
            edges = [0, *mean.breaks, self.m]
            per = 2 if mean.trend else 1
            out = np.zeros((per * (len(edges) - 1) + (mean.ramp is not None), self.m))
            for j, (low, high) in enumerate(pairwise(edges)):
                out[per * j, low:high] = 1.0
                if mean.trend:
                    out[per * j + 1, low:high] = (self.times[low:high] - self.times[low]) / self.m
            if mean.ramp is not None:
                out[-1] = ramp_column(self.times, *mean.ramp)
            self._rows[mean] = out
        return self._rows[mean]

    def fit_at(self, mean: Mean, phi: float) -> NoiseFit:
        """Fit of a mean at one AR coefficient, remembered."""
        key = (mean, phi)
        if key not in self._fits:
            filter_ = self.whitener(phi)
            values, season = self._whitened_at(phi)
            rows = np.concatenate([filter_.apply_rows(self._mean_rows(mean)), season])
            self._fits[key] = fit_whitened(values, rows, filter_, self.params.degrees_of_freedom)
        return self._fits[key]

    def _whitened_at(self, phi: float) -> tuple[Floats, Floats]:
        """Values, shape (m,), and season, shape (s, m), after the filter of one coefficient."""
        if phi not in self._whitened:
            filter_ = self.whitener(phi)
            self._whitened[phi] = filter_.apply(self.y), filter_.apply_rows(np.ascontiguousarray(self.season.T))
        return self._whitened[phi]

    def fit(self, mean: Mean) -> NoiseFit:
        """Fit of a mean at its best AR coefficient on the grid, climbed from the last best one."""
        if mean in self._best:
            return self._best[mean]
        grid = self.params.phi_grid
        if not mean.breaks and not self._short:
            grid = tuple(sorted({*grid, *self.params.phi_null}))
        place = min(self._guess, len(grid) - 1)
        best = self.fit_at(mean, grid[place])
        for step in self._directions(mean, best, grid, place):
            moved = False
            while 0 <= place + step < len(grid):
                trial = self.fit_at(mean, grid[place + step])
                if trial.deviance >= best.deviance:
                    break
                best, place, moved = trial, place + step, True
                if step not in self._directions(mean, best, grid, place):
                    break
            if moved:
                break
        self._guess = min(place, len(self.params.phi_grid) - 1)
        self._best[mean] = best
        return best

    def _directions(self, mean: Mean, fit: NoiseFit, grid: tuple[float, ...], place: int) -> tuple[int, ...]:
        """Where on the grid a lower deviance may lie: both sides in short series, else what the derivative says.

        Long series tell the optimum from the slope and curvature at one point; a neighbour is left out if it lies
        uphill, or if the optimum is predicted within a quarter of the way to it.
        """
        if self.m <= SHORT:
            return (1, -1)
        rows = self._mean_rows(mean)
        split = rows.shape[0]
        errors = self.y - fit.coefficients[:split] @ rows - self.season @ fit.coefficients[split:]
        slope, bend = slope_in_phi(fit, errors, self.whitener(fit.phi), self.params.degrees_of_freedom)
        step = -1 if slope > 0.0 else 1
        if not 0 <= place + step < len(grid):
            return ()
        near = abs(slope) < 0.25 * bend * abs(grid[place + step] - grid[place])
        return () if near else (step,)

    def price_of(self, mean: Mean) -> float:
        """Penalty of a mean in deviance units."""
        total = self.price[mean.trend] * len(mean.breaks)
        if mean.trend:
            total += line_penalty(self.m, short=self._short)
        if mean.ramp is not None:
            total += self.ramp_price
        return total

    def criterion(self, mean: Mean) -> float:
        """Penalised deviance of a mean; infinite for a ramp that falls."""
        fit = self.fit(mean)
        if mean.ramp is not None and fit.coefficients[len(mean.breaks) + 1] <= 0.0:
            return float("inf")
        return fit.deviance + self.price_of(mean)

    @cached_property
    def integrated_criterion(self) -> float:
        """Criterion of a smooth stochastic trend: AR(1) increments around a constant drift, no change at all.

        Infinite on short or gappy series, where increments cannot tell. A slowly bending curve without noise of its
        own (a population, a cumulative count) is described so in three parameters, where a chain of lines takes
        dozens.
        """
        if self.m < self.params.integrated_min_n or self.times[-1] - self.times[0] + 1 > 1.1 * self.m:
            return float("inf")
        step = np.diff(self.y)
        design = np.hstack([np.ones((step.size, 1)), np.diff(self.season, axis=0)])
        filter_ = Whitener.of(np.arange(step.size, dtype=np.float64), max(self.params.phi_null, default=0.9))
        fit = fit_noise(step, design, filter_, self.params.degrees_of_freedom)
        # The first value is not predicted: it is charged like an average one.
        return fit.deviance * self.m / step.size + 2.0 * float(np.log(self.m))

    def best(self) -> Mean:
        """Find the mean with the smallest criterion among those that the dynamic programme and eliminations visit."""
        found = [
            self._best_of(Mean(trend=model == "trend"), self.adjusted)
            for model in self.params.models
            if model != "ramp"
        ]
        if "ramp" in self.params.models:
            filter_ = self.whitener(self.params.phi_grid[len(self.params.phi_grid) // 2])
            cleaned, sigma = clean_innovations(self.adjusted, filter_)
            least = self.ramp_price * sigma * sigma
            for length, kind, rise in candidate_ramps(cleaned, self.times, filter_, self.params.ramp_lengths, least):
                without = self.adjusted - rise * ramp_column(self.times, length, kind)
                found.append(self._best_of(Mean(ramp=(length, kind)), without))
        best = min(found, key=self.criterion)
        if best.ramp is not None and not best.breaks:
            # With no change at stake the ramp has to stand on its own, at the price of a change.
            flat = min((Mean(), Mean(trend=True)), key=self.criterion)
            if self.criterion(best) - self.ramp_price + self.price[True] > self.criterion(flat):
                return flat
        return self._reshape_ramp(best)

    def _best_of(self, start: Mean, y: Floats) -> Mean:
        """Find the best mean of one kind: candidates from the dynamic programme, then backward elimination."""
        candidates = {start}
        for phi in self._search_grid():
            sigma, partition = self._partition(y, phi)
            price = self.price[start.trend] * sigma * sigma
            while True:
                changes = partition.changes(price, min_length=self.min_length(trend=start.trend), trend=start.trend)
                if len(changes) <= self.params.max_changes:
                    break
                price *= 2.0
            candidates.add(Mean(start.trend, changes, start.ramp))
        best, seen = start, {start}
        for candidate in sorted(candidates, key=lambda mean: (len(mean.breaks), mean.breaks)):
            mean = candidate
            while mean.breaks and mean not in seen:
                seen.add(mean)
                if self.criterion(mean) < self.criterion(best):
                    best = mean
                weakest = np.argsort(self._wald(mean), kind="stable")[: max(1, len(mean.breaks) // 8)]
                mean = mean.without(int(i) for i in weakest)
        return best

    def _partition(self, y: Floats, phi: float) -> tuple[float, Partition]:
        """Noise scale and dynamic programme at one AR coefficient; levels and lines share those of ``adjusted``."""
        if y is self.adjusted and phi in self._clean:
            return self._clean[phi]
        filter_ = self.whitener(phi)
        cleaned, sigma = clean_innovations(y, filter_)
        made = sigma, Partition(cleaned, self.times, filter_, max_candidates=self.params.max_candidates)
        if y is self.adjusted:
            self._clean[phi] = made
        return made

    def _search_grid(self) -> tuple[float, ...]:
        """AR coefficients the dynamic programme is run at: all in short series, every other one in long ones."""
        grid = self.params.phi_grid
        return grid if self.m <= SHORT else grid[::2]

    def _wald(self, mean: Mean) -> Floats:
        """Wald statistic of each change: what it would cost to join the segments on both sides."""
        fit = self.fit(mean)
        covariance = np.linalg.inv(fit.normal_matrix) * fit.sigma**2
        k = len(mean.breaks)
        if not mean.trend:
            own = np.diagonal(covariance)[: k + 1]
            shared = np.diagonal(covariance, 1)[:k]
            jump = np.diff(fit.coefficients[: k + 1])
            return np.asarray(jump**2 / (own[1:] + own[:-1] - 2.0 * shared + 1e-300), dtype=np.float64)
        starts = self.times[[0, *mean.breaks]]
        contrasts = np.zeros((k, 2, covariance.shape[0]))
        place = np.arange(k)
        # Level where the later segment starts, and slope.
        contrasts[place, 0, 2 * place], contrasts[place, 0, 2 * place + 2] = -1.0, 1.0
        contrasts[place, 0, 2 * place + 1] = -np.diff(starts) / self.m
        contrasts[place, 1, 2 * place + 1], contrasts[place, 1, 2 * place + 3] = -1.0, 1.0
        jumps = contrasts @ fit.coefficients
        spread = contrasts @ covariance @ contrasts.transpose(0, 2, 1) + 1e-300 * np.eye(2)
        return np.asarray(np.sum(jumps * np.linalg.solve(spread, jumps[:, :, None])[:, :, 0], axis=1), dtype=np.float64)

    def _reshape_ramp(self, mean: Mean) -> Mean:
        """Choose the ramp's length and kind again, now that the changes after it are known."""
        if mean.ramp is None:
            return mean
        phi = self.fit(mean).phi
        first = self.times[mean.breaks[0]] - self.times[0] if mean.breaks else self.times[-1] - self.times[0]
        best = mean
        for length in self.params.ramp_lengths:
            if length > first or abs(length - mean.ramp[0]) > 4:
                continue
            for kind in KINDS:
                trial = Mean(ramp=(length, kind), breaks=mean.breaks)
                if self.fit_at(trial, phi).deviance < self.fit_at(best, phi).deviance:
                    best = trial
        return best if self.criterion(best) < self.criterion(mean) else mean
