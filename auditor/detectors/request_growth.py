"""AUD153 sets the growth of tokens beside the growth of requests.

``excess = log(tokens during / before) - log(requests during / before)``, means over the periods on which both are known;
"before" is up to 28 periods right before the window. It is the log change of tokens per request. The subject's excess is ranked
among that of peers with at least a thousandth of its requests. "Flat" means that tokens at least doubled while requests
grew by less than a quarter of that on the log scale.

References
----------
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import Paired, before, paired, request_tables, standing, token_tables
from auditor.detectors.tokens_per_request import severity
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD153", name="request_growth", family=Family.PLAUSIBILITY)

#: Fewest known periods on either side of the window's start.
FEWEST_PERIODS = 2

#: Fewest peers that a rank is stated among.
FEWEST_PEERS = 5

#: Tokens must have grown by this factor for growth without requests to be spoken of ...
JUMP = 2.0
#: ... and requests by less than this part of it, on the log scale.
FLAT = 0.25


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Compare the two growths and rank their difference among the peers."""
    name = scene.subject.name
    tokens, requests = token_tables(scene), request_tables(scene)
    if not tokens or not requests:
        return RULE.not_applicable("no_tokens" if requests else "no_requests", subject=name)
    pair = paired(scene, tokens, requests, itemised=True)
    if pair is None:
        return RULE.not_applicable("no_subject", subject=name)
    growth = [_growth(side, scene) for side in (pair.over, pair.under)]
    if not np.isfinite(growth[0][0]) or not np.isfinite(growth[1][0]):
        return RULE.not_applicable("no_base", subject=name, least=FEWEST_PERIODS)
    excess = growth[0] - growth[1]
    comparable = pair.comparable(before(scene)) & pair.comparable(scene.window) & np.isfinite(excess[1:])
    n = int(comparable.sum())
    place = standing(excess, comparable) if n >= FEWEST_PEERS else None
    by_tokens, by_requests = float(np.exp(growth[0][0])), float(np.exp(growth[1][0]))
    flat = by_tokens >= JUMP and growth[1][0] < FLAT * growth[0][0]
    key = "flat" if flat else "together" if abs(excess[0]) < np.log(1.25) else "apart"
    limits = [Message.of("AUD153.limit_kind"), Message.of("AUD153.limit_base")]
    if place is None:
        limits.append(Message.of("AUD153.limit_no_peers", n=n, least=FEWEST_PEERS))
    rows = [r for r in (*range(*before(scene).indices(len(pair.over))), *_range(scene)) if np.isfinite(pair.over[r, 0])]
    width = float(np.max(pair.width[rows]))
    value = float(excess[0])
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.span,
            statement=Message.of(
                f"AUD153.{key}",
                subject=name,
                start=scene.span.start,
                end=scene.span.end,
                tokens=by_tokens,
                requests=by_requests,
            ),
            statistic=Statistic(
                name="log growth of tokens less log growth of requests",
                value=value,
                unit="log ratio",
                reference=Message.of("AUD153.reference" if place else "AUD153.reference_none", n=n),
                n_reference=n if place else 0,
                rank=place.rank if place else None,
                p=place.p if place else None,
                low=value - 2 * width if width else None,
                high=value + 2 * width if width else None,
            ),
            variant="flat" if flat else "",
            severity=max(severity(place), Severity.MEDIUM if flat else Severity.INFO, key=lambda s: s.rank),
            confidence=Confidence.HIGH if n >= 50 else Confidence.MEDIUM if place else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(r) for r in rows],
                part=["window" if r >= scene.window.start else "before" for r in rows],
                tokens=pair.over[rows, 0],
                requests=pair.under[rows, 0],
            ),
            figures=MappingProxyType(
                {"tokens_growth": by_tokens, "requests_growth": by_requests, "peers": float(n), **_peers(excess, pair)}
            ),
        )
    ]


def _growth(values: Floats, scene: Scene) -> Floats:
    """Log ratio of the mean in the window to the mean before it, shape (1 + K,); NaN where either has too few periods."""
    means = []
    for rows in (scene.window, before(scene)):
        known = np.isfinite(values[rows])
        count = known.sum(axis=0)
        mean = np.where(known, values[rows], 0.0).sum(axis=0) / np.maximum(count, 1)
        means.append(np.where((count >= FEWEST_PERIODS) & (mean > 0), mean, np.nan))
    result: Floats = np.log(means[0]) - np.log(means[1])
    return result


def _range(scene: Scene) -> range:
    return range(scene.window.start, scene.window.stop)


def _peers(excess: Floats, pair: Paired) -> dict[str, float]:
    others = excess[1:][np.isfinite(excess[1:])]
    return {"peer_median": float(np.median(others))} if others.size and pair.peers else {}
