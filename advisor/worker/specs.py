"""A model's input as plain data: what is guessed, shown, adapted, and made into tensors on any device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch


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


def requested(inputs: dict[str, Any]) -> Guess:
    """The request's INPUTS as a guess; raises :class:`ValueError` for a dtype that torch lacks."""
    args = tuple(map(_parsed, inputs.get("args", ())))
    kwargs = {k: _parsed(v) for k, v in inputs.get("kwargs", {}).items()}
    return Guess(inputs["source"], inputs.get("where", ""), args, kwargs)


def _parsed(value: Any) -> Any:
    if isinstance(value, dict) and "shape" in value:
        dtype = value.get("dtype") or "float32"
        if not isinstance(getattr(torch, dtype, None), torch.dtype):
            raise ValueError(f"torch has no dtype {dtype!r}")
        return Spec(tuple(value["shape"]), dtype)
    if isinstance(value, dict) and "value" in value:
        return value["value"]
    if isinstance(value, dict) and "list" in value:
        return [_parsed(v) for v in value["list"]]
    if isinstance(value, dict) and "dict" in value:
        return {k: _parsed(v) for k, v in value["dict"].items()}
    raise ValueError(f"no input value: {value!r}")
