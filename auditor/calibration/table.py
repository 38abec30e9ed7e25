"""Writes what was measured as the reference table that an audit reads (:mod:`auditor.verdict.table` is the reader)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.calibration.crossval import Model
from auditor.calibration.evidence import CLASSES, RIVALS, Evidence
from auditor.calibration.likelihood import Ratios

Floats = npt.NDArray[np.float64]

#: Version of the form of the table.
FORM = "1"


def as_document(
    model: Model,
    evidence: Evidence,
    *,
    version: str,
    cap: Mapping[int, Floats],
    inflated_from: Mapping[int, float],
    errors: Mapping[int, Mapping[str, Any]],
    detectable: list[dict[str, Any]],
    information: list[dict[str, Any]],
    origin: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the reference table as plain values."""
    rules: dict[str, dict[str, Any]] = {}
    for (rule, variant), ratios in sorted(model.per_test.curves.items()):
        rules.setdefault(rule, {})[variant] = _curve(ratios)
    tiers = {
        str(tier): {
            "weights": _weights(model, tier),
            "factor": _named(model.factor[tier]),
            "cap": _named(cap[tier]),
            "inflated_from": round(float(inflated_from[tier]), 3),
            "errors": dict(errors[tier]),
        }
        for tier in sorted(model.factor)
    }
    ran = np.isfinite(evidence.value)
    tier_of = {rule: int(evidence.tier[ran[:, j], j].min()) for j, rule in enumerate(evidence.rules) if ran[:, j].any()}
    return {
        "form": FORM,
        "version": version,
        "rules": rules,
        "tiers": tiers,
        "tier_of": tier_of,
        "detectable": detectable,
        "information": information,
        "origin": dict(origin),
    }


def dumps(document: Mapping[str, Any]) -> str:
    """Write a document: sorted keys, short lists on one line, no NaN, a newline at the end."""
    return _write(plain(document), "") + "\n"


def write(document: Mapping[str, Any], path: Path) -> None:
    """Write the table to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(document), encoding="utf-8", newline="\n")


def plain(value: Any) -> Any:
    """Return JSON-ready values: numpy numbers unwrapped, floats to eight digits, what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.8g}") if np.isfinite(value) else None
    return value


def _write(value: Any, indent: str) -> str:
    flat = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    if len(flat) + len(indent) <= 130 or not isinstance(value, dict | list) or not value:
        return flat
    deeper = indent + " "
    if isinstance(value, dict):
        items = [f"{deeper}{json.dumps(k)}: {_write(value[k], deeper)}" for k in sorted(value)]
        return "{\n" + ",\n".join(items) + "\n" + indent + "}"
    return "[\n" + ",\n".join(deeper + _write(v, deeper) for v in value) + "\n" + indent + "]"


def _curve(ratios: Ratios) -> dict[str, Any]:
    measured = ratios.measured
    return {
        "measure": ratios.measure,
        "steps": ratios.steps,
        "knots": ratios.knots.tolist(),
        "log10_lr": {h.value: ratios.log10_lr[:, i].tolist() for i, h in enumerate(RIVALS) if measured[i]},
        "cases": {h.value: round(float(ratios.effective[k]), 1) for k, h in enumerate(CLASSES)},
        "quantiles": ratios.quantiles.tolist(),
    }


def _weights(model: Model, tier: int) -> dict[str, dict[str, float]]:
    if not model.sums:
        return {}
    total = model.sums[tier]
    return {
        rule: {h.value: round(float(total.weights[j, i]), 4) for i, h in enumerate(RIVALS) if total.weights[j, i] > 0}
        for j, rule in enumerate(total.rules)
        if (total.weights[j] > 0).any()
    }


def _named(values: Floats) -> dict[str, float]:
    return {h.value: round(float(values[i]), 4) for i, h in enumerate(RIVALS)}
