"""Launch cohort: how large earlier and later launches became, and where the subject lies among them."""

import math

from auditor.detectors.base import Scene
from auditor.findings import Finding, Rows
from auditor.report.charts.base import INK, MUTED, PEERS, SUBJECT, Chart, Plot, Spec, columns, frame, halo, layer
from auditor.report.words import Words

#: Columns of dots across the scale; dots of one column are stacked.
BINS = 44


def draw(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw one dot per launch by its largest share, stacked where several are alike; the subject is named."""
    found = columns(finding, "entity", "peak_share")
    if found is None:
        return None
    shares = [float(v) if v is not None else 0.0 for v in found["peak_share"]]
    free = [str(c) == "free" for c in found.get("price_class", [""] * len(shares))]
    if len(shares) < 2 or shares[0] <= 0:
        return None
    title = words.t("chart.cohort.title")
    caption = (words.t("chart.cohort.caption", n=len(shares) - 1),) if any(free) else ()
    spec = _spec(scene, words, finding, shares, free)
    said = words.say(finding.statement)
    return Chart(key, title, said, (Plot(key, "", spec, title, said),), finding.data or Rows((), ()), caption)


def _spec(scene: Scene, words: Words, finding: Finding, shares: list[float], free: list[bool]) -> Spec:
    width, height, left, right = 330, 150, 12, 18
    least = min(s for s in shares if s > 0)
    low, high = math.log10(least) - 0.1, max(math.log10(max(shares)) + 0.1, math.log10(least) + 1)

    def place(share: float) -> float:
        return width * (math.log10(max(share, least)) - low) / (high - low)

    stacked: dict[int, int] = {}
    dots: list[dict[str, float | bool]] = []
    others = sorted(zip(shares[1:], free[1:], strict=True))
    step = width / BINS
    for share, is_free in others:
        column = int(place(share) / step)
        count = stacked[column] = stacked.get(column, 0) + 1
        dots.append({"x": (column + 0.5) * step, "level": count, "free": is_free})
    tallest = max(stacked.values(), default=1)
    gap = min(8.0, (height - 62) / tallest)
    rows = [{"x": d["x"], "y": height - 5 - gap * (float(d["level"]) - 1)} for d in dots]
    pixel: Spec = {
        "x": {"field": "x", "type": "quantitative", "scale": {"domain": [0, width], "range": [0, width]}, "axis": None},
        "y": {
            "field": "y",
            "type": "quantitative",
            "scale": {"domain": [0, height], "range": [0, height]},
            "axis": None,
        },
    }
    kinds = [d["free"] for d in dots]
    size = min(26.0, gap * gap)
    layers: list[Spec] = [
        layer("rule", [{}], {"x": {"value": 0}, "x2": {"value": width}, "y": {"value": height}}, color=MUTED)
    ]
    paid = [r for r, f in zip(rows, kinds, strict=True) if not f]
    at_no_charge = [r for r, f in zip(rows, kinds, strict=True) if f]
    layers.append(layer("point", paid, pixel, shape="circle", filled=True, color=MUTED, size=size, opacity=1))
    layers.append(
        layer("point", at_no_charge, pixel, shape="circle", filled=True, color=PEERS[0], size=size, opacity=1)
    )
    text: Spec = {**pixel, "text": {"field": "text", "type": "nominal"}}
    for name in ("cohort_median", "cohort_p95"):
        value = finding.figures.get(name)
        if value and value > 0:
            x, y = place(value), 34.0 if name == "cohort_median" else 48.0
            label = [{"x": x, "y": y - 7, "text": words.t(f"chart.cohort.{name}", share=value)}]
            line = {"x": {"value": x}, "y": {"value": y}, "y2": {"value": height}}
            layers.append(layer("rule", [{}], line, color=MUTED, strokeDash=[3, 3]))
            layers += halo(label, text, MUTED, align="center" if x > 60 else "left", baseline="middle")
    own = place(shares[0])
    align = "right" if own > width / 2 else "left"
    layers.append(
        layer(
            "point",
            [{"x": own, "y": height - 5}],
            pixel,
            shape="diamond",
            filled=True,
            color=SUBJECT,
            size=120,
            opacity=1,
        )
    )
    layers.append(
        layer("rule", [{}], {"x": {"value": own}, "y": {"value": 20}, "y2": {"value": height - 12}}, color=SUBJECT)
    )
    named = words.t("chart.cohort.subject", subject=scene.subject.name[:28], share=shares[0])
    layers += halo(
        [{"x": own + (8 if align == "right" else -8), "y": 12, "text": named}],
        text,
        INK,
        align=align,
        baseline="middle",
        fontWeight="bold",
    )
    ticks = [10.0**k for k in range(math.ceil(low), math.floor(high) + 1)]
    marks = [{"x": place(t), "y": height + 14, "text": words.number(t, "share")} for t in ticks]
    layers.append(layer("text", marks, text, color=MUTED, baseline="middle"))
    return frame(width, height, left=left, right=right, top=6, bottom=28, layers=layers)
