"""How the traffic of each kind of episode is composed: a careless script, a careful one, one customer, ordinary newcomers.

These are assumptions, since no proven case exists to measure them on; ``docs/calibration-assumptions.md`` lists them. They are made
uneven on purpose: a part of every kind looks like ordinary traffic.
"""

import numpy as np

from auditor.calibration.market import Mix

#: Share of scripts that copy the composition of ordinary traffic, by kind of injection; all others 0.35.
CAREFUL = {"profile_copy": 0.8, "padding": 0.6, "replay": 0.8, "slow_drip": 0.5}
USUALLY_CAREFUL = 0.35

#: Share of padding that adds tokens to the count with no request behind it.
UNREQUESTED = 0.4


def scripted(kind: str, rng: np.random.Generator) -> Mix:
    """Traffic that nobody asked for.

    A careful script keeps tokens per request and completion share within a tenth of the subject's own and spreads over applications
    like it. A careless one repeats one kind of request: both ratios move by a half to two and a half on the log scale, either way, with a
    third of the ordinary scatter, and it comes through no listed application (60 %), one (30 %), or all (10 %).
    """
    careful = rng.random() < CAREFUL.get(kind, USUALLY_CAREFUL)
    if kind == "app_burst":
        app = "one"
    elif careful:
        app = "own"
    else:
        app = str(rng.choice(np.array(["none", "one", "own"]), p=[0.6, 0.3, 0.1]))
    requests = not (kind == "padding" and rng.random() < UNREQUESTED)
    if careful:
        return Mix(0.1 * rng.standard_normal(), 0.1 * rng.standard_normal(), app, 1.0, requests)
    return Mix(_apart(rng), _apart(rng), app, 0.33, requests)


def one_customer(rng: np.random.Generator) -> Mix:
    """One customer's batch: often longer requests than usual, any completion share, one application (80 %) or none."""
    app = "one" if rng.random() < 0.8 else "none"
    return Mix(0.6 + 0.8 * rng.standard_normal(), rng.standard_normal(), app, 0.7)


def newcomers(rng: np.random.Generator) -> Mix:
    """Organic surge: the newcomers' requests differ a little (0.35), and one in four surges comes through one application."""
    app = "one" if rng.random() < 0.25 else "own"
    return Mix(0.35 * rng.standard_normal(), 0.35 * rng.standard_normal(), app, 1.0)


def drawn_by_offer(rng: np.random.Generator) -> Mix:
    """Users of a free or promoted offer: they differ more (0.5), and four in ten offers live inside one application."""
    app = "one" if rng.random() < 0.4 else "own"
    return Mix(0.2 + 0.5 * rng.standard_normal(), 0.5 * rng.standard_normal(), app, 1.0)


def _apart(rng: np.random.Generator) -> float:
    return float(rng.choice(np.array([-1.0, 1.0])) * rng.uniform(0.5, 2.5))
