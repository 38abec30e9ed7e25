"""Turns ratios into probabilities under prior probabilities that the user states. The tool has none of its own.

Posterior odds are prior odds times the likelihood ratio (Bayes' theorem). The result is the user's, and is labelled so wherever it
is printed: another prior gives another posterior from the same findings.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from auditor.errors import UsageError
from auditor.findings import Hypothesis


def parse(entries: Mapping[str, float]) -> Mapping[Hypothesis, float]:
    """Check prior probabilities as a user wrote them, and return them scaled to 1.

    Parameters
    ----------
    entries : mapping of str to float
        All five explanations, by name; they may be percentages or odds, only their proportions count.

    Raises
    ------
    UsageError
        When an explanation is missing or unknown, or a number is not positive.
    """
    known = {h.value for h in Hypothesis}
    unknown = sorted(set(entries) - known)
    missing = [h.value for h in Hypothesis if h.value not in entries]
    if unknown or missing:
        what = f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise UsageError(
            f"prior probabilities must name the five explanations ({what})",
            hint="write priors: {data_error: 5, organic: 60, incentivised: 25, concentrated: 8, inflated: 2}",
        )
    numbers = {h: _number(h.value, entries[h.value]) for h in Hypothesis}
    total = sum(numbers.values())
    return MappingProxyType({h: v / total for h, v in numbers.items()})


def posterior(priors: Mapping[Hypothesis, float], log10_lr: Mapping[Hypothesis, float]) -> Mapping[Hypothesis, float]:
    """Probability of each explanation: prior times ratio, scaled to 1.

    >>> even = dict.fromkeys(Hypothesis, 0.2)
    >>> round(posterior(even, dict.fromkeys(Hypothesis, 0.0))[Hypothesis.INFLATED], 3)
    0.2
    """
    weights = {h: priors[h] * 10 ** log10_lr.get(h, 0.0) for h in Hypothesis}
    total = sum(weights.values())
    return MappingProxyType({h: round(w / total, 9) for h, w in weights.items()})


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise UsageError(
            f"the prior probability of {name} is {value!r}",
            hint="give a positive number: what is impossible beforehand no evidence can change",
        )
    return float(value)
