"""A session on files that something goes wrong with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor import session
from advisor.plan import Plans
from advisor.session import Session

OVERRIDES = {"targets": ["npu-64"]}


def test_an_exception_of_ours_is_a_finding_on_its_file_and_the_next_is_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = session.discover

    def fragile(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "a.py":
            raise KeyError("lost\n\x1b[31m")
        return whole(path, *args, **kwargs)

    monkeypatch.setattr(session, "discover", fragile)
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x = 1\n")
    with Session(Plans(OVERRIDES)) as opened:
        reports = [opened.file(tmp_path / name) for name in ("a.py", "b.py")]
    (finding,) = reports[0].findings if reports[0] else []
    assert (finding.code, finding.span.file, finding.span.line) == ("TRC904", str(tmp_path / "a.py"), 1)
    assert "session.py:" in finding.message and "KeyError" in finding.message
    assert finding.message.isprintable()
    assert reports[1] is not None and reports[1].findings == []
