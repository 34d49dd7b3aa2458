"""What the two clients share: how a request for an audit is written, and how what comes back becomes a report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import read
from ..engine import EngineError, Progress
from ..frames import FrameError, Message, encode
from ..record import RecordError, unpack
from ..report import FileReport, ModelReport, Report
from ..reports.layers import Row, grouped, rows
from .errors import TRY_AGAIN, DaemonError

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
Targets = str | Sequence[str] | None
OnEvent = Callable[[Message], None]
"""Takes an event of a request, as it was sent."""


def request(paths: Paths, target: Targets, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of ``audit``. Settings are checked and relative paths made absolute here, where the caller is.

    Raises :class:`advisor.config.ConfigError`.
    """
    cwd = Path.cwd()
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    return {
        "paths": [str(cwd / path) for path in several],
        "overrides": _overrides({**overrides, **({} if target is None else {"targets": _names(target)})}, cwd),
        "cwd": str(cwd),
        "format": "record",
    }


def _names(target: Any) -> Any:
    return [target] if isinstance(target, str) else list(target) if isinstance(target, Iterable) else target


def _overrides(overrides: Mapping[str, Any], cwd: Path) -> dict[str, Any]:
    given = {key.replace("_", "-"): value for key, value in overrides.items() if value is not None}
    values = read(given, cwd, "options")
    if "targets" in given:
        given["targets"] = [_target(name, cwd) for name in values["targets"]]
    if "python" in given:
        given["python"] = str(values["python"])
    if "target-dirs" in given:
        given["target-dirs"] = [str(folder) for folder in values["target_dirs"]]
    return given


def _target(name: str, cwd: Path) -> str:
    """A target's name as it is, the path of a target file absolute."""
    return str(cwd / name) if name.endswith(".toml") and (cwd / name).is_file() else name


def without_rules(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``overrides`` for those who want costs only: no rule is asked, which is most of an audit's time."""
    return {**overrides, "select": []}


def frame(message: Message) -> bytes:
    """``message`` for the socket. Raises :class:`DaemonError` for values that no message can carry."""
    try:
        return encode(message)
    except (FrameError, TypeError, ValueError, OverflowError) as e:
        raise DaemonError(f"the request cannot be sent: {e}", "params", "give plain values and paths in UTF-8") from e


class Gathered:
    """The files of an audit as they come in, in whatever order."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._files: dict[int, FileReport] = {}

    def take(self, event: Message) -> None:
        """An event of the audit; ``progress`` is called for each file that is done."""
        try:
            if event["event"] == "file":
                self._files[event["index"]] = unpack(event["record"])
                return
            step = Path(event["file"]), event["done"], event["total"]
        except (KeyError, TypeError, RecordError) as e:
            raise _unlike_an_audit(e) from e
        if event["done"] and self._progress is not None:
            self._progress(*step)

    def report(self, result: Mapping[str, Any]) -> Report:
        """The report, its files in the order in which the engine would have audited them."""
        try:
            files = [self._files[index] for index in range(len(result["files"]))]
            return Report(result["root"], tuple(result["targets"]), files)
        except (KeyError, TypeError) as e:
            raise _unlike_an_audit(e) from e


def _unlike_an_audit(error: Exception) -> DaemonError:
    return DaemonError(f"what the daemon sent is no audit: {type(error).__name__}: {error}", "frame", TRY_AGAIN)


def chosen(report: Report, model: str | None, path: Any) -> list[ModelReport]:
    """The report's models, or those called ``model``; raises :class:`advisor.engine.EngineError` if there is none."""
    models = [m for m in report.models if model is None or m.name == model]
    if not models:
        known = ", ".join(m.name for m in report.models) or "none"
        raise EngineError(f"no model{f' {model}' if model else ''} in {os.fspath(path)}; models found there: {known}")
    return models


def layers(model: ModelReport, depth: int | None) -> list[Row]:
    """The model's layer table; modules deeper than ``depth`` levels are summed up."""
    return grouped(model, depth) if depth else rows(model)
