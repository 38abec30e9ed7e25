"""Writes the simulated fixtures of ``data/fixtures``: ``python -m auditor.calibration.fixtures [FOLDER]``.

The same seeds give the same bytes; a test compares them with what is kept.
"""

import csv
import io
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from auditor.calibration.simulate import Platform, Simulation, doubled_day, flat_bot, platform

#: First day of the simulated calendars, a Monday.
FIRST = date(2026, 1, 5)


def inflated() -> dict[str, str]:
    """Make a small model to which a metered, weekend-less volume was added for four weeks: files by name."""
    base = platform(Platform(entities=30, days=84), seed=20260105)
    order = np.argsort(-base.values.mean(axis=0), kind="stable")
    subject, leader = int(order[13]), int(order[0])
    start, stop = 42, 70
    gap = float(np.median(base.values[start:stop, leader]) * 1.06 - np.median(base.values[start:stop, subject]))
    made = flat_bot(base, entity=subject, start=start, stop=stop, volume=gap, jitter=0.01, seed=7)
    return {
        "figures.csv": _long(made, metric="total_tokens", listed=20),
        "figures.source.yaml": _card(
            "simulated-leaderboard",
            "Simulated by auditor.calibration.fixtures (seed 20260105): 30 models with weekday profile, autocorrelated noise "
            f"and growth. To {made.names[subject]} a metered volume of {gap / 1e9:.1f} billion a day was added from "
            f"{_day(start)} to {_day(stop - 1)}. Nothing here was measured anywhere.",
        ),
        "case.yaml": _case(
            "Simulated: is the rise of a model to first place organic?",
            "Simulated model",
            made.names[subject],
            start,
            stop - 1,
        ),
    }


def doubled() -> dict[str, str]:
    """Make downloads of forty packages of which one day was counted twice: files by name."""
    settings = Platform(entities=40, days=56, median=4000.0, spread=1.4, sigma=0.1, phi=0.5, weekend=0.35, growth=0.001)
    base = platform(settings, seed=20121226)
    names = tuple(f"simulated-package-{i + 1:02d}" for i in range(settings.entities))
    made = doubled_day(Simulation(np.round(base.values), base.weekday, base.injected, names), day=37)
    subject = names[int(np.argsort(-base.values.mean(axis=0), kind="stable")[3])]
    return {
        "figures.csv": _wide(made),
        "figures.source.yaml": _card(
            "simulated-downloads",
            "Simulated by auditor.calibration.fixtures (seed 20121226): daily downloads of 40 packages; every count of "
            f"{_day(37)} is doubled, as a registry did on real days. Nothing here was measured anywhere.",
        ),
        "case.yaml": _case("Simulated: what happened to the downloads of a package?", "", subject, 37, 37),
    }


FIXTURES = {"simulated-inflated": inflated, "simulated-doubled-day": doubled}


def write(folder: Path) -> None:
    """Write all simulated fixtures below a folder."""
    for name, make in FIXTURES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file, text in make().items():
            (folder / name / file).write_text(text, encoding="utf-8", newline="\n")


def _day(row: int) -> str:
    return (FIRST + timedelta(days=row)).isoformat()


def _long(made: Simulation, *, metric: str, listed: int) -> str:
    """Write the top of each day as a publisher lists it, and the remainder as `other`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["date", "model", metric])
    for row, values in enumerate(made.values):
        order = np.argsort(-values, kind="stable")
        writer.writerows((_day(row), made.names[i], round(float(values[i]))) for i in order[:listed])
        writer.writerow((_day(row), "other", round(float(values[order[listed:]].sum()))))
    return out.getvalue()


def _wide(made: Simulation) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["date", *made.names])
    writer.writerows((_day(row), *(round(float(v)) for v in values)) for row, values in enumerate(made.values))
    return out.getvalue()


def _card(name: str, citation: str) -> str:
    return f"name: {name}\ncitation: >-\n  {citation}\nlicence: CC0-1.0\nas_of: 2026-04-15\nsimulated: true\n"


def _case(title: str, name: str, subject: str, first: int, last: int) -> str:
    named = f"name: {name}\n" if name else ""
    return f'title: "{title}"\n{named}subject: [{subject}]\ninputs: [figures.csv]\nwindow: {_day(first)}:{_day(last)}\n'


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "data/fixtures"))
