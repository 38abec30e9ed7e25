"""Share and margin: the subject's part of the whole market, and its multiple of the next largest."""

import itertools
import math

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    INK,
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
)
from auditor.report.words import Words


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the share per period as bars; above them the multiple of the largest other, where the subject leads."""
    found = columns(finding, "date", "share")
    if found is None:
        return None
    margins = found.get("margin", [None] * len(found["date"]))
    rows = [
        (moment(d), float(share), float(margin) if margin is not None else math.nan)
        for d, share, margin in zip((instant(d) for d in found["date"]), found["share"], margins, strict=True)
        if d is not None and share is not None and math.isfinite(share)
    ]
    if not rows or max(share for _, share, _ in rows) <= 0:
        return None
    title = words.t("chart.share.title")
    said = words.say(finding.statement)
    caption = (words.t("chart.share.caption"),) if any(m >= 1 for *_, m in rows) and len(rows) <= 12 else ()
    return Chart(
        key,
        title,
        said,
        (Plot(key, "", _spec(rows, scene, words), title, said),),
        finding.data or Rows((), ()),
        caption,
    )


def _spec(rows: list[tuple[int, float, float]], scene: Scene, words: Words) -> Spec:
    width, height, left, right = 300, 150, 44, 16
    step = min((b[0] - a[0] for a, b in itertools.pairwise(rows)), default=86_400_000)
    half = step * 0.38
    top = max(share for _, share, _ in rows)
    x = days_axis("x", [rows[0][0] - step / 2, rows[-1][0] + step / 2], words.axis(scene.panel.frequency))
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, top * 1.18], "nice": False},
        "axis": {"title": None, "tickCount": 3, "format": ".3~%"},
    }
    bars = [{"x": s - half, "x2": s + half, "y": share, "y2": 0} for s, share, _ in rows]
    layers = [layer("rect", bars, {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}}, color=SUBJECT)]
    if len(rows) <= 12:
        marks = [
            {"x": s, "y": share, "text": words.t("chart.share.margin", margin=m)} for s, share, m in rows if m >= 1
        ]
        place = {"x": x, "y": y, "text": {"field": "text", "type": "nominal"}}
        layers += halo(marks, place, INK, baseline="bottom", dy=-3, fontSize=11)
    layers.append(layer("rule", [{"y": 0}], {"y": y}, color=MUTED))
    return frame(width, height, left=left, right=right, top=8, bottom=24, layers=layers)
