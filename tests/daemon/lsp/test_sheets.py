"""Files that commands write for an editor to open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from advisor.daemon.lsp import sheets


def test_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sheets, "KEPT", 3)
    for n in range(5):
        uri = sheets.written(f"Net{n}", "/net.py", "# Net")
        assert uri is not None
        file = Path(uri.removeprefix("file://"))
        os.utime(file, (n + 1, n + 1))
    last = sheets.written("Last", "/net.py", "# Last")
    assert last is not None
    assert Path(last.removeprefix("file://")).read_text() == "# Last"
    assert sorted(f.name.partition("-")[0] for f in file.parent.iterdir()) == ["Last", "Net3", "Net4"]
