"""``audit bundle``: one file with question, data, answer and proof; and its check anywhere."""

from datetime import UTC, datetime
from pathlib import Path

import click

from auditor.commands import asking, fetch
from auditor.commands.reading import statements


@click.group("bundle", short_help="One file with report, data and hashes; and its check anywhere.")
def command() -> None:
    """Pack an audit with its data into one file, or check such a file."""


@command.command("create", short_help="Run an audit and pack everything it rests on.")
@click.argument("inputs", metavar="INPUT...", nargs=-1)
@click.option(
    "--case", "case_file", type=click.Path(dir_okay=False, path_type=Path), help="The question as a YAML file."
)
@click.option("--subject", "subjects", multiple=True, metavar="ID", help="Id to audit; repeat to stitch ids.")
@click.option("--date", "date", metavar="DAY", help="The day in question.")
@click.option("--window", "window", metavar="A:B", help="First and last day of the spike, both included.")
@click.option("--metric", default="", metavar="NAME", help="Which metric, where the input holds several.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The bundle.  [default: NAME.audit.zip]",
)
@click.option("--read", "stated", multiple=True, metavar="NAME=VALUE", help="As for audit run.")
@click.option("--absent", type=click.Choice(["auto", "censored", "missing"]), default="auto", show_default=True)
@click.option(
    "--rules", "rules", multiple=True, type=click.Path(path_type=Path), metavar="DIR", help="As for audit run."
)
@click.option("--suppress", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="As for audit run.")
@click.option(
    "--archive", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="For archive:SOURCE."
)
@click.option("--as-known-on", metavar="DAY", help="Figures of archive:SOURCE as they were known on that day.")
@click.option("--since", metavar="DAY", help="First day of archive:SOURCE.")
@click.option("--until", metavar="DAY", help="Last day of archive:SOURCE.")
def create(
    inputs: tuple[str, ...],
    case_file: Path | None,
    subjects: tuple[str, ...],
    date: str | None,
    window: str | None,
    metric: str,
    out: Path | None,
    stated: tuple[str, ...],
    absent: str,
    rules: tuple[Path, ...],
    suppress: Path | None,
    folder: Path | None,
    as_known_on: str | None,
    since: str | None,
    until: str | None,
) -> int:
    """Run an audit and write one zip with the question, the data as read, the report, and the SHA-256 of each.

    \b
    audit bundle create --case case.yaml
    audit bundle create archive:openrouter --subject acme/model-1 --date 2026-05-12
    """  # noqa: D301 - \b is the mark by which click keeps the lines below it apart
    from auditor import bundle

    case = asking.asked(case_file, subjects, date, window, metric)
    place = out or Path(f"{asking.slug(case.title or case.name or case.subject[0])}.audit.zip")
    packed = bundle.pack(
        place,
        inputs=inputs or case.inputs,
        case=case,
        reading={"absent": absent, **statements(stated)},
        rules=rules,
        suppress=suppress,
        today=datetime.now(UTC).date(),
        archive=folder or fetch.FOLDER,
        as_known_on=as_known_on,
        since=fetch.day("--since", since),
        until=fetch.day("--until", until),
        generated=asking.generated(),
    )
    click.echo(f"Bundle:   {packed.path} ({packed.members} members, {packed.size:,} bytes)")
    click.echo(f"SHA-256:  {packed.sha256}  (publish it beside the bundle: it proves that nobody exchanged it)")
    click.echo(f"Verdict:  {packed.audit.verdict.hypothesis} ({packed.audit.verdict.strength.value})")
    return 0


@command.command("verify", short_help="Re-hash, derive again, and say whether the same findings come out.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sha256", default="", metavar="HASH", help="The hash that was published with the bundle.")
def verify(file: Path, sha256: str) -> int:
    """Check a bundle: every hash, then the whole audit again from the bundled data. No network is used.

    Exits with 0 when the same findings come out, 1 when they do not, 3 when the bundle is refused.
    """
    from auditor import bundle

    checked = bundle.check(file, sha256=sha256)
    for note in checked.notes:
        click.echo(f"Note:     {note}")
    click.echo(f"Hashes:   {checked.members} members as listed; the file has SHA-256 {checked.sha256}")
    if checked.ok:
        click.echo(f"Repeated: the same findings and the same verdict came out ({checked.verdict})")
        return 0
    click.echo(f"Repeated: DIFFERENT; the first difference is at {checked.difference}")
    return 1
