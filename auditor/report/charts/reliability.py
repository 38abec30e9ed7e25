"""Reliability diagram: stated against observed probability at even prior odds, one panel per tier."""

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.findings import Rows
from auditor.report.charts.base import MUTED, SUBJECT, Chart, Plot, Spec, frame, layer
from auditor.report.charts.power import heading, share_axis

SIDE = 210

#: Area in pixels of the largest point.
LARGEST = 260.0


def draw(
    panels: Sequence[tuple[str, str, Sequence[Mapping[str, Any]], str]],
    key: str,
    title: str,
    captions: Sequence[str],
    axis: str,
    even: str,
) -> Chart:
    """Draw stated against observed probability.

    Parameters
    ----------
    panels : sequence of (tier, name, rows, text alternative)
        Rows with ``stated``, ``observed``, ``n``.
    axis : str
        Name of the horizontal axis.
    even : str
        Label of the diagonal.
    """
    plots, figures = [], []
    for tier, name, rows, said in panels:
        points = sorted(
            (float(r["stated"]), float(r["observed"]), int(r.get("n") or 0))
            for r in rows
            if all(isinstance(r.get(k), int | float) for k in ("stated", "observed"))
        )
        plots.append(Plot(f"{key}{tier}", "panel", _spec(name, points, axis, even), name, said))
        figures += [(int(tier), *point) for point in points]
    table = Rows(("tier", "stated", "observed", "n"), tuple(figures))
    return Chart(key, title, title, tuple(plots), table, tuple(captions))


def _spec(name: str, points: Sequence[tuple[float, float, int]], axis: str, even: str) -> Spec:
    y = share_axis()
    x = y | {
        "field": "x",
        "axis": {"title": axis, "values": [0, 0.25, 0.5, 0.75, 1], "labelFlush": False, "format": ".0%", "grid": False},
    }
    most = max((n for _, _, n in points), default=1) or 1
    rows = [{"x": a, "y": b, "size": max(24.0, LARGEST * n / most)} for a, b, n in points]
    size = {"field": "size", "type": "quantitative", "scale": None}
    at = {"text": {"field": "text", "type": "nominal"}, "x": {"value": SIDE}, "y": {"value": SIDE - 10}}
    layers = [
        layer("line", [{"x": 0, "y": 0}, {"x": 1, "y": 1}], {"x": x, "y": y}, color=MUTED, strokeDash=[4, 4]),
        layer("text", [{"text": f"╌ {even}"}], at, color=MUTED, align="right", baseline="middle"),
        layer("line", rows, {"x": x, "y": y}, color=SUBJECT, strokeWidth=1.6),
        layer("point", rows, {"x": x, "y": y, "size": size}, color=SUBJECT, filled=True, opacity=0.85),
        heading(name),
    ]
    return frame(SIDE, SIDE, left=44, right=24, top=26, bottom=44, layers=layers)
