"""Better inputs from what the last one failed with.

Each rule reads one kind of error message of torch, einops or common assertions, and solves for the dimension that was
wrong: the channels of a convolution, the features of a linear layer, the spatial size that flattens to the right
number, the rank, the type. Rules return better guesses, most likely first; none when the message is not theirs.
"""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from .reached import alone, at_leaf
from .reshaping import (
    CLIP,
    first_as,
    first_shape,
    lengthened,
    ranked,
    replaced_dim,
    resized,
    specs_of,
    swapped_width,
    with_dim,
    with_width,
)
from .specs import Guess, Spec

_PYRAMID_SIZES = (256, 64, 320, 128)
_USUAL_SIZES = (32, 64, 28, 128, 96, 112, 227, 256, 299, 384, 48, 84, 24, 16)


def _ints(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def _convolution(guess: Guess, message: str) -> list[Guess]:
    found = re.search(r"expected input\s*\[([\d, ]+)\] to have (\d+) channels", message)
    return _convolved(guess, _ints(found[1]), int(found[2])) if found else []


def _convolved(guess: Guess, shape: tuple[int, ...], wanted: int) -> list[Guess]:
    """``shape`` reached a layer of ``wanted`` channels: other channels, channels first, or as many times more."""
    have = shape[1]
    better = []
    if len(shape) == 4 and shape[-1] == wanted:
        better.append(guess.edited(lambda s: s._replace(shape=(s.shape[0], *s.shape[2:], s.shape[1]))))
    if any(s.shape[1:2] == (have,) for s in specs_of(guess)):
        better += with_dim(guess, shape, 1, wanted)
    elif len(first_shape(guess)) == 3 and have in first_shape(guess)[2:]:  # a sequence whose channels come last
        better.append(first_as(guess, (1, 128, wanted)))
    else:  # the model changed the channels on the way (space to depth, concatenation): by the same factor, or a picture
        better += _shared_width(guess, have, wanted)
        better += [guess.edited(lambda s, n=n: with_width(s, n)) for n in _scaled_widths(guess, have, wanted)]
    return better


def _shared_width(guess: Guess, have: int, wanted: int) -> list[Guess]:
    """Two maps that are concatenated on the way: the second gives what the first leaves, or each a half."""
    maps = [i for i, a in enumerate(guess.args) if isinstance(a, Spec) and len(a.shape) > 2]
    if len(maps) != 2:
        return []
    one, other = guess.args[maps[0]], guess.args[maps[1]]
    rest = other.shape[1] + wanted - have
    pairs = [(one.shape[1], rest), (wanted // 2, wanted - wanted // 2)]
    return [
        guess.with_arg(maps[0], with_width(one, a)).with_arg(maps[1], with_width(other, b))
        for a, b in pairs
        if a > 0 and b > 0
    ]


def _scaled_widths(guess: Guess, have: int, wanted: int) -> list[int]:
    first = next((s.shape[1] for s in specs_of(guess) if len(s.shape) > 2), 0)
    beside = first + wanted - have  # what the model adds: coordinates, positions
    return [
        n for n in dict.fromkeys((*_in_proportion(first, have, wanted), beside, 3, 1)) if 0 < n <= 8192 and n != first
    ]


def _in_proportion(width: int, have: int, wanted: int) -> list[int]:
    """The width that gives ``wanted`` where ``width`` gave ``have``, if it is whole."""
    return [width * wanted // have] if have and width * wanted % have == 0 else []


def _rank(guess: Guess, message: str) -> list[Guess]:
    """Errors about the number of dimensions; the tensor seen may have been reshaped by the model."""
    found = re.search(r"not enough values to unpack \(expected (?:at least )?(\d+), got (\d+)\)", message)
    if found:  # of the shape, or of the shape and something more
        missing = int(found[1]) - int(found[2])
        return [g for rank in (len(first_shape(guess)) + missing, int(found[1])) for g in ranked(guess, rank)]
    rules = (
        (r"Expected (\d)D \(unbatched\) or (\d)D \(batched\) input to \w+, but got input of size: \[([\d, ]*)\]", 2),
        (r"expected (\d)D(?: or \dD)? input \(got (\d)D input\)", 1),
        (r"expected (\d) dims\. Received (\d)-dim", 1),
        (r"too many values to unpack \(expected (\d)", 1),
        (r"input must have (\d) dimensions", 1),
        (r"Expected (\d)-dimensional input", 1),
    )
    for pattern, group in rules:
        found = re.search(pattern, message)
        if found:
            return ranked(guess, int(found[group]))
    found = re.search(r"input\.dim\(\) = (\d).*len\(dims\) = (\d)", message)
    if found:
        return ranked(guess, int(found[2]))
    found = re.search(r"expected to be in range of \[-(\d), \d\], but got (\d)", message)
    if found:
        return ranked(guess, int(found[1]) + 1)
    if "too many indices for tensor of dimension" in message:
        return ranked(guess, len(specs_of(guess)[0].shape) + 1) if specs_of(guess) else []
    return []


def _matrices(guess: Guess, message: str) -> list[Guess]:
    found = re.search(r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)", message)
    if not found:
        found = re.search(r"same reduction dim, but got \[\d+, (\d+)\] X \[(\d+), \d+\]", message)
    return _multiplied(guess, int(found[1]), int(found[2])) if found else []


def _multiplied(guess: Guess, have: int, wanted: int) -> list[Guess]:
    """``have`` features reached a linear layer that takes ``wanted``."""
    last = guess.edited(lambda s: s._replace(shape=(*s.shape[:-1], wanted)) if s.shape[-1:] == (have,) else s)
    first = first_shape(guess)
    patches = _in_proportion(first[1], have, wanted) if len(first) == 4 else []
    return [
        last,
        *(guess.edited(lambda s, n=n: with_width(s, n)) for n in patches if n),
        *_beside(guess, have, wanted),
        *_flattening(guess, have, wanted),
    ]


def _beside(guess: Guess, have: int, wanted: int) -> list[Guess]:
    """``have`` features where the model had added some of its own to the last dimension of the first tensor."""
    first = first_shape(guess)
    rest = first[-1] + wanted - have if len(first) > 1 and first[-1] < have else 0
    return [first_as(guess, (*first[:-1], rest))] if rest > 0 else []


def _flattening(guess: Guess, have: int, wanted: int) -> list[Guess]:
    """Sizes for which a flattened picture or sequence gives ``wanted`` rather than ``have`` numbers."""
    picture = next((s for s in specs_of(guess) if len(s.shape) >= 4), None)
    if picture is None:
        sequence = next((s for s in specs_of(guess) if len(s.shape) == 3), None)
        if sequence is None or not have:
            return []
        return resized(guess, [round(sequence.shape[-1] * wanted / have)])
    now = picture.shape[-1]
    sizes: list[int] = []
    for side in range(1, 65):  # the side of what is flattened: have = channels · side²
        if have % (side * side) == 0:
            new_side = math.isqrt(wanted * side * side // have)
            if new_side and have // (side * side) * new_side * new_side == wanted:
                sizes += [round(now * new_side / side), now * new_side // side + 1]
    estimate = round(now * math.sqrt(wanted / have)) if have else now
    near = [estimate, *(s for s in _USUAL_SIZES if 0.5 < s / max(estimate, 1) < 2)]
    return resized(guess, list(dict.fromkeys([*sizes, *near, *_USUAL_SIZES]))[:12])


def _normalised(guess: Guess, message: str) -> list[Guess]:
    found = re.search(r"normalized_shape=\[([\d, ]+)\].*got input of size\D*([\d, ]+)", message)
    return _layer_normed(guess, _ints(found[2]), _ints(found[1])[-1]) if found else []


def _layer_normed(guess: Guess, shape: tuple[int, ...], wanted: int) -> list[Guess]:
    better = [*with_dim(guess, shape, len(shape) - 1, wanted), *_beside(guess, shape[-1], wanted)]
    if len(shape) == 4 and shape[1] == wanted:
        better = [guess.edited(lambda s: s._replace(shape=(s.shape[0], *s.shape[2:], s.shape[1]))), *better]
    return [*better, first_as(guess, (1, 196, wanted)), first_as(guess, (1, 14, 14, wanted))]


def _batch_norm(guess: Guess, message: str) -> list[Guess]:
    found = re.search(r"running_mean should contain (\d+) elements not (\d+)", message)
    if found:
        old, wanted = int(found[1]), int(found[2])
        return [swapped_width(guess, old, wanted), swapped_width(guess, wanted, old)]
    found = re.search(r"weight of shape \[(\d+)\] and input of shape \[([\d, ]+)\]", message)
    if found:
        return with_dim(guess, _ints(found[2]), 1, int(found[1]))
    found = re.search(r"divisible by num_groups, but got input of shape \[([\d, ]+)\] and num_groups=(\d+)", message)
    if found:
        return with_dim(guess, _ints(found[1]), 1, int(found[2]) * 2)
    return []


def _recurrent(guess: Guess, message: str) -> list[Guess]:
    for pattern in (
        r"input_size\. Expected (?P<wanted>\d+), got (?P<have>\d+)",
        r"inconsistent input_size: got (?P<have>\d+) expected (?P<wanted>\d+)",
        r"embedding dimension of (?P<wanted>\d+), but got (?P<have>\d+)",
    ):
        found = re.search(pattern, message)
        if found:
            return _multiplied(guess, int(found["have"]), int(found["wanted"]))[:1]
    return []


def _stated_size(guess: Guess, message: str) -> list[Guess]:
    """Assertions that name the size they want: "Input height (224) doesn't match model (256)"."""
    if not re.search(
        r"doesn't match|does not match|must match|should be|expected|must be|wrong", message, re.IGNORECASE
    ):
        return []
    present = {n for s in specs_of(guess) for n in s.shape}
    numbers = [n for n in _ints(message) if n not in present and 8 <= n <= 4096]
    if re.search(r"sequence|tokens", message, re.IGNORECASE) and numbers:
        return lengthened(guess, dict.fromkeys(numbers[:4]))
    return resized(guess, dict.fromkeys(numbers[:4]))


def _two_sizes(guess: Guess, message: str) -> list[Guess]:
    """Additions and concatenations of unequal sizes: position tables, or a picture whose size halves unevenly."""
    found = re.search(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)", message)
    if not found:
        found = re.search(r"Expected size (\d+) but got size (\d+)", message)
    if not found:
        return []
    a, b = int(found[1]), int(found[2])
    specs = specs_of(guess)
    if all(len(s.shape) <= 3 for s in specs):
        better = [replaced_dim(guess, x, y) for x, y in ((a, b), (b, a), (a - 1, b - 1), (b - 1, a - 1))]
        return [g for g in better if g.key != guess.key]
    now = max(s.shape[-1] for s in specs if len(s.shape) > 3)
    sizes = []
    for table, have in ((b, a), (a, b)):
        for extra in (0, 1, 2):
            if have > extra < table:
                sizes.append(round(now * math.sqrt((table - extra) / (have - extra))))
                sizes.append(round(now * (table - extra) / (have - extra)))
    even = sorted(dict.fromkeys(sizes), key=lambda n: (n % 32 != 0, n % 16 != 0, n % 4 != 0))
    better = resized(guess, [s for s in even if 7 < s < 2048][:6])
    return [*resized(guess, _PYRAMID_SIZES[:2]), *better] if abs(a - b) <= 2 else [*better, *resized(guess, [256])]


def _broadcast(guess: Guess, message: str) -> list[Guess]:
    """The meta kernels' words for unequal sizes: the dimension that should have had ``length``."""
    pattern = r"dimension of length (\d+) at -(\d+)!.*broadcastable to \[([\d, ]+)\]"
    found = re.search(pattern, message, re.DOTALL)
    if not found:
        return []
    length, back, seen = int(found[1]), int(found[2]), _ints(found[3])
    if back > len(seen):
        return []

    def edit(spec: Spec) -> Spec:
        if len(spec.shape) < back or spec.shape[-back] != seen[-back]:
            return spec
        at = len(spec.shape) - back
        return spec._replace(shape=(*spec.shape[:at], length, *spec.shape[at + 1 :]))

    better = [guess.edited(edit)]
    if length == 3 and len(first_shape(guess)) == 5:
        better.insert(0, first_as(guess, CLIP))
    return better + _two_sizes(guess, f"size of tensor a ({seen[-back]}) must match the size of tensor b ({length})")


def _too_small(guess: Guess, message: str) -> list[Guess]:
    if not re.search(
        r"[Kk]ernel size can't be greater|Output size is too small|non-empty|too small|smaller than|"
        r"Expected more than 1|must be greater|greater than 0|negative dimension|non-positive",
        message,
    ):
        return []
    largest = max((s.shape[-1] for s in specs_of(guess)), default=0)
    return resized(guess, [largest * 2, largest * 4, 224, 512])


def _divisible(guess: Guess, message: str) -> list[Guess]:
    if not re.search(
        r"divisible|divide axis|is invalid for input of size|view size|cannot be evenly|multiple of", message
    ):
        return []
    found = re.search(r"shape '\[([-\d, ]+)\]' is invalid for input of size (\d+)", message)
    better: list[Guess] = []
    if re.search(r"sequence", message, re.IGNORECASE):
        better = lengthened(guess, dict.fromkeys(n for n in (*_ints(message), 128, 1024) if 8 <= n <= 4096))
    if found:
        wanted = math.prod(abs(n) for n in map(int, re.findall(r"-?\d+", found[1])) if n > 0)
        better = _flattening(guess, int(found[2]), wanted)[:4]
    return better + resized(guess, (224, 256, 512, 64, 32, 112, 384, 448))


def _dtype(guess: Guess, message: str) -> list[Guess]:
    if re.search(
        r"argument #1 'indices' to have one of the following scalar types|must be (long|Long|int)|as indices", message
    ):
        first = next(iter(specs_of(guess)), None)
        whole = guess.edited(lambda s: s._replace(dtype="int64"))
        only_first = guess.edited(lambda s: Spec((1, 16), "int64") if s == first else s)
        return [only_first, whole]
    wants_numbers = r"must have the same dtype|scalar type Float|not implemented for 'Long'|should be the same|Long"
    if re.search(wants_numbers, message) and any(s.dtype == "int64" for s in specs_of(guess)):
        return [guess.edited(lambda s: s._replace(dtype="float32"))]
    if re.search(r"[Cc]omplex", message) and all(s.dtype == "float32" for s in specs_of(guess)):
        return [guess.edited(lambda s: s._replace(dtype="complex64"))]
    return []


def _structure(guess: Guess, message: str) -> list[Guess]:
    """Arguments that should have been a list, a number or something else than they are."""
    better: list[Guess] = []
    if re.search(
        r"index \d is out of bounds for dimension 0 with size 1|index out of range|not a sequence|list of|iterat"
        r"|tuple of Tensors",
        message,
    ):
        better += [
            guess.with_arg(0, [guess.args[0]] * n) for n in (2, 3, 4) if guess.args and isinstance(guess.args[0], Spec)
        ]
    if ("NoneType" in message or not message) and any(a is None for a in guess.args):
        first = next(iter(specs_of(guess)), None)
        for i, argument in enumerate(guess.args):
            if argument is None and first is not None:
                sizes = (1, *first.shape)
                length, side = sizes[min(2, len(sizes) - 1)], max(sizes[-1] // 16, 1)
                shapes = (Spec((1, length), "bool"), Spec((1, 1, length, length), "bool"), Spec((1, side, side)), first)
                better += [guess.with_arg(i, s) for s in shapes]
    return better


def _unclear(guess: Guess, message: str) -> list[Guess]:
    """A dict or a number where forward does not take a tensor."""
    better: list[Guess] = []
    if re.search(r"has no attribute '(keys|values|items|get)'|values expected sparse", message) and guess.args:
        better += [guess.with_arg(0, {str(i): guess.args[0] for i in range(n)}) for n in (3, 4)]
    if re.search(
        r"takes an iterable of 'int'|must be tuple of ints|cannot be interpreted as an integer|must be int", message
    ):
        for i, argument in enumerate(guess.args):
            if i and isinstance(argument, Spec):
                better.append(guess.with_arg(i, 2))
    return better


Rule = Callable[[Guess, str], list[Guess]]
_RULES: tuple[Rule, ...] = (
    _convolution,
    _rank,
    _matrices,
    _normalised,
    _batch_norm,
    _recurrent,
    _too_small,
    _divisible,
    _dtype,
    _broadcast,
    _two_sizes,
    _structure,
    _stated_size,
    _unclear,
)


def adapted(guess: Guess, error: BaseException) -> list[Guess]:
    """Guesses that ``error`` suggests instead of ``guess``, most likely first.

    The layer of torch that failed and the shape that reached it say most (meta kernels' messages say little); then the
    message's kind.
    """
    at = failing_layer(error)
    if at is not None:
        layer, given = at
        better = _changed(at_leaf(guess, error, layer, given), guess)
        better += alone(guess, _changed(_at_layer(guess, layer, given.shape), guess))
        if better:
            return better
    message = str(error)
    for rule in _RULES:
        better = _changed(rule(guess, message), guess)
        if better:
            return alone(guess, better)
    if "NoneType" in message:
        return _left_out(guess, error)
    if isinstance(error, AssertionError) and re.search(r"axis|axes|dim|rank|shape", message):
        now = len(first_shape(guess))
        return [g for rank in (3, 4, 2, 5) if rank != now for g in ranked(guess, rank)]
    return []


def _changed(better: list[Guess], guess: Guess) -> list[Guess]:
    return [g for g in better if g.key != guess.key]


def _left_out(guess: Guess, error: BaseException) -> list[Guess]:
    """Optional arguments that the model needs after all: all of them, then each alone, as the first tensor is."""
    first = next(iter(specs_of(guess)), None)
    frames = [f for f, _ in traceback.walk_tb(error.__traceback__) if f.f_code.co_name == "forward"]
    if first is None or not frames or not isinstance(frames[0].f_locals.get("self"), nn.Module):
        return []
    code, local = frames[0].f_code, frames[0].f_locals
    optional = code.co_varnames[1 + len(guess.args) : code.co_argcount]
    missing = [n for n in optional if n not in guess.kwargs and local.get(n, first) is None]
    sets = [missing, *([n] for n in missing)] if len(missing) > 1 else [missing]
    return [replace(guess, kwargs={**guess.kwargs, **dict.fromkeys(names, first)}) for names in sets if names]


def failing_layer(error: BaseException) -> tuple[nn.Module, torch.Tensor] | None:
    """The innermost layer of torch on the traceback, if it failed by itself, and its input."""
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        local = frame.f_locals
        layer, given = local.get("self"), local.get("input", local.get("x"))
        is_torchs = isinstance(layer, nn.Module) and type(layer).__module__.startswith("torch.nn.modules")
        if frame.f_code.co_name == "forward" and isinstance(layer, nn.Module):
            found = (layer, given) if is_torchs and isinstance(given, torch.Tensor) else None
    return found


def _at_layer(guess: Guess, layer: nn.Module, shape: torch.Size) -> list[Guess]:
    """What to change so that ``layer`` gets what it takes, where that is not what it got."""
    if isinstance(layer, _ConvNd) and len(shape) > 2:
        rank = len(tuple(layer.kernel_size)) + 2
        if len(shape) in (rank, rank - 1):
            dim = 1 if len(shape) == rank else 0
            return _convolved(guess, tuple(shape), layer.in_channels) if shape[dim] != layer.in_channels else []
        return ranked(guess, len(first_shape(guess)) + rank - len(shape))
    if isinstance(layer, nn.Linear) and len(shape) and shape[-1] != layer.in_features:
        return _multiplied(guess, shape[-1], layer.in_features)
    if isinstance(layer, nn.LayerNorm) and len(shape) and shape[-1] != layer.normalized_shape[-1]:
        return _layer_normed(guess, tuple(shape), layer.normalized_shape[-1])
    widths = {_BatchNorm: "num_features", nn.GroupNorm: "num_channels"}
    for kind, name in widths.items():
        if isinstance(layer, kind) and len(shape) > 1 and shape[1] != getattr(layer, name):
            return _convolved(guess, tuple(shape), getattr(layer, name))
    return []
