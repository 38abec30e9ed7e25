"""The verdict: how much more probable the findings are under one explanation than under another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from auditor.findings import Family, Hypothesis
from auditor.texts.message import Message


class Strength(StrEnum):
    """Verbal scale of a likelihood ratio (ENFSI guideline for evaluative reporting, 2015)."""

    NONE = "no support"
    WEAK = "weak"
    MODERATE = "moderate"
    MODERATELY_STRONG = "moderately strong"
    STRONG = "strong"

    @property
    def rank(self) -> int:
        """0 for no support to 4 for strong."""
        return list(Strength).index(self)

    @classmethod
    def of(cls, log10_lr: float) -> "Strength":
        """Word for a likelihood ratio: 1 to 2 none, to 10 weak, to 100 moderate, to 1,000 moderately strong, above strong.

        >>> Strength.of(0.2), Strength.of(1.0), Strength.of(3.2)
        (<Strength.NONE: 'no support'>, <Strength.MODERATE: 'moderate'>, <Strength.STRONG: 'strong'>)
        """
        if log10_lr < 0.30103:
            return cls.NONE
        if log10_lr < 1:
            return cls.WEAK
        if log10_lr < 2:
            return cls.MODERATE
        return cls.MODERATELY_STRONG if log10_lr <= 3 else cls.STRONG


@dataclass(frozen=True)
class Score:
    """One explanation.

    Attributes
    ----------
    log10_lr : float
        Against ``organic``, combined over families and capped.
    against_best_rival : float
        Against the best of the other explanations.
    by_family : mapping of Family to float
        The (averaged) contribution of each family before the overall cap.
    """

    hypothesis: Hypothesis
    log10_lr: float
    against_best_rival: float
    by_family: Mapping[Family, float]


@dataclass(frozen=True)
class LeaveOut:
    """The verdict without one family of tests."""

    family: Family
    leading: Hypothesis
    log10_lr: float


@dataclass(frozen=True)
class SourceOut:
    """The verdict of the same question asked without one source; ``hypothesis`` is '' where it could not be asked."""

    source: str
    hypothesis: str
    leading: Hypothesis | None
    log10_lr: float


@dataclass(frozen=True)
class Choice:
    """What the verdict would be under another reasonable choice of the analyst.

    Attributes
    ----------
    choice : Message
        What was chosen otherwise.
    kind : str
        ``window``, ``donors`` or ``baseline``.
    hypothesis : str
        The verdict under it, ``insufficient`` included; '' where the question could not be asked so.
    leading : Hypothesis or None
    log10_lr : float
        Lead over the best rival.
    inflated : float
        log10 ratio of ``inflated`` against organic growth.
    """

    choice: Message
    kind: str
    hypothesis: str
    leading: Hypothesis | None
    log10_lr: float
    inflated: float


@dataclass(frozen=True)
class Detectable:
    """How small an inflation of this kind of subject would still be found at this tier of knowledge.

    Attributes
    ----------
    tier : int
    established : bool
        Whether the subject had a level before the window.
    days : int
        Length of the calibrated injections nearest to the window's.
    least : float or None
        Smallest share added (0.4 is +40 %) that was called ``inflated`` in 80 % of injections; None: not even the largest tried.
    largest : float
        Largest share that was tried.
    power : float or None
        Share of injections of +100 % that were called.
    words : Message
    """

    tier: int
    established: bool
    days: int
    least: float | None
    largest: float
    power: float | None
    words: Message


@dataclass(frozen=True)
class Wanted:
    """A kind of data that is missing, and how much it can be expected to tell.

    Attributes
    ----------
    kind : str
    words : Message
    expected : float or None
        Expected log10 ratio in favour of the truth between the leading explanation and its best rival, by the tests that these data
        would let run; None where that was not measured.
    """

    kind: str
    words: Message
    expected: float | None


@dataclass(frozen=True)
class Verdict:
    """Explanations side by side, and what may be said of them.

    Attributes
    ----------
    hypothesis : str
        The explanation that the findings favour, or ``insufficient``.
    leading : Hypothesis
        The explanation with the largest likelihood ratio, whether or not it suffices.
    strength : Strength
        Of ``leading`` against the best rival explanation; ``no support`` when the verdict is insufficient.
    reasons : tuple of Message
        Why the verdict is insufficient, or what restrains it.
    words : Message
        The plain sentence.
    scores : mapping of Hypothesis to Score
    fragility : tuple of LeaveOut
    would_settle : tuple of Message
        Missing data that could change the answer, most informative first.
    provisional : bool
        True until measured likelihood ratios replace the documented provisional bands.
    calibration : Message
        What the weights rest on.
    tier : int
        Tier of knowledge: 1 totals only, 2 with composition, 3 with independent sources.
    domain : str
        ``native`` (figures of the kind that was calibrated), ``foreign`` (shrunk and capped) or ``rebuilt``.
    domain_words : Message or None
        What that means here.
    basis : mapping of str to str
        ``rule`` or ``rule/variant`` to ``measured``, ``judged`` or ``mixed``, of the findings that weigh.
    error_rates : mapping of str to number
        Error rates of the tier, out of sample (``false_accusation``, ``power``, ``cllr``); empty while provisional.
    detectable : Detectable or None
    wanted : tuple of Wanted
        ``would_settle`` with what each kind of data is expected to tell.
    posterior : mapping of Hypothesis to float
        Probability of each explanation under prior probabilities that the user stated; empty where none were.
    posterior_words : Message or None
    without_source : tuple of SourceOut
        Filled by :func:`auditor.verdict.fragility.without_sources`, where there are several sources.
    lattice : tuple of Choice
        Filled by :func:`auditor.verdict.lattice.lattice`.
    """

    hypothesis: str
    leading: Hypothesis
    strength: Strength
    words: Message
    reasons: tuple[Message, ...]
    scores: Mapping[Hypothesis, Score]
    fragility: tuple[LeaveOut, ...]
    would_settle: tuple[Message, ...]
    provisional: bool
    calibration: Message
    tier: int = 1
    domain: str = "native"
    domain_words: Message | None = None
    basis: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    error_rates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    detectable: Detectable | None = None
    wanted: tuple[Wanted, ...] = ()
    posterior: Mapping[Hypothesis, float] = field(default_factory=lambda: MappingProxyType({}))
    posterior_words: Message | None = None
    without_source: tuple[SourceOut, ...] = ()
    lattice: tuple[Choice, ...] = ()

    @property
    def sufficient(self) -> bool:
        """Whether the findings favour one explanation enough to say so."""
        return self.hypothesis != "insufficient"
