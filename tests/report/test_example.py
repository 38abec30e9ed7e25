"""The report kept in git is what the code writes today."""

from pathlib import Path

from auditor import session
from auditor.report import write


def test_the_kept_example_is_up_to_date(project: Path, tmp_path: Path) -> None:
    audit = session.run(case=project / "data" / "fixtures" / "qwen3.6-plus" / "case.yaml")
    command = "audit run --case data/fixtures/qwen3.6-plus/case.yaml"
    write(audit, tmp_path / "example", ["html", "json", "md", "csv"], command=command)
    kept = project / "reports" / "example"
    made = {p.relative_to(tmp_path / "example") for p in (tmp_path / "example").rglob("*") if p.is_file()}
    assert made == {p.relative_to(kept) for p in kept.rglob("*") if p.is_file()}
    stale = [
        str(name) for name in sorted(made) if (kept / name).read_bytes() != (tmp_path / "example" / name).read_bytes()
    ]
    assert not stale, "run `make example`"
