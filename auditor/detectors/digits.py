"""AUD175 tests digits only where such a test is valid, and says where it is not.

Two tests, each with its own condition:

* **Heaping**: where the table's figures are rounded or typed (or ``params`` say they were typed), the share of the subject's
  figures that end in 0 or 5 at the finest digit that the table uses is set beside that of the other entities (Fisher's exact
  test). Exact counts by a machine have uniform last digits and tell nothing.
* **First digits**: on a cross-section of at least 300 entities over at least three decades, the shares of leading digits are set
  beside Benford's law (mean absolute deviation, with Nigrini's bounds). One entity's daily totals stay inside a decade for weeks
  and never follow that law: 96-100 % of real series "fail", so a single series is not tested.

References
----------
Nigrini, M. J. (2012). Benford's Law. Wiley, p. 160.
Preece, D. A. (1981). Distributions of final digits in data. The Statistician 30(1), 31-60.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.detectors.metrics import settled
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.texts.message import Message

Floats = npt.NDArray[np.float64]

RULE = Rule(id="AUD175", name="digits", family=Family.RECORD)

#: Figures of the subject and of the others that heaping needs.
FEWEST_OWN, FEWEST_OTHERS = 20, 100

#: Share of figures that end in 0 from which a table counts as rounded or typed; 0.1 is what exact counts show.
ROUNDED = 0.3

#: Entities and decades that a test of first digits needs.
FEWEST_ENTITIES, FEWEST_DECADES = 300, 3.0

#: Mean absolute deviations up to which first digits conform closely, acceptably and marginally (Nigrini 2012).
NIGRINI = (0.006, 0.012, 0.015)

BENFORD = np.log10(1.0 + 1.0 / np.arange(1, 10))


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:
    """Run the tests whose conditions hold. ``params``: ``typed`` (the figures were typed by hand)."""
    heaping = _heaping(scene, typed=bool(params.get("typed", False)))
    leading = _leading(scene)
    found: list[Outcome] = [f for f in (heaping, leading) if f is not None]
    if found:
        return found
    return RULE.not_applicable(
        "not_valid", subject=scene.subject.name, entities=len(scene.table.entities), least=FEWEST_ENTITIES
    )


def _heaping(scene: Scene, *, typed: bool) -> Finding | None:
    values = settled(scene.table)
    columns = [scene.table.index[p] for p in scene.subject.parts]
    own = values[:, columns][np.isfinite(values[:, columns])]
    others = np.delete(values, columns, axis=1)
    others = others[np.isfinite(others)]
    own, others = own[own > 0], others[others > 0]
    if own.size < FEWEST_OWN or others.size < FEWEST_OTHERS:
        return None
    unit = _unit(np.concatenate([own, others]))
    if unit is None:
        return None
    first, second = (np.round(side / unit) for side in (own, others))
    first, second = first[first >= 100], second[second >= 100]
    if first.size < FEWEST_OWN or second.size < FEWEST_OTHERS:
        return None
    if not typed and float((second % 10 == 0).mean()) < ROUNDED and float((first % 10 == 0).mean()) < ROUNDED:
        return None
    hits = [int((side % 5 == 0).sum()) for side in (first, second)]
    shares = [hits[0] / first.size, hits[1] / second.size]
    p = _fisher(hits[0], first.size, hits[1], second.size)
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=scene.subject.name,
        window=None,
        statement=Message.of(
            "AUD175.heaping",
            subject=scene.subject.name,
            share=shares[0],
            others=shares[1],
            n=int(first.size),
            unit=unit,
        ),
        statistic=Statistic(
            name="share of figures that end in 0 or 5 less that of the others",
            value=shares[0] - shares[1],
            unit="share",
            reference=Message.of("AUD175.reference_heaping", n=int(second.size)),
            n_reference=int(second.size),
            p=min(1.0, max(p, 1.0 / (second.size + 1))),
        ),
        variant="heaping",
        severity=Severity.MEDIUM if p < 1e-3 and shares[0] > shares[1] + 0.1 else Severity.INFO,
        confidence=Confidence.LOW,
        limits=(Message.of("AUD175.limit_heaping"), Message.of("AUD175.limit_sizes")),
        data=Rows.of(
            side=["subject", "others"],
            figures=[int(first.size), int(second.size)],
            end_in_0_or_5=hits,
            end_in_0=[int((side % 10 == 0).sum()) for side in (first, second)],
        ),
        figures=MappingProxyType({"share": shares[0], "share_others": shares[1], "unit": unit}),
    )


def _unit(values: Floats) -> float | None:
    """Finest decimal unit that at least 1 in 20 figures use; None where there is none (measured, not written)."""
    start = 0 if bool((values == np.round(values)).all()) else -6
    finest = values / 10.0**start
    if finest.max() > 2**53 or not (np.abs(finest - np.round(finest)) <= 1e-9 * np.maximum(finest, 1.0)).all():
        return None  # figures with more digits than the machine holds were not written down
    for power in range(start, 13):
        scaled = values / 10.0**power
        whole = np.abs(scaled - np.round(scaled)) <= 1e-9 * np.maximum(scaled, 1.0)
        if float((whole & (np.round(scaled) % 10 != 0)).mean()) >= 0.05:
            return float(10.0**power)
    return None


def _fisher(hits: int, n: int, others: int, m: int) -> float:
    """One-sided p-value of Fisher's exact test: so many hits or more among ``n``, given all hits among ``n + m``."""

    def choose(k: int, r: int) -> float:
        return math.lgamma(k + 1) - math.lgamma(r + 1) - math.lgamma(k - r + 1)

    drawn = hits + others
    whole = choose(n + m, drawn)
    tail = range(max(hits, drawn - m), min(n, drawn) + 1)
    return min(1.0, math.fsum(math.exp(choose(n, k) + choose(m, drawn - k) - whole) for k in tail))


def _chi_square_tail(x: float) -> float:
    """Upper tail of the chi-square distribution with 8 degrees of freedom, in closed form.

    >>> round(_chi_square_tail(15.507), 3)
    0.05
    """
    half = x / 2.0
    return math.exp(-half) * sum(half**k / math.factorial(k) for k in range(4))


def _leading(scene: Scene) -> Finding | None:
    """Test the leading digits of the entities' means over the window."""
    values = settled(scene.table)[scene.window]
    known = np.isfinite(values)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    mean = mean[mean > 0]
    if mean.size < FEWEST_ENTITIES:
        return None
    decades = float(np.log10(np.quantile(mean, 0.975)) - np.log10(np.quantile(mean, 0.025)))
    if decades < FEWEST_DECADES:
        return None
    digit = np.clip(np.floor(mean / 10.0 ** np.floor(np.log10(mean) + 1e-12)), 1, 9).astype(np.int64)
    counts = np.bincount(digit, minlength=10)[1:10]
    shares = counts / mean.size
    deviation = float(np.abs(shares - BENFORD).mean())
    statistic = float((mean.size * (shares - BENFORD) ** 2 / BENFORD).sum())
    p = _chi_square_tail(statistic)
    band = ("close", "acceptable", "marginal", "none")[int(np.searchsorted(NIGRINI, deviation))]
    departs = band == "none" and p < 0.01
    return Finding(
        rule=RULE.id,
        version=RULE.version,
        name=RULE.name,
        family=RULE.family,
        subject=scene.subject.name,
        window=scene.span,
        statement=Message.of(
            "AUD175.departs" if departs else "AUD175.conforms",
            n=int(mean.size),
            decades=decades,
            deviation=deviation,
            p=p,
            start=scene.span.start,
            end=scene.span.end,
        ),
        statistic=Statistic(
            name="mean absolute deviation of first digits",
            value=deviation,
            unit="share",
            reference=Message.of("AUD175.reference_leading"),
            p=max(p, 1e-12),
        ),
        variant="first_digits",
        severity=Severity.LOW if departs else Severity.INFO,
        confidence=Confidence.LOW,
        limits=(Message.of("AUD175.limit_table"), Message.of("AUD175.limit_law")),
        data=Rows.of(digit=list(range(1, 10)), count=counts, share=shares, expected=BENFORD),
        figures=MappingProxyType({"chi_square": statistic, "decades": decades, "entities": float(mean.size)}),
        weighs=False,
    )
