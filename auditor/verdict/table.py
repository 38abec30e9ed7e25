"""The reference table that a verdict rests on: measured ratios where there are cases, judged ones where there are none.

``reference.json`` is written by ``audit calibrate`` and holds what was measured: the ratio of each test as a curve over its statistic,
the weights with which the tests' logarithms are added, and what is known of the errors of the result. ``provisional.yaml`` holds
judgements. Where both speak of a test and an explanation the measurement counts; a judgement beside measurements is held to a ratio
of 10. Nothing here imports the calibration.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from auditor.findings import Hypothesis

#: Most that a judgement may count for beside measurements: a ratio of 10.
JUDGED_MOST = 1.0

#: Files of the package, measured and judged.
MEASURED_FILE, JUDGED_FILE = "reference.json", "provisional.yaml"

_EMPTY: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Band:
    """One row of the judged table: where it applies and the weights it gives."""

    low: float
    high: float
    variant: str
    log10_lr: Mapping[Hypothesis, float]
    #: Real cases in which the outcome was looked for and never found; it may then count for more than a bare judgement.
    counted: int = 0

    @property
    def most(self) -> float:
        """What the judgement may count for at most (log10), beside measured ratios."""
        return max(JUDGED_MOST, math.log10(self.counted + 1))

    def fits(self, value: float, variant: str) -> bool:
        """Whether the band applies to a statistic."""
        return (not self.variant or self.variant == variant) and self.low <= value < self.high


@dataclass(frozen=True)
class Reference:
    """All judged bands of one rule; ``measure`` is the field of the statistic they are cut on (``value`` or ``p``)."""

    measure: str
    why: str
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Curve:
    """The measured ratio of one rule and variant over its statistic.

    Attributes
    ----------
    measure : str
        ``value`` or ``p``.
    knots : tuple of float
        Rising. With ``steps`` a knot opens a bin that holds it (the first bin is open below); else ratios are interpolated between
        knots and constant beyond them.
    log10_lr : mapping of Hypothesis to tuple of float
        One number a knot; only explanations that were measured.
    cases : mapping of Hypothesis to float
        Effective number of independent cases of each explanation, organic included.
    quantiles : tuple of float
        The statistic at evenly spaced quantiles of organic growth, from 0 to 1; where ratios are rebuilt for another domain.
    """

    measure: str
    steps: bool
    knots: tuple[float, ...]
    log10_lr: Mapping[Hypothesis, tuple[float, ...]]
    cases: Mapping[Hypothesis, float] = field(default_factory=lambda: _EMPTY)
    quantiles: tuple[float, ...] = ()

    def at(self, x: float) -> dict[Hypothesis, float]:
        """log10 ratios at a value of the statistic."""
        place = bisect_right(self.knots, x) - 1
        if place < 0 or place >= len(self.knots) - 1 or self.steps:
            k = min(max(place, 0), len(self.knots) - 1)
            return {h: v[k] for h, v in self.log10_lr.items()}
        low, high = self.knots[place], self.knots[place + 1]
        part = (x - low) / (high - low)
        return {h: v[place] + part * (v[place + 1] - v[place]) for h, v in self.log10_lr.items()}


@dataclass(frozen=True)
class Tier:
    """What holds at one tier of knowledge (1 totals only, 2 with composition, 3 with independent sources).

    Attributes
    ----------
    weights : mapping of rule to mapping of Hypothesis to float
        Between 0 and 1: how much of a test's log ratio counts beside the others. Empty: families are averaged.
    factor : mapping of Hypothesis to float
        At most 1; takes out what the sum was found to overstate.
    cap : mapping of Hypothesis to float
        Largest log ratio that the cases can bear.
    inflated_from : float
        Lead (log10) over the best rival from which ``inflated`` is named.
    errors : mapping of str to number
        Error rates out of sample, for the words.
    """

    weights: Mapping[str, Mapping[Hypothesis, float]] = field(default_factory=lambda: _EMPTY)
    factor: Mapping[Hypothesis, float] = field(default_factory=lambda: _EMPTY)
    cap: Mapping[Hypothesis, float] = field(default_factory=lambda: _EMPTY)
    inflated_from: float = 1.0
    errors: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True)
class ReferenceTable:
    """The table of likelihood ratios that a verdict rests on.

    Attributes
    ----------
    rules : mapping of rule to Reference
        Judged bands.
    curves : mapping of (rule, variant) to Curve
        Measured ratios.
    tiers : mapping of int to Tier
    tier_of : mapping of rule to int
        Lowest tier at which a test was seen to run.
    detectable : tuple of mapping
        Rows ``tier, established, days, least, ...`` of the smallest inflation found in 80 % of injections.
    information : tuple of mapping
        Rows ``rule, first, second, log10_lr``: expected ratio between two explanations, by test.
    origin : mapping
        Seed, hashes of the data, command, counts.
    """

    version: str
    provisional: bool
    rules: Mapping[str, Reference]
    curves: Mapping[tuple[str, str], Curve] = field(default_factory=lambda: _EMPTY)
    tiers: Mapping[int, Tier] = field(default_factory=lambda: _EMPTY)
    tier_of: Mapping[str, int] = field(default_factory=lambda: _EMPTY)
    detectable: tuple[Mapping[str, Any], ...] = ()
    information: tuple[Mapping[str, Any], ...] = ()
    origin: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)

    def tier(self, number: int) -> Tier:
        """Return what holds at a tier; nothing is known where it was not calibrated."""
        return self.tiers.get(number, Tier())

    def measured(self, rule: str, variant: str, hypothesis: Hypothesis) -> bool:
        """Whether the ratio of a test for an explanation is a measurement and not a judgement."""
        curve = self.curves.get((rule, variant))
        return curve is not None and hypothesis in curve.log10_lr


@cache
def reference_table() -> ReferenceTable:
    """Read the table shipped with the package; provisional where nothing measured is shipped."""
    folder = resources.files("auditor.verdict")
    judged_version, judged = _judged((folder / JUDGED_FILE).read_bytes())
    measured = folder / MEASURED_FILE
    if not measured.is_file():
        return ReferenceTable(version=judged_version, provisional=True, rules=judged)
    return from_document(json.loads(measured.read_text(encoding="utf-8")), judged)


def judged_table() -> ReferenceTable:
    """Read the judged bands alone: what is used where nothing was measured."""
    version, judged = _judged((resources.files("auditor.verdict") / JUDGED_FILE).read_bytes())
    return ReferenceTable(version=version, provisional=True, rules=judged)


def from_document(document: Mapping[str, Any], judged: Mapping[str, Reference]) -> ReferenceTable:
    """Build the table from what ``audit calibrate`` wrote; :func:`auditor.calibration.table.as_document` is the inverse."""
    curves = {
        (rule, variant): Curve(
            measure=str(entry["measure"]),
            steps=bool(entry["steps"]),
            knots=tuple(float(k) for k in entry["knots"]),
            log10_lr=MappingProxyType({Hypothesis(h): tuple(map(float, v)) for h, v in entry["log10_lr"].items()}),
            cases=_by_hypothesis(entry.get("cases", {})),
            quantiles=tuple(float(q) for q in entry.get("quantiles", ())),
        )
        for rule, variants in document["rules"].items()
        for variant, entry in variants.items()
    }
    tiers = {
        int(number): Tier(
            weights=MappingProxyType({rule: _by_hypothesis(w) for rule, w in entry["weights"].items()}),
            factor=_by_hypothesis(entry["factor"]),
            cap=_by_hypothesis(entry["cap"]),
            inflated_from=float(entry["inflated_from"]),
            errors=MappingProxyType(dict(entry["errors"])),
        )
        for number, entry in document["tiers"].items()
    }
    return ReferenceTable(
        version=str(document["version"]),
        provisional=False,
        rules=judged,
        curves=MappingProxyType(curves),
        tiers=MappingProxyType(tiers),
        tier_of=MappingProxyType({str(k): int(v) for k, v in document["tier_of"].items()}),
        detectable=tuple(document["detectable"]),
        information=tuple(document["information"]),
        origin=MappingProxyType(dict(document["origin"])),
    )


def _by_hypothesis(entry: Mapping[str, Any]) -> Mapping[Hypothesis, float]:
    return MappingProxyType({Hypothesis(h): float(v) for h, v in entry.items()})


def _judged(text: bytes) -> tuple[str, Mapping[str, Reference]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C
    rules = {}
    for rule, entry in document["rules"].items():
        bands = tuple(
            Band(
                low=float(band.get("low", -math.inf)),
                high=float(band.get("high", math.inf)),
                variant=band.get("variant", entry.get("variant", "")),
                log10_lr=MappingProxyType({Hypothesis(h): float(v) for h, v in band["log10_lr"].items()}),
                counted=int(band.get("counted", 0)),
            )
            for band in entry["bands"]
        )
        rules[rule] = Reference(measure=entry["measure"], why=" ".join(entry["why"].split()), bands=bands)
    return str(document["version"]), MappingProxyType(rules)
