"""Events found and false changes on simulated series."""

import numpy as np

from auditor.kernels.screen import screen
from benchmarks.screen.simulate import event_counts, event_f1, simulate
from benchmarks.screen.usual import RBF_PENALTIES, usual_defaults

SEED = 20_260_401
"""Not the seed the penalties were chosen with."""


def print_accuracy(count: int, slow: int) -> None:
    """Event F1 (margin 5, the ramp is one event) and false changes per series without change."""
    print("\nEvents: 3 level shifts and a launch ramp, heavy tails (bar at phi = .5: F1 .95, false changes .1)")
    print("days   phi   event F1   false changes   median phi")
    for n in (90, 120, 365, 1461):
        for phi in (0.0, 0.5, 0.8, 0.9):
            rng = np.random.default_rng([SEED, n, int(10 * phi)])
            found = "   -"
            if n >= 120:
                truth = simulate(rng, count, n, phi, events=True)
                result = screen(truth.values)
                counts = [
                    event_counts(result.changes(i).tolist(), truth.shifts[i].tolist(), int(truth.ramp[i]))
                    for i in range(count)
                ]
                found = f"{event_f1(counts):.3f}"
            calm = screen(simulate(rng, count, n, phi, events=False).values)
            print(f"{n:4d}   {phi:.1f}   {found:>8}   {calm.n_changes.mean():13.3f}   {np.median(calm.phi):10.2f}")
    print("quiet series next to a 1,000 to 2,000-fold ramp (innovations of 1 %), phi 0.5")
    for n in (365, 1461):
        truth = simulate(
            np.random.default_rng([SEED, n]), count, n, 0.5, events=True, innovation_sd=0.01, ramp_fold=(1e3, 2e3)
        )
        result = screen(truth.values)
        counts = [
            event_counts(result.changes(i).tolist(), truth.shifts[i].tolist(), int(truth.ramp[i])) for i in range(count)
        ]
        print(f"{n:4d}   0.5   {event_f1(counts):8.3f}")
    rng = np.random.default_rng([SEED, 1])
    truth = simulate(rng, slow, 365, 0.5, events=True)
    quiet = simulate(rng, slow, 365, 0.5, events=False)
    for penalty in RBF_PENALTIES:
        counts = [
            event_counts(usual_defaults(v, penalty)[0], s.tolist(), int(r))
            for v, s, r in zip(truth.values, truth.shifts, truth.ramp, strict=True)
        ]
        false = np.mean([len(usual_defaults(v, penalty)[0]) for v in quiet.values])
        print(
            f"usual defaults, penalty {penalty:g}, 365 days, phi 0.5, {slow} series: "
            f"event F1 {event_f1(counts):.3f}, false changes {false:.2f}"
        )


def print_outliers(count: int) -> None:
    """One day multiplied, at phi = .5 over 365 days without change."""
    print("\nOne day multiplied: share of series whose largest residual is that day, and beyond 5 scales")
    print("fold   found   beyond 5")
    for fold in (1.5, 2.0, 3.0):
        rng = np.random.default_rng([SEED, int(10 * fold)])
        values = simulate(rng, count, 365, 0.5, events=False).values
        day = rng.integers(10, 355, count)
        values[np.arange(count), day] *= fold
        result = screen(values)
        hit = result.spike_index == day
        print(f"{fold:4.1f}   {hit.mean():5.3f}   {(hit & (result.spike_z > 5.0)).mean():8.3f}")
