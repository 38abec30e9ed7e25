"""The figures behind the tables of the calibration page, in full precision, for its CSV files."""

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.findings import Rows
from auditor.report.calibration_view import TIERS, CalibrationView, listing, mapping, number


def tables(view: CalibrationView) -> dict[str, Rows]:
    """Return the raw figures behind each table, in full precision, tiers one below the other."""
    tiered = {
        "detectable.csv": ("detectable",),
        "power-cells.csv": ("power_cells",),
        "confusion.csv": ("confusion",),
        "errors.csv": ("data_error_by_kind",),
    }
    files = {
        name: _flat([{"tier": int(t), **r} for t in TIERS for key in keys for r in listing(view.tier(t).get(key))])
        for name, keys in tiered.items()
    }
    false = [
        {
            "tier": int(t),
            "by": str(by),
            "group": r.get(by),
            **{k: r.get(k) for k in ("count", "total", "value", "low", "high")},
        }
        for t in TIERS
        for by, rows in mapping(view.tier(t).get("false_by")).items()
        for r in listing(rows)
    ]
    bound = [
        {"tier": int(t), "against": str(against), **r}
        for t in TIERS
        for against, rows in mapping(view.tier(t).get("bound")).items()
        for r in listing(rows)
    ]
    cost = [
        {"tier": int(t)} | {k: number(v) for k, v in view.tier(t).items() if str(k).startswith(("cllr", "ece"))}
        for t in TIERS
    ]
    compared = [
        {"combination": row.get("combination"), "method": row.get("method"), "tier": int(t)}
        | {k: v for k, v in mapping(mapping(row.get("tiers")).get(t)).items() if not isinstance(v, list | Mapping)}
        for row in listing(view.document.get("comparison"))
        for t in TIERS
    ]
    labelled = [
        {k: row.get(k) for k in ("episode", "kind", "certainty", "source", "label", "out_of_sample")}
        | {"tier": int(t), **mapping(mapping(row.get("tiers")).get(t))}
        for row in listing(view.document.get("labelled"))
        for t in TIERS
    ]
    unknown = mapping(view.document.get("unlabelled"))
    counted = [
        {"tier": int(t), "called_inflated": mapping(unknown.get("called_inflated")).get(t)}
        | {
            k: v
            for k, v in mapping(mapping(unknown.get("counted_as_organic")).get(t)).items()
            if not isinstance(v, list | Mapping)
        }
        for t in TIERS
    ]
    bars = [
        {"what": b.get("what"), "tier": b.get("tier"), "aim": b.get("aim"), "met": b.get("met")}
        | ({k: mapping(b.get("found")).get(k) for k in ("value", "count", "total", "low", "high")})
        | ({} if number(b.get("found")) is None else {"value": b.get("found")})
        for b in listing(view.document.get("bars"))
    ]
    counts = mapping(view.document.get("counts"))
    return files | {
        "bars.csv": _flat(bars),
        "false-accusations.csv": _flat(false),
        "bound.csv": _flat(bound),
        "cllr.csv": _flat(cost),
        "comparison.csv": _flat(compared),
        "labelled.csv": _flat(labelled),
        "unlabelled.csv": _flat(counted),
        "blind-spots.csv": _flat(listing(view.document.get("blind_spots"))),
        "counts.csv": _flat(listing(counts.get("by_kind"))),
    }


def _flat(rows: Sequence[Mapping[str, Any]]) -> Rows:
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(str(k) for k in row)
    return Rows(tuple(columns), tuple(tuple(_value(row.get(c)) for c in columns) for row in rows))


def _value(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
