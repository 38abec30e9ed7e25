"""``audit run``: one question, one report."""

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.commands.asking import asked, generated, slug
from auditor.commands.reading import statements
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.case import Case
    from auditor.observations import Observations
    from auditor.walk import Audit

FORMATS = ("html", "json", "md", "csv", "card", "pdf")
LEVELS = ("never", "low", "medium", "high")


@click.command("run", short_help="Answer one question: audit a subject and write an evidence report.")
@click.argument("inputs", metavar="INPUT...", nargs=-1)
@click.option(
    "--case", "case_file", type=click.Path(dir_okay=False, path_type=Path), help="The question as a YAML file."
)
@click.option(
    "--subject", "subjects", multiple=True, metavar="ID", help="Id to audit; repeat to stitch ids of one product."
)
@click.option("--date", "date", metavar="DAY", help="The day in question; the window is found around it.")
@click.option("--window", "window", metavar="A:B", help="First and last day of the spike, both included.")
@click.option("--metric", default="", metavar="NAME", help="Which metric, where the input holds several.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the report.  [default: reports/NAME]",
)
@click.option(
    "--format",
    "formats",
    default="html,json,md,csv",
    show_default=True,
    metavar="LIST",
    help="Forms to write; also card (a picture for sharing) and pdf (needs Chromium).",
)
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS),
    default="never",
    show_default=True,
    help="Exit with 1 when a finding has at least this severity.",
)
@click.option(
    "--read",
    "stated",
    multiple=True,
    metavar="NAME=VALUE",
    help="State something about the files that cannot be found in them, such as year=2025, decimal=, or date_order=dmy; "
    "the error that asks for it names it.",
)
@click.option(
    "--absent",
    type=click.Choice(["auto", "censored", "missing"]),
    default="auto",
    show_default=True,
    help="What an absent cell means: below a cut-off, or never published. Never zero.",
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
    "--suppress",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Findings somebody has looked at (YAML: rule, subject, window, reason, expires); shown, but without weight.",
)
@click.option(
    "--archive",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Archive for inputs that are sources, or archive:SOURCE.  [default: audit-archive]",
)
@click.option("--as-known-on", metavar="DAY", help="Figures of archive:SOURCE as they were known on that day.")
@click.option("--since", metavar="DAY", help="First day to ask a source for.")
@click.option("--until", metavar="DAY", help="Last day to ask a source for.")
@click.option(
    "--option", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of a source that is fetched."
)
@click.option(
    "--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the report."
)
@click.option(
    "--interactive", is_flag=True, help="Let the page show figures under the pointer and enlarge (a script inside it)."
)
@click.option(
    "--changepoint",
    type=click.Choice(["default", "ruptures-kernelcpd", "ruptures-pelt"]),
    default="default",
    show_default=True,
    help="Method that dates the changes of level (AUD101); the others are second opinions, named in the report.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    inputs: tuple[str, ...],
    case_file: Path | None,
    subjects: tuple[str, ...],
    date: str | None,
    window: str | None,
    metric: str,
    out: Path | None,
    formats: str,
    fail_on: str,
    stated: tuple[str, ...],
    rules: tuple[Path, ...],
    suppress: Path | None,
    absent: str,
    folder: Path | None,
    as_known_on: str | None,
    since: str | None,
    until: str | None,
    settings: tuple[str, ...],
    language: str,
    interactive: bool,  # noqa: FBT001 - click passes options by name
    changepoint: str,
    quiet: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Audit one subject and write an evidence report.

    \b
    audit run --case case.yaml
    audit run figures.csv --subject acme/model-1 --date 2026-05-12
    audit run figures.csv --subject acme/model-1 --subject acme/model-1:free --window 2026-05-01:2026-05-12
    audit run archive:openrouter --subject acme/model-1 --date 2026-05-12 --as-known-on 2026-05-14
    """  # noqa: D301 - \b is the mark by which click keeps the lines below it apart
    chosen = _formats(formats)
    case = asked(case_file, subjects, date, window, metric)
    progress, finish = (None, _nothing) if quiet else _progress()
    from auditor import session

    options: dict[str, Any] = {"absent": absent, "fetch": _fetcher(case, folder, as_known_on, since, until, settings)}
    _only_for_sources(inputs or case.inputs, as_known_on=as_known_on, since=since, until=until, settings=settings)
    options |= {"prefer": case.metric} | statements(stated)
    if changepoint != "default":
        options["params"] = {"AUD101": {"method": changepoint}}
    today = datetime.now(UTC).date()
    try:
        audit = session.run(
            *inputs, case=case, rules=rules, suppress=suppress, today=today, progress=progress, **options
        )
        folder = out or Path("reports") / slug(case.title or case.name or case.subject[0])
        from auditor.report import write

        written = write(
            audit, folder, chosen, command=_command(), generated=generated(), interactive=interactive, language=language
        )
    finally:
        finish()
    if not quiet:
        _summary(audit, written)
    from auditor.findings import Severity

    open_ = [f for f in audit.findings if f.fingerprint not in audit.suppressed]
    grave = [f for f in open_ if fail_on != "never" and f.severity.rank >= Severity(fail_on).rank]
    if grave:
        named = ", ".join(sorted({f.rule for f in grave}))
        click.echo(f"audit: findings of severity {fail_on} or above ({named}); exit 1 as --fail-on asks", err=True)
    return 1 if grave else 0


def _only_for_sources(inputs: Sequence[str], **given: object) -> None:
    """Refuse options that no input would obey: an option that is silently ignored is a wrong answer."""
    from auditor import live, session

    asked = [name for name in inputs if not session.is_file(name)]
    archived = [name for name in asked if name.startswith(live.ARCHIVED)]
    for name, value in given.items():
        obeying = (
            archived if name == "as_known_on" else asked if name in {"since", "until"} else set(asked) - set(archived)
        )
        if value and not obeying:
            option = "--option" if name == "settings" else "--" + name.replace("_", "-")
            wanted = "archive:SOURCE" if name == "as_known_on" else "a source"
            raise UsageError(f"{option} was given, but no input is {wanted}", hint="see `audit run --help`")


def _fetcher(
    case: "Case",
    folder: Path | None,
    as_known_on: str | None,
    since: str | None,
    until: str | None,
    settings: tuple[str, ...],
) -> "Callable[[str], Observations]":
    """Return what reads an input that is not a file: a source asked now, or what the archive kept of it."""

    def read(name: str) -> "Observations":
        from auditor import live
        from auditor.archive import Archive
        from auditor.commands import fetch

        chosen = folder or fetch.FOLDER
        if name.startswith(live.ARCHIVED):
            source = live.source_of(name.removeprefix(live.ARCHIVED))
            return live.archived(
                source,
                Archive(chosen, create=False),
                as_known_on=as_known_on,
                since=fetch.day("--since", since),
                until=fetch.day("--until", until),
            )
        source = live.source_of(name)
        shelf = live.Shelf(chosen)
        query = fetch.question(source, since, until, case.subject, settings)
        return live.gather(source, query, fetch.connect(source, shelf), shelf).observations

    return read


def _formats(text: str) -> list[str]:
    chosen = [f.strip() for f in text.split(",") if f.strip()]
    unknown = sorted(set(chosen) - set(FORMATS))
    if unknown or not chosen:
        raise UsageError(
            f"--format {text!r}: unknown form {', '.join(unknown) or '(none)'}", hint="use " + ",".join(FORMATS)
        )
    return chosen


def _progress() -> tuple[Callable[[str, int, int], None] | None, Callable[[], None]]:
    """Show progress on a terminal; the bar comes only if the work lasts."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR") is not None:
        return None, _nothing
    from rich.console import Console

    status = Console(stderr=True).status("reading the input")
    status.start()

    def show(name: str, done: int, total: int) -> None:
        status.update(f"{name} ({done + 1} of {total})")

    return show, status.stop


def _nothing() -> None:
    return


def _command() -> str:
    """Return the command line as the report repeats it.

    Where the report went does not matter to its content, and folders of the user's machine are nobody's business: --out is
    left out, and absolute paths are cut to the file's name.
    """
    from shlex import join

    kept: list[str] = []
    skip = False
    for argument in sys.argv[1:]:
        if skip or argument.startswith("--out="):
            skip = False
        elif argument == "--out":
            skip = True
        else:
            option, sign, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
            kept.append(option + sign + (Path(value).name if Path(value).is_absolute() else value))
    return join(["audit", *kept])


def _summary(audit: "Audit", written: list[Path]) -> None:
    from auditor.texts.catalogue import catalogue

    texts = catalogue()
    if audit.simulated:
        click.echo("SIMULATED DATA: nothing in this report was measured anywhere.")
    for claim in audit.claims:
        click.echo(f'  {claim.status.value:<12}  "{claim.text}": {texts.write(claim.measured)}')
    verdict = audit.verdict
    for note in audit.notes:
        if note.code.startswith("suppress"):
            click.echo(f"Note:     {note.text} ({note.where})")
    click.echo(f"Findings: {len(audit.findings)}; tests that could not run: {len(audit.not_applicable)}")
    click.echo(f"Report:   {next((p for p in written if p.suffix == '.html'), written[0])}")
    click.echo(
        f"Verdict:  {texts.text(f'verdict.short.{verdict.hypothesis}')} ({verdict.hypothesis}); {texts.write(verdict.words)}"
    )
    for reason in verdict.reasons:
        click.echo(f"          - {texts.write(reason)}")
