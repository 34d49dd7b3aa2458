"""Functions that move, view, copy, select or join data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .meaning import Call, Meaning, dimension, dimensions, ints, shape, spec, words
from .recording import Node

Handler = Callable[[Call], Meaning | None]


def _of_all(op: str) -> Handler:
    """An op that reads every tensor it is given and has no attributes."""
    return lambda call: Meaning(op, {}, call.nodes)


def _of_first(op: str) -> Handler:
    """An op that reads its first tensor only; a second gives a shape (``view_as``)."""
    return lambda call: Meaning(op, {}, [call.x])


def _view(call: Call) -> Meaning:
    """``view`` reinterprets a dtype, too."""
    return Meaning("cast" if call.out[0].dtype != spec(call.x).dtype else "reshape", {}, [call.x])


def _to(call: Call) -> Meaning:
    return Meaning("cast" if call.out[0].dtype != spec(call.x).dtype else "copy", {}, [call.x])


def _permute(call: Call) -> Meaning:
    return Meaning("permute", {"dims": dimensions(call.rest(1, "dims"), len(shape(call.x)))}, [call.x])


def _swapped(call: Call, a: int, b: int) -> Meaning:
    dims = list(range(len(shape(call.x))))
    dims[a], dims[b] = dims[b], dims[a]
    return Meaning("permute", {"dims": dims}, [call.x])


def _transpose(call: Call) -> Meaning:
    rank = len(shape(call.x))
    a = call.get(1, "dim0", call.kwargs.get("axis0"))
    b = call.get(2, "dim1", call.kwargs.get("axis1"))
    return _swapped(call, dimension(a, rank), dimension(b, rank))


def _last_two(call: Call) -> Meaning:
    """``t()``, ``.mT``, ``.mH``, ``adjoint()``; ``t()`` leaves a vector as it is."""
    if len(shape(call.x)) < 2:
        return Meaning("identity", {}, [call.x])
    return _swapped(call, -2, -1)


def _all_reversed(call: Call) -> Meaning:
    return Meaning("permute", {"dims": list(range(len(shape(call.x))))[::-1]}, [call.x])


def _movedim(call: Call) -> Meaning:
    rank = len(shape(call.x))
    source, target = dimensions(call.get(1, "source"), rank), dimensions(call.get(2, "destination"), rank)
    rest = iter(d for d in range(rank) if d not in source)
    dims = [source[target.index(d)] if d in target else next(rest) for d in range(rank)]
    return Meaning("permute", {"dims": dims}, [call.x])


def _concat(call: Call) -> Meaning:
    """An empty vector among tensors of another rank is what torch takes it for: nothing to be joined."""
    rank = len(call.out[0].shape)
    dim = call.get(1, "dim", call.kwargs.get("axis", 0))
    nodes = [node for node in call.nodes if len(shape(node)) == rank]
    return Meaning("concat", {"dim": dimension(dim, rank)}, nodes)


def _concat_along(dim: int) -> Handler:
    """``hstack`` and its kin; vectors have one dimension to be joined along, or become rows or columns."""

    def handler(call: Call) -> Meaning:
        rank = len(call.out[0].shape)
        along = min(dim, rank - 1)
        ranks = {len(shape(node)) for node in call.nodes}
        if ranks == {rank}:
            return Meaning("concat", {"dim": along}, call.nodes)
        if ranks == {rank - 1}:
            return Meaning("stack", {"dim": along}, call.nodes)
        return Meaning("gather", {}, call.nodes)

    return handler


def _stack(call: Call) -> Meaning:
    return Meaning("stack", {"dim": dimension(call.get(1, "dim", 0), len(call.out[0].shape))}, call.nodes)


def _split(call: Call) -> Meaning:
    dim = dimension(call.get(2, "dim", 0), len(shape(call.x)))
    sizes = [o.shape[dim] for o in call.out]
    return Meaning("split", {"dim": dim, "sizes": sizes, "equal": call.name in ("chunk", "unsafe_chunk")}, [call.x])


def _unbind(call: Call) -> Meaning:
    return Meaning("unbind", {"dim": dimension(call.get(1, "dim", 0), len(shape(call.x)))}, [call.x])


def _getitem(call: Call) -> Meaning:
    x, key = call.args
    index = basic_index(key, shape(x))
    if index is None:
        return Meaning("gather", {}, call.nodes)
    if all(i is None or i == "new" for i in index):
        return Meaning("reshape", {}, [x])
    return Meaning("slice", {"index": index}, [x])


def basic_index(key: Any, size: tuple[int, ...]) -> list[Any] | None:
    """A subscript as the vocabulary's ``index``, slices resolved against ``size``; None when a tensor or a list
    selects.
    """
    items = list(key) if isinstance(key, tuple) else [key]
    consumed = sum(1 for i in items if i is not None and i is not Ellipsis)
    index: list[Any] = []
    dim = 0
    for item in items:
        if item is None:
            index.append("new")
        elif item is Ellipsis:
            index.extend([None] * (len(size) - consumed))
            dim += len(size) - consumed
        elif isinstance(item, slice):
            if any(isinstance(v, Node) for v in (item.start, item.stop, item.step)):
                return None
            bounds = [int(v) for v in item.indices(size[dim])]
            index.append(None if bounds == [0, size[dim], 1] else bounds)
            dim += 1
        elif isinstance(item, int) and not isinstance(item, bool):
            index.append(int(item))
            dim += 1
        else:
            return None
    return index


def _along(x: Node, dim: Any, item: Any) -> Meaning:
    """A slice of one dimension."""
    return Meaning("slice", {"index": [*[None] * dimension(dim, len(shape(x))), item]}, [x])


def _select(call: Call) -> Meaning:
    index = call.get(2, "index")
    if isinstance(index, Node):
        return Meaning("gather", {}, call.nodes)
    return _along(call.x, call.get(1, "dim"), int(index))


def _narrow(call: Call) -> Meaning:
    x, dim, start = call.x, call.get(1, "dim"), call.get(2, "start")
    if isinstance(start, Node):
        return Meaning("gather", {}, call.nodes)
    start = dimension(start, shape(x)[dim])
    return _along(x, dim, [start, start + int(call.get(3, "length")), 1])


def _pad(call: Call) -> Meaning:
    attrs = {"pad": [int(p) for p in call.get(1, "pad")], "mode": str(call.get(2, "mode", "constant"))}
    return Meaning("pad", attrs, [call.x])


def _named_pad(call: Call) -> Meaning:
    """``aten.constant_pad_nd``, ``reflection_pad2d`` and their kin: the mode is in the name."""
    mode = {"constant": "constant", "reflection": "reflect", "replication": "replicate"}[call.name.split("_")[0]]
    return Meaning("pad", {"pad": [int(p) for p in call.get(1, "padding")], "mode": mode}, [call.x])


def _roll(call: Call) -> Meaning:
    shifts = call.get(1, "shifts")
    attrs = {
        "shifts": ints(shifts, 1),
        "dims": dimensions(call.get(2, "dims"), len(shape(call.x))),
    }
    return Meaning("roll", attrs, [call.x])


def _flip(call: Call) -> Meaning:
    return Meaning("flip", {"dims": dimensions(call.rest(1, "dims"), len(shape(call.x)))}, [call.x])


def _repeat(call: Call) -> Meaning:
    """How often each dimension of the result repeats the input's, whichever function asked for it."""
    x, out = call.x, call.out[0].shape
    before = (1,) * (len(out) - len(shape(x))) + shape(x)
    return Meaning("repeat", {"repeats": [o // b if b else 1 for o, b in zip(out, before, strict=True)]}, [x])


def _repeat_interleave(call: Call) -> Meaning:
    if isinstance(call.get(1, "repeats"), Node) or len(call.out[0].shape) != len(shape(call.x)):
        return Meaning("gather", {}, call.nodes)
    return _repeat(call)


def _unfold(call: Call) -> Meaning:
    """``F.unfold``, which torch calls im2col: (input, kernel, dilation, padding, stride)."""
    names = ("kernel_size", "dilation", "padding", "stride")
    kernel, dilation, padding, stride = (ints(call.get(i, n, 1), 2) for i, n in enumerate(names, 1))
    return Meaning("unfold", {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}, [call.x])


def _with_factor(op: str, name: str, attr: str) -> Handler:
    return lambda call: Meaning(op, {attr: int(call.get(1, name))}, [call.x])


def _where(call: Call) -> Meaning:
    """``where(c, a, b)`` chooses element by element, ``where(c)`` reads positions from the data."""
    if len(call.args) + len(call.kwargs) == 1:
        return Meaning("gather", {}, call.nodes)
    return Meaning("elementwise", {"fn": "where"}, call.nodes)


_VIEWS = words(
    "reshape flatten unflatten squeeze unsqueeze ravel view_as reshape_as as_strided atleast_1d atleast_2d atleast_3d"
)
_CASTS = words("to type type_as float double half bfloat16 long int short bool char byte cfloat cdouble")
_IDENTITIES = words(
    "detach alias dropout alpha_dropout feature_dropout feature_alpha_dropout data.get data.set resolve_conj "
    "real.get lift_fresh"
)
_READS = words("index_select gather take take_along_dim masked_select nonzero index one_hot diagonal diag diag_embed")
_WRITES = words(
    "setitem copy contiguous clone index_put index_add index_copy index_fill scatter scatter_add scatter_reduce "
    "masked_scatter fill_diagonal slice_scatter select_scatter"
)
_SPLITS = words("split split_with_sizes chunk tensor_split unsafe_chunk unsafe_split unsafe_split_with_sizes")

TABLE: dict[str, Handler] = {
    **dict.fromkeys(_VIEWS, _of_first("reshape")),
    "view": _view,
    **dict.fromkeys(_CASTS, _to),
    "permute": _permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transpose),
    **dict.fromkeys(("t", "mT.get", "mH.get", "adjoint"), _last_two),
    **dict.fromkeys(("T.get", "H.get"), _all_reversed),
    **dict.fromkeys(("movedim", "moveaxis"), _movedim),
    **dict.fromkeys(("cat", "concat", "concatenate"), _concat),
    **dict.fromkeys(("hstack", "column_stack"), _concat_along(1)),
    **dict.fromkeys(("vstack", "row_stack"), _concat_along(0)),
    "dstack": _concat_along(2),
    "stack": _stack,
    **dict.fromkeys(_SPLITS, _split),
    "unbind": _unbind,
    "getitem": _getitem,
    "select": _select,
    "narrow": _narrow,
    "pad": _pad,
    "constant_pad_nd": _named_pad,
    **{f"{mode}_pad{n}d": _named_pad for mode in ("reflection", "replication") for n in (1, 2, 3)},
    "roll": _roll,
    "flip": _flip,
    **dict.fromkeys(("repeat", "tile"), _repeat),
    "repeat_interleave": _repeat_interleave,
    # Tensor.unfold(dim, size, step) is a view whose windows overlap, as expand is one whose elements do
    **dict.fromkeys(("expand", "expand_as", "broadcast_to", "unfold"), _of_first("expand")),
    **dict.fromkeys(("broadcast_tensors", "meshgrid"), _of_all("expand")),
    "im2col": _unfold,
    "pixel_shuffle": _with_factor("pixel_shuffle", "upscale_factor", "factor"),
    "pixel_unshuffle": _with_factor("pixel_unshuffle", "downscale_factor", "factor"),
    **dict.fromkeys(("channel_shuffle", "native_channel_shuffle"), _with_factor("channel_shuffle", "groups", "groups")),
    "where": _where,
    **dict.fromkeys(_READS, _of_all("gather")),
    **dict.fromkeys(_WRITES, _of_all("copy")),
    **dict.fromkeys(_IDENTITIES, _of_first("identity")),
}
