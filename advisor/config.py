"""Settings: one resolver for the command line, the library and the editor.

Settings stand in the ``[tool.advisor]`` table of the nearest ``pyproject.toml`` up the tree that has one; options of
the command line come on top. :class:`Config` is the single list of settings: its fields' metadata give the parser,
the JSON Schema (``advisor schema settings``) and ``docs/configuration.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from .kinds import (
    COUNT,
    FLAG,
    GIB,
    MODELS,
    PATH,
    PATHS,
    PER_FILE,
    PERCENT,
    SECONDS,
    SIZE,
    SOME_STRINGS,
    STRINGS,
    TIME,
    Kind,
)
from .modelsettings import ModelSetting
from .toml import TomlError, read_toml
from .words import suggestion

TABLE = "tool.advisor"
FILE = "pyproject.toml"
OPTIONS = "options"
"""What messages call settings that come on top, unless they are told better."""


class ConfigError(ValueError):
    """A settings file or value that cannot be used; the message names the file, the key and the remedy."""


def _about(kind: Kind, doc: str, example: str) -> dict[str, Any]:
    return {"kind": kind, "doc": doc, "example": example}


@dataclass(frozen=True)
class Config:
    """The settings that hold for a path. ``file`` is where they were read (None: defaults); ``root`` the folder that
    globs and relative paths start from; ``origins`` names, by key, the place that each setting was set in."""

    root: Path
    file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    targets: tuple[str, ...] = field(
        default=("cpu-x86",),
        metadata=_about(
            SOME_STRINGS,
            "Targets to cost models for: names that `advisor targets` lists, or paths of TOML files.",
            'targets = ["ethos-u85-1024", "cpu-x86"]',
        ),
    )
    target_dirs: tuple[Path, ...] = field(
        default=(), metadata=_about(PATHS, "Folders with target files of your own.", 'target-dirs = ["hardware"]')
    )
    select: tuple[str, ...] = field(
        default=("ALL",),
        metadata=_about(
            STRINGS, "Codes or prefixes of codes to report; `ALL` is every code.", 'select = ["CHN", "IBN201"]'
        ),
    )
    ignore: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            STRINGS,
            "Codes or prefixes not to report; the longer of two matching entries decides.",
            'ignore = ["CHN102"]',
        ),
    )
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata=_about(
            PER_FILE,
            "Codes not to report in the files that a glob matches; a glob without a slash matches file names.",
            'per-file-ignores = { "legacy/*.py" = ["CHN"] }',
        ),
    )
    min_gain: float = field(
        default=1.0,
        metadata=_about(
            PERCENT,
            "Findings about latency that save less than this, in percent of their model's latency, are not reported.",
            "min-gain = 2.5",
        ),
    )
    latency_budget: float | None = field(
        default=None,
        metadata=_about(
            TIME,
            "Latency a model may have on each target; without it, there is no limit.",
            'latency-budget = "2 ms"',
        ),
    )
    memory_budget: int | None = field(
        default=None,
        metadata=_about(
            SIZE,
            "Peak activation memory a model may use; without it, the target's own memory is the budget.",
            'memory-budget = "256 KiB"',
        ),
    )
    models: tuple[ModelSetting, ...] = field(
        default=(),
        metadata=_about(
            MODELS,
            "How to build and call models that cannot be guessed: `path` (glob), `name` (class or factory), `args`, "
            "`kwargs` and `input` (a shape, a list of shapes, or a table of them by argument name).",
            '[[tool.advisor.models]]\npath = "nets/seg.py"\nname = "SegNet"\nargs = [21]\ninput = [1, 3, 512, 512]',
        ),
    )
    python: Path | None = field(
        default=None,
        metadata=_about(
            PATH,
            "Interpreter that imports the models; without it, the active virtual environment or the project's own.",
            'python = ".venv/bin/python"',
        ),
    )
    time_limit: float = field(
        default=20.0,
        metadata=_about(SECONDS, "Wall-clock limit for one file, all attempts together.", "time-limit = 60"),
    )
    memory_limit: int = field(
        default=4 * GIB,
        metadata=_about(
            SIZE, "Memory that one file's process and all its descendants may use.", 'memory-limit = "8 GiB"'
        ),
    )
    zero_shot: bool = field(
        default=False,
        metadata=_about(
            FLAG,
            "Score each model's trainability at its initialisation (zero-shot proxies, no data), and what the moves "
            "that save most do to it. An audit takes seconds longer for each model; an editor waits for nothing and "
            "shows the scores when they are there.",
            "zero-shot = true",
        ),
    )
    jobs: int = field(
        default=0,
        metadata=_about(COUNT, "Files audited at the same time; 0 is one for each processor core.", "jobs = 4"),
    )
    exclude: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            STRINGS, "Globs of files and folders that are not audited.", 'exclude = ["third_party", "*_pb2.py"]'
        ),
    )

    def where(self, key: str) -> str:
        """The place of a setting for messages: ``/x/pyproject.toml: [tool.advisor]: targets``."""
        origin = self.origins.get(key)
        return f"{origin}: {key}" if origin else key


def settings() -> Iterator[tuple[str, Field[Any]]]:
    """Every setting as (key as written in TOML, dataclass field with ``kind``, ``doc`` and ``example`` metadata)."""
    for f in fields(Config):
        if f.metadata:
            yield f.name.replace("_", "-"), f


def find(path: Path) -> tuple[Path, Mapping[str, Any]] | None:
    """The nearest ``pyproject.toml`` at or above ``path`` that has a ``[tool.advisor]`` table, with that table.

    Raises :class:`ConfigError` for one that is not TOML.
    """
    start = path if path.is_dir() else path.parent
    for folder in (start, *start.parents):
        file = folder / FILE
        if not file.is_file():
            continue
        try:
            tools = read_toml(file).get("tool", {})
        except TomlError as e:
            raise ConfigError(f"{file}: cannot be read as TOML: {e}; fix the file") from e
        if not isinstance(tools, Mapping):
            raise ConfigError(f"{file}: tool: expected a table, got {tools!r}; write [{TABLE}]")
        table = tools.get("advisor")
        if table is None:
            continue
        if not isinstance(table, Mapping):
            raise ConfigError(f"{file}: {TABLE}: expected a table, got {table!r}; write [{TABLE}]")
        return file, table
    return None


def read(table: Mapping[str, Any], root: Path, where: str) -> dict[str, Any]:
    """The table's settings as keyword arguments of :class:`Config`; ``where`` names the table for messages.

    Raises :class:`ConfigError` for an unknown key or a value of the wrong type.
    """
    known = dict(settings())
    values = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key '{key}'{suggestion(key, known)}")
        try:
            values[known[key].name] = known[key].metadata["kind"].read(value, root)
        except ValueError as e:
            head, *rest = known[key].metadata["example"].splitlines()
            example = f"{head} with {', '.join(rest)}" if rest else head
            raise ConfigError(f"{where}: {key}: {e}; write for example: {example}") from e
    if "targets" in values:
        values["targets"] = tuple(_target(name, root) for name in values["targets"])
    return values


def _target(name: str, root: Path) -> str:
    """A target's name; a file's path made absolute."""
    return str(root / name) if name.endswith(".toml") and (root / name).is_file() else name


def resolve(
    path: Path | str, overrides: Mapping[str, Any] | None = None, cwd: Path | None = None, origin: str = OPTIONS
) -> Config:
    """The settings for ``path`` (a file or folder, which need not exist).

    ``overrides`` are settings by key (``min-gain``) or field name (``min_gain``); they win over the file's, None is
    skipped; relative paths in them start from ``cwd``, by default the working directory; ``origin`` is what messages
    call them. Raises :class:`ConfigError`.
    """
    start = Path(path).resolve()
    found = find(start)
    root = found[0].parent if found else start if start.is_dir() else start.parent
    table = f"{found[0]}: [{TABLE}]" if found else ""
    values = read(found[1], root, table) if found else {}
    given = {k.replace("_", "-"): v for k, v in (overrides or {}).items() if v is not None}
    values |= read(given, cwd or Path.cwd(), origin)
    origins = {**dict.fromkeys(found[1] if found else (), table), **dict.fromkeys(given, origin)}
    return Config(root=root, file=found[0] if found else None, origins=origins, **values)
