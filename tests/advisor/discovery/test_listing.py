"""Which files a folder holds, asked again."""

from __future__ import annotations

import os
import time
from pathlib import Path

from advisor.discovery.listing import Listing


def test_two_folders_that_change_places(tmp_path: Path) -> None:
    for name in ("m", "n"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text("")
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    time.sleep(0.15)  # what a folder holds is remembered once it is at rest
    known = Listing(tmp_path)
    assert [*known.walk()] == [tmp_path / "m" / "m.py", tmp_path / "n" / "n.py"]
    (tmp_path / "m").rename(tmp_path / "o")
    (tmp_path / "n").rename(tmp_path / "m")
    (tmp_path / "o").rename(tmp_path / "n")
    for name in ("m", "n"):
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    assert [*known.walk()] == [tmp_path / "m" / "n.py", tmp_path / "n" / "m.py"]
