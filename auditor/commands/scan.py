"""``audit scan``: every series of a large table, or a list of episodes, one JSON line each."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.commands.asking import generated
from auditor.commands.reading import statements
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.observations import Observations
    from auditor.scale.scan import Result

#: Seconds between two lines of progress where stderr is no terminal.
PAUSE = 10.0


@click.command("scan", short_help="Screen every series of a large table, or audit a list of episodes.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "--episodes",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Audit these episodes in full (columns entity,date) instead of screening.",
)
@click.option(
    "--every", is_flag=True, help="Audit in full the strongest rise of every entity, as the screening finds it."
)
@click.option("--most", type=click.IntRange(min=1), metavar="N", help="With --every: only the N that rank first.")
@click.option("--market", metavar="COLUMN", help="Compare with peers of the same platform or category only.")
@click.option("--metric", default="", metavar="NAME", help="Which metric, where the input holds several.")
@click.option(
    "--read",
    "stated",
    multiple=True,
    metavar="NAME=VALUE",
    help="State something about the files; see `audit run --help`.",
)
@click.option(
    "--rules",
    "rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Rules of your own, run as well.",
)
@click.option(
    "--archive",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Archive for inputs archive:SOURCE.  [default: audit-archive]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports/scan"),
    show_default=True,
    metavar="DIR",
    help="Folder of the results; an interrupted scan is resumed from it.",
)
@click.option(
    "--jsonl", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Put the lines here as well."
)
@click.option(
    "--format",
    "formats",
    default="jsonl,html",
    show_default=True,
    metavar="LIST",
    help="Forms to write: jsonl, html (ranked summary), parquet, duckdb.",
)
@click.option("--top", default=50, show_default=True, metavar="N", help="Rows of the ranked summary.")
@click.option("--jobs", default=0, show_default="all cores", metavar="N", help="Processes; 1 works in this one.")
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(["processes", "dask"]),
    default="processes",
    show_default=True,
    help="Who runs it.",
)
@click.option("--scheduler", default="", metavar="ADDRESS", help="A running Dask scheduler, or its scheduler file.")
@click.option("--restart", is_flag=True, help="Discard what an interrupted scan left in --out.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    inputs: tuple[str, ...],
    episodes: Path | None,
    every: bool,  # noqa: FBT001 - click passes options by name
    most: int | None,
    market: str | None,
    metric: str,
    stated: tuple[str, ...],
    rules: tuple[Path, ...],
    folder: Path | None,
    out: Path,
    jsonl: Path | None,
    formats: str,
    top: int,
    jobs: int,
    engine_name: str,
    scheduler: str,
    restart: bool,  # noqa: FBT001 - click passes options by name
    quiet: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Screen every series of a large table, or audit many episodes in full; one JSON line each.

    \b
    audit scan downloads.parquet
    audit scan figures.csv --episodes list.csv
    audit scan figures.csv --every --most 100 --market category
    audit scan part-*.parquet --engine dask --scheduler tcp://10.0.0.1:8786

    The result does not depend on the number of workers, the engine or the order of rows. A series or episode that cannot be
    answered gets a line that says why.
    """  # noqa: D301 - \b is the mark by which click keeps the lines below it apart
    _consistent(episodes, every=every, most=most, market=market, rules=rules)
    from auditor import live, session
    from auditor.scale import scan
    from auditor.scale.engines import cores, engine
    from auditor.scale.episodes import read_episodes, read_markets
    from auditor.scale.scan import Plan

    show = None if quiet else _progress()
    chosen = tuple(dict.fromkeys(f.strip() for f in formats.split(",") if f.strip()))
    plan = Plan(
        out=out,
        engine=engine(engine_name, jobs=jobs, scheduler=scheduler),
        formats=chosen if jsonl is None or "jsonl" in chosen else ("jsonl", *chosen),
        top=top,
        restart=restart,
        threads=jobs or cores(),
        command=_command(),
        generated=generated(),
        progress=show,
    )
    options: dict[str, Any] = statements(stated)
    if metric:
        options["metric"] = metric
    kept = [name for name in inputs if name.startswith(live.ARCHIVED)]
    if folder is not None and not kept:
        raise UsageError("--archive was given, but no input is archive:SOURCE", hint="see `audit scan --help`")
    files = [Path(name) for name in inputs if name not in kept]
    if episodes is None and not every and not kept:
        result = scan.screen_files(files, plan, **options)
    else:
        asked = None if episodes is None else read_episodes(episodes)
        reading = {k: v for k, v in options.items() if k != "metric"}
        panel = session.read(*inputs, fetch=_archived(folder), **reading)
        names = [Path(name).name for name in inputs]
        if episodes is None and not every:
            result = scan.screen_panel(panel, plan, names=names, metric=metric)
        else:
            entity = str(options.get("columns", {}).get("entity", "entity"))
            result = scan.audit_episodes(
                panel,
                asked,
                plan,
                paths=files,
                metric=metric,
                markets=None if market is None else read_markets(files, market, entity),
                rules=[str(place) for place in rules],
                most=most or 0,
                names=names,
            )
    if jsonl is not None:
        _copy(out / "scan.jsonl", jsonl)
    if not quiet:
        _tell(result)
    return 0


def _consistent(
    episodes: Path | None, *, every: bool, most: int | None, market: str | None, rules: tuple[Path, ...]
) -> None:
    """Refuse options that nothing would obey."""
    if episodes is not None and every:
        raise UsageError("--episodes and --every were both given", hint="use one of them")
    if most is not None and not every:
        raise UsageError("--most was given without --every", hint="a list of episodes is audited whole")
    auditing = episodes is not None or every
    for name, value in (("--market", market), ("--rules", rules)):
        if value and not auditing:
            raise UsageError(f"{name} was given, but nothing is audited in full", hint="add --episodes FILE or --every")


def _archived(folder: Path | None) -> "Callable[[str], Observations]":
    """Return what reads an input that is not a file: what the archive kept of a source."""

    def read(name: str) -> "Observations":
        from auditor import live
        from auditor.archive import Archive
        from auditor.commands import fetch

        if not name.startswith(live.ARCHIVED):
            raise UsageError(
                f"a scan does not ask a source itself, and {name!r} is no file",
                hint=f"audit fetch {name}, then scan {live.ARCHIVED}{name}",
            )
        source = live.source_of(name.removeprefix(live.ARCHIVED))
        return live.archived(source, Archive(folder or fetch.FOLDER, create=False))

    return read


def _progress() -> Callable[[int, int, int], None]:
    """Show chunks done, lines a second and the time left, on one line of a terminal or now and then in a log."""
    begin = last = time.monotonic()
    held = 0
    live = sys.stderr.isatty()

    def show(done: int, total: int, answered: int) -> None:
        nonlocal last, held
        now = time.monotonic()
        if not answered:
            held = done
            if done:
                click.echo(f"resuming: {done} of {total} chunks are done", err=True)
            return
        if not live and now - last < PAUSE and done < total:
            return
        last = now
        rate = answered / max(now - begin, 1e-9)
        left = (now - begin) / max(done - held, 1) * (total - done)
        text = f"{done} of {total} chunks, {answered:,} lines, {rate:,.0f} a second, {clock(left)} left"
        click.echo(f"\r\x1b[K{text}" if live else text, err=True, nl=not live or done == total)

    return show


def clock(seconds: float) -> str:
    """Write a duration for people.

    >>> clock(7.2), clock(90), clock(7300)
    ('7 s', '1 min 30 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _copy(lines: Path, place: Path) -> None:
    import shutil

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(lines, place)
    except OSError as error:
        raise UsageError(
            f"the lines cannot be written: {error.strerror or error}", where=str(place), hint="choose another --jsonl"
        ) from error


def _command() -> str:
    """Return the command line for the page: what does not matter to the result, and folders, are left out."""
    from shlex import join

    kept: list[str] = []
    skip = False
    aside = {"--out", "--jsonl", "--jobs", "--engine", "--scheduler"}
    for argument in sys.argv[1:]:
        name = argument.partition("=")[0]
        if skip:
            skip = False
        elif name in aside:
            skip = "=" not in argument
        elif name not in {"--restart", "--quiet"}:
            kept.append(Path(argument).name if Path(argument).is_absolute() else argument)
    return join(["audit", *kept])


def _tell(result: "Result") -> None:
    counts = result.counts
    what = "series screened" if result.kind == "screening" else "episodes audited"
    click.echo(f"{counts.get('answered', 0):,} {what}; {counts.get('refused', 0):,} not, and their lines say why")
    for file in result.files:
        click.echo(f"  {file}")
