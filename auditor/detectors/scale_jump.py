"""Doubled, tripled and wrongly scaled periods: one exact factor that everything shares.

Two independent traces are looked for on every period of the window.

*Common factor.* The day-over-day log ratio of every entity, less the calendar's usual ratio, has one median. A recording
error moves that median by log 2, log 3 or a power of ten, with the entities as tightly around it as on any other day, and
moves it back later. One model's surge does not move the median at all.

*Common divisor.* A count that was multiplied by k is a multiple of k. Where every listed count of a period is one, and
on other periods only about one in k is, chance is excluded even when the counts are tiny.

Where the table shares no factor, the subject's own series is looked at: for a unit that only it is stated in, over all that
is known of it (:mod:`auditor.detectors.unit_jumps`), and for an exact factor that it enters and leaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors import unit_jumps
from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.observations import Status
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RULE = Rule(id="AUD172", name="scale_jump", family=Family.RECORD)

#: Factors that recording errors make. Halved periods are left out: outages and partial days make those too.
FACTORS = (1e-6, 1e-3, 1e-2, 1e-1, 1.0, 2.0, 3.0, 10.0, 100.0, 1e3, 1e6)

#: Divisors looked for in counts.
DIVISORS = (2, 3)

#: A common log ratio this near to that of an exact factor counts as it (0.15: 1.72 to 2.32 counts as 2).
FACTOR_TOLERANCE = 0.15

#: An entity takes part where its own usual daily noise is below this part of the factor's logarithm.
INFORMATIVE = 0.25

#: An entity shares the factor when it lies within this many of its own standard deviations of it.
ENTITY_TOLERANCE = 3.0

#: Share of the informative entities that must show the factor.
SHARED_BY = 0.75

#: Chance of a common divisor below which it is taken as shown: alone, and beside a common factor of the same size.
DIVISOR_ALONE, DIVISOR_BESIDE = 1e-4, 1e-2

#: Share of a row's counts that must be divisible; the few others allow for figures restated since.
DIVISIBLE = 0.98

#: Longest run of wrongly scaled periods, and how many periods around the window are read.
LONGEST_RUN, MARGIN = 31, 42

#: How far from usual each variant is; ``unit_stays`` is the sentence of a unit that has not been put right.
SEVERITY = MappingProxyType(
    {"cross_section": Severity.HIGH, "unit": Severity.HIGH, "unit_stays": Severity.HIGH, "single": Severity.MEDIUM}
)

#: Series (the total counts as one) needed for a cross-section, and periods of the subject needed to judge it alone.
FEWEST, FEWEST_ALONE = 5, 15


@dataclass(frozen=True)
class _Edges:
    """Calendar-adjusted log ratios to the previous published period: per series, in common, and their noise.

    ``lead`` is the number of rows that must precede a jump: a whole season where the calendar is not known.
    """

    ratios: Floats
    common: Floats
    spread: Floats
    noise: Floats
    lead: int


@dataclass(frozen=True)
class _Divisors:
    """Per row: chance of a common divisor, that divisor, the share of counts it divides, and how many were listed."""

    chance: Floats
    divisor: Ints
    share: Floats
    listed: Ints


@dataclass(frozen=True)
class _Run:
    """Consecutive rows that carry an exact factor each, back to 1 afterwards."""

    first: int
    last: int
    factors: tuple[float, ...]


@dataclass(frozen=True)
class _Hit:
    """A factor found: which, from which row, over how many periods, by which share of how many series."""

    variant: str
    row: int
    factor: float
    periods: int
    share: float
    n: int


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - has none
    """Look for one exact factor shared by the cross-section, or shown by the subject alone, inside the window.

    Returns
    -------
    list of Finding
        Variant ``cross_section``, ``unit``, ``single`` or ``none``. The statistic is the share (0 to 1) of the series able to tell
        that show the factor; ``n_reference`` is their number (0 for ``unit`` and ``single``).

    Notes
    -----
    O(T N log N) for T rows around the window and N entities. The noise of a series is the robust standard deviation of its own
    adjusted log ratios (not below three quarters of the median of all); for counts the Poisson variance
    ``1/x_t + 1/x_(t-1)`` is added, so that 1 -> 2 downloads say next to nothing.
    """
    season = scene.panel.frequency.season or 1
    margin = max(MARGIN, 3 * season)
    first, stop = max(0, scene.window.start - margin), min(len(scene.table.dates), scene.window.stop + margin)
    here, inside = slice(first, stop), slice(scene.window.start - first, scene.window.stop - first)
    published = int(scene.table.published[here].sum())
    if published < 3:
        return RULE.not_applicable("too_short", n=published)
    complete = np.where(scene.table.status[here] == Status.PARTIAL, np.nan, scene.table.values[here])
    values = np.column_stack([complete, scene.table.total[here]])
    values = np.where(values > 0, values, np.nan)
    counts = _as_counts(values)
    edges = _edges(values, counts, season, first)
    divisors = _divisibility(None if counts is None else counts[:, :-1], len(values))
    runs, still_open = _track(edges, FACTORS) if values.shape[1] >= FEWEST else ([], None)
    hit = _cross_section(edges, divisors, runs, inside)
    if hit is None:
        own = np.where(scene.subject.settled & (scene.subject.values > 0), scene.subject.values, np.nan)[here]
        unit = _unit(scene, edges, first)
        weak = _alone(own, edges, inside, season, first)
        hit = unit if weak is None or (unit is not None and unit.variant != "single") else weak
    size = np.where(np.isfinite(edges.common), np.abs(edges.common), -1.0)[inside]
    if hit is None and size.max() < 0:
        return RULE.not_applicable("no_ratios")
    largest = inside.start + int(np.argmax(size))

    limits = [Message.of(f"{RULE.id}.limit_round")]
    if values.shape[1] < FEWEST:
        limits.append(Message.of(f"{RULE.id}.limit_few_entities", n=values.shape[1], least=FEWEST))
    if still_open is not None and inside.start <= still_open < inside.stop:
        limits.append(Message.of(f"{RULE.id}.limit_open", day=scene.day(still_open + first)))
    figures = {
        "divisible_share": float(np.max(divisors.share[inside])),
        "least_chance_of_divisor": float(np.min(divisors.chance[inside])),
    }
    if size.max() >= 0:
        figures["largest_common_factor"] = float(np.exp(edges.common[largest]))
    if hit is None:
        variant, row, share, n = "none", largest, 0.0, _able(edges, largest, float(np.log(2.0)))
        said: dict[str, Any] = {"common": figures["largest_common_factor"], "n": values.shape[1]}
    else:
        variant, row, share, n = hit.variant, hit.row, hit.share, hit.n
        said = {"factor": hit.factor, "periods": hit.periods, "share": hit.share, "n": hit.n}
        figures |= {"factor": hit.factor, "row": float(row + first), "periods": float(hit.periods)}
    if variant in {"single", "unit", "unit_stays"}:
        # One series says nothing of a table; what share of the others moved with it is told, not weighed.
        share, n = 0.0, 0
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=scene.subject.name,
            window=scene.span,
            statement=Message.of(
                f"{RULE.id}.{variant}", subject=scene.subject.name, day=scene.day(row + first), **said
            ),
            statistic=Statistic(
                "share_with_factor", share, "share", reference=Message.of(f"{RULE.id}.reference", n=n), n_reference=n
            ),
            variant="unit" if variant == "unit_stays" else variant,
            severity=SEVERITY.get(variant, Severity.INFO),
            confidence=Confidence.HIGH
            if n >= 20 or variant == "unit"
            else Confidence.MEDIUM
            if n >= FEWEST
            else Confidence.LOW,
            limits=tuple(limits),
            data=_rows(scene, values, edges, row, first),
            figures=MappingProxyType(figures),
        )
    ]


def _cross_section(edges: _Edges, divisors: _Divisors, runs: Sequence[_Run], inside: slice) -> _Hit | None:
    """Return the first run of the window that the series share, else the row with the least likely common divisor."""
    for run in runs:
        if run.last < inside.start or run.first >= inside.stop:
            continue
        row, periods = max(run.first, inside.start), len(run.factors)
        factor = run.factors[row - run.first]
        share, n = _shared(edges, run)
        if n >= FEWEST and share >= SHARED_BY:
            return _Hit("cross_section", row, factor, periods, share, n)
        if divisors.chance[row] < DIVISOR_BESIDE and divisors.divisor[row] == factor:
            return _Hit("cross_section", row, factor, periods, float(divisors.share[row]), int(divisors.listed[row]))
    exact = (divisors.chance < DIVISOR_ALONE) & (divisors.listed >= FEWEST)
    rows = np.arange(inside.start, inside.stop)[exact[inside]]
    if not len(rows):
        return None
    row = int(rows[np.argmin(divisors.chance[rows])])
    share, n = float(divisors.share[row]), int(divisors.listed[row])
    return _Hit("cross_section", row, float(divisors.divisor[row]), len(rows), share, n)


def _edges(values: Floats, counts: Floats | None, season: int, phase: int) -> _Edges:
    """Log ratios to the previous published row, less the calendar's usual ratio."""
    t_count = len(values)
    published = np.flatnonzero(np.isfinite(values).any(axis=1))
    logs = np.log(values)
    ratios = np.full(values.shape, np.nan)
    ratios[published[1:]] = logs[published[1:]] - logs[published[:-1]]
    moves = np.isfinite(logs).sum(axis=0) > 0
    moves[moves] = np.nanmax(logs[:, moves], axis=0) > np.nanmin(logs[:, moves], axis=0)
    # A series that never moves is a placeholder: it has no noise to measure a factor by, and no say in what is common.
    if moves.any():
        ratios[:, ~moves] = np.nan
    common = _median(ratios)
    gap = np.zeros(t_count, dtype=int)
    gap[published[1:]] = np.diff(published)
    usual, known = _calendar(np.where(gap == 1, common, np.nan), season, phase)
    level = np.cumsum(usual)
    adjust = np.zeros(t_count)
    adjust[published[1:]] = level[published[1:]] - level[published[:-1]]
    ratios = ratios - adjust[:, None]
    own = 1.4826 * _median(np.abs(ratios - _median(ratios)[:, None]).T)
    typical = float(np.median(own[np.isfinite(own)])) if np.isfinite(own).any() else np.nan
    enough = np.isfinite(ratios).sum(axis=0) >= 8
    own = np.where(enough & np.isfinite(own), np.maximum(own, 0.75 * typical), typical)
    noise = np.broadcast_to(np.where(moves, own, np.inf), values.shape).copy()
    if counts is not None:
        poisson = np.full(values.shape, np.nan)
        poisson[published[1:]] = 1.0 / counts[published[1:]] + 1.0 / counts[published[:-1]]
        noise = np.sqrt(noise**2 + poisson)
    weights = 1.0 / np.maximum(noise, 1e-3) ** 2
    common = _weighted_median(ratios, weights)
    spread = _weighted_median(np.abs(ratios - common[:, None]), weights)
    return _Edges(ratios, common, spread, noise, 3 if known else season)


def _calendar(common: Floats, season: int, phase: int) -> tuple[Floats, bool]:
    """Usual common log ratio of each row's place in the season (0 where fewer than 3 cycles tell); whether all are known."""
    usual = np.zeros(len(common))
    complete = True
    for place in range(season if season > 1 else 0):
        rows = np.arange((place - phase) % season, len(common), season)
        known = common[rows][np.isfinite(common[rows])]
        if len(known) >= 3:
            usual[rows] = np.median(known)
        else:
            complete = False
    return usual, complete


def _track(edges: _Edges, factors: Sequence[float]) -> tuple[list[_Run], int | None]:
    """Follow the common factor row by row; return the runs that came back to 1, and the entry of one that did not."""
    common, spread = edges.common, edges.spread
    states = np.log(np.asarray(factors))
    usual_spread = float(np.median(spread[np.isfinite(spread)])) if np.isfinite(spread).any() else 0.0
    runs: list[_Run] = []
    level = np.cumsum(np.where(np.isfinite(common), common, 0.0))
    row, t_count, still_open = edges.lead, len(common), None
    while row < t_count:
        state = _snap(common, spread, usual_spread, row, 0.0, states)
        before = float(np.median(level[max(0, row - max(7, edges.lead)) : row]))
        if state == 0.0 or abs(level[row] - before - state) > 1.5 * FACTOR_TOLERANCE:
            row += 1
            continue
        path, at = [state], row + 1
        while at < min(t_count, row + LONGEST_RUN + 1):
            following = _snap(common, spread, usual_spread, at, path[-1], states)
            if following == 0.0:
                break
            path.append(following)
            at += 1
        else:
            still_open = row if at == t_count else still_open
            row += 1
            continue
        runs.append(_Run(row, at - 1, tuple(round(float(np.exp(s)), 9) for s in path)))
        row = at + 1
    return runs, still_open


def _snap(common: Floats, spread: Floats, usual: float, row: int, state: float, states: Floats) -> float:
    """Return the state after a row: another one where its common ratio is an exact factor, tightly shared."""
    if not np.isfinite(common[row]) or abs(common[row]) < 0.3 or spread[row] > 3.0 * usual + 0.02:
        return state
    misses = np.abs(common[row] - (states - state))
    best = int(np.argmin(misses))
    return float(states[best]) if misses[best] <= FACTOR_TOLERANCE else state


def _shared(edges: _Edges, run: _Run) -> tuple[float, int]:
    """Share of the informative entities that show the run's entry and exit factor, and how many those are."""
    entry, leave = float(np.log(run.factors[0])), -float(np.log(run.factors[-1]))
    shares, sizes = [], []
    for row, factor in ((run.first, entry), (run.last + 1, leave)):
        told = np.isfinite(edges.ratios[row]) & (edges.noise[row] < INFORMATIVE * abs(factor))
        sizes.append(int(told.sum()))
        shares.append(_share_at(edges, row, factor))
    return min(shares), min(sizes)


def _share_at(edges: _Edges, row: int, factor: float) -> float:
    told = np.isfinite(edges.ratios[row]) & (edges.noise[row] < INFORMATIVE * abs(factor))
    if not told.any():
        return 0.0
    # The whole cross-section may have a good or bad day besides the factor: measured from its own median when that is near.
    middle = edges.common[row] if abs(edges.common[row] - factor) <= FACTOR_TOLERANCE else factor
    near = np.abs(edges.ratios[row] - middle)[told] <= ENTITY_TOLERANCE * np.maximum(edges.noise[row][told], 0.01)
    return float(near.mean())


def _able(edges: _Edges, row: int, factor: float) -> int:
    """Return how many series are quiet enough to tell a factor (given as its logarithm) on a row."""
    return int((np.isfinite(edges.ratios[row]) & (edges.noise[row] < INFORMATIVE * abs(factor))).sum())


def _alone(own: Floats, edges: _Edges, inside: slice, season: int, phase: int) -> _Hit | None:
    """Return the run in which the subject alone stands at an exact factor, on both edges, and comes back."""
    alone = _edges(own[:, None], _as_counts(own[:, None]), season, phase)
    if int(np.isfinite(own).sum()) < FEWEST_ALONE or not np.isfinite(alone.noise).any():
        return None
    noise = float(np.median(alone.noise[np.isfinite(alone.noise)]))
    told = [f for f in FACTORS if f == 1.0 or noise < INFORMATIVE * abs(np.log(f))]
    runs, _ = _track(replace(alone, spread=np.zeros(len(own))), told)
    for run in runs:
        if run.first >= inside.stop or run.last < inside.start:
            continue
        before, after = own[max(0, run.first - 7) : run.first], own[run.last + 1 : run.last + 8]
        if np.isfinite(before).sum() < 3 or np.isfinite(after).sum() < 3:
            continue
        if abs(float(np.log(np.nanmedian(after) / np.nanmedian(before)))) <= FACTOR_TOLERANCE:
            factor = max(run.factors, key=lambda f: abs(float(np.log(f))))
            entry = float(np.log(run.factors[0]))
            share = _share_at(edges, run.first, entry)
            return _Hit("single", run.first, factor, len(run.factors), share, _able(edges, run.first, entry))
    return None


def _unit(scene: Scene, edges: _Edges, first: int) -> _Hit | None:
    """Return the run in which one id of the subject alone is stated in another unit, whether or not it returns.

    Each id is looked at by itself: where one takes over from another, their sum may jump by any factor.
    """
    settled = scene.subject.settled[:, None] & (np.nan_to_num(scene.subject.part_values) > 0)
    parts = np.where(settled, scene.subject.part_values, np.nan)
    found = next((f for f in (unit_jumps.find(part, scene.window) for part in parts.T) if f is not None), None)
    if found is None:
        return None
    row, entry = max(found.first - first, 0), float(np.log(found.factor))
    shared = (_share_at(edges, row, entry), _able(edges, row, entry))
    # A week for a day, or the reverse, is a change that real series make too: weak evidence, as any factor of one series is.
    small = abs(entry) < 0.99 * np.log(unit_jumps.LARGE)
    variant = "single" if small else "unit" if found.returned else "unit_stays"
    return _Hit(variant, row, found.factor, found.last - found.first + 1, *shared)


def _as_counts(values: Floats) -> Floats | None:
    """Values in units of their last published digit, where they are whole numbers; None where they are measured."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    for power in range(12, -4, -1):
        scaled = known / 10.0**power
        if (np.abs(scaled - np.round(scaled)) <= 1e-9 * scaled).all() and scaled.max() < 2**53:
            return np.asarray(np.round(values / 10.0**power), dtype=np.float64)
    return None


def _divisibility(counts: Floats | None, t_count: int) -> _Divisors:
    """Look for a divisor that the counts of a row have in common.

    The chance is the Chernoff bound ``exp(-n KL(share, usual))`` of the binomial tail (Hoeffding 1963), which is exactly
    ``usual ** n`` where every count is divisible; ``usual`` is the median share of all rows, at least 1/k.
    """
    chance, divisor, divisible = np.ones(t_count), np.zeros(t_count, dtype=np.int64), np.zeros(t_count)
    listed = np.zeros(t_count, dtype=np.int64)
    if counts is None:
        return _Divisors(chance, divisor, divisible, listed)
    known = np.isfinite(counts)
    listed = known.sum(axis=1)
    if int((listed >= FEWEST).sum()) < 4:
        return _Divisors(chance, divisor, divisible, listed)
    for k in DIVISORS:
        hit = known & (np.where(known, counts, 1.0) % k == 0)
        share = hit.sum(axis=1) / np.maximum(listed, 1)
        usual = max(1.0 / k, float(np.median(share[listed >= FEWEST])))
        if usual >= 0.95:
            continue
        rest = np.clip(1.0 - share, 1e-12, None)
        divergence = np.where(share > 0, share * np.log(np.maximum(share, 1e-12) / usual), 0.0)
        divergence = divergence + np.where(share < 1, rest * np.log(rest / (1.0 - usual)), 0.0)
        bound = np.where(share > usual, np.exp(-listed * np.maximum(divergence, 0.0)), 1.0)
        better = (bound < chance) & (share >= DIVISIBLE)
        chance = np.where(better, bound, chance)
        divisor = np.where(better, k, divisor)
        divisible = np.where(better, share, divisible)
    return _Divisors(chance, divisor, divisible, listed)


def _median(values: Floats) -> Floats:
    """Median of each row, NaN skipped; NaN for rows without a value."""
    known = np.isfinite(values)
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    n = known.sum(axis=1)
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum(n - 1, 0) // 2], ordered[rows, np.minimum(n // 2, values.shape[1] - 1)]
    return np.where(n > 0, (np.where(n > 0, low, 0.0) + np.where(n > 0, high, 0.0)) / 2, np.nan)


def _weighted_median(values: Floats, weights: Floats) -> Floats:
    """Weighted lower median of each row, NaN skipped; NaN for rows without a value."""
    known = np.isfinite(values) & np.isfinite(weights)
    order = np.argsort(np.where(known, values, np.inf), axis=1, kind="stable")
    ordered = np.take_along_axis(np.where(known, values, np.nan), order, axis=1)
    running = np.cumsum(np.take_along_axis(np.where(known, weights, 0.0), order, axis=1), axis=1)
    at = np.argmax(running >= 0.5 * running[:, -1:], axis=1)
    return np.asarray(ordered[np.arange(len(values)), at], dtype=np.float64)


def _rows(scene: Scene, values: Floats, edges: _Edges, row: int, first: int) -> Rows:
    """Every entity's adjusted ratio to the period before, on the row that the statement names."""
    names = [*scene.table.entities, "market total"]
    previous = max((r for r in range(row) if np.isfinite(values[r]).any()), default=row)
    known = np.flatnonzero(np.isfinite(edges.ratios[row]))
    return Rows.of(
        entity=[names[i] for i in known],
        date=[scene.day(row + first)] * len(known),
        before=values[previous, known],
        value=values[row, known],
        calendar_adjusted_ratio=np.exp(edges.ratios[row, known]),
        log_noise=edges.noise[row, known],
    )
