"""What the templates see: one audit, prepared for reading. HTML and Markdown are rendered from the same."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from auditor.findings import Family, Finding, Hypothesis, Rows
from auditor.report.clean import address, clean, file_stem, markdown
from auditor.report.words import NEGLIGIBLE, Words
from auditor.texts.message import Message

if TYPE_CHECKING:
    from jinja2 import Environment

    from auditor.report.charts.base import Chart
    from auditor.report.history import Past
    from auditor.walk import Audit

#: Rows of a finding's figures shown in the page; the rest is in its CSV.
MOST_ROWS = 45

#: The visual scale ends here; a likelihood ratio beyond is drawn at the edge.
SCALE_END = 3.5

_DATE = re.compile(r"\b(\d{4}-\d{2}-\d{2})\b|(\d{4}年\d{1,2}月\d{1,2}日)")


@dataclass(frozen=True)
class Bar:
    """One explanation on the visual scale (places in per cent of its width)."""

    hypothesis: Hypothesis
    value: float
    start: float
    length: float
    leading: bool


@dataclass(frozen=True)
class Item:
    """One finding with its key in this report."""

    key: str
    finding: Finding
    chart: "Chart | None" = None

    @property
    def heaviest(self) -> tuple[Hypothesis, float] | None:
        """The explanation that the finding moves most against ``organic``; None where it moves none."""
        moved = [(h, v) for h, v in self.finding.log10_lr.items() if abs(v) >= NEGLIGIBLE]
        return max(moved, key=lambda pair: (abs(pair[1]), pair[0].value)) if moved else None


@dataclass(frozen=True, eq=False)
class View:
    """One audit, in the order in which it is read."""

    audit: "Audit"
    words: Words
    command: str = ""
    generated: str | None = None
    draw: bool = True
    history: "tuple[Past, ...]" = ()

    @cached_property
    def title(self) -> str:
        """The question."""
        case = self.audit.case
        if case.title.strip():
            return case.title
        return self.words.t("default_title", subject=self.audit.scene.subject.name)

    @cached_property
    def items(self) -> Sequence[Item]:
        """All findings, the heaviest first, with their charts."""
        from auditor.report.charts import chart_of

        items = []
        drawn: list[tuple[str, Rows | None]] = []
        for key, finding in keyed(self.audit.findings):
            chart = None
            # Two findings on the same figures share one chart, at the heavier of them.
            if self.draw and (finding.rule, finding.data) not in drawn:
                drawn.append((finding.rule, finding.data))
                chart = chart_of(finding, self.audit.scene, self.words, f"c-{key}")
            items.append(Item(key, finding, chart))
        return items

    @property
    def weighing(self) -> Sequence[Item]:
        """The findings that move the verdict."""
        return [item for item in self.items if item.finding.weighs and item.heaviest]

    @property
    def silent(self) -> Sequence[Item]:
        """The findings that describe, or that weigh nothing."""
        return [item for item in self.items if not (item.finding.weighs and item.heaviest)]

    @cached_property
    def story(self) -> "Chart | None":
        """The chart of the first screen."""
        if not self.draw:
            return None
        from auditor.report.charts.story import story

        return story(self.audit.scene, self.words, self.words.say(self.audit.verdict.words))

    @cached_property
    def events(self) -> Sequence[Any]:
        """The events inside the chart, by number, then those outside it."""
        from auditor.report.charts.story import listed_events

        inside = listed_events(self.audit.scene)
        return [*inside, *(e for e in self.audit.case.events if e not in inside)]

    @cached_property
    def events_drawn(self) -> int:
        """How many of the events are numbered in the chart."""
        from auditor.report.charts.story import listed_events

        return len(listed_events(self.audit.scene))

    @cached_property
    def scale(self) -> Sequence[Bar]:
        """The explanations on one scale, the best first."""
        bars = []
        order = list(Hypothesis)
        scores = self.audit.verdict.scores
        for h in sorted(scores, key=lambda h: (-round(scores[h].log10_lr, 9), order.index(h))):
            value = scores[h].log10_lr
            place = 50 + 50 * max(-SCALE_END, min(SCALE_END, value)) / SCALE_END
            bars.append(Bar(h, value, min(place, 50.0), abs(place - 50.0), h is self.audit.verdict.leading))
        return bars

    @cached_property
    def families(self) -> Sequence[Family]:
        """The families that say anything, in their fixed order."""
        scores = self.audit.verdict.scores.values()
        return [f for f in Family if any(f in s.by_family for s in scores)]

    @cached_property
    def peak_share(self) -> float | None:
        """The subject's share of the published total on its largest day; None where no total was published."""
        scene = self.audit.scene
        total = float(scene.table.total[scene.peak]) if scene.table.has_total else float("nan")
        return float(scene.subject.values[scene.peak]) / total if np.isfinite(total) and total > 0 else None

    @property
    def turning(self) -> bool:
        """Whether the best fit changes when some family is left out."""
        verdict = self.audit.verdict
        return any(left.leading != verdict.leading for left in verdict.fragility)

    @property
    def lattice_words(self) -> str:
        """Say how many other choices lead to the same answer, and whether any names inflation."""
        asked = [c for c in self.audit.verdict.lattice if c.hypothesis]
        same = sum(c.hypothesis == self.audit.verdict.hypothesis for c in asked)
        return self.words.t("lattice.same", same=same, all=len(asked))

    @property
    def judged(self) -> Sequence[str]:
        """Rules whose weight here is a judgement, because their ratio could not be measured."""
        basis = self.audit.verdict.basis
        return sorted({rule.split("/")[0] for rule, kind in basis.items() if kind != "measured"})

    @property
    def absent_ids(self) -> Sequence[str]:
        """Ids asked for that the record does not hold."""
        return [i for i in self.audit.case.subject if i not in self.audit.scene.subject.parts]

    def tint(self, value: float) -> str:
        """Return the class that tints a cell of the matrix by direction and size."""
        if abs(value) < NEGLIGIBLE:
            return "t0"
        size = 1 if abs(value) < 0.5 else 2 if abs(value) < 1 else 3
        return f"{'up' if value > 0 else 'down'}{size}"

    def explain(self, finding: Finding) -> str:
        """Say in words what a finding moves."""
        heaviest = Item("", finding).heaviest
        if heaviest is None:
            return self.words.t("findings.none")
        hypothesis, value = heaviest
        return self.words.t(
            "findings.weight",
            times=self.words.times(value),
            hypothesis=self.words.t(f"hypothesis.{hypothesis.value}.short"),
        )

    def table(self, rows: Rows | None) -> Sequence[Sequence[str]]:
        """Return the first rows of a finding's figures as text."""
        if rows is None:
            return []
        return [[self.words.number(v) for v in row] for row in rows.rows[:MOST_ROWS]]

    def numeric(self, rows: Rows) -> Sequence[bool]:
        """Whether each column holds numbers (they are set flush right)."""
        return [
            any(isinstance(row[i], int | float) and not isinstance(row[i], bool) for row in rows.rows[:MOST_ROWS])
            for i in range(len(rows.columns))
        ]


def keyed(findings: Sequence[Finding]) -> Sequence[tuple[str, Finding]]:
    """Return each finding with a key unique in one audit: its rule id, numbered where a rule found several things."""
    seen: dict[str, int] = {}
    result = []
    for finding in findings:
        stem = file_stem(finding.rule)
        seen[stem] = seen.get(stem, 0) + 1
        result.append((stem if seen[stem] == 1 else f"{stem}-{seen[stem]}", finding))
    return result


@cache
def environment(language: str, form: Literal["html", "markdown"]) -> "Environment":
    """Return the jinja2 environment of a form; every value it prints is cleaned, and escaped for that form."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup, escape

    words = Words(language)
    folder = resources.files("auditor.report") / "templates"
    env = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=form == "html",  # noqa: S701 - Markdown has its own escaping, in ``finalize``
        undefined=StrictUndefined,
        finalize=_cleaned if form == "html" else _marked_down,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    def whole(text: str) -> Markup:
        """Keep each date on one line."""
        return Markup(_DATE.sub(r'<span class="nb">\g<0></span>', str(escape(clean(text)))))  # noqa: S704 - escaped here

    def say(message: Message | None) -> str:
        return whole(words.say(message)) if form == "html" else words.say(message)

    env.globals |= {"t": words.t, "w": words, "address": address, "say": say}
    env.filters["nb"] = whole
    env.filters["svg"] = Markup  # drawings come from the charts, which clean and escape their own text
    return env


def _cleaned(value: Any) -> Any:
    """Finalize a value for HTML: text without unseen characters; markup made here passes as it is."""
    from markupsafe import Markup

    return value if isinstance(value, Markup) or not isinstance(value, str) else clean(value)


def _marked_down(value: Any) -> Any:
    return markdown(value) if isinstance(value, str) else value
