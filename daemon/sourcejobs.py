"""Jobs about source texts alone: which models there are, and where comments go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advisor.discovery.candidates import candidates
from advisor.discovery.outline import outline
from advisor.discovery.project import Project, root
from advisor.discovery.source import Problem, read
from advisor.engine import EngineError
from advisor.fixes.comments import Written
from advisor.recent import Recent

from .job import Job, Method
from .view import digest

WRITTEN = 4
"""Texts that are kept for more comments to be tried in them."""


class SourceJobs:
    """Does them."""

    def __init__(self) -> None:
        self._written: Recent[str, Written] = Recent(WRITTEN)
        self.methods: Mapping[str, Method] = {"models": self.models, "comments": self.comments}

    def models(self, job: Job) -> Any:
        path, texts = job.params.path, job.params.texts
        source = read(path, texts.get(path))
        if isinstance(source, Problem):
            raise EngineError(f"{source.span.file}:{source.span.line}: {source.message}")
        found = candidates(outline(source), Project(root(path, texts), texts).lookup)
        models = [c for c in found if c.excluded is None]
        return {"models": [{"name": c.name, "kind": c.kind, "line": c.line, "root": c.root} for c in models]}

    def comments(self, job: Job) -> Any:
        """Where the comments go that ``asks`` asks for, in the text ``text`` of ``path``."""
        path, text, asks = job.params.path, job.params.text("text"), job.params.asks
        key = digest(text)
        written = self._written.get(key) or self._written.put(key, Written(path, text))
        return {"insertions": written.insertions(asks)}
