"""What settings ask for, resolved once: targets with their cost models, rules, and which codes are reported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from . import packs, selection, targets
from .advice.advise import Advised, Settings, advise
from .advice.literals import Lines, known_lines, numbers
from .advice.places import Sources
from .config import FILE, OPTIONS, Config, resolve
from .findings import Finding
from .graph import Graph
from .limits import Limits, limits
from .recent import Recent
from .report import ModelReport
from .rule import Rule
from .selection import Selection
from .targets import Target
from .texts import Stamp, disk_stamp, settled


@dataclass(frozen=True, slots=True)
class Plan:
    """One configuration's plan."""

    config: Config
    targets: tuple[Target, ...]
    selection: Selection

    @classmethod
    def of(cls, config: Config) -> Plan:
        """Raises :class:`advisor.targets.TargetError` and :class:`advisor.selection.SelectionError`, which say where
        the setting stands."""
        targets.available(config.target_dirs, config.where("target-dirs"))
        try:
            chosen = targets.load_all(config.targets, config.target_dirs)
        except targets.TargetError as e:
            raise targets.TargetError(f"{config.where('targets')}: {e}") from e
        codes = [p.code for p in packs.pages()]
        chosen_codes = selection.build(codes, config.select, config.ignore, config.per_file_ignores, config.where)
        return cls(config, chosen, chosen_codes)

    def enabled(self, code: str, file: str) -> bool:
        """Whether ``code`` is reported in ``file``."""
        path = Path(file)
        relative = path.relative_to(self.config.root) if path.is_relative_to(self.config.root) else path
        return self.selection.enabled(code, relative.as_posix())

    def target(self, name: str) -> Target:
        """The target of the settings that is called ``name``, else any that there is by that name. Raises
        :class:`advisor.targets.TargetError`."""
        own = next((t for t in self.targets if t.name == name), None)
        return targets.load(name, self.config.target_dirs) if own is None else own

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

    def limits(self, target: Target) -> Limits:
        """What a model may take on ``target``."""
        return limits(target, self.config.latency_budget, self.config.memory_budget)

    def settings(self, model: ModelReport, sources: Sources) -> Settings:
        """What is asked of the rules about a model; ``sources`` say where its findings can stand."""
        config = self.config
        return Settings(config.min_gain / 100, config.latency_budget, config.memory_budget, model.name, sources)

    def advise(
        self,
        model: ModelReport,
        silenced: Callable[[Finding], bool] = lambda finding: False,
        lines: Lines = known_lines,
    ) -> None:
        """Cost a traced model on every target and add what the rules say; ``lines`` gives the source of its layers.
        A target that no cost model gets to the end on is missing among the costs, and a note says why.

        Findings whose code is not selected in their file, or that ``silenced`` says a comment suppresses, are no part
        of what all of them save together; the caller drops them.
        """
        if model.graph is None:
            return
        for target in self.targets:
            cost(model, model.graph, target)
        rules = [r for r in packs.rules() if self.selection.enabled(r.code)]
        for target, advised in self._advised(model, rules, silenced, lines):
            model.findings += advised.findings
            model.together_us[target.name] = advised.together_us
            model.notes += advised.failures

    def advise_on_facts(
        self,
        model: ModelReport,
        silenced: Callable[[Finding], bool] = lambda finding: False,
        lines: Lines = known_lines,
    ) -> None:
        """Ask the rules that read facts again, of a model that was advised on before there were any."""
        rules = [r for r in packs.rules() if self.selection.enabled(r.code)]
        again = {r.code for r in rules if r.reads_facts}
        heard = again.union(*(r.yields_to for r in rules if r.reads_facts))
        model.findings = [f for f in model.findings if f.code not in again]
        for _, advised in self._advised(model, [r for r in rules if r.code in heard], silenced, lines):
            model.findings += [f for f in advised.findings if f.code in again]
            model.notes += [note for note in advised.failures if note not in model.notes]

    def _advised(
        self,
        model: ModelReport,
        rules: Sequence[Rule],
        silenced: Callable[[Finding], bool],
        lines: Lines,
    ) -> Iterator[tuple[Target, Advised]]:
        """What ``rules`` say of a costed model, target after target."""
        if model.graph is None or model.rung in ("hooks", "static"):
            return  # no edges: what rules look for is not there
        sources = Sources(model.file, model.span, cache(partial(numbers, lines=lines)))
        asked = self.settings(model, sources)

        def reported(finding: Finding) -> bool:
            return self.enabled(finding.code, finding.span.file) and not silenced(finding)

        for i, target in enumerate([t for t in self.targets if t.name in model.costs]):
            wanted = [r for r in rules if i == 0 or not r.any_target]
            costs, able = model.costs[target.name], packs.estimators_for(target)
            estimator = next((e for e in able if e.label == costs.label), able[0])
            yield target, advise(model.graph, target, estimator, wanted, asked, costs=costs, reported=reported)


def cost(model: ModelReport, graph: Graph, target: Target) -> None:
    """Enter what the model costs on ``target``; a note says why where there is nothing to enter.

    A cost model may be a third party's, and nobody has seen all graphs: where one raises, the next one is asked."""
    for estimator in packs.estimators_for(target):
        try:
            model.costs[target.name] = estimator.estimate(graph, target)
            return
        except Exception as e:
            which = f"the cost model of {target.name} ({estimator.label})"
            model.notes.append(f"{which} raised {type(e).__name__}: {e}")


MOST_FOLDERS = 2_000
MOST_PLANS = 50

Stamps = tuple[tuple[Path, Stamp], ...]
"""Files as they were, those that were there."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A folder's plan, with where its settings might stand and what stood there and in its targets' files."""

    plan: Plan
    places: tuple[Path, ...]
    settings: Stamps
    targets: Stamps


class Plans:
    """The plan of every folder, under one set of overrides, whose relative paths start from ``cwd`` and which messages
    call ``origin``; equal settings share a plan. One is made anew when a file that it was made of has changed, appeared
    or gone."""

    def __init__(
        self, overrides: Mapping[str, Any] | None = None, cwd: Path | None = None, origin: str = OPTIONS
    ) -> None:
        self.overrides = dict(overrides or {})
        self.cwd = cwd
        self.origin = origin
        self._by_folder: Recent[Path, _Known] = Recent(MOST_FOLDERS)
        self._by_settings: Recent[tuple[Stamps, Stamps, Path | None], Plan] = Recent(MOST_PLANS)

    def of(self, path: Path) -> Plan:
        """The plan for a file or a folder. Raises :class:`advisor.config.ConfigError` and what :meth:`Plan.of` does."""
        folder = path if path.is_dir() else path.parent
        known = self._by_folder.get(folder)
        if known and _stamps(known.places) == known.settings and _target_stamps(known.plan.config) == known.targets:
            return known.plan
        real = folder.resolve()
        places = tuple(f / FILE for f in (real, *real.parents))
        settings = _stamps(places)
        config = resolve(real, self.overrides, self.cwd, self.origin)
        found = _target_stamps(config)
        # Without a settings file nothing but globs depends on the folder: else one plan, one set of loaded targets.
        rooted = config.file is not None or config.per_file_ignores or config.models
        key = tuple(s for s in settings if s[0] == config.file), found, config.root if rooted else None
        plan = self._by_settings.get(key) or Plan.of(config)
        if all(settled(stamp) for _, stamp in (*settings, *found)):
            self._by_settings.put(key, plan)
            self._by_folder.put(folder, _Known(plan, places, settings, found))
        return plan


def _stamps(files: Iterable[Path]) -> Stamps:
    return tuple((f, stamp) for f in files if (stamp := disk_stamp(f)) is not None)


def _target_stamps(config: Config) -> Stamps:
    """Of the files of targets that are not the advisor's own."""
    named = (Path(name) for name in config.targets if name.endswith(".toml"))
    return _stamps((*named, *(file for folder in config.target_dirs for file in sorted(folder.glob("*.toml")))))
