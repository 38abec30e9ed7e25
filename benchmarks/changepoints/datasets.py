"""Series with known or annotated changes: the Turing Change Point Dataset, and simulated usage series."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditor.errors import InputError

NOT_SCORED = ("run_log", "uk_coal_employ")
"""Left out of the score: the first has two dimensions, the second holes."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Annotated:
    """One series, what its annotators marked, and its seasonal period if the dates tell one."""

    name: str
    values: Floats
    annotations: tuple[tuple[int, ...], ...]
    period: int | None


def shared_data(path: str | None = None) -> Path:
    """Find the ``data`` folder of the reference data.

    Parameters
    ----------
    path : str, optional
        The folder that contains ``data/``; else ``AUDIT_SHARED_DATA``, else ``../shared`` beside the project.

    Raises
    ------
    InputError
        If the folder has no ``data/tcpd/series.csv``.
    """
    root = path or os.environ.get("AUDIT_SHARED_DATA") or str(Path(__file__).resolve().parents[3] / "shared")
    folder = Path(root) / "data"
    if not (folder / "tcpd" / "series.csv").is_file():
        raise InputError(
            f"no reference data in {root}",
            where=str(folder / "tcpd" / "series.csv"),
            hint="name the folder that contains data/ with --data or AUDIT_SHARED_DATA",
        )
    return folder


def load_tcpd(folder: Path) -> list[Annotated]:
    """Load the 30 complete univariate series of the Turing Change Point Dataset, in alphabetical order."""
    series = pd.read_csv(folder / "tcpd" / "series.csv", dtype={"date": str})
    marks = pd.read_csv(folder / "tcpd" / "annotations.csv")
    out = []
    for name, rows in series.groupby("series_id", sort=True):
        if name in NOT_SCORED:
            continue
        ordered = rows.sort_values("t")
        mine = marks[marks["series_id"] == name]
        annotations = tuple(
            tuple(sorted(int(i) for i in group["changepoint_index"].dropna()))
            for _, group in mine.groupby("annotator", sort=True)
        )
        values = ordered["value"].to_numpy(dtype=np.float64)
        out.append(Annotated(str(name), values, annotations, period_of(ordered["date"].tolist())))
    return out


def period_of(dates: list[str]) -> int | None:
    """Read the season off the dates: 12 for months, 7 for days, none for years and plain counters."""
    if all(re.fullmatch(r"\d{4}-\d{2}", date) for date in dates):
        return 12
    if all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", date) for date in dates[:50]):
        days = np.diff(np.array(dates, dtype="datetime64[D]")).astype(int)
        return 7 if bool(np.all(days == 1)) else None
    return None
