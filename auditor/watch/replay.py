"""Replays the archive day by day as it was known then: the alarms it would have raised, and the state rebuilt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.watch.config import Config
from auditor.watch.found import ALARM, Found
from auditor.watch.inquiry import Inquiry
from auditor.watch.knowledge import Knowledge, moment
from auditor.watch.level import RUN
from auditor.watch.run import Places, finish_day, key_of
from auditor.watch.state import Keeper, State

UNARCHIVED = frozenset({"source_failed", "not_run"})
"""Findings about the runs themselves, of which the archive knows nothing."""


@dataclass(frozen=True)
class Raised:
    """An alarm of a replay.

    Attributes
    ----------
    found : Found
    delay : int
        Days from the first high day to the day of the run that raised it, the settled age included.
    """

    found: Found
    delay: int


def replay(
    config: Config,
    places: Places,
    knowledge: Mapping[str, Knowledge],
    since: date,
    until: date,
    *,
    inquire: Inquiry | None = None,
    progress: Callable[[date], None] | None = None,
    reports: Path | None = None,
) -> State:
    """Run every day from ``since`` to ``until`` with what was known on it, into an empty state; tells nobody.

    Parameters
    ----------
    places : Places
        Where days, state and reports go; the state folder must hold no state.
    knowledge : mapping
        By source, see :func:`auditor.watch.run.key_of`.
    reports : Path, optional
        Where reports past their retention are removed; None removes none.
    """
    keeper, state = Keeper(places.state), State()
    silent = config.model_copy(update={"notify": ()})
    kept: dict[str, dict[str, dict[str, float]]] = {key_of(part): {} for part in config.source}
    latest = datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)
    day = since
    while day <= until:
        if progress is not None:
            progress(day)
        finish_day(silent, keeper, state, knowledge, kept, day, moment(day, latest), {}, inquire, reports=reports)
        day += timedelta(days=1)
    return state


def alarms(state: State) -> list[Raised]:
    """Return the alarms of a state in the order in which they were raised."""
    found = [f for f in state.found.values() if f.kind == ALARM]
    return [
        Raised(f, (date.fromisoformat(f.raised) - date.fromisoformat(f.opened)).days + RUN - 1)
        for f in sorted(found, key=lambda f: (f.raised, f.entity))
    ]


def rebuild(
    config: Config, places: Places, knowledge: Mapping[str, Knowledge], *, inquire: Inquiry | None = None
) -> State:
    """Rebuild the state from the archive, up to the day of its last run, and put it in its place.

    Findings that were told already are recognised by their fingerprint and not told again; failures of sources and days without a run, which the archive
    cannot know, are taken over from the old state where it can be read. The caller holds the lock.
    """
    keeper = Keeper(places.state)
    old = keeper.load() if keeper.file.exists() else State()
    first = min((k.first() for k in knowledge.values()), default=None)
    if first is None:
        return old
    last = date.fromisoformat(old.last_run) if old.last_run else max(first, _newest(knowledge))
    with TemporaryDirectory(dir=places.state, prefix=".rebuild-") as folder:
        apart = replace(places, state=keeper.folder / folder)
        fresh = replay(config, apart, knowledge, first, last, inquire=inquire, reports=places.reports)
        for part in config.source:
            for day, row in Keeper(apart.state).days(key_of(part), until=last.isoformat(), most=10_000).items():
                keeper.keep_day(key_of(part), day, row)
    for key, found in old.found.items():
        if key not in fresh.found and found.rule in UNARCHIVED:
            fresh.found[key] = found
    fresh.outbox = [entry for entry in old.outbox if entry[0] in fresh.found]
    fresh.began = old.began or fresh.last_run
    keeper.save(fresh)
    return fresh


def _newest(knowledge: Mapping[str, Knowledge]) -> date:
    return max(k.last() for k in knowledge.values())


def labelled(alarm: Found, labels: Path) -> str:
    """Return the label of a known spike that an alarm falls into; '' where there is none.

    Parameters
    ----------
    labels : Path
        CSV with ``model``, ``window_start``, ``window_end`` and ``label``; days may carry a question mark or words.
    """
    import csv
    import re

    with labels.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            start, end = (re.search(r"\d{4}-\d{2}-\d{2}", row[c]) for c in ("window_start", "window_end"))
            stem = row["model"].split(" ")[0]
            same = alarm.entity == stem or alarm.entity.startswith(f"{stem}-") or alarm.entity == f"{stem}:free"
            if same and (not start or start[0] <= alarm.day) and (not end or alarm.opened <= end[0]):
                return row["label"]
    return ""
