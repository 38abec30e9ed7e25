"""What the command line and a notebook both do: read inputs, build the panel, audit."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor.audit import Audit, audit
from auditor.case import Case
from auditor.errors import UsageError
from auditor.observations import concatenate
from auditor.panel import Panel


def read(*inputs: str | Path, **options: Any) -> Panel:
    """Read one or several files into one panel.

    Parameters
    ----------
    *inputs : path
        CSV, Parquet or JSON files; ``-`` is standard input.
    **options
        Passed to :func:`auditor.sources.files.read` (``frequency``, ``metric``, ``date_order``, ``decimal`` and so on);
        ``absent`` goes to :meth:`auditor.panel.Panel.of`.
    """
    from auditor.sources import files

    absent = options.pop("absent", "auto")
    return Panel.of(
        concatenate([files.read(i if str(i) == "-" else Path(i), **options) for i in inputs]), absent=absent
    )


def run(
    *inputs: str | Path,
    case: Case | str | Path,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Audit:
    """Read the inputs and answer the question of a case.

    Parameters
    ----------
    *inputs : path
        Where none is given, the case file's ``inputs`` are read, relative to that file.
    case : Case or path of a case file
    """
    asked = case if isinstance(case, Case) else load_case(Path(case))
    chosen: Sequence[str | Path] = inputs or asked.inputs
    if not chosen:
        raise UsageError(
            "no input was named", hint="name a CSV, Parquet or JSON file, or list `inputs:` in the case file"
        )
    return audit(read(*chosen, **options), asked, progress=progress)


def load_case(path: Path) -> Case:
    """Read a case file; its ``inputs`` are made relative to the working directory."""
    from auditor import casefile

    case = casefile.read(path)
    return replace(case, inputs=tuple(str(path.parent / i) for i in case.inputs))
