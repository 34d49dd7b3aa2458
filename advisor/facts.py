"""Facts on a graph: what was measured of the network at its initialisation, as plain data for rules and reports.

They come from :mod:`advisor.worker.proxies`, which needs the module itself; a graph without facts was not scored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SOURCE = "zero-shot proxies at initialisation, seed {seed}"


class FactsError(ValueError):
    """A plain form that is none of :meth:`Facts.to_plain`."""


class Score(NamedTuple):
    """A proxy's ``value`` and the ``seconds`` it took; without a value, ``why``."""

    value: float | None
    seconds: float | None = None
    why: str = ""


class LayerFact(NamedTuple):
    """How one layer answers a Gaussian batch: ``signal`` is the root mean square of its output, ``spread`` the share of
    that which differs between the inputs, ``gradient`` the root mean square of its output's gradient."""

    path: str
    signal: float
    spread: float
    gradient: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the proxies say of one network.

    ``input`` is the shape that they ran on. ``scores`` by the proxy's name; ``layers`` in the order of execution;
    ``blocks`` are the primary blocks, by the path of the last module, with the entropy of their features in nats.
    ``why`` says why there is nothing at all, ``layers_why`` why there are no layers.
    """

    source: str
    input: str = ""
    scores: Mapping[str, Score] = field(default_factory=dict)
    layers: Sequence[LayerFact] = ()
    blocks: Sequence[tuple[str, float]] = ()
    why: str = ""
    layers_why: str = ""

    def value(self, name: str) -> float | None:
        """A proxy's value; None where it has none."""
        score = self.scores.get(name)
        return None if score is None else score.value

    def to_plain(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "input": self.input,
            "scores": {name: list(score) for name, score in self.scores.items()},
            "layers": [list(layer) for layer in self.layers],
            "blocks": [list(block) for block in self.blocks],
            "why": self.why,
            "layers_why": self.layers_why,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Facts:
        """The facts of a plain form. Raises :class:`FactsError` on anything else."""
        try:
            return cls(
                plain["source"],
                plain["input"],
                {name: Score(*score) for name, score in plain["scores"].items()},
                tuple(LayerFact(*layer) for layer in plain["layers"]),
                tuple((path, entropy) for path, entropy in plain["blocks"]),
                plain["why"],
                plain["layers_why"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise FactsError(f"malformed facts: {type(e).__name__}: {e}") from e

    @classmethod
    def from_worker(cls, said: Mapping[str, Any]) -> Facts:
        """The facts of a score event (``advisor/worker/scoring.py``)."""
        if "why" in said:
            return cls(SOURCE.format(seed=0), why=said["why"])
        layers = said["layers"]
        return cls(
            SOURCE.format(seed=said["seed"]),
            said["input"],
            scores(said["scores"]),
            tuple(LayerFact(*row) for row in layers.get("rows", ()) if all(map(math.isfinite, row[1:]))),
            tuple((path, entropy) for path, entropy in said["blocks"]["rows"]),
            layers_why=layers.get("why", ""),
        )


def scores(said: Mapping[str, Mapping[str, Any]]) -> dict[str, Score]:
    """The worker's scores; a number that is not finite is no value."""
    return {
        name: Score(one["value"], one["seconds"])
        if math.isfinite(one.get("value", math.nan))
        else Score(None, why=one.get("why", "it is not finite"))
        for name, one in said.items()
    }
