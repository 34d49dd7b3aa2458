"""``advisor estimate`` as a person runs it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advisor import engine
from advisor.cli import main
from advisor.estimator.measuring import Measurement, Row, Unmeasurable
from advisor.report import FileReport, Report

KEYS = {"target", "kind", "latency_us", "low_us", "high_us", "cycles", "peak_memory_bytes", "weight_bytes"}
KEYS |= {"energy_uj", "uncounted", "kernels"}

SOURCE = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.body = nn.Conv2d(16, 32, 3, padding=1)

    def forward(self, x):
        return self.body(self.stem(x).relu())


class Strange(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.norm = nn.LocalResponseNorm(2)

    def forward(self, x):
        return self.norm(self.stem(x))


class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError("never runs")


class Stopped(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3)

    def forward(self, x):
        raise RuntimeError("not today")
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("project") / "net.py"
    file.write_text(SOURCE, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def traced(file) -> Report:
    """The file's report on every target that is asked for below: it is traced once."""
    return engine.audit_paths([file], {"targets": ["ethos-u55-128", "cpu-x86", "npu-64"], "select": []})


@pytest.fixture(autouse=True)
def audits(traced, monkeypatch):
    """Audits of the file answer with what was traced, on the targets that they name."""

    def audit_paths(paths, overrides, progress=None):
        names = overrides["targets"] or ["npu-64"]
        models = [replace(m, costs={n: m.costs[n] for n in names if n in m.costs}) for m in traced.models]
        return Report(traced.root, tuple(names), [FileReport(traced.files[0].file, models)])

    monkeypatch.setattr(engine, "audit_paths", audit_paths)


def estimated(capsys, *argv: str) -> dict[str, Any]:
    assert main(["estimate", *argv, "--output-format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_model_is_told_on_each_target_with_kernels_that_sum_to_it(file, capsys):
    document = estimated(capsys, f"{file}::Net", "--target", "ethos-u55-128", "--target", "cpu-x86")
    (model,) = document["models"]
    assert model["name"] == "Net"
    assert [t["target"] for t in model["targets"]] == ["ethos-u55-128", "cpu-x86"]
    for target in model["targets"]:
        assert set(target) >= KEYS
        assert target["kind"] in ("predicted", "simulated")
        assert sum(k["latency_us"] for k in target["kernels"]) == pytest.approx(target["latency_us"])
        assert target["weight_bytes"] > 16 * 27 + 32 * 144
        assert {op["path"] for k in target["kernels"] for op in k["ops"]} >= {"stem", "body"}


def test_every_model_of_a_file_is_told_and_one_that_fails_says_why(file, capsys):
    models = {m["name"]: m for m in estimated(capsys, str(file), "--target", "npu-64")["models"]}
    assert set(models) == {"Net", "Strange", "Broken", "Stopped"}
    assert models["Broken"]["targets"] == []
    assert "never runs" in models["Broken"]["failure"]


def test_an_operator_without_a_cost_is_named_and_unknown_is_null(file, capsys):
    (model,) = estimated(capsys, f"{file}::Strange", "--target", "ethos-u55-128")["models"]
    (target,) = model["targets"]
    assert [op["path"] for op in target["uncounted"]] == ["norm"]
    assert target["latency_us"] > 0
    assert target["energy_uj"] is None
    assert all(op["path"] != "norm" for k in target["kernels"] for op in k["ops"])


def test_of_a_model_that_stopped_it_is_said_why_and_nothing_is_called_zero(file, capsys):
    (model,) = estimated(capsys, f"{file}::Stopped", "--target", "npu-64")["models"]
    (target,) = model["targets"]
    assert "not today" in model["failure"]
    assert target["latency_us"] is target["peak_memory_bytes"] is target["arena_bytes"] is None
    assert target["weight_bytes"] > 0
    assert main(["estimate", f"{file}::Stopped", "--target", "npu-64"]) == 0
    out = capsys.readouterr().out
    assert "stopped  RuntimeError: not today" in out
    assert "peak memory" not in out and "not counted" in out


def test_the_tables_say_what_the_numbers_are(file, capsys):
    assert main(["estimate", f"{file}::Net", "--target", "npu-64"]) == 0
    out = capsys.readouterr().out
    assert "npu-64, " in out
    assert "peak memory" in out
    assert "conv 3×3 /2" in out


def test_targets_stand_side_by_side(file, capsys):
    assert main(["estimate", f"{file}::Net", "--target", "npu-64", "--target", "cpu-x86", "--compare"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if "npu-64" in line)
    assert "cpu-x86" in head
    assert any("latency" in line and line.count("s") >= 2 for line in lines)
    assert any("differ most" in line for line in lines)


def test_comparing_one_target_is_an_error_that_says_what_to_do(file, capsys):
    assert main(["estimate", str(file), "--target", "npu-64", "--compare"]) == 2
    assert "give --target twice" in capsys.readouterr().err


def test_the_estimates_go_to_a_file(file, tmp_path, capsys):
    out = tmp_path / "costs.json"
    argv = [f"{file}::Net", "--target", "npu-64", "--output-format", "json", "-o", str(out)]
    assert main(["estimate", *argv]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(out.read_text(encoding="utf-8"))["models"]
    assert main(["estimate", *argv[:-1], str(tmp_path / "none" / "costs.json")]) == 2
    assert "its folder does not exist" in capsys.readouterr().err


def test_an_unknown_model_is_an_error_that_names_those_there_are(file, capsys):
    assert main(["estimate", f"{file}::Nett"]) == 2
    assert "Net, Strange, Broken, Stopped" in capsys.readouterr().err


class Truth:
    """A backend for every target; one kernel, twelve microseconds."""

    name, label = "truth", "vendor estimate"

    def __init__(self, refused: bool = False) -> None:
        self.refused = refused

    def source(self, target):
        return "a compiler 1.0"

    def measure(self, graph, target):
        if self.refused:
            raise Unmeasurable({graph.ops[0].key: "no such operator"})
        rows = (Row(tuple(op.key for op in graph.ops), 10.0), Row((), 2.0))
        return Measurement(target.name, self.label, "a compiler 1.0", rows, 12.0, 0.0, 4096, 512)


@pytest.fixture
def backend(monkeypatch):
    def install(truth: Truth | None) -> None:
        monkeypatch.setattr("advisor.estimator.backends.backend_for", lambda target: truth)

    return install


def test_ground_truth_stands_beside_the_prediction(file, backend, capsys):
    backend(Truth())
    (model,) = estimated(capsys, f"{file}::Net", "--target", "ethos-u55-128", "--measure")["models"]
    predicted, truth = model["targets"]
    assert predicted["kind"] in ("predicted", "simulated")
    assert (truth["kind"], truth["basis"], truth["latency_us"]) == ("vendor estimate", "a compiler 1.0", 12.0)
    assert (predicted["truth"], truth["truth"]) == (False, True)
    assert truth["cycles"] == pytest.approx(12 * 500)
    assert (truth["peak_memory_bytes"], truth["weight_bytes"], truth["energy_uj"]) == (4096, 512, None)
    assert [(k["kind"], len(k["ops"])) for k in truth["kernels"]] == [("conv", 3), ("overhead", 0)]
    assert main(["estimate", f"{file}::Net", "--target", "ethos-u55-128", "--measure"]) == 0
    assert "vendor estimate" in capsys.readouterr().out


def test_what_cannot_be_measured_is_named_and_has_no_number(file, backend, capsys):
    backend(Truth(refused=True))
    (model,) = estimated(capsys, f"{file}::Net", "--target", "npu-64", "--measure")["models"]
    _, truth = model["targets"]
    assert truth["latency_us"] is None
    assert "no such operator" in truth["failure"]
    assert [op["path"] for op in truth["uncounted"]] == ["stem"]


def test_a_target_without_ground_truth_is_an_error_with_the_remedy(file, backend, capsys):
    backend(None)
    assert main(["estimate", f"{file}::Net", "--target", "npu-64", "--measure"]) == 2
    assert "nas-advisor[vela]" in capsys.readouterr().err


def test_energy_is_told_an_inference_and_a_year(file, capsys):
    argv = [f"{file}::Net", "--target", "npu-64", "--inferences-a-day"]
    few, many = (estimated(capsys, *argv, n)["models"][0]["targets"][0] for n in ("10", "1000"))
    assert few["energy_uj"] == many["energy_uj"] > 0
    yearly = "kwh_a_year_of_a_million_users"
    assert many[yearly] == pytest.approx(100 * few[yearly])
    assert few[yearly] == pytest.approx(few["energy_uj"] * 10 * 365 / 3.6e6)
    assert main(["estimate", *argv, "20"]) == 0
    assert "1 M users, 20 a day each" in capsys.readouterr().out
    assert main(["estimate", *argv, "0"]) == 2
    assert "--inferences-a-day" in capsys.readouterr().err


def test_a_page_has_the_memory_over_time_and_every_kernel(file, capsys):
    assert main(["estimate", str(file), "--target", "npu-64", "--output-format", "html"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert page.count("<svg ") == 2
    assert "Net on npu-64: peak memory" in page
    assert "conv 3×3 /2 + relu" in page
    assert "Broken: no costs" in page and "never runs" in page
    assert all(mark not in page for mark in ("<script", "<link", "<img", "url(http"))
