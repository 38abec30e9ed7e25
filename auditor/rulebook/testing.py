"""Runs the tests a rule carries: small rows in, expected hits out."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from auditor.case import Case, Claim, Event, EventKind
from auditor.detectors.base import Scene
from auditor.errors import AuditError
from auditor.findings import NotApplicable
from auditor.observations import Frequency, Observations, Source, Status, concatenate
from auditor.panel import Panel
from auditor.rulebook.book import Hit, Rulebook
from auditor.rulebook.model import RuleFile, Test
from auditor.texts.catalogue import catalogue

if TYPE_CHECKING:
    import pandas as pd

_REPEATED = re.compile(r"(.+)x(\d+)")
_ABSENT = {"-", "", "null", "none"}


@dataclass(frozen=True)
class TestResult:
    """What came of one test of one rule; ``problem`` is None where it passed."""

    rule: str
    test: str
    problem: AuditError | None

    __test__ = False  # pytest would otherwise take the class for a test


def test(rules: Iterable[RuleFile]) -> list[TestResult]:
    """Run every test of every rule.

    Returns
    -------
    list of TestResult
        One per test, in order; a rule that is refused fails all of its tests.
    """
    return [TestResult(rule.id, case.name, run(rule, case)) for rule in rules for case in rule.tests]


test.__test__ = False  # type: ignore[attr-defined]  # pytest would otherwise collect the function where it is imported


def run(rule: RuleFile, case: Test) -> AuditError | None:
    """Run one test; return what is wrong, or None."""
    try:
        scene = scene_of(case)
        found = Rulebook((rule,)).hits(scene)[rule.id]
        if isinstance(found, NotApplicable):
            said = catalogue().write(found.reason)
            return None if case.not_applicable else _wrong(rule, case, f"the rule could not run: {said}")
        if case.not_applicable:
            return _wrong(rule, case, "the rule ran, although the test says not_applicable")
        return _compare(rule, case, found)
    except AuditError as error:
        return error
    except (ValueError, KeyError) as error:
        return _wrong(rule, case, f"cannot be built: {error}")


def scene_of(case: Test) -> Scene:
    """Build the scene of a test: its rows as a panel, its question as a case."""
    import pandas as pd

    from auditor import casefile
    from auditor.window import resolve

    frequency = Frequency(case.frequency)
    rows: list[dict[str, Any]] = []
    for entity, written in case.series.items():
        values = list(_expanded(written))
        days = pd.date_range(case.start, periods=len(values), freq=frequency.offset)
        rows += [
            {"date": d, "entity": entity, "metric": case.metric, "value": v, "source": "test"}
            for d, v in zip(days, values, strict=True)
            if v is not None
        ]
    for given in case.rows:
        row = dict(given)
        row["metric"] = row["metric"] or case.metric
        row["date"] = pd.Timestamp(row["date"])
        row["status"] = int(Status[str(row["status"]).upper()])
        row["value"] = math.nan if row["value"] is None else float(row["value"])
        rows.append(row)
    frame = pd.DataFrame(rows)
    defaults: dict[str, int | str] = {
        "status": int(Status.OBSERVED),
        "unit": case.unit,
        "as_of": "",
        "source": "test",
        "dimension": "",
    }
    for column, default in defaults.items():
        frame[column] = frame[column].fillna(default) if column in frame else default
    frame["status"] = frame["status"].astype("int8")
    for column in ("low", "high"):
        frame[column] = frame[column].astype("float64") if column in frame else math.nan
    frame["date"] = frame["date"].astype("datetime64[us]")
    stated = frame.pop("frequency").fillna("").astype(str) if "frequency" in frame else pd.Series("", index=frame.index)
    spacing = stated.where(stated != "", frequency.value)
    held = [Frequency(name) for name in sorted(set(spacing))]
    panel = Panel.of(concatenate([_observed(frame[spacing == one.value], one) for one in held]))
    table = panel.table(case.metric)
    whole = f"{table.dates[0]:%Y-%m-%dT%H:%M}:{table.dates[-1]:%Y-%m-%dT%H:%M}"
    asked = Case(
        subject=case.subject or (table.entities[0],),
        window=casefile.window(case.window or whole),
        metric=case.metric,
        events=tuple(
            Event(casefile.when(str(e["date"])), EventKind(e["kind"]), "", str(e["note"]), str(e["entity"]))
            for e in case.events
        ),
        claims=tuple(
            Claim(str(c["text"]), str(c["kind"]), (("value", c["value"]), ("date", c["date"]))) for c in case.claims
        ),
    )
    return resolve(panel, asked)


def _observed(frame: "pd.DataFrame", frequency: Frequency) -> Observations:
    names = sorted({str(s) for s in frame["source"]})
    return Observations(frame.reset_index(drop=True), frequency, tuple(Source(n) for n in names))


def _expanded(written: Iterable[Any]) -> Iterable[float | None]:
    """Values of a series; ``100x7`` stands for seven times 100, ``-`` for an absent cell."""
    for item in written:
        text = "-" if item is None else str(item).strip().lower()
        repeated = _REPEATED.fullmatch(text)
        times = int(repeated.group(2)) if repeated else 1
        text = repeated.group(1) if repeated else text
        for _ in range(min(times, 10_000)):
            yield None if text in _ABSENT else float(text)


def _compare(rule: RuleFile, case: Test, found: list[Hit]) -> AuditError | None:
    left = list(found)
    for i, wanted in enumerate(case.hits):
        match = next((h for h in left if _fits(h, wanted)), None)
        if match is None:
            shown = "; ".join(_shown(h) for h in left[:3]) or "no row"
            return _wrong(rule, case, f"hit {i + 1} was not returned; found: {shown}", "hits", i)
        left.remove(match)
    if left:
        return _wrong(rule, case, f"{len(left)} hit(s) beyond the expected ones, for example {_shown(left[0])}", "hits")
    return None


def _fits(hit: Hit, wanted: Mapping[str, Any]) -> bool:
    return all(_same(hit.values.get(k), v) for k, v in wanted.items())


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, datetime):
        return found.isoformat().removesuffix("T00:00:00") == str(wanted).removesuffix("T00:00:00")
    if isinstance(wanted, int | float) and isinstance(found, int | float):
        return math.isclose(float(found), float(wanted), rel_tol=0.01, abs_tol=1e-9)
    return found is wanted if wanted is None else str(found) == str(wanted)


def _shown(hit: Hit) -> str:
    values = {k: v for k, v in hit.values.items() if k != "evidence"}
    return ", ".join(f"{k}={v.isoformat() if isinstance(v, datetime) else v}" for k, v in values.items())


def _wrong(rule: RuleFile, case: Test, what: str, *path: str | int) -> AuditError:
    return rule.error(f"the test {case.name!r}: {what}", *case.path, *path, hint="see `audit rules test`")
