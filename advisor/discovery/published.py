"""What well-known installed packages offer as models, by name: nothing of them is read."""

from __future__ import annotations

import re

_MODELS = re.compile(
    r"torchvision\.models\.(\w+\.)*\w+"
    r"|timm\.(create_model|models\.(\w+\.)*\w+)"
    r"|segmentation_models_pytorch\.(create_model|[A-Z]\w+)"
    r"|efficientnet_pytorch\.EfficientNet(\.from_\w+)?"
    r"|pytorchcv\.(model_provider|models)\.(\w+\.)*\w+"
    r"|transformers\.\w*(Model|For[A-Z]\w+)(\.from_\w+)?"
)
"""What installed packages offer that returns a model when called."""
_NO_MODELS = re.compile(r"(list|is|get|register|load|split|download)_\w+|\w*(Weights|Enum|Loss|Transform|Config)")
"""Names beside them that return something else."""


def is_published(name: str) -> bool:
    """Whether ``name``, as imports write it out, is a class or function that gives a model when called."""
    return _MODELS.fullmatch(name) is not None and _NO_MODELS.fullmatch(name.rpartition(".")[2]) is None


def is_published_class(name: str) -> bool:
    """Whether ``name`` is a class of models; its derived classes have its ``forward``. What is private is none."""
    parts = name.split(".")
    return is_published(name) and parts[-1][:1].isupper() and not any(part.startswith("_") for part in parts)
