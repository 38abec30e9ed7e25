"""What a caller may state about an input so that nothing has to be guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from auditor.errors import InputError, UsageError
from auditor.observations import Frequency
from auditor.sources.tabular.dates import read_label
from auditor.sources.tabular.headers import Role, Weeks

DateOrder = Literal["dmy", "mdy"]


@dataclass(frozen=True)
class Options:
    """Statements about one input; every default means "find it in the data, or refuse".

    Attributes
    ----------
    metric : str
        Name of the metric to read where the input has several; else the name to give to the only one.
    entity : str
        Name of the one entity of an input that names none.
    frequency : Frequency or None
        Spacing of the periods.
    absent : {'auto', 'censored', 'missing'}
        ``censored``: a blank cell of a wide table is below the smallest figure listed in that period. Otherwise blank
        cells are left out, and the panel decides (:meth:`auditor.panel.Panel.of`). Never zero.
    date_order : {'dmy', 'mdy'} or None
        Order of ``01/02/2026``.
    decimal : {'.', ','} or None
        Decimal mark.
    columns : mapping of str to str
        Heading to use for a role (``date``, ``entity``, ``value``, ``metric``, ``unit``, ``as_of``, ``status``, ``below``,
        ``low``, ``high``).
    tz : str
        IANA name of the zone of times without an offset.
    year : int or None
        Year of the first row, where labels such as ``12/22`` have none; it rolls over inside the file.
    week_label : Weeks or None
        Whether the label of a week is its first or its last day.
    date : str
        Date of all figures of an input that has no date column.
    difference : bool or None
        True: figures are readings of a counter, take differences. False: they are figures per period even if they never
        fall. None: refuse what looks like a counter.
    retrieved_at : str
        When the input was read from its publisher (ISO 8601); a period that was not over then is partial.
    encoding : str
        Text encoding, where it is not UTF-8 or UTF-16 with a mark.
    """

    metric: str = ""
    entity: str = ""
    frequency: Frequency | None = None
    absent: Literal["auto", "censored", "missing"] = "auto"
    date_order: DateOrder | None = None
    decimal: Literal[".", ","] | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tz: str = ""
    year: int | None = None
    week_label: Weeks | None = None
    date: str = ""
    difference: bool | None = None
    retrieved_at: str = ""
    encoding: str = ""

    def __post_init__(self) -> None:
        choices: tuple[tuple[str, object, tuple[object, ...]], ...] = (
            ("date_order", self.date_order, (None, "dmy", "mdy")),
            ("decimal", self.decimal, (None, ".", ",")),
            ("absent", self.absent, ("auto", "censored", "missing")),
            ("week_label", self.week_label, (None, Weeks.START, Weeks.END)),
        )
        for name, value, allowed in choices:
            if value not in allowed:
                known = ", ".join(repr(str(a)) for a in allowed if a is not None)
                raise UsageError(f"{name}={value!r} is not one of {known}", where=name)
        if self.retrieved_at:
            try:
                read_label(self.retrieved_at)
            except InputError as error:
                raise UsageError(
                    f"retrieved_at={self.retrieved_at!r} is not a date", where="retrieved_at", hint=error.hint
                ) from error
        roles = {role.value for role in Role} - {Role.IGNORED.value, Role.UNKNOWN.value}
        unknown = sorted(set(self.columns) - roles)
        if unknown:
            raise UsageError(
                f"columns names the unknown role {unknown[0]!r}",
                where="columns",
                hint=f"roles are {', '.join(sorted(roles))}",
            )
