"""The whole scan: plan, run what is not done yet, merge, tabulate, summarise."""

import hashlib
import pickle
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import auditor
from auditor.errors import InputError, UsageError, Where
from auditor.scale.engines import Engine, Numbered, alone
from auditor.scale.parts import Parts
from auditor.scale.work import TOP, Part, Work

if TYPE_CHECKING:
    from auditor.observations import Frequency
    from auditor.panel import Panel
    from auditor.scale.episodes import Episode
    from auditor.scale.tables import LongTable

#: ``progress(done, total, answered)`` after each chunk: chunks done, chunks in all, lines written by this run.
Progress = Callable[[int, int, int], None]

FORMATS = ("jsonl", "html", "parquet", "duckdb")


@dataclass(frozen=True)
class Result:
    """What a scan wrote.

    Attributes
    ----------
    kind : {'screening', 'audits'}
    counts : mapping of str to int
    top : list of dict
    files : list of Path
    """

    kind: str
    counts: Mapping[str, int]
    top: list[dict[str, Any]]
    files: list[Path]


@dataclass(frozen=True)
class Plan:
    """How a scan is run, and what is written of it; none of it but ``formats`` and ``top`` shows in the result.

    Attributes
    ----------
    out : Path
        Folder of the results; checkpoints of an interrupted scan lie there too.
    engine : Engine
    formats : tuple of str
    top : int
        Records in the ranked summary.
    restart : bool
    rows : int
        Rows a chunk aims at.
    threads : int
        Of the spreading of a table.
    command, generated : str, str or None
        For the summary.
    """

    out: Path
    engine: Engine = alone
    formats: tuple[str, ...] = ("jsonl", "html")
    top: int = TOP
    restart: bool = False
    rows: int = 2_000_000
    threads: int = 2
    command: str = ""
    generated: str | None = None
    progress: Progress | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        unknown = [f for f in self.formats if f not in FORMATS]
        if unknown or not self.formats:
            raise UsageError(f"a scan has no format {', '.join(unknown) or '(none)'}", hint="use " + ", ".join(FORMATS))
        if not 1 <= self.top <= TOP:
            raise UsageError(f"--top {self.top} is not between 1 and {TOP}")


def screen_files(paths: Sequence[Path], plan: Plan, **options: Any) -> Result:
    """Screen every series of the inputs.

    Parameters
    ----------
    paths : sequence of Path
        Parquet files or one CSV, long and of any size, are read as a stream; anything else goes through the intake of
        :mod:`auditor.sources.files` and must fit into memory.
    plan : Plan
    **options
        As for :func:`auditor.sources.files.read` (``metric``, ``frequency``, ``columns`` and so on).

    Raises
    ------
    InputError
        When an input cannot be read, or changed meanwhile.
    UsageError
        When the output cannot be written, or an interrupted scan of another question is in its place.
    """
    from auditor.observations import Frequency
    from auditor.scale.intake import intake
    from auditor.scale.outputs import SCREENING

    stamps = _stamps(paths)
    question = {"kind": "screening", "options": options, "rows": plan.rows, "inputs": stamps}
    parts = _open(plan, question)
    stated = options.get("frequency")
    table = intake(paths, parts.folder, options)
    _screen(table, Frequency(stated) if stated else None, parts, plan)
    _unchanged(paths, stamps)
    return _finish("screening", parts, plan, [p.name for p in paths], SCREENING, simulated=_simulated(paths))


def screen_panel(panel: "Panel", plan: Plan, *, names: Sequence[str] = (), metric: str = "") -> Result:
    """Screen every series of a panel; ``names`` are what the summary calls its inputs.

    Raises
    ------
    UsageError
        As :func:`screen_files`.
    """
    from auditor.scale.intake import lay_down
    from auditor.scale.outputs import SCREENING

    held = panel.table(metric)
    content = hashlib.sha256(repr((held.entities, str(held.dates[0]), plan.rows)).encode("utf-8", "surrogatepass"))
    content.update(held.values.tobytes())
    parts = _open(plan, {"kind": "screening", "metric": held.metric, "panel": content.hexdigest()})
    _screen(lay_down(held, parts.folder), panel.frequency, parts, plan)
    return _finish("screening", parts, plan, names, SCREENING, simulated=panel.simulated)


def _screen(table: "LongTable", stated: "Frequency | None", parts: Parts, plan: Plan) -> None:
    from auditor.scale.chunks import cut
    from auditor.scale.intake import union
    from auditor.scale.screening import Screening
    from auditor.scale.spacing import find_grid

    chunks = cut(table, parts.folder, rows=plan.rows, threads=plan.threads)
    whole = table if table.sortable else union([c.table for c in chunks])
    grid = find_grid(chunks[0].table, whole, stated)
    _run(Screening(grid), chunks, parts, plan)


def audit_episodes(
    panel: "Panel",
    episodes: "Sequence[Episode] | None",
    plan: Plan,
    *,
    paths: Sequence[Path] = (),
    metric: str = "",
    markets: Mapping[str, str] | None = None,
    rules: Sequence[str] | None = (),
    most: int = 0,
    names: Sequence[str] = (),
) -> Result:
    """Audit episodes in full.

    Parameters
    ----------
    panel : Panel
    episodes : sequence of Episode or None
        None: the strongest rise of every entity, as the screening finds it.
    plan : Plan
    paths : sequence of Path
        The inputs, for the summary and for knowing an interrupted scan again.
    metric : str
    markets : mapping of str to str, optional
        Market of each entity. Peers are then the entities of the same market, and no other market is seen.
    rules : sequence of str or None
        Folders of rules beside the shipped ones; None runs no rule.
    most : int
        With ``episodes=None``: audit only so many, those that rank first. 0 audits all.
    names : sequence of str
        What the summary calls the inputs; default: the names of ``paths``.

    Raises
    ------
    UsageError
        When the metric is not in the panel or not chosen, or the output cannot be written.
    """
    from auditor.scale.auditing import Auditing, batches
    from auditor.scale.episodes import grouped, screened_episodes
    from auditor.scale.outputs import AUDITS

    table = panel.table(metric)
    silent: dict[str, str] = {}
    if episodes is None:
        chosen, silent = screened_episodes(table, panel.frequency.season)
        chosen = chosen[:most] if most else chosen
    else:
        chosen = list(episodes)
    question = {
        "kind": "audits",
        "inputs": _stamps(paths),
        "panel": hashlib.sha256(table.values.tobytes()).hexdigest(),
        "metric": table.metric,
        "markets": hashlib.sha256(repr(sorted((markets or {}).items())).encode("utf-8", "surrogatepass")).hexdigest(),
        "rules": rules,
        "episodes": hashlib.sha256(repr(sorted(chosen)).encode("utf-8", "surrogatepass")).hexdigest(),
    }
    parts = _open(plan, question)
    if markets is not None:
        for entity in sorted({e.entity for e in chosen if markets.get(e.entity) == ""}):
            silent[entity] = "the input states several markets for it"
        for entity in sorted({e.entity for e in chosen if e.entity in table.index and e.entity not in markets}):
            silent[entity] = "the input states no market for it"
        chosen = [e for e in chosen if e.entity not in silent]
    work = Auditing(None if rules is None else tuple(rules))
    todo: list[Any] = []
    for market, group in grouped(chosen, markets).items():
        members = None if markets is None else {e for e, m in markets.items() if m == market}
        place = _kept(panel if members is None else within(panel, members), parts.folder)
        todo += batches(group, place, market, table.metric, len(todo))
    _run(work, todo, parts, plan)
    if silent:
        from auditor.scale.lines import encode

        records = [{"entity": e, "date": "", "reason": why} for e, why in sorted(silent.items())]
        parts.put(len(todo), Part(b"".join(encode(records)), {"refused": len(records)}, []))
    return _finish("audits", parts, plan, names or [p.name for p in paths], AUDITS, simulated=panel.simulated)


def within(panel: "Panel", members: set[str]) -> "Panel":
    """Return the panel of some entities alone: remainders and totals are those of the whole and stay outside."""
    from auditor.panel import Panel

    raw = panel.observations
    if raw is None:
        raise UsageError("a panel without its observations cannot be split by market", hint="build it with Panel.of")
    frame = raw.frame[raw.frame["entity"].astype(str).isin(members)]
    if not len(frame):
        return panel
    frame = frame.assign(entity=frame["entity"].astype(str))
    repeats = raw.repeats if raw.repeats is None else raw.repeats[raw.repeats["entity"].astype(str).isin(members)]
    return Panel.of(replace(raw, frame=frame, repeats=repeats))


def _run(work: Work, chunks: Sequence[Numbered], parts: Parts, plan: Plan) -> None:
    done = parts.finished()
    todo = [c for c in chunks if c.number not in done]
    answered = 0
    if plan.progress is not None:
        plan.progress(len(chunks) - len(todo), len(chunks), 0)
    for count, (number, part) in enumerate(plan.engine(work, todo), 1):
        parts.put(number, part)
        answered += part.counts.get("answered", 0) + part.counts.get("refused", 0)
        if plan.progress is not None:
            plan.progress(len(chunks) - len(todo) + count, len(chunks), answered)


def _finish(
    kind: str, parts: Parts, plan: Plan, names: Sequence[str], columns: dict[str, str], *, simulated: bool
) -> Result:
    from auditor.scale.outputs import tabulate
    from auditor.scale.summary import as_html

    counts, top = parts.counts(), parts.top(plan.top)
    lines = plan.out / "scan.jsonl"
    files = []
    parts.merge(lines)
    for form in plan.formats:
        if form in {"parquet", "duckdb"}:
            files.append(plan.out / f"scan.{form}")
            tabulate(lines, files[-1], columns)
    if "html" in plan.formats:
        page = as_html(
            kind, counts, top, inputs=names, command=plan.command, generated=plan.generated, simulated=simulated
        )
        files.append(plan.out / "index.html")
        files[-1].write_text(page, encoding="utf-8")
    if "jsonl" in plan.formats:
        files.insert(0, lines)
    else:
        lines.unlink()
    parts.discard()
    return Result(kind, counts, top, files)


def _open(plan: Plan, question: Mapping[str, Any]) -> Parts:
    asked = {**question, "version": auditor.__version__}
    try:
        plan.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder cannot be made: {error.strerror or error}",
            where=str(plan.out),
            hint="choose another with --out",
        ) from error
    return Parts.open(plan.out / "scan.jsonl", asked, restart=plan.restart)


def _stamps(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    stamps = []
    for path in paths:
        try:
            found = path.stat()
        except OSError as error:
            raise InputError(
                f"the file cannot be read: {error.strerror}", where=Where(path.name), hint="check the path"
            ) from error
        stamps.append((path.name, found.st_size, found.st_mtime_ns))
    return stamps


def _unchanged(paths: Sequence[Path], stamps: list[tuple[str, int, int]]) -> None:
    if _stamps(paths) != stamps:
        raise InputError(
            "an input changed while it was scanned", where=Where(paths[0].name), hint="run again with --restart"
        )


def _simulated(paths: Sequence[Path]) -> bool:
    from auditor.sources.tabular.card import read_card

    cards = [read_card(path) for path in paths]
    return any(card is not None and card.simulated for card in cards)


def _kept(panel: "Panel", folder: Path) -> Path:
    """Lay a panel down for the workers, under the checksum of its bytes."""
    data = pickle.dumps(panel)
    place = folder / f"panel-{hashlib.sha256(data).hexdigest()[:32]}.pickle"
    part = place.with_suffix(".part")
    part.write_bytes(data)
    part.replace(place)
    return place


def discard(out: Path) -> None:
    """Remove the checkpoints that an interrupted scan left in a folder."""
    shutil.rmtree(out / ".scan.jsonl.parts", ignore_errors=True)
