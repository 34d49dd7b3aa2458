"""NASWOT: how differently a network's nonlinearities answer the images of one batch.

Mellor, Turner, Storkey, Crowley: Neural Architecture Search without Training. ICML 2021, arXiv 2006.04647, section 3.
Each image i has a binary code c_i: for every unit in front of a nonlinearity, whether its input is positive. With N
units in all, K[i, j] = N - hamming(c_i, c_j), and the score is log |det K|.

The paper's networks have ReLUs. The sign of the input is used for the smooth relatives of ReLU too; gates (sigmoid,
softmax) count only in networks that have nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from .rig import Inputs, Unscorable, batch_statistics, call

RECTIFIERS = frozenset(
    (
        "relu",
        "relu_",
        "relu6",
        "leaky_relu",
        "leaky_relu_",
        "prelu",
        "rrelu",
        "rrelu_",
        "elu",
        "elu_",
        "selu",
        "selu_",
        "celu",
        "celu_",
        "gelu",
        "silu",
        "mish",
        "hardswish",
        "hardtanh",
        "hardtanh_",
        "softplus",
        "threshold",
        "threshold_",
        "tanh",
        "tanh_",
        "hardshrink",
        "softshrink",
        "softsign",
    )
)
GATES = frozenset(("sigmoid", "sigmoid_", "hardsigmoid", "logsigmoid"))


class _Codes(TorchFunctionMode):
    """Adds up the kernel while a network runs; keeps no code."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self._batch = batch
        self.kernels = {True: torch.zeros(batch, batch, dtype=torch.float64), False: torch.zeros(batch, batch)}
        self.units = {True: 0, False: 0}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if (name in RECTIFIERS or name in GATES) and args and isinstance(args[0], torch.Tensor):
            self._add(name in RECTIFIERS, args[0].detach())
        return func(*args, **(kwargs or {}))

    def _add(self, rectifier: bool, given: torch.Tensor) -> None:
        if given.dim() == 0 or given.shape[0] % self._batch or not given.is_floating_point():
            return  # not of the images: a table that the network computes from its weights
        codes = (given.reshape(self._batch, -1) > 0).float()
        positive = codes.sum(1)
        units = codes.shape[1]
        both = codes @ codes.T
        agree = units - positive[:, None] - positive[None, :] + 2 * both  # where both are 1, and where both are 0
        self.kernels[rectifier] = self.kernels[rectifier] + agree.double()
        self.units[rectifier] += units


def naswot(model: nn.Module, inputs: Inputs) -> float:
    """log |det K|; larger is better. Raises :class:`Unscorable` without nonlinearities or with one image only, and
    where two images have the same code in all of them."""
    floats = inputs.floats()
    batch = floats[0].shape[0] if floats and floats[0].dim() else 0
    if batch < 2:
        raise Unscorable("it takes one image at a time, and NASWOT compares images")
    with batch_statistics(model), torch.no_grad(), _Codes(batch) as codes:
        call(model, inputs)
    rectifiers = codes.units[True] > 0
    if not codes.units[rectifiers]:
        raise Unscorable("it has no nonlinearity whose input has a sign")
    sign, value = torch.linalg.slogdet(codes.kernels[rectifiers])
    if sign == 0 or not torch.isfinite(value):
        raise Unscorable("its nonlinearities cannot tell two inputs of a batch apart")
    return float(value)
