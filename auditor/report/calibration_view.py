"""What the template of the calibration page sees: sections of paragraphs, charts and tables, in the order of reading."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from auditor.findings import Rows
from auditor.report.clean import clean
from auditor.report.words import Words
from auditor.texts.formats import percent

if TYPE_CHECKING:
    from auditor.report.charts.base import Chart

TIERS = ("1", "2", "3")
TRUTHS = ("data_error", "organic", "incentivised", "concentrated", "inflated")
LENGTHS = (1, 3, 7, 14, 28)

#: Length in days of the injections whose power is drawn: the one that the bar names.
DRAWN = 14

#: What the analyst was told of an offer, last part of an episode's name.
_KNOWLEDGE = ("documented", "silent", "hidden")


@dataclass(frozen=True)
class Cell:
    """One cell: its text, a smaller line below, and a class that tints it."""

    text: str
    note: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Grid:
    """One table; the first cell of each row heads it."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    file: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    key: str
    heading: str
    intro: Sequence[str] = ()
    charts: "Sequence[tuple[Chart, str]]" = ()
    grids: Sequence[Grid] = ()
    points: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class CalibrationView:
    """The document of a calibration, read with care: whatever is missing is not measured."""

    document: Mapping[str, Any]
    language: str = "en"
    words: Words = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", Words(self.language))

    def t(self, key: str, **values: Any) -> str:
        """Return a text of ``calibration.yaml``."""
        return clean(self.words.catalogue.text(f"calibration.{key}", **values))

    def label(self, group: str, name: Any) -> str:
        """Return the label of a coded value, or the value as words."""
        key = f"{group}.{name}"
        if self.words.catalogue.has(f"calibration.{key}"):
            return self.t(key)
        return clean(str(name).replace("_", " "))

    def truth(self, name: Any) -> str:
        """Return the name of an explanation."""
        if name == "insufficient":
            return self.t("insufficient")
        return self.words.label("hypothesis", f"{name}.name") if name in TRUTHS else clean(str(name))

    # What is written of a number.

    def share(self, value: Any) -> str:
        """Write a share as a percentage."""
        found = number(value)
        if found is None:
            return self.t("not_measured")
        # Two digits where shares are small: 0.11 % is not 0.1 %, and the bar lies there.
        if 0 < abs(found) < 0.00995:
            return f"{100 * found:.2g}{'%' if self.language == 'zh' else ' %'}"
        return percent(found, self.language)

    def two(self, value: Any) -> str:
        """Write a cost with two decimals."""
        found = number(value)
        return self.t("not_measured") if found is None else f"{found:.2f}"

    def rate(self, value: Any, kind: str = "") -> Cell:
        """Write a share with its count and interval."""
        r = mapping(value)
        if number(r.get("value")) is None or not number(r.get("total")):
            return Cell(self.t("not_measured"), kind="none")
        return Cell(self.share(r["value"]), self.t("rate_note", **self._rate(r)), kind)

    def _rate(self, r: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "count": int(number(r.get("count")) or 0),
            "total": int(number(r.get("total")) or 0),
            "low": self.share(r.get("low")),
            "high": self.share(r.get("high")),
        }

    def tier(self, tier: str) -> Mapping[str, Any]:
        """Return the figures of a tier."""
        return mapping(mapping(self.document.get("tiers")).get(tier))

    @cached_property
    def headline(self) -> str:
        """How often the tool is wrong, in one paragraph."""
        said = []
        for tier in TIERS:
            r = mapping(self.tier(tier).get("false_accusation"))
            if number(r.get("value")) is None or not number(r.get("total")):
                said.append(self.t("headline.missing", tier=self.t(f"tier_phrase.{tier}")))
            else:
                told = self._rate(r) | {"value": self.share(r["value"])}
                said.append(self.t("headline.rate", tier=self.t(f"tier_phrase.{tier}"), **told))
        power = [self.t("headline.power_of", tier=t, value=self.share(self._power(t))) for t in TIERS]
        joint = self.t("joint") + ("" if self.language == "zh" else " ")
        return self.t("headline.text", rates=joint.join(said), power=joint.join(power))

    def _power(self, tier: str) -> Any:
        return mapping(self.tier(tier).get("power")).get("value")

    @property
    def quick(self) -> bool:
        """Whether this was a run on part of the episodes."""
        return bool(self.document.get("quick"))

    @cached_property
    def facts(self) -> Sequence[tuple[str, str]]:
        """What was counted, and how to repeat it."""
        origin, counts = mapping(self.document.get("origin")), mapping(self.document.get("counts"))
        folds, chosen = mapping(self.document.get("folds")), mapping(self.document.get("chosen"))

        def whole(value: Any) -> str:
            found = number(value)
            return self.t("not_measured") if found is None else f"{found:,.0f}"

        return [
            (self.t("facts.command"), clean(str(origin.get("command") or self.t("not_measured")))),
            (self.t("facts.seed"), whole(self.document.get("seed"))),
            (self.t("facts.version"), clean(str(self.document.get("version") or self.t("not_measured")))),
            (self.t("facts.method"), clean(" / ".join(str(v) for v in chosen.values())) or self.t("not_measured")),
            (self.t("facts.episodes"), whole(counts.get("episodes"))),
            (self.t("facts.used"), whole(counts.get("used"))),
            (self.t("facts.unlabelled"), whole(counts.get("unlabelled"))),
            (self.t("facts.failed"), whole(counts.get("failed"))),
            (
                self.t("facts.folds"),
                self.t("facts.folds_value", a=whole(folds.get("entities")), b=whole(folds.get("weeks"))),
            ),
        ]

    @cached_property
    def sections(self) -> Sequence[Section]:
        """All parts, in the order of reading."""
        from auditor.report import calibration_sections

        return calibration_sections.sections(self)

    @cached_property
    def files(self) -> Mapping[str, Rows]:
        """The figures of charts and tables by file name."""
        files: dict[str, Rows] = {}
        for section in self.sections:
            for chart, name in section.charts:
                files[name] = chart.rows
        from auditor.report.calibration_data import tables

        return files | tables(self)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def listing(value: Any) -> list[Mapping[str, Any]]:
    """Return the mappings of a list, anything else as an empty one."""
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list | tuple) else []


def number(value: Any) -> float | None:
    """Return a finite number, None of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def spike(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what an episode is about, and what was told of its offer ('' where there is no such variant)."""
    episode, source = str(row.get("episode", "")), str(row.get("source", ""))
    _, found, rest = episode.partition(f"/{source}/")
    rest = rest if found and source else episode
    head, _, last = rest.rpartition("/")
    return (head, last) if head and last in _KNOWLEDGE else (rest, "")
