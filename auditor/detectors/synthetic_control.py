"""AUD122 compares the subject with what its peers' figures predict for the window.

A weighted mix of peers is fitted to the subject's logarithms before the window (non-negative least squares) and carried
through it; the mean gap, over the fit error, is ranked among the same computed with every peer in the subject's place.

The spike itself contaminates its donors: peers that lost users to it pull the mix down and the gap up. So ids that share
the subject's id up to the variant suffix never serve, and the whole is repeated without the peers that fell by
``LOSER_SHARE`` of the subject's rise or more. The repetition is shown, and does not replace the headline, because peers
picked by what they did in the window are no longer exchangeable with it. Where a market total is known, the same is done on
log shares of the market without the subject.

References
----------
Abadie, A., Diamond, A., Hainmueller, J. (2010). Synthetic control methods for comparative case studies. JASA 105(490),
493-505. doi:10.1198/jasa.2009.ap08746
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.platform_total import severity_of
from auditor.errors import InputError
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Statistic
from auditor.kernels.synthetic import MIN_DONORS, MIN_PRE, SyntheticControl, synthetic_control
from auditor.observations import Status
from auditor.panel import Table
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD122", name="synthetic_control", family=Family.MARKET)

#: Longest stretch before the window that trains the weights, in periods.
PRE_PERIODS = 60

#: The first periods of a subject that was launched inside the panel are its ramp, and no baseline.
RAMP = 14

#: Fewest complete periods before the window: the false-alarm rate was measured from 14 on.
MIN_HISTORY = 14

#: Weights that sum to more than this amplify the peers instead of mixing them, and predict nonsense in a trend.
MAX_WEIGHT = 5.0

#: A fit error below this (in logarithms) means that the peers outnumber the periods: any prediction would fit.
PERFECT = 1e-6

#: Largest number of donors, by their median level before the window; bounds the cost on panels of thousands of entities.
MOST_DONORS = 60

#: A peer that fell by this share of the subject's rise or more may have lost users to it.
LOSER_SHARE = 0.1

#: Logarithms beyond this are cut off before they are turned back.
LARGEST = 300.0

#: Coverage of the interval from placebos.
COVERAGE = 0.9


@dataclass(frozen=True)
class Fit:
    """A synthetic control and the donors' names, in the order of its weights."""

    control: SyntheticControl
    names: tuple[str, ...]

    @property
    def fold(self) -> float:
        """Geometric mean over the window of the subject's value over the predicted one."""
        return float(np.exp(self.control.effect))

    @property
    def credible(self) -> bool:
        """Whether the peers are mixed, neither amplified nor fitted without error; judged before the window only."""
        return float(self.control.weights.sum()) <= MAX_WEIGHT and self.control.pre_rmse > PERFECT

    @property
    def interval(self) -> tuple[float, float]:
        """Fold within the ``COVERAGE`` quantile of the placebos' absolute statistics, in fit errors of the subject."""
        control = self.control
        if not control.statistic:
            return self.fold, self.fold
        error = control.effect / control.statistic
        ordered = np.sort(np.abs(control.placebo_statistics))
        place = min(int(np.ceil((ordered.size + 1) * COVERAGE)), ordered.size) - 1
        reach = float(ordered[place]) * error
        ends = np.exp(np.clip([control.effect - reach, control.effect + reach], -LARGEST, LARGEST))
        return float(ends[0]), float(ends[1])


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Predict the window from the peers and rank the gap among placebos."""
    subject, first = scene.subject, scene.window.start
    target = logs(np.where(subject.settled, subject.values, np.nan))
    if subject.launched_inside and subject.first_seen is not None:
        target[: min(subject.first_seen + RAMP, first)] = np.nan
    history = int(np.isfinite(target[max(0, first - PRE_PERIODS) : first]).sum())
    if history < MIN_HISTORY:
        return RULE.not_applicable("no_history", subject=subject.name, n=history, needed=MIN_HISTORY, ramp=RAMP)
    names, donors = _donors(scene)
    if len(names) < MIN_DONORS:
        return RULE.not_applicable("few_donors", n=len(names), needed=MIN_DONORS)
    levels = _fit(target, logs(donors), names, scene.window)
    if levels is None:
        return RULE.not_applicable("unusable", needed=MIN_HISTORY, donors=MIN_DONORS)
    if not levels.credible:
        return RULE.not_applicable("no_mix", subject=subject.name, n=levels.control.n_pre)
    losers = _losers(scene, names, donors)
    kept = [i for i, name in enumerate(names) if name not in losers]
    clean = _fit(target, logs(donors[:, kept]), tuple(names[i] for i in kept), scene.window) if losers else levels
    clean = clean if clean is not None and clean.credible else None
    return [_finding(scene, levels, clean, _share_fit(scene, target, names, donors), losers)]


def logs(values: Floats) -> Floats:
    """Natural logarithms; NaN where a value is unknown or not positive."""
    positive = np.isfinite(values) & (values > 0)
    result: Floats = np.where(positive, np.log(np.where(positive, values, 1.0)), np.nan)
    return result


def _fit(target: Floats, donors: Floats, names: tuple[str, ...], window: slice) -> Fit | None:
    try:
        control = synthetic_control(
            target, donors, (window.start, window.stop), pre_days=PRE_PERIODS, alternative="greater"
        )
    except InputError:
        return None
    return Fit(control, names) if np.isfinite(control.effect) and control.n_pre >= MIN_HISTORY else None


def _donors(scene: Scene) -> tuple[tuple[str, ...], Floats]:
    """Complete values of the peers that may serve: no other variant of the subject's ids, the largest before the window."""
    table: Table = scene.peers
    own = {part.partition(":")[0] for part in scene.subject.parts}
    values = np.where(table.status == Status.PARTIAL, np.nan, table.values)
    start = max(0, scene.window.start - PRE_PERIODS)
    before = values[start : scene.window.start]
    known = np.isfinite(before).sum(axis=0)
    eligible = [
        i for i, name in enumerate(table.entities) if name.partition(":")[0] not in own and known[i] >= MIN_HISTORY
    ]
    size = {i: float(np.nanmedian(before[:, i])) for i in eligible}
    chosen = sorted(sorted(eligible, key=lambda i: (-size[i], table.entities[i]))[:MOST_DONORS])
    return tuple(table.entities[i] for i in chosen), values[:, chosen]


def _losers(scene: Scene, names: tuple[str, ...], donors: Floats) -> frozenset[str]:
    """Peers whose mean level fell, from the periods just before the window into it, by a good part of the subject's rise."""
    length = scene.panel.frequency.season or MIN_PRE
    before = slice(max(0, scene.window.start - length), scene.window.start)
    subject = np.where(scene.subject.settled, scene.subject.values, np.nan)[:, None]

    def change(values: Floats) -> Floats:
        ends = []
        for part in (values[before], values[scene.window]):
            known = np.isfinite(part)
            count = known.sum(axis=0)
            ends.append(np.where(count > 0, np.where(known, part, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan))
        return np.asarray(ends[1] - ends[0])

    rise = float(change(subject)[0])
    if not rise > 0:
        return frozenset()
    fall = -change(donors)
    return frozenset(name for name, amount in zip(names, fall, strict=True) if amount >= LOSER_SHARE * rise)


def _share_fit(scene: Scene, target: Floats, names: tuple[str, ...], donors: Floats) -> Fit | None:
    """Fit the same on logarithms of shares of the market without the subject, where its total is known.

    Shares have no common trend to extrapolate, so large weights do no harm to them.
    """
    if not scene.table.has_total:
        return None
    known = np.where(np.isfinite(scene.subject.values), scene.subject.values, 0.0)
    rest = logs(scene.table.total - known)
    fit = _fit(target - rest, logs(donors) - rest[:, None], names, scene.window)
    return fit if fit is not None and fit.control.pre_rmse > PERFECT else None


def _finding(scene: Scene, fit: Fit, clean: Fit | None, shares: Fit | None, losers: frozenset[str]) -> Finding:
    control, subject = fit.control, scene.subject
    inside = np.arange(scene.window.start, scene.window.stop)
    measured = np.where(subject.settled, subject.values, np.nan)
    predicted = np.exp(np.clip(control.counterfactual, -LARGEST, LARGEST))
    used = inside[np.isfinite(measured[inside]) & np.isfinite(predicted[inside]) & (measured[inside] > 0)]
    low, high = fit.interval
    weights = sorted(zip(-control.weights, fit.names, strict=True))[:3]
    carried = int((control.weights > 0).sum())
    limits = [Message.of("AUD122.limit_window")]
    if losers and clean is not None:
        limits.append(Message.of("AUD122.limit_losers", n=len(losers), fold=clean.fold, p=clean.control.p))
    elif losers:
        limits.append(Message.of("AUD122.limit_losers_only", n=len(losers)))
    if shares is not None:
        limits.append(Message.of("AUD122.limit_shares", fold=shares.fold, p=shares.control.p))
    if carried:
        limits.append(Message.of("AUD122.limit_donors", n=carried, name=weights[0][1], weight=-float(weights[0][0])))
    else:
        limits.append(Message.of("AUD122.limit_no_fit"))
    if control.n_pre < 28:
        limits.append(Message.of("AUD122.limit_short", n=control.n_pre))
    side = "above" if control.effect > 0 else "below"
    rows = np.arange(max(0, scene.window.start - PRE_PERIODS), scene.window.stop)
    nothing = float("nan")
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=subject.name,
        window=scene.span,
        statement=Message.of(
            f"AUD122.{side}",
            subject=subject.name,
            start=scene.day(scene.window.start),
            end=scene.day(scene.window.stop - 1),
            fold=fit.fold,
            measured=float(measured[used].mean()),
            predicted=float(predicted[used].mean()),
            rank=control.rank,
            n=control.n_placebo + 1,
        ),
        statistic=Statistic(
            name="fold over the peers' prediction",
            value=fit.fold,
            unit="times",
            reference=Message.of("AUD122.reference", n=control.n_placebo),
            n_reference=control.n_placebo,
            rank=control.rank,
            p=control.p,
            low=low,
            high=high,
        ),
        severity=severity_of(control.p),
        confidence=_confidence(control, losers, clean),
        limits=tuple(limits),
        data=Rows.of(
            date=[scene.day(int(r)) for r in rows],
            subject=measured[rows].tolist(),
            predicted=predicted[rows].tolist(),
            log_gap=control.gap[rows].tolist(),
        ),
        figures=MappingProxyType(
            {
                "fold": fit.fold,
                "effect_log": control.effect,
                "fit_error_log": control.pre_rmse,
                "studentised": control.statistic,
                "excess": float((measured[used] - predicted[used]).sum()),
                "periods_before": float(control.n_pre),
                "donors_weighted": float(carried),
                "losers": float(len(losers)),
                "fold_without_losers": clean.fold if clean else nothing,
                "p_without_losers": clean.control.p if clean else nothing,
                "fold_on_shares": shares.fold if shares else nothing,
                "p_on_shares": shares.control.p if shares else nothing,
                **{f"weight {name}": -float(weight) for weight, name in weights if weight < 0},
            }
        ),
    )


def _confidence(control: SyntheticControl, losers: frozenset[str], clean: Fit | None) -> Confidence:
    """High: four weeks before, 19 placebos (so that p can reach 5 %), and the same answer without the losers."""
    if control.n_placebo < 10 or not control.weights.any():
        return Confidence.LOW
    agrees = not losers or (clean is not None and (clean.control.p <= 0.05) == (control.p <= 0.05))
    return Confidence.HIGH if control.n_pre >= 28 and control.n_placebo >= 19 and agrees else Confidence.MEDIUM
