"""Inputs of a model that nobody described: an ordered list of guesses, adapted by what each failure says.

Order: the user's word; literals, annotations and docstrings of the file that fit the first layer; what the first
parameterised layers take; usual sizes. :func:`search` tries them; :mod:`.fitting` turns an error into better guesses.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ..load.usage import Usage, usages
from .fitting import adapted
from .specs import Guess, Spec

_LAYERS = (
    _ConvNd,
    nn.Linear,
    nn.Embedding,
    nn.LayerNorm,
    _BatchNorm,
    nn.GroupNorm,
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.Bilinear,
    nn.RNNCellBase,
    nn.TransformerEncoderLayer,
    nn.Transformer,
)
_MOST_LAYERS = 40
_SIZES = (224, 32, 256, 64, 28, 128, 299, 512, 384)
_SIZE_NAMES = ("img_size", "image_size", "input_resolution", "input_size", "in_size", "resolution", "image_resolution")
_LENGTH_NAMES = (
    "block_size",
    "seq_len",
    "seq_length",
    "context_length",
    "max_seq_len",
    "max_len",
    "n_ctx",
    "n_position",
)
_TOKENS = 16
_MOST_TRIES = 90
_MOST_OF_ONE = 14
"""Tries that one guess and its adaptations may take, so that the next kind of guess gets its turn."""
_MOST_OF_A_PYRAMID = 3
_MOST_OF_A_LAYER = 6
PYRAMID = "feature pyramid"


def first_layers(model: nn.Module) -> list[nn.Module]:
    """The first parameterised layers in registration order, which is mostly the order of execution."""
    found = []
    for module in model.modules():
        if isinstance(module, _LAYERS):
            found.append(module)
            if len(found) >= _MOST_LAYERS:
                break
    return found


def _attribute(model: nn.Module, names: Iterable[str]) -> Iterator[int]:
    """Sizes that the model, its configuration or its first children keep under one of ``names``."""
    holders: list[Any] = [model, getattr(model, "config", None), getattr(model, "cfg", None), *model.children()]
    for holder in holders[:8]:
        if holder is None:
            continue
        for name in names:
            value = getattr(holder, name, None)
            value = value[-1] if isinstance(value, (tuple, list)) and value else value
            if isinstance(value, int) and not isinstance(value, bool) and 1 < value <= 4096:
                yield value


def _sizes(model: nn.Module, small_images: bool) -> list[int]:
    usual = (32, *_SIZES) if small_images else _SIZES
    return list(dict.fromkeys((*_attribute(model, _SIZE_NAMES), *usual)))


def layer_shapes(layer: nn.Module, model: nn.Module, small_images: bool) -> Iterator[Spec]:
    """Tensors that ``layer`` takes as it stands, most usual first."""
    sizes = _sizes(model, small_images)
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        yield from (Spec((1, layer.in_channels, s, s)) for s in sizes)
    elif isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d)):
        lengths = (*_attribute(model, _LENGTH_NAMES), 16000, 1024, 128, 44100)
        yield from (Spec((1, layer.in_channels, n)) for n in lengths)
        yield from (Spec((1, 16000)), Spec((1, 32000)))
    elif isinstance(layer, _ConvNd):
        yield from (Spec((1, layer.in_channels, t, s, s)) for t, s in ((16, 112), (8, 224), (32, 64), (64, 64)))
    elif isinstance(layer, nn.Embedding):
        length = next(_attribute(model, _LENGTH_NAMES), _TOKENS)
        yield from (Spec(s, "int64") for s in ((1, min(length, _TOKENS)), (1, length), (_TOKENS, 1), (_TOKENS,)))
    elif isinstance(layer, (nn.Linear, nn.Bilinear)):
        n = layer.in_features if isinstance(layer, nn.Linear) else layer.in1_features
        yield from map(Spec, ((1, n), (1, _TOKENS, n), (1, 196, n), (1, 49, n), (1, 14, 14, n), (1, n, 14, 14)))
    elif isinstance(layer, nn.LayerNorm):
        n = layer.normalized_shape[-1]
        yield from map(Spec, ((1, 196, n), (1, 49, n), (1, 64, n), (1, 14, 14, n), (1, n, 14, 14), (1, n)))
    else:
        yield from _other_layer_shapes(layer)


def _other_layer_shapes(layer: nn.Module) -> Iterator[Spec]:
    if isinstance(layer, nn.BatchNorm1d):
        yield from map(Spec, ((1, layer.num_features), (1, layer.num_features, 128)))
    elif isinstance(layer, nn.BatchNorm3d):
        yield Spec((1, layer.num_features, 8, 28, 28))
    elif isinstance(layer, (_BatchNorm, nn.GroupNorm)):
        n = layer.num_channels if isinstance(layer, nn.GroupNorm) else layer.num_features
        yield from (Spec((1, n, s, s)) for s in (56, 14, 224, 32))
    elif isinstance(layer, nn.RNNBase):
        yield from map(Spec, ((1, _TOKENS, layer.input_size), (_TOKENS, 1, layer.input_size)))
    elif isinstance(layer, nn.RNNCellBase):
        yield Spec((1, layer.input_size))
    elif isinstance(layer, nn.MultiheadAttention):
        yield Spec((1, _TOKENS, layer.embed_dim) if layer.batch_first else (_TOKENS, 1, layer.embed_dim))


def _parameters(model: nn.Module) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        return []


def required_parameters(model: nn.Module) -> list[inspect.Parameter]:
    """Parameters of forward that a call has to fill; the first optional one where none is required."""
    every = _parameters(model)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [p for p in every if p.kind in kinds]
    required = [p for p in named if p.default is p.empty]
    if required or not named:
        return required
    return named[:1]


_MASK = re.compile(r"\w*mask\w*|key_padding|attn_bias|attention_bias")
_STATE = re.compile(r"hidden(_?state)?|hx|state|h0|h_0|prev_state|memory_state|cache|past\w*|mems?|hc|init_state")
_TIME = re.compile(r"t|time|times|timesteps?|sigma|noise_level|step|gamma|log_snr")
_HEIGHT = re.compile(r"h|height|hh")
_WIDTH = re.compile(r"w|width|ww")
_TOKEN = re.compile(
    r"\w*(tokens?|ids|idx|labels?|targets?|text|captions?|src|trg|tgt|words?|classes)(_?seq|_?ids|_?input)?|y|src|trg|tgt"
)
_TOKEN_KEY = re.compile(r"\w*(ids|tokens?)|captions?|words?")
_NUMBER = re.compile(r"sf|scale|scale_factor|factor|num_\w+|n|k_?size|idx|index|layer_idx|level")
_FLAG = re.compile(r"is_\w+|return_\w+|use_\w+|training|train|flag|mode")


def companion(parameter: inspect.Parameter, first: Spec, position: int, as_tokens: bool) -> Any:
    """A value for a further required parameter of forward, by its name; ``first`` is what the first one gets."""
    name = parameter.name.lower()
    if _MASK.fullmatch(name) or _STATE.fullmatch(name):
        return None
    if _TIME.fullmatch(name):
        return Spec((first.shape[0],))
    if _HEIGHT.fullmatch(name) or _WIDTH.fullmatch(name) or name in ("hw_shape", "size", "shape"):
        side = _side(first, _WIDTH.fullmatch(name) is not None)
        return [side, side] if name in ("hw_shape", "size", "shape") else side
    if _FLAG.fullmatch(name) or parameter.annotation in (bool, "bool"):
        return False
    if _NUMBER.fullmatch(name):
        return 2
    if parameter.annotation in (int, "int"):
        return 1
    if parameter.annotation in (float, "float"):
        return 1.0
    if as_tokens and _TOKEN.fullmatch(name) and position:
        return Spec((first.shape[0], _TOKENS), "int64")
    return first


def _side(first: Spec, width: bool) -> int:
    """Height or width of what the first argument is a picture of: of an image, or of a square of tokens."""
    if len(first.shape) == 4:
        return first.shape[-1 if width else -2]
    return max(int(first.shape[1] ** 0.5), 1) if len(first.shape) == 3 else 14


_IMAGE = re.compile(r"(\w+_)?(images?|imgs?|pixel_values|pixels|pictures?)")
_TEXT = re.compile(r"(\w+_)?(text|tokens?|captions?|input_ids|token_ids)(_ids|_tokens)?")


def _by_word(name: str, model: nn.Module) -> Spec | None:
    """A picture or token ids for a parameter that is called so, when the model has layers for them."""
    if _IMAGE.fullmatch(name.lower()):
        stem = next((m for m in model.modules() if isinstance(m, nn.Conv2d) and m.in_channels <= 4), None)
        return next(layer_shapes(stem, model, False), None) if stem is not None else None
    if _TEXT.fullmatch(name.lower()):
        table = next((m for m in model.modules() if isinstance(m, nn.Embedding)), None)
        return next(layer_shapes(table, model, False), None) if table is not None else None
    return None


def _others_by_word(model: nn.Module, parameters: list[inspect.Parameter]) -> dict[str, Spec]:
    """The other halves of a model that takes a picture, text or both: further optional parameters of such a name."""
    if any(p.default is p.empty for p in parameters):
        return {}
    optional = [p.name for p in _parameters(model) if p not in parameters and p.default is None]
    return {name: spec for name in optional if (spec := _by_word(name, model)) is not None}


def calls(model: nn.Module, first: Spec, source: str, where: str = "") -> Iterator[Guess]:
    """Whole calls whose first argument is ``first``."""
    parameters = required_parameters(model)
    if not parameters:
        yield Guess(source, where, (first,))
        return
    used = usages(type(model).forward)
    read = [used.get(p.name, Usage()) for p in parameters]
    if not where and any(u.keys or u.length > 1 for u in read):  # a literal of the file is a tensor that was passed
        yield _call(parameters, [_structured(u, first) for u in read], first, source, True)
    named = [_by_word(p.name, model) for p in parameters]
    if not where and any(named):
        call = _call(parameters, named, first, source, True)
        yield replace(call, kwargs={**_others_by_word(model, parameters), **call.kwargs})
        yield call
    for as_tokens in (True, False) if len(parameters) > 1 else (False,):
        yield replace(_call(parameters, [first], first, source, as_tokens), where=where)


def _structured(usage: Usage, tensor: Spec) -> Any:
    """A dictionary with the keys that forward reads, a list as long as it unpacks; None for a plain argument."""
    if usage.keys:
        return {k: _entry(k, tensor) for k in dict.fromkeys(usage.keys)}
    return [tensor] * usage.length if usage.length > 1 else None


def _entry(key: str, tensor: Spec) -> Spec | None:
    """One tensor of a dictionary, by its key."""
    if _MASK.fullmatch(key.lower()):
        return Spec((tensor.shape[0], _TOKENS), "bool")
    return Spec((tensor.shape[0], _TOKENS), "int64") if _TOKEN_KEY.fullmatch(key.lower()) else tensor


def _call(parameters: list[inspect.Parameter], known: list[Any], first: Spec, source: str, as_tokens: bool) -> Guess:
    """A call with the ``known`` values of its leading parameters (None where unknown) and companions of ``first``."""
    args, kwargs = [], {}
    for i, p in enumerate(parameters):
        value = known[i] if i < len(known) else None
        if value is None:
            value = companion(p, first, i, as_tokens) if i else first
        if p.kind is p.KEYWORD_ONLY:
            kwargs[p.name] = value
        else:
            args.append(value)
    return Guess(source, "", tuple(args), kwargs)


def pyramids(model: nn.Module, widths: Iterable[list[int]] = ()) -> Iterator[Guess]:
    """Lists of feature maps for necks, heads and decoders: channels that the model keeps, was built with, or reads in
    parallel layers."""
    rest = tuple(companion(p, Spec((1, 64, 64, 64)), i, False) for i, p in enumerate(required_parameters(model)) if i)
    known: list[list[int]] = []
    for channels in (*_pyramid_channels(model), *widths):
        if channels not in known and all(0 < c <= 8192 for c in channels):
            known.append(channels)
    for channels in sorted(known, key=lambda c: len(set(c)) == 1):  # unequal ones are rarely anything else
        maps = [Spec((1, c, max(64 >> i, 1), max(64 >> i, 1))) for i, c in enumerate(channels)]
        yield Guess(PYRAMID, "", (maps, *rest))
        yield Guess(PYRAMID, "", tuple(maps))
        yield Guess(PYRAMID, "", (maps[::-1], *rest))
        yield Guess(PYRAMID, "", ({str(i): m for i, m in enumerate(maps)}, *rest))
        yield Guess(PYRAMID, "", ([m._replace(shape=(1, m.shape[1], 64, 64)) for m in maps], *rest))


def _pyramid_channels(model: nn.Module) -> Iterator[list[int]]:
    for name in ("in_channels", "in_channels_list", "encoder_channels", "channels", "in_dims", "feature_channels"):
        kept = getattr(model, name, None)
        if isinstance(kept, (list, tuple)) and len(kept) > 1 and all(isinstance(c, int) for c in kept):
            yield list(kept)
    for child in model.children():
        if isinstance(child, nn.ModuleList) and len(child) > 1:
            firsts = [next((m for m in c.modules() if isinstance(m, _ConvNd)), None) for c in child]
            if all(f is not None for f in firsts):
                yield [f.in_channels for f in firsts if f is not None]
    firsts = [next((m for m in c.modules() if isinstance(m, _ConvNd)), None) for c in model.children()]
    rising = [f.in_channels for f in firsts if f is not None]
    several = [c for i, c in enumerate(rising) if i == 0 or c > rising[i - 1]]
    if len(several) > 1:
        yield several


def takes_list(model: nn.Module) -> bool:
    """Whether forward's first parameter is declared, or named, as several feature maps."""
    if any(p.kind is p.VAR_POSITIONAL for p in _parameters(model)):
        return True
    parameters = required_parameters(model)
    if not parameters:
        return False
    if usages(type(model).forward).get(parameters[0].name, Usage()).iterated:
        return True
    annotation = str(parameters[0].annotation).lower()
    return bool(re.search(r"list|tuple|sequence", annotation)) or bool(
        re.fullmatch(r"feat(ure)?s|xs|x_list|features_list|feature_maps", parameters[0].name.lower())
    )


def guesses(
    model: nn.Module,
    hints: Iterable[Guess],
    small_images: bool = False,
    widths: Iterable[list[int]] = (),
    own: Iterable[Guess] = (),
) -> Iterator[Guess]:
    """Calls to try, best first: ``own`` are those that the file makes of this very model.

    ``hints`` are literal shapes of the file; those that cannot fit the first layer come later. ``widths`` are lists of
    numbers that the model was built with.
    """
    layers = first_layers(model)
    count = max(len(required_parameters(model)), 1)
    hints = [_one_picture(h) for h in hints]
    fitting = [h for h in hints if _fits(h, layers)]
    for hint in map(_one_picture, own):
        yield from _completed(hint, model, count)
    if takes_list(model):
        yield from pyramids(model, widths)
    for hint in fitting:
        yield from _completed(hint, model, count)
    first_spec = next((s for layer in layers[:1] for s in layer_shapes(layer, model, small_images)), None)
    if first_spec is not None:
        yield from calls(model, first_spec, _source(layers[0]))
    for layer in layers[:1]:
        for spec in list(layer_shapes(layer, model, small_images))[:_MOST_OF_A_LAYER]:
            yield from calls(model, spec, _source(layer))
    kinds = {type(layers[0])} if layers else set()
    for layer in layers[1:]:
        if type(layer) not in kinds:
            kinds.add(type(layer))
            for spec in list(layer_shapes(layer, model, small_images))[:2]:
                yield from calls(model, spec, _source(layer))
    for hint in hints:
        if hint not in fitting:
            yield from _completed(hint, model, count)
    if not takes_list(model):
        yield from pyramids(model, widths)
    for shape in (
        (1, 3, 224, 224),
        (1, 3, 32, 32),
        (1, 64, 56, 56),
        (1, 1, 28, 28),
        (1, 16, 64),
        (1, 64),
        (1, 1, 16000),
    ):
        yield from calls(model, Spec(shape), "usual size")


def _source(layer: nn.Module) -> str:
    return f"first {type(layer).__name__}"


def _one_picture(hint: Guess) -> Guess:
    """A batch that is a list of pictures cut to its first: detectors compute values, and the layers are the same."""
    batch = hint.args[0] if hint.args else None
    if not isinstance(batch, list) or len(batch) < 2:
        return hint
    pictures = all(isinstance(s, Spec) and len(s.shape) == 3 and s.shape[0] in (1, 3) for s in batch)
    return hint.with_arg(0, batch[:1]) if pictures else hint


def _completed(hint: Guess, model: nn.Module, count: int) -> Iterator[Guess]:
    """``hint`` as it is when it fills the call, else with companions for the rest."""
    if len(hint.args) + len(hint.kwargs) >= count or not hint.args or not isinstance(hint.args[0], Spec):
        yield hint
        return
    for call in calls(model, hint.args[0], hint.source, hint.where):
        yield replace(call, args=(*hint.args, *call.args[len(hint.args) :]))


def _fits(hint: Guess, layers: list[nn.Module]) -> bool:
    """Whether a literal shape can be what the first layer takes, by rank and channels."""
    first = next((a for a in (*hint.args, *hint.kwargs.values()) if isinstance(a, Spec)), None)
    if first is None or not layers:
        return True
    layer, shape = layers[0], first.shape
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        return len(shape) == 4 and shape[1] == layer.in_channels
    if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d)):
        return len(shape) in (2, 3) and (len(shape) == 2 or shape[1] == layer.in_channels)
    if isinstance(layer, _ConvNd):
        return len(shape) == 5 and shape[1] == layer.in_channels
    if isinstance(layer, nn.Embedding):
        return first.dtype.startswith("int")
    return True


def search(
    candidates: Iterable[Guess], run: Callable[[Guess], BaseException | None], adapt: bool = True
) -> tuple[Guess | None, Guess | None, BaseException | None]:
    """(winner, first guess, its error): tries guesses and their adaptations depth first until ``run`` returns None.

    ``run`` executes one call and returns what it raised. Without a winner the first guess and its error are what to
    show. Without ``adapt`` only the guesses themselves are tried: they are the user's own words.
    """
    seen: set[str] = set()
    first: tuple[Guess, BaseException] | None = None
    tries = 0
    for candidate in candidates:
        stack = [candidate]
        most = _MOST_OF_A_PYRAMID if candidate.source == PYRAMID else _MOST_OF_ONE
        until = min(tries + most, _MOST_TRIES)
        while stack and tries < until:
            guess = stack.pop()
            if guess.key in seen:
                continue
            seen.add(guess.key)
            tries += 1
            error = run(guess)
            if error is None:
                return guess, None, None
            first = first or (guess, error)
            stack += reversed(adapted(guess, error)) if adapt else ()
        if tries >= _MOST_TRIES:
            break
    return (None, *first) if first else (None, None, None)
