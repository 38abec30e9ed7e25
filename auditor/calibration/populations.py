"""Which episodes a calibration consists of: real windows with what is known of them, and real windows to inject into.

Free and anonymous ids, and everything that the record of spikes calls incentivised, stay out of the organic population. Paid windows
are inferred organic, never proven: their certainty says so, and rises that nobody has explained are marked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from auditor.calibration import labels as record
from auditor.calibration.bases import LONG, MONTH, SPIKES, Base
from auditor.calibration.episodes import Spec
from auditor.case import Event
from auditor.findings import Hypothesis

Floats = npt.NDArray[np.float64]

#: Lengths of windows that are asked about, in periods.
LENGTHS = (1, 2, 3, 5, 7, 10, 14, 21, 28)

#: A window is a surge when its median stands this far above that of the 28 periods before it.
SURGE = 1.25

#: Earlier periods that form the base of a rise, and how many must be known.
BASE, KNOWN = 28, 5

#: First rows of a base in which no window begins, so that there is some history.
HISTORY = 21


@dataclass(frozen=True, eq=False)
class Known:
    """What is on record beside the figures."""

    labels: tuple[record.Label, ...]
    ledger: tuple[record.PriceEvent, ...]

    @classmethod
    def read(cls, data: Path) -> "Known":
        """Read labels and price events of a data folder."""
        return cls(record.labels(data), record.price_events(data))

    @cached_property
    def incentivised(self) -> frozenset[str]:
        """Ids that some label calls incentivised, at any time."""
        return frozenset(i for label in self.labels if label.hypothesis is Hypothesis.INCENTIVISED for i in label.ids)

    def events(self, ids: Sequence[str]) -> tuple[Event, ...]:
        """Events of a case about some ids."""
        return record.events_of(ids, self.ledger)


@dataclass(frozen=True)
class Stretch:
    """A window of an entity in a base: rows ``start`` to ``start + days``, and its rise."""

    entity: str
    start: int
    days: int
    elevation: float


def paid(base: Base, known: Known) -> tuple[str, ...]:
    """Entities whose use is taken for organic: neither free, nor anonymous, nor labelled incentivised."""
    return tuple(e for e in base.entities if not record.at_no_charge(e) and e not in known.incentivised)


def free(base: Base) -> tuple[str, ...]:
    """Entities at no charge."""
    return tuple(e for e in base.entities if record.at_no_charge(e))


def elevations(values: Floats, days: int) -> Floats:
    """Median of each window of ``days`` periods over the median of up to 28 before it, shape (T,); NaN where little is known."""
    rise = np.full(values.size, np.nan)
    if values.size < days:
        return rise
    level, known = _medians(values, days)
    padded = np.concatenate([np.full(BASE, np.nan), values])
    before, known_before = _medians(padded[: padded.size - days], BASE)
    usable = (known >= max(1, 0.8 * days)) & (known_before >= KNOWN) & (before > 0)
    rise[: level.size] = np.where(usable, level / np.where(usable, before, 1.0), np.nan)
    return rise


def _medians(values: Floats, days: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Median of the known values of every window of a length, and how many are known; shape (T - days + 1,) each."""
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(values, days), axis=1)
    known = np.isfinite(windows).sum(axis=1)
    rows = np.arange(len(windows))
    low, high = windows[rows, np.maximum(known - 1, 0) // 2], windows[rows, np.minimum(known // 2, days - 1)]
    return np.where(known > 0, 0.5 * (low + high), np.nan), known


def surges(base: Base, entities: Sequence[str], *, least: float = SURGE) -> list[Stretch]:
    """Every local maximum of the rise, per entity and length of window."""
    found = []
    for entity in entities:
        series = base.values[:, base.index[entity]]
        for days in LENGTHS:
            rise = elevations(series, days)
            reach = max(1, days // 2)
            for start in np.flatnonzero(rise >= least):
                near = rise[max(0, start - reach) : start + reach + 1]
                if rise[start] >= np.nanmax(near) and start >= HISTORY:
                    found.append(Stretch(entity, int(start), days, float(rise[start])))
    return found


def placebos(base: Base, entities: Sequence[str], n: int, rng: np.random.Generator) -> list[Stretch]:
    """Windows at random entities, days and lengths; at least four fifths of their periods are listed."""
    found: dict[tuple[str, int, int], Stretch] = {}
    columns = [base.index[e] for e in entities]
    rows = len(base.dates)
    for _ in range(200 * n):
        if len(found) >= n:
            break
        days = LENGTHS[int(rng.integers(len(LENGTHS)))]
        which = int(rng.integers(len(columns)))
        first = min(HISTORY, rows // 3)
        if rows - days - 2 <= first:
            continue
        start = int(rng.integers(first, rows - days - 2))
        series = base.values[:, columns[which]]
        inside = np.isfinite(series[start : start + days])
        before = series[max(0, start - BASE) : start]
        if inside.mean() < 0.8 or not inside[0] or np.isfinite(before).sum() < KNOWN:
            continue
        rise = float(np.nanmedian(series[start : start + days]) / np.nanmedian(before))
        found[(entities[which], start, days)] = Stretch(entities[which], start, days, rise)
    return list(found.values())


def launches(base: Base, entities: Sequence[str]) -> list[Stretch]:
    """First listings that are launches: later than the fourth period, and twice the cut-off within a week."""
    found = []
    for entity in entities:
        column = base.index[entity]
        first = int(base.first_seen[column])
        week = base.values[first : first + 7, column]
        floor = base.cutoff[first : first + 7]
        if first > 3 and first + 2 < len(base.dates) and bool((week > 2 * floor).any()):
            listed = int(np.isfinite(base.values[first : first + 28, column]).sum())
            found.append(Stretch(entity, first, listed, float("nan")))
    return found


def organic(bases: Mapping[str, Base], known: Known, rng: np.random.Generator, *, n: int = 3200) -> list[Spec]:
    """Placebo windows, surges and launches of paid ids, and the series of other domains that nobody faked."""
    base = bases[LONG]
    entities = paid(base, known)
    rising = surges(base, entities)
    rising.sort(key=lambda s: (-s.elevation, s.entity, s.start, s.days))
    # The largest rises always, and as many others as fit in, evenly over their size.
    most = min(len(rising), n // 2)
    kept = rising[: most // 4]
    rest = rising[most // 4 :]
    if len(kept) < most:
        picked = np.sort(rng.choice(len(rest), size=most - len(kept), replace=False))
        kept += [rest[int(i)] for i in picked]
    specs = [_real(base, s, "surge_window", _surge_certainty(base, s, known)) for s in kept]
    random = placebos(base, entities, n - len(kept), rng)
    specs += [_real(base, s, "placebo_window", _surge_certainty(base, s, known)) for s in random]
    specs += [_real(base, s, "launch", "inferred") for s in _lengths(launches(base, entities))]
    return _distinct([*specs, *elsewhere(bases, rng), *comparators(bases, known)])


def elsewhere(bases: Mapping[str, Base], rng: np.random.Generator, *, n: int = 60) -> list[Spec]:
    """Surges and random windows of the organic series: mentions, trips, page views, web requests; days, hours and weeks."""
    specs: list[Spec] = []
    for name in sorted(b for b in bases if b.startswith("organic/")):
        base = bases[name]
        rising = sorted(surges(base, base.entities), key=lambda s: (-s.elevation, s.entity, s.start, s.days))
        specs += [_real(base, s, "surge_window", "labelled") for s in rising[:n]]
        random = placebos(base, base.entities, n // 3, rng)
        specs += [_real(base, s, "placebo_window", "labelled") for s in random]
    return specs


def comparators(bases: Mapping[str, Base], known: Known) -> list[Spec]:
    """Labelled organic spikes, and the unexplained ones, which are kept apart by their certainty."""
    specs = []
    for label in known.labels:
        if label.hypothesis is Hypothesis.INCENTIVISED:
            continue
        for base in (bases[LONG], bases[MONTH], bases[SPIKES]):
            spec = _labelled(base, label, ())
            if spec is not None:
                truth = label.hypothesis or Hypothesis.ORGANIC
                specs.append(replace(spec, truth=truth, surge=True))
    return specs


def incentivised(bases: Mapping[str, Base], known: Known) -> list[Spec]:
    """Labelled spikes wherever they lie, and every launch and surge of ids at no charge, with events, without, and hidden."""
    specs = []
    for label in known.labels:
        if label.hypothesis is not Hypothesis.INCENTIVISED:
            continue
        for base in (bases[LONG], bases[MONTH], bases[SPIKES]):
            for events in (known.events(label.ids), ()):
                spec = _labelled(base, label, events)
                if spec is not None:
                    specs.append(spec)
    base = bases[LONG]
    ids = free(base)
    stretches = _lengths(launches(base, ids))
    kinds = ["launch"] * len(stretches)
    risen = surges(base, ids)
    stretches += risen
    kinds += ["surge_window"] * len(risen)
    for s, kind in zip(stretches, kinds, strict=True):
        certainty = "labelled" if s.entity in known.incentivised else "inferred"
        plain = replace(_real(base, s, kind, certainty), truth=Hypothesis.INCENTIVISED, surge=True)
        ledger = known.events((s.entity,))
        if ledger:
            specs.append(replace(plain, id=f"{plain.id}/documented", events=ledger))
        specs.append(replace(plain, id=f"{plain.id}/silent"))
        if s.entity.endswith(":free"):
            specs.append(replace(plain, id=f"{plain.id}/hidden", hidden=True))
    return _distinct([replace(s, id=f"incentivised/{s.id}") for s in specs])


def _lengths(started: Sequence[Stretch]) -> list[Stretch]:
    """Each launch over its first 3, 7, 14 and 28 periods, as far as it lasted."""
    return [
        replace(s, days=min(days, s.days)) for s in started for days in (3, 7, 14, 28) if days <= s.days or days == 3
    ]


def _real(base: Base, s: Stretch, kind: str, certainty: str) -> Spec:
    return Spec(
        id=f"{kind}/{base.name}/{s.entity}/{base.dates[s.start]:%Y-%m-%dT%H}/{s.days}",
        truth=Hypothesis.ORGANIC,
        kind=kind,
        base=base.name,
        ids=(s.entity,),
        start=s.start,
        days=s.days,
        certainty=certainty,
        surge=bool(s.elevation >= SURGE) or kind == "launch",
    )


def _surge_certainty(base: Base, s: Stretch, known: Known) -> str:
    """``unlabelled`` where the window touches a surge on record that nobody has explained."""
    for label in known.labels:
        if label.hypothesis is None and s.entity in label.ids:
            first, last = base.row(label.start), base.row(label.end or label.start)
            if first is not None and last is not None and s.start <= last and s.start + s.days > first:
                return "unlabelled"
    return "inferred"


def _labelled(base: Base, label: record.Label, events: tuple[Event, ...]) -> Spec | None:
    """Specification of a labelled spike in a base that holds its peak; the window is what of it the base holds."""
    import pandas as pd

    ids = tuple(i for i in label.ids if i in base.index)
    if not ids or base.row(label.peak) is None:
        return None
    listed = np.isfinite(base.values[:, [base.index[i] for i in ids]]).any(axis=1)
    start = pd.Timestamp(label.start or label.peak)
    end = pd.Timestamp(label.end or label.peak)
    inside = np.flatnonzero(listed & (base.dates >= start) & (base.dates <= max(end, pd.Timestamp(label.peak))))
    if not inside.size:
        return None
    documented = "documented" if events else "silent"
    first, last = int(inside[0]), int(inside[-1])
    last = min(last, first + 59)
    return Spec(
        id=f"labelled/{base.name}/{label.name}/{base.dates[first]:%Y-%m-%d}/{documented}",
        truth=Hypothesis.INCENTIVISED,
        kind="labelled",
        base=base.name,
        ids=ids,
        start=first,
        days=last - first + 1,
        certainty=label.certainty,
        events=events,
        surge=True,
    )


def _distinct(specs: Sequence[Spec]) -> list[Spec]:
    return list({s.id: s for s in specs}.values())
