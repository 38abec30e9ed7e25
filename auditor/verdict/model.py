"""The verdict: how much more probable the findings are under one explanation than under another."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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

    @property
    def sufficient(self) -> bool:
        """Whether the findings favour one explanation enough to say so."""
        return self.hypothesis != "insufficient"
