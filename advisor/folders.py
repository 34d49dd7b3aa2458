"""Where the advisor keeps what outlives a process: caches, logs and the user's own settings.

Each is a folder of the user's in the places that the XDG base directory specification names (on macOS and Windows the
system's own), outside every workspace. Where the daemon's socket is, ``client/address.py`` says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .version import NAME


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the caches and logs: may be deleted at any time."""
    return _below(environment, "XDG_CACHE_HOME", {"darwin": "Library/Caches", "win32": "AppData/Local"}, ".cache")


def settings(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the user's own settings, which no workspace can write."""
    places = {"darwin": "Library/Application Support", "win32": "AppData/Roaming"}
    return _below(environment, "XDG_CONFIG_HOME", places, ".config")


def data(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of what was made here and is costly to make again: predictors of calibrated targets."""
    places = {"darwin": "Library/Application Support", "win32": "AppData/Local"}
    return _below(environment, "XDG_DATA_HOME", places, ".local/share")


def hub_log(environment: Mapping[str, str] = os.environ) -> Path:
    """The daemon's log; older ones stand beside it with a number after the name."""
    return cache(environment) / "logs" / "hub.log"


def _below(environment: Mapping[str, str], variable: str, systems: Mapping[str, str], otherwise: str) -> Path:
    given = environment.get(variable)
    if given and Path(given).is_absolute():
        return Path(given) / NAME
    return Path.home() / systems.get(sys.platform, otherwise) / NAME
