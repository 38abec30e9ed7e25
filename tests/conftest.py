"""Fixtures every room's tests share."""

import os
from pathlib import Path

import pytest


def _shared_root() -> Path:
    """Where the reference data lies: beside the project, or where AUDIT_SHARED_DATA says."""
    named = os.environ.get("AUDIT_SHARED_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_root() -> Path:
    """The folder that holds ``data/`` and ``sources/``; skips, saying so, where it is absent."""
    root = _shared_root()
    if not (root / "data" / "README.md").is_file():
        pytest.skip(f"reference data not found at {root} (set AUDIT_SHARED_DATA to its folder)")
    return root


@pytest.fixture(scope="session")
def shared(shared_root: Path) -> Path:
    """The folder of published figures (``data/``)."""
    return shared_root / "data"


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the project's checkout."""
    return Path(__file__).resolve().parents[1]
