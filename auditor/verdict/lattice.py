"""What the verdict would be under other choices that an analyst might as well have made.

A result that hangs on one choice of window, of peers or of base is a result about that choice. Each choice is varied alone:

* window: each end moved by one and by three periods, the episode found around the peak;
* donors: the larger half of the peers;
* baseline: the record cut to 14, 28 or 56 periods before the window.

So that this takes well under a second, the tests are limited to those whose outcome depends on these choices and that carry weight;
findings of the slow ones (the record itself, many features together) are taken over from the audit as they are.

References
----------
Steegen, S., Tuerlinckx, F., Gelman, A., Vanpaemel, W. (2016). Increasing transparency through a multiverse analysis. Perspectives on
Psychological Science 11(5), 702-712.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np

from auditor.case import Case
from auditor.detectors.base import Scene
from auditor.errors import AuditError
from auditor.findings import Finding, Hypothesis, NotApplicable
from auditor.panel import Table
from auditor.texts.message import Message
from auditor.verdict.decide import decide
from auditor.verdict.domain import Domain
from auditor.verdict.model import Choice, Verdict
from auditor.verdict.table import ReferenceTable, reference_table
from auditor.verdict.weigh import weigh

#: Periods by which either end of the window is moved.
SHIFTS = (1, 3)

#: Periods before the window to which the record is cut.
BASELINES = (14, 28, 56)

#: Tests that are taken over from the audit instead of being run again: they read the record, or all entities at once, and take most
#: of an audit's time.
CARRIED = frozenset(
    {"AUD101", "AUD151", "AUD171", "AUD172", "AUD173", "AUD174", "AUD175", "AUD176", "AUD177", "AUD181"}
)

#: Peers below which a half of them is no comparison.
FEWEST_PEERS = 10


def lattice(
    scene: Scene,
    findings: Sequence[Finding],
    not_applicable: Sequence[NotApplicable] = (),
    *,
    detectors: Sequence[ModuleType],
    table: ReferenceTable | None = None,
    domain: Domain | None = None,
) -> tuple[Choice, ...]:
    """Decide the case again under each other choice.

    Parameters
    ----------
    scene : Scene
        Of the audit.
    findings, not_applicable
        Of the audit; those of :data:`CARRIED` tests and of rules are taken over.
    detectors : sequence of modules
        ``auditor.detectors.registry.DETECTORS``; handed in, because the verdict does not know them.

    Returns
    -------
    tuple of Choice
        In a fixed order; choices that the record does not allow (no earlier day, too few peers) are left out, and those under
        which the question cannot be asked have hypothesis ''.
    """
    chosen = table or reference_table()
    weighing = set(chosen.rules) | {rule for rule, _ in chosen.curves}
    again = tuple(m for m in detectors if m.RULE.id in weighing - CARRIED)
    own = {m.RULE.id for m in again}
    carried = [f for f in findings if f.rule not in own]
    silent = [n for n in not_applicable if n.rule not in own]
    out = []
    for kind, words, asked in _choices(scene):
        try:
            verdict = _decided(asked(), again, carried, silent, chosen, domain)
        except AuditError:
            out.append(Choice(words, kind, "", None, 0.0, 0.0))
            continue
        score = verdict.scores[verdict.leading]
        out.append(
            Choice(
                choice=words,
                kind=kind,
                hypothesis=verdict.hypothesis,
                leading=verdict.leading,
                log10_lr=score.against_best_rival,
                inflated=verdict.scores[Hypothesis.INFLATED].log10_lr,
            )
        )
    return tuple(out)


def _decided(
    scene: Scene,
    again: Sequence[ModuleType],
    carried: Sequence[Finding],
    silent: Sequence[NotApplicable],
    table: ReferenceTable,
    domain: Domain | None,
) -> Verdict:
    measured = list(carried)
    missing = list(silent)
    for module in again:
        for outcome in module.detect(scene, {}):
            if isinstance(outcome, NotApplicable):
                missing.append(outcome)
            else:
                measured.append(weigh(outcome, table))
    tested = {f.family for f in measured if f.weighs and not _is_rule(f)}
    # As in an audit: a rule of the rulebook is silent where a test of its family weighs.
    kept = [f for f in measured if not (_is_rule(f) and f.family in tested)]
    return decide(scene, kept, missing, table, domain=domain)


def _is_rule(finding: Finding) -> bool:
    """Whether a finding comes from the rulebook (AUD2xx, AUD3xx, or a user's own) and not from a detector (AUD1xx)."""
    return not finding.rule.startswith("AUD1")


def _choices(scene: Scene) -> Iterator[tuple[str, Message, Callable[[], Scene]]]:
    """Yield kind, words and the scene of each choice; the scene is built when it is called for."""
    table, window = scene.table, scene.window
    last = len(table.dates) - 1
    for shift in SHIFTS:
        for end, sign in (("start", -1), ("start", 1), ("end", -1), ("end", 1)):
            first, stop = window.start, window.stop
            if end == "start":
                first += sign * shift
            else:
                stop += sign * shift
            if first < 0 or stop > last + 1 or first >= stop or not (first <= scene.peak < stop):
                continue
            name = f"verdict.lattice.{end}_{'later' if sign > 0 else 'earlier'}"
            moved = slice(first, stop)
            yield "window", Message.of(name, n=shift), partial(_windowed, scene, moved)
    yield "window", Message.of("verdict.lattice.episode"), partial(_episode, scene)
    larger = _larger_half(scene)
    if larger:
        donors = replace(scene.case, donors=larger)
        yield "donors", Message.of("verdict.lattice.larger_half", n=len(larger)), partial(_cased, scene, donors)
    if scene.case.donors:
        every = replace(scene.case, donors=())
        yield "donors", Message.of("verdict.lattice.all_donors"), partial(_cased, scene, every)
    for periods in BASELINES:
        if window.start > periods:
            yield "baseline", Message.of("verdict.lattice.baseline", n=periods), partial(_cut, scene, periods)


def _windowed(scene: Scene, window: slice) -> Scene:
    return Scene(panel=scene.panel, case=scene.case, table=scene.table, subject=scene.subject, window=window)


def _cased(scene: Scene, case: Case) -> Scene:
    return Scene(panel=scene.panel, case=case, table=scene.table, subject=scene.subject, window=scene.window)


def _episode(scene: Scene) -> Scene:
    from auditor.window import resolve

    asked = replace(scene.case, window=None, date=scene.day(scene.peak), metric=scene.table.metric)
    return resolve(scene.panel, asked)


def _larger_half(scene: Scene) -> tuple[str, ...]:
    """Peers with at least the median volume before and in the window."""
    peers = scene.peers
    rows = slice(max(0, scene.window.start - max(BASELINES)), scene.window.stop)
    if len(peers.entities) < FEWEST_PEERS:
        return ()
    volume = np.nansum(peers.values[rows], axis=0)
    middle = float(np.median(volume))
    larger = tuple(e for e, v in zip(peers.entities, volume, strict=True) if v >= middle and v > 0)
    return larger if len(larger) < len(peers.entities) else ()


def _cut(scene: Scene, periods: int) -> Scene:
    """Return the scene with the record begun ``periods`` before the window."""
    first = scene.window.start - periods
    table = _from(scene.table, first)
    tables = {name: table if t is scene.table else t for name, t in scene.panel.tables.items()}
    panel = replace(scene.panel, tables=tables)
    subject = table.series(scene.case.subject, scene.case.name)
    window = slice(scene.window.start - first, scene.window.stop - first)
    return Scene(panel=panel, case=scene.case, table=table, subject=subject, window=window)


def _from(table: Table, first: int) -> Table:
    return replace(
        table,
        dates=table.dates[first:],
        values=table.values[first:],
        low=table.low[first:],
        high=table.high[first:],
        status=table.status[first:],
        other=table.other[first:],
        published_total=table.published_total[first:],
        cutoff=table.cutoff[first:],
    )
