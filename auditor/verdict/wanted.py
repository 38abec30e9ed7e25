"""Which missing data would change the answer most, by the information that their tests were measured to carry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.detectors.base import Scene
from auditor.findings import Family, Finding, Hypothesis, NotApplicable
from auditor.texts.message import Message
from auditor.verdict.model import Wanted
from auditor.verdict.table import ReferenceTable

_H = Hypothesis


@dataclass(frozen=True)
class Kind:
    """A kind of data: metrics that would show it is present, tests it lets run, and the explanations it tells apart by judgement."""

    name: str
    metrics: tuple[str, ...]
    rules: tuple[str, ...]
    about: frozenset[Hypothesis]


#: Ordered by how directly they separate traffic made to move the number from the other explanations (a judgement, for those kinds
#: whose tests no calibration has measured).
KINDS: tuple[Kind, ...] = (
    Kind("accounts", ("accounts", "users"), (), frozenset({_H.INFLATED, _H.CONCENTRATED, _H.ORGANIC})),
    Kind(
        "apps",
        ("app_tokens", "app_requests"),
        ("AUD141",),
        frozenset({_H.CONCENTRATED, _H.INFLATED, _H.INCENTIVISED}),
    ),
    Kind("requests", ("requests",), ("AUD142", "AUD146", "AUD153"), frozenset({_H.INFLATED, _H.CONCENTRATED})),
    Kind("split", ("prompt_tokens", "input_tokens"), ("AUD143",), frozenset({_H.INFLATED, _H.CONCENTRATED})),
    Kind("independent", (), ("AUD161", "AUD163"), frozenset(Hypothesis)),
    Kind("price_events", (), ("AUD131", "AUD132"), frozenset({_H.INCENTIVISED, _H.ORGANIC})),
    Kind("vintages", (), ("AUD173",), frozenset({_H.DATA_ERROR})),
    Kind("hourly", (), (), frozenset({_H.INFLATED, _H.CONCENTRATED})),
)

#: The market's total, wanted where the test of diversion could not run for want of it.
TOTAL = Kind("total", (), ("AUD121", "AUD123"), frozenset(Hypothesis))

#: Kinds that nobody publishes and no calibration can measure, yet which would decide the matter; they stay first.
DECISIVE = frozenset({"accounts"})


def wanted(
    scene: Scene,
    leading: Hypothesis,
    rival: Hypothesis,
    findings: Sequence[Finding],
    not_applicable: Sequence[NotApplicable],
    table: ReferenceTable,
) -> tuple[Wanted, ...]:
    """Name the kinds of data that this panel lacks, those that are expected to tell most about the leading pair first.

    Kinds whose tests were measured follow the decisive ones in order of their expected log ratio between the two leading
    explanations; those that were not measured follow in the documented order.
    """
    lacking = [kind for kind in KINDS if not _present(kind, scene, findings)]
    if any(n.rule == "AUD121" for n in not_applicable) and not scene.table.has_total:
        lacking.append(TOTAL)
    rows = []
    for place, kind in enumerate(lacking):
        gain = expected(kind.rules, leading, rival, table)
        settled = 0 if kind.name in DECISIVE else 1 if gain is not None else 2
        order = (settled, -(gain or 0.0), leading not in kind.about, place)
        rows.append((order, Wanted(kind.name, Message.of(f"verdict.settle.{kind.name}"), gain)))
    return tuple(item for _, item in sorted(rows, key=lambda row: row[0]))


def expected(rules: Iterable[str], leading: Hypothesis, rival: Hypothesis, table: ReferenceTable) -> float | None:
    """Largest expected log10 ratio in favour of the truth between two explanations among some tests; None if none was measured."""
    pair = {leading.value, rival.value}
    gains = [
        float(row["log10_lr"])
        for row in table.information
        if row["rule"] in set(rules) and {row["first"], row["second"]} == pair
    ]
    return round(max(gains), 6) if gains else None


def _present(kind: Kind, scene: Scene, findings: Sequence[Finding]) -> bool:
    metrics = {m.lower() for m in scene.panel.metrics}
    if kind.name == "independent":
        return len({s.name for s in scene.panel.sources}) > 1
    if kind.name == "price_events":
        return bool(scene.case.events)
    if kind.name == "hourly":
        return scene.panel.frequency.value == "hour"
    if kind.name == "vintages":
        return any(f.family is Family.RECORD and f.name == "revisions" for f in findings)
    return bool(metrics & set(kind.metrics))
