"""Files that are read by other ways than a call of ``open``: below it, or by what took hold of it long before."""

from __future__ import annotations

from pathlib import Path

from ..audits import Auditor, candidate

SOURCE = """
import io, linecache, os, tokenize, zipfile
import numpy
import torch
from torch import nn

HERE = os.path.dirname(__file__)
at = lambda name: os.path.join(HERE, name)
io.FileIO(at("by_file_io")).close()
io.open_code(at("by_open_code")).close()
linecache.getline(at("by_linecache"), 1)
tokenize.open(at("by_tokenize")).close()
zipfile.ZipFile(at("by_zipfile")).close()
numpy.fromfile(at("by_fromfile"), dtype="uint8")
numpy.load(at("by_load.npy"))
torch.load(at("by_torch"), weights_only=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""


def write(folder: Path) -> set[str]:
    """The files that ``SOURCE`` reads."""
    import zipfile

    import numpy
    import torch

    names = {f"by_{name}" for name in ("file_io", "open_code", "linecache", "tokenize", "fromfile")}
    for name in names:
        (folder / name).write_text("8\n", encoding="utf-8")
    with zipfile.ZipFile(folder / "by_zipfile", "w") as archive:
        archive.writestr("a", "8")
    numpy.save(folder / "by_load.npy", numpy.ones(3))
    torch.save({"a": torch.ones(2)}, folder / "by_torch")
    return names | {"by_zipfile", "by_load.npy", "by_torch"}


def test_files_read_beneath_open_are_listed(auditor: Auditor) -> None:
    names = write(auditor.root)
    events = auditor.run(auditor.write("net.py", SOURCE), candidate("Net"))
    [model] = [e for e in events if e["event"] == "model"]
    assert model["status"] == "ok", model["error"]
    [reads] = [e for e in events if e["event"] == "reads"]
    assert {Path(f).name for f in reads["files"]} >= names
    assert reads["complete"]
