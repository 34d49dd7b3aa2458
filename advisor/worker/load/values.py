"""Values for constructor parameters that nobody supplied: from annotation, use and name.

A guess need not be what the authors train; it has to give a network of their architecture that runs. Every guessed
value is shown to the user.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from torch import nn

from .names import by_table, is_channels, is_module, is_settings
from .settingreads import is_branch, setting_usages
from .standins import AnyConfig
from .usage import Usage, usages

_MOST_MODULES = 3
"""Classes tried for one parameter that wants a module."""
_DEEPEST = 2
"""Modules within modules that are guessed."""


class NoGuess(Exception):
    """Nothing sensible is known for a parameter."""


class PassThrough(nn.Identity):
    """In place of a module of which nothing is known: its first argument."""

    def forward(self, input: Any = None, *_args: Any, **_kwargs: Any) -> Any:
        return input


class Settings(dict[str, Any]):
    """A configuration object made up on demand: attributes and keys are guessed by their names when first read."""

    def __init__(self, guess: Callable[[str], Any]) -> None:
        super().__init__()
        self.__dict__["_guess"] = guess

    def __missing__(self, key: Any) -> Any:
        if not isinstance(key, str):
            raise KeyError(key)
        self[key] = value = self.__dict__["_guess"](key)
        return value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except NoGuess as e:
            raise AttributeError(str(e)) from e

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


@dataclasses.dataclass
class Guesser:
    """Guesses in the namespace of one module. ``whole``: for networks, whose input has three channels, not blocks."""

    namespace: Mapping[str, Any]
    whole: bool = False
    construct: Callable[[Guesser, type], Any] | None = None
    """How a module that a parameter wants is built; without it from the guesses as they are."""
    depth: int = 0
    """Within how many such modules."""

    def value(self, function: Callable[..., Any], parameter: inspect.Parameter, depth: int = 0) -> Any:
        """A value for ``parameter`` of ``function``; raises :class:`NoGuess`."""
        name = parameter.name.lower().strip("_")
        usage = usages(function).get(parameter.name, Usage())
        annotated = self._annotated(parameter, depth)
        if annotated is not None:
            return annotated
        option = self._option(usage)
        if option is not None:
            return option
        if usage.keys or (is_settings(name) and not usage.is_sequence):
            return self.settings(function, depth)
        if usage.runs and not usage.called:
            return self.callable(name)() if re.search(r"act|nonlin|relu", name) else self._module(function, parameter)
        if usage.called or (re.search(r"(^|_)(layer|fn|func|cls|type)$", name) and not usage.is_sequence):
            return self.callable(name)
        if is_module(name) or any(self._module_class(k) for k in (*usage.kinds, parameter.annotation)):
            return self._module(function, parameter)
        value = self.by_name(name)
        return self._sequence(value, usage, name) if usage.is_sequence else _counted(value, usage)

    def by_name(self, name: str) -> Any:
        """A value for a parameter or setting of that name, whatever it belongs to; raises :class:`NoGuess`."""
        plain = name.lower().strip("_")
        held = self._held(plain)
        if held is not None:
            return held
        known = by_table(plain, self.whole)
        if known is not None:
            return known
        if re.search(r"norm|bn(_|$)|act(_|ivation|$)|nonlin|relu", plain):
            return self.callable(plain)
        if re.search(r"(^|_)(num|n|nb|max|min|count|idx|index|level|stage)(_|$)|\d$", plain):
            return 2
        raise NoGuess(f"no value is known for parameter {name!r}")

    def _held(self, name: str) -> Any:
        """What the module itself keeps under that name (``cfg`` for a parameter ``cfg``), or None."""
        for key in (name, name.upper(), name + "s", name.upper() + "S", "default_" + name):
            held = self.namespace.get(key)
            if isinstance(held, (list, tuple, int, float, str)):
                return held
            if isinstance(held, dict) and held and name in ("cfg", "cfgs", "config"):
                return next(iter(held.values()))
        return None

    def callable(self, name: str) -> Any:
        """A layer class for a parameter that is called: normalisation, activation, block … by name."""
        if "norm" in name or name.startswith("bn"):
            return nn.LayerNorm if self._reads("LayerNorm") and not self._reads("BatchNorm2d") else nn.BatchNorm2d
        if re.search(r"act|nonlin|relu", name):
            return nn.ReLU
        if "conv" in name:
            return nn.Conv2d
        if re.search(r"block|bottleneck|layer|cell|unit", name):
            for key, cls in self._classes():
                if re.search(r"block|bottleneck", key, re.IGNORECASE):
                    return cls
        return nn.Identity

    def _classes(self) -> list[tuple[str, type[nn.Module]]]:
        """Module classes that the file itself defines."""
        here = self.namespace.get("__name__")
        return [
            (key, held)
            for key, held in list(self.namespace.items())
            if isinstance(held, type) and issubclass(held, nn.Module) and held.__module__ == here
        ]

    def _reads(self, layer: str) -> bool:
        return any(layer in u.attributes for _, cls in self._classes() for u in usages(cls.__init__).values())

    def _option(self, usage: Usage) -> Any:
        """The first value that the source compares the parameter with, or the first key of the table it indexes."""
        for table in usage.tables:
            held = self.namespace.get(table)
            if isinstance(held, Mapping) and held:
                return next(iter(held))
        texts = [o for o in usage.options if isinstance(o, str)]
        return texts[0] if texts else None

    def settings(self, function: Callable[..., Any], depth: int = 0) -> Any:
        """A configuration class of the module, built from its defaults; else one made up as ``function`` reads it."""
        read = setting_usages(function)
        for key, held in list(self.namespace.items()):
            named = re.search(r"(config|cfg|args|hparams|params)$", key, re.IGNORECASE)
            is_class = isinstance(held, type) and held is not AnyConfig and not issubclass(held, (nn.Module, enum.Enum))
            if is_class and named and depth < 3:
                made = self.instance(held, depth + 1)
                if _has_half(made, read):
                    return made
        everywhere = dict(read)
        for _, cls in self._classes():  # what the constructor passes on is read there
            everywhere = {**setting_usages(cls), **everywhere}
        return self._branch("", everywhere)

    def _branch(self, prefix: str, read: Mapping[str, Usage]) -> Settings:
        """The settings below ``prefix``, as they are ``read``."""

        def setting(name: str) -> Any:
            path = prefix + name
            if is_branch(path, read):
                return self._branch(f"{path}.", read)
            usage = read.get(path, Usage())
            option = self._option(usage)
            if name == "width" and f"{prefix}height" not in read:
                name = "channels"  # of no picture
            try:
                value = self.by_name(name) if option is None else option
            except NoGuess:
                value = 2
            return self._sequence(value, usage, name) if usage.is_sequence else _counted(value, usage)

        return Settings(setting)

    def instance(self, cls: type, depth: int = 0) -> Any:
        """An instance of ``cls``, its required parameters guessed."""
        required = [p for p in inspect.signature(cls).parameters.values() if is_required(p)]
        return cls(**{p.name: self.value(cls, p, depth) for p in required})

    def _module(self, function: Callable[..., Any], parameter: inspect.Parameter) -> nn.Module:
        """A module for a parameter that wants one, of a class that fits and can be built, else the identity."""
        for cls in islice(self._fitting(function, parameter), _MOST_MODULES if self.depth < _DEEPEST else 0):
            inner = Guesser(vars(sys.modules[cls.__module__]), True, self.construct, self.depth + 1)
            try:
                return self.construct(inner, cls) if self.construct else inner.instance(cls)
            except Exception:
                continue  # that class cannot be built from guesses: the next
        return PassThrough()

    def _fitting(self, function: Callable[..., Any], parameter: inspect.Parameter) -> Iterator[type[nn.Module]]:
        """Classes of the project for a parameter: as annotated or asserted, of its name, with the attributes it is
        asked for.
        """
        usage = usages(function).get(parameter.name, Usage())
        named = [self._module_class(k) for k in (parameter.annotation, *usage.kinds)]
        plain = parameter.name.lower().replace("_", "")
        others = {k: c for k, c in self._project_classes() if c is not function}
        named += [c for k, c in others.items() if k.lower() == plain]
        asked = set(usage.attributes) - set(dir(nn.Module()))
        if asked:
            named += [c for c in others.values() if all(_offers(c, attribute) for attribute in asked)]
        yield from dict.fromkeys(c for c in named if c is not None and c is not function)

    def _module_class(self, named: Any) -> type[nn.Module] | None:
        """The module class that an annotation or a name means, if it is none of torch's own."""
        held = self.namespace.get(named.strip("'\"")) if isinstance(named, str) else named
        if isinstance(held, type) and issubclass(held, nn.Module) and not held.__module__.startswith("torch."):
            return held
        return None

    def _project_classes(self) -> list[tuple[str, type[nn.Module]]]:
        """Module classes of the file, then those of the package's other files that are imported."""
        here = str(self.namespace.get("__name__", ""))
        package = here.partition(".")[0] + "."
        others = [m for n, m in list(sys.modules.items()) if n.startswith(package) and n != here and m is not None]
        found = self._classes()
        for module in others:
            found += Guesser(vars(module))._classes()
        return found

    @staticmethod
    def _sequence(value: Any, usage: Usage, name: str) -> Any:
        if isinstance(value, (str, type)):
            return value
        if isinstance(value, (list, tuple)):
            return value if len(value) >= usage.length else [*value, *[value[-1]] * (usage.length - len(value))]
        length = usage.length or 4
        if usage.nested:
            return [(value,) * usage.nested] * length
        if is_channels(name) and length == 4:
            return [32, 64, 128, 256]
        return [value] * length

    def _annotated(self, parameter: inspect.Parameter, depth: int) -> Any:
        """A value that the annotation dictates: a configuration class, an enumeration, a literal; else None."""
        annotation = parameter.annotation
        if isinstance(annotation, str):
            annotation = self.namespace.get(annotation.strip("'\""), annotation)
        origin = typing.get_origin(annotation)
        if origin is typing.Literal:
            return typing.get_args(annotation)[0]
        if origin in (typing.Union, types.UnionType):
            annotation = next((a for a in typing.get_args(annotation) if isinstance(a, type)), annotation)
        if not isinstance(annotation, type):
            return None
        if issubclass(annotation, enum.Enum):
            return next(iter(annotation))
        is_local = annotation.__module__ == self.namespace.get("__name__")
        if issubclass(annotation, nn.Module) or depth >= 3 or not (dataclasses.is_dataclass(annotation) or is_local):
            return None
        return self.instance(annotation, depth + 1)


def is_required(parameter: inspect.Parameter) -> bool:
    """Whether a call has to supply ``parameter``."""
    kinds = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return parameter.default is parameter.empty and parameter.kind in kinds and parameter.name != "self"


def _counted(value: Any, usage: Usage) -> Any:
    """``value``, or a whole number where ``range`` takes it."""
    return 2 if usage.counted and not isinstance(value, int) else value


def _has_half(settings: Any, read: Mapping[str, Usage]) -> bool:
    """Whether an object has at least half of the settings that are ``read``."""
    wanted = {path.partition(".")[0] for path in read}
    keys = settings if isinstance(settings, Mapping) else ()
    return 2 * sum(hasattr(settings, n) or n in keys for n in wanted) >= len(wanted)


def _offers(cls: type, attribute: str) -> bool:
    """Whether instances of ``cls`` have ``attribute``, as far as its source tells."""
    return hasattr(cls, attribute) or bool(usages(cls).get(attribute, Usage()).stored)
