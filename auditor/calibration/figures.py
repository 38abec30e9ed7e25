"""All figures of a calibration at one tier, from ratios whose truth is known and that were made out of sample."""

from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.calibration import scores
from auditor.calibration.crossval import Folds
from auditor.calibration.detectable import detectable_rows, power_rows
from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS, Evidence
from auditor.calibration.naming import INFLATED, INSUFFICIENT, Named, name, smallest_threshold
from auditor.findings import Hypothesis
from auditor.verdict.combine import MOST
from auditor.verdict.decide import SMALLEST_RISE

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_AT = RIVALS.index(Hypothesis.INFLATED)
_INCENTIVISED = RIVALS.index(Hypothesis.INCENTIVISED)

#: What nobody added traffic to: real cases, whose being called inflated would be a false accusation.
INNOCENT = (Hypothesis.ORGANIC, Hypothesis.INCENTIVISED)


def innocent(evidence: Evidence) -> Mask:
    """Episodes of real traffic to which nothing was added."""
    result: Mask = np.isin(evidence.truth, [CLASSES.index(h) for h in INNOCENT])
    return result


def against_innocent(total: Floats) -> Floats:
    """log10 ratio of inflation against "organic or incentivised", each held equally probable, shape (E,).

    The probability under a compound alternative is the mean of those under its parts.
    """
    total = np.clip(total, -MOST, MOST)
    result: Floats = total[:, _AT] - np.log10((1 + 10 ** total[:, _INCENTIVISED]) / 2)
    return result


def case_weights(evidence: Evidence) -> Floats:
    """Weights by which an entity-week counts once per explanation, and organic as much as incentivised in a compound alternative."""
    cluster = evidence.entity * (int(evidence.week.max(initial=0)) + 1) + evidence.week
    weight = np.zeros(len(evidence))
    for k in range(len(CLASSES)):
        chosen = np.flatnonzero(evidence.truth == k)
        if chosen.size:
            _, inverse, size = np.unique(cluster[chosen], return_inverse=True, return_counts=True)
            weight[chosen] = 1.0 / size[inverse]
            weight[chosen] /= weight[chosen].sum()
    return weight


def asked(evidence: Evidence) -> Mask:
    """Return the windows of which the question is asked: those that rose by a quarter, and new entities."""
    elevation = evidence.info["elevation"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        result: Mask = ~(elevation < SMALLEST_RISE)
    return result


def large(evidence: Evidence) -> Mask:
    """Return the injections of +100 % or more over 14 days or more on established entities."""
    info = evidence.info
    with np.errstate(invalid="ignore"):
        size = info["realised"].to_numpy(dtype=float) >= 0.9
    result: Mask = (evidence.truth == INFLATED) & size & (info["length"].to_numpy() >= 14)
    result &= info["established"].to_numpy(dtype=bool)
    return result


def headline(evidence: Evidence, contributions: Floats) -> dict[str, Any]:
    """Cllr, its minimum, calibration error and the bound, of inflation against organic or incentivised.

    ``cllr`` is over the windows of which the question is asked; ``cllr_all`` over all, however small the injection and even where
    nothing rose; ``cllr_large`` over injections of the size that the bar of the power names, against the windows asked about.
    """
    ratio = against_innocent(contributions.sum(axis=1))
    total = np.clip(contributions.sum(axis=1), -MOST, MOST)
    weight = case_weights(evidence)
    yes, no, organic = evidence.truth == INFLATED, innocent(evidence), evidence.truth == ORGANIC
    rose = asked(evidence)
    bounds = {
        "organic": scores.bound_check(total[organic, _AT]),
        "organic_risen": scores.bound_check(total[organic & rose, _AT]),
        "innocent": scores.bound_check(ratio[no]),
        "lead": scores.bound_check(_lead(total)[no]),
    }

    def cost(a: Mask, b: Mask) -> tuple[float, float]:
        given = (ratio[a], ratio[b], weight[a], weight[b])
        return scores.cllr(*given), scores.cllr_min(*given)

    out: dict[str, Any] = {}
    for label, a, b in (("", yes & rose, no & rose), ("_all", yes, no), ("_large", large(evidence), no & rose)):
        out[f"cllr{label}"], out[f"cllr_min{label}"] = cost(a, b)
        out[f"n{label}"] = [int(a.sum()), int(b.sum())]
    return out | {
        "ece": scores.ece(ratio[yes & rose], ratio[no & rose]),
        "bound": {
            against: [
                {
                    "x": b.x,
                    "count": b.rate.count,
                    "total": b.rate.total,
                    "low": b.rate.low,
                    "high": b.rate.high,
                    "holds": b.holds,
                }
                for b in rows
            ]
            for against, rows in bounds.items()
        },
        "bound_holds": all(b.holds for b in (*bounds["organic"], *bounds["organic_risen"])),
    }


def _lead(total: Floats) -> Floats:
    """Ratio of inflation over its best rival, organic included."""
    rivals = np.delete(total, _AT, axis=1).max(axis=1)
    result: Floats = total[:, _AT] - np.maximum(rivals, 0.0)
    return result


def named_apart(evidence: Evidence, contributions: Floats, folds: Folds) -> tuple[Named, float]:
    """Name every episode with a threshold that was set on the other entities and weeks; and the threshold set on all.

    A threshold chosen on the very cases it is then counted on would look better than it is.
    """
    elevation = evidence.info["elevation"].to_numpy(dtype=float)
    settled = evidence.info["settled"].to_numpy(dtype=bool)
    open_ = name(contributions, elevation, settled, 0.0, families=evidence.families)
    pure = innocent(evidence)
    whole = smallest_threshold(open_, pure)
    needed = np.full(len(evidence), whole)
    for test, training in folds.cells():
        if (pure & training).any():
            part = Named(open_.code[training], open_.leading[training], open_.lead[training], open_.open[training])
            needed[test] = smallest_threshold(part, pure[training])
    return name(contributions, elevation, settled, needed, families=evidence.families), whole


def tier_figures(evidence: Evidence, contributions: Floats, folds: Folds, *, tier: int) -> dict[str, Any]:
    """Everything a calibration report shows of one tier."""
    named, threshold = named_apart(evidence, contributions, folds)
    called = named.code == INFLATED
    info = evidence.info
    ratio = against_innocent(contributions.sum(axis=1))
    yes, no = evidence.truth == INFLATED, innocent(evidence)
    shown, shown_no = yes & asked(evidence), no & asked(evidence)
    injected = info[yes]
    false = scores.rate(int((called & no).sum()), int(no.sum()))
    error = CLASSES.index(Hypothesis.DATA_ERROR)
    errors = evidence.truth == error
    plan = planned(evidence)
    return headline(evidence, contributions) | {
        "tier": tier,
        "inflated_from": threshold,
        "false_accusation": _rate(false),
        "false_by": {
            by: [
                {by: str(key)} | _rate(scores.rate(int(called[rows].sum()), int(rows.sum())))
                for key in sorted(set(info[by].astype(str)[no]))
                for rows in [no & (info[by].astype(str) == key).to_numpy()]
            ]
            for by in ("certainty", "source", "truth_name", "kind")
            if by in info
        },
        "at_ten": _rate(
            scores.rate(int((_lead(np.clip(contributions.sum(axis=1), -MOST, MOST)) >= 1)[no].sum()), int(no.sum()))
        ),
        "tippett": scores.tippett(ratio[shown], ratio[shown_no]),
        "reliability": scores.reliability(ratio[shown], ratio[shown_no]),
        "confusion": _confusion(evidence, named),
        "power": _rate(scores.rate(int(called[plan].sum()), int(plan.sum()))),
        "power_by_kind": power_rows(info[plan], called[plan], ["kind"]),
        "power_cells": power_rows(injected, called[yes], ["established", "kind", "days", "magnitude"]),
        "power_all_kinds": power_rows(injected, called[yes], ["established", "days", "magnitude"]),
        "detectable": detectable_rows(injected, called[yes], tier=tier),
        "detectable_by_kind": detectable_rows(injected, called[yes], tier=tier, by_kind=True),
        "data_error_named": _rate(scores.rate(int((named.code == error)[errors].sum()), int(errors.sum()))),
        "data_error_by_kind": [
            {"kind": kind} | _rate(scores.rate(int((named.code == error)[rows].sum()), int(rows.sum())))
            for kind in sorted(set(info["kind"][errors].astype(str)))
            for rows in [errors & (info["kind"].astype(str) == kind).to_numpy()]
        ],
        "clean_called_error": _rate(scores.rate(int((named.code == error)[no].sum()), int(no.sum()))),
        "insufficient": {
            h.value: float((named.code[evidence.truth == k] == INSUFFICIENT).mean())
            for k, h in enumerate(CLASSES)
            if (evidence.truth == k).any()
        },
    }


def planned(evidence: Evidence) -> Mask:
    """Return the injections that the bar of the power is about: doubled for fourteen days, on an established entity."""
    info = evidence.info
    result: Mask = (evidence.truth == INFLATED) & np.isclose(info["planned"].to_numpy(dtype=float), 1.0)
    result &= info["established"].to_numpy(dtype=bool) & (info["length"].to_numpy() == 14)
    return result


def _confusion(evidence: Evidence, named: Named) -> list[dict[str, Any]]:
    return [
        {"truth": h.value, "n": int((evidence.truth == k).sum())}
        | {"insufficient": int((named.code[evidence.truth == k] == INSUFFICIENT).sum())}
        | {g.value: int((named.code[evidence.truth == k] == j).sum()) for j, g in enumerate(CLASSES)}
        for k, h in enumerate(CLASSES)
    ]


def _rate(r: scores.Rate) -> dict[str, Any]:
    return {"count": r.count, "total": r.total, "value": r.value, "low": r.low, "high": r.high}
