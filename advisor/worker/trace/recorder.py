"""Records one forward while it runs on concrete tensors.

No proxies: the user's forward gets tensors (meta, fake or real), so control flow on shapes, ``isinstance``, ``len``
or einops simply runs. A torch function mode sees every torch call and writes it down as a node; a tensor is known
by its identity. An op that works in place makes a new node for the same tensor. ``nn.Module.__call__`` is patched so
that torch's own layers become one node each and every call knows the module it happens in. The recording has concrete
shapes: it is for analysis, not for execution.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as module_internals
from torch.nn.modules.lazy import LazyModuleMixin
from torch.overrides import TorchFunctionMode

from . import trees
from .aswritten import eager, transparent_functional
from .frames import entry, is_entry, user_or_entry
from .meaning import spec_of
from .placement import Placement
from .recording import Node, Position, Recording, collect, identity
from .shapes import function_output, module_output
from .vocabulary import short_name

_COMPOSITE = (nn.MultiheadAttention, nn.Transformer, nn.GLU)
"""Layers of torch that are recorded as what they compute."""


class OutOfTime(BaseException):
    """The deadline has passed. No ``Exception``: user code that catches all of those must not swallow it."""


@dataclass(slots=True)
class _Entered:
    """A module whose forward runs, and the place of its call once somebody has ``sought`` it."""

    path: str
    site: Position | None = None
    sought: bool = False


class Recorder(TorchFunctionMode):
    """Records one run of ``model``. ``placement`` says on which device its tensors live; ``deadline`` is in
    :func:`time.monotonic` seconds.
    """

    def __init__(self, model: nn.Module, placement: Placement, deadline: float) -> None:
        super().__init__()
        self.recording = Recording()
        self.executed: dict[str, nn.Module] = {}
        self.unobserved = 0
        """Tensors that were computed while nobody looked (inside a scripted function, say) and have no producer."""
        self._model = model
        self._placement = placement
        self._deadline = deadline
        modules = list(model.named_modules())
        self._paths = {identity(m): path for path, m in modules}
        self._unregistered: list[nn.Module] = []
        self._stack: list[_Entered] = [_Entered("")]
        self._values: dict[int, tuple[Callable[[], torch.Tensor | None], Node]] = {}
        self._stored: dict[int, tuple[torch.Tensor, str, str]] = {}
        for path, module in modules:
            prefix = f"{path}." if path else ""
            for role, table in (("parameter", module._parameters), ("buffer", module._buffers)):
                for name, tensor in table.items():
                    if tensor is not None:
                        self._stored.setdefault(identity(tensor), (tensor, f"{prefix}{name}", role))
        self._attributes_read = False

    # ---- running

    @entry
    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any], names: list[str], functions: bool = True) -> Any:
        """Run the model and record it; the recording holds what ran even when this raises.

        ``names`` are the forward's parameter names; without ``functions`` only leaf modules are recorded.
        """
        labels = [names[i] if i < len(names) else f"arg{i}" for i in range(len(args))]
        for name, value in (*zip(labels, args, strict=True), *kwargs.items()):
            for place, tensor in trees.named_tensors(value, name):
                self._bind(tensor, self.recording.input(place, spec_of(tensor)))
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(eager())
            stack.enter_context(_patched_calls(self, leaves_only=not functions))
            if functions:
                stack.enter_context(transparent_functional())
                stack.enter_context(self)
            return self._model(*args, **kwargs)

    def output(self, result: Any) -> None:
        """Close the recording with the tensors in ``result``."""
        with torch._C.DisableTorchFunction():
            self.recording.close([self.node(t) for t in trees.tensors(result)])

    # ---- calls of functions

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, in_place = short_name(func)
        decomposition = _DECOMPOSED.get(name)
        if decomposition is not None:
            with self:
                return decomposition(*args, **(kwargs or {}))
        if name in _STAYING:
            return args[0]
        if name in _UNRECORDED:
            return func(*args, **(kwargs or {}))
        return self._function(func, name, in_place, args, kwargs or {})

    def _function(self, func: Any, name: str, in_place: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given_args, given_kwargs = self._placement.adapt(name, args, kwargs)
        result = function_output(name, in_place, given_args, given_kwargs) if self._placement.fast else None
        if result is None:
            result = func(*given_args, **given_kwargs)
        made = _made(name, in_place, args, kwargs, result)
        if made:
            node = self._record(func, name, args, kwargs, made, sys._getframe(2))
            if in_place:
                self._write_through(made[0], node)
                if isinstance(result, torch.Tensor):  # on another device than the tensor it stands for
                    self._bind(result, node)
        return result

    def _write_through(self, view: torch.Tensor, node: Node) -> None:
        """Writing into a view changes its base: what reads the base later depends on the write."""
        base = view._base if view._is_view() else None
        if base is not None and self._known(base) is not None:
            read = (self.node(base), node)
            written = self.recording.call(torch.clone, "clone", read, {}, node.meta["path"], node.meta["site"])
            written.meta["spec"] = spec_of(base)
            self._bind(base, written)

    # ---- calls of modules

    def call_module(
        self, original: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any, leaves_only: bool
    ) -> Any:
        path = self._path(module)
        self.executed.setdefault(path, module)
        if isinstance(module, LazyModuleMixin):
            _materialise(module, args, kwargs)
        leaf = not module._modules if leaves_only else _is_leaf(module)
        if leaf and not _hooked(module):
            return self._leaf(module, path, args, kwargs)
        return self._enter(original, module, path, args, kwargs)

    @entry
    def _enter(self, original: Callable[..., Any], module: nn.Module, path: str, args: Any, kwargs: Any) -> Any:
        self._stack.append(_Entered(path))
        try:
            return original(module, *args, **kwargs)
        finally:
            self._stack.pop()

    def _leaf(self, module: nn.Module, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with torch._C.DisableTorchFunction():
            given_args, given_kwargs = self._placement.adapt_leaf(module, args, kwargs)
            result = module_output(module, given_args, given_kwargs) if self._placement.fast else None
            if result is None:
                result = module.forward(*given_args, **given_kwargs)
            made = [result] if type(result) is torch.Tensor else list(trees.tensors(result))
            if made:
                self._record_leaf(module, path, args, kwargs, made, sys._getframe(3))
        return result

    def _path(self, module: nn.Module) -> str:
        path = self._paths.get(identity(module))
        if path is None:  # built inside the forward
            parent = self._stack[-1].path
            name = f"{type(module).__name__}@{len(self._unregistered)}"
            path = self._paths[identity(module)] = f"{parent}.{name}" if parent else name
            self._unregistered.append(module)
        return path

    # ---- nodes

    def _record(
        self,
        function: Any,
        short: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        made: list[torch.Tensor],
        frame: FrameType,
    ) -> Node:
        self._check_time()
        lifted, named = self._lifted(args, kwargs)
        node = self.recording.call(function, short, lifted, named, self._stack[-1].path, self._site(frame))
        self._results(node, made)
        return node

    def _record_leaf(
        self,
        module: nn.Module,
        path: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        made: list[torch.Tensor],
        frame: FrameType,
    ) -> None:
        self._check_time()
        read: list[Node] = []
        collect(self._lifted(args, kwargs), read)
        node = self.recording.leaf(module, read, self._weights(module), path, self._site(frame))
        self._results(node, made)

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise OutOfTime("the time limit ended the trace")

    def _lifted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What a call was given, with nodes for tensors."""
        lifted = trees.replace(args, self.node)
        return lifted, {k: trees.replace(v, self.node) for k, v in kwargs.items() if k != "out"}

    def _results(self, node: Node, made: list[torch.Tensor]) -> None:
        if len(made) == 1:
            node.meta["spec"] = spec_of(made[0])
            self._bind(made[0], node)
        else:
            for tensor in made:
                self._bind(tensor, self.recording.result(node, spec_of(tensor)))

    def _site(self, frame: FrameType | None, entered: int = -1) -> Position | None:
        """Where user code is from ``frame`` outwards; ``entered`` is the module that runs there, counted from the last
        one. Beyond its call all of its ops have the same place, which is looked for once.
        """
        found = user_or_entry(frame)
        if found is None:
            return None
        at, code = found
        if not is_entry(code):
            return code, at.f_lasti
        if code is not _ENTER:
            return None
        module = self._stack[entered]
        if not module.sought:
            module.site, module.sought = self._site(at.f_back, entered - 1), True
        return module.site

    def _weights(self, module: nn.Module) -> dict[str, Node]:
        weights = {}
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                if tensor is not None and name != "num_batches_tracked":
                    weights[name] = self.node(tensor)
        return weights

    def _bind(self, tensor: torch.Tensor, node: Node) -> None:
        self._values[identity(tensor)] = (self._placement.hold(tensor), node)

    def _known(self, tensor: torch.Tensor) -> Node | None:
        entry = self._values.get(identity(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def node(self, tensor: torch.Tensor) -> Node:
        """The node of a tensor; one that nobody saw being made is an attribute of the model or else a constant."""
        node = self._known(tensor)
        if node is not None:
            return node
        key = identity(tensor)
        if key not in self._stored and not self._attributes_read:
            self._attributes_read = True
            self._read_attributes()
        stored = self._stored.get(key)
        if stored is None or stored[0] is not tensor:
            base = tensor._base if tensor._is_view() else None
            if base is not None and self._known(base) is not None:
                view = torch.Tensor.as_strided
                node = self.recording.call(view, "as_strided", (self.node(base),), {}, self._stack[-1].path, None)
                node.meta["spec"] = spec_of(tensor)
                self._bind(tensor, node)
                return node
            self.unobserved += 1
            stored = (tensor, "unobserved", "constant")
        node = self.recording.stored(stored[1], stored[2], spec_of(tensor))
        self._bind(tensor, node)
        return node

    def _read_attributes(self) -> None:
        """Tensors that modules keep as plain attributes: constants, with their path as name."""
        for path, module in self._model.named_modules():
            for name, value in module.__dict__.items():
                if name not in _MODULE_TABLES:
                    for place, tensor in trees.named_tensors(value, f"{path}.{name}" if path else name, depth=3):
                        self._stored.setdefault(identity(tensor), (tensor, place, "constant"))


_ENTER = Recorder._enter.__code__


def _made(name: str, in_place: bool, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> list[torch.Tensor]:
    """The tensors that a call gave a new value; none where it was a question, or did nothing to its argument."""
    if name in ("setitem", "data.set") or (in_place and isinstance(result, torch.Tensor)):
        return [args[0] if args else result]
    if isinstance(result, torch.Tensor):
        # contiguous() of a contiguous tensor and to() of the same type give the tensor itself
        idle = kwargs.get("out") is None and any(result is a for a in args)
        return [] if idle else [result]
    if isinstance(result, (tuple, list, dict)) and not isinstance(result, torch.Size):
        return list(trees.tensors(result))
    return []


_MODULE_TABLES = frozenset(("_parameters", "_buffers", "_modules", "_flat_weights"))

_UNRECORDED = frozenset(
    ("requires_grad", "retain_grad", "requires_grad.set", "grad.get", "grad.set", "register_hook", "_base.get")
)
"""Calls that give back a tensor of no value of its own."""


_STAYING = frozenset(("cuda", "cpu"))
"""Moves between devices: a recording has one."""


def _glu(input: torch.Tensor, dim: int = -1) -> torch.Tensor:
    half, gate = input.chunk(2, dim)
    return half * gate.sigmoid()


def _iterate(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    return iter(tensor.unbind(0))


_DECOMPOSED: dict[str, Callable[..., Any]] = {"glu": _glu, "iter": _iterate}
"""Functions recorded as several: the vocabulary has no name for the whole."""


def _is_leaf(module: nn.Module) -> bool:
    if isinstance(module, torch.jit.ScriptModule):
        return True
    library = type(module).__module__.startswith(("torch.nn.modules.", "torch.ao.nn."))
    return library and not module._modules and not isinstance(module, (*_COMPOSITE, nn.Sequential))


def _materialise(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Do what a lazy module's own hook would do, unseen: initialising weights is no part of the forward."""
    if module.has_uninitialized_params():
        with torch._C.DisableTorchFunction():
            module._infer_parameters(module, args, kwargs)


def _hooked(module: nn.Module) -> bool:
    """Whether hooks have to run around the forward; torch calls them, so the module is entered instead of being one
    node.
    """
    return bool(module._forward_hooks or module._forward_pre_hooks or module_internals._has_any_global_hook())


@contextmanager
def _patched_calls(recorder: Recorder, leaves_only: bool) -> Iterator[None]:
    """``nn.Module.__call__`` reports to ``recorder``, on this thread."""
    original = nn.Module.__call__
    owner = threading.get_ident()

    def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != owner:
            return original(module, *args, **kwargs)
        return recorder.call_module(original, module, args, kwargs, leaves_only)

    nn.Module.__call__ = call
    try:
        yield
    finally:
        nn.Module.__call__ = original
