"""How calls name their arguments: the parameters of torch's layers and functions, and of what a file itself defines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import libcst as cst

from .parsed import Parsed

_CONV = "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode device dtype"
_TRANSPOSED = (
    "in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode device dtype"
)
_NORM = "num_features eps momentum affine track_running_stats device dtype"
_MAX = "kernel_size stride padding dilation return_indices ceil_mode"
_F_CONV = "input weight bias stride padding dilation groups"

_WRITTEN: Mapping[str, str] = {
    **{f"Conv{n}d": _CONV for n in (1, 2, 3)},
    **{f"LazyConv{n}d": _CONV.replace("in_channels ", "") for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _TRANSPOSED for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": _NORM for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": _NORM for n in (1, 2, 3)},
    "SyncBatchNorm": "num_features eps momentum affine track_running_stats process_group device dtype",
    "GroupNorm": "num_groups num_channels eps affine device dtype",
    "LayerNorm": "normalized_shape eps elementwise_affine bias device dtype",
    "Linear": "in_features out_features bias device dtype",
    "LazyLinear": "out_features bias device dtype",
    "Bilinear": "in1_features in2_features out_features bias device dtype",
    "Embedding": "num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse",
    **{f"MaxPool{n}d": _MAX for n in (1, 2, 3)},
    "AvgPool1d": "kernel_size stride padding ceil_mode count_include_pad",
    **{f"AvgPool{n}d": "kernel_size stride padding ceil_mode count_include_pad divisor_override" for n in (2, 3)},
    **{f"Adaptive{kind}Pool{n}d": "output_size" for kind in ("Avg", "Max") for n in (1, 2, 3)},
    **dict.fromkeys(("ReLU", "ReLU6", "SiLU", "Hardswish", "Hardsigmoid", "Mish", "SELU"), "inplace"),
    "GELU": "approximate",
    "ELU": "alpha inplace",
    "CELU": "alpha inplace",
    "LeakyReLU": "negative_slope inplace",
    "PReLU": "num_parameters init device dtype",
    "Dropout": "p inplace",
    "Dropout2d": "p inplace",
    "Upsample": "size scale_factor mode align_corners recompute_scale_factor",
    **{f"conv{n}d": _F_CONV for n in (1, 2, 3)},
    "linear": "input weight bias",
    **{
        f"max_pool{n}d": "input " + _MAX.replace("return_indices ceil_mode", "ceil_mode return_indices")
        for n in (1, 2, 3)
    },
    **{f"avg_pool{n}d": "input kernel_size stride padding ceil_mode count_include_pad" for n in (1, 2, 3)},
}

TORCH: Mapping[str, tuple[str, ...]] = {name: tuple(names.split()) for name, names in _WRITTEN.items()}
"""Parameters in order by what torch calls its layer or function."""

_RECORDS = ("namedtuple", "NamedTuple")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a definition in a file; ``default`` is None where it has none."""

    name: str
    default: cst.BaseExpression | None
    node: cst.CSTNode


def parameters(file: Parsed, callee: str) -> tuple[Parameter, ...] | None:
    """What the function or class ``callee`` (as written, ``ConvBN`` or ``self.make``) of ``file`` takes, without self;
    None where the file defines none."""
    name = callee.rpartition(".")[2]
    found = file.definitions.get(name) if "." not in callee else None
    if found is None and callee.startswith(("self.", "cls.")):
        found = next((f for f in file.each(cst.FunctionDef) if f.name.value == name), None)
    if found is None:
        return None
    return of_function(file, found) if isinstance(found, cst.FunctionDef) else of_class(file, found)


def of_function(file: Parsed, function: cst.FunctionDef) -> tuple[Parameter, ...]:
    """The named parameters of a function; those of a method without the instance or the class."""
    p = function.params
    named = [*p.posonly_params, *p.params]
    method = isinstance(file.enclosing(function, cst.FunctionDef, cst.ClassDef), cst.ClassDef)
    static = any(file.written(d.decorator) == "staticmethod" for d in function.decorators)
    return tuple(
        Parameter(x.name.value, x.default, x)
        for x in (*(named[1:] if method and not static else named), *p.kwonly_params)
    )


def of_class(file: Parsed, owner: cst.ClassDef, depth: int = 0) -> tuple[Parameter, ...] | None:
    """What a class is constructed with: its ``__init__``'s parameters, the fields of a record, or what its base takes;
    None where that is not to be seen in the file."""
    init = file.method(owner, "__init__") or file.method(owner, "__new__")
    if init is not None:
        return of_function(file, init)
    bases = file.bases(owner)
    if any("dataclass" in file.written(d.decorator) for d in owner.decorators) or any(b in _RECORDS for b in bases):
        return tuple(_fields(owner))
    for base in bases:
        found = file.definitions.get(base)
        if isinstance(found, cst.ClassDef) and depth < 10:
            return of_class(file, found, depth + 1)
        if (names := TORCH.get(base.rpartition(".")[2])) is not None:
            return tuple(Parameter(n, None, owner) for n in names)
    return None


def _fields(owner: cst.ClassDef) -> list[Parameter]:
    found = []
    for line in owner.body.body:
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(part, cst.AnnAssign) and isinstance(part.target, cst.Name):
                found.append(Parameter(part.target.value, part.value, part))
    return found
