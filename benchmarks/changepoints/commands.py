"""Tables of the change-point benchmark."""

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from auditor.kernels.alternatives import change_dates
from auditor.kernels.noise import Whitener
from auditor.kernels.segmentation import segment
from auditor.kernels.synthetic import synthetic_control
from benchmarks.changepoints.datasets import Annotated
from benchmarks.changepoints.scoring import covering_score, f1_score
from benchmarks.changepoints.simulate import INNOVATION_SD, peers, usage

Floats = npt.NDArray[np.float64]
Method = Callable[[Annotated], Sequence[int]]

PHIS = (0.0, 0.5, 0.8, 0.9)


def no_change(_: Annotated) -> Sequence[int]:
    return ()


def ours(series: Annotated) -> Sequence[int]:
    """Default settings. The raw scale, because that is the scale of the plots the annotators were shown."""
    return segment(series.values, period=series.period).breaks


def ruptures_pelt(series: Annotated) -> Sequence[int]:
    """Ruptures' PELT with squared error and the classical penalty 3 var log n."""
    import ruptures

    y = series.values
    fitted = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(y)
    return [int(i) for i in fitted.predict(pen=3.0 * float(np.var(y)) * np.log(y.size))[:-1]]


def alternative(name: str) -> Method:
    """Return one of the selectable alternatives on the raw scale."""
    return lambda series: change_dates(series.values, name, period=series.period)


METHODS: dict[str, Method] = {
    "no change anywhere": no_change,
    "ruptures Pelt l2, 3 var ln n": ruptures_pelt,
    "--changepoint ruptures-kernelcpd": alternative("ruptures-kernelcpd"),
    "--changepoint ruptures-pelt": alternative("ruptures-pelt"),
    "auditor.kernels.segment": ours,
}


def print_annotated(series: Iterable[Annotated], *, each: bool = False) -> dict[str, tuple[float, float]]:
    """Print mean F1 (margin 5) and covering over series, per method; return them."""
    listed = list(series)
    print(f"Turing Change Point Dataset, {len(listed)} univariate series, 5 annotators each, default settings")
    print(f"{'method':32s} {'F1':>6s} {'covering':>9s} {'seconds':>8s}")
    means = {}
    for name, method in METHODS.items():
        began = time.process_time()
        found = [tuple(method(one)) for one in listed]
        spent = time.process_time() - began
        scores = [
            (f1_score(one.annotations, breaks), covering_score(one.annotations, breaks, one.values.size))
            for one, breaks in zip(listed, found, strict=True)
        ]
        f1, covering = (float(value) for value in np.mean(scores, axis=0))
        means[name] = (f1, covering)
        print(f"{name:32s} {f1:6.3f} {covering:9.3f} {spent:8.1f}")
        if each:
            for one, breaks, score in zip(listed, found, scores, strict=True):
                print(f"    {one.name:20s} {score[0]:6.3f} {score[1]:9.3f}  {list(breaks)}")
    return means


def print_false_alarms(repeats: int, lengths: Sequence[int] = (30, 90, 365)) -> float:
    """Print the share of series without change in which any break is found; return the largest."""
    print(f"\nFalse alarms: % of {repeats} no-change series with any break (bar: 5)")
    print(f"{'n':>4s} {'innovations':12s} {'weekdays':9s} " + " ".join(f"phi={phi:<4}" for phi in PHIS))
    worst = 0.0
    for n in lengths:
        for heavy in (False, True):
            for weekdays in (False, True):
                shares = []
                for phi in PHIS:
                    rng = np.random.default_rng([n, int(phi * 10), heavy, weekdays])
                    hits = sum(
                        bool(segment(usage(rng, n, phi, heavy=heavy, weekdays=weekdays).values).breaks)
                        for _ in range(repeats)
                    )
                    shares.append(hits / repeats)
                worst = max(worst, *shares)
                cells = " ".join(f"{100 * share:8.1f}" for share in shares)
                print(
                    f"{n:4d} {'t(3)' if heavy else 'normal':12s} {'yes' if weekdays else 'no':9s} {cells}", flush=True
                )
    return worst


def print_hits(repeats: int, lengths: Sequence[int] = (30, 90, 365)) -> None:
    """Print hit rates at phi = .5, and how often a clean launch ramp stays whole."""
    print(f"\nHits, % of {repeats} series; phi = .5, innovations of sd 0.1 on the log scale, weekdays")
    print("step: twice the level; spike: 3 times for 7 days, both dates or an episode; hit: within 2 days")
    print(
        "ceiling: power at 5 % of the test that knows date, phi, sigma and weekdays' form (generalised least squares)"
    )
    print(f"{'n':>4s} {'innovations':12s} {'step':>6s} {'spike':>6s} {'ramp without a break':>21s} {'ceilings':>14s}")
    for n in lengths:
        for heavy in (False, True):
            rates = []
            for shape in ("step", "spike", "ramp"):
                rng = np.random.default_rng([n, heavy, len(shape)])
                hits = 0
                for _ in range(repeats):
                    truth = usage(rng, n, 0.5, heavy=heavy, shape=shape)
                    hits += _hit(shape, truth.changes, truth.values)
                rates.append(100 * hits / repeats)
            label = "t(3)" if heavy else "normal"
            print(
                f"{n:4d} {label:12s} {rates[0]:6.1f} {rates[1]:6.1f} {rates[2]:21.1f}"
                f" {100 * oracle_power(n, 'step'):7.1f}{100 * oracle_power(n, 'spike'):7.1f}",
                flush=True,
            )


def oracle_power(n: int, shape: str, phi: float = 0.5, level: float = 0.05) -> float:
    """Power of the two-sided generalised-least-squares test of a shape at known dates in noise of known phi and sigma.

    Level and weekdays are estimated. Normal innovations; no test that has to find the dates or the noise can exceed it.
    """
    from scipy.stats import norm

    middle = n // 2
    box = np.zeros(n)
    box[middle : n if shape == "step" else middle + 7] = np.log(2.0 if shape == "step" else 3.0)
    design = np.eye(7)[np.arange(n) % 7]
    whiten = Whitener.of(np.arange(n, dtype=np.float64), phi).apply
    z, rows = whiten(box), whiten(design)
    left = z - rows @ np.linalg.lstsq(rows, z, rcond=None)[0]
    shift = float(np.linalg.norm(left)) / INNOVATION_SD
    critical = float(norm.isf(level / 2.0))
    return float(norm.sf(critical - shift) + norm.cdf(-critical - shift))


def _hit(shape: str, changes: tuple[int, ...], values: Floats) -> bool:
    result = segment(values)
    if shape == "ramp":
        return not any(index < 28 for index in result.breaks)
    met = all(any(abs(index - change) <= 2 for index in result.breaks) for change in changes)
    if shape == "spike":
        met = met or any(abs(e.start - changes[0]) <= 2 and abs(e.end - changes[1]) <= 2 for e in result.episodes)
    return met


def print_synthetic(repeats: int) -> None:
    """Print level and power of the synthetic control at a nominal 5 %."""
    print(f"\nSynthetic control, 30 donors, 7-day window, nominal 5 %, {repeats} panels: % with p <= .05")
    print(f"{'days before':>11s} {'false alarms':>13s} {'1.5-fold week':>14s}")
    for days in (14, 21, 28, 60):
        rng = np.random.default_rng(days)
        alarms = hits = 0
        for _ in range(repeats):
            panel = peers(rng, days + 7, 31)
            target, donors, window = panel[:, 0].copy(), panel[:, 1:], (days, days + 7)
            alarms += synthetic_control(target, donors, window).p <= 0.05
            target[days:] += np.log(1.5)
            hits += synthetic_control(target, donors, window).p <= 0.05
        print(f"{days:11d} {100 * alarms / repeats:13.1f} {100 * hits / repeats:14.1f}", flush=True)


def print_cost() -> float:
    """Print processor time per series and its growth; return the milliseconds at 730 days."""
    print(
        "\nCost: processor time of the full model of one series with weekdays, a step and AR(.5) noise, 9 series each"
    )
    print("bars: 20 ms at 730 days; growth no faster than n log n, so the last column should not rise above 1")
    print(f"{'days':>5s} {'median ms':>10s} {'smallest':>9s} {'elapsed ms':>11s} {'/ (n ln n), 90 days = 1':>24s}")
    first, at_730 = 0.0, 0.0
    segment(usage(np.random.default_rng(0), 90, 0.5).values)
    for n in (90, 180, 365, 730, 1461, 3650):
        spent, elapsed = [], []
        for seed in range(9):
            values = usage(np.random.default_rng([n, seed]), n, 0.5, shape="step").values
            began, clock = time.process_time(), time.perf_counter()
            segment(values)
            spent.append(time.process_time() - began)
            elapsed.append(time.perf_counter() - clock)
        middle = 1000 * float(np.median(spent))
        rate = middle / (n * np.log(n))
        first = first or rate
        at_730 = middle if n == 730 else at_730
        clock_ms = 1000 * float(np.median(elapsed))
        print(f"{n:5d} {middle:10.1f} {1000 * min(spent):9.1f} {clock_ms:11.1f} {rate / first:24.2f}", flush=True)
    return at_730
