"""The Python interface, as a notebook uses it."""

from pathlib import Path

import auditor


def test_audit_is_a_function_whatever_was_imported_before(project: Path):
    import auditor.walk

    case = auditor.session.load_case(project / "data" / "fixtures" / "qwen3.6-plus" / "case.yaml")
    panel = auditor.read(project / "data" / "fixtures" / "qwen3.6-plus" / "figures.csv")
    result = auditor.audit(panel, case)
    assert isinstance(result, auditor.Audit)
    assert result.verdict.hypothesis == auditor.run(case=case).verdict.hypothesis


def test_every_public_name_is_there():
    for name in auditor.__all__:
        assert getattr(auditor, name) is not None


def test_an_audit_shows_itself_in_a_notebook(project: Path):
    html = auditor.run(case=project / "data" / "fixtures" / "qwen3.6-plus" / "case.yaml")._repr_html_()
    assert "Qwen3.6-Plus" in html
    assert "<script" not in html
