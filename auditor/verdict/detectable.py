"""How small an inflation would still have been found: looked up in what the calibration measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from auditor.detectors.base import Scene
from auditor.texts.message import Message
from auditor.verdict.domain import Domain
from auditor.verdict.model import Detectable
from auditor.verdict.table import ReferenceTable
from auditor.window import BASE_PERIODS


def detectable(scene: Scene, table: ReferenceTable, *, tier: int, domain: Domain) -> Detectable | None:
    """Return the smallest inflation found in 80 % of injections into subjects like this one; None where that was not measured.

    Like this one: known before the window or new, at the same tier, over the calibrated length nearest below the window's.
    """
    if domain is not Domain.NATIVE or not table.detectable:
        return None
    known = scene.subject.values[max(0, scene.window.start - BASE_PERIODS) : scene.window.start]
    established = int(np.isfinite(known).sum()) >= BASE_PERIODS // 2
    length = scene.window.stop - scene.window.start
    rows = [r for r in table.detectable if r["tier"] == tier and bool(r["established"]) is established]
    if not rows:
        return None
    shorter = [r for r in rows if r["days"] <= length]
    row = max(shorter, key=lambda r: r["days"]) if shorter else min(rows, key=lambda r: r["days"])
    return _of(row, established=established)


def _of(row: Mapping[str, Any], *, established: bool) -> Detectable:
    least = row["least"]
    values = {"tier": int(row["tier"]), "days": int(row["days"]), "n": int(row["n"]), "largest": float(row["largest"])}
    if least is None:
        words = Message.of("verdict.detectable.none", **values)
    else:
        words = Message.of("verdict.detectable.least", **values, least=float(least))
    power = row.get("power")
    return Detectable(
        tier=int(row["tier"]),
        established=established,
        days=int(row["days"]),
        least=None if least is None else float(least),
        largest=float(row["largest"]),
        power=None if power is None else float(power),
        words=words,
    )
