"""What settings ask for, resolved once: targets with their cost models, rules, and which codes are reported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from . import packs, selection, targets
from .advice.advise import Settings, advise
from .advice.literals import numbers
from .advice.places import Sources
from .config import Config, resolve
from .findings import Finding
from .report import ModelReport
from .selection import Selection
from .targets import Target


@dataclass(frozen=True, slots=True)
class Plan:
    """One configuration's plan."""

    config: Config
    targets: tuple[Target, ...]
    selection: Selection

    @classmethod
    def of(cls, config: Config) -> Plan:
        """Raises :class:`advisor.targets.TargetError` and :class:`advisor.selection.SelectionError`."""
        chosen = targets.load_all(config.targets, config.target_dirs)
        codes = [p.code for p in packs.pages()]
        return cls(config, chosen, selection.build(codes, config.select, config.ignore, config.per_file_ignores))

    def enabled(self, code: str, file: str) -> bool:
        """Whether ``code`` is reported in ``file``."""
        path = Path(file)
        relative = path.relative_to(self.config.root) if path.is_relative_to(self.config.root) else path
        return self.selection.enabled(code, relative.as_posix())

    def configured(self, path: Path) -> list[dict[str, Any]]:
        """The ``[[tool.advisor.models]]`` entries that speak of ``path``, as discovery reads them."""
        if not path.is_relative_to(self.config.root):
            return []
        relative = path.relative_to(self.config.root)
        return [
            {"name": m.name, "args": m.args, "kwargs": dict(m.kwargs), "inputs": m.inputs}
            for m in self.config.models
            if relative.match(m.path)
        ]

    def unmatched(self, path: Path, names: Collection[str]) -> list[str]:
        """Names of ``[[tool.advisor.models]]`` entries of this very file, no glob, that are none of ``names``."""
        if not path.is_relative_to(self.config.root):
            return []
        relative = path.relative_to(self.config.root).as_posix()
        return [m.name for m in self.config.models if m.path == relative and m.name not in names]

    def advise(self, model: ModelReport, silenced: Callable[[Finding], bool] = lambda finding: False) -> None:
        """Cost a traced model on every target and add what the rules say.

        Findings whose code is not selected in their file, or that ``silenced`` says a comment suppresses, are no part
        of what all of them save together; the caller drops them.
        """
        if model.graph is None:
            return
        rules = [r for r in packs.rules() if self.selection.enabled(r.code)]
        sources = Sources(model.file, model.span, cache(numbers))
        asked = Settings(self.config.min_gain / 100, self.config.memory_budget, model.name, sources)

        def reported(finding: Finding) -> bool:
            return self.enabled(finding.code, finding.span.file) and not silenced(finding)

        for i, target in enumerate(self.targets):
            estimator = packs.estimator_for(target)
            costs = model.costs[target.name] = estimator.estimate(model.graph, target)
            if model.rung in ("hooks", "static"):
                continue  # no edges: what rules look for is not there
            wanted = [r for r in rules if i == 0 or not r.any_target]
            advised = advise(model.graph, target, estimator, wanted, asked, costs=costs, reported=reported)
            model.findings += advised.findings
            model.together_us[target.name] = advised.together_us
            model.notes += advised.failures


class Plans:
    """The plan of every folder, under one set of overrides; equal settings share a plan."""

    def __init__(self, overrides: Mapping[str, Any] | None = None) -> None:
        self.overrides = dict(overrides or {})
        self._by_folder: dict[Path, Plan] = {}
        self._by_settings: dict[Path | None, Plan] = {}

    def of(self, path: Path) -> Plan:
        """The plan for a file or a folder. Raises :class:`advisor.config.ConfigError` and what :meth:`Plan.of` does."""
        folder = path if path.is_dir() else path.parent
        if folder not in self._by_folder:
            config = resolve(folder, self.overrides)
            # Without a settings file nothing depends on the folder: one plan, one set of loaded targets, for them all.
            if config.file not in self._by_settings:
                self._by_settings[config.file] = Plan.of(config)
            self._by_folder[folder] = self._by_settings[config.file]
        return self._by_folder[folder]
