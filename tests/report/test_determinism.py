"""The same input gives the same bytes, in this process and in another."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from auditor.report import as_html, as_json, as_markdown, csvs
from auditor.report.document import dumps
from auditor.walk import Audit
from tests.report import sample

_SCRIPT = "from tests.report.test_determinism import digest; print(digest())"


def digest(audit: Audit | None = None) -> str:
    audit = audit or sample.audit()
    texts = [as_html(audit), dumps(as_json(audit)), as_markdown(audit), *csvs(audit).values()]
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()


def test_same_bytes_in_another_process(audit: Audit, project: Path) -> None:
    environment = os.environ | {
        "PYTHONHASHSEED": "4711",
        "TZ": "Asia/Shanghai",
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "1",
    }
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == digest(audit)
