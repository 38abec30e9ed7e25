"""Asks `audit` about an alarm and writes its report; the watch itself never says why something rose."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.case import Case, Event, EventKind
from auditor.errors import AuditError
from auditor.findings import Window
from auditor.observations import Observations
from auditor.panel import Panel
from auditor.watch.config import Config
from auditor.watch.found import Found
from auditor.watch.level import RUN
from auditor.watch.state import slug

if TYPE_CHECKING:
    from auditor.walk import Rules

Inquiry = Callable[[Found, Observations], None]


def inquire(found: Found, known: Observations, config: Config, reports: Path, *, rules: "Rules | None" = None) -> None:
    """Audit the rise that an alarm is about, on the settled figures known then; fills in ``verdict`` and ``report``.

    What cannot be audited is told as such: an alarm is never lost because its audit failed.
    """
    import auditor
    from auditor.report import write

    case = _case(found, config)
    try:
        answer = auditor.audit(Panel.of(known), case, rules=rules)
    except AuditError as error:
        found.verdict = {"error": error.what}
        return
    found.report = f"{slug(found.source)}/{slug(found.entity)}/{found.opened}"
    write(answer, reports / found.report, config.case.formats, command=f"audit watch run ({config.watch.name})")
    verdict = answer.verdict
    found.verdict = summary(verdict)


def summary(verdict: Any) -> dict[str, Any]:
    """Return what a notification says of a verdict."""
    from auditor.texts.catalogue import catalogue

    texts = catalogue()
    return {
        "hypothesis": str(verdict.hypothesis),
        "strength": verdict.strength.value,
        "rank": verdict.strength.rank,
        "words": texts.write(verdict.words),
        "log10_lr": {h.value: round(s.log10_lr, 6) for h, s in sorted(verdict.scores.items())},
    }


def _case(found: Found, config: Config) -> Case:
    names = {"entity": found.entity, "source": found.source, "opened": found.opened, "day": found.day}
    events = tuple(
        Event(datetime.combine(e.date, datetime.min.time()), EventKind(e.kind), e.source, e.note, e.entity)
        for e in config.event
        if e.entity == found.entity and e.date <= date.fromisoformat(found.day)
    )
    return Case(
        subject=(found.entity,),
        # An excursion opens on the last of the first run of high days.
        window=Window(
            datetime.fromisoformat(found.opened) - timedelta(days=RUN - 1), datetime.fromisoformat(found.day)
        ),
        title=config.case.title.format(**names),
        events=events,
        donors=config.case.donors,
    )


def settled(known: Observations, day: str) -> Observations:
    """Return what was known of the days up to the one that raised the alarm."""
    frame = known.frame
    return replace(known, frame=frame[(frame["date"] <= day).to_numpy()].reset_index(drop=True))
