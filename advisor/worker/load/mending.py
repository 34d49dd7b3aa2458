"""Constructor arguments mended by what the error of the last try says.

The parameters on the failing statement of the constructor are the suspects; the kind of error says how to change them:
a number that is indexed becomes a list, a number that is called a layer, a head count that does not divide one, an
unknown option the next that the source compares with.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from .names import is_channels, is_module, is_settings
from .usage import Usage, source_tree, usages
from .values import Guesser, NoGuess, Settings, is_required

OMIT = object()
"""A guess that takes an argument away."""
REPAIRS = 14
"""Most repairs of one attempt."""
_WIDTH = 64
_DIVISORS = re.compile(r"\w*(heads?|groups?|reduction|ratio|cardinality|split|scales?|r)$")


@dataclass
class Trial:
    """The state of one attempt: the function last called, what it was given and what was guessed on top."""

    guesser: Guesser
    guesses: dict[str, Any] = field(default_factory=dict)
    function: Callable[..., Any] | None = None
    owner: Callable[..., Any] | None = None
    """The function, or the class whose constructor it is: all of its source tells how a parameter is used."""
    parameters: Mapping[str, inspect.Parameter] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    doubt: str = ""
    """The first parameter whose value has nothing to go by."""

    def complete(
        self, callee: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], may_guess: bool
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments for ``callee``: the given ones, guesses for what is required and missing, and mended ones."""
        self.function = callee.__init__ if isinstance(callee, type) else callee
        self.owner = callee
        if not may_guess:
            return tuple(args), kwargs
        signature = inspect.signature(callee)
        self.parameters = signature.parameters
        bound = signature.bind_partial(*args, **{k: v for k, v in kwargs.items() if self.guesses.get(k) is not OMIT})
        for parameter in signature.parameters.values():
            name = parameter.name
            if is_required(parameter) and name not in bound.arguments and name not in self.guesses:
                self.guesses[name] = self._guess(parameter)
        self.given = dict(bound.arguments)
        guessed = {name: value for name, value in self.guesses.items() if value is not OMIT}
        extra = {name: value for name, value in guessed.items() if name not in signature.parameters}
        values = {**bound.arguments, **{n: v for n, v in guessed.items() if n not in extra}}
        bound.arguments = {n: values[n] for n in signature.parameters if n in values}
        return bound.args, {**bound.kwargs, **extra}

    def _guess(self, parameter: inspect.Parameter) -> Any:
        """A value for a required parameter; where nothing is known of it a width, which errors may mend."""
        if self.owner is None:
            raise NoGuess(f"no value is known for parameter {parameter.name!r}")
        try:
            return self.guesser.value(self.owner, parameter)
        except NoGuess as e:
            self.doubt = self.doubt or str(e)
            usage = self.usage(parameter.name)
            return [_WIDTH] * max(usage.length, 4) if usage.is_sequence else _WIDTH

    def value(self, name: str) -> Any:
        """What the last try passed for a parameter."""
        for held in (self.guesses, self.given):
            if name in held:
                return held[name]
        if name not in self.parameters:
            return None
        default = self.parameters[name].default
        return None if default is inspect.Parameter.empty else default

    def widths(self) -> tuple[list[int], ...]:
        """Arguments that are lists of whole numbers."""
        values = {**{n: p.default for n, p in self.parameters.items()}, **self.given, **self.guesses}.values()
        lists = (v for v in values if isinstance(v, (list, tuple)) and len(v) > 1)
        return tuple(list(v) for v in lists if all(isinstance(n, int) for n in v))

    def usage(self, name: str) -> Usage:
        return usages(self.owner).get(name, Usage()) if self.owner else Usage()


def constructed(guesser: Guesser, cls: type) -> Any:
    """An instance of ``cls`` from guesses alone, mended as often as that changes something."""
    trial = Trial(guesser)
    for _ in range(REPAIRS):
        args, kwargs = trial.complete(cls, [], {}, may_guess=True)
        try:
            return cls(*args, **kwargs)
        except Exception as e:
            if not mended(trial, e):
                raise
    raise NoGuess(f"{cls.__name__} cannot be built from guesses")


def mended(trial: Trial, error: BaseException) -> bool:
    """Change ``trial.guesses`` as ``error`` suggests; False when it suggests nothing new."""
    before = repr(trial.guesses)
    trial.tried.add(before)
    if isinstance(error, NoGuess) or trial.function is None:
        return False
    message = str(error)
    for mend in (_missing, _unexpected, _by_kind):
        if mend(trial, error, message) and repr(trial.guesses) not in trial.tried:
            return True
    return False


def _missing(trial: Trial, _error: BaseException, message: str) -> bool:
    """ "missing 2 required positional arguments: 'a' and 'b'" of a function behind ``**kwargs``."""
    if "missing" not in message or "required" not in message:
        return False
    if not any(p.kind is p.VAR_KEYWORD or p.name in message for p in trial.parameters.values()):
        return False
    try:
        for name in re.findall(r"'(\w+)'", message):
            trial.guesses[name] = trial.guesser.by_name(name)
    except NoGuess:
        return False
    return True


def _unexpected(trial: Trial, _error: BaseException, message: str) -> bool:
    found = re.search(r"unexpected keyword argument '(\w+)'", message)
    if not found or found[1] not in (*trial.guesses, *trial.given):
        return False
    trial.guesses[found[1]] = OMIT
    return True


def _by_kind(trial: Trial, error: BaseException, message: str) -> bool:
    suspects = _suspects(trial, error)
    changed = False
    for name in suspects:
        value = trial.value(name)
        new = _changed(trial, name, value, error, message)
        if new is not None:
            trial.guesses[name] = new
            changed = True
    if not changed and isinstance(error, AssertionError):
        return _unequal(trial, suspects)
    if not changed and isinstance(error, KeyError):
        return _missing_setting(trial, message)
    return changed


def _unequal(trial: Trial, suspects: list[str]) -> bool:
    """An assertion that relates several guessed widths (``mid == out // 2``): the last of them is doubled."""
    numbers = [n for n in suspects if isinstance(trial.guesses.get(n), int)]
    if len(numbers) < 2 or trial.guesses[numbers[-1]] > 4 * _WIDTH:
        return False
    trial.guesses[numbers[-1]] *= 2
    return True


def _missing_setting(trial: Trial, message: str) -> bool:
    """A key that a mapping we guessed or were given lacks."""
    key = message.strip("'\"")
    for name in trial.guesses:
        value = trial.guesses[name]
        if isinstance(value, Settings) and key not in value:
            value[key] = 64
            trial.tried.clear()
            return True
    return False


def _suspects(trial: Trial, error: BaseException) -> list[str]:
    """Parameters named on the function's failing statement that may be changed: guessed, or left at a default."""
    function = trial.function
    code = getattr(inspect.unwrap(function), "__code__", None) if function else None
    names: list[str] = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code is code and function is not None:
            names = _names_on(function, line - frame.f_code.co_firstlineno + 1)
    names = [n if n in trial.parameters else trial.usage(n).alias or n for n in names]
    spread = any(p.kind is p.VAR_KEYWORD for p in trial.parameters.values())
    known = {n for n in names if n in trial.parameters or (spread and trial.usage(n).options)}
    return [n for n in dict.fromkeys(names) if n in known and n not in ("self", *trial.given)]


def _names_on(function: Callable[..., Any], line: int) -> list[str]:
    """Names read by the innermost statement at ``line`` of ``function``'s source, counted from its first line."""
    tree = source_tree(inspect.unwrap(function))
    best: ast.stmt | None = None
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            best = node
    if best is None:
        return []
    header = (
        [best.test] if isinstance(best, (ast.If, ast.While)) else [best.iter] if isinstance(best, ast.For) else [best]
    )
    walked = [n for part in header for n in ast.walk(part)]
    direct = [n.id for n in walked if isinstance(n, ast.Name)]
    return direct + [n.attr for n in walked if isinstance(n, ast.Attribute)]


def _changed(trial: Trial, name: str, value: Any, error: BaseException, message: str) -> Any:
    """Another value for suspect ``name``, or None to leave it."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    plain = name.lower()
    usage = trial.usage(name)
    if value is None and (usage.keys or is_settings(plain)) and trial.owner is not None:
        return trial.guesser.settings(trial.owner)
    if re.search(r"not subscriptable|not iterable|no len\(\)|cannot unpack non-iterable", message):
        if number or value is None or isinstance(value, bool):
            base = value if number else _named(trial, name)
            return base if isinstance(base, (list, tuple)) else [base] * max(usage.length, 4)
    elif re.search(r"(list|tuple) index out of range", message) and isinstance(value, (list, tuple)) and value:
        return [*value, *value] if len(value) < 64 else None
    elif found := re.search(r"values to unpack \(expected (\d+)", message):
        if isinstance(value, (list, tuple)) and value:
            return _resized(value, int(found[1]))
    elif "object is not callable" in message and not callable(value):
        return trial.guesser.callable(plain)
    elif "is not a Module subclass" in message:
        return nn.Identity()
    elif re.search(r"'(int|float|NoneType|str|list|bool)' object has no attribute", message):
        return _with_attribute(trial, plain, value)
    elif re.search(
        r"unsupported operand|not supported between|cannot be interpreted|must be|can't multiply", message
    ) or (isinstance(error, TypeError)):
        return _of_other_type(trial, name, value)
    return _other_option(trial, name, value, error, message)


def _named(trial: Trial, name: str) -> Any:
    try:
        return trial.guesser.by_name(name)
    except NoGuess:
        return 64


def _resized(value: Any, length: int) -> list[Any]:
    if value and all(isinstance(v, (list, tuple)) for v in value):
        return [_resized(v, length) for v in value]
    if len(value) == length:
        return [[v] * length for v in value]
    return [*value, *[value[-1]] * length][:length]


def _with_attribute(trial: Trial, name: str, value: Any) -> Any:
    if is_module(name):
        return nn.Identity() if not isinstance(value, nn.Module) else None
    return Settings(trial.guesser.by_name) if not isinstance(value, Settings) else None


def _of_other_type(trial: Trial, name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)) and value:
        return value[0]
    if value is None:
        return _named(trial, name)
    if isinstance(value, float):
        return max(int(value), 1)
    if isinstance(value, (str, type, Mapping)):
        return 64 if is_channels(name.lower()) else 2
    return None


def _other_option(trial: Trial, name: str, value: Any, error: BaseException, message: str) -> Any:
    """For a value that was refused: the next one that the source compares with, or one that divides and fits."""
    options = [o for o in dict.fromkeys(trial.usage(name).options) if isinstance(o, type(value)) or value is None]
    if options:
        following = options.index(value) + 1 if value in options else 0
        if following < len(options):
            return options[following]
    if isinstance(error, KeyError):
        return _first_key(trial, error)
    number = isinstance(value, int) and not isinstance(value, bool)
    if number and (isinstance(error, AssertionError) or "divisible" in message or isinstance(error, ValueError)):
        return 1 if _DIVISORS.fullmatch(name.lower()) and value != 1 else 64 if value != 64 else None
    if value is None and not isinstance(error, (RuntimeError, OSError)):
        return _named(trial, name)
    return None


def _first_key(trial: Trial, error: BaseException) -> Any:
    """The first key of the mapping that the failing statement looked something up in."""
    frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
    for name in _names_on_line(frame.f_code.co_filename, line):
        held = frame.f_locals.get(name, frame.f_globals.get(name))
        if isinstance(held, Mapping) and held and not isinstance(held, Settings):
            return next(iter(held))
    return None


def _names_on_line(filename: str, line: int) -> list[str]:
    return re.findall(r"\b[A-Za-z_]\w*\b", linecache.getline(filename, line))
