"""What a missing library is most often imported for, written out: small layers, initialisers, decorators, containers.

Looked up by attribute name whatever the module (``timm.models.layers``, ``timm.layers``, ``mmcv.cnn`` …), since these
names mean the same thing everywhere. Only what has one well-known meaning is here; the rest stays a stub.
"""

from __future__ import annotations

import collections.abc
import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from . import einops_lite


class AnyModule(nn.Module):
    """A missing base class of networks (``BaseModule``, ``LightningModule``, ``PreTrainedModel``).

    Attributes may be set before ``__init__`` runs, and its arguments are ignored.
    """

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        self = super().__new__(cls)
        nn.Module.__init__(self)
        return self

    def __init__(self, *args: Any, **_kwargs: Any) -> None:
        nn.Module.__init__(self)
        if args and not isinstance(args[0], (int, float, str, nn.Module)):
            self.config = args[0]

    def __init_subclass__(cls, **_kwargs: Any) -> None:
        super().__init_subclass__()

    @property
    def device(self) -> torch.device:
        return next((p.device for p in self.parameters()), torch.empty(0).device)

    @property
    def dtype(self) -> torch.dtype:
        return next((p.dtype for p in self.parameters()), torch.get_default_dtype())

    def save_hyperparameters(self, *_args: Any, **_kwargs: Any) -> None:
        return None

    def init_weights(self, *_args: Any, **_kwargs: Any) -> None:
        return None

    def post_init(self) -> None:
        return None


class AnyConfig:
    """A missing base class of configurations (``PretrainedConfig``): what it is given, and the usual defaults."""

    output_attentions = output_hidden_states = use_cache = torchscript = False
    is_decoder = is_encoder_decoder = add_cross_attention = tie_word_embeddings = False
    use_return_dict = return_dict = True
    chunk_size_feed_forward = pad_token_id = 0
    num_labels = 2
    problem_type = None

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)


class DropPath(nn.Module):
    """Stochastic depth: the identity at inference."""

    def __init__(self, drop_prob: float | None = None, scale_by_keep: bool = True) -> None:
        super().__init__()
        self.drop_prob = drop_prob
        self.scale_by_keep = scale_by_keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Mlp(nn.Module):
    """Two linear layers with an activation between."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        act_layer: Callable[[], nn.Module] = nn.GELU,
        drop: float = 0.0,
        **_options: Any,
    ) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, hidden_features or in_features)
        self.act = act_layer()
        self.drop = nn.Dropout(drop)
        self.fc2 = nn.Linear(hidden_features or in_features, out_features or in_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class AttrDict(dict[str, Any]):
    """A mapping whose keys are attributes too (EasyDict, addict, CfgNode, Config)."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as e:
            raise AttributeError(name) from e

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def to_ntuple(n: int) -> Callable[[Any], tuple[Any, ...]]:
    """A function that repeats a scalar ``n`` times and leaves sequences alone."""

    def repeat(x: Any) -> tuple[Any, ...]:
        if isinstance(x, collections.abc.Iterable) and not isinstance(x, str):
            return tuple(x)
        return tuple(itertools.repeat(x, n))

    return repeat


def make_divisible(v: float, divisor: int = 8, min_value: int | None = None, round_limit: float = 0.9) -> int:
    """``v`` rounded to a multiple of ``divisor`` that is not under ``round_limit`` of it."""
    new = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return new + divisor if new < round_limit * v else new


def leave_tensor(tensor: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
    """An initialiser that does not: weights do not matter here."""
    return tensor


def leave_module(*_args: Any, **_kwargs: Any) -> None:
    """``constant_init(module, …)`` and its like."""


def unchanged(thing: Any) -> Any:
    """A decorator without effect."""
    return thing


def flop_count(*_args: Any, **_kwargs: Any) -> tuple[float, float]:
    """Profilers called at the end of a script: (0, 0)."""
    return 0.0, 0.0


PROVIDED: dict[str, Any] = {
    "DropPath": DropPath,
    "Mlp": Mlp,
    "to_ntuple": to_ntuple,
    "_ntuple": to_ntuple,
    "to_1tuple": to_ntuple(1),
    "to_2tuple": to_ntuple(2),
    "to_3tuple": to_ntuple(3),
    "make_divisible": make_divisible,
    "_make_divisible": make_divisible,
    "trunc_normal_": leave_tensor,
    "lecun_normal_": leave_tensor,
    "variance_scaling_": leave_tensor,
    "constant_init": leave_module,
    "kaiming_init": leave_module,
    "normal_init": leave_module,
    "xavier_init": leave_module,
    "trunc_normal_init": leave_module,
    "c2_msra_fill": leave_module,
    "c2_xavier_fill": leave_module,
    "register_model": unchanged,
    "auto_fp16": lambda *_args, **_kwargs: unchanged,
    "force_fp32": lambda *_args, **_kwargs: unchanged,
    "profile": flop_count,
    "get_model_complexity_info": flop_count,
    "rearrange": einops_lite.rearrange,
    "repeat": einops_lite.repeat,
    "reduce": einops_lite.reduce,
    "Rearrange": einops_lite.Rearrange,
    "Reduce": einops_lite.Reduce,
    "BaseModule": AnyModule,
    "LightningModule": AnyModule,
    "PreTrainedModel": AnyModule,
    "PretrainedConfig": AnyConfig,
    "PreTrainedConfig": AnyConfig,
    "EasyDict": AttrDict,
    "AttrDict": AttrDict,
    "CfgNode": AttrDict,
    "ConfigDict": AttrDict,
    "edict": AttrDict,
}
"""Attribute name → what it is."""
