"""Rows of the feature table: one per episode and outcome of a test."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from auditor.calibration.episodes import Episode
from auditor.detectors.base import Scene
from auditor.findings import Family, Finding, NotApplicable, Outcome
from auditor.rulebook.roles import PROXIES
from auditor.window import elevation

if TYPE_CHECKING:
    from auditor.rulebook.model import Requires

#: Columns of an episode, repeated in every row of its tests.
EPISODE = (
    "episode", "truth", "kind", "entity", "week", "established", "magnitude", "days", "certainty", "source", "events", "surge",
)  # fmt: skip

#: Columns of a test's outcome.
OUTCOME = (
    "tier", "rule", "family", "variant", "value", "p", "n_reference", "confidence", "applicable", "hit", "weighs", "elevation",
    "settled", "error",
)  # fmt: skip

#: Tests of price and events that read ids alone, and variants of their findings that rest on them.
_BY_ID = frozenset({"AUD131", "AUD132", "AUD306"})
_FROM_IDS = frozenset({"ids", "inferred"})

NAN = float("nan")


def tier_of(rule: str, family: Family, variant: str = "", requires: "Requires | None" = None) -> int:
    """Lowest tier of knowledge at which a test can run.

    1 is totals only; 2 adds composition and prices; 3 adds independent sources.
    """
    if requires is not None:
        further = {*requires.roles, *requires.any_role}
        if further & PROXIES or requires.sources > 1 or requires.viewpoints > 1:
            return 3
        if further or requires.events or requires.calendar:
            return 2
    if family is Family.INDEPENDENCE:
        return 3
    if family in {Family.COMPOSITION, Family.PLAUSIBILITY} and requires is None:
        return 2
    if (
        family is Family.PRICE_EVENTS
        and (rule not in _BY_ID or (variant and variant not in _FROM_IDS))
        and requires is None
    ):
        return 2
    return 1


def of_episode(episode: Episode) -> dict[str, Any]:
    """Return the columns of an episode."""
    return {
        "episode": episode.id,
        "truth": episode.truth.value,
        "kind": episode.kind,
        "entity": episode.entity,
        "week": episode.week,
        "established": episode.established,
        "magnitude": float(episode.magnitude),
        "days": episode.days,
        "certainty": episode.certainty,
        "source": episode.source,
        "events": episode.events,
        "surge": episode.surge,
    }


def of_outcomes(
    scene: Scene, outcomes: Iterable[Outcome], requires: "Mapping[str, Requires] | None" = None
) -> list[dict[str, Any]]:
    """Return one row per outcome, in the order given; rises and settledness of the scene are repeated in each."""
    known = requires or {}
    listed = list(outcomes)
    unsettled = any(isinstance(o, Finding) and o.rule == "AUD171" and o.variant == "unsettled" for o in listed)
    rise = elevation(scene)
    scenic = {"elevation": NAN if rise is None else rise, "settled": not unsettled, "error": ""}
    return [_row(o, known.get(o.rule)) | scenic for o in listed]


def without_hit(rule: str, family: Family, requires: "Requires", scene_columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a rule that could run and found nothing."""
    return _blank(rule, family, tier_of(rule, family, "", requires)) | {"applicable": True} | dict(scene_columns)


def of_error(
    rule: str, family: Family | None, problem: BaseException, scene_columns: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of a test that failed."""
    row = _blank(rule, family, tier_of(rule, family) if family else 1) | dict(scene_columns)
    first = (str(problem).splitlines() or [""])[0]
    return row | {"variant": "error", "error": f"{type(problem).__name__}: {first}"[:300]}


def columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    """Turn rows into columns in a fixed order."""
    return {name: [row[name] for row in rows] for name in names}


def _row(outcome: Outcome, requires: "Requires | None") -> dict[str, Any]:
    if isinstance(outcome, NotApplicable):
        return _blank(outcome.rule, outcome.family, tier_of(outcome.rule, outcome.family, "", requires))
    s = outcome.statistic
    return {
        "tier": tier_of(outcome.rule, outcome.family, outcome.variant, requires),
        "rule": outcome.rule,
        "family": outcome.family.value,
        "variant": outcome.variant,
        "value": NAN if s is None else float(s.value),
        "p": NAN if s is None or s.p is None else float(s.p),
        "n_reference": 0 if s is None else int(s.n_reference),
        "confidence": outcome.confidence.value,
        "applicable": True,
        "hit": True,
        "weighs": bool(outcome.weighs),
    }


def _blank(rule: str, family: Family | None, tier: int) -> dict[str, Any]:
    return {
        "tier": tier,
        "rule": rule,
        "family": family.value if family else "",
        "variant": "",
        "value": NAN,
        "p": NAN,
        "n_reference": 0,
        "confidence": "",
        "applicable": False,
        "hit": False,
        "weighs": False,
        "elevation": NAN,
        "settled": True,
        "error": "",
    }
