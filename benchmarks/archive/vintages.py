"""Real restatements, from the archive: OpenRouter's rankings, the same days read again and again (CC BY 4.0)."""

import io
import json
import tempfile
from pathlib import Path

import pandas as pd

from auditor.archive import (
    Archive,
    Entry,
    Parser,
    as_known_on,
    import_path,
    observations,
    revision_summary,
    revisions,
)
from benchmarks.archive.rows import Row

_NAMES = {"model_permaslug": "entity", "total_tokens": "value"}


def parse_csv(raw: bytes, entry: Entry) -> pd.DataFrame:  # noqa: ARG001  the contract of parsers
    """Read ``date,model_permaslug,total_tokens,as_of``."""
    frame = pd.read_csv(io.BytesIO(raw), parse_dates=["date"])
    return frame.rename(columns=_NAMES).assign(metric="total_tokens")


def parse_json(raw: bytes, entry: Entry) -> pd.DataFrame:  # noqa: ARG001  the contract of parsers
    """Read an answer of ``rankings-daily``, which lists whole days."""
    answer = json.loads(raw)
    frame = pd.DataFrame(answer["data"]).rename(columns=_NAMES)
    return frame.assign(
        date=pd.to_datetime(frame["date"]),
        value=[int(value) for value in frame["value"]],
        metric="total_tokens",
        as_of=answer["meta"]["as_of"],
        complete=True,
    )


def restatements(data: Path) -> list[Row]:
    """Import the vintages file and count what changed; compare every vintage with the panel as known then."""
    path = data / "openrouter" / "rankings_daily_vintages_2026-05-23_2026-07-05.csv"
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(folder)
        imported = import_path(
            archive, path, source="openrouter", retrieved_at="2026-10-11T00:00:00Z", as_of_column="as_of"
        )
        read = observations(archive, Parser("rankings-csv", "1", parse_csv))
    changes = revisions(read)
    found = revision_summary(read, changes)
    largest = found["largest"]
    published = pd.read_csv(path)
    differing = 0
    for as_of, rows in published.groupby("as_of"):
        known = as_known_on(read, str(as_of))
        keyed = known.assign(date=known["date"].dt.strftime("%Y-%m-%d")).set_index(["date", "entity"])["value"]
        expected = rows.set_index(["date", "model_permaslug"])["total_tokens"].astype(float)
        differing += int((keyed.reindex(expected.index).to_numpy() != expected.to_numpy()).sum())
    lag = (changes["as_of"].dt.normalize() - changes["date"]).dt.days
    return [
        Row("vintages", f"vintages / rows imported; model-days revised, of {found['figures']}",
            f"{imported.added} / {len(read)}; {found['revised']}", "465", found["revised"] == 465),
        Row("vintages", "restatements upward / downward", f"{found['upward']} / {found['downward']}", "471 / 0",
            (found["upward"], found["downward"]) == (471, 0)),
        Row("vintages", "lag after the day's end, median / longest (days); longest in calendar days",
            f"{found['lag_days_median']:.2f} / {found['lag_days_max']:.2f}; {lag.max()}", "within 3", int(lag.max()) <= 3),
        Row("vintages", "relative change, median; largest",
            f"{found['relative_median']:.2g}; {largest['ratio'] - 1:+.2%} ({largest['entity']}, {largest['date']:%Y-%m-%d})"),
        Row("vintages", f"rows that differ between each vintage and the panel as known then, of {len(published)}",
            str(differing), "0", differing == 0),
    ]  # fmt: skip


def example_pair(sources: Path) -> list[Row]:
    """Archive two answers for the same three days and list the rows that differ."""
    files = sorted((sources / "openrouter" / "examples").glob("rankings-daily.200.vintage-[AB]*.json"))
    rows = [json.loads(path.read_bytes())["data"] for path in files]
    keyed = [{(row["date"], row["model_permaslug"]): int(row["total_tokens"]) for row in part} for part in rows]
    expected = {(*key, float(value), float(keyed[1][key])) for key, value in keyed[0].items() if keyed[1][key] != value}
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(folder)
        for path in files:
            archive.add(path.read_bytes(), source="openrouter", url=f"https://openrouter.ai/{path.name}",
                        retrieved_at="2026-10-11T00:27:00Z")  # fmt: skip
        changes = revisions(observations(archive, Parser("rankings-json", "1", parse_json)))
    listed = {
        (f"{row.date:%Y-%m-%d}", row.entity, row.old, row.new) for row in changes.itertuples() if row.kind == "restated"
    }
    good = listed == expected and len(changes) == len(expected)
    return [
        Row(
            "vintages",
            "example pair: rows listed as changed / that differ",
            f"{len(changes)} / {len(expected)}",
            "equal",
            good,
        )
    ]
