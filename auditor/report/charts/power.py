"""Power curves: the share of injections that is called inflated, by size, one small panel per kind of injection."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.findings import Rows
from auditor.report.charts.base import (
    GAIN,
    INK,
    LOSS,
    MUTED,
    SUBJECT,
    Chart,
    Plot,
    Spec,
    frame,
    layer,
    spread,
)

#: Sizes on the horizontal axis; a size realised otherwise (a top-up follows from its aim) is in the CSV only.
SIZES = (0.10, 0.25, 0.50, 1.00, 2.00, 3.00)

#: One colour and one dash per tier, so that neither carries the meaning alone.
TIER_COLOURS = {"1": LOSS, "2": GAIN, "3": SUBJECT}
TIER_DASHES: dict[str, list[int]] = {"1": [2, 2], "2": [6, 3], "3": []}

WIDTH, HEIGHT = 190, 120

Curve = Mapping[str, Sequence[Mapping[str, Any]]]


def draw(panels: Sequence[tuple[str, Curve, str]], key: str, title: str, caption: str, tier_name: str) -> Chart:
    """Draw one panel per kind of injection.

    Parameters
    ----------
    panels : sequence of (name, curves, text alternative)
        ``curves`` maps a tier to its rows with ``magnitude``, ``power``, ``n``.
    tier_name : str
        Word before a tier's number at the end of its line.
    """
    plots, figures = [], []
    for i, (name, curves, said) in enumerate(panels):
        kept = {tier: _points(rows) for tier, rows in sorted(curves.items())}
        plots.append(Plot(f"{key}{i}", "panel", _spec(name, kept, tier_name), name, said))
        figures += [(name, int(t), x, y, n) for t, points in kept.items() for x, y, n in points]
    rows = Rows(("injection", "tier", "size", "power", "n"), tuple(figures))
    said = " ".join(text for _, _, text in panels[:1])
    return Chart(key, title, said, tuple(plots), rows, (caption,))


def _points(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, float, int]]:
    points = []
    for row in rows:
        x, y = row.get("magnitude"), row.get("power")
        if isinstance(x, int | float) and isinstance(y, int | float) and any(math.isclose(x, s) for s in SIZES):
            points.append((float(x), float(y), int(row.get("n") or 0)))
    return sorted(points)


def _spec(name: str, curves: Mapping[str, Sequence[tuple[float, float, int]]], tier_name: str) -> Spec:
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [SIZES[0], SIZES[-1]], "nice": False},
        "axis": {"title": None, "values": [0.1, 0.3, 1, 3], "labelFlush": False, "format": "+.0%", "grid": False},
    }
    y = share_axis()
    shown = {t: points for t, points in curves.items() if points}
    layers = [layer("rule", [{"y": 0.8}], {"y": y}, color=MUTED, strokeDash=[1, 3])]
    ends = spread([HEIGHT * (1 - points[-1][1]) for points in shown.values()], 14, 4, HEIGHT - 2)
    for (tier, points), place in zip(shown.items(), ends, strict=True):
        colour = TIER_COLOURS.get(tier, INK)
        rows = [{"x": a, "y": b} for a, b, _ in points]
        dash = TIER_DASHES.get(tier, [])
        layers.append(layer("line", rows, {"x": x, "y": y}, color=colour, strokeWidth=2, strokeDash=dash))
        layers.append(layer("point", rows, {"x": x, "y": y}, color=colour, filled=True, size=24, opacity=1))
        at = {"text": {"field": "text", "type": "nominal"}, "x": {"value": WIDTH + 7}, "y": {"value": place}}
        label = [{"text": f"{tier_name} {tier}"}]
        layers.append(layer("text", label, at, color=colour, align="left", baseline="middle", fontWeight="bold"))
    if not shown:
        layers.append(layer("rule", [{"x": 1}], {"x": x}, opacity=0))
    layers.append(heading(name))
    return frame(WIDTH, HEIGHT, left=44, right=58, top=26, bottom=24, layers=layers)


def share_axis() -> Spec:
    """Return the vertical axis of a share, from 0 to 100 %."""
    return {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False},
        "axis": {"title": None, "values": [0, 0.25, 0.5, 0.75, 1], "format": ".0%"},
    }


def heading(text: str) -> Spec:
    """Return the layer that names a panel above it."""
    at = {"text": {"field": "text", "type": "nominal"}, "x": {"value": 0}, "y": {"value": -12}}
    return layer("text", [{"text": text}], at, color=INK, align="left", baseline="bottom", fontWeight="bold")
