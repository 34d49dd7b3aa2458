"""A file's report as bytes, and back without loss: what the daemon hands to its clients.

The bytes are one msgpack array: the version, a checksum, and as bytes again the report, each dataclass as the array of
its fields. Ids of tensors and operations stay numbers; tuples within plain values (a move's, an attribute's) stay
tuples.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import msgpack

from .costs import Costs, Kernel, MemoryPeak
from .findings import Finding, Related
from .fixes.fix import Fix
from .graph import Graph, GraphError, Span
from .report import Failure, FileReport, ModelReport

VERSION = 3
"""Raised when what is written changes; records of another version are refused."""

_TUPLE, _LARGE = 1, 2
"""Types of msgpack's extensions: a tuple as an array, a whole number beyond 64 bits as its digits."""
_PLAIN: tuple[type[Any], ...] = (str, int, float, list, dict)


class RecordError(ValueError):
    """Bytes that are no record of this version, or a report with values that are no plain data."""


def pack(report: FileReport) -> bytes:
    """``report`` as bytes. Raises :class:`RecordError` where a finding or an operation holds no plain data."""
    plain = [report.file, [_model(m) for m in report.models], [_finding(f) for f in report.findings], report.notes]
    try:
        body = _encode(plain)
    except OverflowError:  # of the few reports in which a number needs it
        body = _encode(_large(plain))
    except (TypeError, ValueError) as e:
        raise RecordError(f"the report on {report.file} cannot be recorded: {e}; please report this") from e
    return _encode([VERSION, zlib.crc32(body), body])


def unpack(data: bytes) -> FileReport:
    """The report of :func:`pack`'s bytes. Raises :class:`RecordError` on anything else."""
    try:
        head = _decode(data)
        if not isinstance(head, list) or not head or type(head[0]) is not int:
            raise RecordError("no record of a report: it does not begin with a version; audit the file again")
        if head[0] != VERSION:
            raise RecordError(f"a record of version {head[0]}, this advisor reads {VERSION}; audit the file again")
        _, checksum, body = head
        if zlib.crc32(body) != checksum:
            raise RecordError("a damaged record of a report; audit the file again")
        file, models, findings, notes = _decode(body)
        return FileReport(file, [_to_model(m) for m in models], [_to_finding(f) for f in findings], notes)
    except RecordError:
        raise
    except (TypeError, ValueError, KeyError, GraphError, msgpack.exceptions.UnpackException, RecursionError) as e:
        raise RecordError(f"no record of a report: {type(e).__name__}: {e}; audit the file again") from e


# ---- msgpack


def _encode(plain: Any) -> bytes:
    packed = msgpack.packb(plain, default=_unusual, strict_types=True, unicode_errors="surrogatepass")
    assert packed is not None  # it is only for a packer that streams
    return packed


def _decode(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False, ext_hook=_extension, unicode_errors="surrogatepass")


def _unusual(value: Any) -> Any:
    """What msgpack has no type for, or only that of the class it derives from."""
    if isinstance(value, tuple):
        return msgpack.ExtType(_TUPLE, _encode(list(value)))
    plain: type[Any] | None = next((kind for kind in _PLAIN if isinstance(value, kind)), None)
    if plain is not None:
        return plain(value)
    raise TypeError(f"{type(value).__name__} is no plain data")


def _extension(code: int, data: bytes) -> Any:
    if code == _TUPLE:
        return tuple(_decode(data))
    if code == _LARGE:
        return int(data)
    raise ValueError(f"an extension of type {code}")


def _large(value: Any) -> Any:
    """``value`` with its whole numbers beyond 64 bits written out."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return msgpack.ExtType(_LARGE, str(value).encode())
    if isinstance(value, Mapping):
        return {k: _large(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_large(v) for v in value]
    if isinstance(value, tuple):
        return tuple(_large(v) for v in value)
    return value


# ---- the report's parts


def _model(m: ModelReport) -> list[Any]:
    return [
        m.name,
        m.file,
        m.kind,
        list(m.span),
        m.status,
        m.rung,
        m.construct,
        m.input,
        None if m.graph is None else m.graph.to_plain(),
        {target: _costs(c) for target, c in m.costs.items()},
        [_finding(f) for f in m.findings],
        m.together_us,
        None if m.failure is None else [m.failure.kind, m.failure.message, _span(m.failure.span)],
        m.notes,
    ]


def _to_model(plain: list[Any]) -> ModelReport:
    name, file, kind, span, status, rung, construct, given, graph, costs, findings, together, failure, notes = plain
    return ModelReport(
        name,
        file,
        kind,
        Span(*span),
        status,
        rung,
        construct,
        given,
        None if graph is None else Graph.from_plain(graph),
        {target: _to_costs(c) for target, c in costs.items()},
        [_to_finding(f) for f in findings],
        together,
        None if failure is None else _to_failure(*failure),
        notes,
    )


def _to_failure(kind: str, message: str, span: list[Any] | None) -> Failure:
    return Failure(kind, message, _to_span(span))


def _finding(f: Finding) -> list[Any]:
    return [
        f.code,
        f.message,
        list(f.span),
        f.model,
        f.target,
        f.gain_us,
        f.gain_percent,
        f.label,
        f.move,
        f.alternatives,
        [[list(r.span), r.message] for r in f.related],
        f.layers,
        f.overlaps,
        f.severity,
        f.gain_error_us,
        f.trainability,
        None if f.fix is None else f.fix.to_plain(),
        f.unfixed,
    ]


def _to_finding(plain: list[Any]) -> Finding:
    code, message, span, *middle, related, layers, overlaps, severity, error, trainability, fix, unfixed = plain
    model, target, gain_us, gain_percent, label, move, alternatives = middle
    return Finding(
        code,
        message,
        Span(*span),
        model,
        target,
        gain_us,
        gain_percent,
        label,
        move,
        alternatives,
        [Related(Span(*place), said) for place, said in related],
        layers,
        overlaps,
        severity,
        error,
        trainability,
        None if fix is None else Fix.from_plain(fix),
        unfixed,
    )


def _costs(c: Costs) -> list[Any]:
    return [
        c.target,
        c.label,
        [_kernel(k) for k in c.kernels],
        c.latency_us,
        c.macs,
        c.params,
        c.weights_bytes,
        c.traffic_bytes,
        _peak(c.peak),
        list(c.uncounted),
        dict(c.op_latency_us),
        dict(c.op_macs),
        [c.low_us, c.high_us, c.cycles, c.energy_uj, c.basis],
    ]


def _peak(p: MemoryPeak) -> list[Any]:
    return [p.bytes, p.op, list(p.alive), dict(p.timeline), p.arena_bytes, p.own_order_bytes, p.exact]


def _kernel(k: Kernel) -> list[Any]:
    plain: list[Any] = [list(k.ops), k.kind, k.latency_us, k.macs, k.bytes, k.bound]
    # most kernels of a report are not predicted
    predicted = (k.low_us, k.high_us, k.outside, k.simulated)
    return plain if predicted == (None, None, False, False) else [*plain, *predicted]


def _to_costs(plain: list[Any]) -> Costs:
    target, label, kernels, latency, macs, params, weights, traffic, peak, uncounted, latencies, op_macs, more = plain
    size, op, alive, *more_of_peak = peak
    return Costs(
        target,
        label,
        tuple(Kernel(tuple(ops), *rest) for ops, *rest in kernels),
        latency,
        macs,
        params,
        weights,
        traffic,
        MemoryPeak(size, op, tuple(alive), *more_of_peak),
        tuple(uncounted),
        latencies,
        op_macs,
        *more,
    )


def _span(span: Span | None) -> list[Any] | None:
    return None if span is None else list(span)


def _to_span(plain: list[Any] | None) -> Span | None:
    return None if plain is None else Span(*plain)
