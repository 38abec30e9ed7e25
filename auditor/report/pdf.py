"""The page as PDF, printed by a Chromium that is installed here."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from auditor.errors import UsageError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_SECONDS = 120


def browser() -> str | None:
    """Return the path of a Chromium; the variable AUDIT_CHROMIUM names one that lies elsewhere."""
    return os.environ.get("AUDIT_CHROMIUM") or next((p for p in map(shutil.which, _NAMES) if p), None)


def as_pdf(page: str) -> bytes:
    """Print a page of this package as PDF. The browser writes the time into it, so its bytes differ from run to run.

    Raises
    ------
    UsageError
        When there is no Chromium, or it fails.
    """
    program = browser()
    if program is None:
        raise UsageError(
            "a PDF needs Chromium, and none was found",
            hint="install it (Debian: apt-get install chromium), set AUDIT_CHROMIUM to its path, or print the page from a browser",
        )
    with tempfile.TemporaryDirectory(prefix="audit-pdf-") as made:
        folder = Path(made)
        source, target = folder / "index.html", folder / "report.pdf"
        source.write_text(page, encoding="utf-8")
        command = [
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        try:
            # The program is the one found above or named by the user; the page is our own.
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(
                f"Chromium did not print the page: {error}", hint="print the page from a browser"
            ) from error
        if not target.is_file() or not target.read_bytes().startswith(b"%PDF"):
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UsageError(
                f"Chromium did not print the page: {said[-1] if said else f'exit code {done.returncode}'}",
                hint="print the page from a browser",
            )
        return target.read_bytes()
