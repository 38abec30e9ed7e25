"""Small long tables with known content, in the layouts that a scan meets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auditor.scale.scan import Plan, Result, screen_files

DAYS = 120


def table(count: int = 40, *, days: int = DAYS, seed: int = 3) -> pd.DataFrame:
    """Daily figures with a weekly season; every third series triples on day 80, for good."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2025-03-03", periods=days)
    season = np.where(dates.day_of_week.to_numpy() >= 5, 0.7, 1.0)
    frames = []
    for i in range(count):
        values = 1e5 * (1 + i) * season * np.exp(0.05 * rng.standard_normal(days))
        if i % 3 == 0:
            values[80:] *= 3
        frames.append(pd.DataFrame({"entity": f"org/p-{i:03d}", "date": dates, "downloads": np.rint(values)}))
    return pd.concat(frames, ignore_index=True)


def write(frame: pd.DataFrame, path: Path, *, by: Sequence[str] = ("entity", "date"), group: int = 2_048) -> Path:
    """Write a table as CSV or Parquet in some order."""
    import duckdb

    frame = frame.sort_values(list(by), kind="stable")
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
        return path
    with duckdb.connect() as con:
        con.register("f", frame)
        con.execute(f"COPY (SELECT * FROM f) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {group})")
    return path


def scan(path: Path, out: Path, **plan: Any) -> tuple[Result, bytes]:
    """Screen one file; the result and its lines."""
    options = plan.pop("options", {})
    result = screen_files([path], Plan(out=out, **({"rows": 1_000} | plan)), **options)
    return result, (out / "scan.jsonl").read_bytes()


def records(lines: bytes) -> dict[str, dict[str, Any]]:
    """Lines by entity."""
    found = [json.loads(line) for line in lines.splitlines()]
    assert len({r["entity"] for r in found}) == len(found)
    return {r["entity"]: r for r in found}
