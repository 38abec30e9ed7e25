"""Figures that run on: found, refused, or turned into figures per period when asked to."""

import re
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from auditor.errors import InputError, Where
from auditor.observations import Frequency, Note
from auditor.sources.tabular.cells import Cells, Dates
from auditor.sources.tabular.headers import CUMULATIVE
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.words import counted

#: Consecutive periods without a single fall that a figure per period does not show (days have weekends, hours nights).
LONG_RISE = 21
#: Share of steps that may fall (a restated or reset counter) and that must rise for figures to look like a counter.
MOST_FALLS, LEAST_RISES = 0.01, 0.2
_COUNTER_NAMES = re.compile(r"^(?:pull_count|star_count|stars|total_downloads|total_pulls|total_views|total_installs)$")


def settle(cells: Cells, frequency: Frequency, file: str, notes: list[Note], options: Options) -> Cells:
    """Refuse or difference counters.

    Raises
    ------
    InputError
        When figures run on and ``difference`` was not stated, or cannot be differenced.
    """
    if options.difference is False:
        return cells
    if options.difference:
        return difference(cells, frequency, file, notes)
    for code, metric in enumerate(cells.metric.names):
        rows = np.flatnonzero(cells.metric.codes == code) if len(cells.metric.names) > 1 else slice(None)
        part = cells.take(rows) if isinstance(rows, np.ndarray) else cells
        if not len(part.value):
            continue
        named = bool(CUMULATIVE.search(metric))
        suspected = named or bool(_COUNTER_NAMES.match(metric))
        longest, steps, falls, rises = _runs(part)
        never = falls <= MOST_FALLS * steps and rises >= LEAST_RISES * steps and rises > 0
        if (
            named
            or (suspected and never and rises >= 2)
            or (never and longest >= LONG_RISE and frequency in {Frequency.HOUR, Frequency.DAY})
        ):
            raise InputError(
                f"the figures of {metric!r} {'run on by their name' if named else 'never fall'}: they look like a counter, not like figures per {frequency.value}",
                where=Where(file, field=metric),
                hint="state difference=True to audit the increase per period, or difference=False if they are figures per period",
            )
        if never and longest >= 5:
            notes.append(
                Note(
                    "never_falls",
                    f"the figures of {metric!r} never fall in {longest + 1} periods: check that they are not a running total",
                    file,
                )
            )
    return cells


def _runs(cells: Cells) -> tuple[int, int, int, int]:
    """Return the most steps any entity has, and the number of steps, falls and rises over all entities."""
    number = cells.date.codes
    entities = len(cells.entity.names)
    order = np.argsort(number, kind="stable") if (np.diff(number) < 0).any() else slice(None)
    when, who, value = number[order], cells.entity.codes[order], cells.value[order]
    last = np.full(entities, np.nan)
    steps = np.zeros(entities, dtype=np.int64)
    falls = rises = 0
    edges = np.searchsorted(when, np.arange(len(cells.date.starts) + 1))
    for start, stop in pairwise(edges.tolist()):
        today, figures = who[start:stop], value[start:stop]
        with np.errstate(invalid="ignore"):
            falls += int((figures < last[today]).sum())
            rises += int((figures > last[today]).sum())
        steps[today] += np.isfinite(last[today])
        last[today] = figures
    return int(steps.max(initial=0)), int(steps.sum()), falls, rises


def difference(cells: Cells, frequency: Frequency, file: str, notes: list[Note]) -> Cells:
    """Turn readings of a counter into increases per period.

    Each increase is given to the period that holds the middle of the time between two readings. Readings further apart than
    one and a half periods leave the periods between them missing, and so does a counter that fell (it was reset).

    Raises
    ------
    InputError
        When no two readings are one period apart.
    """
    if frequency is Frequency.MONTH:
        raise InputError(
            "counters can be differenced by hour, day or week", where=Where(file), hint="state frequency='day'"
        )
    length = np.timedelta64(round(frequency.days * 86400), "s")
    order = np.lexsort((cells.date.codes, cells.entity.codes, cells.metric.codes))
    ordered = cells.take(order)
    same = (ordered.entity.codes[1:] == ordered.entity.codes[:-1]) & (
        ordered.metric.codes[1:] == ordered.metric.codes[:-1]
    )
    moments = ordered.date.values
    before, after = moments[:-1], moments[1:]
    gap = after - before
    near = same & (gap <= length * 3 // 2) & (gap * 2 >= length)
    rise = ordered.value[1:] - ordered.value[:-1]
    fell, far = near & (rise < 0), same & ~near
    good = np.flatnonzero(near & (rise >= 0))
    if not len(good):
        raise InputError(
            f"no two readings are one {frequency.value} apart",
            where=Where(file),
            hint="state the frequency of the readings",
        )
    result = ordered.take(good)
    unit = {"hour": "h", "day": "D", "week": "D"}[frequency.value]
    middle = before[good] + gap[good] // 2
    starts = (
        before[good].astype("datetime64[D]") if frequency is Frequency.WEEK else middle.astype(f"datetime64[{unit}]")
    )
    result.date = Dates.of(starts.astype("datetime64[s]"))
    result.value = rise[good]
    if ordered.low is not None and ordered.high is not None:
        low: npt.NDArray[np.float64] = ordered.low[1:][good] - ordered.high[:-1][good]
        result.low = np.maximum(low, 0.0)
        result.high = ordered.high[1:][good] - ordered.low[:-1][good]
    notes.append(Note("differenced", f"figures are increases of a counter, {len(good):,} of them", file, len(good)))
    if far.any():
        notes.append(
            Note(
                "counter_gap",
                f"readings lie further apart {counted(int(far.sum()), 'time')}; the periods between stay missing",
                file,
                int(far.sum()),
            )
        )
    if fell.any():
        notes.append(
            Note(
                "counter_fell",
                f"the counter fell {counted(int(fell.sum()), 'time')}; those periods are missing",
                file,
                int(fell.sum()),
            )
        )
    return result
