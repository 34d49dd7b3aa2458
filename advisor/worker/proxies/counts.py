"""FLOPs and parameters: the baselines that a proxy has to beat."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .rig import Inputs, batch_statistics, call


def flops(model: nn.Module, inputs: Inputs) -> float:
    """FLOPs (2 x MACs) of one input, by torch's own counting."""
    floats = inputs.floats()
    batch = floats[0].shape[0] if floats and floats[0].dim() else 1
    with batch_statistics(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        call(model, inputs)
    return counter.get_total_flops() / batch


def params(model: nn.Module) -> float:
    """Distinct parameters' elements."""
    return float(sum(p.numel() for p in model.parameters()))
