"""Reading and writing checkpoints: where in a file the state dicts are, and what their names carry in front.

A file holds a state dict, or a dict with one or several of them (weights, their moving average) beside an optimiser's
state, counters and settings. Nothing is unpickled that torch does not take for data (``weights_only``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_OPTIMISERS = ("optim", "sched", "scaler", "momentum")
_LEAST_SHARE = 0.5
"""A dict of tensors is a state dict of the model if it has this part of the model's entries at least."""


class CheckpointError(ValueError):
    """A file that is no checkpoint of the model; the message says why and what to do."""


@dataclass
class Found:
    """A state dict in a checkpoint: the keys that lead to it, what stands in front of its names, and the tensors by
    the model's names; ``extra`` are entries that the model does not have."""

    at: tuple[Any, ...]
    prefix: str
    state: dict[str, Tensor]
    extra: list[str]


class Checkpoint:
    """What a file held."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.content = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise CheckpointError(f"there is no file {path}") from None
        except Exception as e:  # bytes that may be anything
            said = f"{type(e).__name__}: {e}".split("\n")[0][:160]
            if type(e).__name__ != "UnpicklingError":
                raise CheckpointError(f"{path} is no file that torch.load reads ({said})") from None
            raise CheckpointError(
                f"{path} holds more than tensors and plain values ({said}), which could run code of its own; where you "
                "trust it, load it yourself and save the weights alone: torch.save(model.state_dict(), FILE)"
            ) from None

    def states(self, names: Collection[str]) -> list[Found]:
        """The state dicts of a model whose entries are called ``names``. Raises :class:`CheckpointError`."""
        found = [f for at, tensors in _dicts(self.content, ()) if (f := _matched(at, tensors, names)) is not None]
        if not found:
            raise CheckpointError(
                f"{self.path} holds no weights of this model: no dict in it has half of the model's {len(names)} "
                "entries; name the revision and the model that it was trained with"
            )
        return found

    def replaced(self, states: Collection[tuple[Found, Mapping[str, Tensor]]]) -> tuple[Any, list[str]]:
        """The content with other tensors in the place of each state dict, and what was left out with the reason: an
        optimiser's state has the shapes of the old weights."""
        places = {found.at: {found.prefix + name: t for name, t in state.items()} for found, state in states}
        dropped: list[str] = []
        return _rebuilt(self.content, (), places, dropped), dropped


def _dicts(content: Any, at: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], Mapping[Any, Any]]]:
    """Every dict in the content that holds tensors, outermost first."""
    if not isinstance(content, Mapping) or (at and _optimises(at[-1])):
        return []
    own = [(at, content)] if any(isinstance(v, Tensor) for v in content.values()) else []
    return [*own, *(d for key, value in content.items() for d in _dicts(value, (*at, key)))]


def _optimises(key: Any) -> bool:
    return any(word in str(key).lower() for word in _OPTIMISERS)


def _matched(at: tuple[Any, ...], tensors: Mapping[Any, Any], names: Collection[str]) -> Found | None:
    """The dict as a state dict, what wrappers put in front of names (``module.``, ``_orig_mod.``) taken off."""
    named = {k: v for k, v in tensors.items() if isinstance(k, str) and isinstance(v, Tensor)}
    wanted = set(names)
    counts: dict[str, int] = {"": len(wanted & named.keys())}
    for key in named:
        parts = key.split(".")
        for i in range(1, len(parts)):
            if ".".join(parts[i:]) in wanted:
                prefix = ".".join(parts[:i]) + "."
                counts[prefix] = counts.get(prefix, 0) + 1
    prefix = max(counts, key=lambda p: (counts[p], -len(p)))
    if not wanted or counts[prefix] < _LEAST_SHARE * len(wanted):
        return None
    cut = {k[len(prefix) :]: v for k, v in named.items() if k.startswith(prefix)}
    state = {k: v for k, v in cut.items() if k in wanted}
    extra = [k for k in tensors if not (isinstance(k, str) and k.startswith(prefix) and k[len(prefix) :] in state)]
    return Found(at, prefix, state, [str(k) for k in extra])


def _rebuilt(
    content: Any, at: tuple[Any, ...], places: Mapping[tuple[Any, ...], Mapping[str, Tensor]], dropped: list[str]
) -> Any:
    if at in places:
        return dict(places[at])
    if not isinstance(content, Mapping):
        return content
    out: dict[Any, Any] = {}
    for key, value in content.items():
        if _optimises(key):
            dropped.append(".".join(map(str, (*at, key))))
        else:
            out[key] = _rebuilt(value, (*at, key), places, dropped)
    return out


class Stream:
    """A file that hands on what is written to it, in pieces."""

    def __init__(self, send: Callable[[bytes], None], piece: int) -> None:
        self._send = send
        self._piece = piece
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        while len(self._held) >= self._piece:
            self._send(bytes(self._held[: self._piece]))
            del self._held[: self._piece]
        return len(data)

    def flush(self) -> None:
        """Nothing is held back for long: :meth:`close` sends the rest."""

    def close(self) -> None:
        if self._held:
            self._send(bytes(self._held))
            self._held.clear()


def save(content: Any, send: Callable[[bytes], None], piece: int) -> None:
    """Write a checkpoint as :func:`torch.save` does, piece by piece."""
    stream = Stream(send, piece)
    torch.save(content, stream)  # pyright: ignore[reportArgumentType]
    stream.close()
