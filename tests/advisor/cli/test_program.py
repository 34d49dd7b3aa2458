"""The program as a person runs it: exit codes, one-line errors, listings, and commands that packs add."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from advisor import engine, packs
from advisor.cli import COMMANDS, main
from advisor.packs import pages
from advisor.plan import Plans
from advisor.report import FileReport, Report
from tests.advisor.reports.samples import report


@pytest.fixture
def audited(monkeypatch, tmp_path):
    """Stands in for the engine: returns the hand-made report, and keeps what it was asked."""
    asked = []

    def audit_paths(paths, overrides=None, progress=None, cancelled=None, *, fixes=False):
        asked.append((list(paths), Plans(overrides).of(paths[0]).config))
        return report(tmp_path)

    monkeypatch.setattr(engine, "audit_paths", audit_paths)
    (tmp_path / "net.py").write_text("", encoding="utf-8")
    return asked


def test_findings_exit_with_1_and_are_printed(audited, tmp_path, capsys):
    assert main(["audit", str(tmp_path / "net.py")]) == 1
    assert "CHN101" in capsys.readouterr().out


def test_a_clean_report_exits_with_0(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        engine, "audit_paths", lambda *_, **__: Report(str(tmp_path), ("npu-64",), [FileReport("a.py")])
    )
    assert main(["audit", str(tmp_path)]) == 0
    assert "0 findings" in capsys.readouterr().out


def test_a_folder_without_python_files_is_clean_and_said_so(tmp_path, capsys):
    assert main(["audit", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "0 findings" in out
    assert err.startswith("advisor: nothing was audited: no Python file")
    assert err.count("\n") == 1


def test_options_reach_the_engine_over_the_settings_file(audited, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.advisor]\nmin-gain = 9\njobs = 7\n", encoding="utf-8")
    argv = ["--target", "npu-64", "--target", "cpu-x86", "--select", "CHN,IBN", "--ignore", "CHN102"]
    main(["audit", str(tmp_path), *argv, "--min-gain", "2", "--time-limit", "5", "--memory-limit", "1 GiB"])
    (_, config), *_ = audited
    assert config.targets == ("npu-64", "cpu-x86")
    assert (config.select, config.ignore) == (("CHN", "IBN"), ("CHN102",))
    assert (config.min_gain, config.time_limit, config.memory_limit, config.jobs) == (2.0, 5.0, 1024**3, 7)


def test_several_formats_at_once(audited, tmp_path, capsys):
    files = {"json": tmp_path / "r.json", "sarif": tmp_path / "r.sarif"}
    argv = [a for name, file in files.items() for a in ("--output-format", name, "-o", str(file))]
    assert main(["audit", str(tmp_path), "--output-format", "github", *argv]) == 1
    assert capsys.readouterr().out.startswith("::warning")
    assert json.loads(files["json"].read_text(encoding="utf-8"))["targets"] == ["npu-64"]
    assert json.loads(files["sarif"].read_text(encoding="utf-8"))["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["audit", "no/such.py"], "no such file or folder: no/such.py"),
        (["show", "no/such.py"], "no such file"),
        (["explain", "CHN109"], "did you mean"),
        (["audit", ".", "--min-gain", "900"], "min-gain"),
        (["audit", ".", "--memory-limit", "lots"], "memory-limit"),
        (["audit", ".", "--target", "npu-46"], "npu-64"),
        (["audit", ".", "--select", "CHX"], "CHX"),
    ],
)
def test_an_error_is_one_line_and_exits_with_2(argv, words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("", encoding="utf-8")
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.startswith("advisor: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("argv", [[], ["frobnicate"], ["audit"], ["audit", ".", "--output-format", "xml"]])
def test_bad_usage_exits_with_2(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert "usage: advisor" in capsys.readouterr().err


def test_show_prints_every_layer_in_the_order_asked(audited, tmp_path, capsys):
    assert main(["show", f"{tmp_path / 'net.py'}::Net", "--sort", "params"]) == 0
    out = capsys.readouterr().out
    assert "weights Σ" in out
    assert "conv6 " in out
    assert all(line == line.rstrip() for line in out.splitlines())
    assert out.index("linear151") < out.index("conv146") < out.index("conv0 ")


def test_show_sums_up_by_depth(audited, tmp_path, capsys):
    main(["show", f"{tmp_path / 'net.py'}::Net"])
    whole = capsys.readouterr().out.count("\n")
    main(["show", f"{tmp_path / 'net.py'}::Net", "--depth", "1"])
    assert capsys.readouterr().out.count("\n") < whole


def test_show_names_the_models_there_are(audited, tmp_path, capsys):
    assert main(["show", f"{tmp_path / 'net.py'}::Nett"]) == 2
    assert "no model Nett" in capsys.readouterr().err


def test_explain_takes_a_code_or_a_name(capsys):
    page = pages()[0]
    assert main(["explain", page.code.lower()]) == 0
    by_code = capsys.readouterr().out
    assert main(["explain", page.name]) == 0
    assert capsys.readouterr().out == by_code
    assert by_code.startswith(f"# {page.name} ({page.code})")


def test_rules_and_targets_are_listed(capsys):
    assert main(["rules"]) == 0
    listed = capsys.readouterr().out
    assert all(p.code in listed and p.name in listed for p in pages())
    assert main(["targets"]) == 0
    assert "npu-64" in capsys.readouterr().out


def test_a_wrong_target_file_hides_no_other(tmp_path, monkeypatch, capsys):
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\ntarget-dirs = ["hw"]\n', encoding="utf-8")
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "broken.toml").write_text("clock_hz = 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["targets"]) == 2
    out, err = capsys.readouterr()
    assert "npu-64" in out
    assert "broken.toml: engine: missing" in err


@pytest.mark.parametrize("name", ["report", "settings"])
def test_schemas_are_printed(name, capsys):
    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_a_pack_adds_a_command(monkeypatch, capsys):
    module = types.ModuleType("pack_with_command")
    module.add_arguments = lambda parser: parser.add_argument("word")
    module.run = lambda args: print(args.word) or 0
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = EntryPoint("say", module.__name__, packs.COMMANDS)
    monkeypatch.setattr(packs, "commands", lambda: {"say": entry})
    assert main(["say", "hello"]) == 0
    assert capsys.readouterr().out == "hello\n"


def test_an_unforeseen_exception_exits_with_2_and_one_line_that_says_where(monkeypatch, tmp_path, capsys):
    def broken(*_args, **_kwargs):
        raise LookupError("no such\nthing")

    monkeypatch.setattr(engine, "audit_paths", broken)
    assert main(["audit", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("advisor: internal error: LookupError: no such thing (")
    assert f"{__file__}:" in err
    assert err.count("\n") == 1


ENDLESS = """
import time
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return x


time.sleep(60)
"""


def test_ctrl_c_ends_everything_and_writes_no_report(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "net.py").write_text(ENDLESS, encoding="utf-8")
    argv = [sys.executable, "-m", "advisor", "audit", "net.py", "--time-limit", "50", "-o", "report.txt"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    program = subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not started_in(tmp_path) and program.poll() is None:
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=40)
    assert (program.returncode, out, err) == (130, b"", b"advisor: interrupted\n")
    assert not (tmp_path / "report.txt").exists()
    assert started_in(tmp_path) == []
    assert list((tmp_path / "scratch").iterdir()) == []


def started_in(folder: Path) -> list[int]:
    """The worker's processes, which have its scratch folder among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{folder}/scratch".encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # it has ended meanwhile
    return found
