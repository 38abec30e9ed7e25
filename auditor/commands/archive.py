"""``audit archive``: what was kept, what changed between readings, and proof that it is whole."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

import auditor
from auditor.commands.fetch import FOLDER

if TYPE_CHECKING:
    from auditor.archive import Archive

_folder = click.option(
    "--archive",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Folder of the archive.",
)


@click.group("archive", short_help="What was kept, and proof that it is whole.")
def command() -> None:
    """Look into the archive of evidence."""


@command.command("list", short_help="Every retrieval: when, from where, how large, which hash.")
@_folder
@click.option("--source", help="Only this source.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Newest entries shown.")
def list_(folder: Path, source: str | None, limit: int) -> int:
    """List what was kept, newest first."""
    archive = _open(folder)
    columns = ("seq", "retrieved_at", "source", "status", "as_of", "byte_count", "sha256", "url")
    for row in archive.table(columns, source=source, newest_first=True, limit=limit).itertuples(index=False):
        seq, retrieved, name, status, as_of, size, sha256, url = row
        click.echo(
            f"{seq:>6}  {retrieved}  {name}  {status or 'file'}  as of {as_of or '?'}  {size:,} B  {sha256[:12]}  {url}"
        )
    total = len(archive.table(("seq",), source=source))
    click.echo(f"{total:,} entries; head {archive.head() or '(empty)'}")
    return 0


@command.command("show", short_help="What a source restated: when, which figures, by how much.")
@click.argument("source")
@_folder
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Largest changes shown.")
def show(source: str, folder: Path, limit: int) -> int:
    """Show how the figures of SOURCE changed between readings."""
    from auditor import live
    from auditor.archive import revision_summary, revisions

    observed = live.archived(live.source_of(source), _open(folder)).frame
    changes = revisions(observed)
    summary = revision_summary(observed, changes)
    click.echo(
        f"{summary['figures']:,} figures; {summary['revised']:,} restated ({summary['upward']:,} times upward, "
        f"{summary['downward']:,} downward); {summary['added']:,} added, {summary['withdrawn']:,} withdrawn, "
        f"{summary['completed']:,} completed"
    )
    if summary["restatements"]:
        click.echo(
            f"median change {summary['relative_median']:.2g}; lag in days: median {summary['lag_days_median']:.2f}, "
            f"largest {summary['lag_days_max']:.2f}"
        )
    restated = changes[changes["kind"] == "restated"]
    largest = restated.assign(size=(restated["ratio"] - 1).abs()).sort_values("size", ascending=False, kind="stable")
    for row in largest.head(limit).to_dict("records"):
        click.echo(
            f"  {row['date']:%Y-%m-%d}  {row['entity']}  {row['old']:,.0f} -> {row['new']:,.0f}  ({row['ratio'] - 1:+.4%}, "
            f"{row['lag_days']:.1f} days after the period)"
        )
    return 0


@command.command("verify", short_help="Re-hash everything; name what is missing or altered.")
@_folder
@click.option("--head", "anchors", multiple=True, metavar="HASH", help="A head noted down earlier; repeat for several.")
def verify(folder: Path, anchors: tuple[str, ...]) -> int:
    """Check every stored answer, the ledger and its hash chain."""
    from auditor.archive import verify as check

    outcome = check(_open(folder), anchors=anchors)
    for problem in outcome.problems:
        click.echo(f"audit: {problem}", err=True)
    for note in outcome.notes:
        click.echo(f"Note: {note}")
    state = "whole" if outcome.ok else f"DAMAGED: {len(outcome.problems)} problems"
    click.echo(f"{outcome.entries:,} entries, {outcome.objects:,} answers, {outcome.byte_count:,} bytes: {state}")
    click.echo(f"Head: {outcome.head}  (note it down elsewhere: it proves later that nothing before it changed)")
    return 0 if outcome.ok else 4


@command.command("import", short_help="Take in old downloads: a file, a folder or a git history.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--source", required=True, help="Source that the files come from.")
@click.option("--as-of", metavar="TIME", help="When the publisher stated the figures.")
@click.option("--as-of-column", metavar="NAME", help="Column that says so, row by row.")
@click.option("--git", is_flag=True, help="Read every version in the git history, with the commit's time.")
@click.option("--glob", default="*", show_default=True, help="Which files of a folder.")
@click.option("--licence", default="", help="Licence of the files.")
@click.option("--citation", default="", help="How they are cited.")
@_folder
def import_(
    path: Path,
    source: str,
    as_of: str | None,
    as_of_column: str | None,
    git: bool,  # noqa: FBT001 - click passes options by name
    glob: str,
    licence: str,
    citation: str,
    folder: Path,
) -> int:
    """Keep old downloads as they are; twice the same adds nothing. An exported archive is merged."""
    from auditor.archive import Archive, import_path, merge

    now = datetime.now(UTC)
    archive = Archive(folder)
    if path.is_dir() and (path / "datapackage.json").exists():
        merged = merge(archive, path, retrieved_at=now, software=_software())
        click.echo(f"Merged: {merged}")
        return 0
    done = import_path(
        archive,
        path,
        source=source,
        retrieved_at=now,
        as_of=as_of,
        as_of_column=as_of_column,
        git=git,
        glob=glob,
        licence=licence,
        citation=citation,
        software=_software(),
    )
    click.echo(f"Imported {done.added:,}; {done.held:,} were held already. Head: {archive.head()}")
    return 0


@command.command("export", short_help="Write a folder that is readable without this tool.")
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@_folder
def export(target: Path, folder: Path) -> int:
    """Export everything with Frictionless Data Package metadata and checksums."""
    from auditor.archive import export as write

    click.echo(f"Exported to {write(_open(folder), target)}")
    return 0


def _open(folder: Path) -> "Archive":
    from auditor.archive import Archive

    return Archive(folder, create=False)


def _software() -> str:
    return f"usage-auditor {auditor.__version__}"
