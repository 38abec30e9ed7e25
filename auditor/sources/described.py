"""A source that the user describes in a YAML file, without Python.

.. code-block:: yaml

    name: my-registry
    title: My registry
    url: https://stats.example.org/api/usage?item={subject}&from={since}&to={until}
    format: json                      # or csv
    rows: data.items[*]               # JSON only: where the rows lie; [*] goes through a list, .* through an object
    fields:
      date: day                       # JSON path inside a row, or CSV column
      entity: model                   # or "{subject}", the subject asked for
      values: {downloads: count}      # metric: path or column
    units: {downloads: downloads}
    date_format: iso                  # iso, epoch, epoch_ms, or a strptime form such as %d.%m.%Y
    frequency: day
    citation: My registry, as of {as_of}.
    licence: CC0 1.0
    docs: https://stats.example.org/docs
    days_per_request: 90              # longer windows are split
    key: {variable: MY_REGISTRY_KEY, header: authorization, form: "Bearer {key}"}
    next: links.next                  # JSON only: address of the next page, if any
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from auditor.errors import SourceError, UsageError, Where
from auditor.observations import Frequency, Observations
from auditor.sources.answers import CHANGED, Node, Row, csv_node, csv_rows, observations
from auditor.sources.base import EventList, Key, Query, Received, Request, Spec
from auditor.sources.http.addresses import relative
from auditor.sources.windows import split, status_of, window

if TYPE_CHECKING:
    from auditor.sources.described_model import Description

_PLACES = frozenset({"subject", "since", "until"})
_STEP = re.compile(r"[^.\[\]]+|\[\*\]|\[\d+\]")
_MOST_ROWS = 5_000_000


@dataclass(frozen=True)
class DescribedSource:
    """A source made from a description; the contract is that of :class:`auditor.sources.base.Source`."""

    SPEC: Spec
    description: "Description"
    PARSER_VERSION: int = 1

    def requests(self, query: Query, /) -> list[Request]:
        """Fill the address once per subject and part of the window."""
        about = self.description
        names = _names(about.url)
        subjects = query.needs_subjects(self.SPEC, "ID") if "subject" in names else ("",)
        windows: list[tuple[date | None, date | None]] = [(query.since, query.until)]
        if names & {"since", "until"}:
            since, until = window(query, self.SPEC, days=about.default_days)
            windows = list(split(since, until, about.days_per_request))
        found = []
        for subject in subjects:
            for start, end in windows:
                places = {"subject": subject, "since": str(start or ""), "until": str(end or "")}
                parts = urlsplit(about.url)
                path = _filled(parts.path, {k: quote(v, safe="") for k, v in places.items()})
                params = tuple((k, _filled(v, places)) for k, v in parse_qsl(parts.query, keep_blank_values=True))
                found.append(self._request(path, params, tuple(places.items())))
        return found

    def _request(self, path: str, params: tuple[tuple[str, str], ...], places: tuple[tuple[str, str], ...]) -> Request:
        accept = ("application/json",) if self.description.format == "json" else ("text/csv", "text/plain")
        return Request(
            self.SPEC.name,
            self.description.format,
            path.lstrip("/"),
            params,
            context=places,
            accept=accept,
            key="required" if self.SPEC.key else "none",
        )

    def follow(self, received: Received, /) -> list[Request]:
        """Go to the next page, where the description says where its address stands."""
        if not self.description.next or received.absent:
            return []
        for node in walk(Node.of(received), self.description.next, optional=True):
            if node.value:
                link = node.text()
                path = relative(link, self.SPEC, received.url)
                params = tuple(parse_qsl(urlsplit(link).query, keep_blank_values=True))
                if (path, params) != (received.request.path, received.request.params):
                    return [self._request(path, params, received.request.context)]
        return []

    def parse(self, received: Received, /) -> Observations:
        """Read rows as the description maps them."""
        about = self.description
        frequency = Frequency(about.frequency)
        rows: list[Row] = []
        for row in self._rows(received):
            day = _day(row.one(about.fields.date), about.date_format)
            entity = (
                received.request.get("subject")
                if about.fields.entity == "{subject}"
                else row.one(about.fields.entity).text()
            )
            for metric, place in about.fields.values.items():
                cell = row.one(place)
                if cell.value is None or cell.value == "":
                    continue
                status = status_of(day, frequency, received.retrieved_at)
                rows.append(Row(day, entity, metric, cell.number(), about.units.get(metric, ""), status))
            if len(rows) > _MOST_ROWS:
                raise SourceError(f"the answer holds more than {_MOST_ROWS:,} rows", where=received.url, hint=CHANGED)
        return observations(received, self.SPEC, rows, frequency=frequency)

    def events(self, received: Received, /) -> EventList:  # noqa: ARG002 - described sources hold figures only
        """Return no events."""
        return EventList()

    def _rows(self, received: Received) -> Iterator["_Cells"]:
        about = self.description
        if about.format == "json":
            for node in walk(Node.of(received), about.rows):
                yield _JsonRow(node)
            return
        wanted = [about.fields.date, *about.fields.values.values()]
        wanted += [] if about.fields.entity == "{subject}" else [about.fields.entity]
        for line, cells in csv_rows(received, wanted):
            yield _CsvRow({c: csv_node(cells, c, line, received.url) for c in wanted})


class _Cells(Protocol):
    """A row of an answer, JSON or CSV, whose parts are found by their place."""

    def one(self, place: str) -> Node:
        """Return the part at a place."""
        ...


class _JsonRow:
    def __init__(self, node: Node) -> None:
        self._node = node

    def one(self, place: str) -> Node:
        found = list(walk(self._node, place))
        if len(found) != 1:
            raise self._node.fail(f"holds {len(found)} values under {place!r}, one is needed")
        return found[0]


class _CsvRow:
    def __init__(self, cells: dict[str, Node]) -> None:
        self._cells = cells

    def one(self, place: str) -> Node:
        return self._cells[place]


def walk(node: Node, path: str, *, optional: bool = False) -> Iterator[Node]:
    """Go along a path such as ``data.items[*].count``; ``[*]`` visits each item of a list, ``*`` each value of an object."""
    here = [node]
    for step in _STEP.findall(path.removeprefix("$").removeprefix(".")):
        found: list[Node] = []
        for place in here:
            if step == "[*]":
                found += list(place)
            elif step == "*":
                found += [place[key] for key in place.keys()]  # noqa: SIM118 - a Node is no mapping
            elif step.startswith("["):
                items = list(place)
                if int(step[1:-1]) >= len(items):
                    raise place.fail(f"has {len(items)} items, no number {step}")
                found.append(items[int(step[1:-1])])
            elif not optional or place.has(step):
                found.append(place[step])
        here = found
    yield from here


def _day(node: Node, form: str) -> date:
    if form == "iso":
        return node.day()
    if form in {"epoch", "epoch_ms"}:
        seconds = node.number() / (1000 if form == "epoch_ms" else 1)
        if not 0 <= seconds < 4_102_444_800:
            raise node.fail(f"is {node.value!r}, not a moment between 1970 and 2100")
        return datetime.fromtimestamp(seconds, UTC).date()
    try:
        return datetime.strptime(str(node.value), form).replace(tzinfo=UTC).date()
    except ValueError:
        raise node.fail(f"is {node.value!r}, which does not match date_format {form!r}") from None


def _names(template: str) -> set[str]:
    names = re.findall(r"\{([^{}]*)\}", template)
    if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", template)):
        raise ValueError("a brace stands alone")
    return set(names)


def _filled(template: str, places: dict[str, str]) -> str:
    # One pass, so that a subject that itself holds "{since}" stays as it is.
    return re.sub(r"\{(\w+)\}", lambda m: places[m.group(1)], template)


def load_source(path: Path) -> DescribedSource:
    """Read a description.

    Parameters
    ----------
    path : Path
        A YAML file as shown in :mod:`auditor.sources.described`.

    Raises
    ------
    ErrorList, UsageError
        With file, line, column and a hint for each defect.
    """
    from auditor import yamlfile
    from auditor.sources.described_model import Description

    document = yamlfile.load(path)
    about = yamlfile.validate(document, Description)
    try:
        names = _names(about.url)
    except ValueError as error:
        raise UsageError(f"the address is not a template: {error}", where=document.where(("url",))) from None
    unknown = names - _PLACES
    if unknown:
        raise UsageError(
            f"the address holds {{{min(unknown)}}}, which is not known",
            where=document.where(("url",)),
            hint="known are {subject}, {since} and {until}; a key belongs under `key:`",
        )
    parts = urlsplit(about.url)
    if parts.username or parts.password or _names(parts.netloc):
        raise UsageError(
            "the host of the address must be plain, without user, password or {placeholder}",
            where=document.where(("url",)),
            hint="a key belongs under `key:`, as the name of an environment variable",
        )
    return DescribedSource(_spec(about, document.where(("key",)) if about.key else Where(str(path))), about)


def _spec(about: "Description", where: Where) -> Spec:
    parts = urlsplit(about.url)
    key = None
    if about.key:
        if "{key}" not in about.key.form and not about.key.query:
            raise UsageError("`form` does not hold {key}", where=where, hint='for example form: "Bearer {key}"')
        key = Key(about.key.variable, about.key.header.lower(), about.key.form, about.key.query)
    return Spec(
        name=about.name,
        title=about.title or about.name,
        licence=about.licence,
        citation=about.citation,
        base_url=f"{parts.scheme}://{parts.netloc}",
        hosts=tuple(dict.fromkeys((parts.hostname or "", *about.hosts))),
        docs=about.docs,
        grain="as described by the user, description " + sha256(about.model_dump_json().encode()).hexdigest()[:12],
        frequency=Frequency(about.frequency),
        seconds_between=about.seconds_between,
        key=key,
        largest=about.largest_bytes,
    )
