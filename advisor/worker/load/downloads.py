"""No weights: what would download or load them yields nothing, and loading nothing succeeds.

A network's architecture does not depend on its weights, and the worker has no network. The modules of libraries
that fetch weights by roads of their own are patched once the user's file has imported them.
"""

from __future__ import annotations

import io
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.hub
import torch.utils.model_zoo
from torch import nn

from .patches import replaced
from .stubs import Stub


class NoWeights(dict[Any, Any]):
    """An empty checkpoint: whatever is looked up in it is another empty checkpoint."""

    def __missing__(self, key: Any) -> NoWeights:
        return NoWeights()

    def pop(self, key: Any, *default: Any) -> Any:
        return default[0] if default else NoWeights()

    def get(self, key: Any, default: Any = None) -> Any:
        return default


class _NothingLoaded(tuple[list[str], list[str]]):
    """What ``load_state_dict`` returns when every key matched."""

    missing_keys: ClassVar[list[str]] = []
    unexpected_keys: ClassVar[list[str]] = []


class DownloadRefused(RuntimeError):
    """User code asked for a repository from the network, for which an empty checkpoint is no answer."""


def _no_weights(*_args: Any, **_kwargs: Any) -> NoWeights:
    return NoWeights()


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def _refusing() -> Callable[..., Any]:
    """A new function each time: torch._dynamo refuses one function under two of torch's names."""

    def refuse(*args: Any, **_kwargs: Any) -> None:
        raise DownloadRefused(f"no downloads while a model is read (asked for {', '.join(map(repr, args[:2]))})")

    return refuse


class _NothingFetched(io.BytesIO):
    """An empty answer from the network, as ``urllib`` and ``requests`` hand one out."""

    status = code = status_code = 200
    ok = True
    reason = "OK"
    content = b""
    text = ""
    headers: ClassVar[dict[str, str]] = {}

    def raise_for_status(self) -> None:
        """The request succeeded."""

    def json(self) -> NoWeights:
        return NoWeights()

    def iter_content(self, *_args: Any, **_kwargs: Any) -> Iterator[bytes]:
        return iter(())


def _nothing_fetched(*_args: Any, **_kwargs: Any) -> _NothingFetched:
    return _NothingFetched()


def _nothing_saved(_url: Any = None, filename: Any = None, *_args: Any, **_kwargs: Any) -> tuple[Any, dict[str, str]]:
    """``urlretrieve`` that writes nothing: loading what is not there yields an empty checkpoint."""
    return filename or "", {}


def _load(original: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.load`` that answers a checkpoint which is absent, or of which nothing was fetched, with an empty one."""

    def load(f: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(f, (str, os.PathLike)):
            absent = not Path(f).is_file() or Path(f).stat().st_size == 0
        else:
            absent = isinstance(f, io.BytesIO) and not f.getbuffer().nbytes
        if absent:
            return NoWeights()
        return original(f, *args, **kwargs)

    return load


def _load_state_dict(self: nn.Module, *_args: Any, **_kwargs: Any) -> Any:
    return _NothingLoaded(([], []))


# Module, attribute, replacement: libraries that keep their own reference to a loader, bypass torch.hub, or compile.
_LIBRARIES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("timm.models._builder", "load_pretrained", _nothing),
    ("timm.models._builder", "load_custom_pretrained", _nothing),
    ("timm.models.helpers", "load_pretrained", _nothing),
    ("timm.models._hub", "load_state_dict_from_hf", _no_weights),
    ("torchvision._internally_replaced_utils", "load_state_dict_from_url", _no_weights),
    ("torchvision.models._api", "load_state_dict_from_url", _no_weights),
    ("efficientnet_pytorch.utils", "load_pretrained_weights", _nothing),
    ("efficientnet_pytorch.model", "load_pretrained_weights", _nothing),
    ("segmentation_models_pytorch.encoders", "load_state_dict", _no_weights),
    ("torch.utils.cpp_extension", "load", lambda *_args, **_kwargs: Stub("a CUDA extension")),
    ("torch.utils.cpp_extension", "load_inline", lambda *_args, **_kwargs: Stub("a CUDA extension")),
    ("gdown", "download", lambda _url=None, output=None, *_args, **_kwargs: output),
    ("requests.sessions", "Session.request", _nothing_fetched),
)


def disarm_libraries() -> None:
    """Patch the weight loaders of libraries imported so far. Not undone: the process ends with its one file."""
    for module, name, value in _LIBRARIES:
        loaded = sys.modules.get(module)
        *within, attribute = name.split(".")
        for part in within:
            loaded = getattr(loaded, part, None)
        if loaded is not None and hasattr(loaded, attribute):
            setattr(loaded, attribute, value)


@contextmanager
def no_downloads() -> Iterator[None]:
    """Inside the block torch fetches and loads no weights; loading a missing checkpoint yields an empty one."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    changes = [
        (torch.hub, "load_state_dict_from_url", _no_weights),
        (torch.hub, "load", _refusing()),
        (torch.hub, "download_url_to_file", lambda *_args, **_kwargs: None),
        (urllib.request, "urlopen", _nothing_fetched),
        (urllib.request, "urlretrieve", _nothing_saved),
        (torch.utils.model_zoo, "load_url", lambda *_args, **_kwargs: NoWeights()),
        (torch, "load", _load(torch.load)),
        (nn.Module, "load_state_dict", _load_state_dict),
    ]
    with replaced(changes):
        yield
