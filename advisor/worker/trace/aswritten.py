"""While a forward is recorded, torch's functions run as they are written: not compiled, and not taken whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F


@contextmanager
def eager() -> Iterator[None]:
    """Compiled functions run as written: dynamo would compile the recorder along with them."""
    original = torch.compile

    def as_written(model: Any = None, **options: Any) -> Any:
        return (lambda f: f) if model is None else model

    set_stance = getattr(torch.compiler, "set_stance", None)  # from torch 2.6
    stance = set_stance("force_eager") if set_stance and "torch._dynamo" in sys.modules else nullcontext()
    torch.compile = as_written
    try:
        with stance:
            yield
    finally:
        torch.compile = original


@contextmanager
def transparent_functional() -> Iterator[None]:
    """On this thread, ``torch.nn.functional``'s Python functions run instead of being intercepted whole: what they
    call is recorded.
    """
    owner = threading.get_ident()
    names = [n for n in vars(F) if n.startswith("has_torch_function")]
    originals = {n: getattr(F, n) for n in names}

    def transparent(original: Callable[..., bool]) -> Callable[..., bool]:
        return lambda *args: threading.get_ident() != owner and original(*args)

    for name in names:
        setattr(F, name, transparent(originals[name]))
    try:
        yield
    finally:
        for name in names:
            setattr(F, name, originals[name])
