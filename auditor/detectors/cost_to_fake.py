"""AUD151 states what the window's volume above its base would cost at list price, or how many accounts it would take.

The excess is the subject's settled volume in the window less the median of up to 28 earlier periods for each of them (nothing
for a subject without earlier volume). It is priced at the subject's listed prices; where the split into prompt and completion
tokens is not known, the interval runs from all-prompt to all-completion. Accounts are counted only under limits that the user
states. It is arithmetic, and carries no weight: what a volume would cost says nothing about who paid it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import before, on, paired, playing, price_scale, role_of, settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Statistic
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD151", name="cost_to_fake", family=Family.PLAUSIBILITY)

#: Completion shares that bound a volume whose split is not known.
UNKNOWN_SPLIT = (0.0, 1.0)


@dataclass(frozen=True)
class _Price:
    """Dollars per token, and whether it was listed on periods of the window, on others, or stated by the user."""

    prompt: float
    completion: float
    origin: str


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Price the excess, and count the accounts it would take.

    ``params``: ``price_prompt`` and ``price_completion`` (dollars per million tokens, used where none is listed);
    ``tokens_per_account`` and ``requests_per_account`` (limit per period); ``tokens_per_request`` (used where requests are
    not published).
    """
    name = scene.subject.name
    if role_of(scene.table.metric) != "tokens":
        return RULE.not_applicable("no_tokens", subject=name)
    excess, base = _excess(scene)
    total = float(excess.sum())
    if not total > 0:
        return RULE.not_applicable("no_excess", subject=name)
    price = _price(scene, params)
    accounts = _accounts(scene, excess, params)
    if price is None and accounts is None:
        return RULE.not_applicable("no_price", subject=name)
    rows = range(scene.window.start, scene.window.stop)
    data = Rows.of(date=[scene.day(r) for r in rows], volume=scene.subject.values[scene.window], excess=excess)
    found: list[Outcome] = []
    limits = [Message.of("AUD151.limit_payer"), Message.of("AUD151.limit_base", base=base)]
    if price is not None:
        found.append(_cost(scene, total, price, limits, data))
    if accounts is not None:
        needed, limit, kind = accounts
        found.append(
            _finding(
                scene,
                Message.of(
                    f"AUD151.accounts_{kind}", subject=name, needed=needed, limit=limit, day=scene.day(scene.peak)
                ),
                Statistic(name="accounts needed on the largest period", value=needed, unit="count"),
                "accounts",
                [*limits, Message.of("AUD151.limit_limits")],
                data,
                {"accounts": needed, "limit": limit, "excess": total},
            )
        )
    return found


def _finding(
    scene: Scene,
    statement: Message,
    statistic: Statistic,
    variant: str,
    limits: list[Message],
    data: Rows,
    figures: Mapping[str, float],
) -> Finding:
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=scene.subject.name,
        window=scene.span,
        statement=statement,
        statistic=statistic,
        variant=variant,
        confidence=Confidence.MEDIUM,
        limits=tuple(limits),
        data=data,
        figures=MappingProxyType(dict(figures)),
        weighs=False,
    )


def _cost(scene: Scene, total: float, price: _Price, limits: list[Message], data: Rows) -> Finding:
    split = _completion_share(scene)
    shares = UNKNOWN_SPLIT if split is None else (split, split)
    costs = [total * ((1 - s) * price.prompt + s * price.completion) for s in shares]
    low, high = min(costs), max(costs)
    value = low if split is None else costs[0]
    limits = [*limits, Message.of(f"AUD151.limit_price_{price.origin}")]
    if split is None:
        limits.append(Message.of("AUD151.limit_split"))
    key = "free" if high <= 0 else "cost" if split is not None else "cost_between"
    return _finding(
        scene,
        Message.of(
            f"AUD151.{key}",
            subject=scene.subject.name,
            start=scene.span.start,
            end=scene.span.end,
            excess=total,
            cost=value,
            high=high,
            prompt=price.prompt * 1e6,
            completion=price.completion * 1e6,
        ),
        Statistic(name="cost of the excess at list price", value=value, unit="USD", low=low, high=high),
        "cost",
        limits,
        data,
        {
            "excess": total,
            "cost": value,
            "cost_high": high,
            "completion_share": float("nan") if split is None else split,
        },
    )


def _excess(scene: Scene) -> tuple[Floats, float]:
    """Volume above the base on each period of the window (0 where not known), and the base."""
    subject = scene.subject
    earlier = subject.values[before(scene)][subject.settled[before(scene)]]
    base = float(np.median(earlier)) if earlier.size else 0.0
    known = subject.settled[scene.window]
    excess = np.where(known, subject.values[scene.window] - base, 0.0)
    return np.maximum(excess, 0.0), base


def _price(scene: Scene, params: Mapping[str, Any]) -> _Price | None:
    """Return the price listed in the window, else the one on other periods, else the user's; above zero if any is."""
    listed = [_listed(scene, role) for role in ("price_prompt", "price_completion")]
    stated = [params.get("price_prompt"), params.get("price_completion")]
    candidates: list[_Price] = []
    for i, origin in enumerate(("window", "elsewhere")):
        pair = [side[i] if side is not None else None for side in listed]
        if pair[0] is not None and pair[1] is not None:
            candidates.append(_Price(pair[0], pair[1], origin))
    if stated[0] is not None and stated[1] is not None:
        candidates.append(_Price(float(stated[0]) / 1e6, float(stated[1]) / 1e6, "stated"))
    paid = [c for c in candidates if c.prompt > 0 or c.completion > 0]
    return next(iter(paid or candidates), None)


def _listed(scene: Scene, role: str) -> tuple[float | None, float | None] | None:
    """Mean price per token in the window, and the largest on any other period, of the subject's ids.

    A price holds until the next one is listed, so the last one before a period is that period's.
    """
    table = playing(scene.panel, role)
    scale = price_scale(table) if table is not None else None
    if table is None or scale is None:
        return None
    columns = [table.index[p] for p in scene.subject.parts if p in table.index]
    values = on(settled(table)[:, columns], table, scene.table.dates) / scale
    inside = np.zeros(len(values), dtype=bool)
    inside[scene.window] = True
    last = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values))[:, None], -1), axis=0)
    values = np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)
    now, ever = (side[np.isfinite(side)] for side in (values[inside], values[~inside]))
    return (float(now.mean()) if now.size else None, float(ever.max()) if ever.size else None)


def _completion_share(scene: Scene) -> float | None:
    """Completion share of the subject in the window, where both sides of the split are published."""
    prompt, completion = playing(scene.panel, "prompt"), playing(scene.panel, "completion")
    if prompt is None or completion is None:
        return None
    pair = paired(scene, (completion,), (prompt, completion), itemised=True)
    share = float(pair.ratio(scene.window)[0]) if pair is not None else float("nan")
    return share if np.isfinite(share) else None


def _accounts(scene: Scene, excess: Floats, params: Mapping[str, Any]) -> tuple[float, float, str] | None:
    """Accounts that the largest period's excess would take under a stated limit, the limit, and what it limits."""
    most, per_request = float(excess.max()), params.get("tokens_per_request")
    options = []
    by_tokens, by_requests = params.get("tokens_per_account"), params.get("requests_per_account")
    if by_tokens:
        options.append((float(np.ceil(most / float(by_tokens))), float(by_tokens), "tokens"))
    if by_requests:
        length = _tokens_per_request(scene) or (float(per_request) if per_request else None)
        if length:
            options.append((float(np.ceil(most / length / float(by_requests))), float(by_requests), "requests"))
    return max(options) if options else None


def _tokens_per_request(scene: Scene) -> float | None:
    requests = playing(scene.panel, "requests")
    pair = paired(scene, (scene.table,), (requests,)) if requests is not None else None
    length = float(pair.ratio(scene.window)[0]) if pair is not None else float("nan")
    return length if np.isfinite(length) and length > 0 else None
