"""The ladder of restatements: by how much each figure was changed, and how long after its period."""

import math

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    GAIN,
    LOSS,
    MUTED,
    SHADE,
    Chart,
    Plot,
    Spec,
    columns,
    frame,
    halo,
    layer,
    unit_of,
)
from auditor.report.words import Words

#: A publisher of daily figures settles them within so many days; later changes are drawn on white.
SETTLED = 3.0
LABELLED = 3


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:  # noqa: ARG001 - every chart is drawn with the scene
    """Draw one point per restatement: days after the period across, relative change upward; the largest are dated."""
    found = columns(finding, "date", "relative_change", "lag_days")
    if found is None:
        return None
    points = [
        (str(day)[:10], float(change), max(float(lag), 0.0))
        for day, change, lag in zip(found["date"], found["relative_change"], found["lag_days"], strict=True)
        if change is not None and lag is not None and math.isfinite(change) and math.isfinite(lag)
    ]
    if not points:
        return None
    title, said = words.t("chart.revisions.title"), words.say(finding.statement)
    caption = (words.t("chart.revisions.caption", days=int(SETTLED)),)
    return Chart(
        key, title, said, (Plot(key, "", _spec(words, points), title, said),), finding.data or Rows((), ()), caption
    )


def _spec(words: Words, points: list[tuple[str, float, float]]) -> Spec:
    left, width, right, height = 56, 290, 20, 150
    last = max(SETTLED * 1.5, *(lag for _, _, lag in points)) * 1.05
    most = max(max(abs(change) for _, change, _ in points) * 1.15, 1e-6)
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [0, last], "nice": False},
        "axis": {"title": words.t("chart.revisions.lag"), "tickCount": 5, "grid": False},
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [-most, most], "nice": False},
        "axis": {"title": None, "tickCount": 5, "format": "+.2~%"},
    }
    rows = [{"x": lag, "y": change, "text": day} for day, change, lag in points]
    ordered = sorted(points, key=lambda p: (-abs(p[1]), p[0]))
    largest: list[dict[str, object]] = []
    taken: list[tuple[float, float]] = []
    for day, change, lag in ordered:
        at = (width * lag / last, height * change / (2 * most))
        if len(largest) < LABELLED and all(abs(at[0] - a) > 90 or abs(at[1] - b) > 15 for a, b in taken):
            largest.append({"x": lag, "y": change, "text": day})
            taken.append(at)
    box = {"x": {**x, "field": "x"}, "x2": {"field": "to"}, "y": {"value": 0}, "y2": {"value": height}}
    layers = [
        layer("rect", [{"x": 0, "to": SETTLED}], box, color=SHADE),
        layer("rule", [{"y": 0}], {"y": y}, color=MUTED),
        *(
            layer("point", part, {"x": x, "y": y}, filled=True, size=36, color=colour, opacity=0.9)
            for part, colour in (
                ([r for r, (_, change, _) in zip(rows, points, strict=True) if change >= 0], GAIN),
                ([r for r, (_, change, _) in zip(rows, points, strict=True) if change < 0], LOSS),
            )
        ),
    ]
    text = {"x": x, "y": y, "text": {"field": "text", "type": "nominal"}}
    layers += halo(largest, text, MUTED, align="left", baseline="middle", dx=7)
    layers.append(unit_of(words.t("chart.revisions.unit"), -left, -8))
    return frame(width, height, left=left, right=right + 50, top=24, bottom=44, layers=layers)
