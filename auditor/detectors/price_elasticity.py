"""AUD133 bounds the price elasticity that the change in volume at a price change would imply.

Where old and new price are above zero, the elasticity is the logarithm of the volume's change over the logarithm of the price's
change. The volume's change is a difference in differences: a season on each side, matched by its phase (weekday with weekday),
less the median change of the other entities on the same periods. It is what the elasticity would be if nothing but the price had
moved the subject against its peers: a bound, not an estimate of cause. Its interval comes from the same step at the placebo dates of
this series and its peers, which carry their own autocorrelation, and from the spread between the changes of the prompt and the completion price.

A change to or from a price of zero has no elasticity, because its logarithm does not exist. There the arc (midpoint) elasticity is
stated instead, which lies between -1 and 1 whatever the volume does, and the finding says so.

References
----------
Allen, R. G. D., Lerner, A. P. (1934). The concept of arc elasticity of demand. Review of Economic Studies 1(3), 226-230.
Bertrand, M., Duflo, E., Mullainathan, S. (2004). How much should we trust differences-in-differences estimates? Quarterly Journal
of Economics 119(1), 249-275. (placebo dates instead of standard errors that ignore autocorrelation)
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

from auditor.case import Event, EventKind
from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import on, playing, settled
from auditor.detectors.platform_total import severity_of
from auditor.detectors.season_steps import MIN_REFERENCE, Floats, Relative, near, placebo_steps, relative, row_of
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.texts.message import Message

RULE = Rule(id="AUD133", name="price_elasticity", family=Family.PRICE_EVENTS)

#: Price changes up to so many periods before or after the window belong to the episode.
REACH = 14

#: Kinds of events that state a price.
KINDS = (EventKind.PRICE, EventKind.FREE_START, EventKind.FREE_END)

# A number that is not part of a date, and a note that speaks of prices: other notes also say "from 3 to 5".
_NUMBER = r"(?<![\d.-])[$€]?\s?(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\d-])"
_PAIR = re.compile(rf"{_NUMBER}\s*(?:to|->|→)\s*{_NUMBER}")
_PRICED = re.compile(r"[$€]|price|cost|(?:\b|_)(?:input|output|prompt|completion)(?:\b|_)", re.IGNORECASE)
_SIDED = re.compile(
    r"[$€]\s?(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(in|input|prompt|out|output|completion)\b", re.IGNORECASE
)
_OUTPUT, _INPUT = (
    re.compile(rf"(?:\b|_)(?:{words})(?:\b|_)", re.IGNORECASE) for words in ("output|completion", "input|prompt")
)
_SIDES = MappingProxyType(
    {"in": "prompt", "input": "prompt", "prompt": "prompt", "out": "completion", "output": "completion"}
    | {"completion": "completion"}
)


@dataclass
class PriceChange:
    """A change of one entity's price: old and new price per side (prompt, completion, any), None where not stated."""

    row: int
    entity: str
    old: dict[str, float] = field(default_factory=dict)
    new: dict[str, float] = field(default_factory=dict)
    was_free: bool = False
    is_free: bool = False

    @property
    def kind(self) -> str:
        """``arc`` for a change to or from zero, ``log`` where both prices are above it, '' where that is not known."""
        was = self.was_free or (bool(self.old) and not any(self.old.values()))
        now = self.is_free or (bool(self.new) and not any(self.new.values()))
        if was != now:
            return "arc"
        moves = self.moves
        return "log" if moves and (min(moves) > 0 or max(moves) < 0) else ""

    @property
    def moves(self) -> list[float]:
        """Logarithm of new over old price per side on which both are stated and above zero."""
        both = [s for s in sorted(self.old) if self.old[s] > 0 and self.new.get(s, 0.0) > 0]
        return [float(np.log(self.new[s] / self.old[s])) for s in both]

    @property
    def sign(self) -> float:
        """1 where the price rose, -1 where it fell."""
        if self.kind == "arc":
            return -1.0 if self.is_free or (bool(self.new) and not any(self.new.values())) else 1.0
        return float(np.sign(np.mean(self.moves)))

    def elasticity(self, step: float) -> float:
        """Elasticity implied by a step of the log volume: log over log, or the arc elasticity (``tanh`` of half the step)."""
        return self.sign * float(np.tanh(0.5 * step)) if self.kind == "arc" else step / float(np.mean(self.moves))

    def bounds(self, steps: Sequence[float]) -> tuple[float, float]:
        """Least and largest elasticity over some steps and over the sides' price changes."""
        if self.kind == "arc":
            ends = [self.elasticity(step) for step in steps]
        else:
            ends = [step / move for step, move in product(steps, self.moves)]
        return min(ends), max(ends)


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Bound the elasticity at each price change in reach of the window; the nearest to its peak carries weight."""
    name, own = scene.subject.name, set(scene.subject.parts)
    found = price_changes(scene)
    mine = [c for c in found if c.entity in own and scene.window.start - REACH <= c.row < scene.window.stop + REACH]
    if not mine:
        return RULE.not_applicable("no_change", subject=name, reach=REACH)
    stated = [c for c in mine if c.kind]
    if not stated:
        return RULE.not_applicable("no_amount", subject=name, n=len(mine))
    data = relative(scene)
    steps = data.steps(data.lag)
    usable = [c for c in stated if 0 < c.row < len(steps) and np.isfinite(steps[c.row, 0])]
    if not usable:
        return RULE.not_applicable("no_step", subject=name, day=scene.day(stated[0].row))
    usable.sort(key=lambda c: (c.kind != "log", abs(c.row - scene.peak), c.row))
    others = _others(data, steps, found, own)
    return [
        _finding(scene, data, float(steps[c.row, 0]), c, others[c.kind], [d.row for d in mine], primary=i == 0)
        for i, c in enumerate(usable)
    ]


def price_changes(scene: Scene) -> list[PriceChange]:
    """Price changes of every entity, from the case's events and from listed prices; one per entity and period."""
    found: dict[tuple[int, str], PriceChange] = {}
    own = scene.subject.parts
    for event in scene.case.events_of(*KINDS):
        row = row_of(scene, event)
        if row is None or "cache" in event.note.lower():
            continue
        entity = event.entity or own[0]
        key = (row, "" if entity in own else entity)
        _read(found.setdefault(key, PriceChange(row, entity)), event)
    for side in ("prompt", "completion"):
        table = playing(scene.panel, f"price_{side}")
        if table is None:
            continue
        values = on(settled(table), table, scene.table.dates)
        for row, column, old, new in _listed(values):
            entity = table.entities[column]
            change = found.setdefault((row, "" if entity in own else entity), PriceChange(row, entity))
            change.old[side], change.new[side] = old, new
    return [found[key] for key in sorted(found)]


def _read(change: PriceChange, event: Event) -> None:
    """Add what an event states about a change."""
    change.was_free |= event.kind is EventKind.FREE_END
    change.is_free |= event.kind is EventKind.FREE_START
    note = event.note
    pair = _PAIR.search(note) if _PRICED.search(note) else None
    if pair is not None:
        side = "completion" if _OUTPUT.search(note) else "prompt" if _INPUT.search(note) else "any"
        change.old[side], change.new[side] = float(pair[1]), float(pair[2])
        return
    for amount, word in _SIDED.findall(note):
        side = _SIDES[word.lower()]
        if event.kind is not EventKind.FREE_START:
            change.new.setdefault(side, float(amount))


def _listed(values: Floats) -> Iterable[tuple[int, int, float, float]]:
    """Rows and columns at which a listed price differs from the last one listed, with both."""
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), rows, -1), axis=0)
    before = np.vstack([np.full((1, values.shape[1]), -1), last[:-1]])
    old = np.where(before >= 0, np.take_along_axis(values, np.maximum(before, 0), axis=0), np.nan)
    with np.errstate(invalid="ignore"):
        changed = np.isfinite(old) & np.isfinite(values) & (np.abs(values - old) > 1e-9 * np.abs(old))
    for row, column in zip(*np.nonzero(changed), strict=True):
        yield int(row), int(column), float(old[row, column]), float(values[row, column])


def _others(data: Relative, steps: Floats, found: Sequence[PriceChange], own: set[str]) -> dict[str, list[float]]:
    """Elasticities of the peers' price changes, by kind."""
    column = {entity: i + 1 for i, entity in enumerate(data.names)}
    result: dict[str, list[float]] = {"log": [], "arc": []}
    for change in found:
        if change.entity in own or change.entity not in column or not change.kind:
            continue
        step = float(steps[change.row, column[change.entity]])
        if np.isfinite(step):
            result[change.kind].append(change.elasticity(step))
    return result


def _finding(
    scene: Scene,
    data: Relative,
    step: float,
    change: PriceChange,
    others: Sequence[float],
    rows: Sequence[int],
    *,
    primary: bool,
) -> Finding:
    name, kind, row = scene.subject.name, change.kind, change.row
    value = change.elasticity(step)
    placebo = placebo_steps(data, data.lag, near(rows, len(data.logs), data.lag), row)
    low: float | None = None
    high: float | None = None
    if placebo.size >= MIN_REFERENCE:
        spread = np.quantile(placebo, [0.05, 0.95]) - np.median(placebo)
        low, high = change.bounds([step - max(float(spread[1]), 0.0), step, step - min(float(spread[0]), 0.0)])
    elif kind == "log":
        low, high = change.bounds([step])
    standing = conformal_rank(value, others, "two-sided") if len(others) else None
    bounded = bool(data.bounds(data.lag)[row, 0])
    limits = [Message.of("AUD133.limit_cause")]
    if kind == "arc":
        limits.append(Message.of("AUD133.limit_zero"))
    elif len(change.moves) > 1:
        limits.append(Message.of("AUD133.limit_sides", low=min(change.moves), high=max(change.moves)))
    if bounded:
        limits.append(Message.of("AUD133.limit_bound", day=scene.day(row)))
    if placebo.size < MIN_REFERENCE:
        limits.append(Message.of("AUD133.limit_no_interval", n=int(placebo.size)))
    if not data.paired:
        limits.append(Message.of("AUD133.limit_peers", n=len(data.names)))
    if any(0 < abs(row - other) < data.lag for other in rows):
        limits.append(Message.of("AUD133.limit_overlap"))
    raised = "raised" if change.sign > 0 else "lowered"
    if kind == "arc":
        raised = "from" if change.sign > 0 else "to"
    stop = min(row + data.lag, len(data.logs))
    around = np.arange(max(row - data.lag, 0), stop)
    factor = float(np.exp(np.mean(change.moves))) if kind == "log" else float("nan")
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=name,
        window=scene.dates(row, stop - 1),
        statement=Message.of(
            f"AUD133.{kind}_{raised}{'' if low is not None else '_plain'}",
            subject=name,
            day=scene.day(row),
            factor=factor,
            times=float(np.exp(step)),
            value=value,
            low=low,
            high=high,
        ),
        statistic=Statistic(
            name="arc elasticity" if kind == "arc" else "price elasticity if all of the change were due to the price",
            value=value,
            unit="elasticity",
            reference=Message.of("AUD133.reference", n=standing.n_reference) if standing else None,
            n_reference=standing.n_reference if standing else 0,
            rank=standing.rank if standing else None,
            p=standing.p if standing else None,
            low=low,
            high=high,
        ),
        variant=kind,
        severity=severity_of(standing.p) if standing else Severity.INFO,
        confidence=_confidence(data, placebo.size, bounded=bounded),
        limits=tuple(limits),
        data=Rows.of(
            date=[scene.day(int(r)) for r in around],
            side=["after" if r >= row else "before" for r in around],
            value=scene.subject.values[around].tolist(),
            log_season_change=data.change[around, 0].tolist(),
            log_season_change_less_peers=data.excess[around, 0].tolist(),
        ),
        figures=MappingProxyType(
            {"log_step": step, "placebo_dates": float(placebo.size), "other_price_changes": float(len(others))}
            | ({"log_price_change": float(np.mean(change.moves))} if kind == "log" else {})
        ),
        weighs=primary,
    )


def _confidence(data: Relative, n: int, *, bounded: bool) -> Confidence:
    if n < MIN_REFERENCE or not data.paired:
        return Confidence.LOW
    return Confidence.MEDIUM if bounded or n < 200 else Confidence.HIGH
