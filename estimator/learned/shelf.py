"""Where predictors' files are: the user's folder first (``advisor calibrate`` puts them there), then those shipped.

Without one, nothing of numpy is loaded.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import folders
from advisor.targets import Target

if TYPE_CHECKING:
    from .predictor import Predictor

_log = logging.getLogger(__name__)
_State = tuple[tuple[str, int, int], ...]


def user_folder() -> Path:
    """Where predictors made on this machine are installed."""
    return folders.data() / "predictors"


def places(target: str) -> tuple[Path, Path]:
    """The files that may hold the predictor of the target of this name, first come first served."""
    shipped = Path(__file__).parent.parent / "predictors"
    return user_folder() / f"{target}.msgpack", shipped / f"{target}.msgpack"


def present(target: str) -> dict[Path, os.stat_result]:
    """Those of :func:`places` that are there."""
    return {path: at for path in places(target) if (at := _stat(path)) is not None}


def install(predictor: Predictor, path: Path | None = None) -> Path:
    """Write ``predictor`` to its place in the user's folder (or to ``path``), whole or not at all. Raises OSError."""
    path = path or places(predictor.target)[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(predictor.to_bytes())
    part.replace(path)
    return path


class Shelf:
    """Predictors by target; a file that changes is read again."""

    def __init__(self) -> None:
        self._known: dict[Target, tuple[_State, Predictor | None]] = {}

    def find(self, target: Target) -> Predictor | None:
        """The predictor of ``target``, None where there is none. A file that cannot be used is logged, once, with what
        to do, and the next one is asked."""
        state = tuple([(str(p), at.st_mtime_ns, at.st_size) for p, at in present(target.name).items()])
        known = self._known.get(target)
        if known is None or known[0] != state:
            known = self._known[target] = state, self._read(target)
        return known[1]

    def _read(self, target: Target) -> Predictor | None:
        from .predictor import Predictor, PredictorError, fingerprint

        for path in present(target.name):
            try:
                predictor = Predictor.from_bytes(path.read_bytes())
                if predictor.fingerprint != fingerprint(target):
                    raise PredictorError(f"the facts of '{target.name}' have changed since it was made")
                return predictor
            except (PredictorError, OSError) as e:
                remedy = f"`advisor calibrate {target.name}` makes another, or delete the file"
                _log.warning("predictor %s is not used: %s; %s", path, e, remedy)
        return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None  # as if it were not there: a folder of the user's that cannot be looked into holds nothing for us
