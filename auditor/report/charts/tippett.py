"""Tippett plot: the share of cases whose likelihood ratio exceeds each value, of both kinds of case.

References
----------
Meuwly, D., Ramos, D., Haraksim, R. (2017). A guideline for the validation of likelihood ratio methods. Forensic Science
    International 276, 142-153.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.findings import Rows
from auditor.report.charts.base import LOSS, MUTED, SUBJECT, Chart, Plot, Spec, frame, halo, layer
from auditor.report.charts.power import heading, share_axis

WIDTH, HEIGHT = 220, 170

_TICKS = "datum.value == 0 ? '1' : datum.value > 0 ? format(pow(10, datum.value), ',') : '1/' + format(pow(10, -datum.value), ',')"


def draw(
    panels: Sequence[tuple[str, str, Sequence[Mapping[str, Any]], str]],
    key: str,
    title: str,
    captions: Sequence[str],
    axis: str,
    names: tuple[str, str],
) -> Chart:
    """Draw both curves per tier.

    Parameters
    ----------
    panels : sequence of (tier, name, rows, text alternative)
        Rows with ``log10_lr``, ``true``, ``false``.
    names : (str, str)
        What the curve of the true and of the false cases is called.
    """
    plots, figures = [], []
    for tier, name, rows, said in panels:
        points = sorted(
            (float(r["log10_lr"]), float(r["true"]), float(r["false"]))
            for r in rows
            if all(isinstance(r.get(k), int | float) for k in ("log10_lr", "true", "false"))
        )
        plots.append(Plot(f"{key}{tier}", "panel", _spec(name, points, axis, names), name, said))
        figures += [(int(tier), *point) for point in points]
    table = Rows(("tier", "log10_lr", "share_of_inflated_above", "share_of_others_above"), tuple(figures))
    return Chart(key, title, title, tuple(plots), table, tuple(captions))


def _spec(name: str, points: Sequence[tuple[float, float, float]], axis: str, names: tuple[str, str]) -> Spec:
    y = share_axis()
    span = [points[0][0], points[-1][0]] if len(points) > 1 else [-3.0, 3.0]
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": span, "nice": False},
        "axis": {"title": axis, "values": [-3, -2, -1, 0, 1, 2, 3], "labelExpr": _TICKS, "grid": False},
    }
    layers = [layer("rule", [{"x": 0}], {"x": x}, color=MUTED, strokeDash=[1, 3])]
    for k, (text, colour) in enumerate(zip(names, (SUBJECT, LOSS), strict=True), start=1):
        rows = [{"x": p[0], "y": p[k]} for p in points]
        dash = [] if k == 1 else [5, 3]
        layers.append(layer("line", rows, {"x": x, "y": y}, color=colour, strokeWidth=2.2, strokeDash=dash))
        # Both curves fall to the right, so the corner above them is free.
        at = {"text": {"field": "text", "type": "nominal"}, "x": {"value": WIDTH}, "y": {"value": 17 * k - 8}}
        mark = "━ " if k == 1 else "╌ "
        layers += halo([{"text": mark + text}], at, colour, align="right", baseline="middle", fontWeight="bold")
    layers.append(heading(name))
    return frame(WIDTH, HEIGHT, left=44, right=26, top=26, bottom=44, layers=layers)
