"""A state dict made of an old one as a plan says.

The plan is plain data, ``Plan.to_plain()`` of ``advisor/migration/plan.py``. Values keep the dtype of the old entry and
the memory layout; what has no source keeps what the new model starts with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .making import make

State = dict[str, Tensor]


class CarryError(ValueError):
    """A state dict that the plan is not for; the message says which entry and what to do."""


@dataclass
class Carried:
    """The new state dict; ``errors`` of approximated layers (relative residuals), ``kept`` the entries that hold what
    the new model starts with, ``dropped`` the old ones that nothing was made of."""

    state: State
    errors: dict[str, float] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def carry(old: Mapping[str, Tensor], initial: Mapping[str, Tensor], plan: Mapping[str, Any]) -> Carried:
    """The state dict of the new model, with the names and in the order of ``initial``, which is what it starts with.
    Raises :class:`CarryError`."""
    with torch.no_grad():
        return _Carrier(old, initial, plan).run()


class _Carrier:
    def __init__(self, old: Mapping[str, Tensor], initial: Mapping[str, Tensor], plan: Mapping[str, Any]) -> None:
        self.old = dict(old)
        self.initial = initial
        self.plan = plan
        self.steps = {step["entry"]: step for step in plan["steps"]}
        self.growths = plan["growths"]
        self.used: set[str] = set()
        self.made: State = {}
        self.kept: dict[int, Tensor] = {}

    def run(self) -> Carried:
        self._check()
        out = Carried({})
        for making in self.plan["makings"]:
            try:
                results, error = make(making, self.old)
            except KeyError as e:
                raise CarryError(f"the checkpoint has no {e.args[0]}; is it one of the old model?") from None
            self.made |= results
            self.used.update(_names(making["sources"]))
            if error is not None:
                out.errors[making["layer"]] = error
        for growth in self.growths:
            if growth["way"] == "select":
                self.kept[growth["index"]] = self._selected(growth)
        aliases = _aliases(self.initial)
        for name, start in self.initial.items():
            step = self.steps.get(name) or self.steps.get(aliases.get(name, ""))
            value = self._carried(step, start) if step is not None else self._unplanned(name, start)
            if value is None:
                out.kept.append(name)
                value = start
            out.state[name] = value = value.detach().clone()
            for first, last, factor in () if step is None else step["scales"]:
                value[first:last] *= factor
        out.dropped = [name for name in self.old if name not in self.used]
        return out

    def _check(self) -> None:
        """Whether the state dict is one of the old model."""
        for entry, step in self.steps.items():
            if entry not in self.initial:
                continue  # a buffer that is not kept
            for name in (step["source"], step["minus"]):
                made = any(name in making["results"].values() for making in self.plan["makings"])
                if name is not None and not made and name not in self.old:
                    raise CarryError(f"the checkpoint has no {name}; is it one of the old model?")
            if step["source"] in self.old and step["dims"]:
                shape = tuple(self.old[step["source"]].shape)
                wanted = [d if s is None else _sizes(s)[0] for d, s in zip(shape, step["dims"], strict=False)]
                if len(shape) != len(step["dims"]) or list(shape) != wanted:
                    raise CarryError(
                        f"{step['source']} has the shape {shape} in the checkpoint, the old model has another; "
                        "name the revision that it was trained with"
                    )

    def _unplanned(self, name: str, start: Tensor) -> Tensor | None:
        """An entry that no operation of the network reads: by its name, where that is as large."""
        source = name
        module, _, leaf = name.rpartition(".")
        for new, was in self.plan["paths"].items():
            if module == new:
                source = f"{was}.{leaf}"
        found = self.old.get(source)
        if found is None or found.shape != start.shape:
            return None
        self.used.add(source)
        return found

    # ---- one entry

    def _carried(self, step: Mapping[str, Any], start: Tensor) -> Tensor | None:
        if step["source"] is None:
            return _neutral(step, start) if step["fill"] == "neutral" else None
        value = self._value(step["source"])
        if step["minus"] is not None:
            value = value - self._value(step["minus"]).to(value.dtype)
        if all(d is None for d in step["dims"]):
            if value.shape != start.shape:
                raise CarryError(f"{step['entry']} would get the shape {tuple(value.shape)}, not {tuple(start.shape)}")
            return value.to(memory_format=_layout(self.old.get(step["source"], value)))
        return self._resized(step, value, start)

    def _value(self, name: str) -> Tensor:
        self.used.add(name)
        return self.made[name] if name in self.made else self.old[name]

    def _resized(self, step: Mapping[str, Any], value: Tensor, start: Tensor) -> Tensor:
        """Take each position from where the segments say, then fill the positions that are new."""
        layout = _layout(value)
        filled: list[tuple[int, Tensor, bool]] = []  # dimension, new positions, whether they are zero
        for d, segments in enumerate(step["dims"]):
            if segments is None:
                continue
            index, share, zero = self._index(segments)
            value = value.index_select(d, index.clamp(min=0).to(value.device))
            if step["reads"][d] and bool((share != 1).any()):
                value *= share.to(value.dtype).view([-1 if i == d else 1 for i in range(value.dim())])
            new = index < 0
            for nought in (True, False):
                where = (new & (zero == nought) if not step["reads"][d] else new & nought).nonzero().flatten()
                if where.numel():
                    filled.append((d, where.to(value.device), nought and step["role"] != "running_var"))
        if value.shape != start.shape:
            raise CarryError(f"{step['entry']} would get the shape {tuple(value.shape)}, not {tuple(start.shape)}")
        start = start.to(value.device, value.dtype)
        for d, where, nought in sorted(filled, key=lambda f: f[2]):  # what has to be zero is so in the end
            if nought:
                value.index_fill_(d, where, 0)
            else:
                value.index_copy_(d, where, start.index_select(d, where))
        return value.contiguous(memory_format=layout)

    def _index(self, segments: list[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
        """For each position of a new dimension: the old position (-1 where there is none), by what a weight that reads
        it is multiplied, and whether it has to be zero where it is new."""
        index, share, zero = [], [], []
        at = 0
        for growth, outer, old, new, inner in segments:
            source, part, mode = self._channels(growth, old, new)
            o = torch.arange(outer).view(-1, 1, 1)
            i = torch.arange(inner).view(1, 1, -1)
            where = at + (o * old + source.view(1, -1, 1)) * inner + i
            shape = (outer, new, inner)
            index.append(torch.where((source < 0).view(1, -1, 1).expand(shape), torch.tensor(-1), where).flatten())
            share.append(part.view(1, -1, 1).expand(shape).flatten())
            zero.append(torch.full((outer * new * inner,), mode))
            at += outer * old * inner
        return torch.cat(index), torch.cat(share), torch.cat(zero)

    def _channels(self, growth: int, old: int, new: int) -> tuple[Tensor, Tensor, bool]:
        """For each new channel of a group: the old one or -1, and its share in what reads it; whether new ones are
        zero."""
        source = torch.arange(new)
        way = "" if growth < 0 else self.growths[growth]["way"]
        if way == "select":
            source = self.kept[growth]
        elif way == "duplicate":
            source = source % old
            return source, 1 / torch.bincount(source, minlength=old)[source].double(), False
        return torch.where(source < old, source, torch.tensor(-1)), torch.ones(new), way == "zero"

    # ---- which channels stay

    def _selected(self, growth: Mapping[str, Any]) -> Tensor:
        """The channels of a group with the largest norm over all weights that hold them, in their order.

        As Li et al. (Pruning Filters for Efficient ConvNets, 2017) choose filters, summed over what must change
        together (Fang et al., DepGraph, 2023); each weight counts relative to its mean.
        """
        score = torch.zeros(growth["old"], dtype=torch.float64)
        for step in self.plan["steps"]:
            if step["source"] is None or step["role"] in ("bias", "running_mean", "running_var"):
                continue  # they shift a channel, whatever it weighs
            for d, segments in enumerate(step["dims"]):
                if segments is not None and any(s[0] == growth["index"] for s in segments):
                    norm = self._norms(self._value(step["source"]), d, segments, growth)
                    score += norm / norm.mean().clamp(min=1e-30)
        return score.topk(growth["new"]).indices.sort().values

    @staticmethod
    def _norms(value: Tensor, d: int, segments: list[list[int]], growth: Mapping[str, Any]) -> Tensor:
        """The squared norm of each channel of a group in one weight."""
        squares = (
            value.double().cpu().movedim(d, 0).flatten(1).square().sum(1)
            if value.dim() > 1
            else (value.double().cpu().square())
        )
        total = torch.zeros(growth["old"], dtype=torch.float64)
        at = 0
        for index, outer, old, _, inner in segments:
            size = outer * old * inner
            if index == growth["index"]:
                total += squares[at : at + size].view(outer, old, inner).sum((0, 2))
            at += size
        return total


def _sizes(segments: list[list[int]]) -> tuple[int, int]:
    return sum(o * a * i for _, o, a, _, i in segments), sum(o * b * i for _, o, _, b, i in segments)


def _neutral(step: Mapping[str, Any], start: Tensor) -> Tensor:
    """What a layer holds that is not there."""
    role = step["role"]
    if role == "running_var":
        return torch.full_like(start, 1.0 - step["eps"])  # so that it divides by one
    return torch.ones_like(start) if role == "weight" else torch.zeros_like(start)


def _layout(value: Tensor) -> torch.memory_format:
    last = value.dim() == 4 and value.is_contiguous(memory_format=torch.channels_last) and not value.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _aliases(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Names of tied entries → the first name of the same values."""
    first: dict[tuple[int, tuple[int, ...]], str] = {}
    out: dict[str, str] = {}
    for name, value in state.items():
        if value.numel() and not value.is_meta:
            key = value.data_ptr(), tuple(value.shape)
            out[name] = first.setdefault(key, name)
    return out


def _names(value: Any) -> list[str]:
    """Every text in plain data."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [name for item in items for name in _names(item)]
