"""The command line: finds commands when they are called for, and turns errors into a message and an exit code."""

import os
import sys
from importlib import import_module

import click

import auditor
from auditor.errors import AuditError, ErrorList

#: Commands in the order in which ``audit --help`` lists them, with their one-line help. Each lives in a file of its own,
#: imported only when it is called, so that help answers at once.
COMMANDS = {
    "run": "Answer one question: audit a subject and write an evidence report.",
    "scan": "Screen every series of a large table, or audit a list of episodes.",
    "fetch": "Ask a source and keep what it answered, with its citation.",
    "watch": "Scheduled checks with a false-alarm budget, told once.",
    "archive": "What was kept, and proof that it is whole.",
    "sources": "Sources, the keys they need, licence, last success.",
    "rules": "List, show, lint and test the rulebook.",
    "calibrate": "Measure likelihood ratios and error rates; write the calibration report.",
    "index": "Write one page over all reports of a folder.",
    "bundle": "One file with report, data and hashes; and its check anywhere.",
    "explain": "Tell what a test or the verdict measures, assumes and may get wrong.",
}


class Commands(click.Group):
    """A group that imports a command when it is called."""

    # What these four do is click's to document; they only read COMMANDS instead of imported modules.
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"auditor.commands.{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            close = get_close_matches(args[0], list(COMMANDS), n=1)
            if not close:
                raise
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {close[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ran; 1 findings at or above --fail-on; 2 wrong arguments; 3 no usable input; "
    "4 a source or the archive failed.",
)
@click.version_option(auditor.__version__, prog_name="audit")
def cli() -> None:
    """Is this spike in a public usage series organic or inflated? Answers with evidence.

    INPUT is a CSV, Parquet or JSON file (or - for standard input). The verdict compares explanations by how probable the
    findings are under each; it never names a culprit, and "insufficient evidence" is a normal answer.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with an exit code."""
    code = 0
    try:
        result = cli.main(args=arguments, prog_name="audit", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        click.echo("audit: interrupted; nothing was left half-written", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except AuditError as error:
        from auditor.commands.reading import advice

        first = error.errors[0] if isinstance(error, ErrorList) else error
        click.echo("\n".join(line for line in (f"audit: {error}", advice(first)) if line), err=True)
        code = error.code if isinstance(error, ErrorList) else error.exit_code
    except BrokenPipeError:
        # The reader of our output left (`audit ... | head`); keep Python from complaining when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
