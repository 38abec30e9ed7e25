"""The report's words: catalogue texts, messages and numbers as the reader sees them."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from auditor.claims.base import Interval
from auditor.observations import Frequency
from auditor.panel import Table
from auditor.report.clean import clean
from auditor.texts.catalogue import Catalogue, catalogue
from auditor.texts.formats import day, percent, plain, quantity
from auditor.texts.message import Message

#: A contribution smaller than this (a likelihood ratio of 1.12) counts as none.
NEGLIGIBLE = 0.05


#: Typographic minus sign, as wide as the plus sign; and what stands for a value that is not known.
MINUS, NO_VALUE = "\u2212", "\u2013"


class Words:
    """Writes everything of one report in one language.

    Parameters
    ----------
    language : str
        A language of :mod:`auditor.texts`.
    """

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.catalogue: Catalogue = catalogue(language)

    def t(self, key: str, **values: Any) -> str:
        """Return a text of ``report.yaml``; a missing key is a defect and raises ``KeyError``."""
        return clean(self.catalogue.text(f"report.{key}", **values))

    def label(self, group: str, name: str) -> str:
        """Return the label of a coded value (family, event kind), or the value itself where none is known."""
        key = f"{group}.{name}"
        return self.t(key) if self.catalogue.has(f"report.{key}") else clean(str(name).replace("_", " "))

    def say(self, message: Message | None) -> str:
        """Return the sentence of a message; its key and values where the catalogue lacks it (a rule of the user's own)."""
        if message is None:
            return ""
        if self.catalogue.has(message.key):
            try:
                return clean(self.catalogue.write(message))
            except (KeyError, ValueError, TypeError, IndexError, AttributeError):
                pass
        values = "; ".join(f"{k}: {plain(v)}" for k, v in message.values.items())
        return clean(f"{message.key} ({values})" if values else message.key)

    def title(self, rule: str, name: str, own: str = "") -> str:
        """Return the title of a rule in this language, the one it brought along, or its short name as words."""
        key = f"{rule}.title"
        if self.catalogue.has(key):
            return clean(self.catalogue.text(key))
        return clean(own) or clean(name.replace("_", " ").capitalize())

    def about(self, rule: str, part: str) -> str:
        """Return one text about a rule (``question``, ``measures``, ``error_rates``); '' where there is none."""
        found = self.catalogue.texts.get(f"{rule}.{part}", "")
        return clean(found.strip()) if isinstance(found, str) else ""

    def entries(self, rule: str, part: str) -> Sequence[str]:
        """Return a list about a rule (``alternatives``, ``misleads``); empty where there is none."""
        return [clean(entry) for entry in self.catalogue.entries(f"{rule}.{part}")]

    def answer(self, hypothesis: str) -> str:
        """Return the name of an explanation, or that the evidence is insufficient."""
        key = f"hypothesis.{hypothesis}.name"
        return self.t(key) if self.catalogue.has(f"report.{key}") else self.t("verdict.insufficient")

    def number(self, value: Any, unit: str = "") -> str:
        """Write a value of a table: dates as dates, large numbers as quantities, small ones to four digits."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return NO_VALUE
        if isinstance(value, bool):
            return self.t("yes") if value else self.t("no")
        if isinstance(value, datetime):
            return day(value, self.language)
        if isinstance(value, int | float):
            if math.isinf(value):
                return "∞" if value > 0 else f"{MINUS}∞"
            if unit.startswith("share"):
                return percent(value, self.language)
            text = quantity(value, self.language) if abs(value) >= 1e5 else f"{value:,.4g}"
            return text.replace("-", MINUS, 1) if text.startswith("-") else text
        return clean(str(value))

    def measure(self, value: float, unit: str) -> str:
        """Write a statistic with its unit; a share reads as a percentage of what it is a share of."""
        rest = unit.removeprefix("share").strip() if unit.startswith("share") else unit
        return f"{self.number(value, unit)} {clean(rest)}".strip()

    def unit(self, table: Table) -> str:
        """Return what a table counts: its unit, or the name of its metric."""
        return clean(table.unit or ("" if table.metric == "value" else table.metric.replace("_", " ")))

    def axis(self, frequency: Frequency) -> str:
        """Return the pattern in which the dates of an axis are written."""
        return self.t(f"axis.{frequency.value}")

    def change(self, value: float) -> str:
        """Write a change with its sign, to three digits."""
        if value == 0:
            return "0"
        text = f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.3g}"
        return text.replace("-", MINUS)

    def interval(self, interval: Interval | None) -> str:
        """Write the values that a claimed figure stands for."""
        if interval is None:
            return ""
        if interval.low == interval.high:
            return self.number(interval.value)
        low, high = self.number(interval.low), self.number(interval.high)
        unit = high.partition(" ")[2]
        return self.t("findings.between", low=low.removesuffix(f" {unit}") if unit else low, high=high)

    def signed(self, value: float) -> str:
        """Write a log10 likelihood ratio with its sign: ``+1.3``, a minus sign of its own, ``0``."""
        if abs(value) < NEGLIGIBLE:
            return "0"
        return f"{value:+.1f}".replace("-", MINUS)

    def times(self, log10_lr: float) -> str:
        """Write a log10 likelihood ratio as "60 times more" or "25 times less" probable, or "as probable"."""
        if abs(log10_lr) < NEGLIGIBLE:
            return self.t("lr.same")
        return self.t("lr.more" if log10_lr > 0 else "lr.less", times=_ratio(log10_lr))

    def times_plain(self, log10_lr: float) -> str:
        """Write a log10 likelihood ratio as a bare factor."""
        return _ratio(log10_lr)

    def factor(self, log10_lr: float) -> str:
        """Write a log10 likelihood ratio in one or two words: times 60, divided by 25."""
        if abs(log10_lr) < NEGLIGIBLE:
            return self.t("lr.same")
        return self.t("lr.multiply" if log10_lr > 0 else "lr.divide", times=_ratio(log10_lr))

    def date(self, value: datetime) -> str:
        """Write a date."""
        return day(value, self.language)


def _ratio(log10_lr: float) -> str:
    ratio = 10 ** abs(log10_lr)
    return f"{ratio:,.1f}" if ratio < 10 else f"{float(f'{ratio:.2g}'):,.0f}"
