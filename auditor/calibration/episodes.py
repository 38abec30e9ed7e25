"""Episodes: one question each, with the answer known or inferred, built lazily from a short specification."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from auditor.calibration import errors_injected, injections, mixes
from auditor.calibration.assemble import panel as assembled
from auditor.calibration.bases import Base
from auditor.calibration.composition import Sheet, compose
from auditor.calibration.market import Market, add, cut, surge_layer
from auditor.calibration.proxies import KINDS, proxies
from auditor.case import Case, Event
from auditor.errors import UsageError
from auditor.findings import Hypothesis, Window
from auditor.observations import Source
from auditor.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: A subject counts as established when it was first seen this many days before the window.
ESTABLISHED = 14.0

#: Kinds of error of the record.
ERRORS = ("doubled_day", "unit_jump", "partial_day", "merged_id", "restatement")


@dataclass(frozen=True)
class Spec:
    """Everything an episode is built from, small enough to send to another process.

    Attributes
    ----------
    id : str
        Stable name; the episode's randomness depends on it and on the seed alone.
    truth : Hypothesis
    kind : str
    base : str
        Name of a base.
    ids : tuple of str
        The subject's ids in the base.
    start, days : int
        First row of the true window in the base, and its length in periods.
    magnitude : float
        Asked size of an injection or error, NaN where nothing is injected.
    shape : str
        Injection, or error of the record; '' for real episodes.
    certainty : str
        ``labelled``, ``inferred``, ``unlabelled``, ``injected`` or ``simulated``.
    events : tuple of Event
        What the case knows of prices and launches.
    hidden : bool
        The suffix that marks an id at no charge is taken off: an offer that the auditor has not heard of.
    early, late : int
        Periods by which the audited window begins before and ends after the true one (negative: inside it).
    surge : bool
        Chosen because the series rises there.
    """

    id: str
    truth: Hypothesis
    kind: str
    base: str
    ids: tuple[str, ...]
    start: int
    days: int
    magnitude: float = float("nan")
    shape: str = ""
    certainty: str = "inferred"
    events: tuple[Event, ...] = ()
    hidden: bool = False
    early: int = 0
    late: int = 0
    surge: bool = False


@dataclass(frozen=True, eq=False)
class Episode:
    """A question with its answer.

    Attributes
    ----------
    id, kind, entity, source, certainty : str
    truth : Hypothesis
    week : str
        ISO week of the window's start, for grouping.
    established : bool
        First seen at least 14 days before the window.
    magnitude : float
        Relative size of what was injected, as it came out; NaN where nothing was.
    days : int
        Length of the audited window in periods.
    events : str
        ``documented``, ``none`` or ``hidden``.
    surge : bool
    panel : Panel
    case : Case
    """

    id: str
    truth: Hypothesis
    kind: str
    entity: str
    week: str
    established: bool
    magnitude: float
    days: int
    certainty: str
    source: str
    events: str
    surge: bool
    panel: Panel
    case: Case


def randomness(seed: int, name: str) -> np.random.SeedSequence:
    """Seed of one episode: depends on the seed and its name, not on the order or number of workers."""
    words = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], dtype=np.uint32)
    return np.random.SeedSequence([seed, *(int(w) for w in words)])


def build(spec: Spec, bases: Mapping[str, Base], seed: int) -> Episode:
    """Build an episode.

    Raises
    ------
    UsageError
        Where the specification names a base, id, row or shape that does not exist.
    """
    if spec.base not in bases:
        raise UsageError(f"there is no base {spec.base!r}", hint=f"known: {', '.join(bases)}")
    base = bases[spec.base]
    first, second, third, fourth = (np.random.default_rng(s) for s in randomness(seed, spec.id).spawn(4))
    at_end = spec.shape == "partial_day" and first.random() < 0.7
    market = cut(base, spec.ids, spec.start, spec.start + spec.days, **({"after": 0} if at_end else {}))
    established = _established(market, base)
    magnitude = spec.magnitude
    if spec.shape in injections.SHAPES or spec.shape == "batch":
        market, magnitude = _injected(market, spec, first)
    elif spec.truth is Hypothesis.INCENTIVISED:
        market = surge_layer(market, mixes.drawn_by_offer(first), first.uniform(0.2, 0.8))
    else:
        market = surge_layer(market, mixes.newcomers(first), 1.0)
    sheets = _sheets(market, base, second, third)
    restated: Floats | None = None
    partial, read_inside = None, False
    if spec.shape in ERRORS:
        damage = _damaged(sheets, market, spec, fourth)
        sheets, magnitude, restated = dict(damage.sheets), damage.magnitude, damage.restated
        if at_end:
            read_inside = True
            partial = damage.partial if fourth.random() < 0.5 else None
    names = {i: _unmarked(i, market.entities) for i in spec.ids} if spec.hidden else {}
    sheets = {n: replace(s, entities=tuple(names.get(e, e) for e in s.entities)) for n, s in sheets.items()}
    subject = tuple(names.get(i, i) for i in spec.ids)
    dates = base.dates[market.first : market.first + market.rows]
    sources = _sources(base, sheets, dates, read_inside=read_inside, simulated=bool(spec.shape) or len(sheets) > 1)
    vintages, revised = None, None
    if restated is not None:
        revised = market.window
        vintages = _vintages(sheets[base.metric], subject[0], restated, dates, market.window, sources[0].name, fourth)
    made = assembled(
        sheets, dates, base.frequency, sources, subject=subject, partial=partial, vintages=vintages, revised=revised
    )
    window = _window(market.window, spec, market.rows)
    span = Window(dates[window.start].to_pydatetime(), dates[window.stop - 1].to_pydatetime())
    year, week, _ = dates[market.window.start].isocalendar()
    return Episode(
        id=spec.id,
        truth=spec.truth,
        kind=spec.kind,
        entity=spec.ids[0],
        week=f"{year}-W{week:02d}",
        established=established,
        magnitude=magnitude,
        days=window.stop - window.start,
        certainty=spec.certainty,
        source=spec.base,
        events="hidden" if spec.hidden else "documented" if spec.events else "none",
        surge=spec.surge,
        panel=made,
        case=Case(subject=subject, window=span, metric=base.metric, events=spec.events),
    )


def _unmarked(entity: str, taken: Sequence[str]) -> str:
    """Id without the mark of an offer at no charge, distinct from the ids that are there."""
    name = entity.removesuffix(":free")
    return f"{name}-preview" if name in taken else name


def _established(market: Market, base: Base) -> bool:
    """Whether the subject was seen long before the window; one listed from the base's first periods counts as seen."""
    first = min(int(base.first_seen[base.index[market.entities[c]]]) for c in market.columns)
    start = market.first + market.window.start
    return first <= 1 or (start - first) * base.frequency.days >= ESTABLISHED


def _injected(market: Market, spec: Spec, rng: np.random.Generator) -> tuple[Market, float]:
    ordinary = market.values[:, market.column]
    others = np.delete(market.values, market.column, axis=1)
    total = market.total if np.isfinite(market.other).any() else np.nansum(market.values, axis=1)
    profile = injections.weekday_profile(total, market.base.frequency.season)
    ground = injections.Ground(ordinary, others, profile, market.window, spec.magnitude)
    if spec.shape == "batch":
        mix, seen = mixes.one_customer(rng), 0.05
        amounts = injections.batch(ground, rng)
    else:
        mix, seen = mixes.scripted(spec.shape, rng), 0.0
        amounts = injections.SHAPES[spec.shape](ground, rng)
    level = ground.level
    # The organic rest of the window may itself be a surge, and is composed like one.
    market = add(surge_layer(market, mixes.newcomers(rng), 1.0), amounts, mix, rng, seen=seen)
    return market, float(market.layers[-1].amounts[market.window].mean() / level)


def _sheets(market: Market, base: Base, second: np.random.Generator, third: np.random.Generator) -> dict[str, Sheet]:
    own = Sheet(
        base.metric,
        "tokens" if base.metric == "total_tokens" else base.metric,
        market.entities,
        market.values,
        market.other,
    )
    sheets = {base.metric: own}
    if base.metric == "total_tokens" and np.isfinite(market.other).any():
        sheets |= compose(market, second)
        sheets |= proxies(market, third)
    return sheets


def _damaged(
    sheets: Mapping[str, Sheet], market: Market, spec: Spec, rng: np.random.Generator
) -> errors_injected.Damage:
    metric, subject, window = market.base.metric, market.entities[market.column], market.window
    if spec.shape == "doubled_day":
        inside = [r for r in range(window.start, window.stop) if np.isfinite(market.values[r, market.column])]
        return errors_injected.doubled_day(
            sheets, metric, inside[int(rng.integers(len(inside)))], factor=1 + spec.magnitude
        )
    if spec.shape == "partial_day":
        return errors_injected.partial_day(sheets, metric, window.stop - 1, share=1 + spec.magnitude)
    if spec.shape == "unit_jump":
        lasts = slice(window.start, market.rows if rng.random() < 0.5 else window.stop)
        parts = bool(rng.random() < 0.5)
        return errors_injected.unit_jump(sheets, metric, lasts, subject, factor=1 + spec.magnitude, parts=parts)
    if spec.shape == "merged_id":
        other = errors_injected.partner(market, rng)
        if other is None:
            raise UsageError(f"{subject} has no partner to be merged with", hint="choose another window")
        return errors_injected.merged_ids(sheets, metric, window.start, subject, other, rng)
    return errors_injected.restatement(sheets, metric, window, subject, factor=1 + spec.magnitude)


def _window(true: slice, spec: Spec, rows: int) -> slice:
    start = min(max(0, true.start - spec.early), true.stop - 1)
    return slice(start, max(min(rows, true.stop + spec.late), start + 1))


def _sources(
    base: Base, sheets: Mapping[str, Sheet], dates: "pd.DatetimeIndex", *, read_inside: bool, simulated: bool
) -> tuple[Source, ...]:
    """Cards of the sources; the figures were read a month after the last period, or during it."""
    last = dates[-1].to_pydatetime()
    read = last + (timedelta(days=0.5 * base.frequency.days) if read_inside else timedelta(days=30))
    cards = [replace(base.source, as_of=f"{read:%Y-%m-%dT%H:%M:%S}+00:00", simulated=simulated)]
    cards += [
        Source(kind.origin, "Simulated", url=f"https://{kind.origin}.example/", as_of=cards[0].as_of, simulated=True)
        for kind in KINDS
        if kind.metric in sheets
    ]
    return tuple(cards)


def _vintages(
    sheet: Sheet,
    subject: str,
    before: Floats,
    dates: "pd.DatetimeIndex",
    window: slice,
    source: str,
    rng: np.random.Generator,
) -> "pd.DataFrame":
    """Two readings of every figure in and around the window: the first a day after its end, the second some days later.

    Other entities are restated upward by a hundred-thousandth, as on record.
    """
    import pandas as pd

    rows = np.arange(max(0, window.start - 3), min(len(dates), window.stop + 3))
    lag = float(rng.uniform(4.0, 12.0))
    parts = []
    for column, entity in enumerate(sheet.entities):
        known = rows[np.isfinite(sheet.values[rows, column])]
        if not known.size:
            continue
        final = sheet.values[known, column]
        first = np.round(final * (1 - 2e-5 * rng.random(known.size)))
        if entity == subject:
            first = np.where(np.isfinite(before[known]), before[known], first)
        for values, days in ((first, 2.0), (final, 1.0 + lag)):
            stated = [f"{(dates[r] + pd.Timedelta(days=days)):%Y-%m-%dT%H:%M:%S}+00:00" for r in known]
            parts.append(
                pd.DataFrame(
                    {
                        "date": dates[known],
                        "entity": entity,
                        "metric": sheet.metric,
                        "value": values,
                        "source": source,
                        "as_of": stated,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def check_unique(specs: Sequence[Spec]) -> None:
    """Raise where two specifications share an id, because their randomness would be shared too.

    Raises
    ------
    UsageError
    """
    seen: set[str] = set()
    for spec in specs:
        if spec.id in seen:
            raise UsageError(f"two episodes are called {spec.id!r}", hint="make the ids distinct")
        seen.add(spec.id)
