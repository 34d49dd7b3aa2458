"""Which big libraries a file will import: a worker imports them once, before it forks, not once for each file."""

from __future__ import annotations

from collections import deque

from .outline import Outline
from .project import Project

LIBRARIES = frozenset(
    {
        *("numpy", "scipy", "pandas", "sklearn", "skimage", "PIL", "cv2", "matplotlib", "yaml", "tqdm"),
        *("omegaconf", "einops", "torchvision", "torchaudio", "timm", "segmentation_models_pytorch", "pytorchcv"),
        *("efficientnet_pytorch", "transformers", "huggingface_hub", "safetensors", "torchmetrics", "fvcore"),
        *("kornia", "monai", "lightning", "pytorch_lightning"),
    }
)
"""Well-known packages that are slow to import and do nothing on import that outlives it."""

MOST_FILES = 24
"""Files of the project that are followed: those that a file imports, then what they import."""

_SITES = ("site-packages", "dist-packages")


def libraries(outline: Outline, project: Project) -> list[str]:
    """Names out of :data:`LIBRARIES`, sorted, that the file and the project files behind it import.

    A file that belongs to an installed library has that library alone: it imports the rest itself. What the project
    provides itself under such a name is none.
    """
    parts = outline.source.path.parts
    site = max((i for i, part in enumerate(parts) if part in _SITES), default=None)
    if site is not None:
        return [parts[site + 1]] if parts[site + 1] in LIBRARIES else []
    found: set[str] = set()
    seen = {outline.source.path}
    queue = deque([outline])
    while queue:
        here = queue.popleft()
        for imported in (*here.imports.values(), *here.stars):
            files = list(project.files_of(here, imported))
            top = imported.module.split(".")[0]
            if not files and not imported.level and top in LIBRARIES:
                found.add(top)
            for path in files:
                following = project.outline(path) if path not in seen and len(seen) < MOST_FILES else None
                seen.add(path)
                if following is not None:
                    queue.append(following)
    return sorted(found)
