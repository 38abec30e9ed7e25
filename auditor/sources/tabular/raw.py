"""A table of cells as read, before anything is decided about them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(eq=False)
class RawTable:
    """Cells as read.

    Attributes
    ----------
    file : str
    heading_line : int
    columns : mapping of column number to cells
        Only the columns that play a role.
    lines : list of int
        Line (or record number) of each row.
    """

    file: str
    heading_line: int
    columns: dict[int, list[object]]
    lines: list[int]

    def keep(self, rows: Sequence[int]) -> "RawTable":
        """Return the table with some rows only."""
        columns = {i: [cells[r] for r in rows] for i, cells in self.columns.items()}
        return RawTable(self.file, self.heading_line, columns, [self.lines[r] for r in rows])
