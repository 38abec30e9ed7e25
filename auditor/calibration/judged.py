"""Judged bands on many episodes at once, where nothing was measured: what an audit does finding by finding."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from auditor.calibration.evidence import RIVALS, Evidence
from auditor.calibration.likelihood import PerTest, capped
from auditor.findings import Family, Hypothesis
from auditor.verdict.table import ReferenceTable

Floats = npt.NDArray[np.float64]


def judged_ratios(evidence: Evidence, per_test: PerTest, table: ReferenceTable) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """log10 ratios of judged bands, shape (E, J, 4), and where they count: where a band fits and nothing was measured."""
    shape = (len(evidence), len(evidence.rules), len(RIVALS))
    ratios, counts = np.zeros(shape), np.zeros(shape, dtype=bool)
    for j, rule in enumerate(evidence.rules):
        reference = table.rules.get(rule)
        weighs = np.zeros(len(evidence), dtype=bool)
        if reference is not None:
            x = evidence.p[:, j] if reference.measure == "p" else evidence.value[:, j]
            open_ = np.isfinite(x)
            for band in reference.bands:
                fits = open_ & (x >= band.low) & (x < band.high)
                if band.variant:
                    fits &= evidence.variant[:, j] == band.variant
                ratios[fits, j] = np.clip([band.log10_lr.get(h, 0.0) for h in RIVALS], -band.most, band.most)
                open_ = open_ & ~fits
                weighs |= fits
        for variant in set(evidence.variant[:, j]):
            here = evidence.variant[:, j] == variant
            curve = per_test.curves.get((rule, variant))
            if curve is None:
                counts[here & weighs, j] = True
            else:
                ran = here & np.isfinite(evidence.p[:, j] if curve.measure == "p" else evidence.value[:, j])
                counts[ran | (here & weighs), j] = ~curve.measured[None, :]
        ratios[:, j] = capped(ratios[:, j], evidence.n_reference[:, j], evidence.shrink[:, j], evidence.p[:, j])
    return np.where(counts, ratios, 0.0), counts


def judged_contributions(
    evidence: Evidence, per_test: PerTest, table: ReferenceTable, families: Sequence[str], tier: int
) -> Floats:
    """Mean of the judged ratios inside each family, shape (E, F, 4)."""
    ratios, counts = judged_ratios(evidence, per_test, table)
    hidden = (evidence.tier > tier)[:, :, None]
    counts = counts & ~hidden
    out = np.zeros((len(evidence), len(families), len(RIVALS)))
    for f, family in enumerate(families):
        chosen = [j for j, its in enumerate(evidence.families) if its == family]
        n = counts[:, chosen].sum(axis=1)
        said = np.where(counts[:, chosen], ratios[:, chosen], 0.0)
        out[:, f] = said.sum(axis=1) / np.maximum(n, 1)
        if family == Family.RECORD.value:
            # As in a verdict: an error of one kind is not spoken against by the absence of another.
            error = RIVALS.index(Hypothesis.DATA_ERROR)
            most = said[:, :, error].max(axis=1, initial=0.0)
            out[:, f, error] = np.where(most > 0, most, out[:, f, error])
    return out
