"""Feature tables with known ratios, of the form the harness writes."""

import numpy as np
import pandas as pd

KINDS = {
    "organic": "placebo",
    "incentivised": "free",
    "concentrated": "batch",
    "inflated": "flat",
    "data_error": "doubled",
}

#: Mean of each test's statistic per explanation (unit normal spread); X2 repeats X1 with correlation 0.9.
MEANS = {
    "X1": ("rhythm", 1, {"inflated": 1.5}),
    "X2": ("rhythm", 1, {"inflated": 1.5}),
    "X3": ("market", 1, {"incentivised": 1.2, "concentrated": 0.3}),
    "X4": ("composition", 2, {"inflated": 1.0, "concentrated": 1.5}),
    "X5": ("record", 1, {"data_error": 4.0}),
    "X6": ("plausibility", 1, {}),
    "X7": ("independence", 3, {"inflated": 2.5}),
}


def feature_table(seed: int = 0, *, entities: int = 24, weeks: int = 12, per_cell: int = 2) -> pd.DataFrame:
    """Draw episodes of all explanations for each entity and week; long form, one row per test."""
    rng = np.random.default_rng(seed)
    rows = []
    number = 0
    for entity in range(entities):
        habit = 0.4 * rng.standard_normal(len(MEANS))
        for week in range(weeks):
            for truth, kind in KINDS.items():
                for _ in range(per_cell if truth in {"organic", "inflated"} else 1):
                    magnitude = float(rng.choice([0.5, 1.0, 2.0])) if truth == "inflated" else np.nan
                    first = rng.standard_normal()
                    elevation = float(np.exp(rng.uniform(0.3, 1.5)))
                    for j, (rule, (family, tier, means)) in enumerate(MEANS.items()):
                        noise = rng.standard_normal()
                        if rule == "X1":
                            noise = first
                        if rule == "X2":
                            noise = 0.9 * first + np.sqrt(1 - 0.81) * noise
                        shift = means.get(truth, 0.0) * (1.0 if np.isnan(magnitude) else min(magnitude, 1.2))
                        rows.append(
                            {
                                "episode": f"e{number:06d}",
                                "truth": truth,
                                "kind": kind,
                                "entity": f"m{entity:03d}",
                                "week": f"2026-W{week:02d}",
                                "established": entity % 3 != 0,
                                "magnitude": magnitude,
                                "days": 14,
                                "certainty": "injected" if truth in {"inflated", "data_error"} else "labelled",
                                "source": "test",
                                "tier": tier,
                                "rule": rule,
                                "family": family,
                                "variant": "",
                                "value": shift + noise + (0.0 if rule == "X2" else habit[j] * 0.5),
                                "p": np.nan,
                                "n_reference": 0,
                                "confidence": "medium",
                                "applicable": not (rule == "X6" and week % 2),
                                "weighs": True,
                                "elevation": elevation,
                                "settled": True,
                            }
                        )
                    number += 1
    return pd.DataFrame(rows)


def episodes_of(tests: pd.DataFrame) -> pd.DataFrame:
    """One row per episode."""
    names = [
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
        "elevation",
        "settled",
    ]
    return tests.drop_duplicates("episode")[names].reset_index(drop=True)
