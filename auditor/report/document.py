"""The audit as JSON; its schema is ``schema/audit.schema.json``."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from auditor.findings import Finding, Hypothesis, NotApplicable, Rows, Statistic
from auditor.report.words import Words
from auditor.texts.message import Message

if TYPE_CHECKING:
    from auditor.report.history import Past
    from auditor.verdict.model import Choice, Verdict
    from auditor.walk import Audit

#: Version of the document's form; the first number changes when a reader of the old form would fail.
SCHEMA_VERSION = "1.1"


def as_json(
    audit: "Audit",
    *,
    language: str = "en",
    command: str = "",
    generated: str | None = None,
    history: "Sequence[Past]" = (),
) -> dict[str, Any]:
    """Return the audit as plain JSON values: no NaN, floats to 12 significant digits, dates in ISO 8601.

    Sentences are given twice: written out, and as key and values, so that a program need not parse prose.
    """
    words = Words(language)
    scene, case, verdict = audit.scene, audit.case, audit.verdict
    scores = {h: verdict.scores[h] for h in Hypothesis if h in verdict.scores}
    document = {
        "schema_version": SCHEMA_VERSION,
        "language": language,
        "generated": generated,
        "command": command,
        "simulated": audit.simulated,
        "case": {
            "title": case.title,
            "subject": {"name": scene.subject.name, "ids": case.subject, "found": scene.subject.parts},
            "metric": scene.table.metric,
            "unit": scene.table.unit,
            "frequency": scene.panel.frequency.value,
            "window": {"start": scene.span.start, "end": scene.span.end},
            "record": {"start": scene.table.dates[0], "end": scene.table.dates[-1]},
            "peak": {"date": scene.day(scene.peak), "value": float(scene.subject.values[scene.peak])},
            "donors": case.donors,
            "events": [
                {"date": e.date, "kind": e.kind, "entity": e.entity, "note": e.note, "source": e.source}
                for e in case.events
            ],
            "reply": case.reply,
            "inputs": [PurePath(i).name for i in case.inputs],  # folders of the user are not published
        },
        "verdict": {
            "hypothesis": verdict.hypothesis,
            "leading": verdict.leading,
            "strength": verdict.strength,
            "words": words.say(verdict.words),
            "message": verdict.words,
            "log10_lr": {h.value: s.log10_lr for h, s in scores.items()},
            "against_best_rival": {h.value: s.against_best_rival for h, s in scores.items()},
            "by_family": {h.value: {f.value: v for f, v in s.by_family.items()} for h, s in scores.items()},
            "reasons": [words.say(m) for m in verdict.reasons],
            "fragility": [
                {"without": k.family, "leading": k.leading, "log10_lr": k.log10_lr} for k in verdict.fragility
            ],
            "would_settle": [words.say(m) for m in verdict.would_settle],
            "provisional": verdict.provisional,
            "tier": verdict.tier,
            "domain": verdict.domain,
            "domain_words": words.say(verdict.domain_words),
            "basis": dict(verdict.basis),
            "lattice": [_choice(c, words) for c in verdict.lattice],
            "without_source": [
                {"without": o.source, "hypothesis": o.hypothesis, "leading": o.leading, "log10_lr": o.log10_lr}
                for o in verdict.without_source
            ],
            "wanted": [
                {"kind": m.kind, "words": words.say(m.words), "expected_log10_lr": m.expected} for m in verdict.wanted
            ],
            "detectable": _detectable(verdict, words),
            "posterior": {h.value: verdict.posterior[h] for h in Hypothesis if h in verdict.posterior},
            "posterior_words": words.say(verdict.posterior_words),
        },
        "claims": [
            {
                "text": c.text,
                "kind": c.kind,
                "status": c.status,
                "claimed": {"value": c.claimed.value, "low": c.claimed.low, "high": c.claimed.high}
                if c.claimed
                else None,
                "measured": words.say(c.measured),
                "message": c.measured,
                "value": c.value,
                "low": c.low,
                "high": c.high,
                "data": c.data,
            }
            for c in audit.claims
        ],
        "findings": [_finding(f, words) for f in audit.findings],
        "not_applicable": [_silent(n, words) for n in audit.not_applicable],
        "sources": [
            {
                "name": s.name,
                "citation": s.citation,
                "licence": s.licence,
                "url": s.url,
                "as_of": s.as_of,
                "sha256": s.sha256,
                "file": s.file,
                "simulated": s.simulated,
            }
            for s in audit.sources
        ],
        "notes": [{"code": n.code, "text": n.text, "where": n.where, "count": n.count} for n in audit.notes],
        "calibration": {
            "provisional": verdict.provisional,
            "words": words.say(verdict.calibration),
            "error_rates": dict(verdict.error_rates),
        },
        "software": dict(audit.software),
        "history": [past.plain() for past in history],
    }
    result: dict[str, Any] = plain(document)
    return result


def dumps(document: Mapping[str, Any]) -> str:
    """Write a document: sorted keys, two spaces, a newline at the end."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1) + "\n"


def plain(value: Any) -> Any:
    """Return JSON-ready values; what is not finite becomes null.

    >>> plain({"a": float("nan"), "b": 0.1 + 0.2, "c": (1, None)})
    {'a': None, 'b': 0.3, 'c': [1, None]}
    """
    if isinstance(value, Message):
        return {"key": value.key, "values": plain(value.values)}
    if isinstance(value, Rows):
        return {"columns": list(value.columns), "rows": plain(value.rows)}
    if isinstance(value, Mapping):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat().removesuffix("T00:00:00")
    if value is None or isinstance(value, str | bool | int):
        # Halves of surrogate pairs cannot be written as UTF-8; everything else of the input is kept as it was.
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    return str(value)


def _choice(c: "Choice", words: Words) -> dict[str, Any]:
    return {
        "choice": words.say(c.choice),
        "kind": c.kind,
        "hypothesis": c.hypothesis,
        "leading": c.leading,
        "log10_lr": c.log10_lr,
        "inflated": c.inflated,
    }


def _detectable(verdict: "Verdict", words: Words) -> dict[str, Any] | None:
    found = verdict.detectable
    if found is None:
        return None
    return {
        "tier": found.tier,
        "established": found.established,
        "days": found.days,
        "least": found.least,
        "largest": found.largest,
        "power": found.power,
        "words": words.say(found.words),
    }


def _finding(f: Finding, words: Words) -> dict[str, Any]:
    return {
        "rule": f.rule,
        "version": f.version,
        "name": f.name,
        "title": words.title(f.rule, f.name, f.title),
        "family": f.family,
        "subject": f.subject,
        "window": {"start": f.window.start, "end": f.window.end} if f.window else None,
        "statement": words.say(f.statement),
        "message": f.statement,
        "statistic": _statistic(f.statistic, words) if f.statistic else None,
        "variant": f.variant,
        "severity": f.severity,
        "confidence": f.confidence,
        "limits": [words.say(m) for m in f.limits],
        "figures": dict(f.figures),
        "weighs": f.weighs,
        "log10_lr": {h.value: f.log10_lr[h] for h in Hypothesis if h in f.log10_lr},
        "fingerprint": f.fingerprint,
        "data": f.data,
    }


def _statistic(s: Statistic, words: Words) -> dict[str, Any]:
    return {
        "name": s.name,
        "value": s.value,
        "unit": s.unit,
        "reference": words.say(s.reference),
        "n_reference": s.n_reference,
        "rank": s.rank,
        "p": s.p,
        "low": s.low,
        "high": s.high,
    }


def _silent(n: NotApplicable, words: Words) -> dict[str, Any]:
    return {
        "rule": n.rule,
        "version": n.version,
        "name": n.name,
        "title": words.title(n.rule, n.name, n.title),
        "family": n.family,
        "reason": words.say(n.reason),
        "message": n.reason,
    }
