"""AUD181 asks how unusual the subject is among the entities when several features are looked at together.

Each entity is described by up to eight features of its figures in and before the window (never by the raw values): level, growth
against up to 28 earlier periods, weekend ratio, spread, roughness, largest step, trend, and periods listed before. They are
scaled by their median and median absolute deviation over the entities of the same window. An isolation forest and the robust
Mahalanobis distance (minimum covariance determinant) are fitted to other windows of the same length, whole weeks away and
disjoint, the subject left out there. The two scores, each scaled by its median and median absolute deviation over what was fitted
to, are averaged; the average's rank among those of further such windows, which the models have not seen, is a conformal p-value
where these are exchangeable. The p-values of all entities of the window are adjusted by Benjamini and Hochberg, which holds for
conformal p-values from one reference set (Bates et al. 2023). A panel too short for other windows is fitted and ranked within the
one window, where that adjustment has no power and is not stated.

References
----------
Liu, F. T., Ting, K. M., Zhou, Z.-H. (2008). Isolation forest. ICDM, 413-422.
Rousseeuw, P. J., Van Driessen, K. (1999). A fast algorithm for the minimum covariance determinant estimator. Technometrics 41, 212-223.
Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B 57(1), 289-300.
Bates, S., Candes, E., Lei, L., Romano, Y., Sesia, M. (2023). Testing for outliers with conformal p-values. Annals of Statistics 51(1), 149-178.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import BASE_PERIODS, settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.robust import MAD_TO_SIGMA
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD181", name="outlier_vector", family=Family.MULTIVARIATE)

#: Fewest entities, the subject among them.
FEWEST = 20

#: Fewest known periods of an entity inside the window, and before it.
FEWEST_PERIODS = 3

#: Trees of the forest; path lengths converge well below the usual 100 (Liu et al. 2008), and fitting them is what takes time.
TREES = 40

#: Rows that each tree is grown on; small samples isolate better, because ordinary rows mask less (Liu et al. 2008, section 4).
SAMPLE = 64

#: Seed of the forest and of the covariance: the same input gives the same bytes.
SEED = 0

#: Scaled features are cut at this many robust standard deviations, so that one does not drown the rest.
CUT = 8.0

#: Other windows that are looked at, at most, and needed at least; the models are fitted to the nearest of them.
MOST_WINDOWS, FEWEST_WINDOWS = 20, 4

#: Entities in other windows that the models are fitted to, at least.
FITTED = 100

#: False-discovery rate at which an entity is said to stand out.
RATE = 0.1


#: P-value up to which the subject is said to be among the most unusual.
NOTED = 0.05


@dataclass(frozen=True, eq=False)
class _Features:
    """Features by name, shape (K,) each, and the columns of the entities they describe."""

    values: Mapping[str, Floats]
    columns: npt.NDArray[np.intp]


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Rank the subject's vector of features among the entities'."""
    name, peers = scene.subject.name, scene.peers
    own = np.where(scene.subject.settled, scene.subject.values, np.nan)
    values = np.column_stack([own, settled(peers)])
    logs = np.log(np.where(np.isfinite(values) & (values > 0), values, np.nan))
    here = _features(scene, logs, scene.window)
    if not here.columns.size or here.columns[0] != 0:
        return RULE.not_applicable("short_subject", subject=name, least=FEWEST_PERIODS)
    n = int(here.columns.size)
    if n < FEWEST:
        return RULE.not_applicable("few_entities", subject=name, n=n, least=FEWEST)
    chosen = [
        f for f in here.values if np.isfinite(here.values[f][0]) and np.isfinite(_scaled(here.values[f])).mean() >= 0.8
    ]
    if len(chosen) < 2:
        return RULE.not_applicable("no_features", subject=name)
    mine = _matrix(here, chosen)
    others = []
    for window in _windows(scene):
        features = _features(scene, logs[:, 1:], window)
        if features.columns.size >= FEWEST:
            others.append(_matrix(features, chosen))
    calibrated = len(others) >= FEWEST_WINDOWS
    split = _split(others)
    fitted = np.vstack(others[:split]) if calibrated else mine
    everything = np.vstack([mine, *others[split:]]) if calibrated else mine
    forest, distance = _forest(fitted, everything), _distances(fitted, everything)
    p_forest, p_distance, p = (_p_values(score, n) for score in (forest, distance, 0.5 * (forest + distance)))
    q = _q_values(p)
    n_reference = int(everything.shape[0] - n) if calibrated else n - 1
    strongest = [int(i) for i in np.argsort(-np.abs(mine[0]), kind="stable")[:2]]
    found = int((q <= RATE).sum())
    limits = [Message.of("AUD181.limit_why"), Message.of("AUD181.limit_chosen")]
    if calibrated:
        limits.append(Message.of("AUD181.limit_discoveries", rate=RATE, n=found, of=n, q=float(q[0])))
        limits.append(Message.of("AUD181.limit_dependent", windows=len(others)))
    else:
        limits.append(Message.of("AUD181.limit_alone", n=n, least=1.0 / n))
    names = ("(subject)", *peers.entities)
    order = [0, *(int(i) for i in np.argsort(p[1:], kind="stable")[:5] + 1)]
    value = float(p[0])
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.span,
            statement=Message.of(
                f"AUD181.{'stands_out' if value <= NOTED else 'ordinary'}",
                subject=name,
                n=n,
                features=len(chosen),
                p=value,
                start=scene.span.start,
                end=scene.span.end,
                first=chosen[strongest[0]].replace("_", " "),
                second=chosen[strongest[1]].replace("_", " "),
                first_z=float(mine[0, strongest[0]]),
                second_z=float(mine[0, strongest[1]]),
            ),
            statistic=Statistic(
                name="joint p-value of two outlier scores",
                value=value,
                unit="share",
                reference=Message.of(
                    "AUD181.reference" if calibrated else "AUD181.reference_alone", n=n_reference, windows=len(others)
                ),
                n_reference=n - 1 if calibrated else n_reference,
                p=value,
            ),
            variant="calibrated" if calibrated else "alone",
            severity=Severity.MEDIUM
            if calibrated and q[0] <= RATE
            else Severity.LOW
            if value <= NOTED
            else Severity.INFO,
            confidence=Confidence.MEDIUM if calibrated and n_reference >= 200 else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                entity=[names[here.columns[i]] for i in order],
                p_forest=p_forest[order],
                p_distance=p_distance[order],
                q=q[order] if calibrated else [None] * len(order),
                **{f"{column}_scaled": np.round(mine[order, i], 6) for i, column in enumerate(chosen)},
            ),
            figures=MappingProxyType(
                {
                    "p_forest": float(p_forest[0]),
                    "p_distance": float(p_distance[0]),
                    "q": float(q[0]) if calibrated else float("nan"),
                    "standing_out": float(found) if calibrated else float("nan"),
                    "entities": float(n),
                    "features": float(len(chosen)),
                    "reference_windows": float(len(others)),
                    "reference_size": float(n_reference),
                }
            ),
        )
    ]


def _windows(scene: Scene) -> list[slice]:
    """Disjoint windows of the same length on both sides, whole weeks away, the nearest ones first."""
    length, season = scene.window.stop - scene.window.start, scene.panel.frequency.season or 1
    stride = -(-length // season) * season
    found = []
    for step in range(1, len(scene.table.dates) // stride + 1):
        for first in (scene.window.start - step * stride, scene.window.start + step * stride):
            if first >= FEWEST_PERIODS and first + length <= len(scene.table.dates):
                found.append(slice(first, first + length))  # noqa: PERF401 - a comprehension of three clauses hides the order
    return found[:MOST_WINDOWS]


def _features(scene: Scene, logs: Floats, rows: slice) -> _Features:
    """Describe every entity that is known on enough periods of a window; ``logs`` has shape (T, K)."""
    columns = np.flatnonzero(np.isfinite(logs[rows]).sum(axis=0) >= FEWEST_PERIODS)
    window = logs[rows][:, columns]
    earlier = logs[max(0, rows.start - BASE_PERIODS) : rows.start][:, columns]
    if not columns.size:
        return _Features({}, columns)
    level = np.nanmedian(window, axis=0)
    steps = np.diff(window, axis=0)
    turns = np.diff(steps, axis=0)
    listed = np.isfinite(earlier).sum(axis=0)
    base = _median(earlier, listed >= FEWEST_PERIODS)
    # A launch has no base: it grew at least from the smallest value listed before it, which is where a list would cut it off.
    lowest = np.nanmin(earlier) if np.isfinite(earlier).any() else np.nan
    return _Features(
        {
            "level": level,
            "growth": level - np.where(np.isfinite(base), base, lowest),
            "weekend_ratio": _weekend(scene, window, rows),
            "spread": np.nanmedian(np.abs(window - level), axis=0),
            "roughness": _median(np.abs(turns), np.isfinite(turns).sum(axis=0) >= 2),
            "largest_step": _largest(steps),
            "trend": _slope(window),
            "listed_before": listed / max(earlier.shape[0], 1),
        },
        columns,
    )


def _weekend(scene: Scene, window: Floats, rows: slice) -> Floats:
    """Log ratio of weekend to weekday level inside the window, where days and both kinds of day are there."""
    if scene.panel.frequency.season != 7:
        return np.full(window.shape[1], np.nan)
    weekend = np.asarray(scene.table.dates[rows].day_of_week) >= 5
    sides = []
    for side in (weekend, ~weekend):
        known = np.isfinite(window[side]).sum(axis=0)
        total = np.where(np.isfinite(window[side]), window[side], 0.0).sum(axis=0)
        sides.append(np.where(known > 0, total / np.maximum(known, 1), np.nan))
    result: Floats = sides[0] - sides[1]
    return result


def _largest(steps: Floats) -> Floats:
    """Largest absolute log step of each column; NaN where no two periods follow each other."""
    known = np.isfinite(steps)
    return np.where(known.any(axis=0), np.where(known, np.abs(steps), 0.0).max(axis=0, initial=0.0), np.nan)


def _slope(window: Floats) -> Floats:
    """Least-squares slope of each column's logarithm over the window, per period."""
    time = np.arange(window.shape[0], dtype=np.float64)[:, None]
    known = np.isfinite(window)
    count = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, time, 0.0).sum(axis=0) / count
    centred = np.where(known, time - middle, 0.0)
    below = (centred**2).sum(axis=0)
    above = (centred * np.where(known, window, 0.0)).sum(axis=0)
    return np.where(below > 0, above / np.maximum(below, 1e-300), np.nan)


def _median(values: Floats, keep: npt.NDArray[np.bool_]) -> Floats:
    """Median of each column that is kept and holds anything; NaN for the others."""
    result = np.full(values.shape[1], np.nan)
    some = keep & np.isfinite(values).any(axis=0)
    if some.any():
        result[some] = np.nanmedian(values[:, some], axis=0)
    return result


def _scaled(column: Floats) -> Floats:
    """Scale a feature by median and median absolute deviation; all NaN where the entities do not differ in it."""
    known = np.isfinite(column)
    if not known.any():
        return column
    centre = float(np.median(column[known]))
    scale = float(MAD_TO_SIGMA * np.median(np.abs(column[known] - centre)))
    if not scale > 1e-9:
        scale = float(column[known].std())
    if not scale > 1e-9:
        return np.full(column.shape, np.nan)
    # Rounding makes the result the same whatever the unit of the figures.
    return np.asarray(np.round(np.clip((column - centre) / scale, -CUT, CUT), 8), dtype=np.float64)


def _matrix(features: _Features, chosen: Sequence[str]) -> Floats:
    """Scaled features, shape (K, M); what is not known is put at the median."""
    return np.column_stack([np.nan_to_num(_scaled(features.values[name]), nan=0.0) for name in chosen])


def _split(others: Sequence[Floats]) -> int:
    """Count the nearest windows that hold enough entities to fit to, at most half of all."""
    held = np.cumsum([features.shape[0] for features in others])
    return min(len(others) // 2, int(np.searchsorted(held, FITTED)) + 1)


def _forest(fitted: Floats, scored: Floats) -> Floats:
    """Anomaly score of every row of ``scored`` by an isolation forest, larger is more unusual."""
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(
        n_estimators=TREES, max_samples=min(SAMPLE, fitted.shape[0]), random_state=SEED, n_jobs=1
    ).fit(fitted)
    scores = -model.score_samples(np.vstack([fitted, scored]))
    return _standard(scores, fitted.shape[0])


def _distances(fitted: Floats, scored: Floats) -> Floats:
    """Robust Mahalanobis distance (log) of every row of ``scored``, over directions in which ``fitted`` varies."""
    from sklearn.covariance import MinCovDet

    centre = np.median(fitted, axis=0)
    _, singular, directions = np.linalg.svd(fitted - centre, full_matrices=False)
    kept = directions[singular > 1e-6 * max(float(singular[0]), 1e-300)][: max(1, fitted.shape[0] // 4)]
    with warnings.catch_warnings():
        # A support of tied entities has a singular covariance; the pseudo-inverse is then used and the ranks stay valid.
        warnings.simplefilter("ignore")
        model = MinCovDet(random_state=SEED, support_fraction=0.75).fit((fitted - centre) @ kept.T)
        squared = np.asarray(model.mahalanobis((np.vstack([fitted, scored]) - centre) @ kept.T), dtype=np.float64)
    distances = np.log1p(np.clip(np.nan_to_num(squared, nan=0.0), 0.0, 1e12))
    return _standard(distances, fitted.shape[0])


def _standard(scores: Floats, n_fitted: int) -> Floats:
    """Scale scores by the median and deviation of the first ``n_fitted``; return the others'."""
    own = scores[:n_fitted]
    middle = float(np.median(own))
    spread = float(MAD_TO_SIGMA * np.median(np.abs(own - middle)))
    return np.asarray((scores[n_fitted:] - middle) / (spread if spread > 1e-9 else 1.0), dtype=np.float64)


def _p_values(scores: Floats, n: int) -> Floats:
    """Conformal p-values of the first ``n`` scores among the others, or among themselves where there are none; ties count against."""
    rounded = np.round(scores, 9)
    reference = np.sort(rounded[n:])
    if not reference.size:
        ordered = np.sort(rounded)
        return np.asarray((n - np.searchsorted(ordered, rounded, side="left")) / n, dtype=np.float64)
    above = reference.size - np.searchsorted(reference, rounded[:n], side="left")
    return np.asarray((1.0 + above) / (1.0 + reference.size), dtype=np.float64)


def _q_values(p: Floats) -> Floats:
    """Benjamini-Hochberg adjusted p-values."""
    order = np.argsort(p, kind="stable")
    adjusted = p[order] * p.size / np.arange(1, p.size + 1)
    q = np.empty(p.size, dtype=np.float64)
    q[order] = np.minimum(1.0, np.minimum.accumulate(adjusted[::-1])[::-1])
    return q
