"""AUD142 compares the subject's tokens per request with those of the other entities on the same periods.

The ratio of sums over the window is set beside the same ratio of every peer with at least a thousandth of the subject's
requests; its place among them is a two-sided conformal rank. Where figures before the window exist, the subject's own change
is stated too (AUD153 ranks that change).

References
----------
Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. Springer.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import Paired, before, paired, request_tables, standing, token_tables
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import ConformalRank
from auditor.texts.message import Message

RULE = Rule(id="AUD142", name="tokens_per_request", family=Family.COMPOSITION)

#: Fewest peers that a rank is stated among.
FEWEST = 5


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Rank the subject's tokens per request in the window among the peers'."""
    tokens, requests = token_tables(scene), request_tables(scene)
    if not tokens or not requests:
        return RULE.not_applicable("no_tokens" if requests else "no_requests", subject=scene.subject.name)
    pair = paired(scene, tokens, requests, itemised=True)
    if pair is None:
        return RULE.not_applicable("no_subject", subject=scene.subject.name)
    return cross_section(scene, RULE, pair, "tokens per request")


def cross_section(scene: Scene, rule: Rule, pair: Paired, name: str) -> list[Outcome]:
    """Build the finding of a ratio set beside the day's cross-section; AUD142 and AUD143 share it.

    Returns
    -------
    list of Outcome
        One finding whose statistic is the subject's ratio divided by the median of the comparable peers', or the reason why not.
    """
    ratio = pair.ratio(scene.window)
    if not np.isfinite(ratio[0]) or ratio[0] <= 0:
        return rule.not_applicable("no_window", subject=scene.subject.name)
    comparable = pair.comparable(scene.window) & np.isfinite(ratio[1:]) & (ratio[1:] > 0)
    n = int(comparable.sum())
    if n < FEWEST:
        return rule.not_applicable("few_peers", subject=scene.subject.name, n=n, least=FEWEST)
    typical = float(np.median(ratio[1:][comparable]))
    place = standing(ratio, comparable)
    base = pair.ratio(before(scene))
    shift = float(np.log(ratio[0] / base[0])) if np.isfinite(base[0]) and base[0] > 0 else float("nan")
    known = np.flatnonzero(np.isfinite(pair.over[scene.window, 0])) + scene.window.start
    width = float(np.max(pair.width[known]))
    values: dict[str, Any] = {
        "subject": scene.subject.name,
        "start": scene.span.start,
        "end": scene.span.end,
        "value": float(ratio[0]),
        "typical": typical,
        "n": n,
        "above": int((ratio[1:][comparable] >= ratio[0]).sum()),
        "times": float(ratio[0]) / typical,
    }
    limits = [Message.of(f"{rule.id}.limit_kind")]
    if len(known) < scene.window.stop - scene.window.start:
        limits.append(Message.of(f"{rule.id}.limit_gaps", n=len(known), of=scene.window.stop - scene.window.start))
    key = "place"
    if np.isfinite(shift):
        key, values["before"], values["change"] = "place_and_shift", float(base[0]), float(np.expm1(shift))
    else:
        limits.append(Message.of(f"{rule.id}.limit_no_base"))
    if len(pair.peers) < 20 or n < 20:
        limits.append(Message.of(f"{rule.id}.limit_few", n=n))
    times = float(ratio[0]) / typical
    return [
        Finding(
            rule=rule.id,
            version=rule.version,
            name=rule.name,
            family=rule.family,
            subject=scene.subject.name,
            window=scene.span,
            statement=Message.of(f"{rule.id}.{key}", **values),
            statistic=Statistic(
                name=f"{name} over the median of the peers",
                value=times,
                unit="ratio",
                reference=Message.of(f"{rule.id}.reference", n=n),
                n_reference=n,
                rank=place.rank if place else None,
                p=place.p if place else None,
                low=times * (1 - width) if width else None,
                high=times * (1 + width) if width else None,
            ),
            severity=severity(place),
            confidence=Confidence.HIGH if n >= 50 else Confidence.MEDIUM if n >= 20 else Confidence.LOW,
            limits=tuple(limits),
            data=_rows(scene, pair, comparable),
            figures=MappingProxyType(
                {"ratio": float(ratio[0]), "peer_median": typical, "log_shift": shift, "peers": float(n)}
            ),
        )
    ]


def severity(place: ConformalRank | None) -> Severity:
    """How far from usual a two-sided rank is: within the outer 2 %, 10 % or 20 %."""
    if place is None or place.p > 0.2:
        return Severity.INFO
    return Severity.HIGH if place.p <= 0.02 else Severity.MEDIUM if place.p <= 0.1 else Severity.LOW


def _rows(scene: Scene, pair: Paired, comparable: Any) -> Rows:
    """List the sums over the window of the subject and its comparable peers."""
    columns = [0, *(np.flatnonzero(comparable) + 1)]
    over, under = pair.over[scene.window][:, columns], pair.under[scene.window][:, columns]
    names = ["(subject)", *(pair.peers[c - 1] for c in columns[1:])]
    return Rows.of(
        entity=names,
        periods=np.isfinite(over).sum(axis=0),
        numerator=np.nansum(over, axis=0),
        denominator=np.nansum(under, axis=0),
    )
