"""AUD161 asks whether an independent series of the subject moved when the subject did.

The subject's log changes are regressed on those of the other series over the periods outside the window (Huber's M-estimate,
scale by the median absolute deviation), with the usual change of each weekday taken out of both where three weeks tell. The
residual of the subject's largest rise in the window is studentised with the spread of the reference residuals and the leverage of
its own point, and ranked among them. The other series is a proxy measured with error, which pulls the slope toward zero; the
slope of the reverse regression bounds it from the other side (Klepper and Leamer 1984), and both are used.

References
----------
Huber, P. J. (1964). Robust estimation of a location parameter. Annals of Mathematical Statistics 35(1), 73-101.
Klepper, S., Leamer, E. E. (1984). Consistent sets of estimates for regressions with errors in all variables. Econometrica 52(1), 163-183.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import on, settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.kernels.robust import MAD_TO_SIGMA, huber_weights
from auditor.observations import Source, Status
from auditor.texts.message import Message

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD161", name="co_movement", family=Family.INDEPENDENCE)

#: Fewest paired changes outside the window.
FEWEST = 20

#: Cycles of the season that must be known before it is taken out.
CYCLES = 3

#: Studentised residual from which the rise counts as not shown by the other series.
UNMATCHED = 3.0


@dataclass(frozen=True, eq=False)
class _Proxy:
    """Another series of the subject: its name, its values on the scene's dates, and the subject's own from its source."""

    name: str
    values: Floats
    own: Floats
    separate: bool


@dataclass(frozen=True, eq=False)
class _Fit:
    """Slope and intercept of the changes, with what is needed to studentise a new point."""

    intercept: float
    slope: float
    reverse: float
    correlation: float
    scale: float
    residuals: Floats
    centre: float
    spread: float

    def studentised(self, x: float, y: float, slope: float) -> float:
        """Residual of a new point in standard deviations of its prediction."""
        middle = self.intercept + self.slope * self.centre
        leverage = 1.0 / self.residuals.size + (x - self.centre) ** 2 / self.spread
        return float((y - middle - slope * (x - self.centre)) / (self.scale * np.sqrt(1.0 + leverage)))


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Measure how far the subject's largest rise lies from what the other series shows.

    ``params``: ``metric`` (the metric to set beside, taken to be independent) and ``entity`` (its entity, where it is named otherwise).
    """
    name = scene.subject.name
    proxies = _proxies(scene, params)
    if not proxies:
        return RULE.not_applicable("no_independent", subject=name)
    found: list[Outcome] = []
    reasons: list[Outcome] = []
    for proxy in proxies:
        outcomes = _compare(scene, proxy)
        (found if isinstance(outcomes[0], Finding) else reasons).extend(outcomes)
    return found or reasons[:1]


def _compare(scene: Scene, proxy: _Proxy) -> list[Outcome]:
    name, season = scene.subject.name, scene.panel.frequency.season
    own, other = _changes(proxy.own), _changes(proxy.values)
    both = np.isfinite(own) & np.isfinite(other)
    inside = np.zeros(both.size, dtype=bool)
    inside[scene.window] = True
    outside = ~inside
    outside[scene.window.stop : scene.window.stop + 1] = False  # the step out of the window belongs to it
    reference = np.flatnonzero(both & outside)
    if reference.size < FEWEST:
        return RULE.not_applicable("few_pairs", subject=name, proxy=proxy.name, n=int(reference.size), least=FEWEST)
    rows = np.flatnonzero(both & inside)
    if not rows.size:
        return RULE.not_applicable("no_step", subject=name, proxy=proxy.name)
    y, x = (_without_season(v, reference, season) for v in (own, other))
    fit = _fit(x[reference], y[reference])
    if fit is None:
        return RULE.not_applicable("constant", subject=name, proxy=proxy.name)
    row = int(rows[np.argmax(own[rows])])
    by_slope = fit.studentised(float(x[row]), float(y[row]), fit.slope)
    tied = bool(fit.correlation > 2.0 / np.sqrt(reference.size))
    by_reverse = fit.studentised(float(x[row]), float(y[row]), fit.reverse) if tied else by_slope
    value = min(by_slope, by_reverse)
    left = float(y[row]) - fit.intercept - fit.slope * float(x[row])
    rank = conformal_rank(left, fit.residuals, "greater")
    limits = [Message.of("AUD161.limit_proxy"), Message.of("AUD161.limit_coverage", proxy=proxy.name)]
    if not tied:
        limits.append(Message.of("AUD161.limit_untied", proxy=proxy.name, r=fit.correlation))
    if not proxy.separate:
        limits.append(Message.of("AUD161.limit_source", proxy=proxy.name))
    key = "unmatched" if value > UNMATCHED else "matched"
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.dates(row - 1, row),
            statement=Message.of(
                f"AUD161.{key}",
                subject=name,
                proxy=proxy.name,
                day=scene.day(row),
                times=float(np.exp(own[row])),
                proxy_times=float(np.exp(other[row])),
                slope=fit.slope,
                t=value,
            ),
            statistic=Statistic(
                name="studentised residual of the largest rise",
                value=value,
                unit="standard deviations",
                reference=Message.of("AUD161.reference", n=int(reference.size), steps=int(rows.size)),
                n_reference=int(reference.size),
                rank=rank.rank,
                p=min(1.0, rank.p * rows.size),
                low=value,
                high=max(by_slope, by_reverse),
            ),
            variant=("tied" if tied else "untied") if proxy.separate else "same_publisher",
            severity=Severity.INFO if key == "matched" or not tied else Severity.MEDIUM,
            confidence=Confidence.MEDIUM if tied and proxy.separate else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(r) for r in (*reference, *rows)],
                part=["reference"] * reference.size + ["window"] * rows.size,
                subject_log_change=own[[*reference, *rows]],
                other_log_change=other[[*reference, *rows]],
            ),
            figures=MappingProxyType(
                {
                    "elasticity": fit.slope,
                    "elasticity_reverse": fit.reverse if tied else float("nan"),
                    "correlation": fit.correlation,
                    "residual_scale": fit.scale,
                    "unexplained_factor": float(np.exp(left)),
                    "pairs": float(reference.size),
                }
            ),
            weighs=proxy.separate and tied,
        )
    ]


def _changes(values: Floats) -> Floats:
    """Log change from the period right before, NaN where either is unknown or not above zero, shape (T,)."""
    logs = np.log(np.where(np.isfinite(values) & (values > 0), values, np.nan))
    changes = np.full(values.size, np.nan)
    changes[1:] = logs[1:] - logs[:-1]
    return changes


def _without_season(changes: Floats, reference: npt.NDArray[np.intp], season: int | None) -> Floats:
    """Take out the median change of each place in the season, where every place is known in three cycles."""
    if season is None:
        return changes
    usual = np.zeros(season)
    for place in range(season):
        known = changes[reference[reference % season == place]]
        if known.size < CYCLES:
            return changes
        usual[place] = float(np.median(known))
    result: Floats = changes - usual[np.arange(changes.size) % season]
    return result


def _fit(x: Floats, y: Floats) -> _Fit | None:
    """Huber regression of y on x; None where either never changes."""
    if not x.std() > 1e-9 or not y.std() > 1e-9:
        return None
    intercept, slope, scale, weights = _huber(x, y)
    _, back, _, _ = _huber(y, x)
    residuals = y - intercept - slope * x
    scale = max(scale, float(residuals.std()) * 1e-3)
    if not scale > 1e-12:
        return None
    centre = float(np.average(x, weights=weights))
    spread = float((weights * (x - centre) ** 2).sum())
    both = slope * back
    correlation = float(np.sign(slope) * np.sqrt(min(max(both, 0.0), 1.0)))
    reverse = 1.0 / back if abs(back) > 1e-9 else float("inf")
    return _Fit(intercept, slope, reverse, correlation, scale, residuals, centre, max(spread, 1e-300))


def _huber(x: Floats, y: Floats, iterations: int = 50) -> tuple[float, float, float, Floats]:
    """Intercept, slope, residual scale and weights of the M-estimate, by iteratively reweighted least squares."""
    weights = np.ones(x.size)
    intercept = slope = scale = 0.0
    for _ in range(iterations):
        mx, my = np.average(x, weights=weights), np.average(y, weights=weights)
        below = float((weights * (x - mx) ** 2).sum())
        new = float((weights * (x - mx) * (y - my)).sum()) / below if below > 0 else 0.0
        intercept, moved, slope = float(my - new * mx), abs(new - slope), new
        residuals = y - intercept - slope * x
        scale = float(MAD_TO_SIGMA * np.median(np.abs(residuals)))
        if scale <= 0 or moved <= 1e-10 * (1.0 + abs(slope)):
            break
        weights = huber_weights(residuals / scale)
    return intercept, slope, scale, weights


def _proxies(scene: Scene, params: Mapping[str, Any]) -> list[_Proxy]:
    """Series of the subject that another source published: other metrics first, then the same metric elsewhere."""
    own = np.where(scene.subject.settled, scene.subject.values, np.nan)
    named, entity = str(params.get("metric", "")), str(params.get("entity", ""))
    origins = _origins(scene)
    home = origins.get(scene.table.metric, ())
    found = []
    for metric, table in sorted(scene.panel.tables.items()):
        if metric == scene.table.metric or (named and metric != named):
            continue
        away = origins.get(metric, ())
        if not named and (not away or set(away) & set(home)):
            continue
        parts = [p for p in ((entity,) if entity else scene.subject.parts) if p in table.index]
        if not parts and len(table.entities) == 1:
            parts = list(table.entities)
        if not parts:
            continue
        values = on(settled(table)[:, [table.index[p] for p in parts]], table, scene.table.dates)
        known = np.isfinite(values)
        summed = np.where(known.any(axis=1), np.where(known, values, 0.0).sum(axis=1), np.nan)
        label = f"{metric} ({away[0]})" if away else metric
        found.append(_Proxy(label, summed, own, bool(named) or _apart(scene.panel.sources, home, away)))
    return found if named else found + _second_sources(scene)


def _second_sources(scene: Scene) -> list[_Proxy]:
    """Return the same metric of the subject as further sources in the observations published it."""
    frame = _frame(scene)
    label = "source" if frame is not None and "source" in frame else "snapshot"
    if frame is None or label not in frame or frame[label].nunique() < 2:
        return []
    labels = _labels(frame, scene.panel.sources)
    if labels is None:
        return []
    mine = (frame["metric"].astype(str) == scene.table.metric) & frame["entity"].astype(str).isin(scene.subject.parts)
    if "status" in frame:
        mine &= frame["status"] != Status.PARTIAL
    rows, labels = frame[mine.to_numpy()], labels[mine.to_numpy()]
    names, counts = np.unique(labels, return_counts=True)
    if names.size < 2:
        return []
    series = {}
    for label in names:
        part = rows[labels == label]
        daily = part.drop_duplicates(["date", "entity"], keep="last").groupby("date")["value"].sum(min_count=1)
        series[str(label)] = daily.reindex(scene.table.dates).to_numpy(dtype=np.float64)
    home = str(names[int(np.argmax(counts))])
    return [
        _Proxy(f"{scene.table.metric} ({label})", values, series[home], _apart(scene.panel.sources, (home,), (label,)))
        for label, values in series.items()
        if label != home
    ]


def _frame(scene: Scene) -> "pd.DataFrame | None":
    return scene.panel.observations.frame if scene.panel.observations is not None else None


def _labels(frame: "pd.DataFrame", sources: tuple[Source, ...]) -> "npt.NDArray[np.str_] | None":
    """Name of the source of every row: stated, or known by the checksum of its file."""
    if "source" in frame:
        return frame["source"].astype(str).to_numpy(dtype=str)
    if "snapshot" not in frame:
        return None
    names = {s.sha256: s.name for s in sources if s.sha256}
    codes = frame["snapshot"].astype("category")
    known = np.array([names.get(str(c), "") for c in codes.cat.categories] or [""])
    return np.where(codes.cat.codes.to_numpy() >= 0, known[codes.cat.codes.to_numpy()], "")


def _origins(scene: Scene) -> dict[str, tuple[str, ...]]:
    """Names of the sources of each metric; empty where the observations do not say."""
    frame = _frame(scene)
    if frame is None or len(scene.panel.sources) < 2:
        return {}
    labels = _labels(frame, scene.panel.sources)
    if labels is None:
        return {}
    import pandas as pd

    pairs = pd.DataFrame({"metric": frame["metric"].astype(str).to_numpy(), "source": labels}).drop_duplicates()
    found: dict[str, tuple[str, ...]] = {}
    for metric, source in sorted(pairs.itertuples(index=False)):
        if source:
            found[metric] = (*found.get(metric, ()), source)
    return found


def _apart(sources: tuple[Source, ...], home: tuple[str, ...], away: tuple[str, ...]) -> bool:
    """Whether two sets of sources are known to lie on different sites."""
    hosts = {s.name: urlsplit(s.url).netloc.lower() for s in sources}
    here, there = {hosts.get(n, "") for n in home}, {hosts.get(n, "") for n in away}
    return bool(here and there and "" not in here | there and not here & there)
