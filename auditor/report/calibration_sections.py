"""The parts of the calibration page: which figures stand in which table and chart, and what is said about them."""

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.report.calibration_view import (
    DRAWN,
    LENGTHS,
    TIERS,
    TRUTHS,
    CalibrationView,
    Cell,
    Grid,
    Section,
    listing,
    mapping,
    number,
    spike,
)
from auditor.report.charts import power, reliability, tippett
from auditor.report.charts.base import Chart
from auditor.report.clean import clean
from auditor.report.words import NO_VALUE


def sections(view: CalibrationView) -> Sequence[Section]:
    """Return all parts of the page in the order of reading."""
    t = view.t
    made: list[tuple[str, Sequence[tuple[Chart, str]], Sequence[Grid], Sequence[str]]] = [
        ("bars", (), [_bars(view)], ()),
        ("false", (), _false(view), ()),
        ("power", _power_chart(view), (), ()),
        ("detectable", (), [_detectable(view, established=e) for e in (True, False)], ()),
        ("reliability", _reliability_chart(view), (), ()),
        ("tippett", _tippett_chart(view), (), ()),
        ("cllr", (), [_cllr(view), _comparison(view), _unlabelled(view)], ()),
        ("bound", (), [_bound(view)], ()),
        ("confusion", (), [_confusion(view, tier) for tier in TIERS], ()),
        ("errors", (), [_errors(view)], ()),
        ("labelled", (), _labelled(view), ()),
        ("blind", (), [_blind(view)], [_profile(view), *_entries(view, "blind.points")]),
        ("assumptions", (), (), _entries(view, "assumptions.points")),
        ("repeat", (), _counts(view), ()),
    ]
    return [Section(k, t(f"{k}.heading"), (t(f"{k}.intro"),), c, g, p) for k, c, g, p in made]


def _entries(view: CalibrationView, key: str) -> Sequence[str]:
    return [clean(e) for e in view.words.catalogue.entries(f"calibration.{key}")]


def _heads(view: CalibrationView, *first: str) -> list[str]:
    return [*(view.t(f"column.{k}") for k in first), *(view.t("tier", tier=t) for t in TIERS)]


def _missing(view: CalibrationView) -> Cell:
    return Cell(view.t("not_measured"), kind="none")


def _bars(view: CalibrationView) -> Grid:
    rows = []
    listed = listing(view.document.get("labelled"))
    if listed:
        wrong = sum(any(_named(row, t) == "inflated" for t in TIERS) for row in listed)
        found = Cell(view.t("bars.of", count=wrong, total=len(listed)))
        rows.append(
            [Cell(view.t("bar.on_record")), Cell(view.t("all_tiers")), Cell("0"), found, _met(view, wrong == 0)]
        )
    found_bars = listing(view.document.get("bars"))
    order = list(dict.fromkeys(str(b.get("what", "")) for b in found_bars))
    for bar in sorted(found_bars, key=lambda b: order.index(str(b.get("what", "")))):
        what, tier, met = str(bar.get("what", "")), clean(str(bar.get("tier", ""))), bar.get("met")
        found = _found(view, bar.get("found"))
        verdict = _missing(view) if found.kind == "none" else _met(view, met is True)
        rows.append([Cell(view.label("bar", what)), Cell(tier), _aim(view, bar), found, verdict])
    columns = [view.t(f"column.{k}") for k in ("what", "tier", "asked", "measured", "met")]
    return Grid(view.t("bars.caption"), columns, rows, "bars.csv")


def _aim(view: CalibrationView, bar: Mapping[str, Any]) -> Cell:
    aim = str(bar.get("aim", ""))
    sign, _, value = aim.partition(" ")
    try:
        goal = float(value)
    except ValueError:
        return Cell(clean(aim).replace("<=", "≤"))
    said = f"{goal:g}" if bar.get("what") == "cllr" else view.share(goal)
    return Cell(f"{sign.replace('<=', '≤').replace('>=', '≥')} {said}")


def _met(view: CalibrationView, met: bool) -> Cell:  # noqa: FBT001 - internal
    return Cell(view.t("met" if met else "not_met"), kind="supported" if met else "contradicted")


def _found(view: CalibrationView, value: Any) -> Cell:
    if isinstance(value, Mapping):
        return view.rate(value)
    rows = listing(value)
    if rows:
        parts = [
            view.t(
                "bars.above",
                count=int(number(r.get("count")) or 0),
                total=int(number(r.get("total")) or 0),
                x=_plain(r.get("x")),
            )
            for r in rows
        ]
        return Cell("; ".join(parts))
    return _missing(view) if number(value) is None else Cell(view.two(value))


def _plain(value: Any) -> str:
    found = number(value)
    return clean(str(value)) if found is None else f"{found:,.4g}"


def _false(view: CalibrationView) -> Sequence[Grid]:
    grids = []
    for by in ("truth_name", "certainty", "kind", "source"):
        per_tier = {t: listing(mapping(view.tier(t).get("false_by")).get(by)) for t in TIERS}
        keys = sorted({str(r.get(by)) for rows in per_tier.values() for r in rows})
        rows = []
        for key in keys:
            found = [next((r for r in per_tier[t] if str(r.get(by)) == key), None) for t in TIERS]
            name = view.truth(key) if by == "truth_name" else view.label("kind" if by == "kind" else by, key)
            rows.append([Cell(name), *(view.rate(r) for r in found)])
        if rows:
            caption = view.t("false.caption", by=view.t(f"by.{by}"))
            heads = [view.t(f"by.{by}"), *_heads(view)]
            grids.append(Grid(caption, heads, rows, "false-accusations.csv", folded=by == "source"))
    return grids


def _power_chart(view: CalibrationView) -> Sequence[tuple[Chart, str]]:
    def cells(tier: str, key: str, kind: str | None) -> list[Mapping[str, Any]]:
        rows = listing(view.tier(tier).get(key))
        kept = [r for r in rows if r.get("established") is True and r.get("days") == DRAWN]
        return [r for r in kept if kind is None or str(r.get("kind")) == kind]

    kinds = sorted({str(r.get("kind")) for t in TIERS for r in cells(t, "power_cells", None)})
    panels = []
    for name, key, kind in [
        (view.t("power.all"), "power_all_kinds", None),
        *((view.label("kind", k), "power_cells", k) for k in kinds),
    ]:
        curves = {t: cells(t, key, kind) for t in TIERS}
        doubled = {
            t: next((r.get("power") for r in rows if (number(r.get("magnitude")) or 0) == 1.0), None)
            for t, rows in curves.items()
        }
        said = view.t("power.said", kind=name, **{f"t{t}": view.share(v) for t, v in doubled.items()})
        if any(curves.values()):
            panels.append((name, curves, said))
    if not panels:
        return ()
    chart = power.draw(
        panels, "power", view.t("power.title", days=DRAWN), view.t("power.caption"), view.t("tier_short")
    )
    return [(chart, "chart-power.csv")]


def _detectable(view: CalibrationView, *, established: bool) -> Grid:
    rows = []
    for days in LENGTHS:
        cells = []
        for t in TIERS:
            found = [
                r
                for r in listing(view.tier(t).get("detectable"))
                if r.get("days") == days and r.get("established") is established
            ]
            cells.append(_least(view, found[0]) if found else _missing(view))
        rows.append([Cell(view.t("detectable.days", days=days)), *cells])
    caption = view.t("detectable.established" if established else "detectable.new")
    return Grid(caption, _heads(view, "length"), rows, "detectable.csv")


def _least(view: CalibrationView, row: Mapping[str, Any]) -> Cell:
    least, n = number(row.get("least")), int(number(row.get("n")) or 0)
    note = view.t("detectable.n", n=n)
    if least is not None:
        return Cell(f"+{view.share(least)}", note)
    return Cell(view.t("detectable.none", largest=view.share(row.get("largest"))), note, "none")


def _reliability_chart(view: CalibrationView) -> Sequence[tuple[Chart, str]]:
    panels = []
    for t in TIERS:
        rows = listing(view.tier(t).get("reliability"))
        if rows:
            said = view.t("reliability.said", tier=t, ece=view.share(view.tier(t).get("ece")))
            panels.append((t, view.t(f"tier_name.{t}"), rows, said))
    if not panels:
        return ()
    captions = [said for *_, said in panels]
    chart = reliability.draw(
        panels,
        "reliability",
        view.t("reliability.title"),
        captions,
        view.t("reliability.axis"),
        view.t("reliability.even"),
    )
    return [(chart, "chart-reliability.csv")]


def _tippett_chart(view: CalibrationView) -> Sequence[tuple[Chart, str]]:
    panels = []
    for t in TIERS:
        rows = listing(view.tier(t).get("tippett"))
        ten = next((r for r in rows if number(r.get("log10_lr")) == 1.0), {})
        said = view.t("tippett.said", tier=t, yes=view.share(ten.get("true")), no=view.share(ten.get("false")))
        if rows:
            panels.append((t, view.t(f"tier_name.{t}"), rows, said))
    if not panels:
        return ()
    names = (view.t("tippett.yes"), view.t("tippett.no"))
    captions = [said for *_, said in panels]
    chart = tippett.draw(panels, "tippett", view.t("tippett.title"), captions, view.t("tippett.axis"), names)
    return [(chart, "chart-tippett.csv")]


def _cllr(view: CalibrationView) -> Grid:
    rows = [
        [Cell(view.t(f"cllr.row.{key}")), *(_cost(view, view.tier(t), key) for t in TIERS)]
        for key in ("asked", "all", "large")
    ]
    return Grid(view.t("cllr.caption"), _heads(view, "cases"), rows, "cllr.csv")


def _cost(view: CalibrationView, figures: Mapping[str, Any], key: str) -> Cell:
    suffix = "" if key == "asked" else f"_{key}"
    cost, least = figures.get(f"cllr{suffix}"), figures.get(f"cllr_min{suffix}")
    if number(cost) is None:
        return _missing(view)
    return Cell(view.two(cost), view.t("cllr.least", value=view.two(least)))


def _comparison(view: CalibrationView) -> Grid:
    chosen, rows = mapping(view.document.get("chosen")), []
    for row in listing(view.document.get("comparison")):
        tiers = mapping(row.get("tiers"))
        taken = all(row.get(k) == chosen.get(k) for k in ("combination", "method"))
        name = " / ".join(view.label("method", row[k]) for k in ("combination", "method") if row.get(k))
        cells = []
        for t in TIERS:
            figures = mapping(tiers.get(t))
            cost = _cost(view, figures, "asked")
            said = view.t(
                "cllr.plan",
                false=int(number(figures.get("false")) or 0),
                total=int(number(figures.get("innocent")) or 0),
                power=view.share(figures.get("power")),
            )
            cells.append(cost if cost.kind else Cell(cost.text, f"{cost.note}; {said}"))
        held = view.t("holds" if row.get("bound_holds") else "fails")
        note = view.t("cllr.chosen") if taken else "" if row.get("shippable", True) else view.t("cllr.not_shippable")
        rows.append([Cell(name, note, "chosen" if taken else ""), *cells, Cell(held)])
    heads = [*_heads(view, "method"), view.t("column.bound")]
    return Grid(view.t("cllr.comparison"), heads, rows, "comparison.csv")


def _unlabelled(view: CalibrationView) -> Grid:
    unknown = mapping(view.document.get("unlabelled"))
    counted, called = mapping(unknown.get("counted_as_organic")), mapping(unknown.get("called_inflated"))
    rows = [
        [Cell(view.t("unlabelled.left_out")), *(_cost(view, view.tier(t), "asked") for t in TIERS)],
        [Cell(view.t("unlabelled.counted")), *(_cost(view, mapping(counted.get(t)), "asked") for t in TIERS)],
        [
            Cell(view.t("unlabelled.false_left_out")),
            *(view.rate(view.tier(t).get("false_accusation")) for t in TIERS),
        ],
        [Cell(view.t("unlabelled.false_counted")), *(_counted(view, mapping(counted.get(t))) for t in TIERS)],
        [
            Cell(view.t("unlabelled.called", total=int(number(unknown.get("episodes")) or 0))),
            *(Cell(_plain(called[t])) if number(called.get(t)) is not None else _missing(view) for t in TIERS),
        ],
    ]
    return Grid(view.t("unlabelled.caption"), _heads(view, "cases"), rows, "unlabelled.csv")


def _counted(view: CalibrationView, figures: Mapping[str, Any]) -> Cell:
    count, total = number(figures.get("false")), number(figures.get("innocent"))
    if count is None or not total:
        return _missing(view)
    return Cell(view.share(count / total), view.t("bars.of", count=int(count), total=int(total)))


def _bound(view: CalibrationView) -> Grid:
    rows = []
    for against in ("organic", "organic_risen", "innocent", "lead"):
        per_tier = {t: listing(mapping(view.tier(t).get("bound")).get(against)) for t in TIERS}
        for k in range(max((len(v) for v in per_tier.values()), default=0)):
            found = [per_tier[t][k] if k < len(per_tier[t]) else {} for t in TIERS]
            x = next((number(r.get("x")) for r in found if number(r.get("x"))), None)
            if x is None:
                continue
            cells = []
            for r in found:
                count, total = number(r.get("count")), number(r.get("total"))
                said = view.rate({**r, "value": count / total}) if count is not None and total else _missing(view)
                kind = "" if said.kind else "supported" if r.get("holds") else "contradicted"
                cells.append(Cell(said.text, said.note, said.kind or kind))
            rows.append([Cell(view.t(f"bound.{against}")), Cell(f"{x:,.0f}"), Cell(f"≤ {view.share(1 / x)}"), *cells])
    return Grid(view.t("bound.caption"), _heads(view, "cases", "x", "asked"), rows, "bound.csv")


def _confusion(view: CalibrationView, tier: str) -> Grid:
    names = (*TRUTHS, "insufficient")
    found = {str(r.get("truth")): r for r in listing(view.tier(tier).get("confusion"))}
    rows = []
    for truth in TRUTHS:
        row = found.get(truth, {})
        n = number(row.get("n"))
        cells = [_confused(view, row.get(name), n, right=name == truth, open_=name == "insufficient") for name in names]
        rows.append([Cell(view.truth(truth)), Cell(f"{n:,.0f}") if n is not None else _missing(view), *cells])
    heads = [view.t("column.truth"), view.t("column.n"), *(view.truth(name) for name in names)]
    return Grid(view.t("confusion.caption", tier=view.t(f"tier_name.{tier}")), heads, rows, "confusion.csv")


def _confused(view: CalibrationView, count: Any, n: float | None, *, right: bool, open_: bool) -> Cell:
    found = number(count)
    if found is None or not n:
        return _missing(view)
    size = min(3, 1 + int(3 * found / n)) if found else 0
    tint = "t0" if not size or open_ else f"{'up' if right else 'down'}{size}"
    return Cell(f"{found:,.0f}", view.share(found / n), tint)


def _errors(view: CalibrationView) -> Grid:
    per_tier = {t: listing(view.tier(t).get("data_error_by_kind")) for t in TIERS}
    kinds = sorted({str(r.get("kind")) for rows in per_tier.values() for r in rows})
    rows = [
        [
            Cell(view.label("kind", k)),
            *(view.rate(next((r for r in per_tier[t] if str(r.get("kind")) == k), None)) for t in TIERS),
        ]
        for k in kinds
    ]
    rows += [
        [Cell(view.label("bar", key)), *(view.rate(view.tier(t).get(key)) for t in TIERS)]
        for key in ("data_error_named", "clean_called_error")
    ]
    return Grid(view.t("errors.caption"), _heads(view, "error"), rows, "errors.csv")


def _named(row: Mapping[str, Any], tier: str) -> str:
    return str(mapping(mapping(row.get("tiers")).get(tier)).get("named", ""))


def _labelled(view: CalibrationView) -> Sequence[Grid]:
    spikes, others = [], []
    for row in listing(view.document.get("labelled")):
        about, told = spike(row)
        cells = []
        for t in TIERS:
            found = mapping(mapping(row.get("tiers")).get(t))
            lead = number(found.get("lead"))
            if not found.get("named") or lead is None:
                cells.append(_missing(view))
                continue
            ratio = f"{10 ** max(0.0, min(lead, 6.0)):,.3g}"
            note = view.t("labelled.lead", leading=view.truth(found.get("leading")), ratio=ratio)
            cells.append(Cell(view.truth(found["named"]), note, "wrong" if found["named"] == "inflated" else ""))
        certainty = str(row.get("certainty"))
        label = view.t("labelled.unknown") if certainty == "unlabelled" else view.truth(row.get("label"))
        source = clean(str(row.get("source", "")))
        line = [Cell(about, source), Cell(label, view.label("certainty", certainty)), *cells]
        if str(row.get("kind")) == "labelled":
            spikes.append([line[0], Cell(view.label("told", told) if told else NO_VALUE), *line[1:]])
        else:
            others.append(line)
    return [
        Grid(view.t("labelled.spikes", n=len(spikes)), _heads(view, "spike", "told", "label"), spikes, "labelled.csv"),
        Grid(
            view.t("labelled.organic", n=len(others)),
            _heads(view, "window", "label"),
            others,
            "labelled.csv",
            folded=True,
        ),
    ]


def _blind(view: CalibrationView) -> Grid:
    found = listing(view.document.get("blind_spots"))
    kinds = sorted({str(r.get("kind")) for r in found})
    rows = []
    for kind in kinds:
        cells = []
        for t in TIERS:
            row = next((r for r in found if str(r.get("kind")) == kind and str(r.get("tier")) == t), None)
            if row is None:
                cells.append(Cell(NO_VALUE))
            else:
                n = int(number(row.get("n")) or 0)
                cells.append(Cell(view.share(row.get("power")), view.t("detectable.n", n=n)))
        rows.append([Cell(view.label("kind", kind)), *cells])
    return Grid(view.t("blind.caption"), _heads(view, "injection"), rows, "blind-spots.csv")


def _profile(view: CalibrationView) -> str:
    rows = listing(view.tier("1").get("power_by_kind"))
    row = next((r for r in rows if r.get("kind") == "profile_copy"), None)
    if row is None or number(row.get("power")) is None:
        return view.t("blind.profile_unmeasured")
    return view.t("blind.profile", power=view.share(row["power"]), n=int(number(row.get("n")) or 0))


def _counts(view: CalibrationView) -> Sequence[Grid]:
    counts, origin = mapping(view.document.get("counts")), mapping(view.document.get("origin"))
    truths = [
        [
            Cell(view.truth(r.get("truth"))),
            *(Cell(_plain(r.get(k))) for k in ("episodes", "entities", "weeks", "effective")),
        ]
        for r in listing(counts.get("by_truth"))
    ]
    kinds = [
        [
            Cell(view.label("kind", r.get("kind"))),
            Cell(view.truth(r.get("truth"))),
            Cell(view.label("certainty", r.get("certainty"))),
            Cell(_plain(r.get("episodes"))),
        ]
        for r in listing(counts.get("by_kind"))
    ]
    hashes = [
        [Cell(clean(str(k))), Cell(clean(str(v)), kind="hash")] for k, v in sorted(mapping(origin.get("data")).items())
    ]
    columns = {
        "truth": ("truth", "episodes", "entities", "weeks", "effective"),
        "kind": ("what", "truth", "certainty", "episodes"),
        "hash": ("file", "sha256"),
    }
    heads = {k: [view.t(f"column.{name}") for name in names] for k, names in columns.items()}
    return [
        Grid(view.t("repeat.truths"), heads["truth"], truths, "counts.csv"),
        Grid(view.t("repeat.kinds"), heads["kind"], kinds, "counts.csv", folded=True),
        Grid(view.t("repeat.hashes"), heads["hash"], hashes, "", folded=True),
    ]
