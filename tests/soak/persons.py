"""Two persons at one project: who does what when, by a seed alone, so that any moment can be had again.

Each has some of the files open, some of them both. They type in turns as chance will, each for a while in one file, and
undo what they broke, save and reopen now and then.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from .changes import BROKEN, WHOLE

_KEPT = 40  # texts that can be gone back to
_PERSONS = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One edit: the text of ``file`` that ``person`` has open becomes ``text``, as one change of the document as a
    ``whole``, as a ``saved`` or as a ``reopened`` one; then nothing happens for ``pause`` seconds."""

    number: int
    person: int
    file: str
    kind: str
    text: str
    whole: bool
    saved: bool
    reopened: bool
    pause: float


@dataclass(slots=True)
class _Person:
    texts: dict[str, str]
    history: dict[str, list[str]]
    file: str = ""
    left: int = 0
    """Changes until another file has its turn."""
    coming: deque[tuple[str, str]] = field(default_factory=deque)
    """Kinds and texts of what is being typed."""


class Persons:
    """The project while it is edited. ``disk`` holds the files, ``opened`` each person's documents."""

    def __init__(self, files: Mapping[str, str], seed: int) -> None:
        names = list(files)
        many = max(1, len(names) * 7 // 10)
        self.originals = dict(files)
        self.disk = dict(files)
        self.number = 0
        self._chance = random.Random(seed)
        self._persons = [
            _Person({n: files[n] for n in some}, {n: [] for n in some}) for some in (names[:many], names[-many:])
        ]

    @property
    def opened(self) -> list[Mapping[str, str]]:
        """The documents of each person by file."""
        return [person.texts for person in self._persons]

    def step(self) -> Step:
        """The next edit, done."""
        chance = self._chance
        number = chance.randrange(_PERSONS)
        person = self._persons[number]
        while True:
            if not person.coming:
                self._think(person)
            kind, text = person.coming.popleft()
            if text != person.texts[person.file]:
                break
        history = person.history[person.file]
        history.append(person.texts[person.file])
        del history[:-_KEPT]
        person.texts[person.file] = text
        done = not person.coming
        reopened = kind == "reopened"
        saved = done and not reopened and chance.random() < 0.04
        if saved:
            self.disk[person.file] = text
        self.number += 1
        rests = done and chance.random() < 0.12
        pause = chance.uniform(0.2, 0.8) if rests else chance.uniform(0.005, 0.06)
        whole = chance.random() < 0.05
        return Step(self.number, number, person.file, kind, text, whole, saved, reopened, pause)

    def _think(self, person: _Person) -> None:
        """What this person does next."""
        chance = self._chance
        if person.left <= 0:
            person.file, person.left = chance.choice(list(person.texts)), chance.randint(1, 8)
        person.left -= 1
        text = person.texts[person.file]
        original = self.originals[person.file]
        whole = parses(text)
        if not 0.6 * len(original) < len(text) < 1.7 * len(original):
            person.coming.append(("back to the first", original))
        elif chance.random() < (0.15 if whole else 0.75):
            person.coming.append(("undone", self._back(person, whole)))
        elif chance.random() < 0.02:
            person.coming.append(("reopened", self.disk[person.file]))
        else:
            kinds = WHOLE if chance.random() < 0.8 else BROKEN
            kind = chance.choices(list(kinds), [often for _, often in kinds.values()])[0]
            person.coming.extend((kind, later) for later in kinds[kind][0](text, chance))
        if not person.coming:  # there was nothing to change so
            person.left = 0
            person.coming.append(("back to the first", original + "\n" * (text == original)))

    def _back(self, person: _Person, whole: bool) -> str:
        """An earlier text of the file: some steps ago, or the last that could be read."""
        history = person.history[person.file]
        if not whole:
            return next((old for old in reversed(history) if parses(old)), self.originals[person.file])
        return history[-min(len(history), self._chance.randint(1, 12))] if history else self.originals[person.file]


def parses(text: str) -> bool:
    try:
        compile(text, "net.py", "exec")
    except SyntaxError:
        return False
    return True


def advanced(files: Mapping[str, str], seed: int, number: int) -> Persons:
    """The project after ``number`` edits."""
    persons = Persons(files, seed)
    for _ in range(number):
        persons.step()
    return persons
