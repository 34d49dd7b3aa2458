"""A file nobody annotated, through the whole program: worker, costs, rules, and every format of the report."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from torch import nn

import advisor
from advisor.cli import main
from advisor.reports.json_report import schema, to_json

SOURCE = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width=60):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.norm = nn.BatchNorm2d(width)
        self.body = nn.Conv2d(width, 128, 3, padding=1)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        x = self.body(self.norm(self.stem(x)).relu())
        return self.head(x.mean((2, 3)))
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory) -> tuple[int, Path]:
    """The exit code, and the folder with the file and its reports."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "net.py").write_text(SOURCE, encoding="utf-8")
    formats = [a for f in ("console", "json", "sarif", "github") for a in ("--output-format", f, "-o", str(folder / f))]
    return main(["audit", str(folder / "net.py"), "--target", "npu-64", "--target", "cpu-x86", *formats]), folder


def test_every_format_tells_of_the_same_finding(audited):
    code, folder = audited
    assert code == 1
    plain = json.loads((folder / "json").read_text(encoding="utf-8"))
    finding = next(f for f in plain["files"][0]["models"][0]["findings"] if f["code"] == "OPS503")
    assert (finding["file"], finding["line"]) == ("net.py", 7)
    assert f"net.py:7:{finding['column']} OPS503" in (folder / "console").read_text(encoding="utf-8")
    assert "file=net.py,line=7" in (folder / "github").read_text(encoding="utf-8")
    results = json.loads((folder / "sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert "OPS503" in {r["ruleId"] for r in results}


def test_the_report_satisfies_its_schema_and_its_layers_their_totals(audited):
    _, folder = audited
    plain = json.loads((folder / "json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema()).validate(plain)
    (model,) = plain["files"][0]["models"]
    assert (model["name"], model["status"]) == ("Net", "ok")
    assert {layer["source"]["line"] for layer in model["layers"]} == {7, 8, 9, 10, 13, 14}
    for target, totals in model["totals"].items():
        assert sum(layer["latency_us_by_target"][target] for layer in model["layers"]) == pytest.approx(
            totals["latency_us"]
        )


def test_a_live_models_report_satisfies_the_schema():
    model = nn.Sequential(nn.Conv2d(3, 60, 3), nn.BatchNorm2d(60), nn.ReLU())
    report = advisor.audit(model, (1, 3, 32, 32), target="npu-64")
    jsonschema.Draft202012Validator(schema()).validate(to_json(report))
    assert report.models[0].costs["npu-64"].macs == 60 * 3 * 9 * 30 * 30
    assert "OPS503" in str(report)
    assert "OPS503" in report._repr_html_()
