"""Input hints: what a model is fed, read from the source. Shapes in elements, batch first as written.

The format of every result is INPUTS of :mod:`.request`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import syntax
from .constants import Constants, NotConstant, callee_is
from .outline import CallSite, Function, Outline, Scope, dotted

Inputs = dict[str, Any]

_MAKERS = frozenset(
    {"randn", "rand", "zeros", "ones", "empty", "full", "FloatTensor", "Tensor", "normal", "standard_normal"}
)
_INTEGERS = frozenset({"randint", "LongTensor", "IntTensor", "arange", "random_integers"})
_SAME = frozenset(
    {
        *("to", "cuda", "cpu", "float", "contiguous", "requires_grad_", "detach", "clone", "type", "astype"),
        *("Variable", "from_numpy", "as_tensor", "tensor", "softmax", "sigmoid", "abs", "clamp", "normal_", "uniform_"),
        *("randn_like", "rand_like", "zeros_like", "ones_like", "share_memory_", "numpy"),
    }
)
_CASTS = {"long": "int64", "int": "int32", "bool": "bool", "half": "float16", "double": "float64"}
_DTYPES = re.compile(
    r"\b(float16|bfloat16|float32|float64|int8|int16|int32|int64|uint8|bool|long|half|double|float|int)$"
)
_DTYPE_NAMES = {"long": "int64", "half": "float16", "double": "float64", "float": "float32", "int": "int32"}
_WRAPPERS = frozenset({"to", "cuda", "cpu", "eval", "train", "half", "float", "double", "DataParallel", "compile"})
_REPORTS = frozenset(
    {"summary", "get_model_complexity_info", "profile", "count_ops", "FlopCountAnalysis", "export", "trace"}
)
_SIZES = frozenset({"input_size", "input_shape", "input_res", "example_input_array", "input_data"})
_MAX_DIM = 100_000
_USUAL_DIMS = {"b": 1, "batch": 1, "n": 1, "bs": 1, "batch_size": 1, "h": 224, "w": 224, "height": 224, "width": 224}
_ANNOTATED = re.compile(r"^(?:jaxtyping\.)?(Float|Int|Bool|Complex|Num|Shaped|UInt)\w*$")
_ANNOTATION_DTYPES = {"Int": "int64", "UInt": "uint8", "Bool": "bool", "Complex": "complex64"}
_DOC_SHAPE = re.compile(r"[\[(]\s*(?:B|N|b|n|batch\w*|bs|\d+)\s*,\s*((?:\w+\s*,\s*)*\w+)\s*[\])]")


@dataclass(slots=True)
class _Scope:
    """A scope as hints read it. ``holders`` are the variables that hold what an expression makes; ``wrappers`` pairs of
    a variable and of the one that its value wraps, in the order of the source; ``calls_of_calls`` the calls of what a
    call returns."""

    holders: dict[ast.expr, list[str]] = field(default_factory=dict)
    wrappers: list[tuple[str, str]] = field(default_factory=list)
    calls_of_calls: dict[ast.expr, list[ast.Call]] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> _Scope:
        out = cls()
        for name, bindings in scope.bindings.items():
            for value in (binding.value for binding in bindings if binding.value is not None):
                out.holders.setdefault(_unwrap(value), []).append(name)
                if isinstance(value, ast.Call) and callee_is(value, *_WRAPPERS):
                    wrapped = _first_name(value)
                    if wrapped is not None:
                        out.wrappers.append((name, wrapped))
        for call in syntax.nodes(scope.node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Call):
                out.calls_of_calls.setdefault(call.func, []).append(call)
        return out


class Hints:
    """Reads input hints from one file (or one README block)."""

    def __init__(self, outline: Outline, where: Callable[[int], str]) -> None:
        self.outline = outline
        self.constants = Constants(outline)
        self.where = where
        self._scopes: dict[Scope, _Scope] = {}

    # ---- what a built model is called with

    def of_site(self, site: CallSite) -> list[Inputs]:
        """Inputs that the model built at ``site`` is called with, followed through one variable of the same scope."""
        names = self._names_of(site)
        out: list[Inputs] = []
        for call in self.outline.calls_by_scope.get(site.scope, ()):
            if call.node.lineno < site.node.lineno:
                continue
            if call.callee in names or (call.callee.endswith(".forward") and call.callee[:-8] in names):
                self._append(out, call, call.node.args, call.node.keywords)
            elif call.callee.rpartition(".")[2] in _REPORTS and _first_name(call.node) in names:
                out.extend(self._report(call))
        for call in self._read(site.scope).calls_of_calls.get(site.node, ()):  # Net()(x)
            self._append(out, CallSite("", call, site.scope), call.args, call.keywords)
        return _distinct(out)

    def _names_of(self, site: CallSite) -> set[str]:
        """Variables of the scope that hold the model: ``net = Net()``, ``net = Net().to(device)``."""
        scope = self._read(site.scope)
        names = set(scope.holders.get(site.node, ()))
        for name, wrapped in scope.wrappers:  # model = nn.DataParallel(net)
            if wrapped in names:
                names.add(name)
        return names

    def _read(self, scope: Scope) -> _Scope:
        """What is known of a scope, which is read once for all the models that are built in it."""
        known = self._scopes.get(scope)
        if known is None:
            known = self._scopes[scope] = _Scope.of(scope)
        return known

    def _append(self, out: list[Inputs], call: CallSite, args: list[ast.expr], keywords: list[ast.keyword]) -> None:
        try:
            values = [self.value(a, call.scope, call.node.lineno) for a in args]
            named = {k.arg: self.value(k.value, call.scope, call.node.lineno) for k in keywords if k.arg is not None}
        except NotConstant:
            return
        if any(_has_tensor(v) for v in (*values, *named.values())):
            one_batch([*values, *named.values()])
            out.append({"source": "literal", "where": self.where(call.node.lineno), "args": values, "kwargs": named})

    def _report(self, call: CallSite) -> list[Inputs]:
        """``summary(net, (3, 32, 32))``, ``profile(net, inputs=(x,))``, ``export(net, x, …)`` and their like."""
        name = call.callee.rpartition(".")[2]
        rest = call.node.args[1:2] + [k.value for k in call.node.keywords if k.arg in (*_SIZES, "inputs", "args")]
        out: list[Inputs] = []
        for node in rest:
            where = self.where(call.node.lineno)
            try:
                shape = self.constants.value(node, call.scope, call.node.lineno)
            except NotConstant:
                items = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
                self._append(out, call, items, [])
                continue
            batched = "torchinfo" in self.outline.qualified(call.callee)
            shapes = [shape] if _is_shape(shape) else list(shape) if isinstance(shape, list | tuple) else []
            if shapes and all(map(_is_shape, shapes)):
                prefix = [] if batched or (name == "summary" and len(shapes[0]) >= 4) else [1]
                values = [{"shape": [*prefix, *s], "dtype": "float32"} for s in shapes]
                out.append({"source": "literal", "where": where, "args": values, "kwargs": {}})
        return out

    # ---- values

    def value(self, node: ast.expr, scope: Scope, line: int, depth: int = 0) -> dict[str, Any]:
        """``node`` as a VALUE of the request; raises :class:`NotConstant` when it is not known from the source."""
        if depth > 8:
            raise NotConstant("nested too deeply")
        if isinstance(node, ast.Call):
            return self._made(node, scope, line, depth)
        if isinstance(node, ast.Tuple | ast.List) and not isinstance(node, ast.Constant):
            items = [self.value(e, scope, line, depth + 1) for e in node.elts]
            if any(map(_has_tensor, items)):
                return {"list": items}
        if isinstance(node, ast.Dict) and all(isinstance(k, ast.Constant) for k in node.keys):
            pairs = zip(node.keys, node.values, strict=True)
            made = {
                str(k.value): self.value(v, scope, line, depth + 1) for k, v in pairs if isinstance(k, ast.Constant)
            }
            if any(map(_has_tensor, made.values())):
                return {"dict": made}
        if isinstance(node, ast.Name):
            for around in scope.chain():
                bindings = around.bindings.get(node.id)
                if bindings:
                    before = [b for b in bindings if b.statement.lineno < line or around is not scope] or bindings
                    last = before[-1]
                    if last.value is not None and last.kind == "assign":
                        return self.value(last.value, around, last.statement.lineno, depth + 1)
                    raise NotConstant(node.id)
        value = self.constants.value(node, scope, line)
        if isinstance(value, int | float | str | bool | type(None)):
            return {"value": value}
        raise NotConstant("not a scalar")

    def _made(self, node: ast.Call, scope: Scope, line: int, depth: int) -> dict[str, Any]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func) or ""
        if name in _MAKERS or name in _INTEGERS:
            return self._tensor(name, node, scope, line)
        inner = (
            node.func.value
            if isinstance(node.func, ast.Attribute) and dotted(node.func.value) not in _LIBRARIES
            else None
        )
        operand = inner if inner is not None else node.args[0] if node.args else None
        if operand is None or name not in _SAME | set(_CASTS) | {"unsqueeze", "unsqueeze_", "view", "reshape"}:
            raise NotConstant(name)
        value = dict(self.value(operand, scope, line, depth + 1))
        if "shape" not in value:
            raise NotConstant(name)
        if name in _CASTS:
            value["dtype"] = _CASTS[name]
        elif name.startswith("unsqueeze"):
            at = self.constants.value(node.args[-1], scope, line) if node.args else 0
            shape = list(value["shape"])
            shape.insert(at if at >= 0 else len(shape) + 1 + at, 1)
            value["shape"] = shape
        elif name in ("view", "reshape"):
            value["shape"] = _positive([self.constants.value(a, scope, line) for a in node.args])
        else:
            value["dtype"] = _dtype_of(node) or value["dtype"]
        return value

    def _tensor(self, name: str, node: ast.Call, scope: Scope, line: int) -> dict[str, Any]:
        args = node.args
        sizes = next((k.value for k in node.keywords if k.arg in ("size", "shape")), None)
        if name in ("randint", "random_integers") and sizes is None:
            sizes = args[-1] if args else None
        elif name == "normal" and sizes is None:
            sizes = args[2] if len(args) > 2 else None
        if sizes is not None:
            shape = self.constants.value(sizes, scope, line)
        else:
            values = [self.constants.value(a, scope, line) for a in args if not isinstance(a, ast.Starred)]
            first = values[0] if values else None
            shape = first if isinstance(first, list | tuple) else values
            if name == "arange":
                shape = [values[-1]] if len(values) == 1 else []
        dtype = _dtype_of(node) or ("int64" if name in _INTEGERS else "float32")
        return {"shape": _positive(shape), "dtype": dtype}

    # ---- hints of the whole file

    def of_file(self) -> list[Inputs]:
        """Literal tensors made anywhere in the file, named input sizes and reports' arguments, in that order."""
        out: list[Inputs] = []
        for call in self.outline.calls:
            name = call.callee.rpartition(".")[2]
            if name in _MAKERS or name in _INTEGERS:
                try:
                    value = self._tensor(name, call.node, call.scope, call.node.lineno)
                except NotConstant:
                    continue
                if len(value["shape"]) >= 2 and _in_use(call):
                    out.append(self._single(value, call.node.lineno))
            elif name in _REPORTS:
                out.extend(self._report(call))
        for node in self.outline.source.nodes:
            for label, value in _named_values(node):
                if label in _SIZES:
                    out.extend(self._size(value))
        return _distinct(out)[:8]

    def _size(self, node: ast.expr) -> list[Inputs]:
        try:
            shape = self.constants.value(node, self.outline.module)
        except NotConstant:
            return []
        if not _is_shape(shape) or not 3 <= len(shape) <= 4:
            return []
        full = list(shape) if len(shape) == 4 else [1, *shape]
        return [self._single({"shape": full, "dtype": "float32"}, node.lineno)]

    def _single(self, value: dict[str, Any], line: int) -> Inputs:
        one_batch([value])
        return {"source": "literal", "where": self.where(line), "args": [value], "kwargs": {}}

    # ---- hints of one forward

    def of_forward(self, forward: Function) -> list[Inputs]:
        """Shapes that ``forward``'s annotations state (jaxtyping), then those of its docstring."""
        annotated = self._annotations(forward)
        return _distinct([*annotated, *self._docstring(forward)])

    def _annotations(self, forward: Function) -> list[Inputs]:
        values = []
        for parameter in [*forward.args.posonlyargs, *forward.args.args][1:]:
            value = _annotated_shape(parameter.annotation)
            if value is None:
                break
            values.append(value)
        if not values:
            return []
        return [{"source": "annotation", "where": self.where(forward.lineno), "args": values, "kwargs": {}}]

    def _docstring(self, forward: Function) -> list[Inputs]:
        text = ast.get_docstring(forward, clean=False) or ""
        for match in _DOC_SHAPE.finditer(text):
            names = [n.strip() for n in match.group(1).split(",")]
            dims = [int(n) if n.isdigit() else _USUAL_DIMS.get(n.lower()) for n in names]
            known = [d for d in dims if d is not None and 0 < d <= _MAX_DIM]
            if len(known) == len(dims):
                value = {"shape": [1, *known], "dtype": "float32"}
                where = self.where(forward.body[0].lineno)
                return [{"source": "docstring", "where": where, "args": [value], "kwargs": {}}]
        return []


_LIBRARIES = frozenset({"torch", "np", "numpy", "F", "nn", "torch.nn.functional", "np.random", "torch.autograd"})


def _unwrap(node: ast.expr) -> ast.expr:
    """The call under ``.to(device)``, ``.eval()`` and ``DataParallel(…)``."""
    for _ in range(4):
        if not isinstance(node, ast.Call) or not _is_wrapper(node):
            break
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
            node = node.func.value
        elif node.args and isinstance(node.args[0], ast.Call):
            node = node.args[0]
        else:
            break
    return node


def _is_wrapper(node: ast.Call) -> bool:
    """Whether the call returns the model it gets: ``.to(…)``, ``.eval()``, ``nn.DataParallel(…)``."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
    return name in _WRAPPERS


def _first_name(node: ast.expr | None) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    first = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "model"), None)
    return dotted(first) if first is not None else None


def _in_use(call: CallSite) -> bool:
    """A tensor made outside a class is an example input; inside one it is a parameter, a mask or a buffer."""
    return call.scope.within_class() is None


def _named_values(node: ast.AST) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.keyword) and node.arg:
        return [(node.arg, node.value)]
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        label = dotted(node.targets[0])
        return [(label.rpartition(".")[2], node.value)] if label else []
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [(k.value, v) for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return []


def _annotated_shape(annotation: ast.expr | None) -> dict[str, Any] | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = syntax.expression(annotation.value)
        except (SyntaxError, ValueError):
            return None  # words for a reader
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return None
    match = _ANNOTATED.match(dotted(annotation.value) or "")
    spec = annotation.slice.elts[-1]
    if match is None or not (isinstance(spec, ast.Constant) and isinstance(spec.value, str)):
        return None
    shape: list[int] = []
    for token in spec.value.split():
        name = token.lstrip("#*?_").partition("=")
        number = name[2] or name[0]
        if token == "...":
            continue
        size = int(number) if number.isdigit() else _USUAL_DIMS.get(name[0].lower())
        if size is None:
            return None
        shape.append(size)
    return {"shape": shape, "dtype": _ANNOTATION_DTYPES.get(match.group(1), "float32")} if shape else None


def _dtype_of(node: ast.Call) -> str | None:
    candidates = [k.value for k in node.keywords if k.arg == "dtype"]
    if callee_is(node, "to", "type", "astype") or isinstance(node.func, ast.Attribute):
        candidates += node.args[:1]
    for candidate in candidates:
        name = dotted(candidate) or ""
        match = _DTYPES.search(name)
        if match is not None and "." in name:
            return _DTYPE_NAMES.get(match.group(1), match.group(1))
    return None


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple | list) and 1 <= len(value) <= 6 and all(_is_dim(d) for d in value)


def _is_dim(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_DIM


def _positive(shape: Any) -> list[int]:
    if not _is_shape(shape):
        raise NotConstant("not a shape")
    return list(shape)


def one_batch(values: list[dict[str, Any]]) -> None:
    """Make the batch 1 where the tensors plainly have one: images, volumes or token ids that share their first size."""
    tensors = [v for v in values if "shape" in v]
    plain = all(len(v["shape"]) >= (2 if v["dtype"] == "int64" else 4) for v in tensors)
    if plain and len(tensors) == sum(map(_has_tensor, values)) and len({v["shape"][0] for v in tensors}) == 1:
        for value in tensors:
            value["shape"] = [1, *value["shape"][1:]]


def _has_tensor(value: dict[str, Any]) -> bool:
    if "list" in value:
        return any(map(_has_tensor, value["list"]))
    if "dict" in value:
        return any(map(_has_tensor, value["dict"].values()))
    return "shape" in value


def _distinct(items: list[Inputs]) -> list[Inputs]:
    seen: dict[str, Inputs] = {}
    for item in items:
        seen.setdefault(repr((item["args"], item["kwargs"])), item)
    return list(seen.values())
