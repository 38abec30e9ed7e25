"""The chart of the first screen: the subject against its largest peers and the platform, with the events."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from auditor.case import Event
from auditor.detectors.base import Scene
from auditor.findings import Rows
from auditor.observations import Status
from auditor.report.charts.base import (
    CHARACTER,
    EVENT,
    INK,
    MUTED,
    PAPER,
    PEERS,
    SHADE,
    SUBJECT,
    Chart,
    Plot,
    Spec,
    days_axis,
    frame,
    halo,
    layer,
    log_ticks,
    moment,
    scale_of,
    short,
    spread,
    unit_of,
    width_of,
)
from auditor.report.words import Words

#: Periods drawn at least, where the record has them: a season around a short spike, so that its days can be told apart.
FEWEST_PERIODS = 90

#: Periods drawn at most; and how many times the window's length are drawn between the two.
MOST_PERIODS = 400
WINDOWS = 4

#: On the linear scale a platform this many times larger than the subject would flatten it, and is left to the log scale.
LARGEST_TOTAL = 6.0

#: Intervals narrower than this share of the figure are not drawn.
VISIBLE = 0.02

_DASHES = ([1, 0], [1, 0], [6, 2], [2, 2])


@dataclass(frozen=True)
class _Line:
    name: str
    role: str
    values: "np.ndarray[Any, np.dtype[np.float64]]"
    colour: str
    dash: list[int]


@dataclass(frozen=True)
class _Size:
    """Measures of one drawing in pixels."""

    width: int
    height: int
    left: int
    right: int
    label: int
    peers: int


WIDE = _Size(width=560, height=266, left=56, right=152, label=20, peers=4)
NARROW = _Size(width=206, height=250, left=46, right=106, label=13, peers=3)


def story(scene: Scene, words: Words, finding: str = "") -> Chart:
    """Draw the subject, its peers, the platform total and the events, on linear and log scale, wide and narrow.

    Parameters
    ----------
    scene : Scene
    words : Words
    finding : str, optional
        What the figures say, for the text alternative.
    """
    rows = _range(scene)
    lines = _lines(scene, rows)
    events = _events(scene, rows)
    description = _describe(scene, words, lines, events, finding)
    title = words.t("story.title", subject=scene.subject.name, metric=scene.table.metric.replace("_", " "))
    plots: list[Plot] = []
    for scale in ("linear", "log"):
        for size, name in ((WIDE, "wide"), (NARROW, "narrow")):
            spec = _spec(scene, words, rows, lines, events, size, log=scale == "log")
            plots.append(Plot(f"story-{scale}-{name}", f"{scale} {name}", spec, title, description))
    return Chart("story", title, description, tuple(plots), _figures(scene, rows, lines), _caption(scene, words, rows))


def listed_events(scene: Scene) -> list[Event]:
    """Return the case's events that lie inside the chart, in order; their place in the list is their number."""
    return [event for event, _ in _events(scene, _range(scene))]


def _range(scene: Scene) -> slice:
    count = len(scene.table.dates)
    length = scene.window.stop - scene.window.start
    shown = max(length, min(MOST_PERIODS, max(FEWEST_PERIODS, WINDOWS * length)))
    if count <= shown:
        return slice(0, count)
    start = max(0, min(scene.window.start - 2 * (shown - length) // 3, count - shown))
    return slice(start, start + shown)


def _lines(scene: Scene, rows: slice) -> list[_Line]:
    """Return the subject, the largest peers around the window and the total, in this order."""
    table, subject = scene.table, scene.subject
    lines = [_Line(subject.name, "subject", subject.values[rows], SUBJECT, _DASHES[0])]
    peers = scene.peers
    near = slice(max(rows.start, scene.window.start - 14), min(rows.stop, scene.window.stop + 14))
    values = np.where(np.isfinite(peers.values[near]), peers.values[near], -np.inf)
    largest = values.max(axis=0) if values.size else np.zeros(0)
    order = sorted((i for i in range(len(largest)) if np.isfinite(largest[i])), key=lambda i: (-largest[i], i))
    lines += [
        _Line(peers.entities[i], "peer", peers.values[rows, i], PEERS[k], _DASHES[k])
        for k, i in enumerate(order[: len(PEERS)])
    ]
    if table.has_total:
        lines.append(_Line("total", "total", table.total[rows], MUTED, [3, 3]))
    return lines


def _events(scene: Scene, rows: slice) -> list[tuple[Event, datetime]]:
    first, last = (scene.table.dates[i].to_pydatetime() for i in (rows.start, rows.stop - 1))
    inside = [e for e in scene.case.events if first <= e.date <= last + timedelta(days=scene.panel.frequency.days)]
    return [(e, e.date) for e in sorted(inside, key=lambda e: (e.date, e.kind.value))]


def _spec(
    scene: Scene,
    words: Words,
    rows: slice,
    lines: list[_Line],
    events: list[tuple[Event, datetime]],
    size: _Size,
    *,
    log: bool,
) -> Spec:
    lines = [line for line in lines if line.role != "peer" or line.colour in PEERS[: size.peers]]
    peak = _largest(lines[0])
    if not log:
        lines = [k for k in lines if k.role != "total" or _largest(k) <= LARGEST_TOTAL * peak]
    drawn = np.concatenate([line.values for line in lines])
    drawn = drawn[np.isfinite(drawn) & ((drawn > 0) | (not log))]
    largest = float(drawn.max()) if drawn.size else 1.0
    divisor, unit = scale_of(largest)
    top = (largest or 1.0) / divisor
    if log:
        domain = [float(drawn.min()) / divisor / 1.4 if drawn.size else 0.1, top * 1.6]
    else:
        domain = [min(0.0, float(drawn.min()) / divisor if drawn.size else 0.0), top * 1.06]
    stamps = [moment(d.to_pydatetime()) for d in scene.table.dates[rows]]
    half = (stamps[1] - stamps[0]) / 2 if len(stamps) > 1 else 43_200_000
    span = [stamps[0] - half, stamps[-1] + half]

    def across(stamp: float) -> float:
        return size.width * (stamp - span[0]) / (span[1] - span[0])

    def down(value: float) -> float:
        if log:
            share = np.log(value / domain[0]) / np.log(domain[1] / domain[0]) if value > 0 else 0.0
        else:
            share = (value - domain[0]) / (domain[1] - domain[0])
        return float(size.height * (1 - share))

    x = days_axis("x", span, words.axis(scene.panel.frequency), ticks=8 if size is WIDE else 3)
    named = words.t(f"scale.{unit}", unit=words.unit(scene.table))
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"type": "log" if log else "linear", "domain": domain, "nice": False, "clamp": log},
        "axis": {"title": None, **_ticks(domain, log=log), "format": ",.4~f"},
    }
    shade = {
        "x": {**x, "field": "x"},
        "x2": {"field": "x2"},
        "y": {"value": 0},
        "y2": {"value": size.height},
    }
    first, last = scene.window.start - rows.start, scene.window.stop - 1 - rows.start
    layers = [layer("rect", [{"x": stamps[first] - half, "x2": stamps[last] + half}], shade, color=SHADE)]
    labels, header = _event_labels(words, events, size, across)
    rule = {"x": x, "y": {"value": 0}, "y2": {"value": size.height}}
    marks = [{"x": moment(when)} for _, when in events]
    layers.append(layer("rule", marks, rule, color=EVENT, strokeDash=[4, 3], strokeWidth=1))
    layers.append(_traces(lines, stamps, divisor, x, y, log=log))
    layers += _bounds(scene, rows, stamps, divisor, x, y, log=log)
    layers += _ends(words, lines, size, down, divisor)
    layers += _peak(scene, words, rows, size, across, down, divisor)
    layers += labels
    layers.append(unit_of(named, -size.left + 2, -header - 10))
    return frame(size.width, size.height, left=size.left, right=size.right, top=header + 28, bottom=26, layers=layers)


def _traces(lines: list[_Line], stamps: list[int], divisor: float, x: Spec, y: Spec, *, log: bool) -> Spec:
    """Return all lines as one layer, the subject drawn last; a gap in the record is a gap in the line."""
    points = [
        {
            "x": stamp,
            "y": value / divisor if np.isfinite(value) and (value > 0 or not log) else None,
            "line": k,
            "colour": line.colour,
            "dash": line.dash,
            "width": {"subject": 2.8, "total": 1.4}.get(line.role, 1.3),
        }
        for k, line in reversed(list(enumerate(lines)))
        for stamp, value in zip(stamps, line.values, strict=True)
    ]
    encoding = {
        "x": x,
        "y": y,
        "detail": {"field": "line", "type": "nominal"},
        "stroke": {"field": "colour", "type": "nominal", "scale": None},
        "strokeDash": {"field": "dash", "type": "nominal", "scale": None},
        "strokeWidth": {"field": "width", "type": "quantitative", "scale": None},
    }
    return layer("line", points, encoding, strokeJoin="round", invalid="break-paths-show-domains")


def _largest(line: _Line) -> float:
    known = line.values[np.isfinite(line.values)]
    return float(known.max()) if known.size else 0.0


def _ticks(domain: list[float], *, log: bool) -> Spec:
    return {"values": log_ticks(domain)} if log else {"tickCount": 5}


def _event_labels(
    words: Words, events: list[tuple[Event, datetime]], size: _Size, across: Any
) -> tuple[list[Spec], int]:
    """Return the labels above the plot, on as many lines as it takes so that none covers another, and their height."""
    ends: list[float] = []
    placed = []
    merged: dict[datetime, list[str]] = {}
    for number, (event, when) in enumerate(events, start=1):
        text = words.label("event", event.kind.value)
        merged.setdefault(when, []).append(f"{number} {text}" if size is WIDE else str(number))
    for when, texts in merged.items():
        text = (", " if size is WIDE else ",").join(texts)
        at = across(moment(when))
        wide = width_of(text)
        start = min(max(at - 3, 0), size.width + size.right - wide - 4) if size is WIDE else at - wide / 2
        line = next((k for k, end in enumerate(ends) if end + 8 <= start), len(ends))
        if line == len(ends):
            ends.append(0.0)
        ends[line] = start + wide
        placed.append({"text": text, "px": start, "line": line, "at": at})
    height = 15 * max(1, len(ends))
    rows = [{"text": p["text"], "px": p["px"], "py": -4 - 15 * p["line"]} for p in placed]
    place = {
        "text": {"field": "text", "type": "nominal"},
        "x": {"field": "px", "type": "quantitative", "scale": None},
        "y": {"field": "py", "type": "quantitative", "scale": None},
    }
    if not rows:
        return [], 8
    return halo(rows, place, EVENT, align="left", baseline="bottom", fontSize=12), height


def _bounds(scene: Scene, rows: slice, stamps: list[int], divisor: float, x: Spec, y: Spec, *, log: bool) -> list[Spec]:
    """Return the marks of the subject's days that are bounded, incomplete, or known within an interval only."""
    subject = scene.subject
    status, values = subject.status[rows], subject.values[rows]
    low, high = subject.low[rows], subject.high[rows]
    censored = [
        {"x": s, "y": h / divisor}
        for s, c, h in zip(stamps, status == Status.CENSORED, high, strict=True)
        if c and np.isfinite(h) and h > 0
    ]
    partial = [
        {"x": s, "y": v / divisor}
        for s, c, v in zip(stamps, status == Status.PARTIAL, values, strict=True)
        if c and np.isfinite(v) and (v > 0 or not log)
    ]
    interval = [
        {"x": s, "y": a / divisor, "y2": b / divisor}
        for s, a, b, wide in zip(stamps, low, high, _uncertain(scene, rows), strict=True)
        if wide and (a > 0 or not log)
    ]
    layers = []
    if interval:
        layers.append(
            layer("rule", interval, {"x": x, "y": y, "y2": {"field": "y2"}}, color=SUBJECT, opacity=0.35, strokeWidth=3)
        )
    if censored:
        mark = {"shape": "triangle-down", "size": 26, "filled": False, "stroke": SUBJECT, "strokeWidth": 1.1}
        layers.append(layer("point", censored, {"x": x, "y": y}, **mark))
    if partial:
        mark = {"shape": "circle", "size": 46, "fill": PAPER, "stroke": SUBJECT, "strokeWidth": 1.8}
        layers.append(layer("point", partial, {"x": x, "y": y}, **mark))
    return layers


def _uncertain(scene: Scene, rows: slice) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Return where the subject's figure is known within an interval that the eye can see."""
    subject = scene.subject
    with np.errstate(invalid="ignore"):
        wide = subject.high[rows] - subject.low[rows] > VISIBLE * np.abs(subject.values[rows])
    result: np.ndarray[Any, np.dtype[np.bool_]] = wide & np.isfinite(subject.values[rows])
    return result


def _ends(words: Words, lines: list[_Line], size: _Size, down: Any, divisor: float) -> list[Spec]:
    """Return the names of the lines, at the right of the plot, moved apart."""
    found = []
    for line in lines:
        known = np.flatnonzero(np.isfinite(line.values))
        if known.size:
            name = words.t("story.total") if line.role == "total" else line.name
            found.append((line, name, down(float(line.values[known[-1]]) / divisor)))
    places = spread([min(max(y, 0.0), float(size.height)) for _, _, y in found], 15, 4, size.height - 2)
    rows = [
        {
            "text": short(name, size.label - (line.role == "subject") * (2 if size is WIDE else 1)),
            "py": py,
            "colour": line.colour,
            "bold": line.role == "subject",
        }
        for (line, name, _), py in zip(found, places, strict=True)
    ]
    place = {
        "text": {"field": "text", "type": "nominal"},
        "x": {"value": size.width + 6},
        "y": {"field": "py", "type": "quantitative", "scale": None},
        "color": {"field": "colour", "type": "nominal", "scale": None},
    }
    look = {"align": "left", "baseline": "middle"}
    return [
        layer("text", [r for r in rows if not r["bold"]], place, **look),
        layer("text", [r for r in rows if r["bold"]], place, **look, fontWeight="bold"),
    ]


def _peak(scene: Scene, words: Words, rows: slice, size: _Size, across: Any, down: Any, divisor: float) -> list[Spec]:
    """Return the dot and figure of the subject's largest day."""
    value = float(scene.subject.values[scene.peak])
    if not np.isfinite(value) or not rows.start <= scene.peak < rows.stop:
        return []
    px = across(moment(scene.day(scene.peak)))
    py = down(value / divisor)
    text = words.t("story.peak", value=value, day=scene.day(scene.peak))
    right = px > size.width / 2
    place = {"x": {"value": px}, "y": {"value": py}}
    dot = layer("point", [{}], place, shape="circle", size=44, filled=True, color=SUBJECT, opacity=1)
    wide = len(text) * CHARACTER
    at = {
        "x": {"value": px - 9 if right else px + 9},
        "y": {"value": max(py - 8, 10)},
        "text": {"field": "text", "type": "nominal"},
    }
    if (right and px < wide) or (not right and px + wide > size.width + size.right):
        at["x"] = {"value": max(0.0, min(px - wide / 2, size.width + size.right - wide))}
        right = False
    return [
        dot,
        *halo([{"text": text}], at, INK, align="right" if right else "left", baseline="middle", fontWeight="bold"),
    ]


def _describe(
    scene: Scene, words: Words, lines: list[_Line], events: list[tuple[Event, datetime]], finding: str
) -> str:
    value = float(scene.subject.values[scene.peak])
    parts = [words.t("story.describe", subject=scene.subject.name, value=value, day=scene.day(scene.peak))]
    peers = [line.name for line in lines if line.role == "peer"]
    if peers:
        parts.append(words.t("story.describe_peers", peers=", ".join(peers)))
    total = scene.table.total[scene.peak] if scene.table.has_total else float("nan")
    if np.isfinite(total) and total > 0:
        parts.append(words.t("story.describe_total", total=float(total), share=value / float(total)))
    if events:
        named = "; ".join(f"{words.date(when)} {words.label('event', e.kind.value)}" for e, when in events)
        parts.append(words.t("story.describe_events", events=named))
    if finding:
        parts.append(finding)
    return " ".join(parts)


def _caption(scene: Scene, words: Words, rows: slice) -> tuple[str, ...]:
    status = scene.subject.status[rows]
    span = scene.span
    one = span.start == span.end
    found = [words.t("story.shaded_one" if one else "story.shaded", start=span.start, end=span.end)]
    if (status == Status.CENSORED).any():
        found.append(words.t("story.censored"))
    if (status == Status.PARTIAL).any():
        found.append(words.t("story.partial"))
    if _uncertain(scene, rows).any():
        found.append(words.t("story.interval"))
    if rows.stop - rows.start < len(scene.table.dates):
        found.append(words.t("story.cut", shown=rows.stop - rows.start, all=len(scene.table.dates)))
    return tuple(found)


def _figures(scene: Scene, rows: slice, lines: list[_Line]) -> Rows:
    """Return the figures drawn, in long form."""
    subject = scene.subject
    dates, names, roles, values, low, high, status = [], [], [], [], [], [], []
    for line in lines:
        for k, value in enumerate(line.values):
            row = rows.start + k
            if line.role == "subject":
                states, bounds = Status(int(subject.status[row])).label, (subject.low[row], subject.high[row])
            elif np.isfinite(value):
                states, bounds = Status.OBSERVED.label, (float("nan"), float("nan"))
            else:
                continue
            dates.append(scene.table.dates[row])
            names.append(line.name)
            roles.append(line.role)
            values.append(float(value))
            low.append(float(bounds[0]))
            high.append(float(bounds[1]))
            status.append(states)
    return Rows.of(date=dates, series=names, role=roles, value=values, low=low, high=high, status=status)
