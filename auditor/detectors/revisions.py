"""AUD173 measures how the subject's figures in the window were restated, beside the restatements of everything else.

Every reading of a cell after its period was complete counts; a restatement is the relative change from one reading to the next,
beyond rounding. Its lag runs from the end of the period to the reading that first shows it, and it counts as late only where an
earlier reading, already more than three days after the end, still held the old figure. Three things are flagged: a size above
1e-3, a direction downward, and a late one. A figure counts as corrected where a restatement of 2 % or more is downward or first seen after more
than three days, or is of 10 % or more: what was quoted is then no longer what is published.

References
----------
Croushore, D., Stark, T. (2001). A real-time data set for macroeconomists. Journal of Econometrics 105(1), 111-130.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from auditor.detectors.base import Rule, Scene
from auditor.findings import Confidence, Family, Finding, Outcome, Rows, Severity, Statistic
from auditor.kernels.conformal import conformal_rank
from auditor.observations import REMAINDER_NAMES, TOTAL_NAMES, Frequency, Status
from auditor.texts.message import Message

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RULE = Rule(id="AUD173", name="revisions", family=Family.RECORD)

#: Relative size from which a restatement is flagged.
LARGE = 1e-3

#: A restatement below zero by less than this is taken for noise of the publisher's sums (the median size on record).
TINY = 1e-5

#: Days after the end of a period from which a restatement counts as late.
LATE = 3.0

#: Size from which a figure counts as corrected: what was quoted is no longer what is published. Late records raised figures by up to 5.8 %
#: within three days on record, so a rise that is seen that soon must exceed the second size.
CORRECTED, CORRECTED_SOON = 0.02, 0.10

DAY = 86_400 * 10**9


@dataclass(frozen=True, eq=False)
class _Readings:
    """Consecutive readings of one cell, shape (S,) each: entity and row codes, values and moments of both, days of lag.

    ``cells`` are the codes ``row * n_entities + entity`` of every cell that was seen at least twice.
    """

    entity: Ints
    row: Ints
    old: Floats
    new: Floats
    change: Floats
    lag: Floats
    late: npt.NDArray[np.bool_]
    seen: npt.NDArray[np.bool_]
    names: tuple[str, ...]
    only_changes: bool
    readings: int


def detect(scene: Scene, params: Mapping[str, Any] = MappingProxyType({})) -> list[Outcome]:  # noqa: ARG001 - the contract
    """Measure the restatements of the subject's figures in the window."""
    name = scene.subject.name
    frame = scene.panel.observations.frame if scene.panel.observations is not None else None
    if frame is None or "as_of" not in frame or frame["as_of"].nunique() < 2:
        return RULE.not_applicable("one_vintage", subject=name)
    read = _read(scene, frame)
    if read is None:
        return RULE.not_applicable("one_vintage", subject=name)
    own = np.array([i for i, e in enumerate(read.names) if e in set(scene.subject.parts)], dtype=np.int64)
    here = (read.row >= scene.window.start) & (read.row < scene.window.stop)
    mine = np.isin(read.entity, own)
    again = read.seen[scene.window]
    if not own.size or not again[:, own].any():
        return RULE.not_applicable("window_once", subject=name)
    cells = int(again[:, own].sum())
    sizes = np.abs(read.change)
    subject = np.flatnonzero(here & mine)
    row = int(subject[np.argmax(sizes[subject])]) if subject.size else -1
    value = float(read.change[row]) if row >= 0 else 0.0
    reference = _largest(read, sizes, here, again, own)
    n = int(reference.size)
    rank = conformal_rank(abs(value), reference, "greater") if n else None
    flags = {
        "large": bool(subject.size) and bool((sizes[subject] > LARGE).any()),
        "down": bool(subject.size) and bool((read.change[subject] < -TINY).any()),
        "late": bool(subject.size) and bool((read.late[subject] & (sizes[subject] > TINY)).any()),
    }
    corrected = (sizes[subject] >= CORRECTED) & (
        (read.change[subject] < 0) | (read.lag[subject] > LATE) | (sizes[subject] >= CORRECTED_SOON)
    )
    restated = int(np.unique(read.row[subject] * len(read.names) + read.entity[subject])[:].size) if value else 0
    elsewhere = sizes[~(here & mine)]
    raised = sum(flags.values())
    limits = [Message.of("AUD173.limit_readings", n=read.readings), Message.of("AUD173.limit_reason")]
    if read.only_changes:
        limits.append(Message.of("AUD173.limit_changes_only"))
    if corrected.any():
        limits.append(Message.of("AUD173.limit_corrected", n=int(corrected.sum())))
    if any(flags.values()):
        limits.append(Message.of(f"AUD173.limit_flags_{'_'.join(k for k, v in flags.items() if v)}"))
    values: dict[str, Any] = {"subject": name, "cells": cells, "start": scene.span.start, "end": scene.span.end}
    if row >= 0 and value:
        values |= {
            "n": restated,
            "day": scene.day(int(read.row[row])),
            "old": float(read.old[row]),
            "new": float(read.new[row]),
            "change": value,
            "lag": float(read.lag[row]),
        }
    return [
        Finding(
            rule=RULE.id,
            version=RULE.version,
            name=RULE.name,
            family=RULE.family,
            subject=name,
            window=scene.span,
            statement=Message.of("AUD173.restated" if value else "AUD173.unchanged", **values),
            statistic=Statistic(
                name="largest relative restatement",
                value=value,
                unit="share",
                reference=Message.of("AUD173.reference" if n else "AUD173.reference_none", n=n),
                n_reference=n,
                rank=rank.rank if rank else None,
                p=rank.p if rank else None,
            ),
            variant="corrected" if corrected.any() else "flagged" if raised else "ordinary" if value else "unchanged",
            severity=Severity.HIGH if raised > 1 else Severity.MEDIUM if raised else Severity.INFO,
            confidence=Confidence.HIGH if n >= 20 else Confidence.MEDIUM if n else Confidence.LOW,
            limits=tuple(limits),
            data=Rows.of(
                date=[scene.day(int(r)) for r in read.row[subject]],
                entity=[read.names[i] for i in read.entity[subject]],
                old=read.old[subject],
                new=read.new[subject],
                relative_change=read.change[subject],
                lag_days=read.lag[subject],
            ),
            figures=MappingProxyType(
                {
                    "cells": float(cells),
                    "restated_cells": float(restated),
                    "corrected_steps": float(corrected.sum()),
                    **{flag: float(on) for flag, on in flags.items()},
                    "elsewhere_steps": float(elsewhere.size),
                    "elsewhere_above_1e-3": float((elsewhere > LARGE).mean()) if elsewhere.size else float("nan"),
                    "elsewhere_downward": float((read.change[~(here & mine)] < -TINY).mean())
                    if elsewhere.size
                    else float("nan"),
                    "elsewhere_median": float(np.median(elsewhere[elsewhere > 0]))
                    if (elsewhere > 0).any()
                    else float("nan"),
                }
            ),
        )
    ]


def _read(scene: Scene, frame: "pd.DataFrame") -> _Readings | None:
    """Collect the readings of every entity's cells; None where no cell was read twice after its period."""
    import pandas as pd

    metric = frame["metric"].astype("category")
    where = [str(c) for c in metric.cat.categories].index(scene.table.metric)
    entity = frame["entity"].astype("category")
    names = tuple(str(c) for c in entity.cat.categories)
    skipped = np.array([n.strip().lower() in REMAINDER_NAMES | TOTAL_NAMES for n in names] or [False])
    stamps = frame["as_of"].astype("category")
    labels = pd.Series(stamps.cat.categories.astype(str))
    times = pd.to_datetime(labels, errors="coerce", utc=True, format="ISO8601")
    parsed = np.where(times.notna(), times.to_numpy(dtype="datetime64[ns]").view(np.int64), -1)
    moment = np.where(stamps.cat.codes.to_numpy() >= 0, parsed[stamps.cat.codes.to_numpy()], -1)
    dates = pd.DatetimeIndex(frame["date"])
    row = scene.table.dates.get_indexer(dates)
    ends = dates.as_unit("ns").asi8 + _length(scene.panel.frequency)
    value = frame["value"].to_numpy(dtype=np.float64)
    good = (metric.cat.codes.to_numpy() == where) & (row >= 0) & (moment >= ends) & np.isfinite(value) & (value > 0)
    good &= ~skipped[entity.cat.codes.to_numpy()]
    if "status" in frame:
        good &= frame["status"].to_numpy() != Status.PARTIAL
    kept = np.flatnonzero(good)
    if not kept.size:
        return None
    codes = entity.cat.codes.to_numpy().astype(np.int64)
    cell = row[kept] * len(names) + codes[kept]
    order = np.lexsort((np.arange(kept.size), moment[kept], cell))
    kept, cell = kept[order], cell[order]
    last = np.append((cell[1:] != cell[:-1]) | (moment[kept][1:] != moment[kept][:-1]), True)
    kept, cell = kept[last], cell[last]
    pair = np.flatnonzero(cell[1:] == cell[:-1])
    a, b = kept[pair], kept[pair + 1]
    everything = np.unique(moment[kept])
    if everything.size < 2 or not pair.size:
        return None
    slack = _slack(frame, a) + _slack(frame, b) + 1e-12 * value[b]
    change = np.where(np.abs(value[b] - value[a]) > slack, value[b] / value[a] - 1.0, 0.0)
    only_changes = bool((value[a] != value[b]).all())
    before = everything[np.searchsorted(everything, moment[b]) - 1] if only_changes else moment[a]
    seen: npt.NDArray[np.bool_] = np.zeros(len(scene.table.dates) * len(names), dtype=bool)
    seen[cell[pair]] = True
    if only_changes:
        # A log of changes holds one row for a figure that stood: it was seen again by every later reading.
        first = np.append(True, cell[1:] != cell[:-1])
        seen[cell[first][moment[kept][first] < everything[-1]]] = True
    return _Readings(
        entity=codes[b],
        row=np.asarray(row[b], dtype=np.int64),
        old=value[a],
        new=value[b],
        change=change,
        lag=(moment[b] - ends[b]) / DAY,
        late=((before - ends[b]) / DAY > LATE),
        seen=seen.reshape(len(scene.table.dates), len(names)),
        names=names,
        only_changes=only_changes,
        readings=int(everything.size),
    )


def _largest(
    read: _Readings, sizes: Floats, here: npt.NDArray[np.bool_], again: npt.NDArray[np.bool_], own: Ints
) -> Floats:
    """Largest restatement of every other entity inside the window, of those seen again there."""
    largest = np.zeros(len(read.names))
    np.maximum.at(largest, read.entity[here], sizes[here])
    others: npt.NDArray[np.bool_] = np.asarray(again.any(axis=0))
    others[own] = False
    return largest[others]


def _slack(frame: "pd.DataFrame", rows: npt.NDArray[np.intp]) -> Floats:
    """Half width of the rounding interval of some rows; zero where none is stated."""
    if "low" not in frame or "high" not in frame:
        return np.zeros(rows.size)
    width = frame["high"].to_numpy(dtype=np.float64)[rows] - frame["low"].to_numpy(dtype=np.float64)[rows]
    return np.where(np.isfinite(width), 0.5 * width, 0.0)


def _length(frequency: Frequency) -> int:
    """Longest period of a spacing in nanoseconds."""
    return 31 * DAY if frequency is Frequency.MONTH else round(frequency.days * DAY)
