"""Runs every test on every episode, in worker processes, and keeps the outcomes as two tables."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from auditor.calibration import features
from auditor.calibration.bases import Base, load
from auditor.calibration.episodes import Episode, Spec, build, check_unique
from auditor.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from auditor.detectors.base import Scene
    from auditor.rulebook.book import Rulebook

#: Episodes sent to a worker at a time: few enough that both cores end together, enough that sending costs nothing.
BATCH = 8

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Collection:
    """What a collection measured.

    Attributes
    ----------
    tests : DataFrame
        One row per episode and outcome, sorted by episode as asked for.
    episodes : DataFrame
        One row per episode, with the number of tests that failed and what failed as a whole.
    failures : int
        Episodes that could not be built or audited at all.
    broken : int
        Tests that failed on episodes that could be audited.
    """

    tests: "pd.DataFrame"
    episodes: "pd.DataFrame"
    failures: int
    broken: int


@dataclass(eq=False)
class Measurer:
    """What a worker holds: the bases, the detectors and the rulebook, opened once."""

    bases: Mapping[str, Base]
    seed: int
    detectors: tuple[ModuleType, ...]
    book: "Rulebook | None" = None
    requires: dict[str, Any] = field(default_factory=dict)

    def measure(self, spec: Spec) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Build and audit one episode: its row and the rows of its tests. Never raises for what an episode does."""
        try:
            episode = build(spec, self.bases, self.seed)
            rows, broken = self._audit(episode)
        except Exception as problem:  # noqa: BLE001 - a failed episode is a result: it is recorded and counted, never dropped
            text = (str(problem).splitlines() or [""])[0]
            return _failed(spec, f"{type(problem).__name__}: {text}"[:300]), []
        about = features.of_episode(episode)
        elevation = rows[0]["elevation"] if rows else features.NAN
        settled = rows[0]["settled"] if rows else True
        own = about | {"elevation": elevation, "settled": settled, "tests": len(rows), "broken": broken, "error": ""}
        return own, [about | row for row in rows]

    def _audit(self, episode: Episode) -> tuple[list[dict[str, Any]], int]:
        from auditor.findings import Outcome
        from auditor.window import resolve

        scene = resolve(episode.panel, episode.case)
        outcomes: list[Outcome] = []
        failed: list[tuple[str, Any, Exception]] = []
        for module in self.detectors:
            try:
                outcomes += module.detect(scene, {})
            except Exception as problem:  # noqa: BLE001 - a failing test is recorded beside the others
                failed.append((module.RULE.id, module.RULE.family, problem))
        rows = features.of_outcomes(scene, outcomes)
        if self.book is not None:
            try:
                rows += self._rules(scene)
            except Exception as problem:  # noqa: BLE001 - as above
                failed.append(("rulebook", None, problem))
        scenic = {k: rows[0][k] for k in ("elevation", "settled")} if rows else {}
        for row in rows:
            row.update(scenic)
        rows += [features.of_error(rule, family, problem, scenic) for rule, family, problem in failed]
        return rows, len(failed)

    def _rules(self, scene: "Scene") -> list[dict[str, Any]]:
        assert self.book is not None
        rules = {r.id: r for r in self.book.rules}
        requires = {i: r.requires for i, r in rules.items()}
        outcomes = [o for o in self.book.run(scene) if getattr(o, "variant", "") != "elsewhere"]
        rows = features.of_outcomes(scene, outcomes, requires)
        spoke = {o.rule for o in outcomes}
        rows += [features.without_hit(i, r.family, r.requires, {}) for i, r in rules.items() if i not in spoke]
        return rows


def collect(
    specs: Sequence[Spec],
    data: Path,
    *,
    seed: int = 0,
    jobs: int = 2,
    rules: bool = False,
    progress: Progress | None = None,
    detectors: Sequence[ModuleType] | None = None,
) -> Collection:
    """Run the detectors, and the rules where asked, over episodes.

    Parameters
    ----------
    specs : sequence of Spec
        Their order is the order of the rows; the figures do not depend on it, nor on ``jobs``.
    data : Path
        Folder of reference data.
    seed : int
    jobs : int
        Worker processes; 1 works in this process.
    rules : bool
        Run the shipped rulebook as well.
    progress : callable, optional
        Called as ``progress(kind, done, total)``.
    detectors : sequence of modules, optional
        Default: the registry, as it is.

    Raises
    ------
    UsageError
        When two episodes share an id, or ``jobs`` is below 1.
    InputError
        When a reference file is absent.
    """
    if jobs < 1:
        raise UsageError(f"{jobs} worker processes cannot work", hint="use --jobs 1 or more")
    check_unique(specs)
    with _one_thread():
        results: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        for done, result in enumerate(_measured(specs, data, seed, jobs, detectors, rules=rules), start=1):
            results.append(result)
            if progress is not None:
                progress(result[0]["kind"], done, len(specs))
    return _collection(results)


def write(collection: Collection, folder: Path) -> tuple[Path, Path]:
    """Write ``tests.parquet`` and ``episodes.parquet``; the same collection gives the same bytes."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / "tests.parquet", folder / "episodes.parquet")
    with duckdb.connect(config={"threads": 1}) as con:
        for path, frame in zip(paths, (collection.tests, collection.episodes), strict=True):
            con.register("written", frame)
            target = str(path).replace("'", "''")
            con.execute(f"COPY written TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
            con.unregister("written")
    return paths


def read(folder: Path) -> Collection:
    """Read what :func:`write` wrote."""
    import duckdb

    with duckdb.connect() as con:
        tests, episodes = (
            con.execute("SELECT * FROM read_parquet(?)", [str(folder / name)]).df()
            for name in ("tests.parquet", "episodes.parquet")
        )
    return Collection(tests, episodes, int((episodes["error"] != "").sum()), int(episodes["broken"].sum()))


def _measured(
    specs: Sequence[Spec], data: Path, seed: int, jobs: int, detectors: Sequence[ModuleType] | None, *, rules: bool
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    if jobs == 1:
        measurer = _measurer(data, seed, detectors, rules=rules)
        yield from map(measurer.measure, specs)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    names = None if detectors is None else tuple(m.__name__ for m in detectors)
    batches = [tuple(specs[i : i + BATCH]) for i in range(0, len(specs), BATCH)]
    with ProcessPoolExecutor(
        max_workers=jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(data, seed, names, "rules" if rules else ""),
    ) as pool:
        for batch in pool.map(_work, batches):
            yield from batch


def _measurer(data: Path, seed: int, detectors: Sequence[ModuleType] | None, *, rules: bool) -> Measurer:
    from auditor.detectors.registry import DETECTORS

    book = None
    if rules:
        from auditor import rulebook

        book = rulebook.load()
    return Measurer(load(data), seed, tuple(DETECTORS if detectors is None else detectors), book)


_WORKER: list[Measurer] = []


def _start(data: Path, seed: int, names: Sequence[str] | None, beside: str) -> None:
    """Prepare a worker process; ``beside`` is ``rules`` where the rulebook is run as well."""
    from importlib import import_module

    detectors = None if names is None else tuple(import_module(n) for n in names)
    _WORKER[:] = [_measurer(data, seed, detectors, rules=beside == "rules")]


def _work(specs: Sequence[Spec]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    return [_WORKER[0].measure(spec) for spec in specs]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread: processes share the cores already, and sums in one order give the same bytes."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

        with threadpool_limits(limits=1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _failed(spec: Spec, error: str) -> dict[str, Any]:
    return {
        "episode": spec.id,
        "truth": spec.truth.value,
        "kind": spec.kind,
        "entity": spec.ids[0] if spec.ids else "",
        "week": "",
        "established": False,
        "magnitude": float(spec.magnitude),
        "days": spec.days,
        "certainty": spec.certainty,
        "source": spec.base,
        "events": "",
        "surge": spec.surge,
        "elevation": features.NAN,
        "settled": False,
        "tests": 0,
        "broken": 0,
        "error": error,
    }


def _collection(results: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]]) -> Collection:
    import pandas as pd

    episodes = pd.DataFrame(
        features.columns(
            [own for own, _ in results], (*features.EPISODE, "elevation", "settled", "tests", "broken", "error")
        )
    )
    tests = pd.DataFrame(
        features.columns([row for _, rows in results for row in rows], (*features.EPISODE, *features.OUTCOME))
    )
    return Collection(tests, episodes, int((episodes["error"] != "").sum()), int(episodes["broken"].sum()))
