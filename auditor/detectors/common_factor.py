"""Common factor: where two vantage points count differently, is the difference that of all, or the subject's own.

Two publishers of one quantity rarely agree: one page lags, another leaves requests out or counts a day to another hour. Such a
difference is one factor common to all entities of a period. A difference that only the subject has is about the subject.

References
----------
Friedman, M. (1937). The use of ranks to avoid the assumption of normality implicit in the analysis of variance. JASA 32, 675-701.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.co_movement import _apart
from auditor.detectors.metrics import folded, on, role_of, settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.kernels.robust import MAD_TO_SIGMA
from auditor.observations import Status
from auditor.panel import Table
from auditor.texts.message import Message

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD162", name="common_factor", family=Family.INDEPENDENCE)

#: Other entities known to both on a period, from which a common factor is stated; reference deviations for a rank.
FEWEST_ENTITIES, FEWEST = 5, 10

#: Share of the window's common periods that another stretch or entity must have.
COVERAGE = 0.5

#: Deviations below this (log) are those of rounding and arithmetic.
EQUAL = 1e-9


@dataclass(frozen=True, eq=False)
class _Vantage:
    """Two counts of the same entities: subject in column 0, (T, 1 + K), and the half width of the log ratio by rounding."""

    home: str
    away: str
    names: tuple[str, ...]
    log_ratio: Floats
    half: Floats
    separate: bool


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Rank the subject's deviation from the factor common to all entities that two vantage points both count.

    ``params``: ``metric`` (the metric to set beside, whatever its name and source).

    Returns
    -------
    list of Finding
        One per second vantage point. The statistic is the median over the window's periods of the log ratio of the two counts less
        that period's median over all entities; 0 is the common factor. ``p``: two-sided by size, among the same measure of the
        other entities in all stretches as long. The interval is that of rounding.

    Notes
    -----
    Every entity, the subject too, enters the median it is compared with, so that all are measured alike. Figures state the robust
    share of the log ratio's variance that is common to the entities of a period, and Friedman's rank test of "one
    common factor" over the periods (p_one_factor; deviations that last reject it). O(T N log N).
    """
    name = scene.subject.name
    vantages = _vantages(scene, params)
    if not vantages:
        return RULE.not_applicable("one_vantage", subject=name)
    outcomes = [outcome for vantage in vantages for outcome in _compare(scene, vantage)]
    return [o for o in outcomes if isinstance(o, Finding)] or outcomes[:1]


def _compare(scene: Scene, vantage: _Vantage) -> list[Outcome]:
    name, ratio = scene.subject.name, vantage.log_ratio
    known = np.isfinite(ratio)
    enough = known.sum(axis=1) >= FEWEST_ENTITIES + 1
    inside = np.zeros(len(ratio), dtype=bool)
    inside[scene.window] = True
    rows = np.flatnonzero(enough & inside & known[:, 0])
    if not rows.size:
        most = int(known[scene.window, 1:].sum(axis=1).max(initial=0))
        return RULE.not_applicable(
            "few_entities", subject=name, home=vantage.home, away=vantage.away, n=most, least=FEWEST_ENTITIES
        )
    common = _medians(np.where(enough[:, None], ratio, np.nan))
    apart = ratio - common[:, None]
    length = scene.window.stop - scene.window.start
    least = max(1.0, COVERAGE * rows.size)
    mine = float(np.median(apart[rows, 0]))
    # A season apart where the window is shorter: neighbouring days (or hours) repeat each other.
    step = length * -(-(scene.panel.frequency.season or 1) // length)
    starts = np.arange(scene.window.start % step, len(apart) - length + 1, step)
    # Shape (stretches, entities, length), so that one sort makes every median.
    parts = np.moveaxis(apart[starts[:, None] + np.arange(length), 1:], 1, 2)
    several = np.isfinite(parts).sum(axis=2) >= least
    others = np.where(several, _medians(parts.reshape(-1, length)).reshape(several.shape), np.nan)
    at, column = np.nonzero(np.isfinite(others))
    reference = others[at, column]
    if reference.size < FEWEST:
        return RULE.not_applicable(
            "few_references", subject=name, home=vantage.home, away=vantage.away, n=int(reference.size), least=FEWEST
        )
    size = np.where(np.abs(reference) < EQUAL, 0.0, np.abs(reference))
    rank = conformal_rank(abs(mine) if abs(mine) >= EQUAL else 0.0, size, "greater")
    half = float(np.median(vantage.half[rows, 0]))
    outside = apart[~inside, 0]
    outside = outside[np.isfinite(outside)]
    shared, p_one = _one_factor(ratio[enough], apart[enough])
    limits = [Message.of(f"{RULE.id}.limit_scope", away=vantage.away)]
    if half > 0 and abs(mine) <= half:
        limits.append(Message.of(f"{RULE.id}.limit_rounding", half=float(np.expm1(half))))
    if not vantage.separate:
        limits.append(Message.of(f"{RULE.id}.limit_source", home=vantage.home, away=vantage.away))
    usual = float(np.median(outside)) if outside.size else float("nan")
    if outside.size >= 4 and abs(mine - usual) < 0.5 * abs(mine):
        limits.append(Message.of(f"{RULE.id}.limit_lasting", usual=float(np.exp(usual)), n=int(outside.size)))
    factor = float(np.exp(np.median(common[rows])))
    figures = {
        "common_factor": factor,
        "own_factor": float(np.exp(np.median(ratio[rows, 0]))),
        "deviation_outside_window": usual,
        "share_of_variance_common": shared,
        "p_one_factor": p_one,
        "entities": float(np.median(known[rows, 1:].sum(axis=1))),
        "periods": float(rows.size),
        "rounding": half,
    }
    n, p = int(reference.size), rank.p
    order = np.argsort(-np.abs(reference), kind="stable")
    begun = [scene.day(int(r)) for r in starts]
    return [
        Finding(
            RULE.id,
            RULE.version,
            RULE.name,
            RULE.family,
            subject=name,
            window=scene.dates(int(rows[0]), int(rows[-1])),
            statement=Message.of(
                f"{RULE.id}.{'apart' if p <= 0.05 and abs(mine) > half else 'shared'}",
                subject=name,
                home=vantage.home,
                away=vantage.away,
                own=figures["own_factor"],
                common=factor,
                deviation=float(np.expm1(abs(mine))),
                entities=int(figures["entities"]),
                periods=int(rows.size),
                as_far=rank.rank - 1,
                n=n,
            ),
            statistic=Statistic(
                "deviation_from_common_factor",
                mine,
                "log",
                reference=Message.of(f"{RULE.id}.reference", n=n, length=length),
                n_reference=n,
                rank=rank.rank,
                p=p,
                low=mine - half,
                high=mine + half,
            ),
            variant="separate" if vantage.separate else "same_publisher",
            severity=Severity.INFO if p > 0.05 or abs(mine) <= half else Severity.MEDIUM if p <= 0.01 else Severity.LOW,
            confidence=Confidence.HIGH
            if vantage.separate and n >= 200
            else Confidence.MEDIUM
            if n >= 50
            else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                role=["subject"] * rows.size + ["reference"] * n,
                entity=[name] * rows.size + [vantage.names[i] for i in column[order].tolist()],
                first_period=[*(scene.day(int(r)) for r in rows), *(begun[i] for i in at[order].tolist())],
                log_ratio=[*ratio[rows, 0], *[None] * n],
                common=[*common[rows], *[None] * n],
                deviation=[*apart[rows, 0].tolist(), *reference[order].tolist()],
            ),
            figures=MappingProxyType({k: float(v) for k, v in figures.items() if np.isfinite(v)}),
            weighs=vantage.separate,
        )
    ]


def _one_factor(ratio: Floats, apart: Floats) -> tuple[float, float]:
    """Robust share of the log ratio's variance that all entities of a period share, and Friedman's p of one common factor.

    Entities known on at least half of the periods are ranked within each; the sums of their scores, scaled to unit variance under
    exchangeability within periods, are compared with chi-squared. NaN where there are fewer than two periods.
    """
    from scipy.special import chdtrc

    columns = np.isfinite(ratio).sum(axis=0) >= max(2.0, 0.5 * len(ratio))
    ratio, apart = ratio[:, columns], apart[:, columns]
    if len(ratio) < 2 or ratio.shape[1] < FEWEST_ENTITIES:
        return float("nan"), float("nan")
    known = np.isfinite(apart)
    within = float(MAD_TO_SIGMA * np.median(np.abs(apart[known])))
    total = ratio[known]
    spread = float(MAD_TO_SIGMA * np.median(np.abs(total - np.median(total))))
    shared = max(0.0, 1.0 - (within / spread) ** 2) if spread > EQUAL else float("nan")
    n = known.sum(axis=1)
    rows = n >= FEWEST_ENTITIES
    apart, known, n = apart[rows], known[rows], n[rows]
    if len(apart) < 2:
        return shared, float("nan")
    # Midranks within each period, so that ties (equal ratios) score alike; one sort of (period, value) pairs serves all.
    row, _ = np.nonzero(known)
    levels, code = np.unique(np.round(apart[known], 12), return_inverse=True)
    key = row * levels.size + code
    ordered, first = np.sort(key), np.concatenate([[0], np.cumsum(n)[:-1]])
    left, right = np.searchsorted(ordered, key, side="left"), np.searchsorted(ordered, key, side="right")
    score = np.zeros(apart.shape)
    score[known] = 0.5 * (left + right + 1) - first[row] - 0.5 * (n[row] + 1)
    variance = (score**2).sum(axis=1) / np.maximum(n - 1, 1)
    moving = variance > 0
    if moving.sum() < 2:
        return shared, float("nan")
    scaled = score[moving] / np.sqrt(variance[moving])[:, None]
    sums = scaled.sum(axis=0)
    periods = known[moving].sum(axis=0)
    # Scores of a row sum to zero; with variance over n - 1 the squares have mean (n - 1) / n, and K of them K - 1 degrees of freedom.
    q = float((sums[periods > 0] ** 2 / periods[periods > 0]).sum())
    return shared, float(chdtrc(max(int((periods > 0).sum()) - 1, 1), q))


def _vantages(scene: Scene, params: Mapping[str, Any]) -> list[_Vantage]:
    """Further counts of the subject's metric: other metrics of the same role from another source, then other sources of the metric."""
    named = str(params.get("metric", ""))
    published = _published(scene)
    origins = published.by_metric if published is not None else {}
    home = origins.get(scene.table.metric, ())
    found = []
    for metric, table in sorted(scene.panel.tables.items()):
        if metric == scene.table.metric or (named and metric != named):
            continue
        away = origins.get(metric, ())
        alike = folded(metric) == folded(scene.table.metric) or (
            role_of(metric) != "" and role_of(metric) == role_of(scene.table.metric)
        )
        if not named and (not alike or not away or set(away) & set(home)):
            continue
        label = f"{metric} ({away[0]})" if away else metric
        separate = bool(named) or _apart(scene.panel.sources, home, away)
        vantage = _of_tables(scene, table, home[0] if home else scene.table.metric, label, separate=separate)
        if vantage is not None:
            found.append(vantage)
    return found if named or published is None else found + _of_sources(scene, published)


def _of_tables(scene: Scene, other: Table, home: str, away: str, *, separate: bool) -> _Vantage | None:
    """Pair the scene's table with another one on the scene's dates."""
    mine = scene.table
    names = sorted(set(mine.entities) & set(other.entities))
    pair = []
    for table in (mine, other):
        columns = [table.index[e] for e in names]
        half = 0.5 * (table.high - table.low)[:, columns]
        pair.append((on(settled(table)[:, columns], table, mine.dates), np.nan_to_num(on(half, table, mine.dates))))
    return _pair(scene, names, pair, home, away, separate=separate)


@dataclass(frozen=True, eq=False)
class _Published:
    """Who published each row of the observations: source and metric by number, their names, and the sources of each metric."""

    frame: "pd.DataFrame"
    source: npt.NDArray[np.intp]
    metric: npt.NDArray[np.intp]
    names: tuple[str, ...]
    metrics: tuple[str, ...]
    by_metric: Mapping[str, tuple[str, ...]]


def _published(scene: Scene) -> _Published | None:
    """Return the sources of all rows by number; None where the observations do not tell two sources apart."""
    if scene.panel.observations is None or len(scene.panel.sources) < 2:
        return None
    frame = scene.panel.observations.frame
    column = "source" if "source" in frame else "snapshot"
    if column not in frame:
        return None
    stated, metric = frame[column].astype("category").cat, frame["metric"].astype("category").cat
    known = {s.sha256: s.name for s in scene.panel.sources if s.sha256}
    labels = [str(c) if column == "source" else known.get(str(c), "") for c in stated.categories]
    names = tuple(sorted({label for label in labels if label}))
    # The last number stands for rows of no known source.
    number = np.array([names.index(label) if label else len(names) for label in labels] + [len(names)], dtype=np.intp)
    source = number[stated.codes.to_numpy()]
    metrics = tuple(str(c) for c in metric.categories)
    codes = metric.codes.to_numpy().astype(np.intp)
    told = source < len(names)
    pairs = np.flatnonzero(np.bincount(codes[told] * len(names) + source[told], minlength=1))
    if not told.any():
        return None
    by_metric: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        name = metrics[int(pair) // len(names)]
        by_metric[name] = (*by_metric.get(name, ()), names[int(pair) % len(names)])
    return _Published(frame, source, codes, names, metrics, by_metric)


def _of_sources(scene: Scene, published: _Published) -> list[_Vantage]:
    """Pair the sources that published the scene's metric, the one with most of the subject's figures first."""
    import pandas as pd

    sources = published.by_metric.get(scene.table.metric, ())
    if len(sources) < 2:
        return []
    mine = published.metric == published.metrics.index(scene.table.metric)
    if "status" in published.frame:
        mine &= (published.frame["status"] != Status.PARTIAL).to_numpy()
    part, source_of = published.frame[mine], published.source[mine]
    entity = part["entity"].astype("category")
    place = np.array([scene.table.index.get(str(c), -1) for c in entity.cat.categories], dtype=np.intp)
    columns = place[entity.cat.codes.to_numpy()]
    rows = scene.table.dates.get_indexer(pd.DatetimeIndex(part["date"]))
    values = part["value"].to_numpy(dtype=np.float64)
    width = (
        (part["high"] - part["low"]).to_numpy(dtype=np.float64)
        if "high" in part and "low" in part
        else np.zeros(len(part))
    )
    laid = {}
    for source in sources:
        at = (source_of == published.names.index(source)) & (columns >= 0) & (rows >= 0)
        value, half = np.full(scene.table.values.shape, np.nan), np.zeros(scene.table.values.shape)
        value[rows[at], columns[at]] = values[at]
        half[rows[at], columns[at]] = 0.5 * np.nan_to_num(width[at])
        laid[source] = (value, half)
    own = [scene.table.index[e] for e in scene.subject.parts]
    home = max(sources, key=lambda s: (int(np.isfinite(laid[s][0][:, own]).sum()), s))
    names = list(scene.table.entities)
    return [
        vantage
        for away in sources
        if away != home
        and (
            vantage := _pair(
                scene,
                names,
                [laid[home], laid[away]],
                home,
                away,
                separate=_apart(scene.panel.sources, (home,), (away,)),
            )
        )
        is not None
    ]


def _pair(
    scene: Scene, names: Sequence[str], pair: Sequence[tuple[Floats, Floats]], home: str, away: str, *, separate: bool
) -> _Vantage | None:
    """Log ratio of two counts, the subject's parts that both know summed into column 0; None where they share no part."""
    own = [i for i, e in enumerate(names) if e in set(scene.subject.parts)]
    allowed = set(scene.case.donors)
    rest = [i for i, e in enumerate(names) if e not in set(scene.subject.parts) and (not allowed or e in allowed)]
    both = np.isfinite(pair[0][0]) & np.isfinite(pair[1][0])
    if not own or not both[:, own].any():
        return None
    logs, halves = [], []
    for value, half in pair:
        part = np.where(both, value, 0.0)
        summed = np.column_stack([part[:, own].sum(axis=1), part[:, rest]])
        error = np.column_stack([np.where(both, half, 0.0)[:, own].sum(axis=1), np.where(both, half, 0.0)[:, rest]])
        safe = np.where(summed > 0, summed, 1.0)
        logs.append(np.where(summed > 0, np.log(safe), np.nan))
        halves.append(error / safe)
    return _Vantage(home, away, tuple(names[i] for i in rest), logs[0] - logs[1], halves[0] + halves[1], separate)


def _medians(values: Floats) -> Floats:
    """Median of each row, NaN skipped; NaN for rows without a value."""
    known = np.isfinite(values)
    n = known.sum(axis=1)
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum(n - 1, 0) // 2], ordered[rows, np.minimum(n // 2, values.shape[1] - 1)]
    return np.where(n > 0, 0.5 * (np.where(n > 0, low, 0.0) + np.where(n > 0, high, 0.0)), np.nan)
