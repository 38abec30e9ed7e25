"""The design of a calibration: how many episodes of each kind, and the smaller design that has the same proportions."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from auditor.calibration import populations as pop
from auditor.calibration.bases import LONG, Base
from auditor.calibration.episodes import Spec, randomness
from auditor.calibration.injections import SHAPES
from auditor.findings import Hypothesis

MAGNITUDES = (0.10, 0.25, 0.50, 1.00, 2.00, 3.00)
DURATIONS = (1, 3, 7, 14, 28)
BATCH_MAGNITUDES = (0.5, 1.0, 2.0, 4.0)
BATCH_DURATIONS = (1, 2, 3, 4, 6)

#: Size of each error of the record: what the figure is off by, relative to the truth.
ERROR_SIZES: Mapping[str, tuple[float, ...]] = {
    "doubled_day": (1.0, 1.0, 2.0),
    "unit_jump": (999.0, -0.999),
    "partial_day": (-0.7, -0.5, -0.3),
    "merged_id": (float("nan"),),
    "restatement": (0.05, 0.2, 0.5, 1.0, -0.1),
}


def full(bases: Mapping[str, Base], data: Path, *, seed: int = 0) -> list[Spec]:
    """Design the whole calibration: about 8,000 episodes, in a fixed order."""
    known = pop.Known.read(data)
    rngs = [np.random.default_rng(s) for s in randomness(seed, "design").spawn(4)]
    return [
        *pop.organic(bases, known, rngs[0]),
        *pop.incentivised(bases, known),
        *inflated(bases[LONG], known, rngs[1]),
        *concentrated(bases[LONG], known, rngs[2]),
        *data_errors(bases[LONG], known, rngs[3]),
    ]


def part(specs: Sequence[Spec], share: float) -> list[Spec]:
    """Take a share of every stratum (truth, kind, size, length, certainty), the same episodes whatever the order they come in.

    Labelled spikes and comparators are few and are all kept.
    """
    strata: dict[tuple[str, ...], list[Spec]] = defaultdict(list)
    kept: set[str] = set()
    for spec in specs:
        if spec.kind == "labelled":
            kept.add(spec.id)
            continue
        size = "" if np.isnan(spec.magnitude) else f"{spec.magnitude:g}"
        strata[(spec.truth.value, spec.kind, spec.base, spec.certainty, size)].append(spec)
    for _, group in sorted(strata.items()):
        ranked = sorted(group, key=lambda s: hashlib.sha256(s.id.encode()).digest())
        kept.update(s.id for s in ranked[: max(1, round(share * len(group)))])
    return [s for s in specs if s.id in kept]


def quick(bases: Mapping[str, Base], data: Path, *, seed: int = 0) -> list[Spec]:
    """Design a tenth of the calibration."""
    return part(full(bases, data, seed=seed), 0.1)


def inflated(base: Base, known: pop.Known, rng: np.random.Generator, *, repeats: int = 5) -> list[Spec]:
    """Every shape at every size and length, on established and on new entities."""
    ready = _ready(base, known)
    return [
        _spec(base, ground, Hypothesis.INFLATED, shape, size, days, f"{'new' if new else 'old'}/{i}", rng)
        for shape in SHAPES
        for size in MAGNITUDES
        for days in DURATIONS
        for new in (False, True)
        for i in range(repeats if not new else max(1, repeats - 1))
        for ground in [_ground(base, *ready, days, rng, new=new)]
    ]


def concentrated(base: Base, known: pop.Known, rng: np.random.Generator, *, repeats: int = 15) -> list[Spec]:
    """One customer's batches of one to six days."""
    ready = _ready(base, known)
    return [
        _spec(base, _ground(base, *ready, days, rng), Hypothesis.CONCENTRATED, "batch", size, days, str(i), rng)
        for size in BATCH_MAGNITUDES
        for days in BATCH_DURATIONS
        for i in range(repeats)
    ]


def data_errors(base: Base, known: pop.Known, rng: np.random.Generator, *, each: int = 120) -> list[Spec]:
    """Errors of the record of each kind, windows of one to fourteen days."""
    ready = _ready(base, known)
    specs = []
    for shape, sizes in ERROR_SIZES.items():
        for i in range(each):
            days = (1, 1, 3, 7, 14)[i % 5]
            size = sizes[i % len(sizes)]
            specs.append(
                _spec(base, _ground(base, *ready, days, rng), Hypothesis.DATA_ERROR, shape, size, days, str(i), rng)
            )
    return specs


def _ready(base: Base, known: pop.Known) -> tuple[tuple[str, ...], dict[str, int]]:
    """Entities that may be injected into, and the first row of those that were launched."""
    entities = pop.paid(base, known)
    return entities, {s.entity: s.start for s in pop.launches(base, entities)}


def _ground(
    base: Base,
    entities: Sequence[str],
    started: Mapping[str, int],
    days: int,
    rng: np.random.Generator,
    *,
    new: bool = False,
) -> tuple[str, int]:
    """Entity and first row of a real window: listed throughout, and as old as asked for."""
    while True:
        if new:
            names = sorted(started)
            entity = names[int(rng.integers(len(names)))]
            start = started[entity] + int(rng.integers(0, 10))
        else:
            entity = entities[int(rng.integers(len(entities)))]
            start = int(rng.integers(pop.HISTORY, len(base.dates) - days - 3))
            first = int(base.first_seen[base.index[entity]])
            if first > 1 and start - first < 14:
                continue
        series = base.values[:, base.index[entity]]
        before = series[max(0, start - 28) : start]
        if start + days > len(base.dates) - 3 or not np.isfinite(series[start : start + days]).all():
            continue
        if new or np.isfinite(before).sum() >= min(14, before.size):
            return entity, start


def _spec(
    base: Base,
    ground: tuple[str, int],
    truth: Hypothesis,
    shape: str,
    size: float,
    days: int,
    tag: str,
    rng: np.random.Generator,
) -> Spec:
    entity, start = ground
    # People seldom hit the exact days: three long windows in ten are off by a day or two at either end.
    off = days >= 7 and rng.random() < 0.3 and truth is not Hypothesis.DATA_ERROR
    early, late = (int(v) for v in rng.integers(-1, 3, size=2)) if off else (0, 0)
    return Spec(
        id=f"{shape}/{base.name}/{entity}/{base.dates[start]:%Y-%m-%d}/{days}/{size:+g}/{tag}",
        truth=truth,
        kind=shape,
        base=base.name,
        ids=(entity,),
        start=start,
        days=days,
        magnitude=size,
        shape=shape,
        certainty="injected",
        early=early,
        late=late,
    )
