"""``audit watch``: scheduled checks."""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.errors import AuditError, UsageError

if TYPE_CHECKING:
    from auditor.live import Shelf
    from auditor.observations import Observations
    from auditor.watch.config import Config, SourcePart
    from auditor.watch.found import Found
    from auditor.watch.inquiry import Inquiry
    from auditor.watch.run import Outcome, Places

LEVELS = ("never", "new", "new-weak", "new-moderate", "new-moderately-strong", "new-strong")

_config = click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("audit.toml"),
    show_default=True,
    help="The configuration; see `audit watch init`.",
)


@click.group("watch", short_help="Scheduled checks with a false-alarm budget, told once.")
def command() -> None:
    """Check every day, tell only what is new, and notice when nothing happens any more."""


@command.command("init", short_help="Write a commented configuration.")
@_config
@click.option("--source", default="openrouter", show_default=True, help="The source to watch.")
@click.option("--force", is_flag=True, help="Replace a configuration that exists.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration instead.")
def init(file: Path, source: str, force: bool, schema: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Write a configuration with every setting explained."""
    import json

    from auditor.watch import config
    from auditor.watch.template import template

    if schema:
        click.echo(json.dumps(config.schema(), indent=2, sort_keys=True))
        return 0
    if file.exists() and not force:
        raise UsageError("exists already", where=str(file), hint="name another file, or use --force")
    from auditor.archive.durable import write_durably
    from auditor.live import source_of

    source_of(source)
    write_durably(file, template(source).encode("utf-8"))
    click.echo(f"{file} written; look through it, then: audit watch run --config {file} --dry-run")
    return 0


@command.command("run", short_help="Fetch, judge, report, notify: one run.")
@_config
@click.option("--offline", is_flag=True, help="Ask no source; judge what the archive holds.")
@click.option("--dry-run", is_flag=True, help="Send nothing: print what would be sent, and keep it for the next run.")
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS),
    default="never",
    show_default=True,
    help="Exit with 1 when a new alarm's verdict has at least this strength (`new`: any new alarm).",
)
@click.option("--quiet", is_flag=True, help="Print nothing but notifications and errors.")
def run_(file: Path, offline: bool, dry_run: bool, fail_on: str, quiet: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Do one run. Twice a day changes nothing; a run that was killed is taken up where it was.

    Exit codes: 0 fine; 1 as --fail-on says; 2 the configuration; 4 a source, a notifier or the archive failed, or another run is at work.
    """
    from auditor.watch import config as configuration

    return _once(
        configuration.read(file), file.parent, _now(), offline=offline, dry_run=dry_run, fail_on=fail_on, quiet=quiet
    )


@command.command("loop", short_help="Run every day until told to stop; for containers.")
@_config
@click.option("--at", default="06:15", show_default=True, metavar="HH:MM", help="Time of day, UTC.")
def loop_(file: Path, at: str) -> int:
    """Run now and then every day at a time. SIGTERM and SIGINT let a run at work finish, and end the loop."""
    from auditor.watch import config as configuration
    from auditor.watch.loop import Stop, loop
    from auditor.watch.schedule import Plan

    Plan(at=at)
    configuration.read(file)

    def once(now: datetime) -> bool:
        # A failed run must not end the loop: it is told, and tried again.
        try:
            return _once(configuration.read(file), file.parent, now) == 0
        except AuditError as error:
            click.echo(f"audit: {error}", err=True)
            return False

    done = loop(once, at=at, clock=_now, stop=Stop().listen())
    click.echo(f"stopped after {done} run(s); nothing was left half-done", err=True)
    return 0


@command.command("status", short_help="What is open, what waits, and whether the watch is alive.")
@_config
@click.option("--fail-if-older", type=click.IntRange(1), metavar="DAYS", help="Exit with 1 when the last run is older.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--quiet", is_flag=True, help="Speak only when something is wrong.")
def status(file: Path, fail_if_older: int | None, as_json: bool, quiet: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Say how the watch stands; with --fail-if-older, a heartbeat for whatever watches the watch."""
    import json

    from auditor.watch import config as configuration
    from auditor.watch.site import readiness
    from auditor.watch.state import Keeper

    config = configuration.read(file)
    state = Keeper(_places(config, file.parent).state).load()
    age = (_now().date() - date.fromisoformat(state.last_run)).days if state.last_run else None
    open_ = [
        f
        for f in state.found.values()
        if f.status == "open" and (f.kind == "alarm" or f.rule in {"stale", "source_failed"}) and not f.old
    ]
    gaps = [f for f in state.found.values() if f.rule == "not_run"]
    dead = fail_if_older is not None and (age is None or age > fail_if_older)
    if as_json:
        monitors = {
            k: {"judged_up_to": m.last_day, "rises": m.detector.ended, "readiness": readiness(m.detector, config)}
            for k, m in state.monitors.items()
        }
        document = {
            "last_run": state.last_run,
            "age_days": age,
            "open": [{"id": f.id, "title": f.title, "opened": f.opened} for f in open_],
            "waiting": len(state.outbox),
            "missed_days": max(0, (age or 0) - 1),
            "gaps": [{"opened": f.opened, "days": f.figures["days"]} for f in gaps],
            "monitors": monitors,
        }
        click.echo(json.dumps(document, indent=1, sort_keys=True))
    elif not quiet:
        click.echo(
            f"Last run: {state.last_run or 'none'}{'' if age is None else f' ({age} days ago)' if age else ' (today)'}"
        )
        if age is not None and age > 1:
            click.echo(f"The watch has not run for {age - 1} day(s); the next run catches up and tells of it.")
        if gaps:
            last = gaps[-1]
            click.echo(
                f"Gaps on record: {len(gaps)}; the last one of {last.figures['days']} day(s) from {last.opened} on"
            )
        for key, monitor in state.monitors.items():
            click.echo(f"{key}: judged up to {monitor.last_day}; {readiness(monitor.detector, config)}")
        click.echo(
            f"Open: {len(open_)}; suppressed: {sum(bool(f.suppressed) for f in state.found.values())}; to be delivered: {len(state.outbox)}"
        )
        for found in open_:
            click.echo(f"  {found.id}  {found.title} (since {found.opened})")
    if dead:
        since = f"for {age} days" if age is not None else "ever"
        click.echo(f"audit: no run has finished {since}; exit 1 as --fail-if-older asks", err=True)
    return 1 if dead else 0


@command.command("schedule", short_help="Print a ready file for cron, systemd or GitHub Actions.")
@_config
@click.option("--as", "kind", type=click.Choice(["cron", "systemd", "github-actions"]), required=True)
@click.option("--at", default="06:15", show_default=True, metavar="HH:MM", help="Time of day, UTC.")
@click.option("--program", metavar="PATH", help="Path of `audit`.  [default: where this one is]")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write the files there instead."
)
def schedule_(file: Path, kind: str, at: str, program: str | None, out: Path | None) -> int:
    """Print what a scheduler needs; nothing is installed."""
    from auditor.archive.durable import write_durably
    from auditor.watch import config as configuration
    from auditor.watch.schedule import Plan, schedule

    config = configuration.read(file)
    variables = {v for part in config.notify for v in (part.url_env, part.user_env, part.password_env) if v}
    folder = file.parent.resolve()
    part = config.watch
    plan = Plan(
        at=at,
        config=file.name,
        folder=str(folder),
        program=program or str(Path(sys.argv[0]).resolve()),
        secrets=tuple(sorted(variables)),
        keep=(part.archive, part.state, part.reports),
    )
    for name, text in schedule(kind, plan).items():
        if out is not None:
            write_durably(out / name, text.encode("utf-8"))
            click.echo(f"{out / name} written")
        else:
            click.echo(f"# ---- {name}\n{text}")
    return 0


@command.command("replay", short_help="What the watch would have raised, day by day as known then.")
@_config
@click.option("--since", metavar="DAY", help="First day of running.  [default: first reading]")
@click.option("--until", metavar="DAY", help="Last day of running.  [default: last reading]")
@click.option("--labels", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="CSV of known spikes.")
@click.option("--audit/--no-audit", "audits", default=False, help="Audit each alarm and write its report.")
@click.option("--rebuild", is_flag=True, help="Rebuild the state from the archive and keep it.")
def replay_(file: Path, since: str | None, until: str | None, labels: Path | None, audits: bool, rebuild: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Judge the archive again from its first day; without --rebuild nothing is kept and nobody is told."""
    from tempfile import TemporaryDirectory

    from auditor.commands.fetch import day
    from auditor.live import Shelf
    from auditor.watch import config as configuration
    from auditor.watch import replay as replaying
    from auditor.watch.knowledge import Knowledge
    from auditor.watch.lock import locked
    from auditor.watch.run import Places, key_of

    config = configuration.read(file)
    places = _places(config, file.parent)
    archive = Shelf(places.archive).opened()
    if archive is None:
        raise UsageError(
            "there is no archive yet", where=str(places.archive), hint="`audit watch run` or `audit fetch` fills one"
        )
    known = {key_of(part): Knowledge(part, archive) for part in config.source}
    if rebuild:
        with locked(places.state):
            state = replaying.rebuild(config, places, known, inquire=_inquirer(config, places))
        click.echo(f"state rebuilt up to {state.last_run}; {len(replaying.alarms(state))} alarms on record")
        return 0
    first = day("--since", since) or min(k.first() for k in known.values())
    last = day("--until", until) or max(k.last() for k in known.values())
    with TemporaryDirectory(prefix="audit-replay-") as folder:
        apart = Places(places.archive, Path(folder), places.reports)
        asked = _inquirer(config, places) if audits else None
        state = replaying.replay(config, apart, known, first, last, inquire=asked)
    for raised in replaying.alarms(state):
        label = replaying.labelled(raised.found, labels) if labels else ""
        past = " (found in the past)" if raised.found.old else ""
        click.echo(
            f"{raised.found.raised}  {raised.found.entity}  after {raised.delay} days  {label}{past}\n    {raised.found.text}"
        )
    kinds = [f.rule for f in state.found.values() if f.kind != "alarm"]
    click.echo(
        f"{len(replaying.alarms(state))} alarms from {first} to {last}; also: "
        + (", ".join(f"{k} {kinds.count(k)}" for k in sorted(set(kinds))) or "nothing")
    )
    return 0


def _once(
    config: "Config",
    folder: Path,
    now: datetime,
    *,
    offline: bool = False,
    dry_run: bool = False,
    fail_on: str = "never",
    quiet: bool = False,
) -> int:
    """Do one run and return its exit code."""
    from auditor.watch.notify import sender
    from auditor.watch.run import run
    from auditor.watch.site import show

    places = _places(config, folder)
    say: Callable[[str], None] = click.echo
    send = sender(config, os.environ, echo=say, sleep=time.sleep, dry_run=dry_run)
    outcome = run(
        config,
        places,
        now=now,
        fetch=None if offline else _fetch,
        notify=send,
        show=lambda state, today: show(state, today, config, places.reports),
        inquire=_inquirer(config, places),
        keep_outbox=dry_run,
    )
    return _told(outcome, fail_on, quiet)


def _told(outcome: "Outcome", fail_on: str, quiet: bool) -> int:  # noqa: FBT001 - passed on as given
    for note in outcome.notes:
        click.echo(f"audit: {note}", err=True)
    changes = outcome.changes
    if not quiet:
        click.echo(
            f"{outcome.day}: {len(changes.new)} new, {len(changes.continuing)} continuing, {len(changes.resolved)} resolved, "
            f"{len(changes.suppressed)} suppressed; {outcome.undelivered} to be delivered"
        )
    if fail_on != "never":
        least = LEVELS.index(fail_on) - 1
        grave = [f for f in changes.new if f.kind == "alarm" and (least == 0 or f.verdict.get("rank", 0) >= least)]
        if grave:
            named = ", ".join(f.entity for f in grave)
            click.echo(f"audit: new alarms ({named}); exit 1 as --fail-on {fail_on} asks", err=True)
            return 1
    if outcome.failed:
        click.echo(f"audit: no usable answer from {', '.join(outcome.failed)}; the run went on without", err=True)
        return 4
    if outcome.undelivered and any("kept for the next run" in note for note in outcome.notes):
        return 4
    return 0


def _inquirer(config: "Config", places: "Places") -> "Inquiry":
    """Return what audits an alarm; the rulebook is loaded when the first one asks for it."""

    def ask(found: "Found", known: "Observations") -> None:
        from auditor import rulebook
        from auditor.watch.inquiry import inquire

        rules = rulebook.load() if config.case.rules else None
        inquire(found, known, config, places.reports, rules=rules)

    return ask


def _fetch(part: "SourcePart", today: date, shelf: "Shelf") -> None:
    """Ask one source for its last days; every answer is archived before it is read."""
    from datetime import timedelta

    from auditor import live
    from auditor.commands.fetch import connect
    from auditor.sources.base import Query

    source = live.source_of(part.name)
    query = Query(
        today=today,
        since=today - timedelta(days=part.days),
        until=today,
        subjects=part.ask,
        options=dict(part.options),
    )
    live.gather(source, query, connect(source, shelf), shelf)


def _places(config: "Config", folder: Path) -> "Places":
    from auditor.watch.run import Places

    return Places.of(config, folder)


def _now() -> datetime:
    """Return the clock's time, which is read here and nowhere below."""
    return datetime.now(UTC)
