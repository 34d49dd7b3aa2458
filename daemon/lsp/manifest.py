"""The settings as VS Code wants them in an extension's ``package.json``, made from :func:`.settings.schema`.

An engine's setting that is not set is null for the server. VS Code's page of settings has no control for a null, except
for numbers: there, what is not set looks like an empty text or list. The extension sends only what a person set.

``python -m advisor.daemon.lsp.manifest editor-ext/vscode/package.json`` writes them into that file; a test fails when
the committed one drifts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.config import settings as engine_settings

from .settings import SECTION, camel, schema

_UNSET = "Not set, `pyproject.toml` or the default decides."
_UNSET_PYTHON = (
    "Not set, `pyproject.toml` decides; where that says none, it is the virtual environment that is active in the "
    "Python extension, without one the project's own."
)
_INTERPRETERS = (f"{SECTION}.python",)
"""A folder may set them, other machines do not take them over, and VS Code asks for trust first."""
_CLIENT: Mapping[str, Mapping[str, Any]] = {
    f"{SECTION}.server.interpreter": {
        "type": "string",
        "default": "",
        "scope": "machine-overridable",
        "markdownDescription": "The Python interpreter that has the advisor installed. Empty: the environment that is "
        "active in the Python extension, else `.venv` or `venv` in the workspace, `VIRTUAL_ENV`, or what is on the "
        "`PATH`, the first that has it. Nothing in a workspace that is not trusted is started.",
    },
    f"{SECTION}.trace.server": {
        "type": "string",
        "enum": ["off", "messages", "verbose"],
        "default": "off",
        "scope": "window",
        "markdownDescription": "What is said between the editor and the advisor, in the output channel Advisor.",
    },
}
"""Settings of the extension alone: the server is not sent them."""


def properties() -> dict[str, dict[str, Any]]:
    """``contributes.configuration.properties``: key → JSON Schema with VS Code's own words."""
    engine = {f"{SECTION}.{camel(key)}" for key, _ in engine_settings()}
    made: dict[str, dict[str, Any]] = {}
    for key, given in schema()["properties"].items():
        kind = {name: value for name, value in given.items() if name not in ("description", "default", "anyOf")}
        if key in engine:
            kind = _settable(given["anyOf"][1])
            unset = _UNSET_PYTHON if key in _INTERPRETERS else _UNSET
            text = f"{given['description']}\n\n{unset}"
        else:
            kind["default"] = given["default"]
            text = given["description"]
        scope = "machine-overridable" if key in _INTERPRETERS else "resource"
        made[key] = {**_listed(kind), "scope": scope, "markdownDescription": text}
    first, *others = _CLIENT.items()
    ordered = dict([first, *made.items(), *others])
    return {key: {**value, "order": order} for order, (key, value) in enumerate(ordered.items())}


def _settable(kind: Mapping[str, Any]) -> dict[str, Any]:
    """An engine's kind with a value that stands for not set, such that the page of settings has a control for it."""
    if "anyOf" in kind:  # a number or a text with a unit: the text can say both
        alternatives: Sequence[Mapping[str, Any]] = kind["anyOf"]
        kind = next((one for one in alternatives if one.get("type") == "string"), {**kind, "type": "any"})
    rest = dict(kind)
    match kind["type"]:
        case "boolean":
            labels = ["not set", "on", "off"]
            return {"type": ["boolean", "null"], "enum": [None, True, False], "enumItemLabels": labels, "default": None}
        case "number" | "integer":
            return {**rest, "type": [kind["type"], "null"], "default": None}
        case "string":
            rest.pop("minLength", None)  # the empty text
            return {**rest, "default": ""}
        case "array":
            rest.pop("minItems", None)  # the empty list
            return {**rest, "default": []}
        case _:
            return {**rest, "type": ["object", "null"], "default": None}


def _listed(kind: dict[str, Any]) -> dict[str, Any]:
    """Entries of a list say that they are texts, which the control for lists needs to know."""
    items = kind.get("items")
    if items and "type" not in items and all(isinstance(value, str) for value in items.get("enum", [None])):
        return {**kind, "items": {"type": "string", **items}}
    return kind


def applied(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A ``package.json`` with our settings in place of those it has."""
    contributes = manifest.get("contributes", {})
    configuration = {**contributes.get("configuration", {}), "properties": properties()}
    return {**manifest, "contributes": {**contributes, "configuration": configuration}}


def written(manifest: Mapping[str, Any]) -> str:
    """The file's text."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the settings into the files named; returns the process's exit code."""
    for name in arguments:
        file = Path(name)
        file.write_text(written(applied(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
