"""The feature table as arrays: one row an episode whose truth is known, one column a test.

``tests`` has one row per episode and test outcome, ``episodes`` one per episode; what the columns mean is in ``REQUIRED``. A test
that could not run on an episode has no outcome there (NaN), which is no evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError
from auditor.findings import Hypothesis

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Columns the table of test outcomes must have.
REQUIRED = [
    "episode",
    "truth",
    "kind",
    "entity",
    "week",
    "established",
    "magnitude",
    "days",
    "certainty",
    "source",
    "tier",
    "rule",
    "family",
    "variant",
    "value",
    "p",
    "n_reference",
    "confidence",
    "applicable",
    "weighs",
    "elevation",
    "settled",
]

#: All explanations in a fixed order; a truth is its position here.
CLASSES: tuple[Hypothesis, ...] = tuple(Hypothesis)

#: Explanations compared with organic growth, in the order of the columns of every ratio array.
RIVALS: tuple[Hypothesis, ...] = tuple(h for h in Hypothesis if h is not Hypothesis.ORGANIC)

#: Position of organic growth among CLASSES.
ORGANIC = CLASSES.index(Hypothesis.ORGANIC)

#: Factors of confidence are the same at audit time (see :data:`auditor.verdict.weigh.SHRINKAGE`).
_LAST_TIER = 3


@dataclass(frozen=True, eq=False)
class Evidence:
    """E episodes and J tests.

    Attributes
    ----------
    truth : ndarray of int, shape (E,)
        Position in :data:`CLASSES`.
    entity, week : ndarray of int, shape (E,)
        Codes of what an episode was made from; neighbours by either are dependent.
    rules, families : tuple of str, length J
    tier : ndarray of int, shape (E, J)
        Lowest tier of knowledge at which the test ran on the episode.
    value, p, n_reference : ndarray, shape (E, J)
        The statistic, its rank p-value and the size of its comparison set; NaN (0) where there is none.
    variant : ndarray of str, shape (E, J)
    shrink : ndarray, shape (E, J)
        Factor of the finding's confidence.
    info : DataFrame, E rows
        ``episode kind entity week established magnitude days certainty source elevation settled`` of each.
    """

    truth: Ints
    entity: Ints
    week: Ints
    rules: tuple[str, ...]
    families: tuple[str, ...]
    tier: Ints
    value: Floats
    p: Floats
    n_reference: Floats
    variant: npt.NDArray[np.object_]
    shrink: Floats
    info: "pd.DataFrame"

    def __len__(self) -> int:
        return int(self.truth.size)

    def of(self, hypothesis: Hypothesis) -> Mask:
        """Return which episodes have this truth."""
        result: Mask = self.truth == CLASSES.index(hypothesis)
        return result

    def rows(self, chosen: Mask | Ints) -> "Evidence":
        """Return the evidence of some episodes."""
        return replace(
            self,
            truth=self.truth[chosen],
            entity=self.entity[chosen],
            week=self.week[chosen],
            tier=self.tier[chosen],
            value=self.value[chosen],
            p=self.p[chosen],
            n_reference=self.n_reference[chosen],
            variant=self.variant[chosen],
            shrink=self.shrink[chosen],
            info=self.info.iloc[chosen if chosen.dtype != bool else np.flatnonzero(chosen)],
        )

    def at_tier(self, tier: int) -> "Evidence":
        """Return the same episodes as they look with less knowledge: tests of higher tiers did not run."""
        hidden = self.tier > tier
        blank = np.where(hidden, np.nan, self.value)
        return replace(self, value=blank, p=np.where(hidden, np.nan, self.p))


def evidence(tests: "pd.DataFrame", *, leave_out: Sequence[str] = ()) -> Evidence:
    """Arrange the table of test outcomes as arrays.

    Parameters
    ----------
    tests : DataFrame
        One row per episode and outcome; columns as :data:`REQUIRED`.
    leave_out : sequence of str
        Rules that describe and carry no weight.

    Raises
    ------
    InputError
        When columns are missing, a truth is unknown, or nothing is left.

    Notes
    -----
    Findings that describe (``weighs`` false) are left out, as an audit leaves them out. Where a rule has several outcomes in one episode the one with the smallest p counts, and without p the first.
    """
    from auditor.verdict.weigh import SHRINKAGE

    missing = [c for c in REQUIRED if c not in tests.columns]
    if missing:
        raise InputError(f"the feature table lacks the columns {', '.join(missing)}", hint="make it anew")
    unknown = sorted(set(tests["truth"].astype(str)) - {h.value for h in Hypothesis})
    if unknown:
        raise InputError(
            f"the feature table has unknown truths: {', '.join(unknown)}", hint="use the five explanations"
        )
    frame = tests[~tests["rule"].isin(list(leave_out))].copy()
    frame["episode"] = frame["episode"].astype(str)
    every = frame.drop_duplicates("episode", keep="first").sort_values("episode").reset_index(drop=True)
    ran = frame[frame["applicable"].astype(bool) & frame["weighs"].astype(bool) & frame["value"].notna()].copy()
    if ran.empty:
        raise InputError("the feature table holds no test that ran", hint="make it anew")
    ran["_p"] = ran["p"].fillna(2.0)
    ran = ran.sort_values(["episode", "rule", "_p"], kind="stable").drop_duplicates(["episode", "rule"], keep="first")
    rules = tuple(sorted(ran["rule"].unique()))
    family = ran.drop_duplicates("rule").set_index("rule")["family"]
    e = every.index.size
    row = np.searchsorted(every["episode"].to_numpy(dtype=object), ran["episode"].to_numpy(dtype=object))
    column = np.searchsorted(np.array(rules, dtype=object), ran["rule"].to_numpy(dtype=object))
    shape = (e, len(rules))

    def spread(name: str, fill: float) -> Floats:
        out = np.full(shape, fill)
        out[row, column] = ran[name].to_numpy(dtype=float)
        return out

    variant = np.full(shape, "", dtype=object)
    variant[row, column] = ran["variant"].fillna("").astype(str).to_numpy(dtype=object)
    shrink = np.ones(shape)
    shrink[row, column] = ran["confidence"].map(SHRINKAGE).fillna(1.0).to_numpy(dtype=float)
    value = spread("value", np.nan)
    truth: Ints = (
        every["truth"].astype(str).map({h.value: i for i, h in enumerate(CLASSES)}).to_numpy().astype(np.int64)
    )
    names = [
        "episode",
        "kind",
        "entity",
        "week",
        "established",
        "magnitude",
        "days",
        "certainty",
        "source",
        "elevation",
        "settled",
    ]
    return Evidence(
        truth=truth,
        entity=_codes(every["entity"]),
        week=_codes(every["week"]),
        rules=rules,
        families=tuple(str(family[r]) for r in rules),
        tier=spread("tier", 1).clip(1, _LAST_TIER).astype(np.int64),
        value=np.where(np.isfinite(value), value, np.nan),
        p=spread("p", np.nan),
        n_reference=np.nan_to_num(spread("n_reference", 0.0)),
        variant=variant,
        shrink=shrink,
        info=every[names],
    )


def _codes(column: "pd.Series[str]") -> Ints:
    """Sorted integer codes, so that the order of rows decides nothing."""
    _, codes = np.unique(column.astype(str).to_numpy(), return_inverse=True)
    return codes.astype(np.int64)
