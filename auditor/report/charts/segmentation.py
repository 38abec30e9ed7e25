"""Change points: the subject on a log scale, with its steps, ramps and the interval in which each began."""

import math
from typing import Any

import numpy as np

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    EVENT,
    INK,
    SHADE,
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
    log_ticks,
    moment,
    scale_of,
    unit_of,
)
from auditor.report.words import Words

#: Periods shown on either side of the window.
CONTEXT = 28

#: Changes that are named in the drawing, the largest first.
MOST_NAMED = 4


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the settled values around the window; each change is a rule (step) or a band (ramp) with its factor."""
    found = columns(finding, "kind", "date", "last_date", "earliest", "latest", "fold")
    first, stop = max(0, scene.window.start - CONTEXT), min(len(scene.table.dates), scene.window.stop + CONTEXT)
    rows = [
        (moment(scene.day(r)), float(scene.subject.values[r]))
        for r in range(first, stop)
        if scene.subject.settled[r] and scene.subject.values[r] > 0
    ]
    if found is None or len(rows) < 3:
        return None
    changes = []
    for kind, start, last, low, high, fold in zip(
        *(found[c] for c in ("kind", "date", "last_date", "earliest", "latest", "fold")), strict=True
    ):
        dates = [instant(d) for d in (start, last, low, high)]
        if fold is not None and fold > 0 and None not in dates:
            changes.append((str(kind), [moment(d) for d in dates if d is not None], float(fold)))
    title = words.t("chart.segmentation.title")
    said = words.say(finding.statement)
    spec = _spec(rows, changes, scene, words)
    return Chart(
        key,
        title,
        said,
        (Plot(key, "", spec, title, said),),
        finding.data or Rows((), ()),
        (words.t("chart.segmentation.caption"),),
    )


def _spec(
    rows: list[tuple[int, float]], changes: list[tuple[str, list[int], float]], scene: Scene, words: Words
) -> Spec:
    width, height, left, right = 298, 160, 46, 16
    half = scene.panel.frequency.days * 43_200_000
    span = [rows[0][0] - half, rows[-1][0] + half]
    values = np.array([v for _, v in rows])
    divisor, unit = scale_of(float(values.max()), words.language)
    domain = [float(values.min()) / divisor / 1.5, float(values.max()) / divisor * 2.2]
    x = days_axis("x", span, words.axis(scene.panel.frequency))
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"type": "log", "domain": domain, "nice": False, "clamp": True},
        "axis": {"title": None, "values": log_ticks(domain), "format": ",.4~f"},
    }
    bands, rules = [], []
    labels: list[dict[str, Any]] = []
    largest = sorted(changes, key=lambda c: -abs(math.log(c[2])))[:MOST_NAMED]
    for kind, (start, last, low, high), fold in changes:
        begin, end = (start, last) if kind == "ramp" else (low, high)
        bands.append({"x": max(min(begin, end) - half, span[0]), "x2": min(max(begin, end) + half, span[1])})
        rules.append({"x": start})
        if (kind, [start, last, low, high], fold) in largest:
            text = words.t(
                "chart.segmentation.up" if fold >= 1 else "chart.segmentation.down", fold=max(fold, 1 / fold)
            )
            labels.append({"x": start, "text": text})
    layers = [
        layer("rect", bands, {"x": x, "x2": {"field": "x2"}, "y": {"value": 0}, "y2": {"value": height}}, color=SHADE),
        layer("rule", rules, {"x": x, "y": {"value": 0}, "y2": {"value": height}}, color=EVENT, strokeDash=[4, 3]),
        layer("line", [{"x": s, "y": v / divisor} for s, v in rows], {"x": x, "y": y}, color=SUBJECT, strokeWidth=2.2),
    ]
    place: Spec = {"x": x, "y": {"value": 7}, "text": {"field": "text", "type": "nominal"}}
    near = (span[0] + span[1]) / 2
    for part, align, shift in (
        ([k for k in labels if k["x"] <= near], "left", 4),
        ([k for k in labels if k["x"] > near], "right", -4),
    ):
        if part:
            layers += halo(part, place, INK, align=align, dx=shift, baseline="middle", fontWeight="bold")
    layers.append(unit_of(words.t(f"scale.{unit}", unit=words.unit(scene.table)), -left + 2, -8))
    return frame(width, height, left=left, right=right, top=26, bottom=24, layers=layers)
