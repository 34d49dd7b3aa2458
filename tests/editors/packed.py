"""Of which sources the packed VS Code extension was made."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MADE = {"node_modules", "dist", ".test-out", "ThirdPartyNotices.txt"}
"""What npm and its scripts make in the extension's folder."""


def sources(folder: Path) -> str:
    """A digest of the files that the extension is made of."""
    digest = hashlib.sha256()
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - MADE)
        for file in (Path(top, name) for name in sorted(set(names) - MADE) if not name.endswith(".vsix")):
            digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
