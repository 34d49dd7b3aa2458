"""What the hub knows of a file: its findings and its layers by source place, without graphs.

A view is made of a :class:`advisor.report.FileReport` in an analyst's process, travels to the hub as plain data and is
all that diagnostics, hints, hovers, lenses and actions read. Lines and columns are :class:`advisor.graph.Span`'s: from
1, in code points, ends exclusive. Latencies are µs, sizes bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from advisor.findings import Finding, Related
from advisor.graph import Span

Phase = Literal["static", "traced"]


def digest(text: str) -> str:
    """Names a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@dataclass(slots=True)
class Instance:
    """One executed layer. ``latency_us`` by target; None is an op that the target's cost model does not count.

    ``output`` is the first output's shape, ``inputs`` are the activations'.
    """

    model: str
    path: str
    label: str
    inputs: list[list[int]]
    output: list[int]
    dtype: str
    params: int
    macs: int | None
    live_bytes: int | None
    latency_us: dict[str, float | None]


@dataclass(slots=True)
class Place:
    """A source place with all layers that are created there (``created``) or called there.

    ``origin`` leads from the place outwards through user code to where its numbers come from (the module's creation
    chain); spans of other files included.
    """

    span: Span
    created: bool
    instances: list[Instance] = field(default_factory=list)
    origin: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class Totals:
    """A model's costs on one target. ``label`` says what kind of number it is; ``uncounted`` how many ops it lacks."""

    label: str
    latency_us: float
    macs: int
    params: int
    weights_bytes: int
    peak_bytes: int
    uncounted: int
    together_us: float | None = None


@dataclass(slots=True)
class Model:
    """One model of the file; ``span`` is its name in the source. ``status`` and ``rung`` are the report's."""

    name: str
    span: Span
    status: str
    rung: str | None
    construct: str
    input: str
    totals: dict[str, Totals]
    findings: int


@dataclass(slots=True)
class View:
    """One file as last analysed. ``content`` is the digest of the text it was made of (:func:`daemon.view.digest`)."""

    path: str
    content: str
    phase: Phase
    targets: list[str]
    models: list[Model] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> View:
        """The inverse of :meth:`to_plain`, after msgpack made lists of tuples."""
        return cls(
            **{
                **plain,
                "models": [
                    Model(
                        **{
                            **m,
                            "span": Span(*m["span"]),
                            "totals": {name: Totals(**t) for name, t in m["totals"].items()},
                        }
                    )
                    for m in plain["models"]
                ],
                "places": [
                    Place(
                        Span(*p["span"]),
                        p["created"],
                        [Instance(**i) for i in p["instances"]],
                        [Span(*s) for s in p["origin"]],
                    )
                    for p in plain["places"]
                ],
                "findings": [
                    Finding(
                        **{
                            **f,
                            "span": Span(*f["span"]),
                            "related": [Related(Span(*r["span"]), r["message"]) for r in f["related"]],
                        }
                    )
                    for f in plain["findings"]
                ],
            }
        )
