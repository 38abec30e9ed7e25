"""The pages come from the rules, and what the guide to writing rules says is true."""

import re
from pathlib import Path

import pytest

from auditor import rulebook
from auditor.rulebook import engine, guard, pages, suppress, testing
from auditor.rulebook.book import Rulebook
from auditor.rulebook.views import Built, build
from tests.rulebook.conftest import rule_from


def test_the_pages_are_those_the_rules_make(book: Rulebook, project: Path) -> None:
    folder = project / "docs" / "rules"
    kept = {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.md")}
    assert kept == pages.pages(book.rules), "run: python -m auditor.rulebook.pages docs/rules"


def test_pages_of_rules_that_are_gone_are_removed(tmp_path: Path, book: Rulebook) -> None:
    (tmp_path / "AUD499.md").write_text("gone")
    (tmp_path / "notes.md").write_text("mine")
    pages.write(tmp_path, book.rules[:2])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["AUD200.md", "AUD201.md", "README.md", "notes.md"]


@pytest.fixture
def guide(project: Path) -> str:
    return (project / "docs" / "writing-rules.md").read_text(encoding="utf-8")


def _blocks(guide: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL)


def test_the_rule_in_the_guide_works_first_time(guide: str, tmp_path: Path) -> None:
    named = re.search(r"my-rules/(AUD\d+_\w+\.yaml)", guide)
    assert named
    (tmp_path / named.group(1)).write_text(_blocks(guide)[0], encoding="utf-8")
    assert rulebook.lint([tmp_path]) == []
    assert "AUD480" in {r.id for r in rulebook.load(extra=[tmp_path]).rules}


def test_the_suppression_in_the_guide_is_read(guide: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(_blocks(guide)[1], encoding="utf-8")
    assert suppress.read(tmp_path / "s.yaml")[0].rule == "AUD233"


def test_the_guide_names_every_view_column_and_function(guide: str) -> None:
    scene = testing.scene_of(rule_from().tests[0])
    with engine.connect() as con:
        build(con, scene, frozenset(guard.VIEWS), Built(set()))
        for view in guard.VIEWS:
            assert f"**{view}**" in guide, view
            section = guide[guide.index(f"**{view}**") :]
            for name, *_ in con.execute(f"DESCRIBE {view}").fetchall():
                assert f"`{name}`" in section, (view, name)
    for name in guard.functions():
        assert f"`{name}`" in guide
