"""Settings: one resolver for the command line, the library and, later, the editor.

Settings stand in the ``[tool.advisor]`` table of the nearest ``pyproject.toml`` up the tree that has one; options of
the command line come on top. :class:`Config` is the single list of settings: its fields' metadata give the parser,
the JSON Schema (``advisor schema settings``) and ``docs/configuration.md``.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = "tool.advisor"
GIB = 1024**3


class ConfigError(ValueError):
    """A settings file or value that cannot be used; the message names the file, the key and the remedy."""


@dataclass(frozen=True, slots=True)
class ModelSetting:
    """One ``[[tool.advisor.models]]`` entry: how to build and call what discovery cannot guess.

    ``path`` is a glob relative to the settings file, ``name`` the class or factory. ``args`` and ``kwargs`` are
    literals. ``inputs`` has the form ``{"args": [...], "kwargs": {...}}`` of :mod:`advisor.discovery.request`.
    """

    path: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A setting's type: how a TOML value is read (ValueError says what was expected) and its JSON Schema."""

    read: Callable[[Any, Path], Any]
    schema: dict[str, Any]
    shown: str


# ---- readers: (value, folder that relative paths start from) → value, or ValueError("expected …")


def _string(value: Any, root: Path) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a non-empty string, got {value!r}")
    return value


def _strings(value: Any, root: Path) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) and v for v in value):
        raise ValueError(f"expected a list of strings, got {value!r}")
    return tuple(value)


def _some_strings(value: Any, root: Path) -> tuple[str, ...]:
    strings = _strings(value, root)
    if not strings:
        raise ValueError("expected at least one entry, got an empty list")
    return strings


def _percent(value: Any, root: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise ValueError(f"expected a number from 0 to 100 (percent), got {value!r}")
    return float(value)


def _seconds(value: Any, root: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ValueError(f"expected a positive number of seconds, got {value!r}")
    return float(value)


def _count(value: Any, root: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a whole number of at least 0, got {value!r}")
    return value


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|KB|MB|GB)?", re.IGNORECASE)
_UNITS = {"b": 1, "kib": 1024, "mib": 1024**2, "gib": GIB, "kb": 1000, "mb": 1000**2, "gb": 1000**3}


def _size(value: Any, root: Path) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        raise ValueError(f'expected bytes as a number or a size such as "512 KiB" or "4 GiB", got {value!r}')
    return int(float(match[1]) * _UNITS[(match[2] or "B").lower()])


def _path(value: Any, root: Path) -> Path:
    # Not resolved: a virtual environment's python is a link, and following it leaves the environment.
    return root / Path(_string(value, root)).expanduser()


def _paths(value: Any, root: Path) -> tuple[Path, ...]:
    return tuple(_path(v, root) for v in _strings(value, root))


def _per_file(value: Any, root: Path) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise ValueError(f'expected a table such as {{"legacy/*.py" = ["CHN101"]}}, got {value!r}')
    return {_string(glob, root): _strings(codes, root) for glob, codes in value.items()}


def _models(value: Any, root: Path) -> tuple[ModelSetting, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, Mapping) for v in value):
        raise ValueError(f"expected tables, each under [[{TABLE}.models]], got {value!r}")
    return tuple(_model(entry, root) for entry in value)


_MODEL_KEYS = ("path", "name", "args", "kwargs", "input")


def _model(entry: Mapping[str, Any], root: Path) -> ModelSetting:
    for key in entry:
        if key not in _MODEL_KEYS:
            raise ValueError(f"unknown key '{key}'{suggestion(key, _MODEL_KEYS)}")
    for key in ("path", "name"):
        if key not in entry:
            raise ValueError(f"an entry lacks '{key}', which says where the model is")
    args, kwargs = entry.get("args", []), entry.get("kwargs", {})
    if not isinstance(args, (list, tuple)):
        raise ValueError(f"args: expected a list, got {args!r}")
    if not isinstance(kwargs, Mapping):
        raise ValueError(f"kwargs: expected a table, got {kwargs!r}")
    inputs = _inputs(entry["input"]) if "input" in entry else None
    return ModelSetting(_string(entry["path"], root), _string(entry["name"], root), tuple(args), dict(kwargs), inputs)


def _inputs(value: Any) -> dict[str, Any]:
    """``[1, 3, 32, 32]`` (one tensor), ``[[…], […]]`` (several) or ``{x = […]}`` (by name), as the worker reads it."""
    if _is_shape(value):
        return {"args": [_tensor(value)], "kwargs": {}}
    if isinstance(value, (list, tuple)) and value:
        return {"args": [_tensor(v) for v in value], "kwargs": {}}
    if isinstance(value, Mapping) and value:
        if "shape" in value:
            return {"args": [_tensor(value)], "kwargs": {}}
        return {"args": [], "kwargs": {k: _tensor(v) for k, v in value.items()}}
    raise ValueError(f"input: expected a shape such as [1, 3, 224, 224], a list of shapes or a table, got {value!r}")


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(type(d) is int and d >= 0 for d in value) and bool(value)


def _tensor(value: Any) -> dict[str, Any]:
    if _is_shape(value):
        return {"shape": list(value), "dtype": "float32"}
    if isinstance(value, Mapping) and set(value) == {"value"}:
        return dict(value)
    if isinstance(value, Mapping) and set(value) <= {"shape", "dtype"} and _is_shape(value.get("shape")):
        return {"shape": list(value["shape"]), "dtype": str(value.get("dtype", "float32"))}
    raise ValueError(f'input: expected a shape, {{shape = […], dtype = "int64"}} or {{value = 3}}, got {value!r}')


_STRING_LIST: dict[str, Any] = {"type": "array", "items": {"type": "string", "minLength": 1}}
_SIZE_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string"}]}
_MODEL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "name"],
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "name": {"type": "string", "minLength": 1},
        "args": {"type": "array"},
        "kwargs": {"type": "object"},
        "input": {"type": ["array", "object"]},
    },
}

STRINGS = Kind(_strings, _STRING_LIST, "list of strings")
SOME_STRINGS = Kind(_some_strings, {**_STRING_LIST, "minItems": 1}, "list of strings, at least one")
PERCENT = Kind(_percent, {"type": "number", "minimum": 0, "maximum": 100}, "number, percent")
SECONDS = Kind(_seconds, {"type": "number", "exclusiveMinimum": 0}, "number, seconds")
COUNT = Kind(_count, {"type": "integer", "minimum": 0}, "integer")
SIZE = Kind(_size, _SIZE_SCHEMA, 'bytes, or a size such as "4 GiB"')
PATH = Kind(_path, {"type": "string", "minLength": 1}, "path")
PATHS = Kind(_paths, _STRING_LIST, "list of paths")
PER_FILE = Kind(_per_file, {"type": "object", "additionalProperties": _STRING_LIST}, "table: glob → list of codes")
MODELS = Kind(_models, {"type": "array", "items": _MODEL_SCHEMA}, "array of tables")


def _about(kind: Kind, doc: str, example: str) -> dict[str, Any]:
    return {"kind": kind, "doc": doc, "example": example}


@dataclass(frozen=True)
class Config:
    """The settings that hold for a path. ``file`` is where they were read (None: defaults); ``root`` the folder that
    globs and relative paths start from."""

    root: Path
    file: Path | None = None
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

    @property
    def workers(self) -> int:
        """``jobs`` with 0 resolved to the number of cores."""
        return self.jobs or os.cpu_count() or 1


def settings() -> Iterator[tuple[str, Field[Any]]]:
    """Every setting as (key as written in TOML, dataclass field with ``kind``, ``doc`` and ``example`` metadata)."""
    for f in fields(Config):
        if f.metadata:
            yield f.name.replace("_", "-"), f


def suggestion(word: str, known: Any) -> str:
    """``; did you mean 'x'?`` for the nearest known word, else the list of them."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(known))}"


def find(path: Path) -> tuple[Path, Mapping[str, Any]] | None:
    """The nearest ``pyproject.toml`` at or above ``path`` that has a ``[tool.advisor]`` table, with that table.

    Raises :class:`ConfigError` for one that is not TOML.
    """
    start = path if path.is_dir() else path.parent
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            data = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
            raise ConfigError(f"{file}: cannot be read as TOML: {e}; fix the file") from e
        table = data.get("tool", {}).get("advisor")
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
            example = known[key].metadata["example"].splitlines()[0]
            raise ConfigError(f"{where}: {key}: {e}; write for example: {example}") from e
    return values


def resolve(path: Path | str, overrides: Mapping[str, Any] | None = None) -> Config:
    """The settings for ``path`` (a file or folder, which need not exist).

    ``overrides`` are settings by key (``min-gain``) or field name (``min_gain``); they win over the file's, None is
    skipped; relative paths in them start from the working directory. Raises :class:`ConfigError`.
    """
    start = Path(path).resolve()
    found = find(start)
    root = found[0].parent if found else start if start.is_dir() else start.parent
    values = read(found[1], root, f"{found[0]}: [{TABLE}]") if found else {}
    given = {k.replace("_", "-"): v for k, v in (overrides or {}).items() if v is not None}
    values |= read(given, Path.cwd(), "options")
    return Config(root=root, file=found[0] if found else None, **values)
