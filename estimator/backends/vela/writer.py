"""A quantised network as TFLite describes it, and its bytes.

Vela reads TFLite flatbuffers only; its wheel brings the schema's builders, so nothing of TensorFlow is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

SCHEMA_VERSION = 3
IDENTIFIER = b"TFL3"
SCHEMA = "ethosu.vela.tflite"
NO_TENSOR = -1
"""Stands for an optional input that is left out."""

_LAST_SHORT_CODE = 127  # operators above it are told by the wider field only
_LAST_OPTIONS_1 = 126  # option tables above it are in the second union of the schema


@dataclass(slots=True)
class TensorSpec:
    """A tensor: ``data`` is there for a constant. ``scales`` holds one number, or one an index of ``axis``.

    No ``scales``: not quantised (indices, shapes, truth values).
    """

    shape: tuple[int, ...]
    dtype: str = "int8"
    scales: Sequence[float] = ()
    zero: int = 0
    axis: int = 0
    data: np.ndarray | None = None
    name: str = ""


@dataclass(slots=True)
class OpSpec:
    """An operator by its schema name (``CONV_2D``), with ``options`` as (name of its table, fields)."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: tuple[str, Mapping[str, Any]] | None = None


@dataclass(slots=True)
class Network:
    """Tensors by number, operators in execution order, and which tensors come from and go to the outside."""

    tensors: list[TensorSpec] = field(default_factory=list)
    ops: list[OpSpec] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def tensor(self, spec: TensorSpec) -> int:
        self.tensors.append(spec)
        return len(self.tensors) - 1


def serialise(network: Network) -> bytes:
    """The network's TFLite bytes. Needs the package of the extra ``[vela]``."""
    return _Writer(network).model()


def _schema(name: str) -> Any:
    return import_module(f"{SCHEMA}.{name}")


class _Writer:
    """One network on its way into a flatbuffer: tables are written from the leaves to the root."""

    def __init__(self, network: Network) -> None:
        import flatbuffers

        constants = sum(t.data.nbytes for t in network.tensors if t.data is not None)
        self.builder = flatbuffers.Builder(constants + 1024 * (len(network.tensors) + 16))
        self.network = network
        self.buffers: list[int] = []

    def model(self) -> bytes:
        b = self.builder
        model = _schema("Model")
        self.buffers.append(self._buffer(None))  # the first is the empty one, by convention
        tensors = self._vector([self._tensor(t) for t in self.network.tensors])
        codes = sorted({op.code for op in self.network.ops})
        ops = self._vector([self._operator(op, codes.index(op.code)) for op in self.network.ops])
        subgraphs = self._vector([self._subgraph(tensors, ops)])
        operators = self._vector([self._code(code) for code in codes])
        buffers = self._vector(self.buffers)
        model.ModelStart(b)
        model.ModelAddVersion(b, SCHEMA_VERSION)
        model.ModelAddOperatorCodes(b, operators)
        model.ModelAddSubgraphs(b, subgraphs)
        model.ModelAddBuffers(b, buffers)
        b.Finish(model.ModelEnd(b), IDENTIFIER)
        return bytes(b.Output())

    def _vector(self, offsets: Sequence[int]) -> int:
        b = self.builder
        b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            b.PrependUOffsetTRelative(offset)
        return b.EndVector()

    def _numbers(self, values: Sequence[float], dtype: str) -> int:
        return self.builder.CreateNumpyVector(np.asarray(values, dtype))

    def _buffer(self, data: np.ndarray | None) -> int:
        b, buffer = self.builder, _schema("Buffer")
        raw = None
        if data is not None:
            flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
            b.Prep(16, len(flat))  # readers map constants in place, at 16 bytes
            raw = b.CreateNumpyVector(flat)
        buffer.BufferStart(b)
        if raw is not None:
            buffer.BufferAddData(b, raw)
        return buffer.BufferEnd(b)

    def _quantization(self, spec: TensorSpec) -> int:
        b, table = self.builder, _schema("QuantizationParameters")
        scales = self._numbers(spec.scales, "float32")
        zeros = self._numbers([spec.zero] * len(spec.scales), "int64")
        table.QuantizationParametersStart(b)
        table.QuantizationParametersAddScale(b, scales)
        table.QuantizationParametersAddZeroPoint(b, zeros)
        table.QuantizationParametersAddQuantizedDimension(b, spec.axis)
        return table.QuantizationParametersEnd(b)

    def _tensor(self, spec: TensorSpec) -> int:
        b, table = self.builder, _schema("Tensor")
        shape = self._numbers(spec.shape, "int32")
        name = b.CreateString(spec.name or f"tensor{len(self.buffers)}")
        quantization = self._quantization(spec) if spec.scales else None
        self.buffers.append(self._buffer(spec.data))
        table.TensorStart(b)
        table.TensorAddShape(b, shape)
        table.TensorAddType(b, getattr(_schema("TensorType").TensorType, spec.dtype.upper()))
        table.TensorAddBuffer(b, len(self.buffers) - 1)
        table.TensorAddName(b, name)
        if quantization is not None:
            table.TensorAddQuantization(b, quantization)
        return table.TensorEnd(b)

    def _operator(self, op: OpSpec, code: int) -> int:
        b, table = self.builder, _schema("Operator")
        inputs, outputs = self._numbers(op.inputs, "int32"), self._numbers(op.outputs, "int32")
        options = None if op.options is None else self._options(*op.options)
        table.OperatorStart(b)
        table.OperatorAddOpcodeIndex(b, code)
        table.OperatorAddInputs(b, inputs)
        table.OperatorAddOutputs(b, outputs)
        if op.options is not None and options is not None:
            kind = getattr(_schema("BuiltinOptions").BuiltinOptions, op.options[0])
            assert kind <= _LAST_OPTIONS_1, f"{op.options[0]} is in the schema's second union of options"
            table.OperatorAddBuiltinOptionsType(b, kind)
            table.OperatorAddBuiltinOptions(b, options)
        return table.OperatorEnd(b)

    def _options(self, name: str, fields: Mapping[str, Any]) -> int:
        """A table of options: lists become vectors of int32, everything else is a scalar."""
        b, table = self.builder, _schema(name)
        values = {k: self._numbers(v, "int32") if isinstance(v, (list, tuple)) else v for k, v in fields.items()}
        getattr(table, f"{name}Start")(b)
        for key, value in values.items():
            getattr(table, f"{name}Add{key}")(b, value)
        return getattr(table, f"{name}End")(b)

    def _subgraph(self, tensors: int, ops: int) -> int:
        b, table = self.builder, _schema("SubGraph")
        inputs = self._numbers(self.network.inputs, "int32")
        outputs = self._numbers(self.network.outputs, "int32")
        name = b.CreateString("main")
        table.SubGraphStart(b)
        table.SubGraphAddTensors(b, tensors)
        table.SubGraphAddInputs(b, inputs)
        table.SubGraphAddOutputs(b, outputs)
        table.SubGraphAddOperators(b, ops)
        table.SubGraphAddName(b, name)
        return table.SubGraphEnd(b)

    def _code(self, name: str) -> int:
        b, table = self.builder, _schema("OperatorCode")
        code = getattr(_schema("BuiltinOperator").BuiltinOperator, name)
        table.OperatorCodeStart(b)
        table.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, _LAST_SHORT_CODE))
        table.OperatorCodeAddVersion(b, 1)
        table.OperatorCodeAddBuiltinCode(b, code)
        return table.OperatorCodeEnd(b)
