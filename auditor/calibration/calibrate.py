"""From the feature table to the reference table and all figures about it: pure, seeded, the same bytes for the same input.

What happens here:

1. Episodes whose truth nobody knows (``unlabelled`` surges) are left out of every estimate. They are neither organic nor inflated;
   at the end they are scored by the finished model and listed, and all headline figures are given once more with them counted as
   organic, to show what hangs on it.
2. Every way of estimating a test's ratio, and of combining tests, is scored out of sample: no test case shares its entity or its
   block of weeks with what the ratios were estimated from.
3. Of those that can be taken apart by family the one with the lowest Cllr is chosen, provided that the bound on misleading evidence
   holds at every tier.
4. The lead from which ``inflated`` may be named is set so that at most one real case in 1,000 is; the error rate that is reported
   uses thresholds set on other entities and weeks.
5. The shipped table is fitted to all episodes, with the factors that the out-of-sample ratios asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from auditor.calibration import table as tables
from auditor.calibration.crossval import TIERS, Folds, Model, deal, fit, out_of_sample
from auditor.calibration.evidence import CLASSES, ORGANIC, RIVALS, Evidence, evidence
from auditor.calibration.figures import headline, innocent, named_apart, planned, tier_figures
from auditor.calibration.informing import information_rows, single_tests
from auditor.calibration.naming import INFLATED, name
from auditor.calibration.recalibrate import bounding_factor
from auditor.calibration.weighting import class_weights
from auditor.findings import Hypothesis
from auditor.verdict.combine import MOST
from auditor.verdict.table import ReferenceTable, judged_table

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: Sizes and lengths that injections were planned at; realised ones are counted with the nearest.
SIZES, LENGTHS = (0.10, 0.25, 0.50, 1.00, 2.00, 3.00), (1, 3, 7, 14, 28)

#: What is compared: combination, and method of a single test. A boosted score (``boosted``) cannot be taken apart by family, and on 8,240
#: episodes it had not finished after seven minutes; hand it in as ``plans`` to compare it.
PLANS: tuple[tuple[str, str], ...] = (
    ("family_mean", "bins"),
    ("family_mean", "kde"),
    ("logistic", "bins"),
    ("logistic", "kde"),
    ("pairwise", "kde"),
    ("pairwise", "logistic"),
    ("generative", ""),
    ("pairwise", "bins"),
    ("pairwise", "isotonic"),
    ("pairwise_light", "logistic"),
    ("logistic_strong", "kde"),
    ("logistic", "logistic"),
    ("shared", "kde"),
)

#: Plans of a quick run.
QUICK: tuple[tuple[str, str], ...] = PLANS[:7]

#: Plans that a report can take apart by family, and that an audit can evaluate from a small table.
SHIPPABLE = frozenset({"family_mean", "logistic", "logistic_strong", "shared", "pairwise", "pairwise_light"})

#: Figures that the calibration aims at, by tier.
POWER_BAR, CLLR_BAR = {1: 0.60, 2: 0.85, 3: 0.95}, {1: 0.7, 2: 0.45, 3: 0.25}
FALSE_BAR, ERROR_BAR, CLEAN_BAR = 1e-3, 0.95, 0.01

_H = Hypothesis


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a calibration found.

    Attributes
    ----------
    report : dict
        All figures (``calibration.json``).
    table : dict
        The reference table (``reference.json``).
    """

    report: dict[str, Any]
    table: dict[str, Any]


def calibrate(
    tests: "pd.DataFrame",
    episodes: "pd.DataFrame | None" = None,
    *,
    seed: int = 0,
    quick: bool = False,
    origin: Mapping[str, Any] | None = None,
    version: str = "1",
    plans: Sequence[tuple[str, str]] | None = None,
    out_table: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Calibration:
    """Estimate, compare, choose, and measure how often the result is wrong.

    Parameters
    ----------
    tests : DataFrame
        Test outcomes of episodes whose truth is known; see :mod:`auditor.calibration.evidence`.
    episodes : DataFrame, optional
        One row per episode; only those that no test could be run on are taken from it (for the counts).
    seed : int
    quick : bool
        Fewer folds and fewer plans.
    origin : mapping
        Data hashes and the command, repeated in the table.
    plans : sequence of (combination, method), optional
    out_table : path, optional
        Where to write the reference table.

    Raises
    ------
    InputError
        When the table of tests lacks columns or cases.
    """
    said = progress or (lambda _: None)
    # Rules of the rulebook speak only when they are broken and bring weights of their own; they are not measured here.
    shelf = sorted({r for r in tests["rule"].astype(str) if r.startswith(("AUD2", "AUD3"))}) if "rule" in tests else []
    everything = _planned(evidence(tests, leave_out=shelf))
    unknown = (everything.info["certainty"].astype(str) == "unlabelled").to_numpy()
    known = everything.rows(~unknown)
    judged = judged_table()
    folds = deal(known, groups=3 if quick else 4, blocks=3 if quick else 4, seed=seed)
    compared, outs = [], {}
    for combination, method in plans or (QUICK if quick else PLANS):
        said(f"{combination} {method}".strip())
        made = out_of_sample(known, folds, combination=combination, method=method or "bins", seed=seed, judged=judged)
        outs[combination, method] = made
        compared.append(_plan_row(known, made, folds, combination, method))
    chosen = choose(compared)
    said(f"chosen: {' '.join(chosen)}")
    contributions = outs[chosen]
    tiers = {t: tier_figures(known, contributions[t], folds, tier=t) for t in TIERS}
    fitted = fit(known, combination=chosen[0], method=chosen[1], seed=seed, judged=judged)
    model = _shrunk(fitted, known, contributions)
    weight = class_weights(known)
    information = information_rows(known, model.per_test, weight)
    document = tables.as_document(
        model,
        known,
        version=version,
        cap=_caps(known, weight),
        inflated_from={t: tiers[t]["inflated_from"] for t in TIERS},
        errors={t: _errors(tiers[t]) for t in TIERS},
        detectable=[row for t in TIERS for row in tiers[t]["detectable"]],
        information=information,
        origin=dict(origin or {})
        | {"seed": seed, "quick": quick, "method": chosen[1], "combination": chosen[0], "episodes": len(known)},
    )
    report = {
        "form": "1",
        "seed": seed,
        "quick": quick,
        "origin": dict(origin or {}),
        "version": version,
        "counts": _counts(known, everything, episodes),
        "folds": {"entities": int(folds.entity.max()) + 1, "weeks": int(folds.week.max()) + 1},
        "comparison": compared,
        "chosen": {"combination": chosen[0], "method": chosen[1]},
        "tiers": {str(t): tiers[t] for t in TIERS},
        "bars": bars(tiers),
        "single_tests": single_tests(known, folds, chosen[1], seed),
        "information": information,
        "labelled": _labelled(everything, known, contributions, model, tiers),
        "unlabelled": _unlabelled(everything, unknown, model, tiers, chosen, folds, seed, judged),
        "dependence": _dependence(known, contributions),
        "blind_spots": _blind_spots(tiers),
    }
    if out_table is not None:
        tables.write(document, out_table)
    return Calibration(tables.plain(report), tables.plain(document))


def choose(compared: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the shippable plan with the lowest mean Cllr over the tiers among those whose bound holds at every tier.

    Where the bound holds for none the most cautious one is taken: the fewest organic cases above a ratio of 10.
    """
    able = [row for row in compared if row["combination"] in SHIPPABLE]
    sound = [row for row in able if row["bound_holds"]]
    if sound:
        best = min(sound, key=lambda r: (r["cllr_mean"], r["combination"], r["method"]))
    else:
        best = min(able, key=lambda r: (r["above_ten"], r["cllr_mean"]))
    return str(best["combination"]), str(best["method"])


def bars(tiers: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Set what was found beside what was aimed at."""
    rows: list[dict[str, Any]] = []

    def row(what: str, tier: int, found: Any, aim: str, *, met: bool) -> None:
        rows.append({"what": what, "tier": tier, "found": found, "aim": aim, "met": bool(met)})

    for t, f in tiers.items():
        false, power = f["false_accusation"], f["power"]
        row("false_accusation", t, false, f"<= {FALSE_BAR:g}", met=false["value"] <= FALSE_BAR)
        row("bound", t, f["bound"]["organic"], "P(LR > x) <= 1/x", met=f["bound_holds"])
        row("power", t, power, f">= {POWER_BAR[t]:g}", met=power["total"] > 0 and power["value"] >= POWER_BAR[t])
        row("cllr", t, f["cllr"], f"<= {CLLR_BAR[t]:g}", met=f["cllr"] <= CLLR_BAR[t])
        named, clean = f["data_error_named"], f["clean_called_error"]
        row("data_error_named", t, named, f">= {ERROR_BAR:g}", met=named["total"] > 0 and named["value"] >= ERROR_BAR)
        row("clean_called_error", t, clean, f"<= {CLEAN_BAR:g}", met=clean["value"] <= CLEAN_BAR)
    return rows


def _planned(ev: Evidence) -> Evidence:
    """Add to each injection the planned size and length that it is nearest to."""
    magnitude = ev.info["magnitude"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.abs(np.log(magnitude)[:, None] - np.log(SIZES)[None, :])
    distance = np.where(np.isfinite(distance), distance, np.inf)
    near = distance.min(axis=1) <= np.log(1.4)
    size = np.where(near & (ev.truth == INFLATED), np.array(SIZES)[distance.argmin(axis=1)], np.nan)
    days = ev.info["days"].to_numpy(dtype=float)
    length = np.array(LENGTHS)[np.abs(np.log(days)[:, None] - np.log(LENGTHS)[None, :]).argmin(axis=1)]
    names = np.array([h.value for h in CLASSES], dtype=object)[ev.truth]
    info = ev.info.assign(planned=size, length=length, truth_name=names)
    realised = info["magnitude"].where(~near, size)
    return replace(ev, info=info.assign(realised=magnitude, magnitude=realised, days_asked=days, days=length))


def _plan_row(ev: Evidence, made: Mapping[int, Floats], folds: Folds, combination: str, method: str) -> dict[str, Any]:
    by_tier = {}
    for tier, contributions in made.items():
        named, threshold = named_apart(ev, contributions, folds)
        called = named.code == INFLATED
        pure = innocent(ev)
        plan = planned(ev)
        by_tier[str(tier)] = headline(ev, contributions) | {
            "inflated_from": threshold,
            "false": int((called & pure).sum()),
            "innocent": int(pure.sum()),
            "power": float(called[plan].mean()) if plan.any() else float("nan"),
            "n_power": int(plan.sum()),
        }
    return {
        "combination": combination,
        "method": method,
        "tiers": by_tier,
        "cllr_mean": float(np.mean([v["cllr"] for v in by_tier.values()])),
        "bound_holds": all(v["bound_holds"] for v in by_tier.values()),
        "above_ten": int(sum(v["bound"]["organic"][0]["count"] for v in by_tier.values())),
        "shippable": combination in SHIPPABLE,
    }


def _shrunk(model: Model, ev: Evidence, contributions: Mapping[int, Floats]) -> Model:
    """Take into the shipped factors what the out-of-sample ratios still overstated."""
    factor = {}
    for tier, held in model.factor.items():
        total = contributions[tier].sum(axis=1)
        further = np.array([bounding_factor(total[ev.truth == ORGANIC, i]) for i in range(len(RIVALS))])
        factor[tier] = np.floor(held * further * 1e4) / 1e4
    return replace(model, factor=factor)


def _caps(ev: Evidence, weight: Floats) -> dict[int, Floats]:
    """Largest log ratio that the cases bear: one more than the effective cases of the smaller side would have shown."""
    organic = weight[ev.truth == ORGANIC].sum()
    sizes = [min(organic, max(weight[ev.truth == CLASSES.index(h)].sum(), 9.0)) for h in RIVALS]
    cap = np.minimum(np.log10(np.array(sizes) + 1), MOST)
    return dict.fromkeys(TIERS, cap)


def _errors(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Error rates of a tier that every audit repeats."""
    false, power = figures["false_accusation"], figures["power"]
    return {
        "false_count": false["count"],
        "false_total": false["total"],
        "false_high": false["high"],
        "power": power["value"] if power["total"] else None,
        "power_low": power["low"],
        "power_high": power["high"],
        "n_power": power["total"],
        "cllr": figures["cllr"],
        "cllr_min": figures["cllr_min"],
        "data_error_named": figures["data_error_named"]["value"],
    }


def _counts(known: Evidence, everything: Evidence, episodes: "pd.DataFrame | None") -> dict[str, Any]:
    weight = class_weights(known)
    return {
        "episodes": len(everything),
        "used": len(known),
        "unlabelled": len(everything) - len(known),
        "failed": 0 if episodes is None or "error" not in episodes else int((episodes["error"].fillna("") != "").sum()),
        "by_truth": [
            {
                "truth": h.value,
                "episodes": int((known.truth == k).sum()),
                "entities": int(np.unique(known.entity[known.truth == k]).size),
                "weeks": int(np.unique(known.week[known.truth == k]).size),
                "effective": float(weight[known.truth == k].sum()),
            }
            for k, h in enumerate(CLASSES)
        ],
        "by_kind": [
            {"truth": str(truth), "kind": str(kind), "certainty": str(certainty), "episodes": len(group)}
            for (truth, kind, certainty), group in everything.info.groupby(
                ["truth_name", "kind", "certainty"], sort=True
            )
        ],
    }


def _labelled(
    everything: Evidence,
    known: Evidence,
    contributions: Mapping[int, Floats],
    model: Model,
    tiers: Mapping[int, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Real spikes one by one: the label, and what would be said of each (out of sample where its truth was used)."""
    place = {episode: i for i, episode in enumerate(known.info["episode"])}
    listed = everything.info["kind"].astype(str).eq("labelled").to_numpy()
    listed = listed | everything.info["source"].astype(str).str.startswith("organic").to_numpy()
    rows = []
    part = everything.rows(np.flatnonzero(listed))
    ratios = model.per_test(part) if len(part) else np.zeros((0, len(everything.rules), len(RIVALS)))
    for i in range(len(part)):
        info = part.info.iloc[i]
        one = part.rows(np.array([i]))
        by_tier = {}
        for t in TIERS:
            at = place.get(info["episode"])
            families = contributions[t][[at]] if at is not None else model.contributions(one, ratios[[i]], t)
            said = name(
                families,
                np.array([float(info["elevation"])]),
                np.array([bool(info["settled"])]),
                tiers[t]["inflated_from"],
                families=part.families,
            )
            total = np.clip(families.sum(axis=1)[0], -MOST, MOST)
            by_tier[str(t)] = {
                "named": CLASSES[said.code[0]].value if said.code[0] >= 0 else "insufficient",
                "leading": CLASSES[said.leading[0]].value,
                "lead": float(said.lead[0]),
                "inflated": float(total[RIVALS.index(_H.INFLATED)]),
                "incentivised": float(total[RIVALS.index(_H.INCENTIVISED)]),
            }
        rows.append(
            {k: str(info[k]) for k in ("episode", "kind", "certainty", "source")}
            | {"label": CLASSES[part.truth[i]].value, "out_of_sample": info["episode"] in place, "tiers": by_tier}
        )
    return rows


def _unlabelled(
    everything: Evidence,
    unknown: npt.NDArray[np.bool_],
    model: Model,
    tiers: Mapping[int, Mapping[str, Any]],
    chosen: tuple[str, str],
    folds: Folds,
    seed: int,
    judged: ReferenceTable,
) -> dict[str, Any]:
    """Score surges whose truth nobody knows, and the figures with them counted as organic."""
    if not unknown.any():
        return {"episodes": 0}
    part = everything.rows(unknown)
    ratios = model.per_test(part)
    elevation = part.info["elevation"].to_numpy(dtype=float)
    settled = part.info["settled"].to_numpy(dtype=bool)
    named = {
        t: name(
            model.contributions(part, ratios, t), elevation, settled, tiers[t]["inflated_from"], families=part.families
        )
        for t in TIERS
    }
    again = deal(everything, groups=int(folds.entity.max()) + 1, blocks=int(folds.week.max()) + 1, seed=seed)
    counted = out_of_sample(everything, again, combination=chosen[0], method=chosen[1], seed=seed, judged=judged)
    return {
        "episodes": int(unknown.sum()),
        "called_inflated": {str(t): int((named[t].code == INFLATED).sum()) for t in TIERS},
        "counted_as_organic": _plan_row(everything, counted, again, *chosen)["tiers"],
    }


def _dependence(ev: Evidence, contributions: Mapping[int, Floats]) -> dict[str, Any]:
    """Correlation of the families' contributions to inflation on organic cases at full knowledge."""
    part = contributions[max(TIERS)][ev.truth == ORGANIC][:, :, RIVALS.index(_H.INFLATED)]
    families = sorted(set(ev.families))
    varied = [f for f in range(part.shape[1]) if part[:, f].std() > 1e-9]
    if len(varied) < 2:
        return {"families": [], "correlation": []}
    return {
        "families": [families[f] for f in varied],
        "correlation": np.round(np.corrcoef(part[:, varied].T), 3).tolist(),
    }


def _blind_spots(tiers: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Kinds of inflation of which less than half is found when they double an established entity for fourteen days."""
    return [
        {"tier": t, "kind": row["kind"], "power": row["power"], "n": row["n"]}
        for t, figures in tiers.items()
        for row in figures["power_by_kind"]
        if row["power"] < 0.5
    ]
