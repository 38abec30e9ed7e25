"""Diversion: what the subject gained, and who lost or gained at the same time."""

from typing import Any

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import (
    GAIN,
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

#: Peers with a bar of their own; the others are one bar.
MOST_PEERS = 6

PEER = "peer: "


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the steps from nothing to the change of the market total: the subject's rise, then each peer's change."""
    found = columns(finding, "what", "start", "end", "subject_rise", "before", "after", "change")
    if found is None:
        return None
    steps = _steps(found, scene, words)
    if steps is None:
        return None
    base, start, end = 0.0, found["start"][0], found["end"][0]
    bars = []
    for name, change, kind in steps:
        first, last = (0.0, change) if kind == "total" else (base, base + change)
        bars.append({"name": name, "from": first, "to": last, "change": change, "kind": kind})
        base = last if kind != "total" else base
    title = words.t("chart.waterfall.title", start=start, end=end)
    spec = _spec(bars, scene, words)
    rows = Rows.of(
        series=[b["name"] for b in bars],
        role=[b["kind"] for b in bars],
        start=[start] * len(bars),
        end=[end] * len(bars),
        change=[b["change"] for b in bars],
        bar_from=[b["from"] for b in bars],
        bar_to=[b["to"] for b in bars],
    )
    return Chart(
        key, title, words.say(finding.statement), (Plot(key, "", spec, title, words.say(finding.statement)),), rows
    )


def _steps(found: dict[str, list[Any]], scene: Scene, words: Words) -> list[tuple[str, float, str]] | None:
    rise, total = found["subject_rise"][0], found["change"][0]
    if rise is None or total is None:
        return None
    span = (found["start"][0], found["end"][0])
    peers = [
        (str(what).removeprefix(PEER), float(change))
        for what, change, *when in zip(found["what"], found["change"], found["start"], found["end"], strict=True)
        if str(what).startswith(PEER) and change is not None and tuple(when) == span
    ]
    peers.sort(key=lambda pair: (-abs(pair[1]), pair[0]))
    shown = sorted(peers[:MOST_PEERS], key=lambda pair: (pair[1], pair[0]))
    rest = float(total) - float(rise) - sum(change for _, change in shown)
    steps = [(scene.subject.name, float(rise), "subject"), *((n, c, "peer") for n, c in shown)]
    if abs(rest) > 0.002 * abs(float(rise)):
        steps.append((words.t("chart.others"), rest, "peer"))
    return [*steps, (words.t("chart.waterfall.total"), float(total), "total")]


def _spec(bars: list[dict[str, Any]], scene: Scene, words: Words) -> Spec:
    left, width, right, row = 142, 160, 58, 26
    height = row * len(bars)
    lowest = min(min(b["from"], b["to"]) for b in bars)
    highest = max(max(b["from"], b["to"]) for b in bars)
    divisor, unit = scale_of(max(abs(lowest), abs(highest)), words.language)
    domain = [min(0.0, lowest / divisor), max(0.0, highest / divisor)]
    x = {
        "field": "from",
        "type": "quantitative",
        "scale": {"domain": domain, "nice": True},
        "axis": {"title": None, "tickCount": 3, "format": ",.4~f", "orient": "bottom"},
    }
    colour = {"subject": SUBJECT, "total": MUTED}
    rows = [
        {
            "from": bar["from"] / divisor,
            "to": bar["to"] / divisor,
            "colour": colour.get(bar["kind"]) or (GAIN if bar["change"] > 0 else LOSS),
            "top": row * k + 5,
            "middle": row * k + row / 2,
            "bottom": row * k + row - 5,
            "next": row * k + row + 5,
            "name": short(bar["name"], 18),
            "change": words.change(bar["change"] / divisor),
            "peer": bar["kind"] == "peer",
        }
        for k, bar in enumerate(bars)
    ]

    def pixel(name: str) -> Spec:
        return {"field": name, "type": "quantitative", "scale": None}

    own = {"field": "colour", "type": "nominal", "scale": None}
    box = {"x": x, "x2": {"field": "to"}, "y": pixel("top"), "y2": {"field": "bottom"}, "color": own}
    joint = {"x": {**x, "field": "to"}, "y": pixel("bottom"), "y2": {"field": "next"}}
    layers: list[Spec] = [layer("rect", rows, box), layer("rule", rows[:-2], joint, color=MUTED, strokeWidth=1)]
    for part, weight in (([r for r in rows if r["peer"]], "normal"), ([r for r in rows if not r["peer"]], "bold")):
        look = {"color": INK, "baseline": "middle", "fontWeight": weight}
        name = {"text": {"field": "name", "type": "nominal"}, "x": {"value": -6}, "y": pixel("middle")}
        number = {"text": {"field": "change", "type": "nominal"}, "x": {"value": width + 6}, "y": pixel("middle")}
        layers += [layer("text", part, name, align="right", **look), layer("text", part, number, align="left", **look)]
    layers.append(
        layer("rule", [{"x": 0}], {"x": {**x, "field": "x"}, "y": {"value": 0}, "y2": {"value": height}}, color=MUTED)
    )
    layers.append(unit_of(words.t(f"scale.{unit}", unit=words.unit(scene.table)), -left, -8))
    return frame(width, height, left=left, right=right, top=26, bottom=24, layers=layers)
