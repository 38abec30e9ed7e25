"""What a user may state about an input file so that nothing is guessed: ``--read NAME=VALUE``."""

import re
from typing import Any

from auditor.errors import AuditError, UsageError

#: Statements by name, and what they say; the names are those that the reader's hints use.
STATEMENTS = {
    "frequency": "spacing of the dates: hour, day, week or month",
    "date_order": "how to read 03/04/2026: dmy or mdy",
    "decimal": "decimal sign: . or ,",
    "columns.ROLE": "heading of the column for a role, such as columns.value=Tokens",
    "metric": "which metric of the file to read, or the name of its only one",
    "entity": "name of the one entity of a file that names none",
    "tz": "zone of times without an offset, such as Europe/Berlin",
    "year": "year of the first row, where labels have none",
    "week_label": "whether a week is labelled by its start or its end",
    "date": "the period of a table without dates",
    "difference": "true: the figures are readings of a counter; false: they are figures per period",
    "retrieved_at": "when the file was read from its publisher",
    "encoding": "text encoding, such as cp1252",
}


def statements(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read ``name=value`` statements.

    Raises
    ------
    UsageError
        When a statement has no ``=``, an unknown name or an unusable value.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        name, value = name.strip().replace("-", "_"), value.strip().strip("'\"")
        if not sign:
            raise UsageError(f"--read {pair!r} is not name=value", hint="for example --read year=2025")
        if name.startswith("columns."):
            found.setdefault("columns", {})[name.removeprefix("columns.")] = value
        elif name not in STATEMENTS:
            from auditor.panel import nearest

            raise UsageError(
                f"--read {pair!r}: there is nothing to state by that name", hint=nearest(name, list(STATEMENTS))
            )
        elif name == "year":
            if not re.fullmatch(r"\d{4}", value):
                raise UsageError(f"--read {pair!r}: a year has four digits", hint="for example --read year=2025")
            found[name] = int(value)
        elif name == "difference":
            if value.lower() not in {"true", "false"}:
                raise UsageError(f"--read {pair!r} is neither true nor false", hint=STATEMENTS[name])
            found[name] = value.lower() == "true"
        else:
            found[name] = value
    return found


def advice(error: AuditError) -> str:
    """Say how a statement that an error's hint asks for is given on the command line; '' where it asks for none."""
    named = [n for n in re.findall(r"\b([a-z_]+)=", error.hint) if n in STATEMENTS or n == "columns"]
    if not named:
        return ""
    if named[0] == "columns":
        return "  on the command line: --read columns.ROLE=HEADING, such as columns.value=HEADING"
    values = dict.fromkeys(v.lower() if v in {"True", "False"} else v for v in _values(named[0], error.hint))
    shown = " or ".join(f"--read {named[0]}={value}" for value in values) or f"--read {named[0]}=..."
    return f"  on the command line: {shown}"


def _values(name: str, hint: str) -> list[str]:
    """Return the values that a hint names for a statement: ``week_label='start' or 'end'``."""
    found: list[str] = []
    for match in re.finditer(rf"\b{name}=('[^']*'|[\w.:/+-]+)((?: or '[^']*')*)", hint):
        found += [match[1].strip("'"), *re.findall(r"'([^']*)'", match[2])]
    return [value for value in found if value]
