"""Files are fixed in rounds until nothing wanted is left, and written at the end."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from advisor.engine import audit_paths
from advisor.findings import Finding
from advisor.fixes.agreement import Slowdown
from advisor.fixes.engine import Wanted, fix_paths
from advisor.fixes.fix import Fix
from advisor.fixes.fixer import Fixer
from advisor.fixes.proposal import Unfixable
from advisor.fixes.writing import read
from advisor.report import ModelReport

SETTINGS = {"targets": ["ethos-u85-1024-shared"]}
NET = """
    import torch.nn as nn

    WIDTHS = [60, 68]  # of the stages


    class Net(nn.Module):
        def __init__(self, widths=WIDTHS):
            super().__init__()
            layers, c = [], 3
            for w in widths:
                layers += [nn.Conv2d(c, w, 3, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU()]
                c = w
            self.features = nn.Sequential(*layers)
            self.head = nn.Linear(widths[-1], 10)

        def forward(self, x):
            return self.head(self.features(x).mean((2, 3)))
"""


@pytest.fixture
def net(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(textwrap.dedent(NET), encoding="utf-8")
    return file


def test_unsafe_fixes_are_left_unless_asked_for(net):
    before = net.read_text()
    report = fix_paths([net], SETTINGS)
    assert net.read_text() == before
    assert not report.changes
    (file,) = report.files
    assert {entry.finding.code for entry in file.left if entry.fix is not None} == {"CHN101"}
    assert all("--unsafe-fixes" in entry.reason for entry in file.left if entry.fix is not None)


def test_widths_are_aligned_and_nothing_else_changes(net):
    before = net.read_text().split("\n")
    report = fix_paths([net], SETTINGS, Wanted(unsafe=True))
    after = net.read_text().split("\n")
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [("WIDTHS = [60, 68]  # of the stages", "WIDTHS = [48, 64]  # of the stages")]
    (file,) = report.files
    (outcome,) = file.outcomes
    target = SETTINGS["targets"][0]
    assert outcome.after.costs[target].latency_us < outcome.before.costs[target].latency_us
    assert not file.defects


def test_fixing_twice_changes_nothing_the_second_time_and_no_finding_has_a_fix_left(net):
    assert fix_paths([net], SETTINGS, Wanted(unsafe=True)).changes
    again = fix_paths([net], SETTINGS, Wanted(unsafe=True))
    assert not again.changes
    report = audit_paths([net], SETTINGS, fixes=True)
    assert [f for f in report.findings() if f.fix is not None] == []


def test_what_was_left_of_a_model_that_stays_as_it_is_is_asked_again_last_only(net, monkeypatch):
    """Of a file with many models most of the work would be to ask for the same once more."""
    other = net.read_text().replace("Net", "Other").replace("import torch.nn as nn", "").replace("WIDTHS", "ODD")
    net.write_text(net.read_text() + other.replace("[60, 68]", "[ord('<'), ord('D')]"), encoding="utf-8")
    rounds: list[list[str]] = []

    class OneByOne(Fixer):
        """Finds nothing but the best fix in the first round."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            rounds.append([])

        def fix(self, model: ModelReport, finding: Finding) -> Fix:
            rounds[-1].append(model.name)
            if len(rounds) == 1 and rounds[0].count("Net") > 1:
                raise Unfixable("not yet")
            return super().fix(model, finding)

    monkeypatch.setattr("advisor.fixes.engine.Fixer", OneByOne)
    report = fix_paths([net], SETTINGS, Wanted(unsafe=True))
    first, second, last = rounds
    assert "Other" in first
    assert "Other" not in second, "its fix would be what it was before"
    assert last == [name for name in first if name == "Other"], "nothing is left without having been asked at the end"
    assert {entry.finding.model for entry in report.files[0].left} == {"Other"}
    assert "WIDTHS = [48, 64]" in net.read_text()


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(net):
    before = net.read_text()
    dry = fix_paths([net], SETTINGS, Wanted(unsafe=True), dry=True)
    assert net.read_text() == before
    ((path, (old, new, _)),) = dry.changes.items()
    assert (path, old) == (net, before)
    fix_paths([net], SETTINGS, Wanted(unsafe=True))
    assert net.read_text() == new


def test_what_somebody_says_no_to_is_asked_once_and_left(net):
    asked = []

    def no(finding, fix, texts):
        asked.append(finding.fingerprint())
        assert texts[str(net)] == net.read_text()
        return False

    report = fix_paths([net], SETTINGS, Wanted(unsafe=True, agreed=no))
    assert not report.changes
    assert asked and len(asked) == len(set(asked))


def test_only_fixes_that_gain_enough_are_applied_where_a_gain_is_asked_for(net):
    report = fix_paths([net], SETTINGS, Wanted(unsafe=True, slower=-90.0))
    assert not report.changes
    assert any("--max-latency-change" in entry.reason for entry in report.files[0].left)


def test_a_saving_that_may_be_none_is_left_to_who_is_asked(net, monkeypatch):
    monkeypatch.setattr(Fix, "certain", False)
    report = fix_paths([net], SETTINGS, Wanted(unsafe=True), dry=True)
    assert not report.changes
    assert any("its saving may be none" in e.reason and e.fix is not None for e in report.files[0].left)
    assert fix_paths([net], SETTINGS, Wanted(unsafe=True, uncertain=True), dry=True).changes


def test_an_audit_with_fixes_says_of_each_finding_what_would_mend_it_or_why_nothing_does(net):
    report = audit_paths([net], SETTINGS, fixes=True)
    findings = [f for f in report.findings() if f.move is not None]
    assert findings
    assert all((f.fix is None) != (f.unfixed == "") for f in findings)


def test_the_library_fixes_as_the_command_does(net):
    import advisor

    assert not advisor.fix(net, "ethos-u85-1024").changes
    report = advisor.fix(str(net), target="ethos-u85-1024", unsafe=True, min_gain=1)
    assert list(report.changes) == [net]
    assert "WIDTHS = [48, 64]  # of the stages" in net.read_text()


SHARED = """
    import torch.nn as nn

    from widths import WIDTH


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(3, WIDTH, 3, padding=1)
            self.b = nn.Conv2d(WIDTH, 64, 3, padding=1)

        def forward(self, x):
            return self.b(self.a(x).relu()).mean((2, 3))
"""
CHECKED = "WIDTH = 68\nassert WIDTH == 68, 'as the paper has it'\n"


@pytest.fixture
def folder(tmp_path):
    """Two files with a model each, whose width a third one has."""
    (tmp_path / "widths.py").write_text("WIDTH = 68\n", encoding="utf-8")
    (tmp_path / "a.py").write_text(textwrap.dedent(SHARED), encoding="utf-8")
    (tmp_path / "b.py").write_text(textwrap.dedent(SHARED.replace("Net", "Other")), encoding="utf-8")
    return tmp_path


def test_a_number_that_several_files_use_is_changed_once(folder):
    report = fix_paths([folder], SETTINGS, Wanted(unsafe=True))
    assert list(report.changes) == [folder / "widths.py"]
    assert (folder / "widths.py").read_text() == "WIDTH = 64\n"
    assert not fix_paths([folder], SETTINGS, Wanted(unsafe=True)).changes


def test_a_fix_that_another_file_would_lose_its_model_by_is_left_and_says_so(folder):
    other = folder / "b.py"
    other.write_text(other.read_text().replace("(WIDTH, 64, 3, padding=1)", "(len('x' * 68), 64, 3, padding=1)"))
    report = fix_paths([folder], SETTINGS, Wanted(unsafe=True))
    assert not report.changes
    (left,) = (entry for entry in report.files[0].left if entry.finding.code == "CHN101")
    assert left.reason == "Other in b.py, which uses it too, cannot be traced with it"


def test_a_fix_that_a_model_of_another_file_loses_more_by_is_left(folder, monkeypatch):
    percent = {"Net": -3.0, "Other": 4.0}
    monkeypatch.setattr(
        "advisor.fixes.engine.slowdowns",
        lambda _, changed: [Slowdown(m.name, "t", percent[m.name]) for m, _ in changed],
    )
    report = fix_paths([folder], SETTINGS, Wanted(unsafe=True, slower=10.0))
    assert not report.changes
    reasons = {entry.reason for file in report.files for entry in file.left}
    assert "the models disagree: Net would be 3.0 % faster and Other in b.py 4.0 % slower" in reasons


def test_files_whose_turn_was_before_their_numbers_changed_are_looked_at_again(folder):
    other = folder / "b.py"
    other.write_text(other.read_text().replace("(WIDTH, 64, 3, padding=1)", "(68, 64, 3, padding=1)"))
    report = fix_paths([folder], SETTINGS, Wanted(unsafe=True))
    assert set(report.changes) == {folder / "widths.py", other}  # a fix of a.py alone would break b.py
    first = report.files[0]
    assert not first.left
    assert [outcome.after.name for outcome in first.outcomes] == ["Net"]


def test_what_a_file_asserts_of_its_numbers_holds_after_fixes(folder):
    (folder / "widths.py").write_text(CHECKED)
    report = fix_paths([folder / "a.py"], SETTINGS, Wanted(unsafe=True))
    assert not report.changes
    assert "importing this raised AssertionError: as the paper has it" in report.files[0].left[0].reason


def test_a_fix_that_another_model_of_the_file_would_be_lost_by_is_not_offered(tmp_path):
    file = tmp_path / "net.py"
    text = textwrap.dedent(SHARED).replace("from widths import WIDTH", "WIDTH = 68")
    brittle = text[text.index("class") :].replace("Net", "Brittle").replace("(WIDTH, 64", "(len('x' * 68), 64")
    file.write_text(text + "\n\n" + brittle)
    report = audit_paths([file], SETTINGS, fixes=True)
    (found,) = (f for f in report.findings() if f.code == "CHN101" and f.model == "Net")
    assert found.fix is None
    assert "with it Brittle cannot be traced any more: " in found.unfixed


BLOCK = """
    import torch.nn as nn


    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv = nn.Conv2d(3, width, 3, padding=1)
            self.act = nn.SiLU()

        def forward(self, x):
            return self.act(self.conv(x))


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block(64)

        def forward(self, x):
            return self.block(x).mean((2, 3))


    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block(32){checked}

        def forward(self, x):
            return self.block(x).mean((2, 3))
"""


@pytest.mark.parametrize("checked", ["", "\n        assert isinstance(self.block.act, nn.SiLU)"])
def test_a_class_is_edited_for_all_models_that_use_it_or_not_at_all(tmp_path, checked):
    file = tmp_path / "net.py"
    file.write_text(textwrap.dedent(BLOCK).replace("{checked}", checked))
    report = audit_paths([file], {"targets": ["ethos-u55-128"]}, fixes=True)
    found = next(f for f in report.findings() if f.code == "OPS501" and f.model == "Net")
    if checked:
        assert found.fix is None and "with it Other cannot be traced any more: " in found.unfixed
    else:
        assert found.fix is not None and found.fix.note == "also changes Other"


def test_what_changes_while_it_is_analysed_is_left(net, monkeypatch):
    def edited_meanwhile(path):
        path.write_text("# mine\n" + textwrap.dedent(NET))
        return read(path)

    monkeypatch.setattr("advisor.fixes.overlay.read", edited_meanwhile)
    report = fix_paths([net], SETTINGS, Wanted(unsafe=True))
    assert not report.changes
    assert {entry.reason for entry in report.files[0].left if entry.fix is not None} == {
        "net.py changed while it was analysed; run the command again"
    }
    assert net.read_text() == "# mine\n" + textwrap.dedent(NET)


def test_a_notebook_is_left_to_its_editor_and_costs_other_files_nothing(net):
    cell = {"cell_type": "code", "source": textwrap.dedent(NET), "metadata": {}, "outputs": [], "execution_count": None}
    notebook = net.with_name("a.ipynb")
    notebook.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    report = fix_paths([notebook, net], SETTINGS, Wanted(unsafe=True))
    assert list(report.changes) == [net]
    assert any("apply its fixes in the editor" in e.reason for f in report.files for e in f.left)


def test_what_one_target_loses_more_by_than_another_gains_is_left(net, monkeypatch):
    monkeypatch.setattr(
        "advisor.fixes.engine.slowdowns", lambda *_: [Slowdown("Net", "a", -3.0), Slowdown("Net", "b", 4.0)]
    )
    report = fix_paths([net], SETTINGS, Wanted(unsafe=True, slower=10.0))
    assert not report.changes  # else a fix for the sake of b would undo it, and so on for ever
    assert "the targets disagree: a would be 3.0 % faster and b 4.0 % slower" in {
        e.reason for e in report.files[0].left
    }


@pytest.mark.parametrize("named", ["'widths.yaml'", "f'{name}s.yaml'"], ids=["named", "worked out"])
def test_numbers_of_settings_files_are_changed_once(tmp_path, named):
    text = textwrap.dedent(SHARED)
    reading = (
        f"import pathlib\n\nimport yaml\n\nname = 'width'\nread = pathlib.Path(__file__).with_name({named}).read_text()"
    )
    text = text.replace("from widths import WIDTH", f"{reading}\nWIDTH = yaml.safe_load(read)['width']")
    (tmp_path / "net.py").write_text(text)
    (tmp_path / "widths.yaml").write_bytes(b"width: 68  # channels\r\n")
    report = fix_paths([tmp_path], SETTINGS, Wanted(unsafe=True))
    assert len(report.files[0].applied) == 1
    assert (tmp_path / "widths.yaml").read_bytes() == b"width: 64  # channels\r\n"
