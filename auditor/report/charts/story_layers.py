"""The layers of the story: lines, days that are bounded or incomplete, names, the peak and the events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from auditor.case import Event
from auditor.detectors.base import Scene
from auditor.observations import Status
from auditor.report.charts.base import (
    CHARACTER,
    EVENT,
    INK,
    PAPER,
    SUBJECT,
    Spec,
    halo,
    layer,
    moment,
    short,
    spread,
    width_of,
)
from auditor.report.words import Words

#: Intervals narrower than this share of the figure are not drawn.
VISIBLE = 0.02


@dataclass(frozen=True)
class Line:
    """One line of the chart: the subject, a peer or the total."""

    name: str
    role: str
    values: "np.ndarray[Any, np.dtype[np.float64]]"
    colour: str
    dash: list[int]


@dataclass(frozen=True)
class Size:
    """Measures of one drawing in pixels."""

    width: int
    height: int
    left: int
    right: int
    label: int
    peers: int


WIDE = Size(width=560, height=266, left=56, right=152, label=20, peers=4)
NARROW = Size(width=206, height=250, left=46, right=106, label=13, peers=3)


def traces(lines: list[Line], stamps: list[int], divisor: float, x: Spec, y: Spec, *, log: bool) -> Spec:
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


def event_labels(words: Words, events: list[tuple[Event, datetime]], size: Size, across: Any) -> tuple[list[Spec], int]:
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


def bounds(scene: Scene, rows: slice, stamps: list[int], divisor: float, x: Spec, y: Spec, *, log: bool) -> list[Spec]:
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
        for s, a, b, wide in zip(stamps, low, high, uncertain(scene, rows), strict=True)
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


def uncertain(scene: Scene, rows: slice) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Return where the subject's figure is known within an interval that the eye can see."""
    subject = scene.subject
    with np.errstate(invalid="ignore"):
        wide = subject.high[rows] - subject.low[rows] > VISIBLE * np.abs(subject.values[rows])
    result: np.ndarray[Any, np.dtype[np.bool_]] = wide & np.isfinite(subject.values[rows])
    return result


def ends(words: Words, lines: list[Line], size: Size, down: Any, divisor: float) -> list[Spec]:
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


def peak_mark(
    scene: Scene, words: Words, rows: slice, size: Size, across: Any, down: Any, divisor: float
) -> list[Spec]:
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
