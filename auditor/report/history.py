"""Earlier audits of the same question, so that a reader sees what changed and nobody can change it unseen.

The history is kept in ``audit.json`` and carried over when the report is written again into the same folder. It grows only
when something changed: repeating an audit on the same input leaves the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST = 200


@dataclass(frozen=True)
class Past:
    """One earlier audit of the same question."""

    hypothesis: str
    strength: str
    log10_lr: float
    record_end: str
    findings: int
    as_of: str
    data: str
    software: str

    def plain(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return dict(self.__dict__)


def earlier(folder: Path, document: Mapping[str, Any]) -> tuple[Past, ...]:
    """Return the history that a new report in a folder must carry.

    Parameters
    ----------
    folder : Path
        Where the report will be written; an ``audit.json`` of the same question there is the newest earlier audit. What is not
        one, or asks something else, has no say.
    document : mapping
        The new audit as JSON.
    """
    try:
        old = json.loads((folder / "audit.json").read_bytes())
        if _question(old) != _question(document):
            return ()
        held = [Past(**entry) for entry in old.get("history", ())]
        if _answer(old) == _answer(document):
            return tuple(held)
        return tuple([*held, _past(old)][-MOST:])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return ()


def _question(document: Mapping[str, Any]) -> tuple[Any, ...]:
    case = document["case"]
    return (case["subject"]["ids"], case["metric"], case["title"])


def _answer(document: Mapping[str, Any]) -> Any:
    """Return what is compared: words may be improved without changing the answer."""
    verdict = document["verdict"]
    return (
        verdict["hypothesis"],
        verdict["log10_lr"],
        sorted((f["fingerprint"], json.dumps(f["statistic"], sort_keys=True)) for f in document["findings"]),
        [s["sha256"] for s in document["sources"]],
        document["case"]["window"],
        document["software"]["version"],
    )


def _past(document: Mapping[str, Any]) -> Past:
    verdict, sources = document["verdict"], document["sources"]
    return Past(
        hypothesis=str(verdict["hypothesis"]),
        strength=str(verdict["strength"]),
        log10_lr=float(verdict["against_best_rival"][verdict["leading"]]),
        record_end=str(document["case"]["record"]["end"]),
        findings=len(document["findings"]),
        as_of=max((str(s["as_of"]) for s in sources if s["as_of"]), default=""),
        data=_data(sources),
        software=str(document["software"]["version"]),
    )


def _data(sources: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(s["sha256"])[:12] for s in sources if s["sha256"])
