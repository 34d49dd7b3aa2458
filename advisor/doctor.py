"""What a bug report needs, as plain data: what is installed, what runs the models, what confines them, what is set.

:func:`examine` looks at all of it and ends whatever it finds; what is wrong is a sentence under ``problems``, with the
remedy. Nothing secret is told: of the environment the few variables that choose an interpreter, and the home folder is
``~`` wherever it stands.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from . import folders, packs, targets
from .config import OPTIONS, Config, ConfigError, resolve, settings
from .discovery.project import Project
from .discovery.request import discover
from .interpreters import choose
from .version import NAME, VERSION
from .workers import Worker, WorkerError

Plain = dict[str, Any]

MODEL = """\
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x).relu()
"""
"""What is traced to see whether tracing works."""

_CHOOSING = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""Variables that decide what runs and where things are kept."""
_OURS = ("test", "dev")
"""Extras for the advisor's own development: nobody else misses them."""
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)[^;]*(?:;.*extra == ['\"](?P<extra>[^'\"]+)['\"])?")
_LOADED = (packs.RULES, packs.ESTIMATORS, packs.OP_COSTS)
"""Groups that an audit loads; the others are loaded by the commands that need them, and only listed here."""
_PACKS = (*_LOADED, packs.BACKENDS, packs.LOWERINGS, packs.COMMANDS)


def examine(
    start: Path,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] | None = None,
    cwd: Path | None = None,
    origin: str = OPTIONS,
    *,
    run: bool = True,
) -> Plain:
    """Look at everything that an audit of ``start`` (a file or folder) would rest on. ``environment`` is the person's,
    ``overrides`` to ``origin`` are those of :func:`advisor.config.resolve`; without ``run`` no interpreter is started,
    as where a workspace is not trusted."""
    problems: list[str] = []
    config = _config(start, overrides, cwd, origin, problems)
    found = {
        "advisor": _advisor(),
        "interpreter": _interpreter(start, environment, config, run, problems),
        "settings": _settings(config, environment),
        "targets": _targets(config, problems),
        "packs": list(_packs(problems)),
        "dependencies": list(_dependencies(problems)),
        "daemon": _daemon(environment, problems),
        "cache": _cache(environment, problems),
        "environment": {name: environment[name] for name in _CHOOSING if environment.get(name)},
    }
    return anonymous({"problems": problems, **found}, environment)


def _advisor() -> Plain:
    return {
        "version": VERSION,
        "folder": str(Path(__file__).parent),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
    }


# ---- what runs the models


def _interpreter(start: Path, environment: Mapping[str, str], config: Config, run: bool, problems: list[str]) -> Plain:
    """Which interpreter it is, what torch it has, and how a small model of ours fares there."""
    chosen = choose(start, environment, config.python)
    found: Plain = {"path": str(chosen.path), "why": chosen.why, "python": None, "torch": None}
    found |= {"traced": None, "containment": []}
    if not run:
        return {**found, "traced": "not tried: not trusted"}
    try:
        with Worker(chosen.path, environment=environment) as worker, tempfile.TemporaryDirectory(prefix=NAME) as top:
            file = Path(top).resolve() / "model.py"
            file.write_text(MODEL, encoding="utf-8")
            request = discover(file, Project(file.parent), seconds=config.time_limit).request
            assert request is not None, "MODEL holds a model"
            outcome = worker.run(request)
            versions = worker.versions
    except WorkerError as e:
        problems.append(str(e))
        return {**found, "traced": "no"}
    ok = outcome.status == "ok" and any(e["event"] == "model" and e["status"] == "ok" for e in outcome.events)
    if not ok:
        said = outcome.detail or outcome.stderr.strip().rpartition("\n")[2] or "it said nothing"
        problems.append(f"{chosen.path} did not trace a model of two layers ({outcome.status}: {said}); report this")
    return {
        **found,
        "python": versions.get("python"),
        "torch": versions.get("torch"),
        "traced": "yes" if ok else "no",
        "containment": list(outcome.containment),
    }


# ---- settings


def _config(
    start: Path, overrides: Mapping[str, Any] | None, cwd: Path | None, origin: str, problems: list[str]
) -> Config:
    """The settings; without those that are wrong, which are a problem."""
    for given in (overrides, None):
        try:
            return resolve(start, given, cwd, origin)
        except ConfigError as e:
            if str(e) not in problems:
                problems.append(str(e))
    return Config(start if start.is_dir() else start.parent)


def _settings(config: Config, environment: Mapping[str, str]) -> Plain:
    known = {key: getattr(config, f.name) for key, f in settings()}
    own = folders.settings(environment) / "config.toml"
    return {
        "file": None if config.file is None else str(config.file),
        "set": {key: _shown(known[key]) for key in known if key in config.origins},
        "user_file": str(own) if own.is_file() else None,
    }


def _shown(value: Any) -> Any:
    """A setting's value as JSON has it. Of models, which may hold anything, there is only how many."""
    if isinstance(value, Mapping):
        return {str(key): _shown(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        named = [getattr(item, "name", None) for item in value if not isinstance(item, (str, Path))]
        return f"{len(named)} entries" if named else [str(item) for item in value]
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def _targets(config: Config, problems: list[str]) -> Plain:
    """Those in use, each with the cost model that covers it, and how many there are."""
    used = []
    for name in config.targets:
        try:
            target = targets.load(name, config.target_dirs)
            estimator = packs.estimator_for(target)
        except (targets.TargetError, packs.PackError) as e:
            problems.append(f"{config.where('targets')}: {e}")
        else:
            used.append({"name": target.name, "dtype": target.dtype, "label": estimator.label})
    try:
        count = len(targets.available(config.target_dirs, config.where("target-dirs")))
    except targets.TargetError as e:
        problems.append(str(e))
        count = len(targets.available())
    return {"used": used, "known": count}


# ---- what is installed


def _packs(problems: list[str]) -> Iterator[Plain]:
    """Every pack; those that an audit loads, with what keeps them from it."""
    for group in _PACKS:
        for entry in packs.announced(group):
            error = ""
            if group in _LOADED:
                try:
                    entry.load()
                except Exception as e:  # foreign code may raise anything: that is what a report has to say
                    error = f"{type(e).__name__}: {e}"
                    problems.append(f"{group} pack '{entry.name}' ({entry.value}) cannot be loaded: {error}")
            by = entry.dist
            yield {
                "group": group,
                "name": entry.name,
                "value": entry.value,
                "distribution": "" if by is None else f"{by.name} {by.version}",
                "error": error,
            }
    try:
        packs.pages()
    except packs.PackError as e:
        if "cannot be loaded" not in str(e):  # said above
            problems.append(str(e))


def _dependencies(problems: list[str]) -> Iterator[Plain]:
    """What the advisor requires and what it can make use of, each with the version that is there."""
    try:
        texts = requires(NAME) or ()
    except PackageNotFoundError:
        problems.append(f"{NAME} is not installed as a package, so no packs are found; install it with pip")
        return
    for text in texts:
        match = _REQUIREMENT.match(text)
        if match is not None and match["extra"] not in _OURS:
            try:
                installed = version(match["name"])
            except PackageNotFoundError:
                installed = None
            yield {"name": match["name"], "for": match["extra"] or "", "version": installed}


# ---- what else runs, and what is kept


def _daemon(environment: Mapping[str, str], problems: list[str]) -> Plain:
    """The daemon that serves this person, None where none runs."""
    from .client.address import find
    from .client.connection import Client
    from .client.dial import Silent, greet
    from .client.errors import DaemonError

    try:
        stream = greet(find(environment), "script", environment)
        if stream is None:
            return {"running": False, "log": str(folders.hub_log(environment))}
        with Client(stream) as client:
            status = client.status()
    except Silent as e:
        problems.append(f"the daemon, process {e.pid}, does not answer; `advisor daemon stop` ends it")
        return {"running": True, "pid": e.pid, "log": str(folders.hub_log(environment))}
    except DaemonError as e:
        problems.append(str(e))
        return {"running": None, "log": str(folders.hub_log(environment))}
    analysts = [a for lane in status["lanes"].values() for a in lane["analysts"]]
    return {
        "running": True,
        "pid": status["pid"],
        "version": status["version"],
        "seconds": round(status["seconds"]),
        "clients": [client["kind"] for client in status["clients"]],
        "analysts": len(analysts),
        "errors": [lane["error"] for lane in status["lanes"].values() if lane["error"]],
        "log": status["log"],
    }


def _cache(environment: Mapping[str, str], problems: list[str]) -> Plain:
    """The folder of what is kept, and how full it is."""
    folder = folders.cache(environment)
    files = sizes = 0
    for file in (folder / "traces").rglob("*"):
        try:
            if file.is_file():
                files, sizes = files + 1, sizes + file.stat().st_size
        except OSError:
            continue  # another process removed it
    above = next((f for f in (folder, *folder.parents) if f.exists()), None)
    writable = above is not None and os.access(above, os.W_OK)
    if not writable:
        problems.append(f"{folder} cannot be written, so no trace is kept; make it writable or set XDG_CACHE_HOME")
    predictors = sorted(file.stem for file in (folders.data(environment) / "predictors").glob("*"))
    return {
        "folder": str(folder),
        "writable": writable,
        "traces": files,
        "bytes": sizes,
        "predictors": predictors,
    }


# ---- nobody's home


def anonymous(value: Any, environment: Mapping[str, str] = os.environ) -> Any:
    """``value`` with the home folder, however it is written, as ``~`` in all its texts."""
    return _anonymous(value, _home(environment))


def _home(environment: Mapping[str, str]) -> list[str]:
    """How the home folder may be written, the longest first."""
    homes = {environment.get("HOME", ""), str(Path.home()), os.path.realpath(Path.home())}
    return sorted((home for home in homes if len(home) > 1), key=len, reverse=True)


def _anonymous(value: Any, homes: list[str]) -> Any:
    """``value`` with every home folder in its texts as ``~``."""
    if isinstance(value, str):
        for home in homes:
            value = re.sub(rf"{re.escape(home)}(?=[/\\:;,'\"\s)]|$)", "~", value)
        return value
    if isinstance(value, Mapping):
        return {_anonymous(key, homes): _anonymous(item, homes) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_anonymous(item, homes) for item in value]
    return value
