"""The question as a command takes it: from a case file, from options, or from both."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.case import Case


def asked(
    case_file: Path | None, subjects: tuple[str, ...], date: str | None, window: str | None, metric: str
) -> "Case":
    """Take the question from the file, from the options, or from both (options win)."""
    from auditor import casefile, session
    from auditor.case import Case

    if case_file is None and not subjects:
        raise UsageError("no subject was named", hint="use --case FILE, or --subject ID with --date or --window")
    if date and window:
        raise UsageError("--date and --window were both given", hint="use one of them")
    case = session.load_case(case_file) if case_file else Case(subject=subjects)
    try:
        changes: dict[str, Any] = {}
        if subjects:
            changes |= {"subject": subjects, "name": "" if case_file is None else case.name}
        if metric:
            changes["metric"] = metric
        if window:
            changes |= {"window": casefile.window(window), "date": None}
        if date:
            changes |= {"date": casefile.when(date), "window": None}
        return replace(case, **changes)
    except ValueError as error:
        raise UsageError(str(error), hint="write a day as 2026-05-12 and a window as 2026-05-01:2026-05-12") from None


def slug(text: str) -> str:
    """Return a name for files, made from a title."""
    kept = "".join(c if c.isalnum() or c in ".-" else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part)[:60].strip(".-") or "audit"


def generated() -> str | None:
    """Time to print in the report: only the one the user fixed, so that the same input gives the same bytes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return None
    try:
        return datetime.fromtimestamp(int(epoch), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is {epoch!r}", hint="set it to seconds since 1970, or unset it") from None
