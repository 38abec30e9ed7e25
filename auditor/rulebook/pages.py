"""Writes the page of each rule from its file: ``python -m auditor.rulebook.pages docs/rules``."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from auditor.rulebook import load
from auditor.rulebook.model import MOST_WEIGHT, Requires, RuleFile
from auditor.verdict.weigh import SHRINKAGE

_GROUPS = {
    "accounting": "Accounting",
    "units": "Units and scale",
    "vintage": "Vintages",
    "cross-source": "Cross-source",
    "context": "Incentive and context",
}


def page(rule: RuleFile) -> str:
    """Return the Markdown page of a rule."""
    head = (
        f"Name `{rule.name}`, group {_GROUPS[rule.group].lower()}, family `{rule.family.value}`, level {rule.level.value}, "
        f"status {rule.status}, version {rule.version}."
    )
    lines = [
        f"# {rule.id} {rule.title}",
        "",
        head,
        "",
        "## What it checks",
        "",
        rule.description,
        "",
        "## Why",
        "",
        rule.rationale,
        "",
        "## How it can mislead",
        "",
        *(f"- {text}" for text in rule.falsepositives),
        "",
        "## What it needs",
        "",
        *(f"- {text}" for text in needs(rule.requires)),
        "",
        "## Weight",
        "",
        *_weights(rule),
        "",
        "## What it says",
        "",
        f"> {rule.message}",
        "",
        "## SQL",
        "",
        "```sql",
        rule.sql.strip("\n"),
        "```",
        "",
        "## Tests",
        "",
        *(f"- {case.kind}: {case.name}" for case in rule.tests),
        "",
        "## References",
        "",
        *(f"- {text}" for text in rule.references),
        "",
    ]
    return "\n".join(lines)


def needs(requires: Requires) -> list[str]:
    """Say in words what must be in the input."""
    told: list[str] = []
    if requires.frequency:
        told.append("figures per " + " or ".join(requires.frequency))
    if requires.metric_roles:
        told.append("the metric in question is one of: " + ", ".join(requires.metric_roles))
    if requires.days > 1:
        told.append(f"at least {requires.days} published periods")
    if requires.entities > 1:
        told.append(f"at least {requires.entities} entities")
    if requires.viewpoints > 1:
        told.append(f"at least {requires.viewpoints} viewpoints of the metric: sources, or figures of another spacing")
    if requires.sources > 1:
        told.append(f"at least {requires.sources} sources of the metric")
    whose = " of the subject" if requires.of_subject else ""
    if requires.roles:
        told.append(f"further figures{whose}: " + " and ".join(requires.roles))
    if requires.any_role:
        told.append(f"further figures{whose}: " + " or ".join(requires.any_role))
    if requires.periods:
        told.append("the same figures per " + " or ".join(requires.periods))
    if requires.events:
        told.append("an event of the case: " + " or ".join(requires.events))
    flags = (
        (requires.remainder, "a published remainder row"),
        (requires.total, "a published total or remainder row"),
        (requires.vintages, "figures published at several moments (`as_of`)"),
        (requires.as_of, "moments of publication (`as_of`)"),
        (requires.claims, "a quoted figure in the case"),
        (requires.calendar, "an event calendar in the case"),
    )
    told += [text for wanted, text in flags if wanted]
    return told or ["nothing beyond the figures themselves"]


def _weights(rule: RuleFile) -> list[str]:
    weights = rule.weights
    kind = "Provisional, not yet measured" if weights.basis == "provisional" else "Measured"
    lines = [f"{kind}. {weights.why}", ""]
    if rule.status == "experimental":
        lines += ["Experimental: shown without weight. The bands below are what it would carry.", ""]
    if not weights.bands:
        return [*lines, "It describes and carries no likelihood ratio."]
    most, shrink = MOST_WEIGHT[weights.basis], SHRINKAGE[rule.confidence.value]
    lines += ["| where | log10 of the likelihood ratio against organic |", "|---|---|"]
    for band in weights.bands:
        shown = ", ".join(
            f"{h.value} {max(-most, min(most, v * shrink)):+.2f}" for h, v in sorted(band.log10_lr.items())
        )
        low = "" if band.low == -math.inf else f"{band.low:g} <= "
        high = "" if band.high == math.inf else f" < {band.high:g}"
        where = f"`{low}{weights.measure}{high}`" if low or high else "any hit"
        lines.append(f"| {where} | {shown} |")
    return lines


def index(rules: Sequence[RuleFile]) -> str:
    """Return the Markdown table of contents."""
    lines = [
        "# The rules",
        "",
        "Generated from `rules/*.yaml` by `python -m auditor.rulebook.pages docs/rules`; change the rule, not the page.",
        "[How to write a rule](../writing-rules.md).",
    ]
    for group, title in _GROUPS.items():
        lines += ["", f"## {title}", "", "| id | checks | level | status |", "|---|---|---|---|"]
        lines += [
            f"| [{r.id}]({r.id}.md) | {r.title} | {r.level.value} | {r.status} |" for r in rules if r.group == group
        ]
    return "\n".join(lines) + "\n"


def pages(rules: Sequence[RuleFile]) -> dict[str, str]:
    """Every file of the folder: its name and its text."""
    return {"README.md": index(rules)} | {f"{rule.id}.md": page(rule) for rule in rules}


def write(folder: Path, rules: Sequence[RuleFile]) -> list[Path]:
    """Write the pages; pages of rules that are gone are removed. Returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages(rules)
    for stale in folder.glob("AUD*.md"):
        if stale.name not in wanted:
            stale.unlink()
    written = []
    for name, text in wanted.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def main() -> None:
    """Write the pages of the shipped rules into a folder."""
    parser = argparse.ArgumentParser(prog="python -m auditor.rulebook.pages", description=__doc__)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder, load().rules)


if __name__ == "__main__":
    main()
