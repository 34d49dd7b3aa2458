"""A model's input as plain data: what is guessed, shown, adapted, and made into tensors on any device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import nn


class Spec(NamedTuple):
    """One tensor: ``shape`` in elements, ``dtype`` a torch name without prefix."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"

    def tensor(self, device: str) -> torch.Tensor:
        """A tensor of this kind: integers are zeros (valid as indices), masks true, numbers one half."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        if dtype == torch.bool:
            return torch.ones(self.shape, dtype=dtype, device=device)
        if not (dtype.is_floating_point or dtype.is_complex):
            return torch.zeros(self.shape, dtype=dtype, device=device)
        return torch.full(self.shape, 0.5, dtype=dtype, device=device)


def change(value: Any, edit: Callable[[Spec], Any]) -> Any:
    """``value`` with every :class:`Spec` in it edited."""
    if isinstance(value, Spec):
        return edit(value)
    if isinstance(value, list):
        return [change(v, edit) for v in value]
    if isinstance(value, dict):
        return {k: change(v, edit) for k, v in value.items()}
    return value


@dataclass(frozen=True)
class Guess:
    """Arguments of one forward call, where they were guessed from and, for a person, what they are."""

    source: str
    where: str = ""
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def make(self, device: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Fresh (args, kwargs) on ``device``."""

        def tensors(value: Any) -> Any:
            return change(value, lambda spec: spec.tensor(device))

        return tuple(map(tensors, self.args)), {k: tensors(v) for k, v in self.kwargs.items()}

    def shown(self) -> str:
        named = (f"{k}={_shown(v)}" for k, v in self.kwargs.items())
        return ", ".join([*map(_shown, self.args), *named]) or "no input"

    def event(self) -> dict[str, Any]:
        return {"source": self.source, "where": self.where, "shown": self.shown()}

    def edited(self, edit: Callable[[Spec], Any], source: str | None = None) -> Guess:
        """The same call with every tensor edited."""
        args = tuple(change(a, edit) for a in self.args)
        kwargs = {k: change(v, edit) for k, v in self.kwargs.items()}
        return replace(self, source=source or self.source, args=args, kwargs=kwargs)

    def in_numbers(self, dtype: str) -> Guess:
        """The same call with ``dtype`` where a guess says float32, which it says of every number."""
        return (
            self
            if dtype == "float32"
            else self.edited(lambda s: s._replace(dtype=dtype) if s.dtype == "float32" else s)
        )

    def with_arg(self, index: int, value: Any) -> Guess:
        return replace(self, args=(*self.args[:index], value, *self.args[index + 1 :]))

    @property
    def key(self) -> str:
        return repr((self.args, self.kwargs))


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {_shown(v)}' for k, v in value.items())}}}"
    return str(value)


def number_type(model: nn.Module) -> str:
    """The dtype of the model's first floating-point parameter: what its numbers are given in; else float32."""
    first = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    return str(first).removeprefix("torch.")


def requested(inputs: dict[str, Any], numbers: str = "float32") -> Guess:
    """The request's INPUTS as a guess, shapes without a dtype in ``numbers``.

    Raises :class:`ValueError` for a dtype that torch lacks.
    """
    args = tuple(_parsed(v, numbers) for v in inputs.get("args", ()))
    kwargs = {k: _parsed(v, numbers) for k, v in inputs.get("kwargs", {}).items()}
    return Guess(inputs["source"], inputs.get("where", ""), args, kwargs)


def _parsed(value: Any, numbers: str) -> Any:
    if isinstance(value, dict) and "shape" in value:
        dtype = value.get("dtype") or numbers
        if not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise ValueError(f"torch has no dtype {dtype!r}")
        return Spec(tuple(value["shape"]), dtype)
    if isinstance(value, dict) and "value" in value:
        return value["value"]
    if isinstance(value, dict) and "list" in value:
        return [_parsed(v, numbers) for v in value["list"]]
    if isinstance(value, dict) and "dict" in value:
        return {k: _parsed(v, numbers) for k, v in value["dict"].items()}
    raise ValueError(f"no input value: {value!r}")
