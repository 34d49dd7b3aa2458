"""What tests in real editors share."""

from __future__ import annotations

import pytest

from . import lab as places


@pytest.fixture(scope="session")
def lab() -> places.Lab:
    """All editors; the test is skipped without them, or fails (:func:`lab.require`)."""
    return places.require()
