"""Cells whose meaning is settled -> :class:`~auditor.observations.Observations`.

Here duplicates, conflicts, counters and incomplete periods are found, the same way for every format and for both the
careful and the fast reader.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.errors import InputError, Where
from auditor.observations import Frequency, Note, Observations, Source, Status
from auditor.sources.tabular import counters
from auditor.sources.tabular.cells import Cells, Coded
from auditor.sources.tabular.duplicates import without_duplicates
from auditor.sources.tabular.headers import read_heading
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.words import counted

#: Below this count a figure may well be zero in some other period (a Poisson count of 20 is zero twice in 10^9 periods).
LEAST_COUNT = 20.0


def assemble(
    cells: Cells,
    frequency: Frequency,
    source: Source,
    notes: Sequence[Note],
    options: Options,
    printed: Sequence[Cells] = (),
) -> Observations:
    """Build observations from settled cells.

    Parameters
    ----------
    cells : Cells
    frequency, source, notes, options
    printed : sequence of Cells
        Ranks and shares printed beside the figures; kept for the rules that compare them.

    Raises
    ------
    InputError
        When rows contradict each other beyond restatement, or figures look like a counter and nothing was stated.
    NotPlainError
        When cells without line numbers are not free of trouble.
    """
    told = list(notes)
    known = np.isfinite(cells.value)
    if cells.status is not None:
        known |= cells.status == Status.CENSORED
    if not known.all():
        blank = int((~known).sum())
        told.append(
            Note(
                "blank",
                f"{counted(blank, 'cell without a figure', 'cells without a figure')}: missing or below a cut-off, never zero",
                source.file,
                blank,
            )
        )
        cells = cells.take(known)
    if not len(cells.value):
        raise InputError(
            "the input holds no figure", where=Where(source.file), hint="check that the figures are not blank"
        )
    if options.frequency is None and frequency is Frequency.DAY:
        _refuse_longer_periods(cells, source.file)
    cells, left_out = without_duplicates(cells, source.file, told)
    _drop_repeated_label(cells, frequency, source, told)
    cells = counters.settle(cells, frequency, source.file, told, options)
    _mark_incomplete(cells, frequency, source, told, options)
    _note_zeros(cells, source.file, told)
    # Readings of a counter became differences: rows left out before that are no figures per period.
    kept = left_out is not None and left_out.metric.names == cells.metric.names and options.difference is not True
    repeats = _frame(left_out, source) if left_out is not None and kept else None
    beside = tuple(
        Observations(_frame(part, source), frequency, (source,)) for part in printed if np.isfinite(part.value).any()
    )
    if beside:
        named = " and ".join(part.metric.names[0] for part in printed)
        text = f"the printed {named} of each figure is kept for the rules that compare it, and used by no test"
        told.append(Note("printed", text, source.file))
    return Observations(_frame(cells, source), frequency, (source,), tuple(told), beside, repeats)


def companion(name: str, value: npt.NDArray[np.float64], cells: Cells) -> Cells:
    """Return a printed rank or share as cells of its own."""
    known = np.isfinite(value)
    part = Cells(
        date=cells.date,
        entity=cells.entity,
        metric=Coded.constant(name, len(value)),
        value=value,
        as_of=cells.as_of,
        line=cells.line,
        unit={name: ""},
    )
    return part if known.all() else part.take(known)


def _refuse_longer_periods(cells: Cells, file: str) -> None:
    """Refuse a metric that is spaced by weeks or months beside others that are spaced by days."""
    for code, metric in enumerate(cells.metric.names) if len(cells.metric.names) > 1 else ():
        rows = np.flatnonzero(cells.metric.codes == code)
        days = cells.date.starts[np.unique(cells.date.codes[rows])].astype("datetime64[D]")
        steps = np.diff(days).astype(np.int64)
        if len(steps) < 3:
            continue
        weekly = steps.min() == 7 and not (steps % 7).any()
        monthly = steps.min() >= 28 and bool((days == days.astype("datetime64[M]").astype("datetime64[D]")).all())
        if weekly or monthly:
            raise InputError(
                f"the figures of {metric!r} are spaced by {'weeks' if weekly else 'months'}, others of the file by days",
                where=Where(file, None if cells.line is None else int(cells.line[rows[0]]), field=metric),
                hint=f"read one metric at a time (metric={metric!r}), or state frequency='day' if all are daily figures",
            )


def _drop_repeated_label(cells: Cells, frequency: Frequency, source: Source, notes: list[Note]) -> None:
    """Drop an ``as_of`` that repeats the label of a week's end: it does not say when the figures were read."""
    if frequency is not Frequency.WEEK or cells.as_of is None or not any(n.code.startswith("week_") for n in notes):
        return
    if any(re.fullmatch(r"\d{4}-\d{2}-\d{2}", name) is None for name in cells.as_of.names):
        return
    stated = np.array(cells.as_of.names, dtype="datetime64[D]")[cells.as_of.codes]
    days = (stated - cells.date.values.astype("datetime64[D]")).astype(np.int64)
    if not np.isin(days, (6, 7)).all() or not (days == 6).any():
        return
    cells.as_of = None
    text = "as_of repeats the day on which each week ended: it does not say when the figures were read, and is not used"
    notes.append(Note("as_of_label", text, source.file))


def _mark_incomplete(cells: Cells, frequency: Frequency, source: Source, notes: list[Note], options: Options) -> None:
    """Mark figures partial that were read before their period was over."""
    length = {"hour": "h", "day": "D", "week": "D", "month": "M"}[frequency.value]
    step = 7 if frequency is Frequency.WEEK else 1
    moments = [_moment(options.retrieved_at or source.as_of)]
    if cells.as_of is not None:
        moments = [_moment(name) for name in cells.as_of.names]
    if all(moment is None for moment in moments):
        return
    latest = np.array([np.datetime64("NaT") if m is None else m for m in moments], dtype="datetime64[s]")
    starts, number = cells.date.starts, cells.date.codes
    ends = (starts.astype(f"datetime64[{length}]") + step).astype("datetime64[s]")
    read = latest[0] if cells.as_of is None else latest[cells.as_of.codes]
    early = np.asarray(read < ends[number])
    if not early.any():
        return
    touched = np.unique(number[early])
    if len(touched) == len(cells.date.used()) > 2:
        notes.append(
            Note(
                "read_inside",
                f"every figure was read before its {frequency.value} was over: they may cover the time up to the reading, "
                "not the calendar period",
                source.file,
                int(early.sum()),
            )
        )
        return
    cells.status = cells.states()
    cells.status[early & (cells.status != Status.CENSORED)] = Status.PARTIAL
    named = ", ".join(str(starts[i])[:10] for i in touched[:3])
    notes.append(
        Note(
            "partial",
            f"{counted(len(touched), f'{frequency.value} was', f'{frequency.value}s were')} not over when the figures were read ({named}); marked partial",
            source.file,
            len(touched),
        )
    )


def _moment(text: str) -> np.datetime64 | None:
    """Return the moment of a publication date; a bare day counts from its start, as its end may not have been reached."""
    from auditor.sources.tabular.dates import Kind, read_label

    try:
        label = read_label(text)
    except InputError:
        return None
    if label.other is not None or label.kind not in {Kind.DAY, Kind.INSTANT, Kind.NAIVE}:
        return None
    return np.datetime64(label.when, "s")


def _note_zeros(cells: Cells, file: str, notes: list[Note]) -> None:
    """Say so where zeros look like absences that somebody filled in, once for all metrics."""
    several = len(cells.metric.names) > 1
    found: dict[str, int] = {}
    names: dict[str, None] = {}
    for code, metric in enumerate(cells.metric.names):
        # Prices, shares and changes are zero for reasons of their own.
        if several and (read_heading(metric).is_share or "price" in metric.lower()):
            continue
        count, doubtful = _zeros(cells.take(cells.metric.codes == code) if several else cells)
        if doubtful:
            found[metric] = count
            names |= dict.fromkeys(doubtful)
    if not found:
        return
    total, shown = sum(found.values()), ", ".join(sorted(names)[:3]) + (" and others" if len(names) > 3 else "")
    of = f" of {', '.join(found)}" if several else ""
    text = f"{counted(total, 'zero')}{of}, in {shown}, may be absences that were filled in: each jumps between 0 and the list's cut-off"
    notes.append(Note("zero_filled", text, file, total))


def _zeros(cells: Cells) -> tuple[int, list[str]]:
    """Count the zeros of one metric, and name the entities that jump between zero and the list's cut-off."""
    zero = cells.value == 0
    if not zero.any():
        return 0, []
    number = cells.date.codes
    smallest = np.full(len(cells.date.starts), np.inf)
    positive = cells.value > 0
    np.minimum.at(smallest, number[positive], cells.value[positive])
    with_zero = np.zeros(len(cells.entity.names), dtype=bool)
    with_zero[cells.entity.codes[zero]] = True
    floor = np.full(len(cells.entity.names), np.inf)
    np.minimum.at(floor, cells.entity.codes[positive], cells.value[positive])
    typical = float(np.median(smallest[np.isfinite(smallest)])) if np.isfinite(smallest).any() else np.inf
    # A count that is otherwise small reaches zero by itself; one that never falls below 20 does not.
    least = LEAST_COUNT if float(np.nanmax(cells.value)) > 1 else 0.0
    doubtful = with_zero & np.isfinite(floor) & (floor >= max(least, typical / 2))
    if len(cells.entity.names) < 2:
        return 0, []
    return int(zero.sum()), [cells.entity.names[i] for i in np.flatnonzero(doubtful)]


def _frame(cells: Cells, source: Source) -> pd.DataFrame:
    columns: dict[str, object] = {
        "date": cells.date.values.astype("datetime64[s]", copy=False),
        "entity": cells.entity.categorical(),
        "metric": cells.metric.categorical(),
        "value": cells.value,
    }
    if cells.low is not None and cells.high is not None:
        columns |= {"low": cells.low, "high": cells.high}
    if cells.status is not None:
        columns["status"] = cells.status
    if any(cells.unit.values()):
        metric = cells.metric
        columns["unit"] = Coded(metric.codes, [cells.unit.get(name, "") for name in metric.names]).categorical_merged()
    as_of = cells.as_of or (Coded.constant(source.as_of, len(cells.value)) if source.as_of else None)
    if as_of is not None:
        columns["as_of"] = as_of.categorical()
    if cells.dimension is not None:
        columns["dimension"] = cells.dimension.categorical()
    columns["snapshot"] = Coded.constant(source.sha256, len(cells.value)).categorical()
    return pd.DataFrame(columns, copy=False)
