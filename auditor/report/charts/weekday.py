"""Weekend dilution: the weekend's level against the weekdays around it, of the subject and of its peers."""

import math

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    MUTED,
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
    short,
    spread,
)
from auditor.report.words import Words


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the ratio of weekend to weekday per weekend: the subject, and the median of its peers."""
    found = columns(finding, "saturday", "weekend_to_weekday", "peers_median_ratio")
    if found is None:
        return None
    days = [instant(d) for d in found["saturday"]]
    rows = [
        (d, float(own), float(peers))
        for d, own, peers in zip(days, found["weekend_to_weekday"], found["peers_median_ratio"], strict=True)
        if d is not None and own is not None and peers is not None and math.isfinite(own) and math.isfinite(peers)
    ]
    if not rows:
        return None
    title = words.t("chart.weekday.title")
    said = words.say(finding.statement)
    spec = _spec([(moment(d), a, b) for d, a, b in rows], scene, words)
    return Chart(
        key,
        title,
        said,
        (Plot(key, "", spec, title, said),),
        finding.data or Rows((), ()),
        (words.t("chart.weekday.caption"),),
    )


def _spec(rows: list[tuple[int, float, float]], scene: Scene, words: Words) -> Spec:
    width, height, left, right = 208, 150, 48, 104
    week = 7 * 86_400_000
    x = days_axis("x", [rows[0][0] - week / 2, rows[-1][0] + week / 2], words.axis(scene.panel.frequency))
    highest = max(1.05, *(max(a, b) for _, a, b in rows)) + 0.05
    lowest = max(0.0, min(0.65, *(min(a, b) for _, a, b in rows)) - 0.05)
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [lowest, highest], "nice": False},
        "axis": {"title": None, "tickCount": 4, "format": ".0%"},
    }
    layers = [layer("rule", [{"y": 1}], {"y": y}, color=MUTED, strokeDash=[3, 3])]
    names = [short(scene.subject.name, 12), words.t("chart.weekday.peers")]
    ends = [height * (highest - rows[-1][k]) / (highest - lowest) for k in (1, 2)]
    places = spread(ends, 15, 6, height - 4)
    for k, (name, place, colour) in enumerate(zip(names, places, (SUBJECT, MUTED), strict=True), start=1):
        points = [{"x": row[0], "y": row[k]} for row in rows]
        layers.append(layer("line", points, {"x": x, "y": y}, color=colour, strokeWidth=2.4 if k == 1 else 1.4))
        layers.append(
            layer("point", points, {"x": x, "y": y}, color=colour, filled=True, size=40 if k == 1 else 26, opacity=1)
        )
        text = {"text": {"field": "text", "type": "nominal"}, "x": {"value": width + 6}, "y": {"value": place}}
        weight = "bold" if k == 1 else "normal"
        layers.append(
            layer("text", [{"text": name}], text, color=colour, align="left", baseline="middle", fontWeight=weight)
        )
    return frame(width, height, left=left, right=right, top=8, bottom=24, layers=layers)
