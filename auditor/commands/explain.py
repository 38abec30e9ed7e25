"""``audit explain``: what a test or the verdict measures, assumes and may get wrong."""

import textwrap

import click

from auditor.errors import UsageError


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

    texts = catalogue()
    for key in ("explain.what", "explain.combine", "explain.insufficient", "calibration.provisional", "scale"):
        click.echo(_paragraph(texts.text(f"verdict.{key}", version=_version())) + "\n")


def _version() -> str:
    from auditor.verdict.weigh import reference_table

    return reference_table().version


def _weights(rule_id: str) -> None:
    """Print the bands of the reference table, with why they are what they are."""
    from auditor.verdict.weigh import reference_table

    table = reference_table()
    reference = table.rules.get(rule_id)
    if reference is None:
        click.echo("\nWeight\n  It describes; it carries no likelihood ratio.")
        return
    kind = "provisional, not yet measured" if table.provisional else "measured"
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


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), width=96, initial_indent="  ", subsequent_indent="  ")


def _list(heading: str, entries: list[str]) -> None:
    if entries:
        click.echo(f"\n{heading}")
        for entry in entries:
            click.echo(
                textwrap.fill(" ".join(entry.split()), width=96, initial_indent="  - ", subsequent_indent="    ")
            )
