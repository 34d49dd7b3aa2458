"""The parameters of an analyst's jobs, checked: a wrong one is an error that names it, not a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.config import OPTIONS
from advisor.fixes.comments import Ask
from advisor.texts import Texts

from .comments import ask


class ParamsError(Exception):
    """A parameter that is missing or wrong; the message names it."""


class Params:
    """The parameters of one request."""

    def __init__(self, method: str, given: Any) -> None:
        self._method = method
        self._given = self._table("params", {} if given is None else given)

    def has(self, name: str) -> bool:
        """Whether a parameter was given."""
        return self._given.get(name) is not None

    @property
    def path(self) -> Path:
        """The absolute path of the file that the job is about."""
        return self._absolute("path", self.text("path"))

    @property
    def texts(self) -> Texts:
        """What is unsaved: the buffers, and the file's own text."""
        given = self._table("buffers", self._given.get("buffers") or {})
        buffers = {self._absolute("buffers", path): self._text("buffers", text) for path, text in given.items()}
        if self._given.get("text") is not None:
            buffers[self.path] = self.text("text")
        return Texts(buffers)

    @property
    def overrides(self) -> dict[str, Any]:
        """The settings that win over those of the files."""
        return dict(self._table("overrides", self._given.get("overrides") or {}))

    @property
    def origin(self) -> str:
        """What messages call the overrides."""
        given = self._given.get("origin")
        return OPTIONS if given is None else self._text("origin", given)

    @property
    def environment(self) -> dict[str, str] | None:
        """The client's environment; None stands for our own."""
        given = self._given.get("environment")
        if given is None:
            return None
        return {name: self._text("environment", value) for name, value in self._table("environment", given).items()}

    @property
    def cwd(self) -> Path | None:
        """Where relative paths start; None where there should be none."""
        given = self._given.get("cwd")
        return None if given is None else self._absolute("cwd", self._text("cwd", given))

    @property
    def run(self) -> bool:
        """Whether user code may run: only where it was said."""
        return self._given.get("run") is True

    @property
    def settle(self) -> float:
        """Seconds to wait after what is known at once."""
        given = self._given.get("settle", 0)
        if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given <= 60:
            raise self._wrong("settle", "0 to 60 seconds", given)
        return float(given)

    @property
    def asks(self) -> list[Ask]:
        """The comments that are asked for, as :func:`daemon.comments.plain` writes them."""
        return [self._ask(given) for given in self._list("asks")]

    def _ask(self, given: Any) -> Ask:
        try:
            return ask(str(self.path), given)
        except (TypeError, ValueError) as e:
            raise self._wrong("asks", "what to ignore or to tell, and where", given) from e

    def text(self, name: str) -> str:
        return self._text(name, self._given.get(name))

    def optional(self, name: str) -> str | None:
        return None if self._given.get(name) is None else self.text(name)

    def table(self, name: str) -> Mapping[str, Any] | None:
        given = self._given.get(name)
        return None if given is None else self._table(name, given)

    def lists(self, name: str) -> dict[str, list[str]]:
        """Lists of texts by name; none where there is none."""
        given = self._table(name, self._given.get(name) or {})
        if not all(isinstance(some, list) for some in given.values()):
            raise self._wrong(name, "a table of lists", given)
        return {key: [self._text(name, item) for item in some] for key, some in given.items()}

    def texts_of(self, name: str) -> list[str]:
        return [self._text(name, item) for item in self._list(name)]

    def paths(self, name: str) -> list[Path]:
        return [self._absolute(name, path) for path in self.texts_of(name)]

    def blobs(self, name: str) -> list[bytes]:
        found = self._list(name)
        if not all(isinstance(item, bytes) for item in found):
            raise self._wrong(name, "a list of bytes", found)
        return found

    def _list(self, name: str) -> list[Any]:
        given = self._given.get(name)
        if not isinstance(given, list):
            raise self._wrong(name, "a list", given)
        return given

    def _table(self, name: str, given: Any) -> Mapping[str, Any]:
        if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
            raise self._wrong(name, "a table", given)
        return given

    def _text(self, name: str, given: Any) -> str:
        if not isinstance(given, str):
            raise self._wrong(name, "a text", given)
        return given

    def _absolute(self, name: str, given: str) -> Path:
        path = Path(given)
        if not path.is_absolute() or "\0" in given:
            raise self._wrong(name, "an absolute path", given)
        return path

    def _wrong(self, name: str, expected: str, given: Any) -> ParamsError:
        return ParamsError(f"{self._method}: {name}: expected {expected}, got {repr(given)[:80]}")
