"""Where the advisor keeps what outlives a process: sockets, caches, and the user's own settings.

Each is a folder of the user's in the places that the XDG base directory specification names (on macOS and Windows the
system's own), outside every workspace.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

NAME = "nas-advisor"


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the caches and logs: may be deleted at any time."""
    return _below(environment, "XDG_CACHE_HOME", {"darwin": "Library/Caches", "win32": "AppData/Local"}, ".cache")


def settings(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the user's own settings, which no workspace can write."""
    places = {"darwin": "Library/Application Support", "win32": "AppData/Roaming"}
    return _below(environment, "XDG_CONFIG_HOME", places, ".config")


def runtime(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of sockets and locks: ``$XDG_RUNTIME_DIR``'s, else one with the user's number in the system's
    temporary folder. Whoever uses it has to check who owns it."""
    given = environment.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_absolute():
        return Path(given) / NAME
    return Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid() if hasattr(os, 'getuid') else os.getlogin()}"


def _below(environment: Mapping[str, str], variable: str, systems: Mapping[str, str], otherwise: str) -> Path:
    given = environment.get(variable)
    if given and Path(given).is_absolute():
        return Path(given) / NAME
    return Path.home() / systems.get(sys.platform, otherwise) / NAME
