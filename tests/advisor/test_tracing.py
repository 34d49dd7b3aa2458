"""One file through discovery and a real worker: what is said about models and imports that end badly."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from advisor.discovery.project import Project
from advisor.discovery.request import discover
from advisor.findings import Finding
from advisor.report import FileReport
from advisor.tracing import trace_file
from advisor.workers import Event, Outcome, Worker

HEAD = "import ctypes, os, sys\nimport torch\nfrom torch import nn\n"
GOOD = """
class Good(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""
BAD = """
class Bad(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        {construct}

    def forward(self, x):
        {forward}
        return self.conv(x)
"""

Report = Callable[..., FileReport]


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(Path(sys.executable)) as made:
        yield made


@pytest.fixture
def report(worker: Worker, tmp_path: Path) -> Report:
    def made(source: str, seconds: float = 20.0) -> FileReport:
        path = tmp_path / "net.py"
        path.write_text(HEAD + textwrap.dedent(source))
        return trace_file(path, discover(path, Project(tmp_path), seconds=seconds), worker.run)

    return made


def bad(construct: str = "pass", forward: str = "pass") -> str:
    return BAD.format(construct=construct, forward=forward)


def only(findings: list[Finding]) -> Finding:
    (found,) = findings
    return found


def line_of(report: FileReport, text: str) -> int:
    return next(i for i, line in enumerate(Path(report.file).read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize("place", ["construct", "forward"])
def test_a_model_that_kills_its_process_costs_only_itself(report: Report, place: str) -> None:
    found = report(bad(**{place: "ctypes.string_at(0)"}) + GOOD)
    assert [(m.name, m.status) for m in found.models if m.graph and m.rung == "fx-meta"] == [("Good", "ok")]
    finding = only(found.findings)
    assert finding.code == "TRC904"
    assert "while Bad was analysed" in finding.message
    assert finding.span.line == line_of(found, "string_at")


@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt", "GeneratorExit", "BaseException('odd')"])
def test_what_a_constructor_raises_is_that_models_failure(report: Report, error: str) -> None:
    found = report(bad(construct=f"raise {error}") + GOOD)
    assert found.findings == []
    assert {m.name: [f.code for f in m.findings] for m in found.models} == {"Bad": ["TRC902"], "Good": []}


@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt", "GeneratorExit"])
def test_what_a_forward_raises_is_that_models_failure_on_its_line(report: Report, error: str) -> None:
    found = report(bad(forward=f"raise {error}") + GOOD)
    assert found.findings == []
    failed, good = found.models
    finding = only(failed.findings)
    assert (finding.code, good.findings) == ("TRC903", [])
    assert [r.span.line for r in finding.related] == [line_of(found, "raise")]


def test_errors_inside_the_standard_library_are_reported_on_the_users_line(report: Report) -> None:
    found = report(bad(construct="import json; json.loads('{')"))
    finding = only(found.models[0].findings)
    assert [(r.span.file, r.span.line) for r in finding.related] == [(found.file, line_of(found, "json.loads"))]


def test_a_slow_import_is_told_to_be_guarded(report: Report) -> None:
    found = report("import time\nwhile True:\n    time.sleep(0.1)\n" + GOOD, seconds=2.0)
    finding = only(found.findings)
    assert finding.code == "TRC901"
    assert re.fullmatch(
        r"cannot be imported: its import took over [01]\.\d s; raise time-limit, or guard .* __name__ == '__main__'",
        finding.message,
    )
    assert finding.span.line == line_of(found, "time.sleep")


def test_an_import_that_is_stopped_is_told_to_be_guarded(report: Report) -> None:
    finding = only(report("os._exit(0)\n" + GOOD).findings)
    assert finding.code == "TRC904"
    assert "while the file was imported" in finding.message
    assert finding.message.endswith("if __name__ == '__main__'")


def test_a_slow_model_is_told_to_raise_the_limit(report: Report) -> None:
    hang = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); exec('while True: pass')"
    finding = only(report(bad(construct=hang), seconds=2.0).findings)
    assert finding.code == "TRC904"
    assert "while Bad was analysed" in finding.message
    assert finding.message.endswith("raise time-limit")


def test_an_import_that_raises_is_not_sent_to_another_interpreter(report: Report) -> None:
    finding = only(report("1 / 0\n" + GOOD).findings)
    assert finding.code == "TRC901"
    assert "--python" not in finding.message


BUILDER = """
{told}
def conv_bn(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3), nn.BatchNorm2d(cout))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 8)

    def forward(self, x):
        return self.stem(x)
"""


@pytest.mark.parametrize(
    ("told", "names"), [("", ["Net"]), ("# advisor: args=(3, 4) input=(1, 3, 8, 8)", ["conv_bn", "Net"])]
)
def test_a_function_that_builds_blocks_is_no_model_unless_someone_says_so(
    report: Report, told: str, names: list[str]
) -> None:
    assert [m.name for m in report(BUILDER.format(told=told)).models] == names


def test_a_half_precision_model_takes_half_precision_inputs(report: Report) -> None:
    half = bad(construct="self.half()").replace("class Bad", "{told}class Bad")
    for told in ("", "# advisor: input=(1, 3, 16, 16)\n"):
        found = report(half.replace("{told}", told))
        model = found.models[0]
        assert (model.status, model.findings) == ("ok", [])
        assert model.graph is not None
        assert {model.graph.tensors[i].dtype for i in model.graph.inputs} == {"float16"}


def test_a_model_that_nobody_came_to_is_told_about(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(HEAD + GOOD)
    found = trace_file(path, discover(path, Project(tmp_path)), lambda request, on_event: Outcome("", "ok"))
    assert [(m.status, [f.code for f in m.findings]) for m in found.models] == [("partial", ["TRC902"])]


def test_a_file_without_any_time_says_so(report: Report) -> None:
    found = report(GOOD, seconds=0.001)
    assert all(f.code.startswith("TRC9") for f in found.findings)
    assert found.findings or found.models[0].findings
    assert "-0 s" not in str([f.message for f in found.findings])


def test_inputs_that_were_given_are_not_asked_for(report: Report) -> None:
    finding = only(
        report(bad(forward="raise ValueError").replace("class Bad", "# advisor: input=(1, 3, 8, 8)\nclass Bad"))
        .models[0]
        .findings
    )
    assert finding.code == "TRC903"
    assert re.search(r"; correct the inputs that were given \(net\.py:\d+\)$", finding.message)


def test_arguments_that_were_given_are_named_where_they_fail(report: Report) -> None:
    told = GOOD.replace("class Good", "# advisor: args=(10, 20)\nclass Good")
    finding = only(report(told).models[0].findings)
    assert finding.code == "TRC902"
    assert re.search(r"; correct the arguments that were given \(net\.py:\d+\)$", finding.message)


def test_a_forward_that_raised_is_not_asked_how_to_build_it(report: Report) -> None:
    (finding,) = report(bad(forward="x = self.conv(x); raise ValueError")).models[0].findings
    assert "(shown up to there: 1 operation)" in finding.message
    assert "args=" not in finding.message


def test_a_model_is_finished_while_the_rest_of_its_file_is_still_run_and_whatever_that_comes_to(
    worker: Worker, tmp_path: Path
) -> None:
    path = tmp_path / "net.py"
    path.write_text(HEAD + GOOD + bad("os._exit(3)") + bad().replace("Bad", "Last"))
    order: list[str] = []

    def run(request: Mapping[str, Any], on_event: Callable[[Event], None]) -> Outcome:
        outcome = worker.run(request, on_event)
        order.append(outcome.status)
        return outcome

    found = trace_file(path, discover(path, Project(tmp_path)), run, lambda model: order.append(model.name))
    assert order == ["Good", "exit", "Last", "ok", "Bad"]
    assert [(m.name, m.status) for m in found.models] == [("Good", "ok"), ("Bad", "partial"), ("Last", "ok")]


def test_a_class_that_a_factory_builds_is_finished_once_and_only_if_it_is_shown(worker: Worker, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(HEAD + GOOD + "\n\ndef good():\n    return Good()\n")
    finished: list[str] = []
    found = trace_file(path, discover(path, Project(tmp_path)), worker.run, lambda model: finished.append(model.name))
    assert finished == [m.name for m in found.models] == ["good"]
