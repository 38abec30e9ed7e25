"""What every chart shares: its parts, the theme, and the way from a Vega-Lite description to an inline SVG."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from html import escape
from typing import Any

from auditor.findings import Finding, Rows
from auditor.report.clean import clean

Spec = dict[str, Any]

#: Colours are CSS variables, so that one SVG serves light, dark and print (values in ``templates/style.css``).
INK, MUTED, GRID, PAPER = "var(--ink)", "var(--muted)", "var(--grid)", "var(--paper)"
SUBJECT, SHADE, EVENT = "var(--subject)", "var(--shade)", "var(--event)"
GAIN, LOSS = "var(--gain)", "var(--loss)"
PEERS = ("var(--peer1)", "var(--peer2)", "var(--peer3)", "var(--peer4)")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'Noto Sans CJK SC', sans-serif"

#: Width in pixels of one character of label text (12 px), for placing labels before a browser measures them.
CHARACTER = 7.0


@dataclass(frozen=True, eq=False)
class Plot:
    """One drawing of a chart, rendered when it is first asked for.

    Attributes
    ----------
    key : str
        Prefix of every id in the drawing, unique in the page.
    classes : str
        On which screens and scale it is shown.
    spec : dict
        Vega-Lite description with its data inline; nothing is fetched.
    title, description : str
        Name and text alternative.
    """

    key: str
    classes: str
    spec: Spec
    title: str
    description: str

    @cached_property
    def svg(self) -> str:
        """The drawing as an SVG element that can stand inside a page beside others."""
        return draw(self.spec, self.key, self.title, self.description)


@dataclass(frozen=True)
class Chart:
    """A chart: its drawings, the text alternative that states its finding, and the figures it shows."""

    key: str
    title: str
    description: str
    plots: tuple[Plot, ...]
    rows: Rows
    caption: tuple[str, ...] = ()


def frame(width: int, height: int, *, left: int, right: int, top: int, bottom: int, layers: Sequence[Spec]) -> Spec:
    """Return a layered Vega-Lite description whose plot area is exactly ``width`` x ``height``.

    Fixed padding instead of measured text: the drawing is then the same on every machine, whatever fonts it has.
    """
    return {
        "width": width,
        "height": height,
        "autosize": "none",
        "padding": {"left": left, "right": right, "top": top, "bottom": bottom},
        "background": None,
        "layer": list(layers),
        "config": {
            "aria": False,
            "font": FONT,
            "view": {"stroke": None},
            "axis": {
                "labelColor": MUTED,
                "titleColor": MUTED,
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": "normal",
                "gridColor": GRID,
                "domain": False,
                "tickColor": GRID,
                "labelFont": FONT,
                "titleFont": FONT,
            },
            "text": {"font": FONT, "fontSize": 12},
        },
    }


def layer(mark: str, rows: Sequence[Mapping[str, Any]], encoding: Spec, **options: Any) -> Spec:
    """Return one layer with its own rows."""
    return {"data": {"values": list(rows)}, "mark": {"type": mark, **options}, "encoding": encoding}


def halo(rows: Sequence[Mapping[str, Any]], encoding: Spec, colour: str, **options: Any) -> list[Spec]:
    """Return text layers that stay readable over lines: an outline in the colour of the paper, then the text."""
    outline = layer("text", rows, encoding, color=PAPER, stroke=PAPER, strokeWidth=4, **options)
    return [outline, layer("text", rows, encoding, color=colour, **options)]


def draw(spec: Spec, key: str, title: str, description: str) -> str:
    """Render a description to SVG, with ids that start with ``key`` and a text alternative."""
    import vl_convert

    svg = str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))
    svg = re.sub(r'\sid="([^"]+)"', lambda m: f' id="{key}-{m[1]}"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{key}-{m[1]})", svg)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    head = f'<svg role="img" aria-labelledby="{key}-title {key}-desc" focusable="false"'
    words = f'<title id="{key}-title">{escape(clean(title))}</title><desc id="{key}-desc">{escape(clean(description))}</desc>'
    opening, rest = svg.split(">", 1)
    # One picture with one text: the parts of the drawing are not read out one by one.
    rest = re.sub(r'\s(?:role|aria-[a-z]+)="[^"]*"', "", rest)
    return f"{opening.replace('<svg', head, 1)}>{words}{rest}"


def moment(value: datetime) -> int:
    """Return a naive UTC date as milliseconds, the form in which Vega reads dates without a time zone."""
    return int(value.replace(tzinfo=UTC).timestamp() * 1000)


def instant(text: Any) -> datetime | None:
    """Read a date of a finding's rows; None where it is none."""
    if isinstance(text, datetime):
        return text
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def short(name: str, most: int) -> str:
    """Return a label of at most ``most`` characters: the last part of a path-like name, with an ellipsis if needed."""
    text = clean(name).replace("\n", " ").strip()
    if len(text) > most and "/" in text:
        text = text.rsplit("/", 1)[1] or text
    return text if len(text) <= most else f"{text[: most - 1]}…"


def width_of(text: str) -> float:
    """Return the estimated width of label text in pixels; wide characters count double."""
    return sum(CHARACTER * (1.9 if ord(c) > 0x2E7F else 1.0) for c in text)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart to at least ``gap``, in their order, inside ``low`` to ``high`` where they fit."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [0.0] * len(places)
    last = low - gap
    for i in order:
        last = moved[i] = max(places[i], last + gap)
    limit = high
    for i in reversed(order):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - gap
    return moved


def columns(finding: Finding, *names: str) -> dict[str, list[Any]] | None:
    """Return named columns of a finding's rows; None where one is missing or there is no row."""
    data = finding.data
    if data is None or not data.rows or any(n not in data.columns for n in names):
        return None
    return {n: [row[data.columns.index(n)] for row in data.rows] for n in data.columns}


#: Units of an axis: divisor, catalogue key of its name, and the size from which it is used.
_SCALES: dict[str, tuple[tuple[float, str, float], ...]] = {
    "en": ((1e12, "trillion", 1e13), (1e9, "billion", 1e9), (1e6, "million", 1e6), (1e3, "thousand", 1e4)),
    "zh": ((1e12, "trillion", 1e13), (1e8, "hundred_million", 1e8), (1e4, "ten_thousand", 1e5)),
}


def scale_of(largest: float, language: str = "en") -> tuple[float, str]:
    """Return the divisor of an axis and the catalogue key of its name: thousand, million, billion.

    >>> scale_of(1.5e12), scale_of(1.5e14)[1], scale_of(250.0), scale_of(1.5e12, "zh")
    ((1000000000.0, 'billion'), 'trillion', (1.0, 'one'), (100000000.0, 'hundred_million'))
    """
    for divisor, name, start in _SCALES[language]:
        if largest >= start:
            return divisor, name
    return 1.0, "one"


def unit_of(text: str, x: float, y: float) -> Spec:
    """Return the layer that names a vertical axis above it, where it needs no turned text."""
    place = {"text": {"field": "text", "type": "nominal"}, "x": {"value": x}, "y": {"value": y}}
    return layer("text", [{"text": text}], place, color=MUTED, align="left", baseline="bottom")


def days_axis(field: str, span: Sequence[float], pattern: str, *, ticks: int = 4) -> Spec:
    """Return the horizontal time axis of a small chart, in UTC whatever the machine's time zone."""
    axis = {
        "title": None,
        "grid": False,
        "tickCount": ticks,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
        "format": pattern,
    }
    scale = {"type": "utc", "domain": list(span), "nice": False}
    return {"field": field, "type": "temporal", "scale": scale, "axis": axis}


def log_ticks(domain: Sequence[float]) -> list[float]:
    """Return few ticks of a log scale: powers of ten, with threes between them where there are not many.

    >>> log_ticks([8.0, 450.0])
    [10.0, 30.0, 100.0, 300.0]
    """
    first, last = math.floor(math.log10(domain[0])), math.ceil(math.log10(domain[1]))
    every = max(1, round((last - first) / 6))
    values = [10.0**k for k in range(first, last + 1, every)]
    if last - first <= 4:
        values += [3 * 10.0**k for k in range(first, last + 1)]
    return sorted(v for v in values if domain[0] <= v <= domain[1])
