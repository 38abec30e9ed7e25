"""Which column plays which role, and whether a table is long or wide."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.errors import InputError, Where
from auditor.observations import REMAINDER_NAMES, TOTAL_NAMES, Note
from auditor.panel import nearest
from auditor.sources.tabular.dates import is_label
from auditor.sources.tabular.headers import DATES, ENTITIES, QUALIFIERS, VALUES, Heading, Role, read_heading
from auditor.sources.tabular.numbers import is_missing, marks, parse_number
from auditor.sources.tabular.options import Options

Cell = object


class Shape(StrEnum):
    """How entities are laid out."""

    LONG = "long"  #: one row per date and entity; a column names the entity
    WIDE = "wide"  #: one column per entity
    SINGLE = "single"  #: no entity named anywhere; the columns are metrics of one entity


@dataclass(frozen=True)
class Layout:
    """The roles of the columns.

    Attributes
    ----------
    shape : Shape
    headings : tuple of Heading
    date : int or None
        Column of the date labels; None where the caller stated one date for all.
    entity : int or None
    values : tuple of int
        Columns of figures.
    roles : mapping of Role to int
        Further columns: metric, unit, as_of, status, below, low, high, estimate.
    dimensions : tuple of int
        Columns that can split the figures of one entity.
    companions : mapping of str to int
        Columns of printed ranks and shares of the one column of figures.
    notes : tuple of Note
    """

    shape: Shape
    headings: tuple[Heading, ...]
    date: int | None
    entity: int | None
    values: tuple[int, ...]
    roles: Mapping[Role, int] = field(default_factory=dict)
    dimensions: tuple[int, ...] = ()
    notes: tuple[Note, ...] = ()
    companions: Mapping[str, int] = field(default_factory=dict)

    @property
    def used(self) -> tuple[int, ...]:
        """Columns that must be kept while reading."""
        single = [i for i in (self.date, self.entity) if i is not None]
        return tuple(sorted({*single, *self.values, *self.roles.values(), *self.dimensions, *self.companions.values()}))


def find_layout(
    headings: Sequence[str], sample: Sequence[Sequence[Cell]], options: Options, file: str, line: int
) -> Layout:
    """Find the roles of the columns.

    Parameters
    ----------
    headings : sequence of str
    sample : sequence of rows
        The first rows of data, for columns whose heading says nothing.
    options : Options
    file, line : str, int
        For errors: where the heading stands.

    Raises
    ------
    InputError
        When no column holds dates or figures, headings repeat, or several columns could be meant.
    """
    read = tuple(read_heading(h) for h in headings)
    _refuse_repeats(read, sample, file, line)
    columns = [[row[i] if i < len(row) else "" for row in sample] for i in range(len(read))]
    stated = _stated(read, options, file, line)
    roles = {i: heading.role() if heading.raw else Role.IGNORED for i, heading in enumerate(read)}
    date = stated.get(Role.DATE, _date_column(read, columns, roles))
    if date is None and not options.date:
        raise InputError(
            f"no column holds dates (headings: {', '.join(h.raw for h in read)[:120]})",
            where=Where(file, line, 1),
            hint="add a column such as date, week_start or month; name it with columns={'date': HEADING}; "
            "or, for figures of one period, state it with date='2026-08-19'",
        )
    roles = {i: Role.UNKNOWN if role is Role.DATE and i != date else role for i, role in roles.items()}
    taken = {date, *stated.values()}
    numeric = {i for i, cells in enumerate(columns) if _mostly_numeric(cells)}
    entity = stated.get(Role.ENTITY, _entity_column(read, roles, numeric, taken))
    extra: dict[Role, int] = {
        role: i for role, i in stated.items() if role not in {Role.DATE, Role.ENTITY, Role.VALUE, Role.DIMENSION}
    }
    for i, role in roles.items():
        if i not in taken and i != entity and role in _EXTRA and role not in extra:
            extra[role] = i
    free = [i for i in range(len(read)) if i not in taken and i != entity and i not in extra.values() and read[i].raw]
    dimensions = tuple(i for i in free if read[i].is_dimension and i not in numeric)
    if Role.DIMENSION in stated:
        dimensions = (*dimensions, stated[Role.DIMENSION])
    free = [i for i in free if i not in dimensions]
    if Role.VALUE in stated:
        values: list[int] = [stated[Role.VALUE]]
        shape = Shape.LONG if entity is not None else Shape.SINGLE
    elif entity is not None:
        shape, values = Shape.LONG, _long_values(read, roles, free, numeric, columns, options, file, line)
    else:
        blank = {i for i, cells in enumerate(columns) if all(c is None or is_missing(str(c)) for c in cells)}
        shape, values = _no_entity(read, roles, free, numeric, blank)
    if not values:
        raise InputError(
            f"no column holds figures (headings: {', '.join(h.raw for h in read)[:120]})",
            where=Where(file, line, 1),
            hint="name the column with columns={'value': HEADING}",
        )
    plain = shape is Shape.LONG and len(values) == 1 and Role.METRIC not in extra
    companions = _companions(read, [i for i in free if i not in values], numeric) if plain else {}
    ignored = [read[i].raw for i in free if i not in values and i not in companions.values()]
    notes = []
    if ignored:
        notes.append(
            Note("ignored_columns", f"columns not used: {', '.join(ignored)[:300]}", f"{file}:{line}", len(ignored))
        )
    return Layout(shape, read, date, entity, tuple(values), extra, dimensions, tuple(notes), companions)


def _companions(read: Sequence[Heading], free: Sequence[int], numeric: set[int]) -> dict[str, int]:
    """Find the printed rank and share of the figures; of several columns that could be meant, none is taken."""
    found: dict[str, list[int]] = {}
    for i in free:
        if i in numeric and read[i].companion:
            found.setdefault(read[i].companion, []).append(i)
    return {name: columns[0] for name, columns in sorted(found.items()) if len(columns) == 1}


#: Headings of date columns that are used for other things as well.
_WEAK_DATES = frozenset(
    {"label", "x", "d", "tag", "data", "period", "time", "ts", "dt", "ds", "mes", "day", "hour", "日", "天", "月"}
)
_EXTRA = frozenset({Role.METRIC, Role.UNIT, Role.AS_OF, Role.STATUS, Role.BOUND, Role.LOW, Role.HIGH, Role.ESTIMATE})


def _refuse_repeats(read: Sequence[Heading], sample: Sequence[Sequence[Cell]], file: str, line: int) -> None:
    seen: dict[str, int] = {}
    for i, heading in enumerate(read):
        if not heading.raw:
            if any(i < len(row) and str(row[i]).strip() for row in sample) and i > 0:
                raise InputError(
                    f"column {i + 1} has figures but no heading", where=Where(file, line, i + 1), hint="name the column"
                )
            continue
        if heading.raw in seen:
            raise InputError(
                f"the heading {heading.raw!r} occurs in columns {seen[heading.raw] + 1} and {i + 1}",
                where=Where(file, line, i + 1),
                hint="rename or remove one of them",
            )
        seen[heading.raw] = i


def _stated(read: Sequence[Heading], options: Options, file: str, line: int) -> dict[Role, int]:
    known = {heading.raw: i for i, heading in enumerate(read)}
    found = {}
    for role, name in options.columns.items():
        if name not in known:
            raise InputError(
                f"there is no column {name!r}, named for {role}",
                where=Where(file, line),
                hint=nearest(name, [k for k in known if k]),
            )
        found[Role(role)] = known[name]
    return found


def _date_column(read: Sequence[Heading], columns: Sequence[Sequence[Cell]], roles: Mapping[int, Role]) -> int | None:
    named = [i for i, heading in enumerate(read) if roles[i] is Role.DATE]
    named = [i for i in named if read[i].key not in _WEAK_DATES or _holds_dates(columns[i], digits=True)]
    if named:
        return min(named, key=lambda i: (not _holds_dates(columns[i], digits=True), DATES.index(read[i].key)))
    held = [i for i in range(len(read)) if _holds_dates(columns[i])]
    first_unnamed = [0] if read and not read[0].raw and _holds_dates(columns[0]) else []
    return next(iter(held or first_unnamed), None)


def _holds_dates(cells: Sequence[Cell], *, digits: bool = False) -> bool:
    """Whether most cells are date labels; bare digits (epoch seconds, counts) only count where a heading says date."""
    filled = [c for c in cells if c is not None and not is_missing(str(c))]
    good = sum((digits or (isinstance(c, str) and not c.isdigit())) and is_label(str(c)) for c in filled)
    return bool(filled) and good * 10 >= len(filled) * 8


def _mostly_numeric(cells: Sequence[Cell]) -> bool:
    filled = [c for c in cells if c is not None and not is_missing(str(c))]
    good = sum(isinstance(c, int | float) or _is_figure(str(c)) for c in filled)
    return bool(filled) and good * 2 > len(filled)


def _is_figure(text: str) -> bool:
    for mark in marks(text):
        with suppress(InputError):
            parse_number(text, decimal=mark)
            return True
    return False


def _entity_column(
    read: Sequence[Heading], roles: Mapping[int, Role], numeric: set[int], taken: set[int | None]
) -> int | None:
    named = [i for i in roles if roles[i] is Role.ENTITY and i not in taken]
    words = [i for i in named if i not in numeric]
    # Names that are numbers are names all the same where another column holds the figures; else it is a wide table.
    counted = any(role is Role.VALUE and i not in taken for i, role in roles.items())
    return min(words or (named if counted else []), key=lambda i: ENTITIES.index(read[i].key), default=None)


def _long_values(
    read: Sequence[Heading],
    roles: Mapping[int, Role],
    free: Sequence[int],
    numeric: set[int],
    columns: Sequence[Sequence[Cell]],
    options: Options,
    file: str,
    line: int,
) -> list[int]:
    counts = [i for i in free if roles[i] is Role.VALUE]
    plain = [i for i in counts if read[i].key == "value"]
    if plain:
        return plain
    if options.metric and any(read[i].key == options.metric for i in counts):
        return [i for i in counts if read[i].key == options.metric]
    if counts:
        return counts
    others = [i for i in free if roles[i] is Role.UNKNOWN and i in numeric and not _holds_dates(columns[i])]
    if len(others) > 1:
        raise InputError(
            f"several columns could hold the figures: {', '.join(read[i].raw for i in others)[:120]}",
            where=Where(file, line, others[0] + 1),
            hint=f"name one with columns={{'value': {read[others[0]].raw!r}}}",
        )
    if others:
        return others
    # A table of nothing but shares can still be audited as shares.
    shares = [i for i in free if read[i].is_share and i in numeric and not read[i].key.startswith(("rank", "rang"))]
    return shares if len(shares) == 1 else []


def _no_entity(
    read: Sequence[Heading], roles: Mapping[int, Role], free: Sequence[int], numeric: set[int], blank: set[int]
) -> tuple[Shape, list[int]]:
    """Tell one column per entity from one column per metric of a single entity."""
    figures = [i for i in free if roles[i] is not Role.IGNORED and (i in numeric or roles[i] is Role.VALUE)]
    if not figures:
        return Shape.SINGLE, []
    counted = [i for i in figures if roles[i] is Role.VALUE]
    if len(counted) < len(figures):
        return Shape.WIDE, [i for i in free if i in figures or (i in blank and roles[i] is Role.UNKNOWN)]
    qualifiers = {read[i].qualifier for i in counted} - {""}
    owners = {q for q in qualifiers if not set(q.split("_")) <= QUALIFIERS and q not in REMAINDER_NAMES}
    if len(counted) > 1 and len(owners) * 2 >= len(counted):
        return Shape.WIDE, counted
    named_totals = [i for i in counted if read[i].key in TOTAL_NAMES and read[i].key in VALUES]
    return (Shape.WIDE if len(named_totals) == len(counted) > 1 else Shape.SINGLE), counted
