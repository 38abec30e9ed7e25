"""The page in a real browser: nothing leaves, nothing complains, nothing sticks out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.report.html import render
from auditor.report.render import View
from auditor.report.words import Words
from tests.report import sample
from tests.report.browser import Tab, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_VISIBLE = (
    "[...document.querySelectorAll('.story .plot')].filter(p => p.offsetParent !== null).map(p => p.className).join()"
)


@pytest.fixture(scope="module")
def file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page") / "index.html"
    place.write_text(page, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_no_request_no_complaint_no_sideways_scroll(tab: Tab, file: Path, width: int, dark: bool) -> None:
    tab.open(file, width, dark=dark)
    assert tab.requests == []
    assert tab.messages == []
    assert tab.value("document.documentElement.scrollWidth") <= width
    over = "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll,.unseen,svg,pre') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className || e.tagName).join()"
    assert tab.value(over) == ""


def test_the_recorder_hears_a_request(tab: Tab, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><img src='https://outside.example/x.png'>", encoding="utf-8")
    tab.open(bad, 800)
    assert any("outside.example" in url for url in tab.requests)
    tab.requests.clear()
    tab.messages.clear()


def test_the_policy_stops_an_injected_style_and_script(tab: Tab, page: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    injected = (
        "<style>h1{display:none}</style><script>document.title='taken'</script><img src='https://outside.example/x'>"
    )
    bad.write_text(page.replace("<main>", f"<main>{injected}", 1), encoding="utf-8")
    tab.open(bad, 800)
    assert tab.value("document.title") != "taken"
    assert tab.value("getComputedStyle(document.querySelector('h1')).display") == "block"
    assert tab.requests == []
    assert tab.messages
    tab.messages.clear()


@pytest.mark.parametrize(("width", "kind"), [(390, "narrow"), (1280, "wide")])
def test_the_scale_switch_works_without_script(tab: Tab, file: Path, width: int, kind: str) -> None:
    tab.open(file, width)
    assert tab.value(_VISIBLE) == f"plot linear {kind}"
    place = tab.value(
        "(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector('label[for=scale-log]').getBoundingClientRect())"
    )
    tab.value(f"scrollTo(0, {place[1]} - 200)")
    x, y = tab.value(
        "(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector('label[for=scale-log]').getBoundingClientRect())"
    )
    for kind_of in ("mousePressed", "mouseReleased"):
        tab.call("Input.dispatchMouseEvent", type=kind_of, x=x, y=y, button="left", clickCount=1)
    assert tab.value(_VISIBLE) == f"plot log {kind}"


def test_the_first_screen_holds_question_answer_chart_and_claims(tab: Tab, file: Path) -> None:
    tab.open(file, 1280)
    for part in ("h1", ".headline", ".strip", ".story .plot.linear.wide svg"):
        assert tab.value(f"document.querySelector('{part}').getBoundingClientRect().bottom") <= 800
    assert tab.value("document.querySelector('.claims tbody tr').getBoundingClientRect().bottom") <= 800


def test_text_is_readable(tab: Tab, file: Path) -> None:
    """Contrast of at least 4.5 (WCAG 2.2 AA) for every element with text of its own, light and dark; no text below 11 px."""
    contrast = """(() => {
      const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
        return .2126 * r + .7152 * g + .0722 * b; };
      const rgb = s => s.match(/[\\d.]+/g).map(Number);
      const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } return rgb(getComputedStyle(document.body).backgroundColor).slice(0, 3); };
      const bad = [];
      for (const e of document.querySelectorAll('body *')) {
        if (e.closest('.unseen') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
        const style = getComputedStyle(e), inside = e.closest('svg');
        if (!e.getClientRects().length || e.tagName === 'title' || e.tagName === 'desc') continue;
        const colour = inside ? style.fill : style.color;
        const a = lum(rgb(colour).slice(0, 3)), b = lum(ground(inside ? inside.parentElement : e));
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5 && !(inside && style.strokeWidth === '4px')) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 20)}`);
        const scale = inside ? inside.getBoundingClientRect().width / inside.viewBox.baseVal.width : 1;
        if (parseFloat(style.fontSize) * scale < 10.9) bad.push(`${e.tagName} ${style.fontSize} ${scale}`);
      }
      return bad.join('; ');
    })()"""
    for width in (390, 1280):
        for dark in (False, True):
            tab.open(file, width, dark=dark)
            assert tab.value(contrast) == ""


def test_it_prints(tab: Tab, file: Path) -> None:
    tab.open(file, 1280)
    printed = tab.pdf()
    assert printed.startswith(b"%PDF")
    assert 2 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/") <= 14


@pytest.mark.parametrize(
    "text", ["x" * 600, "\u4e2d\u6587" * 200, "a b " * 150, "\u0300" * 60], ids=["word", "wide", "words", "marks"]
)
def test_long_names_do_not_stick_out(tab: Tab, text: str, tmp_path: Path) -> None:
    count = iter(range(10_000))
    known: dict[str, str] = {}
    audit = sample.audit(lambda t: known.setdefault(t, f"{text}{next(count)}"))
    file = tmp_path / "index.html"
    file.write_text(render(View(audit, Words(), text, draw=False)), encoding="utf-8")
    for width in (390, 1280):
        tab.open(file, width)
        assert tab.value("document.documentElement.scrollWidth") <= width
