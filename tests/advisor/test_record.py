"""Records: what comes back is what went in, in every report format, and nothing but a record is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import advisor
from advisor.costs import Costs, Kernel, MemoryPeak
from advisor.findings import Finding, Related
from advisor.graph import Graph, Op, Span, Tensor
from advisor.record import VERSION, RecordError, pack, unpack
from advisor.report import Failure, FileReport, ModelReport, Report
from advisor.reports import render

MODELS = """
import torch
from torch import nn
from torch.nn import functional as F

class Separable(nn.Module):
    def __init__(self, width=33):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.deep = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.point = nn.Conv2d(width, 100, 1)
        self.head = nn.Linear(100, 10)

    def forward(self, x):
        x = F.hardswish(self.norm(self.first(x)))
        return self.head(self.point(self.deep(x)).mean((2, 3)))

class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(60, 3, 100, batch_first=True)

    def forward(self, x):  # x: (1, 20, 60)
        return self.layer(x).softmax(-1)

class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 5)

    def forward(self, x):
        raise RuntimeError("not today")

class Untold(nn.Module):
    def __init__(self, secret):
        super().__init__()
        self.layer = nn.Linear(secret.width, 5)

    def forward(self, x):
        return self.layer(x)
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("project")
    (folder / "models.py").write_text(MODELS)
    (folder / "broken.py").write_text("class Net(:\n")
    (folder / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["cpu-x86", "npu-64"]\n')
    report = advisor.audit(folder)
    assert {m.status for m in report.models} == {"ok", "partial"} and any(report.findings())
    return report


def assert_same(report: FileReport) -> None:
    read = unpack(pack(report))
    graphs = [(m.graph, back.graph) for m, back in zip(report.models, read.models, strict=True)]
    for wrote, back in graphs:
        assert (wrote is None) == (back is None)
        assert wrote is None or back is None or wrote.to_plain() == back.to_plain()
    for model, (wrote, _) in zip(read.models, graphs, strict=True):
        model.graph = wrote  # graphs are equal by identity only
    for wrote, back in zip(report.models, read.models, strict=True):
        for target, costs in wrote.costs.items():  # the memory of costs is not compared with them
            peaks = costs.peak, back.costs[target].peak
            assert peaks[0] == peaks[1] and repr(peaks[0]) == repr(peaks[1])
            assert peaks[0].arena_bytes == peaks[1].arena_bytes
    assert read == report
    assert repr(read) == repr(report)  # 1 == 1.0 == True, [] != () and -0.0 == 0.0: what is printed tells them apart


def test_a_report_comes_back_as_it_was(audited: Report) -> None:
    for file in audited.files:
        assert_same(file)


@pytest.mark.parametrize("output_format", ["console", "json", "sarif", "github"])
def test_every_format_is_rendered_the_same(audited: Report, output_format: str) -> None:
    read = Report(audited.root, audited.targets, [unpack(pack(f)) for f in audited.files])
    assert render(read, output_format) == render(audited, output_format)
    assert read._repr_html_() == audited._repr_html_()


WORDS = st.text(st.characters(), max_size=8)  # lone surrogates too: names of files that are no UTF-8
NUMBERS = st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(WORDS, inner, max_size=3)
        | st.dictionaries(st.integers(0, 99), inner, max_size=3)
    ),
    max_leaves=8,
)
SPANS = st.builds(Span, WORDS, *[st.integers(1, 1 << 40)] * 4)
PLAIN = st.dictionaries(WORDS, VALUES, max_size=3)
FINDINGS = st.builds(
    Finding,
    *[WORDS, WORDS, SPANS, WORDS],
    target=st.none() | WORDS,
    gain_us=st.none() | st.floats(allow_nan=False),
    move=st.none() | PLAIN,
    alternatives=st.lists(PLAIN, max_size=2),
    related=st.lists(st.builds(Related, SPANS, WORDS), max_size=2),
    layers=st.lists(WORDS, max_size=2),
    overlaps=st.none() | WORDS,
    gain_error_us=st.none() | st.floats(allow_nan=False),
)
US = st.floats(allow_nan=False)
MAYBE = st.none() | US
KEYS = st.lists(st.integers(0, 99), max_size=3).map(tuple)
KERNELS = st.builds(
    Kernel,
    *[KEYS, WORDS, US, st.integers(), st.integers(), WORDS],
    low_us=MAYBE,
    high_us=MAYBE,
    outside=st.booleans(),
    simulated=st.booleans(),
)
PEAKS = st.builds(
    MemoryPeak,
    *[st.integers(), st.none() | st.integers(), KEYS],
    timeline=st.dictionaries(st.integers(0, 99), st.integers(), max_size=2),
    arena=st.none() | st.integers(),
    own_order_bytes=st.none() | st.integers(),
    exact=st.booleans(),
)
COSTS = st.builds(
    Costs,
    *[WORDS, st.sampled_from(["predicted", "simulated"]), st.lists(KERNELS, max_size=3).map(tuple), US],
    *[st.integers()] * 4,
    PEAKS,
    KEYS,
    *[st.dictionaries(st.integers(0, 99), US, max_size=2), st.dictionaries(st.integers(0, 99), st.integers())],
    low_us=MAYBE,
    high_us=MAYBE,
    cycles=MAYBE,
    energy_uj=MAYBE,
    basis=WORDS,
)
REPORTS = st.builds(
    FileReport,
    WORDS,
    st.lists(
        st.builds(
            ModelReport,
            *[WORDS, WORDS, WORDS, SPANS, WORDS],
            rung=st.none() | WORDS,
            costs=st.dictionaries(WORDS, COSTS, max_size=2),
            findings=st.lists(FINDINGS, max_size=2),
            together_us=st.dictionaries(WORDS, st.floats(allow_nan=False), max_size=2),
            failure=st.none() | st.builds(Failure, WORDS, WORDS, st.none() | SPANS),
            notes=st.lists(WORDS, max_size=2),
        ),
        max_size=2,
    ),
    st.lists(FINDINGS, max_size=2),
    st.lists(WORDS, max_size=2),
)


@given(REPORTS)
@settings(deadline=None, max_examples=60)
def test_any_report_comes_back_as_it_was(report: FileReport) -> None:
    assert_same(report)


@given(VALUES)
@settings(deadline=None, max_examples=60)
def test_any_attribute_of_an_operation_comes_back_as_it_was(value: object) -> None:
    attributed = Op(0, "add", "torch.add", {"other": value}, (0,), (1,))
    graph = Graph([attributed], {0: Tensor((1,), role="input"), 1: Tensor((1,))}, {}, (0,), (1,))
    span = Span("net.py", 1, 1, 1, 1)
    assert_same(FileReport("net.py", [ModelReport("Net", "net.py", "class", span, "ok", graph=graph)]))


def test_what_is_no_plain_data_is_refused_by_name() -> None:
    finding = Finding("TRC901", "said", Span("net.py", 1, 1, 1, 1), move={"kind": object()})
    with pytest.raises(RecordError, match=r"net\.py cannot be recorded: object is no plain data"):
        pack(FileReport("net.py", findings=[finding]))


def test_a_record_of_another_version_is_refused() -> None:
    record = bytearray(pack(FileReport("net.py")))
    assert record[1] == VERSION  # after the head of an array of three
    record[1] += 1
    with pytest.raises(RecordError, match=f"of version {VERSION + 1}, this advisor reads {VERSION}"):
        unpack(bytes(record))


@given(st.data())
@settings(deadline=None)
def test_a_damaged_record_is_refused(data: st.DataObject) -> None:
    record = bytearray(pack(FileReport("net.py", notes=["a note"])))
    place = data.draw(st.integers(0, len(record) - 1))
    record[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RecordError):
        unpack(bytes(record))


@given(st.binary(max_size=64))
def test_other_bytes_are_no_record(data: bytes) -> None:
    with pytest.raises(RecordError):
        unpack(data)


def test_a_record_that_was_cut_is_none(tmp_path: Path) -> None:
    record = pack(FileReport(str(tmp_path / "net.py"), notes=["a note"]))
    for size in range(len(record)):
        with pytest.raises(RecordError):
            unpack(record[:size])
