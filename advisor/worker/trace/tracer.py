"""From a live model to a graph: the rungs of the trace ladder, best first."""

from __future__ import annotations

import inspect
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from ..problems import describe
from . import trees
from .borrow import borrowed
from .encode import Sites, encode
from .placement import Placement
from .recorder import OutOfTime, Recorder

Rung = Literal["fx-meta", "fx-fake", "fx-real", "hooks"]
RUNGS: tuple[Rung, ...] = ("fx-meta", "fx-fake", "fx-real", "hooks")

_PLACEMENTS: dict[Rung, Placement] = {
    "fx-meta": Placement("meta"),
    "fx-fake": Placement("fake"),
    "fx-real": Placement("real"),
    "hooks": Placement("real"),
}

_LOCK = threading.RLock()
"""One trace at a time: a model is borrowed, and ``nn.Module.__call__`` and names of torch.nn.functional are patched."""

Inputs = tuple[tuple[Any, ...], dict[str, Any]]
MakeInputs = Callable[[str], Inputs]
"""Makes the forward's ``(args, kwargs)`` anew on a device: ``meta`` or ``cpu``."""


@dataclass
class Trace:
    """What one rung gave.

    ``status`` is ``ok``, ``partial`` (the forward raised after some ops) or ``failed`` (before the first). ``plain``
    is the plain form of the graph, None when it has no op. ``error`` is ``{type, message, file, line}``, with the
    innermost user frame; ``unobserved`` counts tensors without a known producer.
    """

    rung: Rung
    status: Literal["ok", "partial", "failed"]
    plain: dict[str, Any] | None
    error: dict[str, Any] | None = None
    unobserved: int = 0

    @property
    def ops(self) -> int:
        return len(self.plain["ops"]) if self.plain else 0


def trace(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    rung: Rung = "fx-meta",
    deadline: float = math.inf,
    sites: Sites = lambda module: [],
) -> Trace:
    """Trace one forward on one rung.

    The model is in eval mode, without gradients, and is left as it was. ``args`` and ``kwargs`` live on the rung's
    device; ``sites`` gives the creation spans of a module; past ``deadline`` (:func:`time.monotonic` seconds) the
    trace ends as partial. Nothing raises but what is no :class:`Exception`.
    """
    model = unwrapped(model)
    placement = _PLACEMENTS[rung]
    mode, substitute = _fakes(placement)
    with _LOCK, borrowed(model, substitute):
        if isinstance(mode, _FakeMode):
            args, kwargs = trees.replace(args, mode.fake), trees.replace(kwargs, mode.fake)
        recorder = Recorder(model, placement, deadline)
        error: BaseException | None = None
        with mode:
            try:
                result = recorder.run(args, kwargs, _parameter_names(model), functions=rung != "hooks")
                recorder.output(result)
            except (Exception, OutOfTime) as e:
                error = e
        plain = encode(recorder.recording, model, recorder.executed, sites)
    if error is None:
        return Trace(rung, "ok", plain, None, recorder.unobserved)
    described = describe(error)
    if not plain["ops"]:
        return Trace(rung, "failed", None, described, recorder.unobserved)
    return Trace(rung, "partial", plain, described, recorder.unobserved)


def trace_ladder(
    model: nn.Module,
    make_inputs: MakeInputs,
    deadline: float = math.inf,
    sites: Sites = lambda module: [],
    rungs: tuple[Rung, ...] = RUNGS,
) -> Trace:
    """The best trace: the first rung that runs to its end, else the partial trace with the most ops.

    A rung whose error no other rung can mend (a shape that does not fit, a missing argument) is the last one tried,
    and so is one that ends after ``deadline``.
    """
    best: Trace | None = None
    for rung in rungs:
        device = "meta" if rung == "fx-meta" else "cpu"
        args, kwargs = make_inputs(device)
        found = trace(model, args, kwargs, rung, deadline, sites)
        if found.status == "ok":
            return found
        if best is None or found.ops > best.ops:
            best = found
        if time.monotonic() > deadline or _is_final(found.error):
            break
    if best is None:
        raise ValueError("no rung to trace on")
    return best


_FINAL = (
    "shapes cannot be multiplied",
    "must have same reduction dim",
    "Invalid channel dimensions",
    "Expected number of channels in input",
    "running_mean should contain",
    "must be equal to input_size",
    "input to conv",
    "D input (got",
    "must match the size of tensor",
    "shape should be broadcastable to",
    "Sizes of tensors must match",
    "is invalid for input of size",
    "expected input",
    "Given groups=",
    "Given normalized_shape",
    "missing 1 required positional",
    "required positional arguments",
    "unexpected keyword argument",
    "Expected more than 1 value per channel",
    "not enough values to unpack",
    "too many values to unpack",
    "smaller than kernel size",
    "Kernel size can't be greater",
    "Output size is too small",
)
"""Messages of errors that come from shapes and arguments: they are the same whatever the tensors hold."""


def _is_final(error: dict[str, Any] | None) -> bool:
    return error is not None and any(text in error["message"] for text in _FINAL)


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside ``torch.compile``'s or ``DataParallel``'s wrapper."""
    while True:
        inner = model._modules.get("_orig_mod")
        if inner is None and isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if inner is None:
            return model
        model = inner


def _parameter_names(model: nn.Module) -> list[str]:
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):  # a scripted or native forward has no signature
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


class _FakeMode:
    """torch's FakeTensorMode, imported only where it is needed: its first use pulls in torch._dynamo."""

    def __init__(self) -> None:
        from torch._subclasses.fake_tensor import FakeTensorMode

        self._mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._log = logging.getLogger("torch._subclasses.fake_tensor")

    def __enter__(self) -> None:
        self._log.disabled = True  # it prints the errors that a trace reports
        self._mode.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._mode.__exit__(*error)
        self._log.disabled = False

    def fake(self, tensor: torch.Tensor) -> torch.Tensor:
        """A fake CPU tensor; no memory is allocated for one that is on meta."""
        with self._mode:
            return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")


def _fakes(
    placement: Placement,
) -> tuple[AbstractContextManager[None] | _FakeMode, Callable[[torch.Tensor], torch.Tensor]]:
    """The mode a placement runs in, and what stands in for stored tensors."""
    if placement.kind != "fake":
        return nullcontext(), placement.substitute
    mode = _FakeMode()
    return mode, mode.fake
