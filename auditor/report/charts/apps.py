"""Concentration: what each application used before the window and in it."""

from typing import Any

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    GAIN,
    GRID,
    INK,
    LOSS,
    MUTED,
    SUBJECT,
    Chart,
    Plot,
    Spec,
    columns,
    frame,
    layer,
    scale_of,
    short,
    unit_of,
)
from auditor.report.words import Words

MOST = 8


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw a line from the mean before to the mean during for each application, and the subject's rise above them."""
    found = columns(finding, "application", "mean_before", "mean_during", "rise")
    if found is None:
        return None
    rise = found["rise"][0]
    apps = [
        (str(name), float(before), float(during))
        for name, before, during in list(
            zip(found["application"], found["mean_before"], found["mean_during"], strict=True)
        )[1 : MOST + 1]
        if before is not None and during is not None
    ]
    if rise is None or not apps:
        return None
    title, said = words.t("chart.apps.title"), words.say(finding.statement)
    spec = _spec(scene, words, float(rise), apps)
    caption = (words.t("chart.apps.caption"),)
    return Chart(key, title, said, (Plot(key, "", spec, title, said),), finding.data or Rows((), ()), caption)


def _spec(scene: Scene, words: Words, rise: float, apps: list[tuple[str, float, float]]) -> Spec:
    left, width, right, row = 132, 176, 60, 26
    height = row * (len(apps) + 1)
    largest = max(abs(rise), *(max(b, d) for _, b, d in apps))
    divisor, unit = scale_of(largest, words.language)
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [min(0.0, rise / divisor), largest / divisor * 1.04], "nice": False},
        "axis": {"title": None, "tickCount": 3, "format": ",.4~f"},
    }
    lines: list[dict[str, Any]] = [
        {"name": scene.subject.name, "x": 0.0, "to": rise / divisor, "change": rise / divisor, "own": True}
    ]
    lines += [
        {"name": n, "x": b / divisor, "to": d / divisor, "change": (d - b) / divisor, "own": False} for n, b, d in apps
    ]
    rows = [
        {
            **line,
            "y": row * k + row / 2,
            "label": short(line["name"], 17),
            "text": words.change(line["change"]),
            "colour": SUBJECT if line["own"] else GAIN if line["change"] >= 0 else LOSS,
        }
        for k, line in enumerate(lines)
    ]
    y = {"field": "y", "type": "quantitative", "scale": None}
    own = {"field": "colour", "type": "nominal", "scale": None}
    layers = [
        layer("rule", rows, {"x": x, "x2": {"field": "to"}, "y": y, "color": own}, strokeWidth=4),
        layer("point", rows[1:], {"x": x, "y": y}, filled=True, size=34, color=MUTED, opacity=1),
        layer("point", rows, {"x": {**x, "field": "to"}, "y": y, "color": own}, filled=True, size=70, opacity=1),
        layer("rule", [{}], {"x": {"value": 0}, "x2": {"value": width}, "y": {"value": row}}, color=GRID),
    ]
    for part, weight in ((rows[:1], "bold"), (rows[1:], "normal")):
        look = {"color": INK, "baseline": "middle", "fontWeight": weight}
        name = {"text": {"field": "label", "type": "nominal"}, "x": {"value": -6}, "y": y}
        number = {"text": {"field": "text", "type": "nominal"}, "x": {"value": width + 6}, "y": y}
        layers += [layer("text", part, name, align="right", **look), layer("text", part, number, align="left", **look)]
    layers.append(unit_of(words.t(f"scale.{unit}", unit=words.unit(scene.table)), -left, -8))
    return frame(width, height, left=left, right=right, top=26, bottom=24, layers=layers)
