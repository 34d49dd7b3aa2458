"""The CUDA backend where there is no CUDA: what it would run, how it shares the total out, and that it says no."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from advisor.estimator.backends import cuda
from advisor.estimator.measuring import Measurement, Unmeasurable
from advisor.targets import load
from tests.graphs import GraphBuilder, mobilenet_v2

HALF = load("nvidia-gpu-fp16")

needs_none = pytest.mark.skipif(torch.cuda.is_available(), reason="here is a CUDA device")


def test_it_covers_targets_of_its_runtime_where_a_device_is() -> None:
    assert HALF.runtime == cuda.RUNTIME
    assert cuda.BACKEND.covers(HALF) == torch.cuda.is_available()
    assert not cuda.BACKEND.covers(load("cpu"))
    assert cuda.BACKEND.source(HALF) == f"torch {torch.__version__}, CUDA graph, float16"


@needs_none
def test_without_a_device_nothing_is_measured() -> None:
    with pytest.raises(Unmeasurable, match="torch sees no CUDA device"):
        cuda.BACKEND.measure(mobilenet_v2(), HALF)


@needs_none
def test_asking_loads_no_torch() -> None:
    check = (
        "import sys; from advisor.estimator.backends.cuda import BACKEND; from advisor.targets import load\n"
        "print(BACKEND.covers(load('nvidia-gpu-fp16')), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout.strip() == "False False", done.stderr


def test_the_program_is_folded_half_and_channels_last() -> None:
    graph = mobilenet_v2()
    program, members = cuda.prepared(graph, HALF, "meta")
    assert len(program.steps) == len(graph.ops) - len(members)
    stored = [t for t in program.stored if t is not None]
    assert {t.dtype for t in stored} == {torch.float16}
    assert all(t.is_contiguous(memory_format=torch.channels_last) for t in stored if t.dim() == 4)
    assert program.run()[0].dtype == torch.float16


def test_images_stay_channels_last_through_the_program() -> None:
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, 16, 16)), 8, 3, 2)
    program, _ = cuda.prepared(b.build(b.conv_bn_act(x, 8, 3)), HALF, "cpu")
    assert program.run()[0].is_contiguous(memory_format=torch.channels_last)


def test_rows_share_the_total_out_and_a_folded_norm_is_with_its_layer() -> None:
    found = cuda.rows([0, 2, 3], [[2.0, 1.0, 0.0], [4.0, 1.0, 0.0], [3.0, 1.0, 0.0]], 8.0, {0: (0, 1)})
    assert [row.ops for row in found] == [(0, 1), (2,), (3,)]
    assert [row.latency_us for row in found] == pytest.approx([6.0, 2.0, 0.0])
    assert found[0].spread > found[1].spread == found[2].spread == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_network_on_the_device() -> None:
    graph = mobilenet_v2()
    measured = cuda.BACKEND.measure(graph, HALF)
    assert isinstance(measured, Measurement)
    assert sum(row.latency_us for row in measured.rows) == pytest.approx(measured.latency_us)
    assert sorted(key for row in measured.rows for key in row.ops) == [op.key for op in graph.ops]
