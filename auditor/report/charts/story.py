"""The chart of the first screen: the subject against its largest peers and the platform, with the events."""

from datetime import datetime, timedelta

import numpy as np

from auditor.case import Event
from auditor.detectors.base import Scene
from auditor.findings import Rows
from auditor.observations import Status
from auditor.report.charts.base import (
    EVENT,
    MUTED,
    PEERS,
    SHADE,
    SUBJECT,
    Chart,
    Plot,
    Spec,
    days_axis,
    frame,
    layer,
    log_ticks,
    moment,
    scale_of,
    unit_of,
)
from auditor.report.charts.story_layers import (
    NARROW,
    WIDE,
    Line,
    Size,
    bounds,
    ends,
    event_labels,
    peak_mark,
    traces,
    uncertain,
)
from auditor.report.words import Words

#: Periods drawn at least, where the record has them: a season around a short spike, so that its days can be told apart.
FEWEST_PERIODS = 90

#: Periods drawn at most; and how many times the window's length are drawn between the two.
MOST_PERIODS = 400
WINDOWS = 4

#: On the linear scale a platform this many times larger than the subject would flatten it, and is left to the log scale.
LARGEST_TOTAL = 6.0


_DASHES = ([1, 0], [1, 0], [6, 2], [2, 2])


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


def shown_lines(scene: Scene) -> tuple[slice, list[Line]]:
    """Return the rows that the chart shows, and its lines: the subject, its largest peers, the total."""
    rows = _range(scene)
    return rows, _lines(scene, rows)


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


def _lines(scene: Scene, rows: slice) -> list[Line]:
    """Return the subject, the largest peers around the window and the total, in this order."""
    table, subject = scene.table, scene.subject
    lines = [Line(subject.name, "subject", subject.values[rows], SUBJECT, _DASHES[0])]
    peers = scene.peers
    near = slice(max(rows.start, scene.window.start - 14), min(rows.stop, scene.window.stop + 14))
    values = np.where(np.isfinite(peers.values[near]), peers.values[near], -np.inf)
    largest = values.max(axis=0) if values.size else np.zeros(0)
    order = sorted((i for i in range(len(largest)) if np.isfinite(largest[i])), key=lambda i: (-largest[i], i))
    lines += [
        Line(peers.entities[i], "peer", peers.values[rows, i], PEERS[k], _DASHES[k])
        for k, i in enumerate(order[: len(PEERS)])
    ]
    if table.has_total:
        lines.append(Line("total", "total", table.total[rows], MUTED, [3, 3]))
    return lines


def _events(scene: Scene, rows: slice) -> list[tuple[Event, datetime]]:
    first, last = (scene.table.dates[i].to_pydatetime() for i in (rows.start, rows.stop - 1))
    inside = [e for e in scene.case.events if first <= e.date <= last + timedelta(days=scene.panel.frequency.days)]
    return [(e, e.date) for e in sorted(inside, key=lambda e: (e.date, e.kind.value))]


def _spec(
    scene: Scene,
    words: Words,
    rows: slice,
    lines: list[Line],
    events: list[tuple[Event, datetime]],
    size: Size,
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
    divisor, unit = scale_of(largest, words.language)
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
    labels, header = event_labels(words, events, size, across)
    rule = {"x": x, "y": {"value": 0}, "y2": {"value": size.height}}
    marks = [{"x": moment(when)} for _, when in events]
    layers.append(layer("rule", marks, rule, color=EVENT, strokeDash=[4, 3], strokeWidth=1))
    layers.append(traces(lines, stamps, divisor, x, y, log=log))
    layers += bounds(scene, rows, stamps, divisor, x, y, log=log)
    layers += ends(words, lines, size, down, divisor)
    layers += peak_mark(scene, words, rows, size, across, down, divisor)
    layers += labels
    layers.append(unit_of(named, -size.left + 2, -header - 10))
    return frame(size.width, size.height, left=size.left, right=size.right, top=header + 28, bottom=26, layers=layers)


def _largest(line: Line) -> float:
    known = line.values[np.isfinite(line.values)]
    return float(known.max()) if known.size else 0.0


def _ticks(domain: list[float], *, log: bool) -> Spec:
    return {"values": log_ticks(domain)} if log else {"tickCount": 5}


def _describe(scene: Scene, words: Words, lines: list[Line], events: list[tuple[Event, datetime]], finding: str) -> str:
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
    if uncertain(scene, rows).any():
        found.append(words.t("story.interval"))
    if rows.stop - rows.start < len(scene.table.dates):
        found.append(words.t("story.cut", shown=rows.stop - rows.start, all=len(scene.table.dates)))
    return tuple(found)


def _figures(scene: Scene, rows: slice, lines: list[Line]) -> Rows:
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
