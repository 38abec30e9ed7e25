"""The locked DuckDB that rules run in: no files, no network, no extensions, bounded memory and time."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.rulebook.guard import Checked, locate
from auditor.rulebook.model import RuleFile

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

#: Seconds one rule may take, before the allowance for large panels.
SECONDS = 5.0

#: Further seconds per million cells of the panel.
SECONDS_PER_MILLION = 2.0

MEMORY = "1GB"

#: More violations than this of one rule are not read; the rule is then about something else than single violations.
MOST_ROWS = 5_000


@dataclass(frozen=True)
class Answer:
    """Rows of one rule, as plain values in a fixed order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool = False


@contextmanager
def connect() -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open an empty in-memory database whose configuration cannot be changed any more."""
    import duckdb

    con = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_unsigned_extensions": False,
            "python_enable_replacements": False,
            "errors_as_json": True,
            "threads": 1,
            "memory_limit": MEMORY,
            "max_temp_directory_size": "0KB",
        },
    )
    try:
        con.execute("SET lock_configuration = true")
        yield con
    finally:
        con.close()


def load(con: "duckdb.DuckDBPyConnection", name: str, frame: "pd.DataFrame") -> None:
    """Copy a frame into a table; missing numbers become NULL."""
    con.register("_frame", frame)
    try:
        con.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM _frame')  # noqa: S608 - names are ours
    finally:
        con.unregister("_frame")


def append(con: "duckdb.DuckDBPyConnection", name: str, frame: "pd.DataFrame") -> None:
    """Append a frame to a table, which the first frame creates; missing numbers become NULL."""
    con.register("_frame", frame)
    try:
        con.execute(f'CREATE TABLE IF NOT EXISTS "{name}" AS SELECT * FROM _frame LIMIT 0')  # noqa: S608 - names are ours
        con.execute(f'INSERT INTO "{name}" SELECT * FROM _frame')  # noqa: S608 - names are ours
    finally:
        con.unregister("_frame")


def ask(
    con: "duckdb.DuckDBPyConnection",
    rule: RuleFile,
    checked: Checked,
    *,
    seconds: float = SECONDS,
    rows: int = MOST_ROWS,
) -> Answer:
    """Run a checked statement, in a fixed order of rows, within its time and memory.

    Raises
    ------
    RuleError
        Naming the rule, when it does not bind, fails, or exceeds its time or memory.
    """
    import duckdb

    prefix = "SELECT * FROM (\n"
    timer = threading.Timer(seconds, con.interrupt)
    timer.start()
    try:
        result = con.execute(f"{prefix}{checked.sql}\n) ORDER BY ALL LIMIT {rows + 1}")
        columns = tuple(str(c[0]) for c in result.description or ())
        found = result.fetchall()
    except duckdb.InterruptException:
        hint = "bound recursion, and join on a key instead of comparing every row with every row"
        raise rule.error(f"took longer than {seconds:g} s and was stopped", "sql", hint=hint) from None
    except (duckdb.OutOfMemoryException, MemoryError):
        raise rule.error(
            f"needed more than {MEMORY} of memory and was stopped", "sql", hint="aggregate earlier"
        ) from None
    except duckdb.Error as error:
        what, position, hint = _read(error)
        place = locate(rule, position - len(prefix)) if position is not None else None
        raise rule.error(what, "sql", hint=hint, place=place) from None
    finally:
        timer.cancel()
    return Answer(columns, tuple(tuple(r) for r in found[:rows]), cut=len(found) > rows)


def _read(error: Exception) -> tuple[str, int | None, str]:
    """Take message, position and candidates out of DuckDB's error."""
    text = str(error)
    start = text.find("{")
    try:
        detail = json.loads(text[start:]) if start >= 0 else {}
    except ValueError:
        detail = {}
    message = " ".join(str(detail.get("exception_message", text)).split("\n")[0].split())
    position = detail.get("position")
    candidates = str(detail.get("candidates", ""))
    hint = f"did you mean {candidates.split(',', maxsplit=1)[0]!r}?" if candidates else ""
    return f"the SQL fails: {message}", int(position) if position is not None else None, hint
