"""What a request says that it depended on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..audits import Auditor, Event, candidate

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""


def reads(auditor: Auditor, source: str, **request: object) -> Event:
    """The ``reads`` event of ``net.py``."""
    events = auditor.run(auditor.write("net.py", source), candidate("Net"), **request)
    assert [e["event"] for e in events[-2:]] == ["reads", "done"]
    return events[-2]


def names(auditor: Auditor, paths: list[str]) -> set[str]:
    """Those inside the project, relative to it."""
    root = f"{auditor.root}/"
    return {p.removeprefix(root) for p in paths if p.startswith(root)}


def test_the_file_alone_depends_on_itself_and_its_folder(auditor: Auditor) -> None:
    event = reads(auditor, NET)
    assert [f for f in event["files"] if Path(f).exists()] == [str(auditor.root / "net.py")]
    assert str(auditor.root) in event["folders"]
    assert event["complete"]


def test_libraries_and_what_the_advisor_does_are_left_out(auditor: Auditor) -> None:
    event = reads(auditor, "import numpy, json, xml.dom.minidom\n" + NET)
    paths = event["files"] + event["folders"]
    assert not [
        p for p in paths if "site-packages" in p or "/lib/python" in p or "advisor_rehearsal" in p or "/proc" in p
    ]


def test_imports_are_followed_also_those_that_failed(auditor: Auditor) -> None:
    auditor.write("lib/__init__.py", "")
    auditor.write("lib/sizes.py", "from . import more")
    auditor.write("lib/more.py", "")
    auditor.write("failing.py", "raise ImportError('optional')")
    source = "import lib.sizes\ntry:\n    import failing\nexcept ImportError:\n    pass\n" + NET
    event = reads(auditor, source)
    assert names(auditor, event["files"]) >= {"net.py", "lib/__init__.py", "lib/sizes.py", "lib/more.py", "failing.py"}
    assert str(auditor.root / "lib") in event["folders"]
    assert event["complete"]


def test_a_compiled_form_stands_for_its_source(auditor: Auditor) -> None:
    import py_compile

    py_compile.compile(str(auditor.write("sizes.py", "WIDTH = 8")), doraise=True)
    event = reads(auditor, "import sizes\n" + NET)
    assert "sizes.py" in names(auditor, event["files"])
    assert not [f for f in event["files"] if f.endswith(".pyc")]


@pytest.mark.parametrize(
    "line",
    [
        "open(HERE + '/widths.txt').read()",
        "from pathlib import Path; Path(HERE, 'widths.txt').read_bytes()",
        "import os; os.close(os.open(HERE + '/widths.txt', os.O_RDONLY))",
        "import os; os.path.exists(HERE + '/widths.txt')",
        "from pathlib import Path; Path(HERE, 'widths.txt').is_file()",
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_files_that_were_read_or_asked_for_are_listed(auditor: Auditor, line: str, there: bool) -> None:
    if there:
        auditor.write("widths.txt", "8")
    guarded = f"import os\nHERE = os.path.dirname(__file__)\ntry:\n    {line}\nexcept FileNotFoundError:\n    pass\n"
    event = reads(auditor, guarded + NET)
    assert "widths.txt" in names(auditor, event["files"])
    assert event["complete"]


def test_a_file_read_while_the_model_runs_is_listed(auditor: Auditor) -> None:
    auditor.write("widths.txt", "8")
    source = "import os\n" + NET.replace(
        "        return", "        open(os.path.dirname(__file__) + '/widths.txt').close()\n        return"
    )
    assert "widths.txt" in names(auditor, reads(auditor, source)["files"])


def test_what_the_file_writes_to_its_scratch_folder_is_its_own(auditor: Auditor) -> None:
    event = reads(auditor, "open('made.txt', 'w').close()\nopen('made.txt').close()\n" + NET)
    assert event["complete"]
    assert not [f for f in event["files"] if "made.txt" in f]


@pytest.mark.parametrize(
    "line",
    [
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import os; os.listdir(os.path.dirname(__file__))",
    ],
)
def test_what_may_depend_on_more_is_not_complete(auditor: Auditor, line: str) -> None:
    event = reads(auditor, f"try:\n    {line}\nexcept OSError:\n    pass\n" + NET)
    assert not event["complete"]


def test_modules_that_a_package_finds_by_itself_are_complete(auditor: Auditor) -> None:
    auditor.write("lib/__init__.py", "import pkgutil\nFOUND = [m.name for m in pkgutil.iter_modules(__path__)]")
    event = reads(auditor, "import lib\n" + NET)
    assert event["complete"]
    assert str(auditor.root / "lib") in event["folders"]


def test_buffers_are_read_like_files(auditor: Auditor) -> None:
    auditor.write("sizes.py", "WIDTH = 8")
    buffers = {str(auditor.root / "sizes.py"): "WIDTH = 9", str(auditor.root / "unread.py"): ""}
    event = reads(auditor, "import sizes\n" + NET, buffers=buffers)
    assert "sizes.py" in names(auditor, event["files"])
    assert "unread.py" not in names(auditor, event["files"])


def test_a_request_tells_nothing_of_the_one_before(auditor: Auditor) -> None:
    auditor.write("sizes.py", "WIDTH = 8")
    reads(auditor, "import sizes, os\nos.system('true')\n" + NET)
    event = reads(auditor, NET)
    assert event["complete"]
    assert "sizes.py" not in names(auditor, event["files"])
