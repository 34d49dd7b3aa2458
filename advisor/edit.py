"""Editing a graph: copy on write, so that what a move leaves alone stays the same object.

Every move builds its result through :class:`GraphEdit`. It copies the op list and the tensor table once (two shallow
copies) and replaces only what the move touches; the estimator then sees by identity what changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .graph import Graph, Op, Tensor


class MoveError(ValueError):
    """A move that cannot be applied; the message tells a person why."""


class GraphEdit:
    """A graph under construction. ``tensors`` may be written to directly; ops only through the methods."""

    def __init__(self, base: Graph) -> None:
        self.base = base
        self.tensors: dict[int, Tensor] = dict(base.tensors)
        self.touched: set[int] = set()
        """Keys of ops that were replaced or inserted, for :func:`advisor.shapes.propagate`."""
        self._changed: dict[int, Op] = {}
        self._removed: set[int] = set()
        self._inserted: dict[int, list[Op]] = {}
        self._renamed: dict[int, int] = {}
        self._next_key = max(base.position, default=0) + 1
        self._next_tensor = max(base.tensors, default=0) + 1

    def op(self, key: int) -> Op:
        """The op as it stands now; raises :class:`MoveError` when the graph has none of that key."""
        if key in self._changed:
            return self._changed[key]
        if key in self._removed or key not in self.base.position:
            raise MoveError(f"the graph has no operation {key}")
        return self.base.ops[self.base.position[key]]

    def update(self, key: int, **fields: Any) -> Op:
        """Replace fields of an op (``attrs`` are merged into the old ones)."""
        old = self.op(key)
        if "attrs" in fields:
            fields["attrs"] = {**old.attrs, **fields["attrs"]}
        new = replace(old, **fields)
        self._changed[key] = new
        self.touched.add(key)
        return new

    def replace_op(self, key: int, op: str, target: str, attrs: dict[str, Any], weights: dict[str, int]) -> Op:
        """Let another operator stand where op ``key`` stands, on the same inputs and outputs."""
        self.set_weights(key, weights)
        new = replace(self.op(key), op=op, target=target, attrs=attrs)
        self._changed[key] = new
        return new

    def set_weights(self, key: int, weights: dict[str, int]) -> None:
        """Replace what op ``key`` reads as weights; a tensor that nothing reads any more leaves the graph."""
        old = self.op(key).weights
        self.update(key, weights=weights)
        self._forget(t for t in old.values() if t not in weights.values())

    def _forget(self, weights: Iterable[int]) -> None:
        for t in weights:
            readers = (self._changed.get(k, self.base.by_key[k]) for k in self.base.weight_readers.get(t, ()))
            if not any(t in op.weights.values() for op in readers if op.key not in self._removed):
                self.tensors.pop(t, None)

    def add_tensor(self, tensor: Tensor) -> int:
        new = self._next_tensor
        self._next_tensor += 1
        self.tensors[new] = tensor
        return new

    def resize_tensor(self, tensor: int, shape: tuple[int, ...]) -> None:
        self.tensors[tensor] = self.tensors[tensor]._replace(shape=shape)

    def insert_after(self, key: int, **fields: Any) -> Op:
        """A new op with a fresh key, executed after op ``key`` and after what was inserted there before."""
        new = Op(key=self._next_key, **fields)
        self._next_key += 1
        self._inserted.setdefault(key, []).append(new)
        self.touched.add(new.key)
        return new

    def remove(self, key: int) -> None:
        """Take an op out with its outputs and the weights that nothing else reads."""
        op = self.op(key)
        self._removed.add(key)
        self._changed.pop(key, None)
        self.touched.discard(key)
        for t in op.outputs:
            self.tensors.pop(t, None)
        self._forget(op.weights.values())

    def bypass(self, key: int, source: int) -> None:
        """Remove an op of one output; whoever read that now reads tensor ``source``."""
        (out,) = self.op(key).outputs
        self.redirect(out, source)
        self.remove(key)

    def redirect(self, old: int, new: int) -> None:
        """Let every reader of activation ``old`` (the model's outputs included) read ``new``."""
        readers = [op.key for op in self.base.consumers.get(old, ())]
        readers += [key for key, op in self._changed.items() if old in op.inputs and key not in readers]
        for key in readers:
            if key not in self._removed:
                self.update(key, inputs=tuple(new if t == old else t for t in self.op(key).inputs))
        self._renamed[old] = new

    def _final(self, tensor: int) -> int:
        while tensor in self._renamed:
            tensor = self._renamed[tensor]
        return tensor

    def finish(self) -> Graph:
        """The new graph. Shapes are as the edit left them: :func:`advisor.shapes.propagate` brings them up to date."""
        base = self.base
        if not (self._changed or self._removed or self._inserted):
            return base.replace(tensors=self.tensors)
        ops = list(base.ops)
        for key, op in self._changed.items():
            ops[base.position[key]] = op
        if self._removed or self._inserted:
            removed = self._removed
            ops = [op for op in self._with_inserted(ops) if op.key not in removed]
        outputs = base.outputs
        if self._renamed:
            outputs = tuple(map(self._final, outputs))
        moved = base.replace(ops=ops, tensors=self.tensors, outputs=outputs)
        self._index(moved)
        return moved

    def _with_inserted(self, ops: list[Op]) -> list[Op]:
        if not self._inserted:
            return ops
        return [o for op in ops for o in (op, *self._inserted.get(op.key, ()))]

    def _index(self, moved: Graph) -> None:
        """Who reads what, brought up to date from the base's: few ops differ."""
        base, now = self.base, moved.by_key

        def ordered(keys: set[int]) -> list[int]:
            """Those of the keys that are still there, in execution order."""
            left = [key for key in keys if key in now]
            return sorted(left, key=moved.position.__getitem__) if len(left) > 1 else left

        gone = [base.by_key[key] for key in (*self._changed, *self._removed)]
        come = [*self._changed.values(), *(op for ops in self._inserted.values() for op in ops)]
        inputs: dict[int, set[int]] = {t: set() for op in gone for t in op.inputs}
        weights: dict[int, set[int]] = {t: set() for op in gone for t in op.weights.values()}
        for op in come:
            for t in op.inputs:
                inputs.setdefault(t, set()).add(op.key)
            for t in op.weights.values():
                weights.setdefault(t, set()).add(op.key)
        consumers, weight_readers = dict(base.consumers), dict(base.weight_readers)
        for t, keys in inputs.items():
            keys.update([op.key for op in base.consumers.get(t, ())])
            consumers[t] = [now[key] for key in ordered(keys) if t in now[key].inputs]
        for t, keys in weights.items():
            keys.update(base.weight_readers.get(t, ()))
            weight_readers[t] = [key for key in ordered(keys) for w in now[key].weights.values() if w == t]
        for t in (t for t in inputs if not consumers[t]):
            del consumers[t]
        for t in (t for t in weights if not weight_readers[t]):
            del weight_readers[t]
        moved.adopt(consumers=consumers, weight_readers=weight_readers)
