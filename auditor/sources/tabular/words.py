"""Counted things in notes and errors."""


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with what it counts.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "day is", "days are")
    ('1 row', '1,200 rows', '2 days are')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
