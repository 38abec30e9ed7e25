"""The rulebook: rules in, a scene in, findings out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from auditor.detectors.base import Scene
from auditor.errors import UsageError
from auditor.findings import Finding, NotApplicable, Outcome, Rows, Severity, Statistic, Window
from auditor.panel import nearest
from auditor.rulebook import engine
from auditor.rulebook.guard import Checked, check
from auditor.rulebook.model import MOST_WEIGHT, RuleFile
from auditor.rulebook.needs import missing
from auditor.texts.message import Message
from auditor.verdict.weigh import SHRINKAGE

if TYPE_CHECKING:
    import duckdb

    from auditor.panel import Panel
    from auditor.rulebook.views import Built

#: Columns of a rule's rows that the runner reads; all others go into the message.
SPECIAL = frozenset({"date", "until", "entity", "other_entity", "members", "evidence", "n_reference", "p"})

#: Hits outside the question that are listed per rule; the rest is counted.
MOST_ELSEWHERE = 5

#: Rows of evidence kept in one finding.
MOST_EVIDENCE = 200


@dataclass(frozen=True)
class Hit:
    """One row that a rule returned: one violation.

    Attributes
    ----------
    entity : str
        '' where the whole table is meant, or a group (column ``members``).
    bears : bool
        Whether it concerns the subject inside the window in question.
    """

    rule: RuleFile
    entity: str
    start: datetime
    end: datetime
    values: Mapping[str, Any]
    bears: bool


@dataclass(frozen=True, eq=False)
class Session:
    """One panel loaded for many questions: what does not depend on the question is built and asked once."""

    rules: tuple[RuleFile, ...]
    checked: Mapping[str, Checked]
    con: "duckdb.DuckDBPyConnection"
    built: "Built"
    answers: dict[str, engine.Answer] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def hits(self, scene: Scene) -> dict[str, list[Hit] | NotApplicable]:
        """Every row that every rule returns on a scene, or why the rule could not run, by rule id."""
        from auditor.rulebook.views import OF_SCENE, build

        if self.asked and (self.asked[0] is not scene.panel or self.asked[1] != scene.table.metric):
            raise ValueError("a session is for one panel and one metric; open another one")
        self.asked[:] = [scene.panel, scene.table.metric]
        for name in sorted(self.built.names & OF_SCENE):
            self.con.execute(f'DROP TABLE IF EXISTS "{name}"')
        self.built.names.difference_update(OF_SCENE)
        cells = sum(t.values.size for t in scene.panel.tables.values())
        seconds = engine.SECONDS + engine.SECONDS_PER_MILLION * (cells // 1_000_000)
        found: dict[str, list[Hit] | NotApplicable] = {}
        for rule in self.rules:
            lack = missing(scene, rule.requires)
            if lack is not None:
                found[rule.id] = NotApplicable(rule.id, rule.version, rule.name, rule.family, lack, rule.title)
                continue
            checked = self.checked[rule.id]
            answer = self.answers.get(rule.id)
            if answer is None:
                build(self.con, scene, checked.views, self.built)
                answer = engine.ask(self.con, rule, checked, seconds=seconds)
                if not checked.views & OF_SCENE:
                    self.answers[rule.id] = answer
            found[rule.id] = _hits(rule, answer, scene)
        return found

    def run(self, scene: Scene) -> list[Outcome]:
        """Return the findings of all rules on a scene; see :meth:`Rulebook.run`."""
        outcomes: list[Outcome] = []
        for hits in self.hits(scene).values():
            if isinstance(hits, NotApplicable):
                outcomes.append(hits)
                continue
            near = [h for h in hits if h.bears]
            far = [h for h in hits if not h.bears]
            shown = near + far[:MOST_ELSEWHERE]
            limits: list[Message] = []
            if len(far) > MOST_ELSEWHERE:
                limits.append(Message.of("rulebook.limit_elsewhere", n=len(far) - MOST_ELSEWHERE))
            if len(hits) >= engine.MOST_ROWS:
                limits.append(Message.of("rulebook.limit_cut", n=engine.MOST_ROWS))
            outcomes += [_finding(h, scene, limits) for h in shown]
        return outcomes


@dataclass(frozen=True, eq=False)
class Rulebook:
    """A checked set of rules.

    Parameters
    ----------
    rules : sequence of RuleFile
        Sorted by id.
    """

    rules: tuple[RuleFile, ...]
    _checked: dict[str, Checked] = field(default_factory=dict, repr=False)

    def checked(self, con: "duckdb.DuckDBPyConnection") -> Mapping[str, Checked]:
        """Each rule's SQL after the guard has read it, by rule id.

        Raises
        ------
        RuleError
            For the first rule whose SQL is refused.
        """
        for rule in self.rules:
            if rule.id not in self._checked:
                self._checked[rule.id] = check(con, rule)
        return MappingProxyType(self._checked)

    def rule(self, name: str) -> RuleFile:
        """Return a rule by id or name.

        Raises
        ------
        UsageError
            When there is none, with the nearest names.
        """
        wanted = name.strip().lower().replace("-", "_")
        for rule in self.rules:
            if wanted in {rule.id.lower(), rule.name}:
                return rule
        known = [n for r in self.rules for n in (r.id, r.name)]
        raise UsageError(f"there is no rule {name!r}", hint=nearest(name, known))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a locked database for one panel and one metric; use it for every question asked of them."""
        from auditor.rulebook.views import Built

        with engine.connect() as con:
            yield Session(self.rules, self.checked(con), con, Built(set()))

    def run(self, scene: Scene) -> list[Outcome]:
        """Run every rule on a scene.

        Returns
        -------
        list of Finding or NotApplicable
            Findings keep their own ``log10_lr``, from the bands of their rule, and do not go through ``weigh``. Only a hit on
            the subject (or the whole table) that overlaps the window weighs; others are listed without weight, at
            most :data:`MOST_ELSEWHERE` per rule.

        Raises
        ------
        RuleError
            Naming the rule that is refused, fails or exceeds its bounds.
        """
        with self.session() as session:
            return session.run(scene)

    def hits(self, scene: Scene) -> dict[str, list[Hit] | NotApplicable]:
        """Every row that every rule returns, for tests and measurements."""
        with self.session() as session:
            return session.hits(scene)


def scene_of(panel: "Panel", metric: str = "") -> Scene:
    """Build a scene about nobody in particular (the largest entity, the whole span), to run rules on a panel alone."""
    import numpy as np

    from auditor.case import Case
    from auditor.findings import Window as Span
    from auditor.window import resolve

    table = panel.table(metric)
    largest = table.entities[int(np.argmax(np.nansum(table.values, axis=0)))]
    span = Span(table.dates[0].to_pydatetime(), table.dates[-1].to_pydatetime())
    return resolve(panel, Case(subject=(largest,), window=span, metric=table.metric))


def _hits(rule: RuleFile, answer: engine.Answer, scene: Scene) -> list[Hit]:
    if not answer.rows:
        return []
    if "date" not in answer.columns:
        raise rule.error(
            "the SQL returns no column `date`", "sql", hint="select the first day of each violation AS date"
        )
    own = {*scene.subject.parts, scene.subject.name}
    span = scene.span
    hits = []
    for row in answer.rows:
        values = dict(zip(answer.columns, row, strict=True))
        start = values["date"]
        until = values.get("until")
        end = start if until is None else until
        if not isinstance(start, datetime) or not isinstance(end, datetime):
            what = f"the columns date and until must be timestamps (found {start!r}, {until!r})"
            raise rule.error(what, "sql", hint="take them from a view's column date")
        entity = str(values.get("entity") or "")
        members = {str(m) for m in values.get("members") or ()}
        named = {entity, str(values.get("other_entity") or ""), *members} - {""}
        concerned = not named or bool(named & own)
        bears = concerned and start <= span.end and end >= span.start
        hits.append(Hit(rule, entity, start, end, MappingProxyType(values), bears))
    return hits


def _finding(hit: Hit, scene: Scene, limits: Sequence[Message]) -> Finding:
    rule = hit.rule
    own = {*scene.subject.parts, scene.subject.name}
    shown = {k: v for k, v in hit.values.items() if k not in {"evidence", "members"}}
    shown |= {"subject": scene.subject.name, "metric": scene.table.metric, "date": hit.start, "until": hit.end}
    measured = _number(hit.values.get(rule.weights.measure)) if rule.weights.measure else None
    n_reference = int(_number(hit.values.get("n_reference")) or 0)
    p = _number(hit.values.get("p"))
    weights = _capped(rule, measured, n_reference, p) if hit.bears and rule.status == "stable" else {}
    statistic = None
    if measured is not None:
        statistic = Statistic(
            rule.weights.measure,
            measured,
            rule.weights.unit,
            reference=Message.of("rulebook.reference", rule=rule.id, title=rule.title),
            n_reference=n_reference,
            p=p,
        )
    told = [
        Message.literal(text.replace("{", "{{").replace("}", "}}"), text_key=f"{rule.id}.falsepositives", text_entry=i)
        for i, text in enumerate(rule.falsepositives)
    ]
    if rule.status == "experimental":
        told.append(Message.of("rulebook.limit_experimental"))
    figures = {k: float(v) for k, v in shown.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    return Finding(
        rule=rule.id,
        version=rule.version,
        name=rule.name,
        family=rule.family,
        subject=_named(hit, scene, own),
        window=Window(hit.start, hit.end),
        statement=Message.literal(rule.message, **{**shown, "text_key": f"{rule.id}.message"}),
        statistic=statistic,
        variant="" if hit.bears else "elsewhere",
        severity=rule.level if hit.bears else Severity.INFO,
        confidence=rule.confidence,
        limits=(*told, *limits),
        data=_evidence(hit),
        figures=MappingProxyType(figures),
        weighs=bool(weights),
        log10_lr=MappingProxyType(weights),
        title=rule.title,
    )


def _named(hit: Hit, scene: Scene, own: set[str]) -> str:
    """Whom a hit is about: the subject, another entity, a group, or the whole table (then the metric is named)."""
    if hit.entity:
        return scene.subject.name if hit.entity in own else hit.entity
    members = [str(m) for m in hit.values.get("members") or ()]
    if members:
        return ", ".join(members[:3]) + (f" (+{len(members) - 3})" if len(members) > 3 else "")
    return scene.subject.name if hit.bears else f"all {scene.table.metric}"


def _capped(rule: RuleFile, measured: float | None, n_reference: int, p: float | None) -> dict[Any, float]:
    """Weights of the rule's band, within the caps every finding of the program obeys (see :mod:`auditor.verdict.weigh`)."""
    from math import log10

    most = MOST_WEIGHT[rule.weights.basis]
    if n_reference:
        most = min(most, log10(n_reference + 1))
    if p is not None and p > 0:
        most = min(most, -log10(p))
    shrink = SHRINKAGE[rule.confidence.value]
    weights = {h: round(max(-most, min(most, v * shrink)), 6) for h, v in rule.weights.of(measured).items()}
    return {h: v for h, v in weights.items() if v}


def _evidence(hit: Hit) -> Rows:
    """Return the rows a violation rests on: its ``evidence`` where the rule gives it, else the row itself."""
    evidence = hit.values.get("evidence")
    if isinstance(evidence, list) and evidence and isinstance(evidence[0], dict):
        names = list(evidence[0])
        rows = sorted(evidence, key=lambda r: tuple(str(r.get(n)) for n in names))[:MOST_EVIDENCE]
        return Rows.of(**{n: [r.get(n) for r in rows] for n in names})
    plain = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in hit.values.items() if k != "evidence"}
    return Rows.of(**{k: [v] for k, v in plain.items()})


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
