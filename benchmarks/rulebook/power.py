"""How many seeded corruptions the rule meant for each class catches, and how often the rule speaks on the clean panel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from auditor.findings import NotApplicable
from auditor.rulebook.book import Rulebook
from benchmarks.rulebook.corruptions import CLASSES, Corruption
from benchmarks.rulebook.spoilt import Base, Spoilt


@dataclass(frozen=True)
class Power:
    """Result of one class; ``spoke`` of ``clean`` untouched windows on which the rule can run had a hit."""

    rule: str
    corruption: str
    placed: int
    caught: int
    reason: str = ""
    spoke: int = 0
    clean: int = 0

    @property
    def share(self) -> float:
        """Share of the placements that were caught."""
        return self.caught / self.placed if self.placed else float("nan")


def measure(
    book: Rulebook, base: Base, *, placements: int, seed: int, classes: Sequence[Corruption] = CLASSES
) -> Iterator[Power]:
    """Spoil random windows of the panel and ask the rule meant for the spoilt class alone."""
    for number, chosen in enumerate(classes):
        only = Rulebook((book.rule(chosen.rule),))
        placed = caught = 0
        reason, spoke, clean = "", 0, 0
        for k in range(placements):
            rng = np.random.default_rng([seed, number, k])
            spoilt = None
            for _ in range(20):
                try:
                    spoilt = chosen.spoil(base.window(rng, chosen.days), rng)
                    break
                except LookupError:
                    continue
            if spoilt is None:
                continue
            placed += 1
            rng = np.random.default_rng([seed, number, k])
            untouched = base.window(rng, chosen.days)
            quiet = only.hits(Spoilt(untouched.long(), lambda _: False).scene())[chosen.rule]
            clean += not isinstance(quiet, NotApplicable)
            spoke += bool(not isinstance(quiet, NotApplicable) and quiet)
            hits = only.hits(spoilt.scene())[chosen.rule]
            if isinstance(hits, NotApplicable):
                reason = hits.reason.key
            elif any(spoilt.caught(hit) for hit in hits):
                caught += 1
        yield Power(chosen.rule, chosen.spoil.__name__, placed, caught, reason, spoke, clean)


def published(path: Path) -> Base:
    """Read a published ranking: columns date, entity (or model_permaslug), value (or total_tokens)."""
    frame = pd.read_csv(path, parse_dates=["date"])
    frame = frame.rename(columns={"model_permaslug": "entity", "total_tokens": "value"})
    wide = frame.pivot_table(index="date", columns="entity", values="value")
    other = wide.pop("other").to_numpy(dtype=float) if "other" in wide else np.zeros(len(wide))
    return Base(pd.DatetimeIndex(wide.index), [str(c) for c in wide.columns], wide.to_numpy(dtype=float), other)


def simulated(seed: int = 5, days: int = 120, entities: int = 40) -> Base:
    """Make up a ranking with weekday rhythm, autocorrelated noise and three or more entities per provider."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.06, (days, entities))
    for t in range(1, days):
        noise[t] += 0.6 * noise[t - 1]
    dates = pd.date_range("2026-01-05", periods=days)
    rhythm = np.where(dates.day_of_week.to_numpy() >= 5, 0.8, 1.0)[:, None]
    level = np.exp(rng.normal(np.log(3e10), 1.2, entities))
    values = np.round(level * rhythm * np.exp(noise))
    names = [f"provider-{i % 8}/model-{i}" for i in range(entities)]
    return Base(dates, names, values, np.round(values.sum(axis=1) * 0.08 * np.exp(rng.normal(0, 0.03, days))))
