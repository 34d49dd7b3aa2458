"""From a candidate's constructor attempts to live modules.

Attempts in order: the request's (told by the user, defaults, call sites …), arguments captured while a parent built
the class, and parameters guessed alone (:mod:`.values`). Each is built on the meta device and, where the constructor
needs numbers, on the CPU with the same small weights each time; never under a fake mode (constructors call
``.item()``). A failing attempt is repaired by what its error says (:mod:`.mending`), unless its arguments are the
user's word.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ..numbers.carried import compiled
from ..numbers.traced import renew
from ..problems import describe, failure
from ..trace.frames import entry
from .cheapweights import cheap_weights, seed
from .downloads import disarm_libraries
from .mending import OMIT, REPAIRS, Trial, constructed, mended
from .stubs import NotInstalled
from .values import Guesser

_LONGEST_SHOWN = 60

Captured = Mapping[type, list[tuple[tuple[Any, ...], dict[str, Any]]]]
Call = tuple[Callable[..., Any], list[Any], dict[str, Any]]


@dataclass(frozen=True)
class Build:
    """A live module in evaluation mode and how it came about. ``shown`` is a call as a person would write it.

    ``rebuild`` makes it anew with real tensors; None where it has them already. ``draw`` does too, with the weights
    that its constructor draws; None where that is not known.
    """

    model: nn.Module
    source: str
    where: str
    shown: str
    rebuild: Callable[[], nn.Module] | None = None
    inputs: tuple[dict[str, Any], ...] = ()
    """INPUTS of the request that belong to this very construction."""
    draw: Callable[[], nn.Module] | None = None
    widths: tuple[list[int], ...] = ()
    """Lists of numbers among the arguments: often the channels of the feature maps that the model takes."""
    spoilt: dict[str, Any] | None = None
    """What was raised before it was mended, where that may come of following numbers."""

    def on_cpu(self) -> Build:
        """The same with real tensors, whose values are the same each time. Raises what its constructor raises there."""
        if self.rebuild is None:
            return self
        seed()
        return replace(self, model=evaluation(self.rebuild()), rebuild=None)

    def event(self) -> dict[str, Any]:
        return {"source": self.source, "where": self.where, "shown": self.shown}


@dataclass(frozen=True)
class Plan:
    """One attempt. ``call`` gives (callee, args, kwargs) and runs under the build's device: arguments may be modules.

    ``exact``: the arguments are the user's word, to which nothing is added.
    """

    source: str
    where: str
    call: Callable[[], Call]
    callee: str
    arguments: tuple[str, ...] = ()
    exact: bool = False
    inputs: tuple[dict[str, Any], ...] = ()

    def shown(self, guessed: Mapping[str, Any]) -> str:
        named = [f"{name}={_brief(value)}" for name, value in guessed.items()]
        return f"{self.callee}({', '.join([*self.arguments, *named])})"


@dataclass
class Constructor:
    """Builds the candidates of one imported file."""

    module: ModuleType
    captured: Captured
    allow_stubs: Callable[[ImportError], bool]
    """Asked when a constructor fails to import something: whether it may work when tried again."""

    def builds(self, candidate: dict[str, Any]) -> Iterator[Build | dict[str, Any]]:
        """Live modules of ``candidate``, best attempt first; for an attempt that fails, its error."""
        if candidate["kind"] == "instance":
            value = getattr(self.module, candidate["name"], None)
            if isinstance(value, nn.Module):
                yield Build(evaluation(value), "instance", "", candidate["name"])
            else:
                yield failure("NoModel", f"{candidate['name']} is no nn.Module once the file is imported")
            return
        guesser = Guesser(vars(self.module), whole=bool(candidate["root"]), construct=constructed)
        for plan in self._plans(candidate):
            yield self._build(plan, guesser)

    def _plans(self, candidate: dict[str, Any]) -> Iterator[Plan]:
        name = candidate["name"]
        cls = getattr(self.module, name, None)
        captured = list(self.captured.get(cls, ())) if isinstance(cls, type) else []  # before our own tries add to it
        requested = {(p.callee, p.arguments): p for p in (self._requested(a, name) for a in candidate["attempts"])}
        told = [p for p in requested.values() if p.exact]
        yield from told or requested.values()
        if told:
            return
        if isinstance(cls, type):
            for args, kwargs in captured:
                shown = (*map(_brief, args), *(f"{k}={_brief(v)}" for k, v in kwargs.items()))
                yield Plan("captured", "", lambda a=args, k=kwargs: (cls, list(a), dict(k)), name, shown)
        if isinstance(cls, type):
            for kwargs in _registered(cls, vars(self.module)):
                shown = tuple(f"{k}={_brief(v)}" for k, v in kwargs.items())
                yield Plan("table", "", lambda k=kwargs: (cls, [], dict(k)), name, shown)
        if (name, ()) not in requested:
            yield Plan("parameter-names", "", lambda: (self._named(name), [], {}), name)

    def _named(self, dotted: str) -> Callable[..., Any]:
        return eval(dotted, dict(vars(self.module)))

    def _requested(self, attempt: dict[str, Any], name: str) -> Plan:
        callee = attempt["callee"] or name
        literal = attempt["literal"]
        places = attempt.get("places", {})
        named = places.get("kwargs", {})

        def call() -> Call:
            namespace = dict(vars(self.module))
            for statement, sites in _placed(attempt.get("setup", ()), places.get("setup", ())):
                exec(compiled(statement, "exec", sites), namespace)

            def read(text: str, sites: Sequence[Any]) -> Any:
                if literal and not any(sites):
                    return ast.literal_eval(text)
                if literal:
                    ast.literal_eval(text)  # nothing else is evaluated
                return eval(compiled(text, "eval", sites), namespace)

            args: list[Any] = []
            for text, sites in _placed(attempt["args"], places.get("args", ())):
                args += read(text[1:], sites) if text.startswith("*") else [read(text, sites)]
            kwargs = {key: read(text, named.get(key, ())) for key, text in attempt["kwargs"].items() if key != "**"}
            if "**" in attempt["kwargs"]:
                kwargs = {**read(attempt["kwargs"]["**"], named.get("**", ())), **kwargs}
            return eval(callee, namespace), args, kwargs

        shown = (*attempt["args"], *(f"{k}={v}" if k != "**" else f"**{v}" for k, v in attempt["kwargs"].items()))
        exact = attempt["source"] in ("directive", "config")
        inputs = tuple(attempt.get("inputs", ()))
        return Plan(attempt["source"], attempt["where"], call, callee, shown, exact, inputs)

    def _build(self, plan: Plan, guesser: Guesser) -> Build | dict[str, Any]:
        """The model of ``plan``, mended as often as that changes something, or the error of its first try."""
        trial = Trial(guesser)
        first: dict[str, Any] | None = None
        for _ in range(REPAIRS):
            try:
                model = evaluation(self._construct(plan, trial))
                shown = plan.shown({k: v for k, v in trial.guesses.items() if v is not OMIT})
                again = partial(self._on, nullcontext(), plan, trial)
                drawn = partial(self._on, nullcontext(), plan, trial, nullcontext)
                widths = (*trial.widths(), *self._captured_widths(type(model)))
                spoilt = first if first is not None and first.get("traced") else None
                return Build(model, plan.source, plan.where, shown, again, plan.inputs, drawn, widths, spoilt)
            except (Exception, SystemExit) as e:
                first = first or _described(e, trial)
                if isinstance(e, ImportError) and not isinstance(e, NotInstalled) and self.allow_stubs(e):
                    continue
                if plan.exact or not mended(trial, e):
                    break
        if trial.doubt:
            return failure(
                "NoGuess",
                f"{trial.doubt}; tried one, then {first['type']}: {first['message']}" if first else trial.doubt,
            )
        if first is not None and plan.exact:
            return {**first, "told": plan.where}
        return first or failure("NoModel", "nothing was constructed")

    def _captured_widths(self, cls: type) -> Iterator[list[int]]:
        """Lists of numbers that ``cls`` was built with on the way."""
        for args, kwargs in self.captured.get(cls, ()):
            for value in (*args, *kwargs.values()):
                if isinstance(value, (list, tuple)) and len(value) > 1 and all(isinstance(n, int) for n in value):
                    yield list(value)

    def _construct(self, plan: Plan, trial: Trial) -> nn.Module:
        """The model on the meta device or, when that is what the constructor cannot do with, on the CPU."""
        try:
            return self._on(torch.device("meta"), plan, trial)
        except Exception as e:
            caused_by_meta = isinstance(e, (RuntimeError, NotImplementedError)) or "meta" in str(e)
            if not caused_by_meta:
                raise
        return self._on(nullcontext(), plan, trial)

    @staticmethod
    @entry
    def _on(
        device: AbstractContextManager[Any],
        plan: Plan,
        trial: Trial,
        weights: Callable[[], AbstractContextManager[Any]] = cheap_weights,
    ) -> nn.Module:
        renew()
        with weights(), device, torch.no_grad():
            function, args, kwargs = plan.call()
            disarm_libraries()
            args, kwargs = trial.complete(function, args, kwargs, may_guess=not plan.exact)
            return find_module(function(*args, **kwargs))


def _described(error: BaseException, trial: Trial) -> dict[str, Any]:
    """``error``; of guessed arguments it comes rather than of numbers that are followed."""
    said = describe(error)
    return {key: value for key, value in said.items() if key != "traced"} if trial.guesses else said


def _placed(texts: Sequence[str], places: Sequence[Sequence[Any]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Each text with the places of its numbers, none where they are not known."""
    for i, text in enumerate(texts):
        yield text, places[i] if i < len(places) else ()


def _registered(cls: type, namespace: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Keyword arguments that a table keeps beside ``cls``: ``{"resnet": {"encoder": Net, "params": {…}}}``."""
    names = set(inspect.signature(cls).parameters)
    for table in [v for v in namespace.values() if isinstance(v, dict)]:
        for row in [v for v in table.values() if isinstance(v, dict)]:
            if not any(v is cls for v in row.values()):
                continue
            for value in row.values():
                if isinstance(value, dict) and value and (set(value) & names or names <= {"args", "kwargs"}):
                    yield value
                    return


def find_module(value: Any) -> nn.Module:
    """The module that a factory returned, alone or first in a tuple, list or dict; raises :class:`TypeError`."""
    if isinstance(value, nn.Module):
        return value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for item in items:
        if isinstance(item, nn.Module):
            return item
    raise TypeError(f"it returned {type(value).__name__}, not an nn.Module")


def evaluation(model: nn.Module) -> nn.Module:
    """``model`` in evaluation mode, also where its own ``eval`` or ``train`` is overridden with another meaning."""
    modules = list(model.modules())
    kinds = set(map(type, modules))
    if all(k.train is nn.Module.train and k.__setattr__ is nn.Module.__setattr__ for k in kinds):
        for module in modules:  # what train(False) comes to
            module.__dict__["training"] = False
    elif type(model).train is nn.Module.train:
        nn.Module.train(model, False)
    else:
        for module in modules:
            module.training = False
    return model


def _brief(value: Any) -> str:
    """A value as a person would write it, shortened."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return value.__name__
    if isinstance(value, nn.Module):
        return f"{type(value).__name__}(…)"
    text = repr(value).split("\n")[0]
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
