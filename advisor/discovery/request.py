"""The request that an audit sends to the worker: what to build in one file, and with which guesses.

This docstring is the contract between discovery (which writes it) and ``advisor/worker/job.py`` (which reads it).
Every value is JSON. Expressions are Python source, evaluated in the worker in the namespace of the imported file;
only those marked ``literal`` may be read with :func:`ast.literal_eval` and nothing else (directives and
configuration are always literal)::

    {
      "job": "audit",
      "file": "/abs/path/net.py",
      "root": "/abs/path",               # project root: sys.path entry for imports as a package
      "seconds": 20.0,                   # wall clock for the whole file, all attempts together
      "memory_bytes": 4294967296,
      "buffers": {"/abs/path/x.py": "…"},  # unsaved texts that the code shall see in place of the files; of a notebook
                                         # (.ipynb) always its Python
      "preload": ["timm"],               # libraries that the file imports, slow ones: import them before the fork
      "candidates": [CANDIDATE, ...],    # best first: told by the user, zero-argument factories, roots, the rest
      "hints": [INPUTS, ...],            # inputs seen in the file that belong to no one candidate, best first
      "scopes": true,                    # optional: tell what was in scope where each module was built
      "numbers": false                   # optional: do not follow numbers to their literals
    }

    CANDIDATE = {
      "name": "mobilenet_v2",            # a class, function or variable at module level
      "kind": "class" | "factory" | "instance",
      "line": 12, "end_line": 40,
      "root": true,                      # nothing else in the file builds it
      "class": "MobileNetV2" | null,     # the class of this file it is or builds, where known
      "required": ["num_classes"],       # constructor parameters without default, as written
      "attempts": [ATTEMPT, ...],        # best first; may be empty (then the worker guesses alone)
      "inputs": [INPUTS, ...]            # best first; may be empty
    }

    ATTEMPT = {
      "source": "directive" | "config" | "default" | "call-site" | "other-file" | "readme" | "docstring"
              | "classmethod" | "config-object" | "subclass" | "table" | "same-name" | "parent",
      "where": "train.py:12",            # relative to the root; shown to the user
      "callee": null | "Net.from_name",  # expression to call instead of the candidate itself
      "args": ["10", "[1, 2]", "*cfg"],  # expressions; a leading "*" spreads
      "kwargs": {"width": "1.0", "**": "cfg"},   # expressions; the key "**" (at most one) spreads a mapping
      "setup": ["from lib.blocks import Block as B", "cfg = make(3)"],
                                         # statements to run first, in a copy of the namespace; often empty
      "literal": true,                   # every expression is a literal and there is no setup
      "places": PLACES,                  # where what they say stands; missing where that is nowhere
      "inputs": [INPUTS, ...]            # what the model built by this very call was called with; try these first
    }

An attempt of source ``parent`` builds a model of another file and takes the class out of it: its callee is a function
that its setup defines. An attempt of source ``default`` has every parameter that would fetch weights (``pretrained``,
``weights`` …) set to false or None in ``kwargs``. An ``instance`` has no attempts: its value *is* the model. ::

    PLACES = {"args": [[PLACE|null, ...], ...], "kwargs": {"width": [...]}, "setup": [...]}
                                         # of each text those of its numbers and strings in order, without f-strings'
    PLACE = ["/abs/path/train.py", 12, 15, 12, 17]   # an advisor.graph.Span

    INPUTS = {
      "source": "directive" | "config" | "literal" | "annotation" | "docstring" | "attribute",
      "where": "net.py:80",
      "args": [VALUE, ...],              # positional arguments of forward
      "kwargs": {"mask": VALUE, ...}
    }
    TENSOR = {"shape": [1, 3, 224, 224], "dtype": "float32"}      # dtype: torch's name without prefix; without it,
                                                                  # that of the model's first floating-point parameter
    VALUE = TENSOR | {"value": 3} | {"list": [VALUE, ...]} | {"dict": {"key": VALUE}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .attempts import Surroundings, attempts, told
from .candidates import Candidate, candidates
from .classes import Classes
from .directives import Directive, Directives, directives
from .examples import docstring_examples
from .hints import Hints
from .libraries import libraries
from .notebooks import is_notebook
from .outline import Outline, outline
from .parents import Parents
from .project import Project
from .source import Problem, Source, read

_SETTINGS = "pyproject.toml"
DEFAULT_SECONDS = 20.0
_READ = (".py", ".yaml", ".yml", ".json")
"""What code may read that somebody edits."""
DEFAULT_MEMORY = 4 * 1024**3


@dataclass(slots=True)
class Discovery:
    """What is known of a file before anything runs.

    ``request`` is None when there is nothing to build; ``problems`` are for the user; ``excluded`` are the candidates
    that are no models, with the reason.
    """

    source: Source | None
    candidates: list[Candidate] = field(default_factory=list)
    excluded: list[Candidate] = field(default_factory=list)
    comments: Directives = field(default_factory=Directives)
    problems: list[Problem] = field(default_factory=list)
    request: dict[str, Any] | None = None


def discover(
    path: Path,
    project: Project,
    configured: Sequence[Mapping[str, Any]] = (),
    seconds: float = DEFAULT_SECONDS,
    memory_bytes: int = DEFAULT_MEMORY,
) -> Discovery:
    """Read ``path`` as the project's texts have it and write the worker's request for it.

    ``configured`` are the ``[[tool.advisor.models]]`` entries of this file: ``name``, and optionally ``args`` and
    ``kwargs`` as plain values and ``inputs`` as the ``args`` and ``kwargs`` of INPUTS.
    """
    source = read(path, project.texts.get(path))
    if isinstance(source, Problem):
        return Discovery(None, problems=[source])
    try:
        return _discover(source, project, configured, seconds, memory_bytes)
    except RecursionError:
        span = source.top()
        return Discovery(None, problems=[Problem("nesting", "expressions are nested too deeply to analyse", span)])


def _discover(
    source: Source, project: Project, configured: Sequence[Mapping[str, Any]], seconds: float, memory_bytes: int
) -> Discovery:
    described = outline(source)
    comments = directives(source)
    found = candidates(described, project.lookup)
    told_lines = {c.line for c in found if _directive_of(c, described, comments) is not None}
    named = {str(m.get("name")) for m in configured}
    models = [c for c in found if c.excluded is None or c.line in told_lines or c.name in named]
    kept = {c.name for c in models}
    problems = [*comments.problems, *_without_model(comments, described, models)]
    result = Discovery(source, models, [c for c in found if c.name not in kept], comments, problems)
    if not models:
        return result
    elsewhere = project.mentioning({c.name for c in models if c.kind != "instance"}, source.path)
    sessions = docstring_examples(source)
    around = Surroundings(project, described, Classes(described, project.lookup), elsewhere, sessions)
    hints = around.hints(described)
    parents = Parents(around)
    entries = []
    for candidate in models:
        entry = next((m for m in configured if m.get("name") == candidate.name), {})
        directive = _directive_of(candidate, described, comments)
        entries.append(_candidate(candidate, around, parents, hints, directive, entry))
    # One of several inputs of one model is no hint for another.
    given = [i for entry in entries for attempt in entry["attempts"] for i in attempt["inputs"]]
    several = {i["where"] for i in given if len(i["args"]) + len(i["kwargs"]) > 1}
    result.request = {
        "job": "audit",
        "file": str(source.path),
        "root": str(project.root),
        "seconds": seconds,
        "memory_bytes": memory_bytes,
        "buffers": _buffers(described, project),
        "preload": libraries(described, project),
        "candidates": sorted(entries, key=_rank),
        "hints": [h for h in hints.of_file() if h["where"] not in several],
    }
    return result


def _buffers(described: Outline, project: Project) -> dict[str, str]:
    """The unsaved texts that running the file may come to: those of the project, and of what the file itself imports
    from elsewhere. A notebook goes as its Python, which the disk does not hold."""
    path, texts = described.source.path, project.texts
    named = {name for i in (*described.imports.values(), *described.stars) for name in (*i.module.split("."), i.name)}
    found = {
        str(p): text
        for p, text in texts.buffers.items()
        if p.suffix in _READ and (p.is_relative_to(project.root) or not named.isdisjoint((p.stem, p.parent.name)))
        if texts.unsaved(p)
    }
    if is_notebook(path):
        found[str(path)] = described.source.text
    return found


def _directive_of(candidate: Candidate, described: Outline, comments: Directives) -> Directive | None:
    node = described.classes.get(candidate.name) or described.functions.get(candidate.name)
    return comments.models.get(node.lineno) if node is not None and candidate.kind != "instance" else None


def _without_model(comments: Directives, described: Outline, models: Sequence[Candidate]) -> Iterator[Problem]:
    """Comments about something that nothing shows to be a model."""
    told = [_directive_of(candidate, described, comments) for candidate in models]
    for directive in comments.models.values():
        if directive not in told:
            why = "what it belongs to is no class derived from torch.nn.Module and no function that returns a module"
            yield Problem("directive", f"this advisor comment has no effect: {why}", directive.span)


def _candidate(
    candidate: Candidate,
    around: Surroundings,
    parents: Parents,
    hints: Hints,
    directive: Directive | None,
    configured: Mapping[str, Any],
) -> dict[str, Any]:
    given = configured.get("args", ()), configured.get("kwargs", {})
    tried = attempts(candidate, around, directive, told("config", _SETTINGS, *given) if any(given) else None)
    if candidate.kind == "class" and candidate.root and candidate.required:
        written = [a for a in tried if a["source"] != "same-name"]
        if all(a["setup"] for a in written):  # no call can be carried over with certainty
            tried = [*written, *parents.attempts(candidate), *(a for a in tried if a not in written)]
    inputs: list[dict[str, Any]] = []
    if directive is not None and directive.inputs is not None:
        where = f"{around.project.relative(around.outline.source.path)}:{directive.span.line}"
        args, kwargs = directive.inputs
        inputs.append({"source": "directive", "where": where, "args": args, "kwargs": kwargs})
    if configured.get("inputs"):
        inputs.append({"source": "config", "where": _SETTINGS, **configured["inputs"]})
    for attempt in tried:
        inputs += [i for i in attempt["inputs"] if i not in inputs]
    built = around.outline.classes.get(candidate.builds or "")
    forward = around.classes.method(built, "forward") if built is not None else None
    if forward is not None:
        inputs += [i for i in hints.of_forward(forward) if i not in inputs]
    return {
        "name": candidate.name,
        "kind": candidate.kind,
        "line": candidate.line,
        "end_line": candidate.end_line,
        "root": candidate.root,
        "class": candidate.builds,
        "required": list(candidate.required),
        "attempts": tried,
        "inputs": inputs,
    }


def _rank(entry: dict[str, Any]) -> tuple[int, int]:
    """Told by the user, zero-argument factories and instances, roots that need no guess, other roots, the rest."""
    sources = {a["source"] for a in entry["attempts"]} | {i["source"] for i in entry["inputs"]}
    if sources & {"directive", "config"}:
        rank = 0
    elif entry["kind"] != "class" and not entry["required"]:
        rank = 1
    elif entry["root"]:
        rank = 2 if entry["attempts"] else 3
    else:
        rank = 4
    return rank, entry["line"]
