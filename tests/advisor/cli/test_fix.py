"""``advisor fix`` as a person calls it."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys

import pytest

from advisor.cli import main

NET = """\
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 68, 3, padding=1)
        self.b = nn.Conv2d(68, 64, 3, padding=1)

    def forward(self, x):
        return self.b(self.a(x).relu()).mean((2, 3))
"""
TARGET = ["--target", "ethos-u85-1024-shared"]


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.py"
    file.write_text(NET, encoding="utf-8")
    return file


def test_what_needs_unsafe_fixes_is_left_and_said(net, capsys):
    assert main(["fix", "net.py", *TARGET]) == 1
    out = capsys.readouterr().out
    assert net.read_text() == NET
    assert "7:31 CHN101 Net: it changes what has to be trained; --unsafe-fixes applies it" in out
    assert "0 fixes applied to 0 files; 1 verified fix not wanted." in out


def test_fixes_are_applied_confirmed_and_a_second_time_there_is_nothing_to_do(net, capsys):
    assert main(["fix", "net.py", "--unsafe-fixes", "--confirm", *TARGET]) == 0
    assert net.read_text() == NET.replace("68", "64")
    out = capsys.readouterr().out
    assert "1 fix applied to 1 file." in out
    assert "Net on ethos-u85-1024-shared: " in out and "predicted" in out
    assert "confirmed on ethos-u85-1024-shared: " in out and "vendor estimate by ethos-u-vela" in out
    assert main(["fix", "net.py", "--unsafe-fixes", *TARGET]) == 0
    assert "0 fixes applied to 0 files." in capsys.readouterr().out


def test_one_edit_that_several_targets_ask_for_is_one_line(net, capsys):
    layers = "None\n        self.n = nn.BatchNorm2d(68)"
    text = NET.replace("nn.Conv2d(68, 64, 3, padding=1)", layers)
    net.write_text(text.replace("self.b(self.a(x).relu())", "self.n(self.a(x)).relu()"))
    assert main(["fix", "net.py", "--select", "OPS503", "--target", "ethos-u85-1024", "--target", "ethos-u55-128"]) == 0
    out = capsys.readouterr().out
    assert out.count("Remove the bias of a") == 1
    assert "1 fix applied to 1 file" in out


@pytest.mark.parametrize("name", ["net.py", "my net.py"])
@pytest.mark.parametrize("program", [("git", "apply", "-"), ("patch", "-p1", "--batch")])
def test_a_diff_is_one_that_patch_takes(net, capsys, name, program):
    if shutil.which(program[0]) is None:
        pytest.skip(f"there is no {program[0]}")
    net = net.rename(net.with_name(name))
    assert main(["fix", name, "--unsafe-fixes", "--diff", *TARGET]) == 1
    assert net.read_text() == NET
    captured = capsys.readouterr()
    assert "1 fix would be applied to 1 file." in captured.err
    done = subprocess.run(program, input=captured.out, text=True, cwd=net.parent, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert net.read_text() == NET.replace("68", "64")


@pytest.mark.parametrize(
    ("answers", "after"), [("n\n", "68"), ("?\ny\n", "64"), ("a\n", "64"), ("q\n", "68"), ("", "68")]
)
def test_asked_it_does_what_the_person_says(net, monkeypatch, capsys, answers, after):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answers))
    monkeypatch.setattr(sys, "stderr", Terminal())
    main(["fix", "net.py", "--unsafe-fixes", "--interactive", *TARGET])
    assert net.read_text() == NET.replace("68", after)
    assert "-        self.a = nn.Conv2d(3, 68, 3, padding=1)" in sys.stderr.getvalue()


def test_asking_needs_a_terminal(net, capsys):
    assert main(["fix", "net.py", "--interactive", *TARGET]) == 2
    assert "--interactive asks on a terminal, and this is none" in capsys.readouterr().err


def test_only_selected_codes_are_fixed(net, capsys):
    assert main(["fix", "net.py", "--unsafe-fixes", "--select", "IBN", *TARGET]) == 0
    assert net.read_text() == NET


def test_an_audit_shows_fixes_where_it_is_asked_to(net, capsys):
    assert main(["audit", "net.py", "--show-fixes", *TARGET]) == 1
    out = capsys.readouterr().out
    assert "fix (unsafe): Set width 68 → 64" in out
    assert "net.py:7:31 → 64" in out and "net.py:8:28 → 64" in out


def test_a_diff_can_be_applied_where_the_person_is_whatever_the_encoding(tmp_path, monkeypatch, capfdbinary):
    folder = tmp_path / "sub dir"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    latin, marked = folder / "latin 1.py", folder / "marked.py"
    latin.write_bytes(("# coding: latin-1\r\n" + NET.replace("3, 68", "'é' and 3, 68")).encode("latin-1"))
    marked.write_text(
        NET.replace("import torch.nn as nn\n", "import torch.nn as nn; W = 68\n")
        .replace("(3, 68", "(3, W")
        .replace("(68", "(W"),
        "utf-8-sig",
    )
    before = latin.read_bytes(), marked.read_bytes()
    monkeypatch.chdir(folder)
    assert main(["fix", ".", "--unsafe-fixes", "--diff", *TARGET]) == 1
    patch = capfdbinary.readouterr().out
    done = subprocess.run(["git", "apply", "-"], input=patch, cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (latin.read_bytes(), marked.read_bytes()) == tuple(data.replace(b"68", b"64") for data in before)


def test_a_diff_of_files_elsewhere_says_where_it_is_to_be_applied(net, tmp_path, monkeypatch, capfd):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["fix", str(net), "--unsafe-fixes", "--diff", *TARGET]) == 1
    out, err = capfd.readouterr()
    assert out.startswith("--- a/net.py\n+++ b/net.py\n")
    assert f"the paths in the diff start at {net.parent}; apply it there" in err


def test_several_targets_that_ask_for_the_same_edit_ask_once(net, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    both = [*TARGET, "--target", "ethos-u55-256"]
    assert main(["fix", "net.py", "--unsafe-fixes", "--interactive", *both]) == 0
    assert net.read_text() == NET.replace("68", "64")
    assert sys.stderr.getvalue().count("[y]es, [n]o") == 1
    out = capsys.readouterr().out
    assert " on ethos-u85-1024-shared  [unsafe]" in out and " on ethos-u55-256  [unsafe]" in out
    assert "1 fix applied to 1 file." in out
