"""A small simulated leaderboard that a source can be asked for, day by day; what fault runs and tests of whole runs share. Simulated."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.errors import SourceError
from auditor.live import Shelf
from auditor.watch.config import Config, NotifyPart, SourcePart
from auditor.watch.found import Found
from auditor.watch.run import Outcome, Places, run
from auditor.watch.site import show
from auditor.watch.state import Keeper, State

FIRST = date(2025, 1, 1)
Floats = npt.NDArray[np.float64]
NAMES = tuple(f"simulated/model-{i:02d}" for i in range(12))


def figures(days: int, *, seed: int = 1, inflate: tuple[int, int, float] | None = None) -> Floats:
    """Organic figures, shape (days, 12); ``inflate`` is (entity, first day, factor)."""
    rng = np.random.default_rng(seed)
    noise: Floats = np.zeros((days, len(NAMES)))
    for t in range(1, days):
        noise[t] = 0.7 * noise[t - 1] + 0.1 * rng.standard_t(5, len(NAMES))
    for entity in range(len(NAMES)):  # organic surges of a week, half as much again or double
        for start in range(50 + 4 * entity, days, 48):
            noise[start : start + 7, entity] += 0.45 + 0.4 * rng.random()
    values = np.exp(23 + noise + 0.002 * np.arange(days)[:, None] + rng.standard_normal(len(NAMES)))
    if inflate:
        entity, start, factor = inflate
        values[start:, entity] *= factor
    return np.asarray(np.round(values), dtype=np.float64)


def csv_of(values: Floats, first: date, upto: int, since: int = 0) -> bytes:
    """Return the publisher's file: days ``since`` to ``upto`` (excluded)."""
    lines = ["date,entity,total_tokens"]
    for t in range(max(0, since), upto):
        day = first + timedelta(days=t)
        lines += [f"{day},{name},{values[t, j]:.0f}" for j, name in enumerate(NAMES) if np.isfinite(values[t, j])]
    return ("\n".join(lines) + "\n").encode()


class World:
    """A publisher that states each day one day later, and a watch on it."""

    def __init__(self, folder: Path, values: Floats, **settings: Any) -> None:
        self.folder = folder
        self.values = values
        self.down: set[date] = set()
        self.kills = 0
        self.config = Config(
            source=(SourcePart(name="openrouter", metric="total_tokens"),),
            **{"notify": (NotifyPart(kind="stdout", on=("alarm", "record", "event")),), **settings},
        )
        self.places = Places.of(self.config, folder)

    def fetch(self, part: SourcePart, today: date, shelf: Shelf) -> None:
        """Answer as the publisher does on a day, and archive it."""
        if today in self.down:
            raise SourceError("the server answered 503", hint="later")
        known = (today - FIRST).days
        archive = shelf.made()
        archive.add(
            csv_of(self.values, FIRST, min(known, len(self.values)), known - 40 if archive.entries(limit=1) else 0),
            source=part.name,
            url="https://publisher.invalid/rankings.csv",
            retrieved_at=datetime(today.year, today.month, today.day, 6, tzinfo=UTC),
        )

    def tell(self, part: NotifyPart, found: Found) -> None:
        """Take a notification; on disk, because the process may be killed."""
        with (self.folder / "told").open("a", encoding="ascii") as file:
            file.write(f"{part.id} {found.id}\n")

    @property
    def told(self) -> list[str]:
        """What was delivered, in order."""
        path = self.folder / "told"
        return path.read_text(encoding="ascii").splitlines() if path.exists() else []

    def run(self, day: int, **settings: Any) -> Outcome:
        """Run the watch on a day counted from the first."""
        moment = datetime(FIRST.year, FIRST.month, FIRST.day, 6, 30, tzinfo=UTC) + timedelta(days=day)
        usual = {
            "now": moment,
            "fetch": self.fetch,
            "notify": self.tell,
            "show": lambda state, today: show(state, today, self.config, self.places.reports),
        }
        return run(self.config, self.places, **{**usual, **settings})

    def state(self) -> State:
        """Read the state."""
        return Keeper(self.places.state).load()

    def bytes(self) -> dict[str, bytes]:
        """Everything that must not depend on faults: the state, the days judged, the site."""
        roots = (self.places.state, self.places.reports)
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for root in roots
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name != "lock"
        }
