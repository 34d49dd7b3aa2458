"""What fusing or splitting an inverted bottleneck means for the modules of its block, by paths relative to the block.

The block is the smallest module of a class of the user's own that everything concerned is part of. Blocks of one class
that are built alike have the same plan, so one edit of their class serves them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...graph import Graph, Op, Span
from ...moves.base import name
from ...moves.chain import between, next_op
from ...moves.inverted_bottleneck import FuseIBN, UnfuseIBN, find_ibn
from ..proposal import Unfixable

Path = tuple[str, ...]
"""A module's path below another's, in its parts; empty for that other itself."""

TORCH = "torch.nn."


@dataclass(frozen=True, slots=True)
class FusePlan:
    """``made``: where the k×k convolution goes, in place of ``depthwise`` or of ``expand``. ``gone``: the outermost
    modules that compute nothing any more. ``calls``: calls in the block's own code that have to go, because what they
    call is a function, or a module that is called again elsewhere. ``bias``: of the new convolution, which has
    ``rank`` spatial dimensions."""

    expand: Path
    depthwise: Path
    made: Path
    gone: tuple[Path, ...]
    calls: tuple[Span, ...]
    bias: bool
    rank: int


@dataclass(frozen=True, slots=True)
class UnfusePlan:
    """``conv`` becomes a 1×1 convolution, the norm and the activation that follow it once more, and a depthwise one.
    ``norm`` and ``act`` are the modules that do so; ``fn`` the activation's name where it is no module of its own."""

    conv: Path
    norm: Path | None
    act: Path | None
    fn: str
    bias: bool
    rank: int


Plan = FusePlan | UnfusePlan
M = FuseIBN | UnfuseIBN


@dataclass(frozen=True, slots=True)
class Block:
    """One block that a move is about: ``path`` of the module, ``ops`` that are concerned, in execution order."""

    path: str
    move: M
    ops: tuple[Op, ...]
    plan: Plan

    def below(self, path: Path) -> str:
        """The whole path of a module of the block."""
        return ".".join((self.path, *path)) if self.path else ".".join(path)


def fused_block(graph: Graph, move: FuseIBN, owner: str | None = None) -> Block:
    """The block of an inverted bottleneck to be fused; ``owner`` is the module to take for it, by default the innermost
    of a user's class. Raises :class:`Unfixable`."""
    expand, depthwise = graph.by_key[move.expand], graph.by_key[move.depthwise]
    first = between(graph, expand, depthwise)
    if first is None:
        raise Unfixable(f"{name(depthwise)} does not follow {name(expand)} directly")
    chain = [op for op in first if op.op != "identity"]
    after = _norm_act(graph, depthwise)
    kinds = {op.op for op in after}
    kept = [op for op in chain if op.op not in kinds]
    _layers(expand, depthwise)
    concerned = (expand, *chain, depthwise)
    owner = _owner(graph, concerned) if owner is None else owner
    # The new convolution stands where what follows it is what shall follow: after the depthwise one, unless a norm or
    # an activation of the expansion stays.
    removed = [depthwise, *(op for op in chain if op not in kept)] if kept else [expand, *chain]
    gone, calls = _gone(graph, removed, owner)
    places = (_relative(expand.path, owner), _relative(depthwise.path, owner))
    plan = FusePlan(*places, places[0] if kept else places[1], gone, calls, *_made(expand))
    return Block(owner, move, concerned, plan)


def unfused_block(graph: Graph, move: UnfuseIBN, owner: str | None = None) -> Block:
    """The block of a convolution to be split. Raises :class:`Unfixable`."""
    conv = graph.by_key[move.conv]
    _layers(conv)
    after = _norm_act(graph, conv)
    norm = next((op for op in after if op.op == "batch_norm"), None)
    act = next((op for op in after if op.op == "activation"), None)
    if owner is None:  # what projects again belongs to the block too
        project = [graph.by_key[b.project] for b in find_ibn(graph) if b.expand == conv.key]
        owner = _owner(graph, [conv, *after, *project])
    inside = {op.path for op in after if op.path.startswith(f"{norm.path}.")} if norm is not None else set()
    combined = act is not None and act.path in inside  # a norm with an activation built in is copied whole
    plan = UnfusePlan(
        _relative(conv.path, owner),
        None if norm is None else _module(norm, owner),
        None if act is None or combined or not act.module else _relative(act.path, owner),
        "" if act is None or combined or act.module else str(act.attrs["fn"]),
        *_made(conv),
    )
    return Block(owner, move, (conv, *after), plan)


def _made(conv: Op) -> tuple[bool, int]:
    """Whether a convolution has a bias, and its spatial dimensions."""
    return "bias" in conv.weights, len(conv.attrs["kernel"])


def _module(op: Op, owner: str) -> Path:
    if not op.module:
        raise Unfixable(f"{op.target} in {op.path or 'the model'} is a function: there is no module to copy")
    return _relative(op.path, owner)


def _layers(*ops: Op) -> None:
    for op in ops:
        if not op.module or not op.path:
            raise Unfixable(f"{op.target} in {op.path or 'the model'} is a function, not a layer")


def _norm_act(graph: Graph, op: Op) -> list[Op]:
    """The normalisation and the activation right after ``op``, those that are there."""
    found: list[Op] = []
    after = next_op(graph, op)
    for kind in ("batch_norm", "activation"):
        if after is not None and after.op == kind:
            found.append(after)
            after = next_op(graph, after)
    return found


# ---- paths


def parent(path: str) -> str:
    """The path of the module around."""
    return path.rpartition(".")[0]


def within(path: str, outer: str) -> bool:
    """Whether a module is another one or a part of it."""
    return not outer or path == outer or path.startswith(f"{outer}.")


def _relative(path: str, owner: str) -> Path:
    rest = path[len(owner) + 1 :] if owner else path
    return tuple(rest.split(".")) if path != owner and rest else ()


def common(paths: Sequence[str]) -> str:
    """The path of the innermost module that all are strictly below."""
    outer = parent(paths[0])
    while not all(within(p, outer) and p != outer for p in paths):
        outer = parent(outer)
    return outer


def own_class(graph: Graph, path: str) -> bool:
    """Whether a module is of a class of somebody's own, not torch's."""
    return path in graph.modules and not graph.modules[path].type.startswith(TORCH)


def _owner(graph: Graph, ops: Iterable[Op]) -> str:
    # A function belongs to the module in whose forward it is called: that one may be the block itself.
    path = common([op.path if op.module else f"{op.path}.()".lstrip(".") for op in ops])
    while path and not own_class(graph, path):
        path = parent(path)
    return path


def _gone(graph: Graph, removed: Sequence[Op], owner: str) -> tuple[tuple[Path, ...], tuple[Span, ...]]:
    """The outermost modules below ``owner`` all of whose operations are ``removed``, and the calls of what is in
    none."""
    keys = {op.key for op in removed}
    staying: set[str] = set()
    for op in graph.ops:
        if op.key not in keys and op.op != "identity":
            path = op.path
            while path:
                staying.add(path)
                path = parent(path)
    gone: dict[Path, None] = {}
    calls: list[Span] = []
    for op in removed:
        path = op.path
        if path in staying or path == owner:
            calls.append(_call(op, owner))
            continue
        while parent(path) != owner and parent(path) not in staying and within(parent(path), owner):
            path = parent(path)
        gone[_relative(path, owner)] = None
    return tuple(gone), tuple(calls)


def _call(op: Op, owner: str) -> Span:
    caller = op.path if not op.module else parent(op.path)
    if op.call is None or not within(caller, owner):
        raise Unfixable(f"where {name(op)} is called in {owner or 'the model'} is not known")
    return op.call
