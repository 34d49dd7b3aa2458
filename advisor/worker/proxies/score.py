"""All scores of one network, with the time each took and the reason where one is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .. import surgery
from ..clock import limit
from ..trace.recorder import OutOfTime
from . import aznas, counts, depth, fresh, meco, naswot, synflow, zen
from .blocks import Block, blocks
from .rig import Inputs, Unscorable, call, gaussian

SEED = 0
BATCH = 16
LARGEST = 64
"""Pixels: images are made this small where the network takes it."""
SIZES = (64, 96, 128, 160, 192)
COMPARED = ("expressivity", "naswot")
"""What is worked out again for a network after a move."""


@dataclass
class Bench:
    """One network under its scores: ``model`` is ours to run, ``inputs`` one call that it takes. ``until`` is when to
    stop, in monotonic seconds."""

    model: nn.Module
    inputs: Inputs
    until: float
    _blocks: list[Block] | None = None
    _entropies: list[float] | None = None

    def scores(self, only: Collection[str] | None = None, but: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """``{name: {"value", "seconds"} or {"why"}}``, cheapest first; what the time does not suffice for says so.
        ``only`` these, where it is given, ``but`` not those."""
        wanted = {n: run for n, run in self._methods().items() if (only is None or n in only) and n not in but}
        return {name: self._one(run) for name, run in wanted.items()}

    @property
    def names(self) -> list[str]:
        """Of all scores, cheapest first."""
        return list(self._methods())

    def layers(self) -> dict[str, Any]:
        """``{"rows": [[path, signal, spread, gradient], …]}`` or ``{"why"}``."""
        found: list[depth.Layer] = []

        def measured() -> float:
            found.extend(depth.layers(self.model, self.inputs, SEED))
            return float(len(found))

        said = self._one(measured)
        return {"why": said["why"]} if "why" in said else {"rows": [list(row) for row in found]}

    def entropies(self) -> dict[str, Any]:
        """``{"rows": [[path of the block's last module, entropy], …]}``, empty where they are unknown."""
        pairs = zip(self._blocks or (), self._entropies or (), strict=False)
        return {"rows": [[block[-1], entropy] for block, entropy in pairs]}

    def _methods(self) -> Mapping[str, Callable[[], float]]:
        model, inputs = self.model, self.inputs
        return {
            "params": lambda: counts.params(model),
            "flops": lambda: counts.flops(model, inputs),
            "naswot": lambda: naswot.naswot(model, inputs),
            "expressivity": lambda: aznas.expressivity(self._features()),
            "progressivity": lambda: aznas.progressivity(self._features()),
            "meco": lambda: meco.meco(model, inputs),
            "meco-drawn": lambda: meco.meco_drawn(model, inputs, SEED),
            "trainability": lambda: aznas.trainability(model, inputs, self._found(), SEED),
            "synflow": lambda: synflow.synflow(model, inputs),
            "zen": lambda: zen.zen(model, inputs, self._found(), SEED),
        }

    def _found(self) -> list[Block]:
        if self._blocks is None:
            self._blocks = blocks(self.model, self.inputs)
        return self._blocks

    def _features(self) -> list[float]:
        if self._entropies is None:
            self._entropies = aznas.entropies(self.model, self.inputs, self._found())
        return self._entropies

    def _one(self, run: Callable[[], float]) -> dict[str, Any]:
        started = time.monotonic()
        if started >= self.until:
            return {"why": "the time limit was reached before it"}
        try:
            with limit(self.until - started):
                value = run()
        except Unscorable as e:
            return {"why": str(e)}
        except OutOfTime:
            return {"why": "the time limit was reached during it"}
        except MemoryError:
            return {"why": "it takes more memory than the limit"}
        except Exception as e:  # user code runs in an unusual way here: what it raises is why there is no score
            return {"why": f"running it raised {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"[:300]}
        return {"value": value, "seconds": round(time.monotonic() - started, 4)}


def scored(
    model: nn.Module,
    given: Inputs,
    plans: Sequence[dict[str, Any]],
    until: float,
    tell: Callable[[dict[str, Any]], object] = lambda said: None,
) -> dict[str, Any]:
    """What is to be said of a ``model`` on the CPU that is ours to run, and of it after each of the moves whose surgery
    plans are given; ``given`` is a call that it takes, ``until`` when to stop (monotonic seconds)::

        {"facts": {"input", "batch", "seed", "scores": {name: {"value", "seconds"} or {"why"}},
                   "layers": {"rows": [[path, signal, spread, gradient], ...]} or {"why"},
                   "blocks": {"rows": [[path, entropy], ...]}} or {"why"},
         "moves": [{"scores": ...} or {"why"}, ...]}

    The same goes to ``tell`` on the way, with what is known by then: one pass of a large network may outlast a limit.
    """
    with torch.no_grad():
        try:
            inputs = smallest(model, given, until)
        except Unscorable as e:
            why = {"why": str(e)}
            return {"facts": why, "moves": [why for _ in plans]}
        bench = Bench(model, inputs, until)
        facts: dict[str, Any] = {
            "input": ", ".join(f"{tuple(t.shape)}" for t in inputs.floats()),
            "batch": BATCH,
            "seed": SEED,
            "scores": dict.fromkeys(bench.names, _CUT),
            "layers": _CUT,
        }
        said: dict[str, Any] = {"facts": facts, "moves": [_CUT for _ in plans]}
        facts["scores"].update(bench.scores(COMPARED))
        facts["blocks"] = bench.entropies()
        tell(said)
        facts["layers"] = bench.layers()
        tell(said)
        for i, plan in enumerate(plans):
            said["moves"][i] = _moved(model, inputs, plan, until)
        tell(said)
        facts["scores"].update(bench.scores(but=COMPARED))
    return said


_CUT = {"why": "it was stopped before it"}


def _moved(model: nn.Module, inputs: Inputs, plan: dict[str, Any], until: float) -> dict[str, Any]:
    """What a move makes of the compared scores: the same weights where it left them, the others drawn alike."""
    try:
        with fresh.drawing(SEED):
            after = surgery.apply(model, plan)
        fresh.regrown(model, after, list(plan["parameters"]), SEED)
    except surgery.SurgeryError as e:
        return {"why": str(e)}
    except Exception as e:  # a copy of a user's module may raise anything
        return {"why": f"the move cannot be carried out on the module: {type(e).__name__}: {e}"[:300]}
    return {"scores": Bench(after, inputs, until).scores(COMPARED)}


# ---- inputs


def smallest(model: nn.Module, given: Inputs, until: float) -> Inputs:
    """Gaussian inputs that ``model`` takes: a batch of :data:`BATCH` images of at most :data:`LARGEST` pixels, larger
    ones where it must be, at last the very input that is known (``given``). Raises :class:`Unscorable` where even
    that fails."""
    error: Exception | None = None
    for candidate in _smaller(given):
        drawn = gaussian(candidate, SEED)
        try:
            with limit(max(0.01, until - time.monotonic())), torch.no_grad():
                call(model, drawn)
            return drawn
        except OutOfTime:
            raise Unscorable("its forward takes longer than the time limit") from None
        except Exception as e:  # the model's own, about a size that it does not take
            error = e
    raise Unscorable(f"its forward raised {type(error).__name__}: {error}"[:300])


def _smaller(given: Inputs) -> list[Inputs]:
    shapes = [t.shape for t in given.floats()]
    largest = max((max(s[2:]) for s in shapes if len(s) == 4), default=0)
    lead = {s[0] for s in shapes if s}
    sizes: list[float] = [size / largest for size in SIZES if size < largest] if largest > LARGEST else []
    tried = [(share, True) for share in [*sizes, 1.0]] if len(lead) == 1 else [(share, False) for share in sizes]
    return [given.each(lambda t, s=share, b=batch: _sized(t, s, b)) for share, batch in tried] + [given]


def _sized(tensor: torch.Tensor, share: float, batch: bool) -> torch.Tensor:
    shape = list(tensor.shape)
    if batch and shape:
        shape[0] = BATCH
    if len(shape) == 4 and share < 1:
        shape[2:] = [max(1, round(size * share)) for size in shape[2:]]
    if tuple(shape) == tuple(tensor.shape):
        return tensor
    if tensor.is_floating_point():
        return torch.zeros(shape, dtype=tensor.dtype)
    return tensor[:1].expand(shape[0], *tensor.shape[1:]).contiguous() if batch and shape else tensor
