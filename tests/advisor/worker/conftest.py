from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.workers import Worker

from .audits import Auditor, start


@pytest.fixture(scope="session")
def warm_worker() -> Iterator[Worker]:
    with start() as worker:
        yield worker


@pytest.fixture
def auditor(warm_worker: Worker, tmp_path: Path) -> Auditor:
    return Auditor(warm_worker, tmp_path)
