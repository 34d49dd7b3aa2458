"""A block that only models of other files build: such a model is built, and the block taken out of it.

The last resort of discovery: where no call of a class can be carried over, because its arguments are computed inside
another class, the parent's constructor computes them.
"""

from __future__ import annotations

from pathlib import Path

from .. import syntax
from .attempts import Attempt, Surroundings, as_attempt, attempts
from .candidates import Candidate, candidates
from .classes import Classes
from .located import Expression, joined, written
from .outline import Outline
from .slicing import Sliced, free_names

MAX_PARENTS = 3


class Parents:
    """Finds the parents of one file's classes; what it learns of other files is kept between the classes."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self._candidates: dict[Path, list[Candidate]] = {}
        self._attempts: dict[tuple[Path, str], list[Attempt]] = {}

    def attempts(self, candidate: Candidate) -> list[Attempt]:
        """Attempts that build a model of another file and take the first instance of ``candidate`` inside it."""
        project = self.around.project
        out: list[Attempt] = []
        for other in self.around.elsewhere:
            module = project.dotted(other.source.path)
            if not module or not project.imports_from(other, candidate.name, self.around.outline.source.path):
                continue
            for parent in self._builders_of(candidate.name, other):
                out += [_taken_out(candidate, parent, a, other, module) for a in self._attempts_of(parent, other)[:2]]
                if len(out) >= MAX_PARENTS:
                    return out
        return out

    def _builders_of(self, name: str, other: Outline) -> list[Candidate]:
        """What in ``other`` builds ``name``, directly or through its own classes: factories without arguments first."""
        users = _users(name, other)
        path = other.source.path
        if path not in self._candidates:
            self._candidates[path] = candidates(other, self.around.project.lookup)
        found = [c for c in self._candidates[path] if c.excluded is None and c.kind != "instance" and c.builds in users]
        return sorted(found, key=lambda c: (bool(c.required), c.kind == "class", not c.root, c.line))

    def _attempts_of(self, parent: Candidate, other: Outline) -> list[Attempt]:
        key = (other.source.path, parent.name)
        if key not in self._attempts:
            project = self.around.project
            beyond = project.mentioning({parent.name}, other.source.path, limit=4)
            tried = attempts(parent, Surroundings(project, other, Classes(other, project.lookup), beyond))
            # A class whose defaults build nothing (``architecture=None``) is built by the calls that give arguments.
            self._attempts[key] = sorted(tried, key=lambda a: parent.kind == "class" and a["source"] == "default")
        return self._attempts[key]


def _users(name: str, other: Outline) -> set[str]:
    users: set[str] = set()
    queue = [name]
    while queue:
        for user in other.mentions.get(queue.pop(), ()):
            if user not in users:
                users.add(user)
                queue.append(user)
    return users


def _taken_out(candidate: Candidate, parent: Candidate, attempt: Attempt, other: Outline, module: str) -> Attempt:
    call = _call(attempt["callee"] or parent.name, attempt)
    needed = [n for n in free_names(syntax.module(call)) if n in other.module.bindings]
    function = f"{candidate.name}_in_{parent.name}"
    taken = joined(call, ".modules() if type(m).__name__ == ", written(candidate.name))
    setup = [
        f"from {module} import {', '.join(dict.fromkeys([parent.name, *needed]))}",
        *attempt["setup"],
        joined(f"def {function}():\n    return next(m for m in ", taken, ")"),
    ]
    return as_attempt("parent", attempt["where"], Sliced(setup=setup, literal=False), function)


def _call(callee: str, attempt: Attempt) -> Expression:
    given = [(v,) for v in attempt["args"]]
    given += [("**", v) if k == "**" else (f"{k}=", v) for k, v in attempt["kwargs"].items()]
    return joined(callee, "(", *(part for n, parts in enumerate(given) for part in (", " if n else "", *parts)), ")")
