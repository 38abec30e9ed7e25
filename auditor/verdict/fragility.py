"""What the verdict would be without one of the sources."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.case import Case
from auditor.errors import AuditError
from auditor.panel import Panel
from auditor.verdict.model import SourceOut, Verdict

if TYPE_CHECKING:
    import pandas as pd

#: Asks the same question of another panel: ``auditor.walk.audit`` reduced to its verdict.
Ask = Callable[[Panel, Case], Verdict]


def without_sources(panel: Panel, case: Case, ask: Ask) -> tuple[SourceOut, ...]:
    """Ask the question again without each source in turn.

    Parameters
    ----------
    panel : Panel
        Built from observations that name their source in each row, else nothing can be taken out.
    ask : callable
        ``lambda panel, case: audit(panel, case).verdict``; handed in, because the verdict does not call what calls it.

    Returns
    -------
    tuple of SourceOut
        One per source, sorted by name; empty where the panel rests on one source or does not say which row is whose. Where the
        question cannot be asked without a source (the subject itself rests on it) ``hypothesis`` is ''.
    """
    names = sorted({s.name for s in panel.sources})
    frame = None if panel.observations is None else panel.observations.frame
    if len(names) < 2 or frame is None or "source" not in frame:
        return ()
    present = set(frame["source"].astype(str).unique())
    return tuple(_without(panel, case, ask, name) for name in names if name in present)


def _without(panel: Panel, case: Case, ask: Ask, name: str) -> SourceOut:
    assert panel.observations is not None
    frame: pd.DataFrame = panel.observations.frame
    kept = frame[frame["source"].astype(str) != name]
    sources = tuple(s for s in panel.sources if s.name != name)
    nothing = SourceOut(source=name, hypothesis="", leading=None, log10_lr=0.0)
    if kept.empty:
        return nothing
    try:
        rest = Panel.of(replace(panel.observations, frame=kept, sources=sources))
        verdict = ask(rest, case)
    except AuditError:
        return nothing
    best = verdict.scores[verdict.leading].against_best_rival
    return SourceOut(source=name, hypothesis=verdict.hypothesis, leading=verdict.leading, log10_lr=best)
