"""What is on record about real spikes: labels with their own uncertainty, and dated price events as a case's events."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from auditor.case import Event, EventKind
from auditor.errors import InputError
from auditor.findings import Hypothesis

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH = re.compile(r"\d{4}-\d{2}(?!-)")
#: Endings that a publisher adds to a name: an eight-digit or a short date, a bare month and day.
_STAMP = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|\d{4})(?=$|:)")


@dataclass(frozen=True)
class Label:
    """One row of the record of spikes.

    Attributes
    ----------
    name : str
        As the record names it.
    ids : tuple of str
        Ids of one product that it covers.
    start, peak, end : str
        Dates; '' where the record gives none.
    hypothesis : Hypothesis or None
        None for surges that nobody has explained.
    certainty : {'labelled', 'inferred', 'unlabelled'}
    label, reason : str
    """

    name: str
    ids: tuple[str, ...]
    start: str
    peak: str
    end: str
    hypothesis: Hypothesis | None
    certainty: str
    label: str
    reason: str


@dataclass(frozen=True)
class PriceEvent:
    """One line of the ledger of price events."""

    date: str
    entity: str
    event: str
    detail: str
    value: float | None
    as_of: str


def labels(data: Path) -> tuple[Label, ...]:
    """Read the record of labelled spikes."""
    return tuple(_label(row) for row in _rows(data / "openrouter" / "labelled_spikes.csv"))


def price_events(data: Path) -> tuple[PriceEvent, ...]:
    """Read the ledger of price events."""
    rows = _rows(data / "openrouter" / "price_events_2025-06-21_2026-06-30.csv")
    return tuple(
        PriceEvent(
            r["date"], r["entity"], r["event"], r["detail"], float(r["value"]) if r["value"] else None, r["as_of"]
        )
        for r in rows
    )


def plain(entity: str) -> str:
    """Name of an id without the date that its publisher appends.

    >>> plain("tencent/hy3-preview-20260421:free"), plain("qwen/qwen3.6-plus-04-02")
    ('tencent/hy3-preview:free', 'qwen/qwen3.6-plus')
    """
    return _STAMP.sub("", entity)


def at_no_charge(entity: str) -> bool:
    """Whether an id is a variant at no charge or an anonymous preview, which is at no charge as well."""
    return entity.endswith(":free") or stealth(entity)


def stealth(entity: str) -> bool:
    """Whether an id is an anonymous preview."""
    return entity.startswith("openrouter/") and entity.endswith("-alpha")


def events_of(ids: Sequence[str], ledger: Sequence[PriceEvent]) -> tuple[Event, ...]:
    """Events of a case for some ids, as the ledger dates them.

    An id added at a price of zero begins to be free; removed or renamed, it ends. Other additions are launches, other price lines
    price events.
    """
    found = []
    names = {plain(i): i for i in ids}
    zero = {
        (e.entity, e.date)
        for e in ledger
        if e.event == "price" and e.detail == "price_usd_per_m_input" and e.value == 0.0
    }
    for e in ledger:
        entity = names.get(plain(e.entity))
        if entity is None:
            continue
        free = (e.entity, e.date) in zero or at_no_charge(entity)
        if e.event in {"added", "added_by_rename"}:
            kind = EventKind.FREE_START if free else EventKind.LAUNCH
        elif e.event in {"removed", "renamed"} and free:
            kind = EventKind.FREE_END
        elif e.event == "price" and e.detail == "price_usd_per_m_input" and not free:
            kind = EventKind.PRICE
        else:
            continue
        found.append(Event(datetime.fromisoformat(e.date), kind, "models.dev", f"{e.event} {e.detail}".strip(), entity))
    return tuple(sorted(dict.fromkeys(found), key=lambda e: (e.date, e.kind.value, e.entity)))


def _label(row: dict[str, str]) -> Label:
    text = row["label"]
    if text.startswith("unlabelled"):
        hypothesis, certainty = None, "unlabelled"
    elif "organic" in text:
        hypothesis, certainty = Hypothesis.ORGANIC, "labelled"
    else:
        hypothesis, certainty = Hypothesis.INCENTIVISED, "inferred" if "INFERRED" in text else "labelled"
    return Label(
        name=row["model"],
        ids=_ids(row["model"]),
        start=_date(row["window_start"]),
        peak=_date(row["peak_date"]),
        end=_date(row["window_end"]),
        hypothesis=hypothesis,
        certainty=certainty,
        label=text,
        reason=row["reason"],
    )


def _ids(name: str) -> tuple[str, ...]:
    """Ids that a name stands for: ``maker/model (preview:free + 04-02:free)`` is two variants and the paid id of the second."""
    match = re.fullmatch(r"(\S+) \((.+)\)", name)
    if not match:
        return (name,)
    found: list[str] = []
    for part in match.group(2).split("+"):
        whole = f"{match.group(1)}-{part.strip()}"
        found.append(whole)
        if "preview" not in part:
            found.append(whole.removesuffix(":free"))
    return tuple(found)


def _date(text: str) -> str:
    """First full date in a text; a bare month is its last day, because an end is meant."""
    found = _DATE.search(text)
    if found:
        return found.group(0)
    month = _MONTH.search(text)
    return f"{month.group(0)}-28" if month else ""


def _rows(path: Path) -> list[dict[str, str]]:
    import csv

    if not path.is_file():
        raise InputError(
            f"the reference file {path.name} is absent", where=path.name, hint="name the folder of reference data"
        )
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
