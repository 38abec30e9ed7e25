"""The charts of a report; one file per chart. A rule without a chart has none, and nothing breaks."""

from collections.abc import Callable

from auditor.detectors.base import Scene
from auditor.findings import Finding
from auditor.report.charts.base import Chart
from auditor.report.words import Words

Drawer = Callable[[Finding, Scene, Words, str], Chart | None]


def chart_of(finding: Finding, scene: Scene, words: Words, key: str) -> Chart | None:
    """Draw the chart of a finding; None where its rule has none or its rows do not fit.

    Parameters
    ----------
    key : str
        Unique in the page; prefix of the drawing's ids and name of its CSV.
    """
    drawer = _drawers().get(finding.rule)
    return drawer(finding, scene, words, key) if drawer else None


def _drawers() -> dict[str, Drawer]:
    from auditor.report.charts import (
        apps,
        cohort,
        control,
        retention,
        revisions,
        segmentation,
        share,
        strip,
        total,
        waterfall,
        weekday,
    )

    return {
        "AUD101": segmentation.draw,
        "AUD102": cohort.draw,
        "AUD111": weekday.draw,
        "AUD121": waterfall.draw,
        "AUD122": control.draw,
        "AUD123": total.draw,
        "AUD124": share.draw,
        "AUD131": retention.draw,
        "AUD141": apps.draw,
        "AUD173": revisions.draw,
        **dict.fromkeys(strip.MEASURES, strip.draw),
    }
