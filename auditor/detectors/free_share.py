"""AUD132 measures how much of the subject's volume in the window was served at no charge.

A period counts as free for an id that carries the suffix ``:free``, and for every id between a ``free_start`` and the next
``free_end`` event of the case (a ``free_end`` alone covers everything before it, a ``free_start`` alone everything after).
The market's own free share over the same periods is the reference: where much of the market is free, being free says less.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.case import EventKind
from auditor.detectors.base import Rule, Scene
from auditor.detectors.retention import FREE_SUFFIXES
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.texts.message import Message

RULE = Rule(id="AUD132", name="free_share", family=Family.PRICE_EVENTS)

#: From this share on the window counts as served at no charge.
MOSTLY = 0.5


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Measure the share of the window's volume that was free, by event and by id."""
    subject = scene.subject
    marked = np.array([is_free(part) for part in subject.parts])
    dated = _free_periods(scene)
    if not marked.any() and not dated.any():
        return RULE.not_applicable("no_price", subject=subject.name)
    volume = np.where(np.isfinite(subject.part_values), subject.part_values, 0.0)
    volume[~subject.settled] = 0.0
    free = np.where(dated[:, None] | marked[None, :], volume, 0.0)
    total = float(volume[scene.window].sum())
    if total <= 0:
        return RULE.not_applicable("no_volume", subject=subject.name)
    share = float(free[scene.window].sum()) / total
    variant = "documented" if dated[scene.window].any() else "ids"
    peers = scene.peers
    columns = [i for i, entity in enumerate(peers.entities) if is_free(entity)]
    listed = float(np.nansum(peers.values[scene.window]))
    market = float(np.nansum(peers.values[scene.window][:, columns])) / listed if listed > 0 else float("nan")
    limits = [Message.of("AUD132.limit_choice"), Message.of("AUD132.limit_subsidy")]
    if variant == "ids":
        limits.append(Message.of("AUD132.limit_ids"))
    key = "mostly" if share >= MOSTLY else "partly" if share > 0 else "none"
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=subject.name,
            window=scene.span,
            statement=Message.of(
                f"AUD132.{key}_{variant}" if key != "none" else "AUD132.none",
                subject=subject.name,
                share=share,
                market=market,
                start=scene.span.start,
                end=scene.span.end,
            ),
            statistic=Statistic(
                name="free share of the volume",
                value=share,
                unit="share",
                reference=Message.of("AUD132.reference", market=market) if np.isfinite(market) else None,
            ),
            variant=variant,
            severity=Severity.MEDIUM if share >= MOSTLY else Severity.INFO,
            confidence=Confidence.HIGH if variant == "documented" else Confidence.MEDIUM,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(r) for r in range(scene.window.start, scene.window.stop)],
                volume=volume[scene.window].sum(axis=1),
                free=free[scene.window].sum(axis=1),
            ),
            figures=MappingProxyType({"free_share": share, "market_free_share": market}),
        )
    ]


def is_free(entity: str) -> bool:
    """Whether an id carries a suffix that marks the variant at no charge."""
    return ":" in entity and entity.rsplit(":", 1)[1].lower() in FREE_SUFFIXES


def _free_periods(scene: Scene) -> npt.NDArray[np.bool_]:
    """Mark the periods that the case's events state to be free, shape (T,)."""
    dates = scene.table.dates
    free = np.zeros(len(dates), dtype=bool)
    events = [
        e
        for e in scene.case.events_of(EventKind.FREE_START, EventKind.FREE_END)
        if not e.entity or e.entity in scene.subject.parts
    ]
    since = 0
    is_open = bool(events) and events[0].kind is EventKind.FREE_END
    for event in events:
        row = int(dates.searchsorted(np.datetime64(event.date), side="left"))
        if event.kind is EventKind.FREE_START and not is_open:
            since, is_open = row, True
        elif event.kind is EventKind.FREE_END and is_open:
            free[since:row] = True
            is_open = False
    if is_open:
        free[since:] = True
    return free
