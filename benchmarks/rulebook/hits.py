"""Every hit of every rule on published tables: ``python -m benchmarks.rulebook --hits FOLDER...``.

Files are read as ``audit run`` reads them; what a file does not say about itself is stated in ``readings.yaml``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from auditor.errors import AuditError
from auditor.findings import NotApplicable
from auditor.observations import Note, concatenate
from auditor.panel import Panel
from auditor.rulebook.book import Hit, Rulebook, scene_of
from auditor.sources.files import read

READINGS = Path(__file__).parent / "readings.yaml"
PERIODS_SHOWN = 3


@dataclass(frozen=True)
class Look:
    """What the rules said about one metric of one panel.

    Attributes
    ----------
    panel : str
        File name, or several joined by `` + ``.
    metric : str
        '' where the panel could not be read at all.
    hits : mapping of rule to list of Hit
    ran : int
        Rules that could run.
    problem : str
        Why there is no panel; '' where there is one.
    """

    panel: str
    metric: str
    hits: Mapping[str, Sequence[Hit]]
    ran: int = 0
    notes: tuple[Note, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Accepted:
    """One line of data that accepts the hits of one rule on one panel, up to a number, for a reason."""

    panel: str
    rule: str
    most: int
    reason: str
    metric: str = ""

    def covers(self, look: Look, rule: str) -> bool:
        """Whether the line is about these hits."""
        return self.panel == look.panel and self.rule == rule and self.metric in {"", look.metric}


def accepted(path: Path) -> tuple[Accepted, ...]:
    """Read the accepted hits of a file."""
    return tuple(Accepted(**line) for line in yaml.safe_load(path.read_text(encoding="utf-8"))["accepted"])


def looks(book: Rulebook, folders: Sequence[Path]) -> Iterator[Look]:
    """Run all rules on every metric of every table of some folders, and on the joint panels of ``readings.yaml``."""
    stated: dict[str, Any] = yaml.safe_load(READINGS.read_text(encoding="utf-8"))
    files = {path.name: path for folder in folders for path in sorted(folder.glob("*.csv"))}
    joint = [names for names in stated["together"] if all(name in files for name in names)]
    for names in [*([name] for name in files), *joint]:
        title = " + ".join(names)
        try:
            parts = [read(files[name], **stated["readings"].get(name, {})) for name in names]
            panel = Panel.of(concatenate(parts))
        except AuditError as error:
            yield Look(title, "", {}, problem=str(error).split("\n", maxsplit=1)[0])
            continue
        for metric in panel.metrics:
            answers = book.hits(scene_of(panel, metric))
            spoken = {r: h for r, h in answers.items() if not isinstance(h, NotApplicable)}
            yield Look(title, metric, {r: h for r, h in spoken.items() if h}, len(spoken), panel.notes)


def report(book: Rulebook, folders: Sequence[Path], known: Sequence[Accepted]) -> Iterator[str]:
    """Yield one line per panel and metric, and one per rule that speaks on it, with the reason it is accepted for."""
    total = open_ = 0
    for look in looks(book, folders):
        if look.problem:
            yield f"{look.panel}: no panel: {look.problem}"
            continue
        count = sum(map(len, look.hits.values()))
        yield f"{look.panel} [{look.metric}]: {look.ran} rules ran, {count} hits"
        for rule, hits in look.hits.items():
            line = next((a for a in known if a.covers(look, rule)), None)
            fits = line is not None and len(hits) <= line.most
            total, open_ = total + len(hits), open_ + (0 if fits else len(hits))
            where = "; ".join(f"{h.start:%Y-%m-%d} {h.entity}".strip() for h in hits[:PERIODS_SHOWN])
            more = f" and {len(hits) - PERIODS_SHOWN} more" if len(hits) > PERIODS_SHOWN else ""
            yield f"  {rule} {book.rule(rule).name}: {len(hits)} ({where}{more})"
            yield f"      {'accepted: ' + line.reason if fits and line is not None else 'NOT ACCEPTED'}"
    yield f"{total} hits, {open_} of them not accepted"
