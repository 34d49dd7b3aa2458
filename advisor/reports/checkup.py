"""What :func:`advisor.doctor.examine` found, as Markdown: for a bug report, and for a person to read in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import cells
from .markdown import escape

Plain = dict[str, Any]


def render(found: Plain) -> str:
    """The whole page; problems come first."""
    problems = found["problems"]
    blocks = [
        "# advisor doctor",
        "\n".join(f"- **{escape(problem)}**" for problem in problems) or "No problems found.",
        *_section("Advisor", _advisor(found["advisor"])),
        *_section("Interpreter that runs the models", _interpreter(found["interpreter"])),
        *_section("Settings", _settings(found["settings"])),
        *_section("Targets", _targets(found["targets"])),
        *_section("Daemon", _daemon(found["daemon"])),
        *_section("Cache", _cache(found["cache"])),
        *_section("Packs", map(_pack, found["packs"])),
        *_section("Dependencies", map(_dependency, found["dependencies"])),
        *_section("Environment", (f"{name}: `{value}`" for name, value in found["environment"].items())),
    ]
    return "\n\n".join(blocks) + "\n"


def _section(title: str, lines: Iterator[str]) -> list[str]:
    said = "\n".join(f"- {line}" for line in lines)
    return [f"## {title}", said] if said else []


def _advisor(about: Plain) -> Iterator[str]:
    yield f"version {about['version']} in `{about['folder']}`"
    yield f"Python {about['python']}, `{about['executable']}`"
    yield f"{about['platform']}, {cells.plural(about['cores'] or 1, 'core')}"


def _interpreter(about: Plain) -> Iterator[str]:
    yield f"`{about['path']}`: {about['why']}"
    if about["torch"]:
        yield f"Python {about['python']}, torch {about['torch']}"
    yield f"a small model is traced: {about['traced']}"
    if about["containment"]:
        yield f"what confines it: {', '.join(about['containment'])}"


def _settings(about: Plain) -> Iterator[str]:
    yield f"read from `{about['file']}`" if about["file"] else "no pyproject.toml with [tool.advisor]"
    yield from (f"{key} = {value}" for key, value in about["set"].items())
    yield f"your own: `{about['user_file']}`" if about["user_file"] else "no config.toml of your own"


def _targets(about: Plain) -> Iterator[str]:
    yield from (f"{t['name']} ({t['dtype']}, {t['label']})" for t in about["used"])
    yield f"{about['known']} in all: `advisor targets` lists them"


def _daemon(about: Plain) -> Iterator[str]:
    if about["running"] and "version" in about:
        clients = ", ".join(about["clients"]) or "none"
        yield f"process {about['pid']}, version {about['version']}, for {about['seconds']} s"
        yield f"clients: {clients}; {cells.plural(about['analysts'], 'analyst')}"
        yield from about["errors"]
    else:
        yield {True: "it does not answer", False: "none is running", None: "it cannot be reached"}[about["running"]]
    yield f"log: `{about['log']}`"


def _cache(about: Plain) -> Iterator[str]:
    kept = f"{cells.plural(about['traces'], 'file')}, {cells.size(about['bytes'])}"
    yield f"`{about['folder']}`: {kept}{'' if about['writable'] else ', cannot be written'}"
    if about["predictors"]:
        yield f"predictors made here: {', '.join(about['predictors'])}"


def _pack(about: Plain) -> str:
    by = f", {about['distribution']}" if about["distribution"] else ""
    error = f": **{escape(about['error'])}**" if about["error"] else ""
    return f"{about['group']} {about['name']} (`{about['value']}`{by}){error}"


def _dependency(about: Plain) -> str:
    what = f" (for {about['for']})" if about["for"] else ""
    return f"{about['name']}{what}: {about['version'] or 'not installed'}"
