"""Synthetic control: the subject, and what its peers predict for it."""

import math
from typing import Any

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    MUTED,
    SHADE,
    SUBJECT,
    Chart,
    Plot,
    Spec,
    columns,
    days_axis,
    frame,
    instant,
    layer,
    moment,
    scale_of,
    short,
    spread,
    unit_of,
)
from auditor.report.words import Words


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the measured and the predicted line, with the window shaded."""
    found = columns(finding, "date", "subject", "predicted")
    if found is None:
        return None
    rows = [
        (moment(d), _known(own), _known(predicted))
        for d, own, predicted in zip(
            (instant(d) for d in found["date"]), found["subject"], found["predicted"], strict=True
        )
        if d is not None
    ]
    known = [v for _, *both in rows for v in both if v is not None]
    if len(rows) < 2 or not known or max(known) <= 0:
        return None
    title = words.t("chart.control.title")
    said = words.say(finding.statement)
    caption = (words.t("chart.control.caption"),)
    spec = _spec(rows, max(known), scene, words)
    return Chart(key, title, said, (Plot(key, "", spec, title, said),), finding.data or Rows((), ()), caption)


def _known(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _spec(rows: list[tuple[int, float | None, float | None]], largest: float, scene: Scene, words: Words) -> Spec:
    width, height, left, right = 214, 160, 46, 100
    half = scene.panel.frequency.days * 43_200_000
    divisor, unit = scale_of(largest, words.language)
    top = largest / divisor * 1.06
    span = [rows[0][0] - half, rows[-1][0] + half]
    x = days_axis("x", span, words.axis(scene.panel.frequency))
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, top], "nice": False},
        "axis": {"title": None, "tickCount": 3, "format": ",.4~f"},
    }
    shade = [{"x": max(moment(scene.span.start) - half, span[0]), "x2": min(moment(scene.span.end) + half, span[1])}]
    box = {"x": x, "x2": {"field": "x2"}, "y": {"value": 0}, "y2": {"value": height}}
    layers = [layer("rect", shade, box, color=SHADE)] if shade[0]["x"] < shade[0]["x2"] else []
    ends = []
    for k, name in ((2, words.t("chart.control.predicted")), (1, short(scene.subject.name, 11))):
        points = [{"x": s, "y": v / divisor if v is not None else None} for s, *pair in rows for v in (pair[k - 1],)]
        look: Spec = (
            {"color": SUBJECT, "strokeWidth": 2.4}
            if k == 1
            else {"color": MUTED, "strokeWidth": 1.6, "strokeDash": [5, 3]}
        )
        layers.append(layer("line", points, {"x": x, "y": y}, invalid="break-paths-show-domains", **look))
        last = next((p["y"] for p in reversed(points) if p["y"] is not None), 0.0)
        ends.append((name, look["color"], height * (1 - (last or 0.0) / top), "bold" if k == 1 else "normal"))
    places = spread([e[2] for e in ends], 15, 6, height - 4)
    for (name, colour, _, weight), at in zip(ends, places, strict=True):
        text = {"text": {"field": "text", "type": "nominal"}, "x": {"value": width + 6}, "y": {"value": at}}
        layers.append(
            layer("text", [{"text": name}], text, color=colour, align="left", baseline="middle", fontWeight=weight)
        )
    layers.append(unit_of(words.t(f"scale.{unit}", unit=words.unit(scene.table)), -left + 2, -8))
    return frame(width, height, left=left, right=right, top=26, bottom=24, layers=layers)
