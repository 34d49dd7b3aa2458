"""Targets whose runtime is ONNX Runtime on this machine's CPU (extra ``[onnx]``)."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from advisor.costs import Label
from advisor.graph import Graph
from advisor.targets import Target

from ...measuring import Measurement, Row, Unmeasurable, only, own_precision, relative_spread

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

RUNTIME = "onnxruntime-cpu"
"""The ``runtime`` of the targets that it covers."""

ROUNDS = 9
TURN_US = 15_000
RUNS_A_TURN = 10
"""A turn's timed runs: as many as fill ``TURN_US``, no more than this."""

PROFILED = 17
"""Runs whose nodes are timed; the first is dropped."""

SHORTEST_US = 0.25
"""What a node costs whose time the profile, in whole microseconds, gives as nothing."""

OPTIMISED = "optimised.onnx"


@dataclass(slots=True)
class _Loaded:
    """A session with what it is fed, the shares of its rows, and the totals measured so far (µs)."""

    session: InferenceSession
    feeds: dict[str, Any]
    rows: list[tuple[tuple[int, ...], float, float]]
    weights_bytes: int
    totals: list[float]


class OnnxCpu:
    """ONNX Runtime, float32, as many threads as the target says, all graph optimisations."""

    name = "onnxruntime"
    label: Label = "measured"
    exclusive = True
    """Two measurements at a time would measure each other."""

    def covers(self, target: Target) -> bool:
        return target.runtime == RUNTIME and None not in (find_spec("onnxruntime"), find_spec("onnx"))

    def source(self, target: Target) -> str:
        threads = "one thread" if target.threads == 1 else f"{target.threads} threads"
        return f"onnxruntime {metadata.version('onnxruntime')}, {threads}"

    def measure(self, graph: Graph, target: Target) -> Measurement:
        """A row for each group of ops that the runtime joined. Raises :class:`Unmeasurable`."""
        return only(self.measure_all([graph], target))

    def measure_all(
        self, graphs: Sequence[Graph], target: Target, rounds: int = ROUNDS
    ) -> list[Measurement | Unmeasurable]:
        """Measurements of several graphs, whose totals are interleaved. Rows share the total out by the profile of
        further runs, since timing each node costs the small ones more."""
        results: dict[int, Measurement | Unmeasurable] = {}
        loaded: dict[int, _Loaded] = {}
        for i, graph in enumerate(graphs):
            try:
                own_precision(graph)
                loaded[i] = _loaded(graph, target.threads)
            except Unmeasurable as e:
                results[i] = e
        for _ in range(rounds):
            for each in loaded.values():
                _turn(each, target.threads == 1)
        for i, each in loaded.items():
            results[i] = self._measurement(each, target)
        return [results[i] for i in range(len(graphs))]

    def _measurement(self, loaded: _Loaded, target: Target) -> Measurement:
        total = median(loaded.totals)
        scale = total / sum(us for _, us, _ in loaded.rows)
        return Measurement(
            target=target.name,
            label=self.label,
            source=self.source(target),
            rows=tuple(Row(ops, us * scale, spread) for ops, us, spread in loaded.rows),
            latency_us=total,
            spread=relative_spread(loaded.totals),
            weights_bytes=loaded.weights_bytes,
        )


def _loaded(graph: Graph, threads: int) -> _Loaded:
    """The graph as a session, profiled. Raises :class:`Unmeasurable`."""
    from .model import feeds, written

    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")  # where its errors are: they share no base
    refusals = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.NotImplemented, state.RuntimeException)
    model = written(graph)
    given = feeds(graph)
    weights = sum(len(t.raw_data) for t in model.graph.initializer if t.name.startswith("t"))
    with tempfile.TemporaryDirectory(prefix="advisor-onnx-") as folder:
        try:
            session = _session(model, threads)
            rows = _profiled(graph, model, given, threads, Path(folder))
        except refusals as e:
            raise Unmeasurable({-1: f"ONNX Runtime refuses the model: {str(e).splitlines()[0][:300]}"}) from e
    return _Loaded(session, given, rows, weights, [])


def _session(model: ModelProto, threads: int, folder: Path | None = None) -> InferenceSession:
    """A session; with a folder, one that leaves its profile and its optimised model there."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # random weights make more than trained ones
    if folder is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        options.optimized_model_filepath = str(folder / OPTIMISED)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _profiled(
    graph: Graph, model: ModelProto, given: dict[str, Any], threads: int, folder: Path
) -> list[tuple[tuple[int, ...], float, float]]:
    """Groups of ops with the microseconds of their nodes and the relative spread, in the order they ran.

    The profile goes by the wall clock, so the lower quartile counts: interruptions only lengthen.
    """
    import onnx

    from .profile import homes, runs

    session = _session(model, threads, folder)
    for _ in range(PROFILED):
        session.run(None, given)
    timed = runs(Path(session.end_profiling()).read_text("utf-8"))[1:]
    optimised = onnx.load(folder / OPTIMISED)
    names = [node.name for node in optimised.graph.node]
    if any([name for name, _ in run] != names for run in timed):
        raise Unmeasurable({-1: "ONNX Runtime ran other nodes than those of the model that it optimised"})
    groups: dict[tuple[int, ...], list[float]] = {}
    for i, ops in enumerate(homes(graph, optimised)):
        so_far = groups.setdefault(ops, [0.0] * len(timed))
        groups[ops] = [us + run[i][1] for us, run in zip(so_far, timed, strict=True)]
    return [(ops, max(quantiles(us, n=4)[0], SHORTEST_US), relative_spread(us)) for ops, us in groups.items()]


def _turn(loaded: _Loaded, single: bool) -> None:
    """One unmeasured run, then the timed ones. A single thread's own time leaves out what others were given."""
    clock = time.thread_time_ns if single else time.perf_counter_ns
    loaded.session.run(None, loaded.feeds)
    spent = 0.0
    for _ in range(RUNS_A_TURN):
        before = clock()
        loaded.session.run(None, loaded.feeds)
        us = (clock() - before) / 1000
        loaded.totals.append(us)
        spent += us
        if spent >= TURN_US:
            break


BACKEND = OnnxCpu()
