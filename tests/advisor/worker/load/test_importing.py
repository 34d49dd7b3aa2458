"""The import ladder: each rung is reached by a file that needs it, and is named."""

from __future__ import annotations

import pytest

from ..audits import Auditor, Event, candidate

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""


def imported(auditor: Auditor, path: str, source: str) -> tuple[Event, Event]:
    """(import event, Net's event) of a file."""
    events = auditor.run(auditor.write(path, source), candidate("Net"))
    return events[0], next(e for e in events if e["event"] == "model")


def test_a_file_of_a_package_is_imported_under_its_dotted_name(auditor: Auditor) -> None:
    auditor.write("lib/__init__.py", "")
    auditor.write("lib/sizes.py", "WIDTH = 8")
    event, net = imported(auditor, "lib/net.py", "from .sizes import WIDTH" + NET)
    assert (event["how"], event["error"], net["status"]) == ("package", None, "ok")


def test_folders_without_init_are_a_namespace_from_the_root(auditor: Auditor) -> None:
    auditor.write("models/blocks.py", "WIDTH = 8")
    event, net = imported(auditor, "models/models.py", "from models.blocks import WIDTH" + NET)
    assert (event["how"], net["status"]) == ("namespace", "ok")


def test_a_file_with_relative_imports_is_in_a_package_though_nothing_else_says_so(auditor: Auditor) -> None:
    auditor.write("sizes.py", "WIDTH = 8")
    event, net = imported(auditor, "net.py", "from .sizes import WIDTH" + NET.replace("8, 3)", "WIDTH, 3)"))
    assert (event["how"], event["error"], net["status"]) == ("package", None, "ok")


def test_a_package_whose_init_raises_does_not_stop_its_file(auditor: Auditor) -> None:
    auditor.write("lib/__init__.py", "raise RuntimeError('no licence')")
    auditor.write("lib/sizes.py", "WIDTH = 8")
    event, net = imported(auditor, "lib/net.py", "from .sizes import WIDTH" + NET)
    assert (event["how"], net["status"]) == ("path", "ok")


def test_missing_modules_are_made_up_and_named(auditor: Auditor) -> None:
    source = """
    import absent_tracker
    from absent_zoo.registry import MODELS, Tracker
    from absent_layers import DropPath, trunc_normal_, to_2tuple

    class Data(absent_tracker.Dataset):
        pass

    def typed(x: Tracker[int] | None) -> "Tracker": ...
    """
    import textwrap

    body = NET.replace("class Net", "@MODELS.register_module()\nclass Net").replace(
        "return self.conv(x)", "return DropPath(0.1)(self.conv(x))"
    )
    event, net = imported(auditor, "net.py", textwrap.dedent(source) + body)
    assert event["how"] == "stubbed"
    assert {"absent_tracker", "absent_zoo", "absent_layers"} <= set(event["stubbed"])
    assert net["status"] == "ok"


def test_a_link_that_leads_to_itself_stops_nothing(auditor: Auditor) -> None:
    (auditor.root / "loop").symlink_to("loop")
    event, net = imported(auditor, "net.py", "import not_installed_anywhere" + NET)
    assert (event["stubbed"], net["status"]) == (["not_installed_anywhere"], "ok")


def test_a_computation_of_a_missing_module_is_not_made_up(auditor: Auditor) -> None:
    source = "import absent_ops" + NET.replace("return self.conv(x)", "return absent_ops.warp(self.conv(x))")
    _, net = imported(auditor, "net.py", source)
    assert net["status"] == "partial"
    assert net["error"]["type"] == "NotInstalled" and "absent_ops.warp" in net["error"]["message"]


def test_an_optional_import_stays_absent(auditor: Auditor) -> None:
    source = """
import absent_required
try:
    import absent_optional
except ImportError:
    absent_optional = None
""" + NET.replace("nn.Conv2d(3, 8, 3)", "nn.Conv2d(3, 8 if absent_optional is None else 'made up', 3)")
    event, net = imported(auditor, "net.py", source)
    assert event["stubbed"] == ["absent_required"]
    assert net["status"] == "ok"


def test_a_module_that_raises_is_taken_statement_by_statement(auditor: Auditor) -> None:
    event, net = imported(auditor, "net.py", NET + "\nweights = open('/nonexistent/weights')\nprint(weights)\n")
    assert event["how"] == "sliced"
    assert event["error"]["type"] == "FileNotFoundError" and event["error"]["line"] == 13
    assert net["status"] == "ok"


def test_statement_by_statement_the_command_line_keeps_its_defaults(auditor: Auditor) -> None:
    auditor.write("parts/sizes.py", "HEIGHT = 3")
    source = """
import argparse, os, sys
os.makedirs("/nonexistent/data")
sys.path.append(os.path.join(os.path.dirname(__file__), "parts"))
from sizes import HEIGHT
parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=8)
parser.set_defaults(height=HEIGHT)
opt = parser.parse_args()
def main():
    raise SystemError("this is no import any more")
main()
"""
    event, net = imported(auditor, "net.py", source + NET.replace("8, 3)", "opt.width, opt.height)"))
    assert event["how"] == "sliced"
    assert (net["status"], net["error"]) == ("ok", None)


def test_sys_exit_at_import_loses_nothing_but_itself(auditor: Auditor) -> None:
    event, net = imported(auditor, "net.py", NET + "\nimport sys\nsys.exit(3)\n")
    assert event["how"] == "sliced" and event["error"]["type"] == "SystemExit"
    assert net["status"] == "ok"


def test_circular_imports_resolve_from_the_package(auditor: Auditor) -> None:
    auditor.write("lib/__init__.py", "from .net import Net")
    auditor.write("lib/head.py", "from . import net\n\ndef width():\n    return net.WIDTH")
    _, net = imported(auditor, "lib/net.py", "WIDTH = 8\nfrom .head import width" + NET)
    assert net["status"] == "ok"


def test_the_command_line_is_empty_and_main_does_not_run(auditor: Auditor) -> None:
    source = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--width", type=int, default=8)
args = parser.parse_args()
""" + NET.replace("8, 3)", "args.width, 3)")
    event, net = imported(auditor, "net.py", source + "\nif __name__ == '__main__':\n    raise SystemError\n")
    assert (event["how"], event["error"], net["status"]) == ("package", None, "ok")


@pytest.mark.parametrize("name", ["inputs", "job", "stubs", "names"])
def test_a_users_module_of_the_same_name_as_ours_wins(auditor: Auditor, name: str) -> None:
    auditor.write(f"{name}.py", "WIDTH = 8")
    source = f"from {name} import WIDTH" + NET.replace("8, 3)", "WIDTH, 3)")
    _, net = imported(auditor, "net.py", source)
    assert net["status"] == "ok"


def test_a_syntax_error_is_told_with_its_line(auditor: Auditor) -> None:
    events = auditor.run(auditor.write("net.py", "x = 1\ndef broken(:\n"), candidate("Net"))
    assert events[0]["error"]["type"] == "SyntaxError" and events[0]["error"]["line"] == 2
    assert events[-1]["event"] == "done"


def test_names_of_a_missing_star_import_are_made_up(auditor: Auditor) -> None:
    source = """
        import torch.nn as nn
        from absent_training import *
        from absent_training.errors import TooLate

        class Net(Module):
            def __init__(self):
                self.conv = nn.Conv2d(3, 4, 1)

            def forward(self, x):
                try:
                    return self.conv(x)
                except TooLate:
                    return x

        class NetConfig(PretrainedConfig):
            def __init__(self, width=8, **others):
                super().__init__(**others)
                self.width = width

        class Configured(nn.Module):
            def __init__(self, config):
                super().__init__()
                self.conv = nn.Conv2d(3, config.width, 1)

            def forward(self, x):
                return self.conv(x)
    """
    events = auditor.audit(source, candidate("Net"), candidate("Configured"))
    assert events["import"]["how"] == "stubbed"
    assert events["Net"]["status"] == events["Configured"]["status"] == "ok", events


def test_the_error_told_is_the_statement_s_and_not_a_missing_module_s(auditor: Auditor) -> None:
    event, net = imported(
        auditor, "net.py", "import absent_module\n" + NET + "\nwidth = int('wide')\nother = width + 1\n"
    )
    assert (event["how"], event["stubbed"]) == ("sliced", ["absent_module"])
    assert (event["error"]["type"], event["error"]["line"]) == ("ValueError", 14)
    assert net["status"] == "ok"
