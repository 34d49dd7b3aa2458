"""The JSON report satisfies its schema, and its layers sum to its totals."""

import json

import jsonschema
import pytest

from advisor.reports import render
from advisor.reports.json_report import schema, to_json

from .samples import report


@pytest.fixture
def plain(tmp_path):
    return json.loads(render(report(tmp_path, "npu-64", "cpu-x86"), "json"))


def test_satisfies_the_schema_it_ships(plain):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(plain)


def test_schema_is_strict(plain):
    plain["files"][0]["models"][0]["surprise"] = 1
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(plain))


def test_layers_sum_to_the_totals_of_every_target(plain):
    model = plain["files"][0]["models"][0]
    layers = model["layers"]
    for target, totals in model["totals"].items():
        assert sum(layer["latency_us_by_target"][target] for layer in layers) == pytest.approx(totals["latency_us"])
        assert sum(layer["macs"] for layer in layers) == totals["macs"] > 0
        assert sum(layer["params"] for layer in layers) == totals["params"] > 0
    first = plain["targets"][0]
    assert [layer["latency_us"] for layer in layers] == [layer["latency_us_by_target"][first] for layer in layers]


def test_paths_are_relative_to_the_root(plain):
    file = plain["files"][0]
    assert file["file"] == "models/größe net.py"
    assert {layer["source"]["file"] for layer in file["models"][0]["layers"] if layer["source"]} == {file["file"]}
    assert file["models"][0]["findings"][0]["file"] == file["file"]


def test_uncounted_ops_are_named_and_have_no_figure(plain):
    model = plain["files"][0]["models"][1]
    assert [u["function"] for u in model["totals"]["npu-64"]["uncounted"]] == ["torch.special.frobnicate"]
    odd = next(layer for layer in model["layers"] if layer["function"] == "torch.special.frobnicate")
    assert odd["latency_us"] is None
    assert odd["macs"] is None


def test_a_failed_model_says_why_and_where(plain):
    model = plain["files"][0]["models"][2]
    assert model["status"] == "failed"
    assert model["layers"] == []
    assert model["failure"]["message"] == "missing <cfg>"
    assert model["failure"]["place"]["line"] == 5


def test_overlap_names_a_fingerprint_of_the_same_report(tmp_path):
    sample = report(tmp_path)
    first, second = sample.models[0].findings
    second.overlaps = first.fingerprint()
    findings = to_json(sample)["files"][0]["models"][0]["findings"]
    assert findings[1]["overlaps"] == findings[0]["fingerprint"]
