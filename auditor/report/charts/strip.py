"""Where the subject lies among others: one dot per case of the reference, the subject named."""

import math
from collections.abc import Sequence

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import INK, MUTED, SUBJECT, Chart, Plot, Spec, columns, frame, halo, layer
from auditor.report.words import Words

#: Dots of one column are stacked.
BINS = 46

#: Rule, and the column whose first row is the subject's value and whose others are the reference.
MEASURES = {"AUD114": ("entity", "relative_roughness")}


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the reference as stacked dots on a linear or, where all are positive and spread over a decade, a log scale."""
    named, measure = MEASURES[finding.rule]
    found = columns(finding, named, measure)
    if found is None:
        return None
    values = [float(v) if v is not None else math.nan for v in found[measure]]
    others = [v for v in values[1:] if math.isfinite(v)]
    if len(others) < 2 or not math.isfinite(values[0]):
        return None
    title = words.t(f"chart.strip.{finding.rule}")
    said = words.say(finding.statement)
    caption = (words.t("chart.strip.caption", n=len(others)),)
    spec = _spec(words, scene.subject.name, values[0], others)
    return Chart(key, title, said, (Plot(key, "", spec, title, said),), finding.data or Rows((), ()), caption)


def _spec(words: Words, name: str, own: float, others: Sequence[float]) -> Spec:
    width, height, left, right = 330, 120, 14, 22
    every = [own, *others]
    log = min(every) > 0 and max(every) / min(every) > 10

    def scaled(value: float) -> float:
        return math.log10(value) if log else value

    low, high = min(map(scaled, every)), max(map(scaled, every))
    pad = 0.04 * (high - low) or 0.5
    low, high = low - pad, high + pad

    def place(value: float) -> float:
        return width * (scaled(value) - low) / (high - low)

    step = width / BINS
    stacked: dict[int, int] = {}
    rows = []
    for value in sorted(others):
        column = int(place(value) / step)
        stacked[column] = stacked.get(column, 0) + 1
        rows.append({"x": (column + 0.5) * step, "level": stacked[column]})
    gap = min(8.0, (height - 40) / max(stacked.values()))
    dots = [{"x": r["x"], "y": height - 5 - gap * (r["level"] - 1)} for r in rows]
    pixel: Spec = {
        "x": {"field": "x", "type": "quantitative", "scale": {"domain": [0, width], "range": [0, width]}, "axis": None},
        "y": {
            "field": "y",
            "type": "quantitative",
            "scale": {"domain": [0, height], "range": [0, height]},
            "axis": None,
        },
    }
    text: Spec = {**pixel, "text": {"field": "text", "type": "nominal"}}
    at = place(own)
    align = "right" if at > width / 2 else "left"
    label = [{"x": at + (8 if align == "right" else -8), "y": 10, "text": f"{name[:26]} {words.number(own)}"}]
    ticks = [10**t if log else t for t in (low + (high - low) * k / 4 for k in range(5))]
    marks = [{"x": place(t), "y": height + 14, "text": words.number(float(f"{t:.2g}"))} for t in ticks]
    layers = [
        layer("rule", [{}], {"x": {"value": 0}, "x2": {"value": width}, "y": {"value": height}}, color=MUTED),
        layer("point", dots, pixel, filled=True, color=MUTED, size=min(26.0, gap * gap), opacity=1),
        layer("rule", [{}], {"x": {"value": at}, "y": {"value": 18}, "y2": {"value": height - 10}}, color=SUBJECT),
        layer(
            "point",
            [{"x": at, "y": height - 5}],
            pixel,
            shape="diamond",
            filled=True,
            color=SUBJECT,
            size=120,
            opacity=1,
        ),
        *halo(label, text, INK, align=align, baseline="middle", fontWeight="bold"),
        layer("text", marks, text, color=MUTED, baseline="middle"),
    ]
    return frame(width, height, left=left, right=right, top=6, bottom=28, layers=layers)
