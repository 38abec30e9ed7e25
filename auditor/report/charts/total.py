"""Market total: the whole per period, with the subject's part in it."""

import itertools
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
    scale_of,
    short,
    unit_of,
)
from auditor.report.words import Words


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the total as stacked bars of the subject and everything else."""
    found = columns(finding, "date", "subject", "total")
    if found is None:
        return None
    rows = [
        (moment(d), float(own) if own is not None and math.isfinite(own) else 0.0, float(total))
        for d, own, total in zip((instant(d) for d in found["date"]), found["subject"], found["total"], strict=True)
        if d is not None and total is not None and math.isfinite(total) and total > 0
    ]
    if not rows:
        return None
    title = words.t("chart.total.title")
    said = words.say(finding.statement)
    return Chart(
        key, title, said, (Plot(key, "", _spec(rows, scene, words), title, said),), finding.data or Rows((), ())
    )


def _spec(rows: list[tuple[int, float, float]], scene: Scene, words: Words) -> Spec:
    width, height, left, right = 236, 150, 48, 76
    step = min((b[0] - a[0] for a, b in itertools.pairwise(rows)), default=86_400_000)
    half = step * 0.38
    top = max(total for *_, total in rows)
    divisor, unit = scale_of(top, words.language)
    x = days_axis("x", [rows[0][0] - step / 2, rows[-1][0] + step / 2], words.axis(scene.panel.frequency))
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, top * 1.05 / divisor], "nice": False},
        "axis": {"title": None, "tickCount": 3, "format": ",.4~f"},
    }
    place = {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}}
    own = [{"x": s - half, "x2": s + half, "y": v / divisor, "y2": 0} for s, v, _ in rows]
    rest = [{"x": s - half, "x2": s + half, "y": t / divisor, "y2": v / divisor} for s, v, t in rows]
    layers = [layer("rect", rest, place, color=MUTED, opacity=0.45), layer("rect", own, place, color=SUBJECT)]
    last = rows[-1]
    middle = height * (1 - (last[1] + (last[2] - last[1]) / 2) / (top * 1.05))
    for name, colour, at in (
        (words.t("chart.others"), MUTED, middle),
        (short(scene.subject.name, 10), SUBJECT, height - 7),
    ):
        text = {"text": {"field": "text", "type": "nominal"}, "x": {"value": width + 5}, "y": {"value": at}}
        layers.append(layer("text", [{"text": name}], text, color=colour, align="left", baseline="middle"))
    layers.append(unit_of(words.t(f"scale.{unit}", unit=words.unit(scene.table)), -left + 2, -8))
    return frame(width, height, left=left, right=right, top=26, bottom=24, layers=layers)
