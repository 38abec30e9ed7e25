"""Every figure of the report as CSV, safe to open in a spreadsheet."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.findings import Family, Hypothesis, Rows
from auditor.observations import Status
from auditor.report.clean import cell
from auditor.report.render import View, keyed
from auditor.report.words import Words

if TYPE_CHECKING:
    from auditor.walk import Audit


def csvs(audit: "Audit", *, language: str = "en", view: View | None = None) -> dict[str, str]:
    """Return the CSV files of an audit: file name to text (UTF-8, LF, comma, header row).

    ``series.csv`` is the subject with all that is known of each period; ``chart-*.csv`` are the figures drawn;
    ``finding-*.csv`` the rows each finding rests on; ``verdict.csv``, ``claims.csv`` and ``events.csv`` restate the report.
    Numbers are written in full precision (12 digits); text that a spreadsheet would take for a formula starts with ``'``.
    """
    words = Words(language)
    view = view or View(audit, words)
    files = {
        "series.csv": _series(audit),
        "verdict.csv": _verdict(audit),
        "claims.csv": _claims(audit, words),
        "events.csv": _events(audit),
    }
    if view.story is not None:
        files["chart-story.csv"] = view.story.rows
    for key, finding in keyed(audit.findings):
        if finding.data is not None:
            files[f"finding-{key}.csv"] = finding.data
    for item in view.items:
        if item.chart is not None:
            files[f"chart-{item.key}.csv"] = item.chart.rows
    return {name: _text(rows) for name, rows in sorted(files.items())}


def _text(rows: Rows) -> str:
    out = io.StringIO()
    for row in (rows.columns, *rows.rows):
        out.write(",".join(_quoted(cell(v)) for v in row) + "\n")
    return out.getvalue()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r;') else text


def _series(audit: "Audit") -> Rows:
    scene = audit.scene
    subject, table = scene.subject, scene.table
    with np.errstate(invalid="ignore", divide="ignore"):
        share = subject.values / table.total
    inside = np.zeros(len(table.dates), dtype=bool)
    inside[scene.window] = True
    columns: dict[str, Any] = {
        "date": list(table.dates),
        "subject": [subject.name] * len(table.dates),
        "value": subject.values,
        "low": subject.low,
        "high": subject.high,
        "status": [Status(int(code)).label for code in subject.status],
        "total": table.total,
        "share": np.where(np.isfinite(share), share, np.nan),
        "cutoff": table.cutoff,
        "in_window": inside,
    }
    rows = Rows.of(**columns)
    if len(subject.parts) < 2:
        return rows
    by_part: dict[str, Any] = {f"part {p}": subject.part_values[:, k] for k, p in enumerate(subject.parts)}
    parts = Rows.of(**by_part)
    return Rows(rows.columns + parts.columns, tuple(a + b for a, b in zip(rows.rows, parts.rows, strict=True)))


def _verdict(audit: "Audit") -> Rows:
    scores = audit.verdict.scores
    families = [f for f in Family if any(f in s.by_family for s in scores.values())]
    chosen = [h for h in Hypothesis if h in scores]
    return Rows.of(
        hypothesis=[h.value for h in chosen],
        log10_lr_against_organic=[scores[h].log10_lr for h in chosen],
        log10_lr_against_best_rival=[scores[h].against_best_rival for h in chosen],
        **{f.value: [scores[h].by_family.get(f) for h in chosen] for f in families},
    )


def _claims(audit: "Audit", words: Words) -> Rows:
    return Rows.of(
        claim=[c.text for c in audit.claims],
        status=[c.status.value for c in audit.claims],
        claimed=[c.claimed.value if c.claimed else None for c in audit.claims],
        claimed_low=[c.claimed.low if c.claimed else None for c in audit.claims],
        claimed_high=[c.claimed.high if c.claimed else None for c in audit.claims],
        measured=[words.say(c.measured) for c in audit.claims],
        value=[c.value for c in audit.claims],
        low=[c.low for c in audit.claims],
        high=[c.high for c in audit.claims],
    )


def _events(audit: "Audit") -> Rows:
    events = sorted(audit.case.events, key=lambda e: (e.date, e.kind.value))
    return Rows.of(
        date=[e.date for e in events],
        kind=[e.kind.value for e in events],
        entity=[e.entity for e in events],
        note=[e.note for e in events],
        source=[e.source for e in events],
    )
