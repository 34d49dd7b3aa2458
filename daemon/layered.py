"""One model layer by layer, as the job ``model`` tells it: plain data on its way from an analyst to a session.

Latencies are µs, sizes bytes. What nobody knows is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from operator import attrgetter
from typing import Any

from advisor.graph import Span

from .view import Totals


@dataclass(slots=True)
class Layer:
    """One executed op. ``path`` is the module that ran it; ``output`` is the first output's shape, empty without one.

    ``latency_us`` are on the targets that are shown, in their order. ``site`` is where a person would look for it, a
    number of :attr:`Layered.sites`."""

    path: str
    label: str
    inputs: list[list[int]]
    output: list[int]
    params: int
    macs: int | None
    live_bytes: int | None
    latency_us: list[float | None]
    site: int | None = None


@dataclass(slots=True)
class Layers:
    """All layers in order of execution, with their sums on the targets that are shown. ``peak`` is the layer that runs
    when most memory is taken on the first of these."""

    totals: dict[str, Totals] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    peak: int | None = None


@dataclass(slots=True)
class Layered:
    """A model of a file. ``shown`` are the targets that its layers have latencies of, ``used`` those of the settings.

    ``findings`` says by fingerprint which layers a finding is about. ``limit`` are the bytes that activations may take
    on the first target, and who says so (:class:`advisor.limits.MemoryLimit`). ``then`` is what a move makes of the
    model, ``change`` what it does, ``changed`` the paths of the layers that are others in it, come or go. ``kept`` has
    for each layer of ``then`` the number of one of ``now`` that is like it but for its place, or None."""

    model: str
    used: list[str]
    shown: list[str]
    now: Layers = field(default_factory=Layers)
    sites: list[Span] = field(default_factory=list)
    findings: dict[str, list[int]] = field(default_factory=dict)
    limit: tuple[int, str] | None = None
    then: Layers | None = None
    change: str = ""
    changed: list[str] = field(default_factory=list)
    kept: list[int | None] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able values; a layer is a list in the order of its fields, a file's name stands there once."""
        files: dict[str, int] = {}
        return {
            "model": self.model,
            "used": self.used,
            "shown": self.shown,
            "now": _plain(self.now),
            "sites": [(files.setdefault(file, len(files)), *rest) for file, *rest in self.sites],
            "files": list(files),
            "findings": self.findings,
            "limit": self.limit,
            "then": None if self.then is None else _plain(self.then),
            "change": self.change,
            "changed": self.changed,
            "kept": self.kept,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Layered:
        """The inverse of :meth:`to_plain`, after msgpack made lists of tuples."""
        files = plain["files"]
        return cls(
            model=plain["model"],
            used=plain["used"],
            shown=plain["shown"],
            now=_layers(plain["now"]),
            sites=[Span(files[file], *rest) for file, *rest in plain["sites"]],
            findings=plain["findings"],
            limit=None if plain["limit"] is None else tuple(plain["limit"]),
            then=None if plain["then"] is None else _layers(plain["then"]),
            change=plain["change"],
            changed=plain["changed"],
            kept=plain["kept"],
        )


def _plain(layers: Layers) -> dict[str, Any]:
    return {
        "totals": {name: astuple(total) for name, total in layers.totals.items()},
        "layers": [_fields(layer) for layer in layers.layers],
        "peak": layers.peak,
    }


def _layers(plain: Mapping[str, Any]) -> Layers:
    totals = {name: Totals(*total) for name, total in plain["totals"].items()}
    return Layers(totals, [Layer(*layer) for layer in plain["layers"]], plain["peak"])


_fields = attrgetter(*Layer.__slots__)
