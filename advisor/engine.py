"""The one engine behind the command line, the library and the editor.

``audit_paths`` reads files, has the worker trace them, costs every graph on every target and collects what the rules
advise; ``audit_model`` does the same for a live ``nn.Module``. Both give a :class:`Report`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import config as settings
from .config import Config
from .discovery.listing import python_files
from .graph import Graph, Span
from .plan import Plan, Plans
from .report import FileReport, ModelReport, Report
from .session import Cancelled, Session
from .troubles import untraced
from .zeroshot.check import Check

if TYPE_CHECKING:
    from torch import nn

Progress = Callable[[Path, int, int], None]
"""Called after each file with it, how many are done and how many there are."""


class EngineError(ValueError):
    """An audit that cannot start; the message says why and what to do."""


def audit(
    model_or_path: nn.Module | str | os.PathLike[str],
    inputs: Any = None,
    target: str | Sequence[str] | None = None,
    **overrides: Any,
) -> Report:
    """Audit a live module, a model file or a folder of them.

    ``inputs`` (modules only) is a shape, a tensor or a tuple of them; meta tensors are welcome; None guesses from the
    first layers. ``target`` names one or several targets; other settings are keyword arguments spelt as in
    ``[tool.advisor]`` with underscores (``min_gain=2``). Raises :class:`advisor.config.ConfigError`,
    :class:`advisor.targets.TargetError`, :class:`advisor.workers.WorkerError` or :class:`EngineError`.
    """
    overrides = {**overrides, "targets": named(target)}
    if isinstance(model_or_path, str | os.PathLike):
        if inputs is not None:
            raise EngineError("inputs go with a live module; for a file write `# advisor: input=(…)` above the class")
        path = Path(model_or_path)
        return audit_paths([path], overrides)
    return audit_model(_module(model_or_path), inputs, settings.resolve(Path.cwd(), overrides))


def named(target: Any) -> list[str] | None:
    """The targets that a caller names, one or several; None for those of the settings. Raises :class:`EngineError`."""
    if target is None:
        return None
    names = [target] if isinstance(target, str) else list(target) if isinstance(target, Iterable) else [target]
    if all(isinstance(name, str) for name in names):
        return names
    raise EngineError(f"target: expected a name or a list of names, got {target!r}; `advisor targets` lists them")


def _module(model: Any) -> nn.Module:
    """``model`` where it is a live module that can be traced; raises :class:`EngineError`."""
    import torch

    if isinstance(model, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        raise EngineError("a scripted model shows none of its layers; audit the module that it was made from")
    if isinstance(model, torch.nn.Module):
        return model
    if isinstance(model, type) and issubclass(model, torch.nn.Module):
        raise EngineError(f"{model.__name__} is a class; give a module: audit({model.__name__}(…))")
    if callable(model):
        name = getattr(model, "__name__", repr(model))
        raise EngineError(f"{name} is a function; give the module that it builds: audit({name}(…))")
    raise EngineError(f"expected an nn.Module or the path of a file or folder, got {model!r}")


# ---- files


def audit_paths(
    paths: Sequence[Path],
    overrides: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancelled: threading.Event | None = None,
    *,
    fixes: bool = False,
) -> Report:
    """Audit files and folders, each file under the settings nearest to it with ``overrides`` on top.

    ``fixes``: also find a verified fix for every finding, or why there is none (:attr:`advisor.findings.Finding.fix`);
    the models are run again for that. Files come in a stable order, whatever the number of ``jobs`` is (that of the
    first path's settings). ``cancelled`` may be set from another thread: what is running is ended, and the report holds
    the files that were done by then.
    Raises what :func:`audit` raises.
    """
    plans = Plans(overrides)
    plan = _planned(paths, plans, Path.cwd())
    report = Report(plan.root, plan.targets)
    with Session(plans, cancelled) as session:
        jobs = plan.jobs or os.cpu_count() or 1
        with ThreadPoolExecutor(max(1, min(jobs, len(plan.files)))) as threads:
            results = [threads.submit(_audited, session, file, fixes) for file in plan.files]
            try:
                for done, (file, result) in enumerate(zip(plan.files, results, strict=True), 1):
                    reported = result.result()
                    if reported is not None:
                        report.files.append(reported)
                    if progress is not None:
                        progress(file, done, len(plan.files))
            except BaseException:  # Ctrl-C, say: the threads would otherwise go on to the last file
                session.cancelled.set()
                raise
    return report


def _audited(session: Session, file: Path, fixes: bool) -> FileReport | None:
    report = session.file(file)
    if fixes and report is not None:
        from .fixes.offers import offer  # syntax trees that keep formatting take time to import

        try:
            offer(session, report)
        except Cancelled:
            return None
    return report


@dataclass(frozen=True, slots=True)
class Planned:
    """What an audit of some paths comes to before it starts: its files in order, its report's root and targets, and how
    many files are audited at the same time (0: one for each core), by the first path's settings."""

    files: tuple[Path, ...]
    root: str
    targets: tuple[str, ...]
    jobs: int


def planned(
    paths: Sequence[Path],
    overrides: Mapping[str, Any] | None = None,
    cwd: Path | None = None,
    origin: str = settings.OPTIONS,
) -> Planned:
    """The files that :func:`audit_paths` would audit. Relative paths start from ``cwd``, by default the working
    directory; ``origin`` is what messages call the overrides. Raises what :func:`audit` raises."""
    return _planned(paths, Plans(overrides, cwd, origin), cwd or Path.cwd())


def _planned(paths: Sequence[Path], plans: Plans, cwd: Path) -> Planned:
    files: dict[Path, None] = {}
    for given in paths:
        path = cwd / given
        if not os.path.lexists(path):
            raise EngineError(f"no such file or folder: {given}; give paths of Python files or of folders of them")
        excluded = plans.of(_place(path)).config.exclude
        files.update(dict.fromkeys(map(_place, python_files(path, excluded))))
    places = (*files, *(_place(cwd / p) for p in paths))
    names = dict.fromkeys(t.name for path in places for t in plans.of(path).targets)
    jobs = plans.of(_place(cwd / paths[0])).config.jobs if paths else 0
    return Planned(tuple(files), str(_root(files, cwd)), tuple(names), jobs)


def _place(path: Path) -> Path:
    """``path`` without links, so that a file reached on two ways is audited once. A link that leads to no file keeps
    its own name: it is what a person has to look at."""
    try:
        real = path.resolve(strict=True)
        if real.is_file() or real.is_dir():
            return real
    except (OSError, RuntimeError):  # a dangling link; one that leads to itself, before Python 3.13
        pass
    return path.parent.resolve() / path.name


def _root(files: Iterable[Path], here: Path) -> Path:
    """Where the report's relative paths start: the repository that holds all ``files``, as services that show them
    expect; without one the working directory ``here`` if it holds them, else the folder that they share."""
    folders = [str(f.parent) for f in files]
    if not folders:
        return here
    shared = Path(os.path.commonpath(folders))
    repository = next((f for f in (shared, *shared.parents) if (f / ".git").exists()), None)
    return repository or (here if shared.is_relative_to(here) else shared)


# ---- live modules


def audit_model(module: nn.Module, inputs: Any, config: Config) -> Report:
    """Audit a live module in this process; the module is left as it was."""
    from . import live, written

    plan = Plan.of(config)
    name = type(module).__name__
    unknown = f"<{name}>"
    span = written.definition(module) or Span(unknown, 1, 1, 1, 1)
    model = ModelReport(name, span.file, "live", span, "failed")
    try:
        graph, info = live.trace(module, inputs)
    except live.InputError as e:
        raise EngineError(str(e)) from e
    except live.TraceError as e:
        model.failure = e.failure
    else:
        model.status, model.rung, model.failure = info.status, info.rung, info.failure
        model.graph = written.with_creation_sites(graph, module)
        model.input = info.guess or _shown(graph)
    model.findings = untraced(model, given=inputs is not None)
    plan.advise(model)
    if config.zero_shot:
        _score(module, inputs, model, plan)
    model.findings = [f for f in model.findings if plan.enabled(f.code, f.span.file)]
    return Report(
        str(_root([Path(span.file)] if span.file != unknown else [], Path.cwd())),
        tuple(t.name for t in plan.targets),
        [FileReport(span.file, [model])],
    )


def _score(module: nn.Module, inputs: Any, model: ModelReport, plan: Plan) -> None:
    """Enter what the zero-shot check says of a live module."""
    from . import live

    check = Check.of([model])
    for name, plans in check.plans.items():
        found = live.score(module, inputs, plans, seconds=plan.config.time_limit)
        check.enter(name, found["facts"], found["moves"])
        plan.advise_on_facts(model)


def _shown(graph: Graph) -> str:
    """The model's inputs as a person would write them."""
    tensors = [graph.tensors[i] for i in graph.inputs]
    return ", ".join(f"{t.name}={t.shape} {t.dtype}" for t in tensors)
