"""What differs between two graphs of which one was made by editing the other."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.graph import Graph, Op


@dataclass(slots=True)
class Difference:
    """Objects that both graphs have are the same in both.

    ``changed`` are the tensors of ``after`` that are new or another than in ``before``; ``gone`` the ops that only
    ``before`` has, ``come`` those that only ``after`` has; ``aligned`` says that one stands for the other, each in its
    place, and ``ordered`` that the ops of both are in one order.
    """

    before: Graph
    after: Graph
    changed: set[int]
    gone: list[Op]
    come: list[Op]
    aligned: bool
    ordered: bool

    @classmethod
    def between(cls, before: Graph, after: Graph) -> Difference:
        was = before.tensors.get
        changed = {t for t, tensor in after.tensors.items() if was(t) is not tensor}
        if len(before.ops) == len(after.ops):
            pairs = [(a, b) for a, b in zip(before.ops, after.ops, strict=True) if a is not b]
            if all(a.key == b.key for a, b in pairs):
                return cls(before, after, changed, [a for a, _ in pairs], [b for _, b in pairs], True, True)
        then, now = before.by_key.get, after.by_key.get
        gone = [op for op in before.ops if now(op.key) is not op]
        come = [op for op in after.ops if then(op.key) is not op]
        position = before.position
        kept = [position[op.key] for op in after.ops if then(op.key) is op]
        return cls(before, after, changed, gone, come, False, kept == sorted(kept))

    def roles_changed(self) -> bool:
        """Whether a tensor of both has another role in each."""
        was, now = self.before.tensors, self.after.tensors
        return any(was[t].role != now[t].role for t in self.changed if t in was)
