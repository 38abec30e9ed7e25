"""The ranked page: what was scanned, what was found, and the episodes to look at first."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import auditor
from auditor.report.clean import clean

if TYPE_CHECKING:
    from jinja2 import Environment


def as_html(
    kind: str,
    counts: Mapping[str, int],
    top: Sequence[Mapping[str, Any]],
    *,
    inputs: Sequence[str],
    command: str = "",
    generated: str | None = None,
    simulated: bool = False,
) -> str:
    """Render the summary of a scan as one self-contained page.

    Parameters
    ----------
    kind : {'screening', 'audits'}
    counts : mapping
        What the chunks counted, added up.
    top : sequence of mapping
        Records that rank first, in order.
    inputs : sequence of str
        Names of the files, without folders.
    command : str
        What was run, printed as given.
    generated : str, optional
        A date to print; none otherwise, so that the same input gives the same bytes.
    simulated : bool
        Whether any input is simulated.
    """
    from markupsafe import Markup

    css = (resources.files("auditor.report") / "templates" / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        _environment()
        .get_template("summary.html.j2")
        .render(
            kind=kind,
            counts=counts,
            verdicts={k.partition(".")[2]: v for k, v in counts.items() if k.startswith("verdict.")},
            top=top,
            inputs=inputs,
            command=command,
            generated=generated,
            simulated=simulated,
            version=auditor.__version__,
            css=Markup(css),  # noqa: S704 - our own style sheet
            digest=digest,
        )
    )


def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = resources.files("auditor.scale") / "templates"
    env = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters |= {"count": _count, "number": _number}
    return env


def _cleaned(value: Any) -> Any:
    from markupsafe import Markup

    return value if isinstance(value, Markup) or not isinstance(value, str) else clean(value)


def _count(value: float) -> str:
    return f"{int(value):,}"


def _number(value: Any) -> str:
    """Three significant digits for people; a dash where nothing is known.

    >>> _number(1234567.0), _number(0.01234)
    ('1,234,567', '0.0123')
    """
    if value is None:
        return "\u2013"
    size = abs(float(value))
    if size >= 1000:
        return f"{float(value):,.0f}" if size < 1e15 else f"{float(value):.3g}"
    return f"{float(value):.3g}"
