"""``audit calibrate``: measure likelihood ratios and how often the tool is wrong."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.errors import InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

#: Where reference data lie beside a checkout, and where the tables go.
DATA, OUT = Path("../shared/data"), Path("reports/calibration")


@click.command("calibrate", short_help="Measure likelihood ratios and error rates; write the calibration report.")
@click.option("--quick", is_flag=True, help="A tenth of the episodes, fewer folds and methods: under three minutes.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="The same seed gives the same bytes.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DATA,
    show_default=True,
    metavar="DIR",
    help="Folder of reference data.",
)
@click.option(
    "--features",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Tables of an earlier run (tests.parquet, episodes.parquet), instead of running the tests again.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=OUT,
    show_default=True,
    metavar="DIR",
    help="Folder of the figures.",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
@click.option(
    "--install",
    is_flag=True,
    help="Write the reference table into the package as well, so that audits use it.",
)
def command(*, quick: bool, seed: int, data: Path, folder: Path | None, out: Path, jobs: int, install: bool) -> int:
    """Run every test on real and injected episodes, estimate likelihood ratios, and print how the bars were met.

    Writes index.html (the report) with its tables, calibration.json (all figures), reference.json (the table an audit reads) and the feature tables.

    \b
    audit calibrate --quick
    audit calibrate --seed 1 --out reports/calibration
    audit calibrate --features reports/calibration
    """  # noqa: D301 - \b is the mark by which click keeps the lines below it apart
    from auditor.calibration import table as tables
    from auditor.calibration.calibrate import calibrate
    from auditor.report.calibration import calibration_files
    from auditor.report.files import put

    began = time.monotonic()
    tests, episodes = _features(quick, seed, data, folder, out, jobs)
    origin = {"command": _command(quick=quick, seed=seed), "data": _hashes(data) if data.is_dir() else {}}
    found = calibrate(tests, episodes, seed=seed, quick=quick, origin=origin, version=f"1.{seed}", progress=_say)
    out.mkdir(parents=True, exist_ok=True)
    report = json.dumps(found.report, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    (out / "calibration.json").write_text(report, encoding="utf-8", newline="\n")
    put(out, calibration_files(found.report))
    tables.write(found.table, out / "reference.json")
    if install:
        _install(found.table)
    for line in _lines(found.report):
        click.echo(line)
    click.echo(f"Report:   {out / 'index.html'}")
    click.echo(f"Figures:  {out / 'calibration.json'}")
    click.echo(f"Table:    {out / 'reference.json'}" + (" (installed)" if install else ""))
    click.echo(f"Took {time.monotonic() - began:.0f} s", err=True)
    return 0


def _features(
    quick: bool,  # noqa: FBT001 - internal
    seed: int,
    data: Path,
    folder: Path | None,
    out: Path,
    jobs: int,
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    from auditor.calibration import harness

    if folder is not None:
        if not (folder / "tests.parquet").is_file():
            raise InputError(f"{folder} holds no tests.parquet", hint="name the --out folder of an earlier run")
        kept = harness.read(folder)
        return kept.tests, kept.episodes
    if not data.is_dir():
        raise InputError(f"the reference data are not at {data}", hint="use --data DIR, or --features DIR")
    from auditor.calibration import design
    from auditor.calibration.bases import load

    bases = load(data)
    specs = (design.quick if quick else design.full)(bases, data, seed=seed)
    _say(f"{len(specs):,} episodes")
    made = harness.collect(specs, data, seed=seed, jobs=jobs, progress=_step)
    harness.write(made, out)
    return made.tests, made.episodes


def _step(kind: str, done: int, total: int) -> None:
    if done % 200 == 0 or done == total:
        _say(f"{done:,} of {total:,} episodes ({kind})")


def _say(text: str) -> None:
    click.echo(f"  {text}", err=True)


def _hashes(data: Path) -> dict[str, str]:
    """SHA-256 of each file that the figures come from, by its path inside the data folder."""
    import hashlib

    found = sorted(p for p in data.rglob("*.csv") if p.is_file())
    return {p.relative_to(data).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def _command(*, quick: bool, seed: int) -> str:
    return f"audit calibrate{' --quick' if quick else ''} --seed {seed}"


def _install(table: dict[str, Any]) -> None:
    from importlib import resources

    from auditor.calibration import table as tables
    from auditor.verdict.table import MEASURED_FILE

    target = Path(str(resources.files("auditor.verdict") / MEASURED_FILE))
    if not target.parent.is_dir():
        raise UsageError(
            "the package is not installed as plain files", hint="copy reference.json into auditor/verdict/"
        )
    tables.write(table, target)


def _lines(report: dict[str, Any]) -> list[str]:
    """Write the comparison and the bars as tables."""
    lines = ["", "Methods, out of sample (Cllr by tier; real cases called inflated; power at +100 % x 14 days)"]
    lines.append(f"  {'combination':<16} {'per test':<9} {'Cllr 1/2/3':<18} {'bound':<6} {'false':<14} power")
    chosen = report["chosen"]
    for row in report["comparison"]:
        tiers = [row["tiers"][t] for t in ("1", "2", "3")]
        mark = "*" if (row["combination"], row["method"]) == (chosen["combination"], chosen["method"]) else " "
        cost = "/".join(_two(t["cllr"]) for t in tiers)
        false = "/".join(str(t["false"]) for t in tiers) + f" of {tiers[0]['innocent']}"
        power = "/".join(_percent(t["power"]) for t in tiers)
        held = "holds" if row["bound_holds"] else "fails"
        lines.append(f"{mark} {row['combination']:<16} {row['method']:<9} {cost:<18} {held:<6} {false:<14} {power}")
    lines += ["", "Bars (out of sample, by entity and week)"]
    for bar in report["bars"]:
        lines.append(
            f"  {bar['what']:<20} tier {bar['tier']}  {_found(bar['found']):<44} aim {bar['aim']:<18} "
            f"{'met' if bar['met'] else 'NOT MET'}"
        )
    lines += ["", "Smallest inflation found in 80 % of injections (established entities)"]
    for tier in ("1", "2", "3"):
        rows = [r for r in report["tiers"][tier]["detectable"] if r["established"]]
        cells = ", ".join(f"{r['days']} d {'none' if r['least'] is None else _percent(r['least'])}" for r in rows)
        lines.append(f"  tier {tier}: {cells}")
    called = [r for r in report["labelled"] if any(v["named"] == "inflated" for v in r["tiers"].values())]
    lines += ["", f"Labelled spikes and organic series: {len(report['labelled'])}, called inflated: {len(called)}"]
    lines += [f"  {r['episode']}" for r in called]
    return lines


def _found(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{b['count']}/{b['total']} > {b['x']:g}" for b in value)
    if isinstance(value, dict):
        if not value["total"]:
            return "no case"
        return f"{_percent(value['value'])} ({value['count']}/{value['total']}, {_percent(value['low'])}-{_percent(value['high'])})"
    return _two(value)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.3g} %"


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
