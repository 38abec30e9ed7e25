"""What the archive kept can be scanned like a file."""

import pytest

from auditor.cli import main


def test_an_unknown_source_or_an_archive_that_is_not_there_is_named(tmp_path, capsys):
    for arguments, code, said in [
        (["archive:nowhere", "--archive", str(tmp_path / "a")], 2, "nowhere"),
        (["archive:openrouter", "--archive", str(tmp_path / "a")], 4, "archive"),
        ([str(tmp_path / "t.csv"), "--archive", str(tmp_path / "a")], 2, "no input is archive:SOURCE"),
    ]:
        with pytest.raises(SystemExit) as left:
            main(["scan", *arguments, "--out", str(tmp_path / "o")])
        err = capsys.readouterr().err
        assert (left.value.code, said in err) == (code, True), err
