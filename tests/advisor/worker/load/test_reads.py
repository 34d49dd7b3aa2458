"""What a request says that it depended on."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.worker.load.place import Place
from advisor.worker.load.reads import Reads

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
        "import os; os.path.lexists(HERE + '/widths.txt')",
        "import os; os.access(HERE + '/widths.txt', os.R_OK)",
        "import glob; glob.glob(HERE + '/widths.txt')",
        "from torch import from_file; from_file(HERE + '/widths.txt', size=0)",
        "import torch; torch.UntypedStorage.from_file(HERE + '/widths.txt', False, 1)",
        "import torch; torch.from_file(filename=HERE + '/widths.txt', size=0)",
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_files_that_were_read_or_asked_for_are_listed(auditor: Auditor, line: str, there: bool) -> None:
    if there:
        auditor.write("widths.txt", "8")
    guarded = (
        f"import os\nHERE = os.path.dirname(__file__)\ntry:\n    {line}\nexcept (OSError, RuntimeError):\n    pass\n"
    )
    event = reads(auditor, guarded + NET)
    assert "widths.txt" in names(
        auditor, [*event["files"], *(p for p, is_there in event["links"].items() if not is_there)]
    )
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
        "import os; list(os.walk(os.path.dirname(__file__)))",
        "import os; os.listdir(os.open(os.path.dirname(__file__), os.O_RDONLY))",
        "import os; os.stat('here', dir_fd=os.open(os.path.dirname(__file__), os.O_RDONLY))",
        "import ctypes; ctypes.CDLL(None)",
        "import ctypes; ctypes.CDLL(os.path.dirname(__file__) + '/own.so')",
    ],
)
def test_what_may_depend_on_more_is_not_complete(auditor: Auditor, line: str) -> None:
    event = reads(auditor, f"import os\ntry:\n    {line}\nexcept OSError:\n    pass\n" + NET)
    assert not event["complete"]


def test_where_links_lead_is_told(auditor: Auditor) -> None:
    (auditor.root / "8").mkdir()
    (auditor.root / "latest").symlink_to("8")
    source = "from pathlib import Path\nWIDTH = int(Path(__file__).with_name('latest').resolve().name)\n"
    event = reads(auditor, source + NET)
    assert event["complete"]
    assert event["links"][str(auditor.root / "latest")].endswith(" 8")
    assert " " not in event["links"][str(auditor.root)]
    assert str(auditor.root.parent) in event["links"]
    assert str(auditor.root.parent) not in event["folders"]  # it may be anybody's


def test_a_link_that_leads_elsewhere_meanwhile_is_not_complete(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("")
    place = Place.of(tmp_path / "net.py", tmp_path)
    told = Reads(str(tmp_path / "scratch"))
    for path in (tmp_path / "latest", tmp_path / "scratch" / "mine"):
        told.look(path, "120777 8")
    told.look(tmp_path / "scratch" / "mine", None)
    assert told.event(place)["complete"]
    told.look(tmp_path / "latest", "120777 16")
    assert not told.event(place)["complete"]


def test_installed_packages_are_looked_up_in_listings(auditor: Auditor) -> None:
    auditor.write("mine.egg-info/PKG-INFO", "Name: mine\nVersion: 16\n")
    event = reads(auditor, "from importlib.metadata import version\nWIDTH = int(version('mine'))\n" + NET)
    assert event["complete"]
    assert str(auditor.root) in event["folders"]
    assert "mine.egg-info/PKG-INFO" in names(auditor, event["files"])


def test_the_resources_of_a_package_are_no_modules(auditor: Auditor) -> None:
    auditor.write("lib/__init__.py", "")
    listed = "import importlib.resources as r, lib\nFOUND = list(r.files(lib).iterdir())\n"
    assert not reads(auditor, listed + NET)["complete"]


@pytest.mark.parametrize("before", ["", "safetensors.torch"])
def test_files_that_safetensors_opens_are_listed(auditor: Auditor, before: str) -> None:
    saving = pytest.importorskip("safetensors.torch")
    torch = pytest.importorskip("torch")
    saving.save_file({"w": torch.zeros(8)}, auditor.root / "w.safetensors")
    for use in ("from safetensors.torch import load_file as load", "from safetensors import safe_open as load"):
        call = "load(HERE + '/w.safetensors'" + (", 'pt')" if "safe_open" in use else ")")
        source = f"import os\n{use}\nHERE = os.path.dirname(__file__)\n{call}\n"
        event = reads(auditor, source + NET, preload=[before] if before else [])
        assert "w.safetensors" in names(auditor, event["files"])
        assert event["complete"]


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
