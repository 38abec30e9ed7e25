"""Bytes of a delimited text -> rows with their line numbers, and where the heading is."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from itertools import islice

from auditor.errors import InputError, Where
from auditor.observations import Note
from auditor.sources.tabular.dates import is_label
from auditor.sources.tabular.headers import Role, read_heading
from auditor.sources.tabular.numbers import SCALES, is_missing, marks
from auditor.sources.tabular.words import counted

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_LINES = 400
_SAMPLE_BYTES = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_STATED_SCALE = re.compile(r"(?:^|[\s(\[,])(?:in|en)\s+(?P<word>[^\W\d_]+)\b", re.IGNORECASE)
_AS_OF = re.compile(
    r"(?:as[ _-]of|last updated|updated|retrieved|accessed|stand)(?: (?:on|at))?\s*[:=]?\s*(?P<when>\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:?\d{2})?)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written.

    Attributes
    ----------
    delimiter : str
    header_line : int
        Line of the heading, from 1.
    headings : tuple of str
        Cells of the heading; trailing empty ones cut off.
    body_line : int
        Line at which the data begin.
    as_of : str
        Date the lines above the heading state; '' where they state none.
    notes : tuple of Note
    """

    delimiter: str
    header_line: int
    headings: tuple[str, ...]
    body_line: int
    as_of: str = ""
    notes: tuple[Note, ...] = field(default=())


def encoding_of(data: bytes, stated: str = "") -> str:
    """Return the encoding that a byte order mark shows, else the one stated, else UTF-8; others are not guessed."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    try:
        return codecs.lookup(stated or "utf-8").name
    except LookupError as error:
        raise InputError(f"{stated!r} is not a known text encoding", hint="use utf-8, cp1252 or gb18030") from error


def undecodable(data: bytes, encoding: str, file: str) -> InputError:
    """Describe the first byte that cannot be decoded."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        where = Where(file, data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start))
        return InputError(
            f"the text is not {encoding.upper()} (byte 0x{data[error.start]:02x})",
            where=where,
            hint="save it as UTF-8, or state its encoding: encoding='cp1252' (Western Windows) or 'gb18030' (Chinese)",
        )
    return InputError(f"the text is not {encoding.upper()}", where=Where(file), hint="save it as UTF-8")


def rows(
    data: bytes, encoding: str, delimiter: str, file: str, *, skip_lines: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of every row that is neither blank nor a comment.

    Raises
    ------
    InputError
        For an unclosed or misplaced quote, a NUL byte, or bytes that are not text in the encoding.
    """
    source = TextIOWrapper(BytesIO(data), encoding=encoding, newline="")
    try:
        for _ in range(skip_lines):
            source.readline()
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        line = skip_lines + 1
        for cells in reader:
            start, line = line, skip_lines + reader.line_num + 1
            if not cells or (cells[0].startswith("#") and cells[0] != "#") or not any(map(str.strip, cells)):
                continue
            if delimiter == "|" and not set("".join(cells)) - set("-: "):
                continue  # the rule below the heading of a Markdown table
            yield start, cells
    except UnicodeDecodeError as error:
        raise undecodable(data, encoding, file) from error
    except csv.Error as error:
        raise InputError(
            f"the row cannot be cut into cells: {error}",
            where=Where(file, line),
            hint="look for an unclosed quote or a stray quote inside a cell from this line on",
        ) from error


def find_dialect(data: bytes, encoding: str, file: str, *, named: frozenset[str] = frozenset()) -> Dialect:
    """Find delimiter and heading of a table.

    Parameters
    ----------
    data : bytes
        The file, or its first part.
    encoding, file : str
        Its encoding, and its name for errors.
    named : frozenset of str
        Headings the caller named; a row that holds one is the heading.

    Raises
    ------
    InputError
        When the text is no table, has no heading, or a title above the heading states a scale for all figures.
    """
    source = TextIOWrapper(BytesIO(data[:_SAMPLE_BYTES]), encoding=encoding, errors="replace", newline="")
    lines = list(islice(source, _SAMPLE_LINES))
    whole = len(lines) < _SAMPLE_LINES and len(data) <= _SAMPLE_BYTES
    if not any(line.strip() for line in lines):
        raise InputError("the file is empty", where=Where(file), hint="check the download or export")
    _refuse_other_kinds(lines, file)
    head = "".join(lines).encode()
    delimiter = _delimiter(head, file)
    sample = list(_sample_rows(head, delimiter, file, whole=whole))
    position = _heading(sample, file, named)
    line, cells = sample[position]
    headings = [cell.strip().strip("\ufeff").strip() for cell in cells]
    while headings and not headings[-1]:
        headings.pop()
    above = sample[:position]
    comments = [t for t in lines if re.match(r"#[^,;\t|]", t)]
    titles = [" ".join(c for c in cells if c.strip()) for _, cells in above] + comments
    _refuse_stated_scale(above, file)
    as_of = next((found["when"] for t in titles if (found := _AS_OF.search(t))), "")
    notes = []
    if above:
        text = f"{counted(len(above), 'line')} above the heading read as a title"
        notes.append(Note("title", text, f"{file}:{above[0][0]}", len(above)))
    if comments:
        notes.append(
            Note(
                "comment", f"{counted(len(comments), 'line')} starting with # skipped as comments", file, len(comments)
            )
        )
    body = line + 1 + sum(cell.count("\n") for cell in cells)
    return Dialect(delimiter, line, tuple(headings), body, as_of, tuple(notes))


def _sample_rows(head: bytes, delimiter: str, file: str, *, whole: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield rows of the sample; a quote left open by the sample's end is not an error yet."""
    try:
        yield from rows(head, "utf-8", delimiter, file)
    except InputError:
        if whole:
            raise


def _refuse_other_kinds(lines: list[str], file: str) -> None:
    filled = [line.strip() for line in lines if line.strip()]
    if filled[0].startswith("<"):
        raise InputError("this is a web page or XML, not a table", where=Where(file, 1), hint="save the figures as CSV")
    items = [i for i, line in enumerate(lines, 1) if re.match(r"\s*(?:\d+[.)]|[-*•])\s+\S", line)]
    if items and len(items) * 2 >= len(filled):
        raise InputError(
            "this is a list in running text, not a table",
            where=Where(file, items[0], 1),
            hint="make it a table with the headings date,model,tokens and one row per figure",
        )


def _delimiter(head: bytes, file: str) -> str:
    """Choose the delimiter that cuts most lines into the same number (above one) of cells."""
    best, best_score = "", (0.0, 0)
    for delimiter in DELIMITERS:
        widths: Counter[int] = Counter()
        try:
            for _, cells in islice(rows(head, "utf-8", delimiter, file), 100):
                widths[len(cells)] += 1
        except InputError:
            if not widths:
                continue
        usual = max(((n, w) for w, n in widths.items() if w > 1), default=(0, 0))
        score = (usual[0] / max(1, widths.total()), usual[1])
        if score > best_score:
            best, best_score = delimiter, score
    if not best:
        raise InputError(
            "no column separator (comma, semicolon, tab or |) cuts the text into columns",
            where=Where(file, 1, 1),
            hint="a table needs a heading line such as date,model,tokens and at least two columns",
        )
    return best


def _heading(sample: list[tuple[int, list[str]]], file: str, named: frozenset[str]) -> int:
    """Return the index of the heading row."""
    for i, (_, cells) in enumerate(sample[:40]):
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(filled) < 2 or any(is_label(cell) or _numeric(cell) for cell in filled[:1]):
            continue
        roles = [read_heading(cell).role() for cell in filled]
        if named & set(filled) or Role.DATE in roles or {Role.ENTITY, Role.VALUE} <= set(roles):
            return i
    for i, (line, cells) in enumerate(sample[:40]):
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(filled) < 2:
            continue
        if not is_label(filled[0]) and sum(map(is_label, filled[1:])) >= max(2, len(filled) - 3):
            raise InputError(
                "the dates run across the columns",
                where=Where(file, line, 2),
                hint="transpose the table: one row per date, one column per model; or one row per date and model",
            )
        if is_label(filled[0]) or sum(_numeric(cell) or is_label(cell) for cell in filled) * 2 > len(filled):
            raise InputError(
                f"the first row of the table ({', '.join(filled[:3])[:60]}) holds figures, not headings",
                where=Where(file, line, 1),
                hint="put a heading line above it, such as date,model,tokens",
            )
        return i
    raise InputError(
        "no heading line was found",
        where=Where(file, sample[0][0] if sample else 1, 1),
        hint="start with date,model,tokens",
    )


def _numeric(cell: str) -> bool:
    return bool(marks(cell)) and not is_missing(cell) and cell.strip()[:1].isdigit()


def _refuse_stated_scale(above: list[tuple[int, list[str]]], file: str) -> None:
    for line, cells in above:
        for cell in cells:
            for found in _STATED_SCALE.finditer(cell):
                if found["word"].casefold() in SCALES and len(found["word"]) > 1:
                    raise InputError(
                        f"the title says that figures are in {found['word']}, the columns do not",
                        where=Where(file, line),
                        hint=f"put it into the heading of each column it holds for, such as 'tokens ({found['word']})'",
                    )
