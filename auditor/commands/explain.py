"""``audit explain``: what a test or the verdict measures, assumes and may get wrong."""

import textwrap
from typing import TYPE_CHECKING

import click

from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.verdict.table import Curve


@click.command("explain", short_help="Tell what a test or the verdict measures, assumes and may get wrong.")
@click.argument("topic", required=False)
def command(topic: str | None) -> int:
    """Explain TOPIC: a test (AUD121), a rule (AUD231), or `verdict`. Without TOPIC, list all tests."""
    from auditor.detectors.registry import DETECTORS
    from auditor.texts.catalogue import catalogue

    texts = catalogue()
    rules = {module.RULE.id: module.RULE for module in DETECTORS}
    if topic is None:
        for rule in rules.values():
            click.echo(f"{rule.id}  {texts.text(f'{rule.id}.title'):<32}  {rule.family.value}")
        click.echo("AUD2xx, AUD3xx  Consistency rules: see `audit rules list`")
        click.echo("verdict  How the findings are weighed")
        return 0
    if topic.lower() == "verdict":
        _verdict()
        return 0
    rule_id = topic.upper()
    by_name = {rule.name: rule.id for rule in rules.values()}
    rule_id = by_name.get(topic.lower().replace("-", "_"), rule_id)
    if rule_id not in rules:
        from auditor import rulebook
        from auditor.panel import nearest
        from auditor.rulebook.pages import page

        book = rulebook.load()
        if any(rule.id == rule_id or rule.name == topic.lower().replace("-", "_") for rule in book.rules):
            click.echo(page(book.rule(rule_id if rule_id.startswith("AUD") else topic.lower())).rstrip("\n"))
            return 0

        known = [*rules, *by_name, *(r.id for r in book.rules), *(r.name for r in book.rules), "verdict"]
        raise UsageError(f"there is no test or rule {topic!r}", hint=nearest(topic, known))
    rule = rules[rule_id]
    click.echo(f"{rule.id}  {texts.text(f'{rule_id}.title')}  (family {rule.family.value}, version {rule.version})")
    click.echo(_paragraph(texts.text(f"{rule_id}.question")))
    click.echo()
    click.echo(_paragraph(texts.text(f"{rule_id}.measures")))
    for heading, key in (
        ("Assumes", "assumptions"),
        ("How it can mislead", "misleads"),
        ("Explanations it cannot tell apart", "alternatives"),
    ):
        _list(heading, list(texts.entries(f"{rule_id}.{key}")))
    if texts.has(f"{rule_id}.error_rates"):
        click.echo(f"\n{texts.text('report.findings.error_rates')}\n{_paragraph(texts.text(f'{rule_id}.error_rates'))}")
    _weights(rule_id)
    _list("References", list(texts.entries(f"{rule_id}.references")))
    return 0


def _verdict() -> None:
    from auditor.texts.catalogue import catalogue
    from auditor.verdict.weigh import reference_table

    texts, table = catalogue(), reference_table()

    def say(key: str, **values: object) -> None:
        click.echo(_paragraph(texts.text(f"verdict.{key}", **values)) + "\n")

    say("explain.what")
    if table.provisional:
        for key in ("explain.combine_provisional", "explain.insufficient", "explain.insufficient_provisional"):
            say(key)
        say("calibration.provisional", version=table.version)
    else:
        say("explain.measured", version=table.version, episodes=table.origin.get("episodes", 0))
        say("explain.combine")
        say("explain.insufficient")
        one, two, three = (10 ** table.tier(t).inflated_from for t in (1, 2, 3))
        say("explain.insufficient_measured", one=one, two=two, three=three)
        for number, tier in sorted(table.tiers.items()):
            if tier.errors.get("power") is not None:
                say("explain.errors", tier=number, **{k: tier.errors[k] for k in _RATES})
        say("explain.domain")
    for key in ("explain.robust", "explain.priors", "scale"):
        say(key)


#: Error rates of a tier that the explanation states.
_RATES = ("false_count", "false_total", "false_high", "power", "cllr")


def _weights(rule_id: str) -> None:
    """Print what the reference table holds of a test: measured ratios, and judged bands with why they are what they are."""
    from auditor.verdict.weigh import reference_table

    table = reference_table()
    reference = table.rules.get(rule_id)
    curves = {variant: curve for (rule, variant), curve in sorted(table.curves.items()) if rule == rule_id}
    if reference is None and not curves:
        click.echo("\nWeight\n  It describes; it carries no likelihood ratio.")
        return
    if curves:
        click.echo(f"\nWeight (measured; table {table.version}; log10 of the likelihood ratio against organic)")
        for variant, curve in curves.items():
            _measured(variant, curve)
    if reference is None:
        return
    kind = "provisional, not yet measured" if table.provisional else "judged, where nothing was measured; at most 1"
    click.echo(f"\nWeight ({kind}; table {table.version}; log10 of the likelihood ratio against organic)")
    click.echo(_paragraph(reference.why))
    for band in reference.bands:
        weights = ", ".join(f"{h.value} {v:+.1f}" for h, v in band.log10_lr.items())
        variant = f"{band.variant}: " if band.variant else ""
        if band.low == float("-inf") and band.high == float("inf"):
            span = "any value"
        else:
            low = "" if band.low == float("-inf") else f"{band.low:g} <= "
            span = f"{low}{reference.measure}" + ("" if band.high == float("inf") else f" < {band.high:g}")
        click.echo(f"  {variant}{span}: {weights}")


def _measured(variant: str, curve: "Curve") -> None:
    """Print one measured curve: its cases, and its ratios at each knot."""
    cases = ", ".join(f"{h.value} {n:.0f}" for h, n in curve.cases.items())
    click.echo(f"  {variant + ': ' if variant else ''}independent cases: {cases}")
    for place, knot in enumerate(curve.knots):
        last = place == len(curve.knots) - 1
        weights = ", ".join(f"{h.value} {v[place]:+.2f}" for h, v in curve.log10_lr.items())
        if not curve.steps:
            span = f"{curve.measure} = {knot:g}"
        elif len(curve.knots) == 1:
            span = "any value"
        else:
            low = "" if place == 0 else f"{knot:g} <= "
            span = f"{low}{curve.measure}" + ("" if last else f" < {curve.knots[place + 1]:g}")
        click.echo(f"    {span}: {weights}")


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), width=96, initial_indent="  ", subsequent_indent="  ")


def _list(heading: str, entries: list[str]) -> None:
    if entries:
        click.echo(f"\n{heading}")
        for entry in entries:
            click.echo(
                textwrap.fill(" ".join(entry.split()), width=96, initial_indent="  - ", subsequent_indent="    ")
            )
