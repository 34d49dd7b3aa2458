"""Swapping activation functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..edit import GraphEdit
from ..graph import Graph
from .base import Move, get, need, register

MODULES = {
    "relu": "torch.nn.ReLU",
    "relu6": "torch.nn.ReLU6",
    "hardswish": "torch.nn.Hardswish",
    "silu": "torch.nn.SiLU",
    "gelu": "torch.nn.GELU",
    "sigmoid": "torch.nn.Sigmoid",
    "hardsigmoid": "torch.nn.Hardsigmoid",
    "tanh": "torch.nn.Tanh",
    "leaky_relu": "torch.nn.LeakyReLU",
    "mish": "torch.nn.Mish",
    "elu": "torch.nn.ELU",
}
"""Activations without parameters that a swap may end in, with the module that computes each."""


@register
@dataclass(frozen=True)
class SwapActivation(Move):
    """Let the activations ``ops`` compute ``fn`` (with torch's default arguments) instead."""

    kind: ClassVar[str] = "swap_activation"
    ops: tuple[int, ...]
    fn: str

    def describe(self, graph: Graph) -> str:
        old = sorted({get(graph, k, "activation").attrs["fn"] for k in self.ops})
        return f"swap {', '.join(old)} for {self.fn}" + (f" in {len(self.ops)} layers" if len(self.ops) > 1 else "")

    def surviving(self, graph: Graph) -> SwapActivation:
        return SwapActivation(tuple(k for k in self.ops if k in graph.by_key), self.fn)

    def apply(self, graph: Graph) -> Graph:
        need(self.fn in MODULES, f"{self.fn} is not an activation to swap to; those are {', '.join(MODULES)}")
        need(self.ops, "no activation is named")
        swapped = [key for key in self.ops if get(graph, key, "activation").attrs["fn"] != self.fn]
        need(swapped, f"these activations are {self.fn} already")
        edit = GraphEdit(graph)
        for key in swapped:
            edit.replace_op(key, "activation", MODULES[self.fn], {"fn": self.fn}, weights={})
        return edit.finish()
