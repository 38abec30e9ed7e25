"""Rules are found inside an installed package and at the root of a checkout."""

from pathlib import Path

import pytest

from auditor.errors import UsageError
from auditor.rulebook import files


@pytest.mark.parametrize("place", ["auditor/rules", "rules"])
def test_rules_are_found_in_a_wheel_and_in_a_checkout(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "auditor").mkdir()
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "AUD200_x.yaml").write_text("")
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path / "auditor")
    assert files.shipped() == tmp_path / place


def test_an_installation_without_rules_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path / "auditor")
    with pytest.raises(UsageError, match="were not found"):
        files.shipped()


def test_the_wheel_is_told_to_carry_the_rules(project: Path) -> None:
    import tomllib

    wheel = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["rules"] == "auditor/rules"


def test_files_are_read_in_order_of_name_with_folders_inside(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z.yaml", "a.yml", "b/c.yaml", "note.txt"):
        (tmp_path / name).write_text("")
    assert [p.relative_to(tmp_path).as_posix() for p in files.paths(tmp_path)] == ["a.yml", "b/c.yaml", "z.yaml"]
    assert files.paths(tmp_path / "z.yaml") == [tmp_path / "z.yaml"]
