"""AUD144 asks whether the subject's volume moved to other providers inside the window.

The mix is the share of each provider in the subject's volume, summed over the window and over up to 28 periods before it. Its shift is
the total variation between the two: half the sum of the absolute differences of the shares, the part of the volume that would have
to change provider. It is ranked among the same shift in equally long windows of the subject's own earlier periods and of every other
entity whose providers are published. Beside it stand the Herfindahl-Hirschman index and the largest share on both sides.

Figures by provider are read from entities named ``ID @ PROVIDER`` (as endpoint lists name them), in the table of the subject's own
metric or in one named for providers, and from rows whose dimension states the provider.

References
----------
Levin, D. A., Peres, Y., Wilmer, E. L. (2009). Markov Chains and Mixing Times, section 4.1 (total variation). AMS.
Rhoades, S. A. (1993). The Herfindahl-Hirschman Index. Federal Reserve Bulletin 79, 188-189.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import BASE_PERIODS, folded, on, role_of, settled
from auditor.detectors.platform_total import severity_of
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD144", name="provider_mix", family=Family.COMPOSITION)

#: What parts an entity from its provider in a name.
AT = " @ "

#: Folded names of metrics whose rows are split by provider; the dimension of other metrics may be anything.
PROVIDER_METRICS = frozenset(
    {"provider_tokens", "tokens_by_provider", "endpoint_tokens", "tokens_by_endpoint"}
    | {"provider_requests", "requests_by_provider", "endpoint_requests", "requests_by_endpoint"}
)

#: Fewest periods before the window that make up the earlier mix.
MIN_BASE = 7

#: Reference windows below which no rank is stated.
MIN_REFERENCE = 20

#: Providers listed in the data.
LISTED = 12


@dataclass(frozen=True, eq=False)
class Mix:
    """Volume by provider of one entity: values of shape (T, P), zero where a provider is not listed on a published period."""

    providers: tuple[str, ...]
    values: Floats

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Periods on which any provider was published, shape (T,)."""
        return np.asarray(np.isfinite(self.values).any(axis=1))


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Rank the shift of the provider mix between the window and the periods before it."""
    name = scene.subject.name
    mixes = mixes_of(scene)
    own = mixes.pop("", None)
    if own is None:
        return RULE.not_applicable("no_providers", subject=name)
    known = own.known
    base = slice(max(0, scene.window.start - BASE_PERIODS), scene.window.start)
    n_before, n_during = int(known[base].sum()), int(known[scene.window].sum())
    if n_before < MIN_BASE or not n_during:
        return RULE.not_applicable("no_periods", subject=name, before=n_before, during=n_during, least=MIN_BASE)
    if len(own.providers) < 2:
        return RULE.not_applicable("one_provider", subject=name, provider=own.providers[0])
    before, during = (np.nansum(own.values[rows], axis=0) for rows in (base, scene.window))
    if not (before.sum() > 0 and during.sum() > 0):
        return RULE.not_applicable("no_volume", subject=name)
    p, q = before / before.sum(), during / during.sum()
    shift = 0.5 * float(np.abs(q - p).sum())
    reference = _references(own, mixes, scene.window)
    n = int(reference.size)
    standing = conformal_rank(shift, reference) if n >= MIN_REFERENCE else None
    top = int(np.argmax(q))
    gain = int(np.argmax(q - p))
    limits = [Message.of("AUD144.limit_routing"), Message.of("AUD144.limit_listed", n=len(own.providers))]
    if n_during < scene.window.stop - scene.window.start:
        limits.append(Message.of("AUD144.limit_gaps", n=n_during, of=scene.window.stop - scene.window.start))
    if standing is None:
        limits.append(Message.of("AUD144.limit_unranked", n=n, least=MIN_REFERENCE))
    order = np.argsort(-np.abs(q - p), kind="stable")[:LISTED]
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.span,
            statement=Message.of(
                "AUD144.ranked" if standing else "AUD144.stated",
                subject=name,
                start=scene.span.start,
                end=scene.span.end,
                shift=shift,
                provider=own.providers[gain],
                before=float(p[gain]),
                during=float(q[gain]),
                at_least=(standing.rank - 1) if standing else 0,
                n=n,
            ),
            statistic=Statistic(
                name="total variation of the provider mix, window against before",
                value=shift,
                unit="share of the volume",
                reference=Message.of("AUD144.reference", n=n) if standing else None,
                n_reference=n if standing else 0,
                rank=standing.rank if standing else None,
                p=standing.p if standing else None,
            ),
            severity=severity_of(standing.p) if standing else Severity.INFO,
            confidence=_confidence(n, n_before, n_during),
            limits=tuple(limits),
            data=Rows.of(
                provider=[own.providers[i] for i in order],
                volume_before=before[order],
                volume_during=during[order],
                share_before=p[order],
                share_during=q[order],
            ),
            figures=MappingProxyType(
                {
                    "hhi_before": float((p**2).sum()),
                    "hhi_during": float((q**2).sum()),
                    "top_share_before": float(p.max()),
                    "top_share_during": float(q[top]),
                    "periods_before": float(n_before),
                    "periods_during": float(n_during),
                }
            ),
        )
    ]


def mixes_of(scene: Scene) -> dict[str, Mix]:
    """Volume by provider of every entity that has it; the subject's ids together under ''."""
    cells: dict[tuple[str, str], Floats] = {}
    own = set(scene.subject.parts)

    def add(entity: str, provider: str, values: Floats) -> None:
        key = ("" if entity in own else entity, provider)
        old = cells.get(key)
        if old is None:
            cells[key] = values
        else:
            some = np.isfinite(old) | np.isfinite(values)
            cells[key] = np.where(some, np.nan_to_num(old) + np.nan_to_num(values), np.nan)

    role = role_of(scene.table.metric)
    for metric, table in sorted(scene.panel.tables.items()):
        if metric != scene.table.metric and not (folded(metric) in PROVIDER_METRICS and _same_kind(metric, role)):
            continue
        split = [(i, entity.partition(AT)) for i, entity in enumerate(table.entities) if AT in entity]
        if split:
            values = on(settled(table), table, scene.table.dates)
            for i, (entity, _, provider) in split:
                add(entity.strip(), provider.strip(), values[:, i])
            break
    if not cells:
        for entity, provider, values in _dimension_rows(scene, role):
            add(entity, provider, values)
    grouped: dict[str, dict[str, Floats]] = {}
    for (entity, provider), values in sorted(cells.items()):
        grouped.setdefault(entity, {})[provider] = values
    return {entity: Mix(tuple(columns), np.column_stack(list(columns.values()))) for entity, columns in grouped.items()}


def _same_kind(metric: str, role: str) -> bool:
    """Whether a metric by provider counts the same thing as the subject's: requests stand apart, all else is tokens."""
    return ("requests" in folded(metric)) == (role == "requests")


def _dimension_rows(scene: Scene, role: str) -> list[tuple[str, str, Floats]]:
    """Rows of a provider metric whose dimension names the provider."""
    observed = scene.panel.observations
    if observed is None or "dimension" not in observed.frame:
        return []
    frame = observed.frame
    chosen = [m for m in sorted(scene.panel.tables) if folded(m) in PROVIDER_METRICS and _same_kind(m, role)]
    if not chosen:
        return []
    part = frame[(frame["metric"].astype(str) == chosen[0]) & (frame["dimension"].astype(str) != "")]
    if not len(part):
        return []
    wide = part.assign(entity=part["entity"].astype(str), dimension=part["dimension"].astype(str)).pivot_table(
        index="date", columns=["entity", "dimension"], values="value", aggfunc="last"
    )
    laid = wide.reindex(scene.table.dates).to_numpy(dtype=np.float64)
    names = wide.columns.to_frame(index=False)
    return [
        (str(entity), str(provider), laid[:, i])
        for i, (entity, provider) in enumerate(zip(names["entity"], names["dimension"], strict=True))
    ]


def shifts(mix: Mix, length: int) -> Floats:
    """Total variation of the mix in every window of ``length`` periods against the periods before it, shape (T,).

    NaN where fewer than ``MIN_BASE`` earlier periods, or fewer than half of the window's, are known.
    """
    count = len(mix.values)
    values = np.where(np.isfinite(mix.values), mix.values, 0.0)
    sums = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    days = np.concatenate([[0], np.cumsum(mix.known)])
    result = np.full(count, np.nan)
    start = np.arange(MIN_BASE, count - length + 1)
    if not start.size:
        return result
    first = np.maximum(start - BASE_PERIODS, 0)
    before, during = sums[start] - sums[first], sums[start + length] - sums[start]
    below, above = before.sum(axis=1), during.sum(axis=1)
    enough = (days[start] - days[first] >= MIN_BASE) & (2 * (days[start + length] - days[start]) >= length)
    enough &= (below > 0) & (above > 0)
    p = before / np.where(below > 0, below, 1.0)[:, None]
    q = during / np.where(above > 0, above, 1.0)[:, None]
    result[start] = np.where(enough, 0.5 * np.abs(q - p).sum(axis=1), np.nan)
    return result


def _references(own: Mix, others: Mapping[str, Mix], window: slice) -> Floats:
    """Shifts in windows as long as the subject's: its own before the window, and those of all other entities with two providers."""
    length = window.stop - window.start
    stride = max(length // 4, 1)
    samples = [shifts(own, length)[: max(window.start - length + 1, 0)]]
    samples += [shifts(mix, length) for _, mix in sorted(others.items()) if len(mix.providers) > 1]
    thinned = np.concatenate([sample[window.start % stride :: stride] for sample in samples])
    result: Floats = thinned[np.isfinite(thinned)]
    return result


def _confidence(n: int, before: int, during: int) -> Confidence:
    if n < MIN_REFERENCE or before < 2 * MIN_BASE:
        return Confidence.LOW
    return Confidence.HIGH if n >= 200 and during >= 3 else Confidence.MEDIUM
