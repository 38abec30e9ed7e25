"""A table of raw cells with known roles -> settled cells. Shared by every format that the careful reader takes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from auditor.errors import AuditError, ErrorList, InputError, Where
from auditor.observations import Frequency, Note, Observations, Source, Status
from auditor.panel import nearest
from auditor.sources.tabular.assemble import assemble, companion
from auditor.sources.tabular.cells import Cells, Coded, Dates
from auditor.sources.tabular.columns import Column, Figures, decimal_marks, read_figures
from auditor.sources.tabular.dates import is_label
from auditor.sources.tabular.flags import read_status
from auditor.sources.tabular.headers import Heading, Role, Weeks, read_heading
from auditor.sources.tabular.layout import Layout, Shape
from auditor.sources.tabular.numbers import is_missing, read_tail
from auditor.sources.tabular.options import Options
from auditor.sources.tabular.periods import PeriodFinder, Periods
from auditor.sources.tabular.raw import RawTable
from auditor.sources.tabular.words import counted


def build(table: RawTable, layout: Layout, options: Options, source: Source, notes: Sequence[Note]) -> Observations:
    """Turn a raw table into observations.

    Raises
    ------
    InputError or ErrorList
        For everything that cannot be read in one way only, with its line and column.
    """
    told = [*notes, *layout.notes]
    layout = _chosen(layout, options, table)
    table = _of_metric(table, layout, options)
    table = _without_trailer(table, layout, told)
    periods, number = _periods(table, layout, options)
    told.extend(periods.notes)
    dated = ~np.isnat(periods.starts[number])
    if not dated.all():
        table = table.keep(np.flatnonzero(dated).tolist())
        number = number[dated]
    dates = Dates.of_labels(periods.starts, number)
    _refuse_unnamed(table, layout)
    power = _stated_power(table, layout)
    signed = _changes(table, layout)
    columns = [
        Column(
            table.columns[i],
            table.lines,
            _scaled(layout.headings[i], power),
            i + 1,
            table.file,
            [True] * len(table.lines) if layout.headings[i].is_change else signed,
        )
        for i in layout.values
    ]
    further: dict[Role, Column] = {
        role: Column(table.columns[i], table.lines, _scaled(layout.headings[i], power), i + 1, table.file)
        for role, i in layout.roles.items()
        if role in {Role.BOUND, Role.LOW, Role.HIGH}
    }
    decimals = decimal_marks([*columns, *further.values()], options.decimal)
    figures = [read_figures(column, mark) for column, mark in zip(columns, decimals, strict=False)]
    sides = {
        role: read_figures(c, mark) for (role, c), mark in zip(further.items(), decimals[len(columns) :], strict=True)
    }
    for figure in figures:
        told.extend(figure.notes)
    status = read_status(table, layout, told)
    cells = _stack(table, layout, options, dates, figures, sides, status)
    printed = [] if options.difference else _printed(table, layout, cells, told)
    return assemble(cells, periods.frequency, source, told, options, printed)


def _printed(table: RawTable, layout: Layout, cells: Cells, notes: list[Note]) -> list[Cells]:
    """Read the ranks and shares printed beside the figures; a column that cannot be read is left out, with a note."""
    found = []
    for name, i in layout.companions.items():
        column = Column(table.columns[i], table.lines, layout.headings[i], i + 1, table.file)
        try:
            figures = read_figures(column, decimal_marks([column], None)[0])
        except (InputError, ErrorList) as error:
            first = error.errors[0] if isinstance(error, ErrorList) else error
            text = f"column not used: {layout.headings[i].raw} ({first.what})"
            notes.append(Note("ignored_columns", text, f"{table.file}:{table.heading_line}"))
            continue
        found.append(companion(name, figures.value, cells))
    return found


def _chosen(layout: Layout, options: Options, table: RawTable) -> Layout:
    """Keep the one metric column that was asked for."""
    if layout.shape is Shape.WIDE or Role.METRIC in layout.roles or not options.metric:
        return layout
    wanted = [i for i in layout.values if options.metric in {layout.headings[i].key, layout.headings[i].raw}]
    if not wanted and len(layout.values) == 1 and layout.headings[layout.values[0]].is_general:
        return layout
    if not wanted:
        names = [layout.headings[i].key for i in layout.values]
        raise InputError(
            f"no column holds the metric {options.metric!r}",
            where=Where(table.file, table.heading_line),
            hint=f"{nearest(options.metric, names)}; or name the column with columns={{'value': HEADING}}",
        )
    return replace(layout, values=tuple(wanted))


def _of_metric(table: RawTable, layout: Layout, options: Options) -> RawTable:
    column = layout.roles.get(Role.METRIC)
    if column is None or not options.metric:
        return table
    rows = [r for r, cell in enumerate(table.columns[column]) if str(cell).strip() == options.metric]
    if not rows:
        names = sorted({str(cell).strip() for cell in table.columns[column]})
        raise InputError(
            f"no row holds the metric {options.metric!r}",
            where=Where(table.file, None, column + 1),
            hint=nearest(options.metric, names),
        )
    return table.keep(rows)


def _changes(table: RawTable, layout: Layout) -> list[bool] | None:
    """Tell the rows whose metric is a change, which may be negative; None where there is none."""
    column = layout.roles.get(Role.METRIC)
    if column is None:
        return None
    known: dict[str, bool] = {}
    for cell in table.columns[column]:
        text = str(cell)
        if text not in known:
            known[text] = read_heading(text).is_change
    return [known[str(cell)] for cell in table.columns[column]] if any(known.values()) else None


def _without_trailer(table: RawTable, layout: Layout, notes: list[Note]) -> RawTable:
    """Take off rows at the end that have no date: sums, footnotes."""
    if layout.date is None:
        return table
    dates = table.columns[layout.date]
    end = len(dates)
    while end and end > len(dates) - 20 and not _dated(dates[end - 1]):
        cell = str(dates[end - 1] or "").strip()
        figures = any(not is_missing(str(table.columns[i][end - 1] or "")) for i in layout.values)
        if cell and figures:
            break
        end -= 1
    if end in {0, len(dates)}:
        return table
    count = len(dates) - end
    text = f"{counted(count, 'row')} at the end without a date (a sum or a footnote) left out"
    notes.append(Note("trailer", text, f"{table.file}:{table.lines[end]}", count))
    return table.keep(range(end))


def _dated(cell: object) -> bool:
    return not isinstance(cell, str) or is_label(cell)


def _periods(table: RawTable, layout: Layout, options: Options) -> tuple[Periods, npt.NDArray[np.int32]]:
    numbers: dict[str, int] = {}
    lines: list[int] = []
    if layout.date is None:
        texts, heading, column = [options.date], Heading("date", "date", "date"), 1
        number = np.zeros(len(table.lines), dtype=np.int32)
        lines = [table.heading_line]
    else:
        number = np.empty(len(table.lines), dtype=np.int32)
        for row, cell in enumerate(table.columns[layout.date]):
            text = cell if isinstance(cell, str) else _date_text(cell)
            found = numbers.get(text)
            if found is None:
                found = numbers[text] = len(numbers)
                lines.append(table.lines[row])
            number[row] = found
        texts, heading, column = list(numbers), layout.headings[layout.date], layout.date + 1
    ends = options.week_label is None and _week_endings(table, layout)
    if ends:
        options = replace(options, week_label=Weeks.END, frequency=options.frequency or Frequency.WEEK)
    periods = PeriodFinder(texts, lines, heading, options, table.file, column).find()
    if ends:
        note = Note("week_ending", "as_of says that each date is the day on which its week ended", table.file)
        periods = replace(periods, notes=(note, *periods.notes))
    return periods, number


def _week_endings(table: RawTable, layout: Layout) -> bool:
    """Whether the column that says when figures were published says instead, in every row, that the week ended on the date."""
    column = layout.roles.get(Role.AS_OF)
    if column is None or layout.date is None:
        return False
    said = zip(table.columns[column], table.columns[layout.date], strict=True)
    return all(
        isinstance(text, str)
        and text.strip().casefold() in {f"week ending {str(date).strip()}", f"week ended {str(date).strip()}"}
        for text, date in said
    )


def _date_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _refuse_unnamed(table: RawTable, layout: Layout) -> None:
    if layout.entity is None:
        return
    errors: list[AuditError] = []
    for row, cell in enumerate(table.columns[layout.entity]):
        if cell is None or not str(cell).strip():
            errors.append(
                InputError(
                    "the row names no entity",
                    where=Where(table.file, table.lines[row], layout.entity + 1, layout.headings[layout.entity].raw),
                    hint="repeat the name in every row (merged cells of a spreadsheet export as blanks)",
                )
            )
            if len(errors) == 10:
                break
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorList(errors)


def _stated_power(table: RawTable, layout: Layout) -> int | None:
    """Return the power of ten that a unit column states for all rows."""
    column = layout.roles.get(Role.UNIT)
    if column is None:
        return None
    found: dict[int | None, int] = {}
    for row, cell in enumerate(table.columns[column]):
        power = _unit(str(cell or ""))[0]
        if power not in found:
            found[power] = row
    if len(found) > 1:
        row = list(found.values())[1]
        raise InputError(
            f"the unit changes between rows ({str(table.columns[column][row])!r} here)",
            where=Where(table.file, table.lines[row], column + 1),
            hint="bring all rows to one unit",
        )
    return next(iter(found), None)


def _unit(text: str) -> tuple[int | None, str]:
    """Return the power of ten and the unit that a unit text names; unknown units are kept as they are."""
    heading = read_heading(f"x ({text.strip()})")
    if heading.power is not None or heading.unit:
        return heading.power, heading.unit
    try:
        power, scaled, unit = read_tail(text)
    except InputError:
        return None, text.strip()
    return (power if scaled else None), unit or text.strip()


def _scaled(heading: Heading, power: int | None) -> Heading:
    return heading if power is None else replace(heading, power=(heading.power or 0) + power)


def _stack(
    table: RawTable,
    layout: Layout,
    options: Options,
    dates: Dates,
    figures: Sequence[Figures],
    sides: dict[Role, Figures],
    status: npt.NDArray[np.int8] | None,
) -> Cells:
    """Put the columns of figures below each other."""
    count, width = len(table.lines), len(figures)
    intervals = any(f.low is not None for f in figures) or bool(sides)
    value = np.concatenate([f.value for f in figures])
    low = np.concatenate([f.value if f.low is None else f.low for f in figures]) if intervals else None
    high = np.concatenate([f.value if f.high is None else f.high for f in figures]) if intervals else None
    states = None if status is None else np.tile(status, width)
    bound = np.concatenate([np.zeros(count, dtype=bool) if f.bound is None else f.bound for f in figures])
    if low is not None and high is not None:
        for role, side in ((Role.LOW, low), (Role.HIGH, high)):
            if role in sides:
                stated = np.tile(sides[role].value, width)
                np.copyto(side, stated, where=np.isfinite(stated))
        if Role.BOUND in sides:
            stated = np.tile(sides[Role.BOUND].value, width)
            fill = np.isnan(value) & np.isfinite(stated)
            low[fill], high[fill] = 0.0, stated[fill]
            bound |= fill
    blank = np.isnan(value)
    if layout.shape is Shape.WIDE and options.absent == "censored":
        smallest = np.nanmin(np.where(np.isfinite(value), value, np.inf).reshape(width, count), axis=0)
        listed = np.tile(np.where(np.isfinite(smallest), smallest, np.nan), width)
        fill = blank & ~bound & np.isfinite(listed)
        low = value.copy() if low is None else low
        high = value.copy() if high is None else high
        low[fill], high[fill] = 0.0, listed[fill]
        bound |= fill
    if states is not None:
        value = np.where(states == Status.MISSING, np.nan, value)
        bound |= blank & (states == Status.CENSORED)
        states = np.where(blank & ~bound, Status.MISSING, states).astype(np.int8)
        states = np.where(~blank & (states == Status.CENSORED), Status.OBSERVED, states).astype(np.int8)
    if bound.any():
        states = np.full(len(value), Status.OBSERVED, dtype=np.int8) if states is None else states
        states[bound] = Status.CENSORED
        states[blank & ~bound] = Status.MISSING
    entity, metric, units = _names(table, layout, options, figures)
    dimension = None
    if layout.dimensions:
        texts = [" / ".join(str(table.columns[i][r]).strip() for i in layout.dimensions) for r in range(count)]
        dimension = _repeat(Coded.of(texts), width)
    as_of = layout.roles.get(Role.AS_OF)
    return Cells(
        date=Dates(np.tile(dates.codes, width), dates.starts),
        entity=entity,
        metric=metric,
        value=value,
        low=low,
        high=high,
        status=states,
        as_of=None if as_of is None else _repeat(Coded.of(_texts(table.columns[as_of])), width),
        dimension=dimension,
        line=np.tile(np.asarray(table.lines, dtype=np.int64), width),
        unit=units,
    )


def _texts(cells: Sequence[object]) -> list[str]:
    return [cell.strip() if isinstance(cell, str) else "" if cell is None else str(cell) for cell in cells]


def _repeat(column: Coded, width: int) -> Coded:
    return column if width == 1 else Coded(np.tile(column.codes, width), column.names)


def _names(
    table: RawTable, layout: Layout, options: Options, figures: Sequence[Figures]
) -> tuple[Coded, Coded, dict[str, str]]:
    """Name entity, metric and unit of every stacked cell."""
    count, width = len(table.lines), len(figures)
    headings = [layout.headings[i] for i in layout.values]
    each = np.repeat(np.arange(width, dtype=np.int32), count)
    shared = {h.key[len(h.qualifier) :].strip("_") for h in headings if h.is_count and h.qualifier}
    split = layout.shape is Shape.WIDE and len(shared) == 1 and all(h.is_count and h.qualifier for h in headings)
    if layout.shape is Shape.WIDE:
        entity = _named(each, [h.qualifier if split else h.name for h in headings])
    elif layout.entity is not None:
        entity = _repeat(Coded.of(_texts(table.columns[layout.entity])), width)
    else:
        entity = Coded.constant(options.entity or _stem(table.file), count * width)
    column = layout.roles.get(Role.METRIC)
    unit_column = layout.roles.get(Role.UNIT)
    stated = {_unit(t)[1] for t in _texts(table.columns[unit_column])} if unit_column is not None else set()
    if column is not None:
        metric = _repeat(Coded.of(_texts(table.columns[column])), width)
        if width == 1 and headings[0].is_share:
            metric = Coded(metric.codes, [f"{name}_share" for name in metric.names])
        if width > 1 and layout.shape is not Shape.WIDE:
            names = [f"{name}.{h.key}" for h in headings for name in metric.names]
            metric = Coded(metric.codes + each * len(metric.names), names)
    elif layout.shape is Shape.WIDE:
        metric = Coded.constant(options.metric or (next(iter(shared)) if split else "value"), count * width)
    else:
        keys = [options.metric if options.metric and width == 1 else h.key for h in headings]
        metric = _named(each, keys)
    unit = next(iter(stated)) if len(stated) == 1 else ""
    units = {}
    for name in metric.names:
        own = {
            f.unit
            for f, h in zip(figures, headings, strict=True)
            if layout.shape is Shape.WIDE or width == 1 or h.key == name
        }
        units[name] = unit or (next(iter(own)) if len(own) == 1 else "") or read_heading(name).unit
    return entity, metric, units


def _named(codes: npt.NDArray[np.int32], names: list[str]) -> Coded:
    distinct = list(dict.fromkeys(names))
    number = np.array([distinct.index(name) for name in names], dtype=np.int32)
    return Coded(number[codes], distinct)


def _stem(file: str) -> str:
    name = file.rsplit("/", 1)[-1]
    for ending in (".gz", ".csv", ".tsv", ".txt", ".json", ".parquet"):
        name = name.removesuffix(ending)
    return name or "series"
