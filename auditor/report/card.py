"""A picture of the answer for sharing: 1200 x 630, with the question, the answer, its strength and the curve."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from auditor.report.charts.base import FONT, width_of
from auditor.report.clean import clean
from auditor.report.render import View
from auditor.report.words import NO_VALUE, Words

if TYPE_CHECKING:
    from auditor.walk import Audit

WIDTH, HEIGHT = 1200, 630
_PAPER, _INK, _MUTED, _SUBJECT, _PEER, _SHADE = "#fffdfa", "#1b1b19", "#5b5a55", "#0b57a4", "#b9b2a4", "#f0e8d2"
_LEFT = 64
_CHART = (64, 372, 1072, 178)  # left, top, width, height


def as_card(audit: "Audit", *, language: str = "en") -> bytes:
    """Draw the card as PNG. The same input gives the same bytes where the same fonts are installed."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(card_svg(View(audit, Words(language), draw=False)), scale=1.0))


def card_svg(view: View) -> str:
    """Return the card as SVG; every text of the input is cleaned and escaped."""
    words, audit = view.words, view.audit
    scene, verdict = audit.scene, audit.verdict
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{_PAPER}"/>']
    start, end = words.date(scene.span.start), words.date(scene.span.end)
    when = start if start == end else f"{start} {NO_VALUE} {end}"
    parts.append(_text(f"{words.t('kicker')} · {scene.subject.name} · {when}", _LEFT, 70, 24, _MUTED))
    y = 136.0
    for line in wrapped(view.title, 46.0, WIDTH - 2 * _LEFT, most=3):
        parts.append(_text(line, _LEFT, y, 46, _INK, weight=700))
        y += 56
    if verdict.sufficient:
        headline = words.t("verdict.fits", hypothesis=words.t(f"hypothesis.{verdict.hypothesis}.short"))
        strength = verdict.strength.value.replace(" ", "_").replace("no_support", "none")
        detail = f"{words.t('verdict.strength')} {words.t(f'strength.{strength}')}"
    else:
        headline, detail = words.t("verdict.insufficient"), words.t("card.insufficient")
    parts.append(_text(headline, _LEFT, max(y + 2, 258), 36, _SUBJECT, weight=700))
    parts.append(_text(detail, _LEFT, max(y + 40, 298), 24, _MUTED))
    if audit.simulated:
        parts.append(f'<rect width="{WIDTH}" height="34" fill="{_SHADE}"/>')
        parts.append(_text(words.t("banner.simulated"), _LEFT, 24, 20, _INK, weight=700))
    parts.append(_curve(view))
    parts.append(_text(words.t("card.limits"), _LEFT, HEIGHT - 32, 20, _MUTED))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
    return head + "".join(parts) + "</svg>"


def wrapped(text: str, size: float, width: float, *, most: int) -> list[str]:
    """Break a text into lines that fit a width, as far as can be told without measuring fonts; the rest is cut with an ellipsis.

    >>> wrapped("one two three", 20.0, 90.0, most=2)
    ['one two', 'three']
    """
    share = size / 12.0
    lines: list[str] = []
    line = ""
    words = [w for word in clean(text).split() for w in _pieces(word, int(width / (7.0 * share * 1.9)))]
    for word in words:
        longer = f"{line} {word}".strip()
        if line and width_of(longer) * share * 0.92 > width:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][:-1] + "…"]
    return lines


def _pieces(word: str, most: int) -> list[str]:
    """Cut a word that no line could hold (scripts without spaces, long ids)."""
    return [word[i : i + most] for i in range(0, len(word), most)] if len(word) > 2 * most else [word]


def _text(text: str, x: float, y: float, size: int, colour: str, *, weight: int = 400) -> str:
    line = wrapped(text, size, WIDTH - 2 * _LEFT, most=1)[0]
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-family="{escape(FONT)}" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}">{escape(line)}</text>'
    )


def _peak(view: View, x: float, y: float) -> str:
    """Name the largest day above it, inside the card."""
    scene, words = view.audit.scene, view.words
    value = float(scene.subject.values[scene.peak])
    text = f"{words.number(value)} {words.unit(scene.table)}, {words.date(scene.day(scene.peak))}"
    half = width_of(text) * 20 / 12 / 2 * 0.92
    place = min(max(x, _LEFT + half), WIDTH - _LEFT - half)
    return (
        f'<text x="{place:.1f}" y="{y}" text-anchor="middle" font-family="{escape(FONT)}" font-size="20" '
        f'fill="{_INK}">{escape(wrapped(text, 20.0, WIDTH - 2 * _LEFT, most=1)[0])}</text>'
    )


def _curve(view: View) -> str:
    """Draw the subject over its largest peers, on one linear scale, the audited days shaded."""
    from auditor.report.charts.story import shown_lines

    scene = view.audit.scene
    rows, lines = shown_lines(scene)
    left, top, width, height = _CHART
    count = rows.stop - rows.start
    lines = [line for line in lines if line.role != "total"]
    known = np.concatenate([line.values for line in lines])
    known = known[np.isfinite(known)]
    high = float(known.max()) if known.size else 1.0
    low = min(0.0, float(known.min())) if known.size else 0.0
    step = width / max(count, 1)
    drawn = []
    first, last = scene.window.start - rows.start, scene.window.stop - rows.start
    drawn.append(
        f'<rect x="{left + first * step:.1f}" y="{top}" width="{(last - first) * step:.1f}" height="{height}" fill="{_SHADE}"/>'
    )
    for line in reversed(lines):
        colour, stroke = (_SUBJECT, 4.0) if line.role == "subject" else (_PEER, 1.8)
        path, pen = "", "M"
        for i, value in enumerate(line.values):
            if not np.isfinite(value):
                pen = "M"
                continue
            share = (float(value) - low) / ((high - low) or 1.0)
            path += f"{pen}{left + (i + 0.5) * step:.1f} {top + height * (1 - share):.1f}"
            pen = "L"
        drawn.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{stroke}" stroke-linejoin="round"/>'
        )
    peak = scene.peak - rows.start
    if 0 <= peak < count and np.isfinite(scene.subject.values[scene.peak]):
        drawn.append(_peak(view, left + (peak + 0.5) * step, top - 12))
    base = top + height
    drawn.append(f'<path d="M{left} {base}H{left + width}" stroke="{_MUTED}" stroke-width="1"/>')
    return "".join(drawn)
