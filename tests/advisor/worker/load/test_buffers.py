"""Unsaved texts stand in for files: however user code comes to them."""

from __future__ import annotations

import pytest

from ..audits import Auditor, Event, candidate

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, 3)

    def forward(self, x):
        return self.conv(x)
"""
TORCH = "from torch import nn\n"


def width(net: Event) -> int:
    """The output channels of Net's convolution."""
    assert net["status"] == "ok", net["error"]
    (conv,) = (op for op in net["graph"]["ops"] if op[1] == "conv")
    return {t[0]: t[1] for t in net["graph"]["tensors"]}[conv[5][0]][1]


def net_of(auditor: Auditor, path: str, source: str, **buffers: str) -> tuple[Event, Event]:
    """(import event, Net's event) of a file of which ``source`` is on the disk; buffers by name, ``__`` for a slash."""
    unsaved = {str(auditor.root / name.replace("__", "/")) + ".py": text for name, text in buffers.items()}
    events = auditor.run(auditor.write(path, source), candidate("Net"), buffers=unsaved)
    return events[0], next(e for e in events if e["event"] == "model")


@pytest.mark.parametrize(
    ("path", "line", "how"),
    [
        ("lib/net.py", "from .sizes import WIDTH", "package"),
        ("lib/net.py", "from lib.sizes import WIDTH", "package"),
        ("lib/net.py", "import importlib\nWIDTH = importlib.import_module('lib.sizes').WIDTH", "package"),
        (
            "lib/net.py",
            "import os, runpy\nWIDTH = runpy.run_path(os.path.dirname(__file__) + '/sizes.py')['WIDTH']",
            "package",
        ),
        ("lib/net.py", "import os\nexec(open(os.path.dirname(__file__) + '/sizes.py').read())", "package"),
        (
            "lib/net.py",
            "from pathlib import Path\nexec(Path(__file__).with_name('sizes.py').read_text())",
            "package",
        ),
        (
            "lib/net.py",
            "import inspect\nfrom . import sizes\nexec(inspect.getsource(sizes))",
            "package",
        ),
    ],
)
def test_a_file_sees_the_unsaved_text_of_another(auditor: Auditor, path: str, line: str, how: str) -> None:
    auditor.write("lib/__init__.py", "")
    auditor.write("lib/sizes.py", "WIDTH = 8\n")
    event, net = net_of(auditor, path, TORCH + line + NET, lib__sizes="WIDTH = 24\n")
    assert (event["how"], width(net)) == (how, 24)


def test_the_file_itself_is_read_from_its_buffer(auditor: Auditor) -> None:
    _, net = net_of(auditor, "net.py", TORCH + "WIDTH = 8" + NET, net=f"\n\n{TORCH}WIDTH = 24{NET}")
    assert width(net) == 24
    (conv,) = (op for op in net["graph"]["ops"] if op[1] == "conv")
    assert conv[9][1] == 11  # where the layer is called in the buffer


@pytest.mark.parametrize("rung", ["namespace", "path", "sliced"])
def test_every_rung_reads_buffers(auditor: Auditor, rung: str) -> None:
    auditor.write("nets/sizes.py", "WIDTH = 8\n")
    if rung == "path":
        auditor.write("nets/__init__.py", "raise RuntimeError('no licence')")
    first = "undefined_name\n" if rung == "sliced" else ""
    line = "from .sizes import WIDTH" if rung == "path" else "from nets.sizes import WIDTH"
    name = "nets" if rung == "namespace" else "net"  # as itself it hides the folder
    buffers = {f"nets__{name}": TORCH + first + line + NET, "nets__sizes": "WIDTH = 24"}
    event, net = net_of(auditor, f"nets/{name}.py", "import nothing", **buffers)
    assert (event["how"], width(net)) == (rung, 24)


def test_compiled_forms_of_the_saved_text_are_not_taken_for_it(auditor: Auditor) -> None:
    import py_compile

    py_compile.compile(str(auditor.write("sizes.py", "WIDTH = 8")), doraise=True)
    _, net = net_of(auditor, "net.py", TORCH + "from sizes import WIDTH" + NET, sizes="WIDTH = 9")
    assert width(net) == 9


def test_modules_that_are_not_saved_yet_are_importable(auditor: Auditor) -> None:
    source = TORCH + "from sizes import WIDTH" + NET
    _, net = net_of(auditor, "net.py", source, sizes="WIDTH = 24")
    assert width(net) == 24
    auditor.write("lib/data.txt", "")
    source = TORCH + "from lib.sizes import WIDTH" + NET
    event, net = net_of(auditor, "net.py", source, lib____init__="", lib__sizes="WIDTH = 25")
    assert (event["stubbed"], width(net)) == ([], 25)


def test_a_notebook_is_its_code(auditor: Auditor) -> None:
    auditor.write("my net.py", "raise RuntimeError('a neighbour')")
    auditor.write("sizes.py", "WIDTH = 24")
    path = auditor.write("my net.ipynb", "{}")
    code = TORCH + "from sizes import WIDTH" + NET
    events = auditor.run(path, candidate("Net"), buffers={str(path): code})
    net = next(e for e in events if e["event"] == "model")
    assert (events[0]["how"], events[0]["error"], width(net)) == ("path", None, 24)
    (conv,) = (op for op in net["graph"]["ops"] if op[1] == "conv")
    assert net["graph"]["files"][conv[9][0]] == str(path)


def test_buffers_in_another_encoding_are_read(auditor: Auditor) -> None:
    _, net = net_of(auditor, "net.py", "", net=f"# -*- coding: latin-1 -*-\n{TORCH}WIDTH = len('äöü€'[:3]){NET}")
    assert width(net) == 3


def test_a_buffer_that_is_no_python_is_named_with_its_line(auditor: Auditor) -> None:
    auditor.write("net.py", TORCH + "WIDTH = 8" + NET)
    path = auditor.root / "net.py"
    events = auditor.run(path, candidate("Net"), buffers={str(path): "x = 1\ndef broken(:\n"})
    assert (events[0]["error"]["type"], events[0]["error"]["file"], events[0]["error"]["line"]) == (
        "SyntaxError",
        str(path),
        2,
    )


def test_the_next_request_reads_the_disk_again(auditor: Auditor) -> None:
    auditor.write("sizes.py", "WIDTH = 8")
    source = TORCH + "from sizes import WIDTH" + NET
    assert width(net_of(auditor, "net.py", source, sizes="WIDTH = 24")[1]) == 24
    assert width(net_of(auditor, "net.py", source)[1]) == 8
