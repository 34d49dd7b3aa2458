"""The settings' two generated descriptions: a JSON Schema and ``docs/configuration.md``.

``python -m advisor.settings`` prints the page; a test fails when the committed one drifts.
"""

from __future__ import annotations

import sys
from typing import Any

from .config import TABLE, settings

INTRO = f"""# Configuration

Generated from `advisor/config.py` (`python -m advisor.settings > docs/configuration.md`).

Settings stand in the `[{TABLE}]` table of `pyproject.toml`. For each audited file the nearest `pyproject.toml` up the
tree that has this table counts, alone: nothing is merged from further up. Options of the command line win over it.
An unknown key or a value of the wrong type is an error. Relative paths start from the file's own folder.
"""


def _default(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (tuple, list)):
        return "`[" + ", ".join(f'"{v}"' for v in value) + "]`"
    return f"`{value}`" if not isinstance(value, dict) else "`{}`"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the ``[tool.advisor]`` table."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"[{TABLE}]",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"description": f.metadata["doc"], **f.metadata["kind"].schema} for key, f in settings()},
    }


def markdown() -> str:
    """The page of all settings."""
    parts = [INTRO]
    for key, f in settings():
        default = f.default_factory() if callable(f.default_factory) else f.default
        example = f.metadata["example"]
        head = "" if example.startswith("[[") else f"[{TABLE}]\n"
        parts.append(
            f"## `{key}`\n\n{f.metadata['doc']}\n\n"
            f"Type: {f.metadata['kind'].shown}. Default: {_default(default)}.\n\n```toml\n{head}{example}\n```\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(markdown())
