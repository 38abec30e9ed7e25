"""Every error that ``audit`` raises on purpose.

::

    AuditError                 exit code
    ├── UsageError                 2      wrong arguments, case, rule or config file
    ├── InputError                 3      no usable input: a file or value that cannot be read safely
    └── SourceError                4      a source answered wrongly or not at all
        └── ArchiveError           4      the archive is damaged, full or locked

An error says what is wrong, where, and what to try. The command line turns it into a message and an exit code; nothing
below the command line prints or exits.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Where:
    """Where something is wrong: a file or URL, and the place in it (lines and columns count from 1)."""

    file: str = ""
    line: int | None = None
    column: int | None = None
    field: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        if self.field:
            place += f" ({self.field})" if place else self.field
        return place


class AuditError(Exception):
    """Base of all errors; carries what, where and what to try.

    Parameters
    ----------
    what : str
        One sentence: what is wrong, with the offending value.
    where : Where or str, optional
        The file, line, column, field or URL (never with a secret in it).
    hint : str, optional
        What the user can try.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: Where | str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = Where(where) if isinstance(where, str) else where
        self.hint = hint

    def __str__(self) -> str:
        place = str(self.where)
        lines = [f"{place}: {self.what}" if place else self.what]
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)


class UsageError(AuditError):
    """Wrong arguments, or a case, rule or configuration file that cannot be obeyed."""

    exit_code: ClassVar[int] = 2


class InputError(AuditError):
    """An input that cannot be read without guessing."""

    exit_code: ClassVar[int] = 3


class SourceError(AuditError):
    """A source that answered wrongly, or not at all."""

    exit_code: ClassVar[int] = 4


class ArchiveError(SourceError):
    """An archive that is damaged, full or in use."""


class ErrorList(AuditError):  # noqa: N818 - it is a list of errors, and named so
    """Several errors of one file, reported together instead of one at a time."""

    def __init__(self, errors: list[AuditError]) -> None:
        if not errors:
            raise ValueError("an ErrorList holds at least one error")
        super().__init__(errors[0].what, where=errors[0].where, hint=errors[0].hint)
        self.errors = tuple(errors)

    @property
    def code(self) -> int:
        """The exit code of the gravest error in the list."""
        return max(error.exit_code for error in self.errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
