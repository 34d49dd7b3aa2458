"""The editor's settings: what it shows, and the engine's settings set by the editor, which win over pyproject.toml.

:class:`EditorSettings` is the single list; its fields' metadata give the reader and the JSON Schema (:func:`schema`).
The client sends them as section ``advisor``: nested (``{"inlayHints": {"show": […]}}``) or flat
(``{"inlayHints.show": […]}``). The engine's settings have their names of pyproject.toml (``min-gain``), or the same in
camel case (``minGain``). A wrong value is said and left out, the rest holds. :data:`ACTIVE` is there too, which is no
setting.

``python -m advisor.daemon.lsp.settings`` prints their page; a test fails when the committed one drifts.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from advisor.config import settings as engine_settings
from advisor.kinds import PATH, PATHS
from advisor.words import suggestion

SECTION = "advisor"
ACTIVE = "activeInterpreter"
"""What a client tells beside the settings: the interpreter of the environment that is active in the editor. Every
setting goes before it."""
SHOWN = ("shape", "latency", "params", "memory")
"""What an inlay hint can show of a layer."""


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")
    return value


def _shown(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(v in SHOWN for v in value):
        raise ValueError(f"expected a list of {', '.join(SHOWN)}, got {value!r}")
    return tuple(dict.fromkeys(value))


def _about(key: str, read: Callable[[Any], Any], schema: dict[str, Any], doc: str) -> dict[str, Any]:
    return {"key": key, "read": read, "schema": schema, "doc": doc}


_FLAG = {"type": "boolean"}


@dataclass(frozen=True)
class EditorSettings:
    """The settings that hold for one workspace folder. ``overrides`` are the engine's, as plain values by the names
    that :func:`advisor.config.resolve` takes; ``active`` is the interpreter of the environment that is active in the
    editor; ``problems`` are the sentences about what was left out."""

    inlay_hints: bool = field(
        default=True,
        metadata=_about("inlayHints.enabled", _flag, _FLAG, "Show hints at the layers of a model."),
    )
    inlay_show: tuple[str, ...] = field(
        default=("shape", "latency"),
        metadata=_about(
            "inlayHints.show",
            _shown,
            {"type": "array", "items": {"enum": list(SHOWN)}, "uniqueItems": True},
            "What a hint shows of its layer, in this order: `shape` and `params` of the output and the weights, "
            "`latency` and `memory` (live bytes) as predicted for the first target.",
        ),
    )
    code_lens: bool = field(
        default=True,
        metadata=_about("codeLens.enabled", _flag, _FLAG, "Show a line of totals above each model."),
    )
    workspace_diagnostics: bool = field(
        default=True,
        metadata=_about(
            "workspaceDiagnostics.enabled",
            _flag,
            _FLAG,
            "Answer clients that ask for the findings of files that are not open.",
        ),
    )
    overrides: Mapping[str, Any] = field(default_factory=dict)
    active: Path | None = None
    problems: tuple[str, ...] = ()


def own() -> Iterator[Field[Any]]:
    """The settings that are the editor's alone: fields with ``key``, ``read``, ``schema`` and ``doc`` metadata."""
    return (f for f in fields(EditorSettings) if f.metadata)


def camel(key: str) -> str:
    """``min-gain`` → ``minGain``."""
    return re.sub("-(.)", lambda match: match[1].upper(), key)


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the editor's settings, keys as an editor writes them (``advisor.minGain``)."""
    properties = {f"{SECTION}.{f.metadata['key']}": _property(f.metadata["schema"], f) for f in own()}
    for key, f in engine_settings():
        kind = f.metadata["kind"].schema
        # null: not set here, so that pyproject.toml or the default decides
        properties[f"{SECTION}.{camel(key)}"] = {
            "description": f.metadata["doc"],
            "default": None,
            "anyOf": [{"type": "null"}, kind],
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "advisor: the editor's settings",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


INTRO = """# Editor settings

Generated from `daemon/lsp/settings.py` (`python -m advisor.daemon.lsp.settings > docs/editor-settings.md`).

An editor sends them as its section `advisor`. What is set here wins over `pyproject.toml`; `null` is not set. A wrong
value is named in the server's log in the editor and left out, the rest holds.
"""


def markdown() -> str:
    """The page of all settings."""
    parts = [INTRO]
    for f in own():
        about = f.metadata
        default = json.dumps(list(f.default) if isinstance(f.default, tuple) else f.default)
        parts.append(f"## `{SECTION}.{about['key']}`\n\n{about['doc']}\n\nDefault: `{default}`.\n")
    engine = "\n".join(f"- `{SECTION}.{camel(key)}`: {f.metadata['doc']}" for key, f in engine_settings())
    parts.append(
        "## The engine's settings\n\nThose of `pyproject.toml` ([configuration.md](configuration.md)), in camel case. "
        "Relative paths start from the workspace folder;\n`python` is used in trusted workspaces only.\n\n"
        + engine
        + "\n"
    )
    return "\n".join(parts)


def _property(kind: dict[str, Any], f: Field[Any]) -> dict[str, Any]:
    default = list(f.default) if isinstance(f.default, tuple) else f.default
    return {"description": f.metadata["doc"], "default": default, **kind}


def read(section: Any, root: Path) -> EditorSettings:
    """The settings of a workspace folder from what the client sent; relative paths start from ``root``."""
    if section is None:
        return EditorSettings()
    if not isinstance(section, Mapping):
        return EditorSettings(problems=(f"{SECTION}: expected an object of settings, got {section!r}",))
    mine = {f.metadata["key"]: f for f in own()}
    engine = dict(engine_settings()) | {camel(key): f for key, f in engine_settings()}
    values: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in _flat(section, set(mine) | set(engine)):
        if value is None:
            continue
        try:
            if key in mine:
                values[mine[key].name] = mine[key].metadata["read"](value)
            elif key == ACTIVE:
                values["active"] = PATH.read(value, root)
            elif key in engine:
                overrides[engine[key].name.replace("_", "-")] = _plain(engine[key], value, root)
            else:
                problems.append(_unknown(key, [*mine, *map(camel, dict(engine_settings()))]))
        except ValueError as e:
            problems.append(f"{SECTION}.{key}: {e}; correct it in the editor's settings")
    return EditorSettings(**values, overrides=overrides, problems=tuple(problems))


def _flat(section: Mapping[str, Any], known: set[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves by dotted key; an object that is itself a setting's value is a leaf."""
    groups = {key.rpartition(".")[0] for key in known}
    for name, value in section.items():
        key = f"{prefix}{name}"
        if key in groups and isinstance(value, Mapping):
            yield from _flat(value, known, f"{key}.")
        else:
            yield key, value


def _plain(f: Field[Any], value: Any, root: Path) -> Any:
    """The value as :func:`advisor.config.resolve` takes it, checked. Raises ValueError."""
    kind = f.metadata["kind"]
    checked = kind.read(value, root)
    if kind is PATH:
        return str(checked)
    if kind is PATHS:
        return [str(path) for path in checked]
    return value


def _unknown(key: str, known: list[str]) -> str:
    if key == "trusted":
        return (
            f"{SECTION}.trusted: a workspace's settings cannot grant trust; the editor itself or your own "
            "config.toml does"
        )
    return f"{SECTION}.{key}: no such setting{suggestion(key, known)}; remove it from the editor's settings"


if __name__ == "__main__":
    sys.stdout.write(markdown())
