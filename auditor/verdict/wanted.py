"""Which missing data would change the answer most."""

from collections.abc import Sequence

from auditor.detectors.base import Scene
from auditor.findings import Family, Finding, Hypothesis, NotApplicable
from auditor.texts.message import Message

#: Kinds of data, the metrics that would show they are present, and the pairs of explanations they tell apart best.
#: Ordered by how directly they separate traffic made to move the number from the other explanations.
_KINDS: tuple[tuple[str, tuple[str, ...], frozenset[Hypothesis]], ...] = (
    ("accounts", ("accounts", "users"), frozenset({Hypothesis.INFLATED, Hypothesis.CONCENTRATED, Hypothesis.ORGANIC})),
    (
        "apps",
        ("app_tokens", "app_requests"),
        frozenset({Hypothesis.CONCENTRATED, Hypothesis.INFLATED, Hypothesis.INCENTIVISED}),
    ),
    ("requests", ("requests",), frozenset({Hypothesis.INFLATED, Hypothesis.CONCENTRATED})),
    ("split", ("prompt_tokens", "input_tokens"), frozenset({Hypothesis.INFLATED, Hypothesis.CONCENTRATED})),
    ("independent", (), frozenset(Hypothesis)),
    ("price_events", (), frozenset({Hypothesis.INCENTIVISED, Hypothesis.ORGANIC})),
    ("vintages", (), frozenset({Hypothesis.DATA_ERROR})),
    ("hourly", (), frozenset({Hypothesis.INFLATED, Hypothesis.CONCENTRATED})),
)


def would_settle(
    scene: Scene, leading: Hypothesis, findings: Sequence[Finding], not_applicable: Sequence[NotApplicable]
) -> tuple[Message, ...]:
    """Name the kinds of data that this panel lacks, those that bear on the leading explanation first.

    The order is a judgement until calibration has measured the expected information of each kind.
    """
    metrics = {m.lower() for m in scene.panel.metrics}
    lacking = []
    for kind, names, about in _KINDS:
        present = bool(metrics & set(names))
        if kind == "independent":
            present = len({s.name for s in scene.panel.sources}) > 1
        if kind == "price_events":
            present = bool(scene.case.events)
        if kind == "hourly":
            present = scene.panel.frequency.value == "hour"
        if kind == "vintages":
            present = any(f.family is Family.RECORD and f.name == "revisions" for f in findings)
        if not present:
            lacking.append((leading not in about, kind))
    if any(n.rule == "AUD121" for n in not_applicable) and not scene.table.has_total:
        lacking.append((False, "total"))
    return tuple(Message.of(f"verdict.settle.{kind}") for _, kind in sorted(lacking, key=lambda item: item[0]))
