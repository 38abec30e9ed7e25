"""Whether a rule can say anything on a panel, and what is missing where it cannot."""

import numpy as np

from auditor.detectors.base import Scene
from auditor.rulebook.cells import further
from auditor.rulebook.model import Requires
from auditor.rulebook.roles import meaning
from auditor.rulebook.spacings import viewpoints
from auditor.texts.message import Message


def missing(scene: Scene, needs: Requires) -> Message | None:
    """Return what the panel lacks for a rule, as a sentence; None where nothing is missing."""
    table, panel = scene.table, scene.panel
    role = meaning(table.metric).role
    if needs.frequency and panel.frequency.value not in needs.frequency:
        return _say("frequency", found=panel.frequency.value, wanted=", ".join(needs.frequency))
    if needs.metric_roles and role not in needs.metric_roles:
        return _say("metric", found=table.metric, wanted=", ".join(needs.metric_roles))
    published = int(table.published.sum())
    if published < needs.days:
        return _say("days", found=published, wanted=needs.days)
    if len(table.entities) < needs.entities:
        return _say("entities", found=len(table.entities), wanted=needs.entities)
    if needs.remainder and not np.isfinite(table.other).any():
        return _say("remainder")
    if needs.total and not table.has_total:
        return _say("total")
    return _record(scene, needs) or _others(scene, needs) or _context(scene, needs)


def _record(scene: Scene, needs: Requires) -> Message | None:
    """Check sources, moments of publication and vintages."""
    raw = scene.panel.observations
    frame = raw.frame if raw is not None else None
    if needs.sources > 1:
        found = viewpoints(scene, spacings=False)
        if found < needs.sources:
            return _say("sources", found=found, wanted=needs.sources)
    if needs.viewpoints > 1 and viewpoints(scene) < needs.viewpoints:
        return _say("viewpoints", wanted=needs.viewpoints)
    if needs.as_of or needs.vintages:
        moments = int(frame["as_of"].replace("", None).nunique()) if frame is not None and "as_of" in frame else 0
        if not moments:
            return _say("as_of")
        if needs.vintages and moments < 2:
            return _say("vintages")
    return None


def _others(scene: Scene, needs: Requires) -> Message | None:
    """Check further metrics, for the subject where the rule asks for that."""
    held: set[str] = set()
    periods: set[str] = set()
    for table, period in further(scene):
        if needs.of_subject and not any(part in table.index for part in scene.subject.parts):
            continue
        periods.add(period)
        # Figures of another spacing answer no rule that reads the question's own periods.
        if table.dates.freq == scene.table.dates.freq:
            held.add(meaning(table.metric).role)
    whose = "of_subject" if needs.of_subject else "of_any"
    lacking = [r for r in needs.roles if r not in held]
    if lacking:
        return _say(f"role_{whose}", wanted=", ".join(lacking).replace("_", " "), subject=scene.subject.name)
    if needs.any_role and not held & set(needs.any_role):
        return _say(f"role_{whose}", wanted=" or ".join(needs.any_role).replace("_", " "), subject=scene.subject.name)
    if needs.periods and not periods & set(needs.periods):
        return _say("period", wanted=" or ".join(needs.periods))
    return None


def _context(scene: Scene, needs: Requires) -> Message | None:
    """Check claims and events of the case."""
    if needs.claims and not any(isinstance(c.get("value"), int | float) for c in scene.case.claims):
        return _say("claims")
    if needs.calendar and not scene.case.events:
        return _say("calendar")
    if needs.events and not any(e.kind.value in needs.events for e in scene.case.events):
        return _say("events", wanted=" or ".join(needs.events).replace("_", " "))
    return None


def _say(key: str, **values: object) -> Message:
    return Message.of(f"rulebook.needs_{key}", **values)
