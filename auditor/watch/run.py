"""One run: fetch, archive, judge, report, notify. May be killed anywhere and started again; twice a day changes nothing.

Order, and why a kill does no harm:

1. The lock is taken; a second run says so and leaves. The system frees it with the process.
2. Sources are asked, and every answer is archived before it is read. Asking again after a kill appends, and changes nothing known.
3. For each day since the last finished run, in order: what was known on that day is judged; reports of alarms are written; the
   figures judged are kept; then the state is replaced in one step, with the findings and the outbox in it. Before that step
   nothing has happened; everything before it writes the same bytes when done again.
4. Files that show the state (site, feed, lists) are written from it.
5. The outbox is delivered; each delivery is marked when it has succeeded. A notifier that fails keeps its entry for the next run. A kill
   between delivery and mark delivers again: with the same id, which receivers can use, and never as another finding.

A clock that went back makes a run do nothing until the clock has caught up: days that were judged are not judged again.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from auditor.errors import AuditError, InputError
from auditor.live import Shelf
from auditor.observations import Observations
from auditor.watch import retention
from auditor.watch.config import Config, SourcePart
from auditor.watch.found import ALARM, LASTING, RECORD, Changes, Found, compare
from auditor.watch.happenings import SETTLING
from auditor.watch.inquiry import Inquiry, settled
from auditor.watch.knowledge import Knowledge, moment, watched
from auditor.watch.level import WINDOW
from auditor.watch.lock import locked
from auditor.watch.monitor import NEWS_DAYS, Days, Settings, judge
from auditor.watch.outbox import Deliver, deliver, enqueue
from auditor.watch.state import Keeper, Monitor, State

Fetch = Callable[[SourcePart, date, Shelf], None]
Show = Callable[[State, date], None]


@dataclass(frozen=True)
class Places:
    """The folders of a watch."""

    archive: Path
    state: Path
    reports: Path

    @classmethod
    def of(cls, config: Config, folder: Path) -> "Places":
        """Resolve the folders of a configuration that lies in ``folder``."""
        part = config.watch
        return cls(folder / part.archive, folder / part.state, folder / part.reports)


@dataclass
class Outcome:
    """What a run did.

    Attributes
    ----------
    day : str
        Day of the run.
    days : list of str
        Days that were caught up, the run's own last; empty when there was nothing to do.
    changes : Changes
    notes : list of str
        What a reader of the log should know.
    failed : list of str
        Sources that did not answer.
    undelivered : int
        Entries left in the outbox.
    """

    day: str
    days: list[str] = field(default_factory=list)
    changes: Changes = field(default_factory=lambda: Changes((), (), (), ()))
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    undelivered: int = 0


def key_of(part: SourcePart) -> str:
    """Name of a source's monitor."""
    return f"{part.name}.{part.metric}" if part.metric else part.name


def run(
    config: Config,
    places: Places,
    *,
    now: datetime,
    fetch: Fetch | None,
    notify: Deliver | None,
    show: Show | None = None,
    inquire: Inquiry | None = None,
    keep_outbox: bool = False,
) -> Outcome:
    """Do one run.

    Parameters
    ----------
    config, places
    now : datetime
        With its zone; nothing below the command line reads a clock.
    fetch : callable, optional
        Asks a source and archives the answers; None reads the archive only.
    notify : callable, optional
        Delivers one finding by one notifier; None delivers nothing and keeps the outbox.
    show : callable, optional
        Writes the files that show the state.
    inquire : callable, optional
        Audits an alarm on the figures known, see :func:`auditor.watch.inquiry.inquire`; None leaves alarms without a verdict.
    keep_outbox : bool
        Leave the outbox as it is although ``notify`` is called (a dry run).

    Raises
    ------
    BusyError
        Another run is at work.
    ArchiveError
        State or archive cannot be read or written; the state is the one before the day that was being judged.
    """
    today = now.astimezone(UTC).date()
    with locked(places.state):
        keeper = Keeper(places.state)
        keeper.sweep(places.reports)
        state = keeper.load()
        outcome = Outcome(today.isoformat())
        before = set(state.found), {k for k, f in state.found.items() if f.status == "open"}
        if state.last_run > outcome.day:
            outcome.notes.append(
                f"the clock says {today}, but a run for {state.last_run} is on record: nothing is judged until it has caught up"
            )
            return outcome
        if state.last_run < outcome.day or state.failed:
            again = state.failed if state.last_run == outcome.day else None
            failures = _ask(config, places, today, fetch, again)
            outcome.failed = sorted(failures)
            _catch_up(config, places, keeper, state, now, failures, outcome, inquire)
        else:
            outcome.notes.append(f"the run for {today} is finished already; nothing new was asked or judged")
        outcome.changes = compare(*before, state.found)
        if show is not None:
            show(state, today)
        if notify is not None:
            deliver(state, config, notify, None if keep_outbox else keeper.save, outcome.notes)
        outcome.undelivered = len(state.outbox)
        return outcome


def _ask(config: Config, places: Places, today: date, fetch: Fetch | None, only: list[str] | None) -> dict[str, str]:
    """Ask every source; a failure of one is told and does not stop the others."""
    failures = {}
    shelf = Shelf(places.archive)
    for part in config.source if fetch is not None else ():
        if part.fetch and fetch is not None and (only is None or key_of(part) in only):
            try:
                fetch(part, today, shelf)
            except AuditError as error:
                if error.exit_code != 4:
                    raise
                failures[key_of(part)] = error.what
    return failures


def _catch_up(
    config: Config,
    places: Places,
    keeper: Keeper,
    state: State,
    now: datetime,
    failures: Mapping[str, str],
    outcome: Outcome,
    inquire: Inquiry | None,
) -> None:
    today = now.astimezone(UTC).date()
    first = min(date.fromisoformat(state.last_run) + timedelta(days=1), today) if state.last_run else today
    if first < today:
        outcome.notes.append(f"no run since {state.last_run}; catching up day by day")
    kept = {key_of(p): keeper.days(key_of(p), until=_last(state, p), most=WINDOW) for p in config.source}
    since = {key_of(p): _since(state.monitors.get(key_of(p)), kept[key_of(p)]) for p in config.source}
    knowledge = _knowledge(config, places, failures, since)
    gap = _gap(config, state, today)
    state.began = today.isoformat()
    day = first
    while day <= today:
        told = failures if day == today else {}
        pause = gap if day == first else None
        finish_day(
            config, keeper, state, knowledge, kept, day, moment(day, now), told, inquire, pause, reports=places.reports
        )
        outcome.days.append(day.isoformat())
        day += timedelta(days=1)


def finish_day(
    config: Config,
    keeper: Keeper,
    state: State,
    knowledge: Mapping[str, Knowledge],
    kept: Mapping[str, Days],
    day: date,
    when: datetime,
    failures: Mapping[str, str],
    inquire: Inquiry | None = None,
    pause: Found | None = None,
    *,
    reports: Path | None = None,
) -> None:
    """Judge one day of running as known at a moment, and replace the state.

    Parameters
    ----------
    pause : Found, optional
        That the watch itself did not run, entered together with the first day that is caught up.
    reports : Path, optional
        Where reports that are no longer kept are removed.
    """
    run_day = day.isoformat()
    seen: set[str] = set()
    if pause is not None:
        _raise(state, config, pause, seen)
    for part in config.source:
        key = key_of(part)
        if key in knowledge:
            _one_source(config, keeper, state, part, knowledge[key], kept[key], run_day, when, seen, inquire)
        if key in failures:
            _raise(state, config, _failure(state, key, failures[key], run_day), seen)
    _resolve(state, seen, run_day, frozenset(knowledge))
    state.last_run, state.failed = run_day, sorted(failures)
    _forget(config, keeper, state, day)
    if reports is not None:
        retention.drop_reports(config, state, day, reports)
    keeper.save(state)


def _one_source(
    config: Config,
    keeper: Keeper,
    state: State,
    part: SourcePart,
    known: Knowledge,
    kept: Days,
    run_day: str,
    when: datetime,
    seen: set[str],
    inquire: Inquiry | None,
) -> None:
    key = key_of(part)
    monitor = state.monitors.setdefault(key, Monitor())
    rows = known.rows(when, since=_since(monitor, kept))
    if not rows:
        return
    settings = Settings(
        key, config.allowed(), config.watch.settled_days, config.watch.stale_days, watched(part), _known_events(config)
    )
    judged = judge(monitor, kept, rows, run_day, settings)
    for day, row in judged.days.items():
        keeper.keep_day(key, day, row)
    for alarm, found in judged.alarms:
        if not found.old and inquire is not None:
            figures: Observations = settled(known.observations(when), alarm.day)
            inquire(found, figures)
        _raise(state, config, found, seen)
    for found in judged.found:
        _raise(state, config, found, seen)
    for entity, opened in judged.ended:
        for found in state.found.values():
            if (found.rule, found.source, found.entity, found.opened) == (ALARM, key, entity, opened):
                found.resolved = run_day


def _since(monitor: Monitor | None, kept: Days) -> str:
    """Return the earliest day whose figures are still asked for; '' while nothing was judged."""
    if monitor is None or not monitor.last_day:
        return ""
    recent = (date.fromisoformat(monitor.last_day) - timedelta(days=45)).isoformat()
    return max(min(kept), recent) if kept else recent


def _gap(config: Config, state: State, today: date) -> Found | None:
    """Say that no run was even begun for one or more days; a run that was killed has begun."""
    last = max(state.last_run, state.began)
    days = (today - date.fromisoformat(last)).days - 1 if last else 0
    if days < 1:
        return None
    opened = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    text = (
        f"The watch itself did not run for {days} day(s), from {opened} on. They were caught up on {today} with what the archive "
        "holds of them: figures that nobody fetched at the time are judged as they were read later, and alarms came late."
    )
    newest = (today - timedelta(days=1)).isoformat()
    return Found(RECORD, "not_run", config.watch.name, "", opened, newest, today.isoformat(), text, {"days": days})


def _raise(state: State, config: Config, found: Found, seen: set[str]) -> None:
    """Add a finding, or see one again; only a new one that nobody suppressed enters the outbox."""
    seen.add(found.id)
    if found.id in state.found:
        told = state.found[found.id]
        told.resolved = ""
        if found.rule in LASTING:  # lists say how long it has lasted; nobody is told again
            told.text, told.figures = found.text, found.figures
        return
    if found.kind != ALARM and _reads_past(found):
        found.old = True
    found.suppressed = _suppression(config, found)
    state.found[found.id] = found
    if not found.old and not found.suppressed:
        enqueue(state, config, found)


def _reads_past(found: Found) -> bool:
    """Whether a finding is about days long past, met while an archive is read in; silence and failures are about now."""
    age = (date.fromisoformat(found.raised) - date.fromisoformat(found.day)).days
    return found.rule not in LASTING and age > NEWS_DAYS


def _suppression(config: Config, found: Found) -> str:
    for part in config.suppress:
        if (
            part.rule in {"*", found.rule}
            and fnmatchcase(found.entity, part.entity)
            and found.raised <= part.expires.isoformat()
        ):
            return f"{part.reason} (until {part.expires})"
    return ""


def _resolve(state: State, seen: Iterable[str], run_day: str, read: frozenset[str]) -> None:
    """End what lasts only while it is seen: silence and failures."""
    again = set(seen)
    for key, found in state.found.items():
        lasting = found.rule in LASTING and (found.source in read or found.rule != "stale")
        if lasting and not found.resolved and key not in again:
            found.resolved = run_day


def _failure(state: State, key: str, why: str, run_day: str) -> Found:
    since = next(
        (f.opened for f in state.found.values() if f.rule == "source_failed" and f.source == key and not f.resolved),
        run_day,
    )
    text = f"{key} did not answer as it should on {run_day}: {why}"
    return Found(RECORD, "source_failed", key, "", since, run_day, run_day, text)


def _known_events(config: Config) -> tuple[tuple[str, str, str, str], ...]:
    settle = timedelta(days=SETTLING)
    return tuple(
        (e.entity, e.date.isoformat(), ((e.until or e.date) + settle).isoformat(), e.kind.value) for e in config.event
    )


def _knowledge(
    config: Config, places: Places, failures: Mapping[str, str], since: Mapping[str, str]
) -> dict[str, Knowledge]:
    archive = Shelf(places.archive).opened()
    known = {}
    for part in config.source if archive is not None else ():
        if archive is not None:
            # A source that never answered has nothing in the archive; its failure is told already.
            with contextlib.suppress(InputError) if key_of(part) in failures else contextlib.nullcontext():
                known[key_of(part)] = Knowledge(part, archive, since=since[key_of(part)])
    return known


def _last(state: State, part: SourcePart) -> str:
    monitor = state.monitors.get(key_of(part))
    return monitor.last_day if monitor else ""


def _forget(config: Config, keeper: Keeper, state: State, day: date) -> None:
    for part in config.source:
        keeper.forget_days(key_of(part), before=(day - timedelta(days=2 * WINDOW)).isoformat())
    if config.retention.findings_days:
        oldest = (day - timedelta(days=config.retention.findings_days)).isoformat()
        waiting = {key for key, _ in state.outbox}
        for key in [k for k, f in state.found.items() if f.ended and f.ended < oldest and k not in waiting]:
            del state.found[key]
