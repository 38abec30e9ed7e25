"""Audits episodes of one panel in full; what does not depend on the episode is built once for all of them."""

import pickle
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import AuditError
from auditor.findings import Hypothesis
from auditor.scale.episodes import Episode
from auditor.scale.lines import encode
from auditor.scale.work import Part, first_of

if TYPE_CHECKING:
    from auditor.panel import Panel
    from auditor.walk import Audit, Rules

#: Episodes of a batch: enough that a worker opens a panel seldom, few enough that little is lost when it dies.
BATCH = 10

#: Digits of a logarithm, as in the report's JSON.
PLACES = 6


@dataclass(frozen=True)
class Batch:
    """Episodes of one market.

    Attributes
    ----------
    number : int
    panel : Path
        The pickled panel of the market, written by this run; the workers see it under the same path.
    market : str
    metric : str
    episodes : tuple of Episode
    """

    number: int
    panel: Path
    market: str
    metric: str
    episodes: tuple[Episode, ...]


@dataclass(frozen=True)
class Auditing:
    """The function of a batch that ``audit scan --episodes`` runs on every engine.

    Attributes
    ----------
    rules : tuple of str or None
        Folders of rules beside the shipped ones; None runs no rule.
    """

    rules: tuple[str, ...] | None = ()

    def __call__(self, chunk: Batch) -> Part:
        """Audit the episodes of a batch."""
        desk = _desk(str(chunk.panel), chunk.metric, self.rules)
        answered: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for episode in chunk.episodes:
            try:
                answered.append(line(desk.audit(episode), episode, chunk.market))
            except AuditError as error:
                failed.append(_failed(episode, chunk.market, error.what))
            except Exception as error:  # noqa: BLE001 - whatever one episode raises, the others must be answered
                failed.append(
                    _failed(episode, chunk.market, f"the audit failed: {type(error).__name__}: {error}"[:300])
                )
        counts = {"answered": len(answered), "refused": len(failed)}
        for record in answered:
            counts[f"verdict.{record['hypothesis']}"] = counts.get(f"verdict.{record['hypothesis']}", 0) + 1
        top = first_of(record | {"attention": weight(record)} for record in answered)
        return Part(b"".join(encode([*answered, *failed])), counts, top)

    def lost(self, chunk: Batch, reason: str) -> Part:
        """Name every episode of a batch that could not be worked on."""
        records = [_failed(e, chunk.market, reason) for e in chunk.episodes]
        return Part(b"".join(encode(records)), {"refused": len(records)}, [])


def line(audit: "Audit", episode: Episode, market: str = "") -> dict[str, Any]:
    """Return the record of an audit, as ``docs/scale.md`` describes it."""
    verdict, scene = audit.verdict, audit.scene
    record: dict[str, Any] = {
        "entity": episode.entity,
        "date": f"{scene.day(scene.peak):%Y-%m-%d}" if not episode.date else episode.date,
        "window": str(scene.span),
        "value": float(scene.subject.values[scene.peak]),
        "hypothesis": verdict.hypothesis,
        "log10_lr": {h.value: round(verdict.scores[h].log10_lr, PLACES) for h in Hypothesis},
        "strength": verdict.strength.value,
        "rules": sorted({f.rule for f in audit.findings}),
        "not_applicable": sorted({n.rule for n in audit.not_applicable}),
    }
    if market:
        record["market"] = market
    if audit.simulated:
        record["simulated"] = True
    return record


def weight(record: dict[str, Any]) -> float:
    """Order of the summary: episodes for which an explanation other than organic growth is named, then by its ratio."""
    named = record["hypothesis"] not in {"insufficient", Hypothesis.ORGANIC.value}
    ratio = max(v for h, v in record["log10_lr"].items() if h != Hypothesis.ORGANIC.value)
    return round(max(float(ratio), 0.0) + (100.0 if named else 0.0), PLACES)


def batches(
    episodes: Sequence[Episode], panel: Path, market: str, metric: str, first: int, size: int = BATCH
) -> list[Batch]:
    """Cut the episodes of a market into numbered batches."""
    return [
        Batch(first + i, panel, market, metric, tuple(episodes[low : low + size]))
        for i, low in enumerate(range(0, len(episodes), size))
    ]


def _failed(episode: Episode, market: str, reason: str) -> dict[str, Any]:
    record = {"entity": episode.entity, "date": episode.date, "reason": reason}
    return record | ({"market": market} if market else {})


@dataclass(frozen=True, eq=False)
class _Desk:
    """A panel and the rules opened on it; a worker keeps one while its batches are of the same panel."""

    panel: "Panel"
    metric: str
    rules: "Rules | None"
    opened: ExitStack

    def audit(self, episode: Episode) -> "Audit":
        """Answer the question of one episode."""
        import sklearn

        from auditor import casefile
        from auditor.case import Case
        from auditor.errors import UsageError
        from auditor.walk import audit

        day: datetime | None = None
        if episode.date:
            try:
                day = casefile.when(episode.date)
            except ValueError:
                raise UsageError(f"{episode.date!r} is not a date") from None
        case = Case(subject=(episode.entity,), date=day, metric=self.metric)
        # Estimators are made of constants of ours; checking them anew a thousand times changes no result.
        with sklearn.config_context(skip_parameter_validation=True):
            return audit(self.panel, case, rules=self.rules)


@lru_cache(maxsize=1)
def _desk(path: str, metric: str, rules: tuple[str, ...] | None) -> _Desk:
    panel: Panel = pickle.loads(Path(path).read_bytes())  # noqa: S301 - written by this very run, never by another
    opened = ExitStack()
    session = None
    if rules is not None:
        session = opened.enter_context(_book(rules).session())
    return _Desk(panel, metric, session, opened)


@lru_cache(maxsize=1)
def _book(rules: tuple[str, ...]) -> Any:
    from auditor import rulebook

    return rulebook.load(extra=[Path(folder) for folder in rules])
