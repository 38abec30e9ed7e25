"""``audit index``: one page over many reports."""

from pathlib import Path

import click


@click.command("index", short_help="Write one page over all reports of a folder.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"))
def command(folder: Path) -> int:
    """List the reports below FOLDER (default: reports) in FOLDER/index.html: newest first, sortable, verdicts at a glance."""
    from auditor.report.listing import write_index

    place, count, passed = write_index(folder)
    for reason in passed:
        click.echo(f"audit: passed over {reason}", err=True)
    click.echo(f"Index:    {place} ({count} {'report' if count == 1 else 'reports'})")
    return 0
