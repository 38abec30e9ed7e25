"""AUD152 turns the subject's completion tokens into the serving capacity they would need.

Completion (output) tokens of the window's largest period, over its seconds, give the mean output rate. Divided by the speed at which one
answer is written it is the number of answers being written at any moment; divided by what one accelerator puts out it is the number of
accelerators busy all the time. It is arithmetic, for a reader to hold against what is known of a provider; it carries weight only
where a capacity is stated to compare with. A peak within the period needs more than its mean.

Assumed throughputs are parameters. Their defaults are one operator's published averages for a large mixture-of-experts model
(DeepSeek, 2025): 20 to 22 tokens a second per answer, and on eight-accelerator nodes 14,800 output tokens a second in decoding,
which is 1,850 per accelerator; counted over all accelerators of the service, those that read prompts included, 168 billion output tokens in
a day on 226.75 nodes, which is 1,072. Small models put out several times more, large dense ones less.

References
----------
DeepSeek (2025). DeepSeek-V3/R1 inference system overview. Open Source Week, day 6 (open-infra-index, 1 March 2025).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import folded, on, playing, role_of, settled
from auditor.errors import UsageError
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD152", name="completion_capacity", family=Family.PLAUSIBILITY)

#: Output tokens a second of one answer: the middle of 20 to 22 (DeepSeek 2025).
PER_ANSWER = 21.0

#: Output tokens a second of one accelerator that only writes (14,800 per node of eight), and averaged over the whole service.
PER_ACCELERATOR, PER_ACCELERATOR_OVERALL = 1850.0, 1072.0

#: Folded names of metrics that list the output speed of one answer, in tokens a second.
SPEEDS = frozenset({"throughput", "throughput_tps", "tokens_per_second", "output_speed", "output_tokens_per_second"})


@dataclass(frozen=True)
class Volume:
    """Completion tokens of the subject per period, shape (T,), and where they come from: ``published`` or ``stated``."""

    values: Floats
    origin: str
    share: float = float("nan")


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """State the output rate of the window's largest period and the capacity it implies.

    ``params``: ``tokens_per_second_per_answer``, ``tokens_per_second_per_accelerator`` (writing only, the fewest accelerators),
    ``tokens_per_second_per_accelerator_overall`` (whole service, the most); ``completion_share`` (of total tokens, used where completion tokens are not
    published); ``capacity_tokens_per_second`` (a known output capacity to compare with).

    Raises
    ------
    UsageError
        When a parameter is not a number above zero, or the share is above one.
    """
    name = scene.subject.name
    settings = {
        "tokens_per_second_per_accelerator": PER_ACCELERATOR,
        "tokens_per_second_per_accelerator_overall": PER_ACCELERATOR_OVERALL,
    }
    fastest, overall = (_positive(params, key, usual) for key, usual in settings.items())
    volume = _volume(scene, params)
    if volume is None:
        return RULE.not_applicable("no_completion", subject=name)
    inside = volume.values[scene.window]
    if not np.isfinite(inside).any() or not float(np.nanmax(inside)) > 0:
        return RULE.not_applicable("no_window", subject=name)
    row = int(np.nanargmax(inside)) + scene.window.start
    seconds = 86400.0 * scene.panel.frequency.days
    tokens = float(volume.values[row])
    rate = tokens / seconds
    answer, origin = _speed(scene, row, params)
    most, least = (rate / min(fastest, overall), rate / max(fastest, overall))
    stated = "capacity_tokens_per_second" in params
    capacity = _positive(params, "capacity_tokens_per_second", 1.0) if stated else float("nan")
    limits = [
        Message.of("AUD152.limit_mean"),
        Message.of(f"AUD152.limit_speed_{origin}", speed=answer),
        Message.of("AUD152.limit_accelerator", fastest=max(fastest, overall), overall=min(fastest, overall)),
    ]
    if volume.origin == "stated":
        limits.append(Message.of("AUD152.limit_share", share=volume.share))
    before = volume.values[: scene.window.start]
    earlier = before[np.isfinite(before)][-28:]
    variant = "" if not stated else "above" if rate > capacity else "within"
    rows = np.arange(scene.window.start, scene.window.stop)
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.dates(row, row),
            statement=Message.of(
                f"AUD152.{variant or 'stated'}",
                subject=name,
                day=scene.day(row),
                tokens=tokens,
                rate=rate,
                answers=rate / answer,
                least=least,
                most=most,
                capacity=capacity,
                times=rate / capacity,
            ),
            statistic=Statistic(
                name="mean output rate over the stated capacity" if stated else "mean output rate",
                value=rate / capacity if stated else rate,
                unit="ratio of the capacity" if stated else "tokens",
            ),
            variant=variant,
            severity=Severity.HIGH if variant == "above" else Severity.INFO,
            confidence=Confidence.MEDIUM if volume.origin == "published" else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(int(r)) for r in rows],
                completion_tokens=inside,
                tokens_per_second=inside / seconds,
                accelerators_at_least=inside / seconds / max(fastest, overall),
                accelerators_at_most=inside / seconds / min(fastest, overall),
            ),
            figures=MappingProxyType(
                {
                    "completion_tokens": tokens,
                    "tokens_per_second": rate,
                    "answers_at_once": rate / answer,
                    "accelerators_at_least": least,
                    "accelerators_at_most": most,
                }
                | ({"tokens_per_second_before": float(np.median(earlier)) / seconds} if earlier.size else {})
            ),
            weighs=stated,
        )
    ]


def _positive(params: Mapping[str, Any], key: str, usual: float) -> float:
    """Return a parameter that must be a number above zero."""
    value = params.get(key, usual)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise UsageError(
            f"{RULE.id}: {key} is {value!r}, not a number above zero",
            hint=f"leave it out, or give one such as {usual:g}",
        )
    return number


def _volume(scene: Scene, params: Mapping[str, Any]) -> Volume | None:
    """Completion tokens where published, else the stated share of the total."""
    table = scene.table if role_of(scene.table.metric) == "completion" else playing(scene.panel, "completion")
    if table is not None:
        columns = [table.index[part] for part in scene.subject.parts if part in table.index]
        values = on(settled(table)[:, columns], table, scene.table.dates)
        known = np.asarray(np.isfinite(values).any(axis=1))
        if known[scene.window].any():
            return Volume(np.where(known, np.nansum(values, axis=1), np.nan), "published")
    if "completion_share" not in params or role_of(scene.table.metric) != "tokens":
        return None
    share = _positive(params, "completion_share", 0.05)
    if share > 1:
        raise UsageError(
            f"{RULE.id}: completion_share is {share:g}, above one", hint="give a share such as 0.05 for five per cent"
        )
    subject = scene.subject
    return Volume(np.where(subject.settled, subject.values, np.nan) * share, "stated", share)


def _speed(scene: Scene, row: int, params: Mapping[str, Any]) -> tuple[float, str]:
    """Output speed of one answer and its origin: the user's, the listed one of the period (else the nearest earlier), the default."""
    if "tokens_per_second_per_answer" in params:
        return _positive(params, "tokens_per_second_per_answer", PER_ANSWER), "stated"
    for metric, table in sorted(scene.panel.tables.items()):
        columns = [table.index[part] for part in scene.subject.parts if part in table.index]
        if folded(metric) not in SPEEDS or not columns:
            continue
        values = on(settled(table)[:, columns], table, scene.table.dates)[: row + 1]
        listed = values[np.isfinite(values).any(axis=1)]
        if len(listed) and float(np.nanmax(listed[-1])) > 0:
            return float(np.nanmax(listed[-1])), "listed"
    return PER_ANSWER, "assumed"
