"""How signal and gradient fare from layer to layer at initialisation: by this a dead or vanishing path is seen.

One forward and one backward pass of a Gaussian batch; the gradient is that of the outputs' sum with random weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from ..trace import trees
from .rig import WEIGHTED, Inputs, Unscorable, batch_statistics, call, feature_map, hooked


class Layer(NamedTuple):
    """One convolution or linear layer, in the order of their first execution.

    ``signal`` is the root mean square of its output, ``spread`` the part of it that differs between inputs of the
    batch (0: every input gives the same), ``gradient`` the root mean square of the output's gradient, 0 where none
    arrives.
    """

    path: str
    signal: float
    spread: float
    gradient: float


def layers(model: nn.Module, inputs: Inputs, seed: int) -> list[Layer]:
    """Statistics of the layers of ``model``, whose parameters must be free to change. Raises :class:`Unscorable` where
    its output has no gradient at all."""
    signals: dict[str, tuple[float, float]] = {}
    squares: dict[str, float] = {}
    wanted = [(p, p.requires_grad) for p in model.parameters()]

    def watch(path: str) -> Any:
        def look(_module: nn.Module, _args: Any, output: Any) -> Any:
            made = feature_map(output)
            if made is None:
                return output
            signals.setdefault(path, _signal(made.detach()))
            if made.requires_grad:
                made.register_hook(lambda gradient: arrived(path, gradient))
                if made._is_view():  # as a linear layer's: changed in place by what follows, it would lose the hook
                    return trees.replace(output, lambda t: t.clone() if t is made else t)
            return output

        return look

    def arrived(path: str, gradient: torch.Tensor) -> None:
        squares[path] = max(squares.get(path, 0.0), _rms(gradient.detach()))

    handles = [m.register_forward_hook(watch(p)) for p, m in model.named_modules() if isinstance(m, WEIGHTED)]
    generator = torch.Generator().manual_seed(seed)
    try:
        for parameter, _ in wanted:
            if parameter.is_floating_point():
                parameter.requires_grad_()
        with hooked(handles), batch_statistics(model), torch.enable_grad():
            made = [t for t in trees.tensors(call(model, inputs)) if t.is_floating_point() and t.requires_grad]
            if not made:
                raise Unscorable("its output has no gradient")
            weights = [torch.randn(t.shape, generator=generator).to(t.dtype) / max(1, t.numel()) ** 0.5 for t in made]
            inner = [p for p, _ in wanted if p.requires_grad]
            torch.autograd.grad(made, inner, weights, allow_unused=True)
    finally:
        for parameter, before in wanted:
            parameter.requires_grad_(before)
    return [Layer(path, *signal, squares.get(path, 0.0)) for path, signal in signals.items()]


def _rms(tensor: torch.Tensor) -> float:
    return float(tensor.float().square().mean().sqrt()) if tensor.numel() else 0.0


def _signal(made: torch.Tensor) -> tuple[float, float]:
    whole = _rms(made)
    if made.dim() < 2 or len(made) < 2 or whole == 0:
        return whole, 0.0
    return whole, _rms(made.float() - made.float().mean(0, keepdim=True)) / whole
