"""Retention: the level before and after a free period ended."""

import itertools
import math
from datetime import datetime

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    INK,
    LOSS,
    MUTED,
    SUBJECT,
    Chart,
    Plot,
    Spec,
    columns,
    days_axis,
    frame,
    halo,
    instant,
    layer,
    moment,
    scale_of,
    unit_of,
)
from auditor.report.words import Words


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the days on both sides of the event as bars, with the two that are compared named."""
    found = columns(finding, "date", "side", "value")
    if found is None:
        return None
    days = [instant(d) for d in found["date"]]
    values = [float(v) if v is not None else math.nan for v in found["value"]]
    rows = [(d, str(s), v) for d, s, v in zip(days, found["side"], values, strict=True) if d is not None]
    known = [v for _, _, v in rows if math.isfinite(v)]
    if len(known) < 2 or max(known) <= 0:
        return None
    title = words.t("chart.retention.title")
    said = words.say(finding.statement)
    return Chart(
        key,
        title,
        said,
        (Plot(key, "", _spec(finding, scene, words, rows), title, said),),
        finding.data or Rows((), ()),
    )


def _spec(finding: Finding, scene: Scene, words: Words, rows: list[tuple[datetime, str, float]]) -> Spec:
    width, height, left, right = 300, 150, 44, 16
    divisor, unit = scale_of(max(v for *_, v in rows if math.isfinite(v)), words.language)
    top = max(v for *_, v in rows if math.isfinite(v)) / divisor
    stamps = [moment(d) for d, *_ in rows]
    step = min((b - a for a, b in itertools.pairwise(stamps)), default=86_400_000)
    half = step * 0.38
    span = [min(stamps) - step / 2, max(stamps) + step / 2]
    x = days_axis("x", span, words.axis(scene.panel.frequency))
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, top * 1.12], "nice": False},
        "axis": {"title": None, "tickCount": 3, "format": ",.4~f"},
    }
    bars = {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}}
    layers = []
    for side, colour in (("before", SUBJECT), ("mixed", MUTED), ("after", LOSS)):
        part = [
            {"x": s - half, "x2": s + half, "y": v / divisor, "y2": 0}
            for s, (_, k, v) in zip(stamps, rows, strict=True)
            if k == side and math.isfinite(v)
        ]
        if part:
            layers.append(layer("rect", part, bars, color=colour))
    labels = []
    value = finding.statistic.value if finding.statistic else None
    after = [(s, v) for s, (_, k, v) in zip(stamps, rows, strict=True) if k == "after" and math.isfinite(v)]
    if value is not None and after:
        labels.append(
            {
                "x": after[0][0],
                "y": max(after[0][1] / divisor, 0) + top * 0.09,
                "text": words.t("chart.retention.stayed", share=value),
            }
        )
    place: Spec = {"x": x, "y": y, "text": {"field": "text", "type": "nominal"}}
    layers += halo(labels, place, INK, align="left", baseline="bottom", fontWeight="bold")
    layers.append(unit_of(words.t(f"scale.{unit}", unit=words.unit(scene.table)), -left + 2, -8))
    return frame(width, height, left=left, right=right, top=26, bottom=24, layers=layers)
