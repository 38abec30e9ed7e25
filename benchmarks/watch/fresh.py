"""The protocol by which false alarms and delays are measured on seeds that nobody has looked at.

Fixed before the first of these seeds was drawn, and not changed afterwards:

* Worlds: seeds ``first`` to ``first + worlds - 1``; each is a learning year and three counted years of 50 listed models
  (``benchmarks/watch/years.py``, its default habits), nothing inflated. Budget: 6 a year at 95 %.
* Conditions: the share of promotions that no event announced, each on the same seeds.
* False alarms: every alarm whose day lies in a counted year. Rate a year with Garwood's exact Poisson interval, and with Student's
  interval over worlds, which needs no Poisson law; the wider upper end decides.
* Years above the budget: years with more than 6 alarms, with Clopper and Pearson's interval.
* Delay: one lasting doubling for each model that has a past of 120 days, on a random day without a promotion; days from
  its first day to the run that raises the alarm, the settled age of 3 days included; what is not caught within 30 days of figures
  counts as 99 in the median, whose interval is that of order statistics.
* Nothing is left out: every seed that was started is in the figures, in the order of the seeds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from auditor.watch.budget import Budget, rate_interval
from benchmarks.watch.alarms import Tally, world
from benchmarks.watch.years import Habits

YEARS = 3


@dataclass(frozen=True)
class Summary:
    """What the worlds of one condition gave; intervals are of 95 %."""

    worlds: int
    yearly: tuple[int, ...]
    rate: float
    garwood: tuple[float, float]
    student: tuple[float, float]
    above: int
    above_share: tuple[float, float]
    hidden: int
    injections: int
    median: float
    median_interval: tuple[float, float]
    within_week: float
    caught: float

    @property
    def upper(self) -> float:
        """The wider upper end of the rate."""
        return max(self.garwood[1], self.student[1])


def measure(
    first: int, worlds: int, unannounced: Iterable[float], budget: Budget
) -> Iterator[tuple[float, int, Tally]]:
    """Yield (condition, seed, tally), seed by seed, so that a run that is cut short has whole seeds."""
    for seed in range(first, first + worlds):
        for share in unannounced:
            yield share, seed, world(seed, years=YEARS, habits=Habits(unannounced=share), budget=budget)


def summarise(tallies: list[Tally], budget: Budget) -> Summary:
    """Summarise the worlds of one condition as the protocol says."""
    from scipy import stats

    yearly = [n for tally in tallies for n in tally.yearly]
    means = np.array([np.mean(tally.yearly) for tally in tallies])
    half = (
        float(stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)))
        if len(means) > 1
        else float("inf")
    )
    above = sum(n > budget.alarms_per_year for n in yearly)
    exact = stats.binomtest(above, len(yearly)).proportion_ci(0.95, "exact")
    delays = np.sort([d for tally in tallies for d in tally.delays])
    low, high = (int(k) for k in np.asarray(stats.binom.ppf([0.025, 0.975], len(delays), 0.5)))
    return Summary(
        worlds=len(tallies),
        yearly=tuple(yearly),
        rate=float(np.mean(yearly)),
        garwood=rate_interval(sum(yearly), len(yearly)),
        student=(max(0.0, float(means.mean()) - half), float(means.mean()) + half),
        above=above,
        above_share=(float(exact.low), float(exact.high)),
        hidden=sum(tally.unannounced for tally in tallies),
        injections=len(delays),
        median=float(np.median(delays)),
        median_interval=(float(delays[low]), float(delays[min(high, len(delays) - 1)])),
        within_week=float(np.mean(delays <= 7)),
        caught=float(np.mean(delays < 99)),
    )


def print_fresh(first: int, worlds: int, unannounced: list[float], budget: Budget) -> None:
    """Measure and print, world by world and then per condition."""
    tallies: dict[float, list[Tally]] = {share: [] for share in unannounced}
    print(
        f"Budget: {budget.alarms_per_year} a year at {budget.confidence:.0%}, of which {budget.expected:.2f} are spent in expectation"
    )
    for share, seed, tally in measure(first, worlds, unannounced, budget):
        tallies[share].append(tally)
        print(
            f"  seed {seed}, {share:.0%} unannounced: {tally.yearly} alarms by year, median delay {np.median(tally.delays):.0f}",
            flush=True,
        )
    for share, ran in tallies.items():
        s = summarise(ran, budget)
        print(
            f"{share:.0%} of promotions unannounced; seeds {first} to {first + worlds - 1}, {len(s.yearly)} years, 50 models:"
        )
        print(
            f"  false alarms a year {s.rate:.2f} (95 % interval {s.garwood[0]:.2f} to {s.garwood[1]:.2f} by Garwood, "
            f"{s.student[0]:.2f} to {s.student[1]:.2f} over worlds), {s.hidden} of {sum(s.yearly)} on such promotions"
        )
        print(
            f"  years above the budget: {s.above} of {len(s.yearly)} ({s.above / len(s.yearly):.0%}, {s.above_share[0]:.0%} to {s.above_share[1]:.0%})"
        )
        print(
            f"  +100 % for good, {s.injections} injections: median delay {s.median:.0f} days ({s.median_interval[0]:.0f} to "
            f"{s.median_interval[1]:.0f}), {s.within_week:.0%} within 7 days, {s.caught:.0%} within 33"
        )
