"""Which layers share a finding about their biases."""

from __future__ import annotations

import textwrap

from advisor.engine import audit_paths

MIXED = """
    import torch.nn as nn


    def conv(inputs, outputs, bias=True):
        return nn.Conv2d(inputs, outputs, 3, bias=bias)


    class Normed(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layers = nn.Sequential(conv(width, 64), nn.BatchNorm2d(64))

        def forward(self, x):
            return self.layers(x)


    class Either(nn.Module):
        def __init__(self, norm):
            super().__init__()
            self.layers = nn.Sequential(conv(64, 64), nn.BatchNorm2d(64) if norm else nn.ReLU())

        def forward(self, x):
            return self.layers(x)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(Normed(3), Either(True), Either(False))

        def forward(self, x):
            return self.layers(x)
"""

HELPER = """
    import torch.nn as nn


    def block(inputs, outputs, bias=True):
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, bias=bias), nn.BatchNorm2d(outputs))
"""

NET = """
    import torch.nn as nn

    from helper import block


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = block(3, 64)
            self.rest = nn.Sequential(*[block(64, 64) for _ in range(2)])

        def forward(self, x):
            return self.rest(self.a(x))
"""


def test_calls_of_a_helper_from_elsewhere_that_stand_apart_are_findings_apart(tmp_path):
    (tmp_path / "helper.py").write_text(textwrap.dedent(HELPER))
    (tmp_path / "net.py").write_text(textwrap.dedent(NET))
    report = audit_paths([tmp_path / "net.py"], {"targets": ["ethos-u85-1024"], "select": ["OPS503"]})
    found = [(f.span.line, f.layers) for f in report.findings()]
    assert sorted(found) == [(10, ["a.0"]), (11, ["rest.0.0", "rest.1.0"])]


def test_calls_of_a_helper_of_the_same_file_are_one_finding(tmp_path):
    net = textwrap.dedent(NET).replace("from helper import block\n", textwrap.dedent(HELPER).split("nn\n", 1)[1])
    (tmp_path / "net.py").write_text(net)
    report = audit_paths([tmp_path / "net.py"], {"targets": ["ethos-u85-1024"], "select": ["OPS503"]})
    (found,) = report.findings()
    assert found.layers == ["a.0", "rest.0.0", "rest.1.0"]


def test_where_one_edit_does_not_do_for_all_each_has_its_own_finding(tmp_path):
    (tmp_path / "net.py").write_text(textwrap.dedent(MIXED))
    report = audit_paths([tmp_path / "net.py"], {"targets": ["ethos-u85-1024"], "select": ["OPS503"]}, fixes=True)
    normed, either = sorted(report.findings(), key=lambda f: f.layers)
    assert normed.layers == ["layers.0.layers.0"] and normed.fix is not None
    assert [(e.span.line, e.text) for e in normed.fix.edits] == [(12, ", bias=False")]
    assert either.layers == ["layers.1.layers.0"]
    assert either.unfixed == "what sets this bias sets those of other layers too, which nothing cancels"
