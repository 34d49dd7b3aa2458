"""A predictor: the regressors of one target with what they were made of, as bytes and back.

They are msgpack, compressed; arrays are raw little-endian bytes. Nothing in them is evaluated.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from advisor.costs import Label
from advisor.targets import Target

from .features import NAMES, RANGED, VERSION
from .forest import Forest

FORMAT = "nas-advisor predictor"
_UNREAD = frozenset(
    {"name", "description", "sources", "memory_budget", "energy", "instead", "why", "source", "precisions"}
)
"""Facts of a target that neither a price nor a measurement of its own type depends on."""


class PredictorError(ValueError):
    """Bytes that are no predictor, or one that cannot be used here; says why."""


@dataclass(slots=True, eq=False)
class Regressor:
    """What is known of one kind of kernel.

    Its trees begin at number ``first``. ``bias`` is added to their sum: what they start from, and what makes the
    kernels' sum come out right. ``spread`` is the half-width of the 90 % interval of the logarithm. ``low`` and
    ``high`` are the least and the most seen in training of the columns ``features.RANGED``.
    """

    first: int
    bias: float
    spread: float
    low: NDArray[np.float32]
    high: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Predictor:
    """The regressors of one target, ``count`` trees each.

    They predict ``log((cycles + FLOOR_CYCLES) / (staged cycles + FLOOR_CYCLES))``. ``scale`` widens a network's
    aggregated spread to its 90 % interval. ``basis`` names the ground truth, ``label`` is that of a prediction.
    ``facts`` are for people: what it was trained and validated on.
    """

    target: str
    fingerprint: str
    label: Label
    basis: str
    count: int
    forest: Forest
    kinds: dict[str, Regressor]
    scale: float
    facts: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        forest = self.forest
        plain = {
            "format": FORMAT,
            "version": VERSION,
            "columns": list(NAMES),
            "target": self.target,
            "fingerprint": self.fingerprint,
            "label": self.label,
            "basis": self.basis,
            "count": self.count,
            "depth": forest.depth,
            "feature": forest.feature.tobytes(),
            "threshold": forest.threshold.astype("<f4").tobytes(),
            "value": forest.value.astype("<f2").tobytes(),
            "kinds": {
                kind: [r.first, r.bias, r.spread, r.low.astype("<f4").tobytes(), r.high.astype("<f4").tobytes()]
                for kind, r in self.kinds.items()
            },
            "scale": self.scale,
            "facts": self.facts,
        }
        packed = msgpack.packb(plain)
        assert packed is not None  # it is only for a packer that streams
        return zlib.compress(packed, 9)

    @classmethod
    def from_bytes(cls, data: bytes) -> Predictor:
        """Raises :class:`PredictorError` on anything but a predictor of this version."""
        try:
            plain = msgpack.unpackb(zlib.decompress(data))
            if not isinstance(plain, dict) or plain.get("format") != FORMAT:
                raise PredictorError("it is no predictor")
            if plain["version"] != VERSION or plain["columns"] != list(NAMES):
                raise PredictorError("another version of the advisor made it")
            return cls(
                target=plain["target"],
                fingerprint=plain["fingerprint"],
                label=plain["label"],
                basis=plain["basis"],
                count=plain["count"],
                forest=_forest(plain),
                kinds={kind: _regressor(*given) for kind, given in plain["kinds"].items()},
                scale=plain["scale"],
                facts=plain["facts"],
            )
        except (zlib.error, msgpack.exceptions.UnpackException, ValueError, TypeError, KeyError) as e:
            raise e if isinstance(e, PredictorError) else PredictorError("it is damaged") from e


def _forest(plain: Mapping[str, Any]) -> Forest:
    depth = int(plain["depth"])
    inner = 2**depth - 1
    made = Forest(
        depth,
        np.frombuffer(plain["feature"], np.uint8).reshape(-1, inner),
        np.frombuffer(plain["threshold"], "<f4").astype(np.float32).reshape(-1, inner),
        np.frombuffer(plain["value"], "<f2").astype(np.float32).reshape(-1, inner + 1),
    )
    needed = max([given[0] + plain["count"] for given in plain["kinds"].values()], default=0)
    if not len(made.feature) == len(made.threshold) == len(made.value) >= needed:
        raise ValueError("trees are missing")
    if made.feature.size and int(made.feature.max()) >= len(NAMES):
        raise ValueError("a tree asks for a column that there is not")
    return made


def _regressor(first: int, bias: float, spread: float, low: bytes, high: bytes) -> Regressor:
    ranges = [np.frombuffer(b, "<f4").astype(np.float32) for b in (low, high)]
    if any(r.shape != (len(RANGED),) for r in ranges) or first < 0:
        raise ValueError("a range is incomplete")
    return Regressor(int(first), float(bias), float(spread), *ranges)


def fingerprint(target: Target) -> str:
    """Names what prices and measurements on ``target`` depend on: two targets of one fingerprint cost the same."""
    return hashlib.sha256(repr(_plain(target)).encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        # What is as if not given is left out: a new key changes nothing for those that do not use it.
        return [
            (f.name, _plain(v))
            for f in fields(value)
            if f.name not in _UNREAD and ((v := getattr(value, f.name)) != f.default or f.default is MISSING)
        ]
    if isinstance(value, Mapping):
        return sorted((str(k), _plain(v)) for k, v in value.items())
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
