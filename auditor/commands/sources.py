"""``audit sources``: what can be fetched, with keys, licence and independence."""

import textwrap
from pathlib import Path

import click

from auditor.commands.fetch import FOLDER


@click.group("sources", short_help="Sources, the keys they need, licence, last success.")
def command() -> None:
    """List the sources of published figures."""


@command.command("list", short_help="All sources with key, licence and the last kept answer.")
@click.option(
    "--archive",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Folder of the archive, for the last success.",
)
def list_(folder: Path) -> int:
    """List all sources."""
    from auditor.sources.registry import SOURCES

    archive = None
    if (folder / "archive.json").exists():
        from auditor.archive import Archive

        archive = Archive(folder, create=False)
    for source in SOURCES:
        spec = source.SPEC
        key = f"key in {spec.key.variable}" if spec.key else "no key"
        last = ""
        if archive is not None:
            found = archive.entries(source=spec.name, newest_first=True, limit=1)
            last = f"; last kept {found[0].retrieved_at}" if found else "; nothing kept yet"
        click.echo(f"{spec.name}\n    {spec.title}; {spec.licence}; {key}{last}")
        for text in (spec.grain, spec.independence):
            if text:
                click.echo(textwrap.fill(text, width=96, initial_indent="    ", subsequent_indent="    "))
        for option in spec.options:
            choices = f" ({', '.join(option.choices)})" if option.choices else ""
            click.echo(f"    --option {option.name}=...{choices}  {option.help}")
    click.echo("\nA source of your own is a YAML file: audit fetch my-source.yaml; see docs/sources.md.")
    return 0
