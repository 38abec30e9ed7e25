"""What the command line and a notebook both do: read inputs, build the panel, audit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.case import Case
from auditor.errors import UsageError
from auditor.observations import concatenate
from auditor.panel import Panel
from auditor.walk import Audit, audit

if TYPE_CHECKING:
    from datetime import date

    from auditor.observations import Observations
    from auditor.rulebook.suppress import Suppression
    from auditor.verdict.model import Verdict
    from auditor.walk import Rules


def read(
    *inputs: str | Path, fetch: "Callable[[str], Observations] | None" = None, absent: str = "auto", **options: Any
) -> Panel:
    """Read one or several inputs into one panel.

    Parameters
    ----------
    *inputs : path or str
        CSV, Parquet or JSON files; ``-`` is standard input; ``archive:SOURCE`` and the name of a source need ``fetch``.
    fetch : callable, optional
        Reads an input that is not a file. The command line passes one that knows the network, the archive and the clock.
    absent : {'auto', 'censored', 'missing'}
        See :meth:`auditor.panel.Panel.of`.
    **options
        Passed to :func:`auditor.sources.files.read` (``frequency``, ``metric``, ``date_order``, ``decimal`` and so on).
    """
    from auditor.sources import files

    parts = []
    for item in inputs:
        name = str(item)
        if fetch is not None and not is_file(name):
            parts.append(fetch(name))
        else:
            parts.append(files.read(name if name == "-" else Path(name), **options))
    return Panel.of(concatenate(parts), absent=absent)


def is_file(name: str) -> bool:
    """Whether an input is a file (or standard input) and not the name of a source or of an archived one.

    What exists as a file is one; what does not is taken for a source only if there is a source of that name, so that a
    mistyped file name is reported as such.
    """
    if name == "-" or Path(name).exists():
        return not (name.endswith((".yaml", ".yml")) and Path(name).is_file())
    if name.startswith("archive:"):
        return False
    from auditor.sources.registry import BY_NAME

    return name not in BY_NAME


def run(
    *inputs: str | Path,
    case: Case | str | Path,
    rules: Sequence[str | Path] | None = (),
    suppress: str | Path | None = None,
    today: "date | None" = None,
    progress: Callable[[str, int, int], None] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> Audit:
    """Read the inputs and answer the question of a case.

    Parameters
    ----------
    *inputs : path
        Where none is given, the case file's ``inputs`` are read, relative to that file.
    case : Case or path of a case file
    rules : sequence of path or None
        Folders of rules of your own, run beside the shipped ones; None runs no rule at all.
    suppress : path, optional
        A file of suppressions; needs ``today``.
    params : mapping, optional
        Settings per detector id, as for :func:`auditor.walk.audit`.
    **options
        See :func:`read`.
    """
    from auditor import rulebook
    from auditor.rulebook import suppress as suppressing

    asked = case if isinstance(case, Case) else load_case(Path(case))
    chosen: Sequence[str | Path] = inputs or asked.inputs
    if not chosen:
        raise UsageError(
            "no input was named", hint="name a CSV, Parquet or JSON file, or list `inputs:` in the case file"
        )
    book = None if rules is None else rulebook.load(extra=[Path(folder) for folder in rules])
    known = suppressing.read(Path(suppress)) if suppress is not None else ()
    panel = read(*chosen, **options)
    return answer(panel, asked, rules=book, suppressions=known, today=today, progress=progress, params=params)


def answer(
    panel: Panel,
    case: Case,
    *,
    rules: "Rules | None" = None,
    suppressions: "Sequence[Suppression]" = (),
    today: "date | None" = None,
    progress: Callable[[str, int, int], None] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
) -> Audit:
    """Audit one case in full: with the reference rebuilt where the figures are of another kind, and with what takes further runs.

    :func:`auditor.audit` answers the same question without the answer under other choices and without each source; a scan of
    thousands uses that.
    """
    from auditor.detectors.registry import DETECTORS
    from auditor.verdict.complete import complete
    from auditor.verdict.domain import Domain, domain_of
    from auditor.verdict.rebuild import rebuild
    from auditor.verdict.table import reference_table
    from auditor.window import resolve

    table, domain = None, None
    scene = resolve(panel, case)
    if domain_of(scene) is Domain.FOREIGN:
        made = rebuild(scene, reference_table(), detectors=DETECTORS)
        if made is not None:
            table, domain = made.table, Domain.REBUILT

    def ask(panel: Panel, case: Case) -> "Verdict":
        return audit(panel, case, table=table, domain=domain, params=params).verdict

    found = audit(
        panel,
        case,
        rules=rules,
        suppressions=suppressions,
        today=today,
        params=params,
        progress=progress,
        table=table,
        domain=domain,
    )
    verdict = complete(
        found.verdict, found.scene, found.findings, found.not_applicable, detectors=DETECTORS, ask=ask, table=table
    )
    return replace(found, verdict=verdict)


def load_case(path: Path) -> Case:
    """Read a case file; its ``inputs`` are made relative to the working directory."""
    from auditor import casefile

    case = casefile.read(path)
    return replace(case, inputs=tuple(str(path.parent / i) for i in case.inputs))
