"""``audit fetch``: ask a source and keep what it answered, with its citation."""

import asyncio
import os
import random
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.live import Shelf
    from auditor.sources.base import Source
    from auditor.sources.http.client import Client

#: Where answers are kept unless ``--archive`` or the environment says otherwise.
FOLDER = Path(os.environ.get("AUDIT_ARCHIVE", "audit-archive"))


@click.command("fetch", short_help="Ask a source and keep what it answered, with its citation.")
@click.argument("source", metavar="SOURCE")
@click.option("--since", metavar="DAY", help="First day wanted.")
@click.option("--until", metavar="DAY", help="Last day wanted.")
@click.option("--subject", "subjects", multiple=True, metavar="ID", help="What to ask about; repeat for several.")
@click.option(
    "--option",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the source; see `audit sources list`.",
)
@click.option(
    "--archive",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Folder of the archive.",
)
def command(
    source: str,
    since: str | None,
    until: str | None,
    subjects: tuple[str, ...],
    settings: tuple[str, ...],
    folder: Path,
) -> int:
    """Fetch from SOURCE and keep every answer exactly as it came.

    SOURCE is a name of `audit sources list`, or the path of a YAML file that describes a source of your own.

    \b
    audit fetch openrouter --since 2026-10-01
    audit fetch wikimedia --subject Large_language_model --since 2026-01-01
    """  # noqa: D301 - \b is the mark by which click keeps the lines below it apart
    from auditor import live

    asked = live.source_of(source)
    shelf = live.Shelf(folder)
    query = question(asked, since, until, subjects, settings)
    gathered = live.gather(asked, query, connect(asked, shelf), shelf)
    archive = shelf.made()
    for mended in archive.recovered:
        click.echo(f"audit: put in order after an interruption: {mended}", err=True)
    frame = gathered.observations.frame
    new = sum(entry.kind == "retrieval" for entry in gathered.entries)
    click.echo(
        f"Answers:  {gathered.answers} ({new} kept, {len(gathered.entries) - new} unchanged since the last fetch)"
    )
    if len(frame):
        click.echo(
            f"Figures:  {len(frame):,} from {frame['date'].min():%Y-%m-%d} to {frame['date'].max():%Y-%m-%d} "
            f"({', '.join(sorted(str(m) for m in frame['metric'].unique()))})"
        )
    for note in gathered.observations.notes:
        click.echo(f"Note:     {note.text}")
    click.echo(f"Citation: {gathered.observations.sources[0].citation if gathered.observations.sources else ''}")
    click.echo(f"Archive:  {folder} (head {archive.head()[:16]})")
    return 0


def question(
    source: "Source", since: str | None, until: str | None, subjects: tuple[str, ...], settings: tuple[str, ...]
) -> Any:
    """Build the query; today's date is read here and nowhere below."""
    from auditor import live
    from auditor.sources.base import Query

    query = Query(
        today=datetime.now(UTC).date(),
        since=day("--since", since),
        until=day("--until", until),
        subjects=subjects,
        options=live.parse_options(settings),
    )
    query.check(source.SPEC)
    return query


def day(name: str, text: str | None) -> date | None:
    """Read a day of an option."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name} {text!r} is not a day", hint="write it as 2026-05-12") from None


def connect(source: "Source", shelf: "Shelf") -> "Client":
    """Build the client from the environment: keys, mirrors, proxy, contact."""
    from auditor import live
    from auditor.sources.http.client import Client
    from auditor.sources.http.policy import Clock
    from auditor.sources.registry import key_variables

    own = (source.SPEC.key.variable,) if source.SPEC.key else ()
    keys = {name: os.environ[name] for name in (*key_variables(), *own) if os.environ.get(name)}
    name = "AUDIT_BASE_URL_" + source.SPEC.name.upper().replace("-", "_")
    bases = {source.SPEC.name: os.environ[name]} if os.environ.get(name) else {}
    return Client(
        Clock(now=time.time, sleep=asyncio.sleep, random=random.random),
        keys=keys,
        bases=bases,
        recall=live.recall(shelf, tuple(keys.values())),
        watch=_watch if sys.stderr.isatty() else None,
        proxy=os.environ.get("HTTPS_PROXY") or None,
        contact=os.environ.get("AUDIT_CONTACT", ""),
    )


def _watch(progress: Any) -> None:
    if progress.state in {"waiting", "retrying"} and progress.seconds >= 1:
        click.echo(f"audit: {progress.state} {progress.seconds:.0f} s {progress.note}".rstrip(), err=True)
