"""Files are fixed in rounds until nothing wanted is left, and written at the end."""

from __future__ import annotations

import textwrap

import pytest

from advisor.engine import audit_paths
from advisor.fixes.engine import Wanted, fix_paths

SETTINGS = {"targets": ["ethos-u85-1024"]}
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


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(net):
    before = net.read_text()
    dry = fix_paths([net], SETTINGS, Wanted(unsafe=True), dry=True)
    assert net.read_text() == before
    ((path, (old, new)),) = dry.changes.items()
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
