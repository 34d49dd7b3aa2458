"""Thousands of random edits by two editors at one daemon, with a script beside them, against fresh audits.

    python -m tests.soak.edits [--edits 10000] [--from 0] [--seed 0] [--table docs/soak.md]

At a hundred points the typing stops; once the daemon has nothing to do any more, everything that it shows is compared
with a fresh audit of the same texts. ``--from`` begins with the project as it is after so many edits. Exit code 1 when
anything that was shown was wrong, or the daemon's memory grew too much.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_lsp import ClientServerConfig

from advisor.client.aio import AsyncClient, connect_async
from advisor.engine import EngineError
from tests.daemon.e2e.editor import PULLING, PUSHED, capabilities
from tests.daemon.hubs import home

from . import page
from .fresh import Fresh, Shown, apart, as_json, differences, plain_findings, plain_hints, plain_lenses, write
from .persons import Persons, Step, advanced
from .tree import FILES
from .typist import Typist

SAMPLES = 100
WARM = 1000
"""Edits after which the daemon's memory is looked at for the first time."""
_QUIET = 3  # looks in a row that find nothing to do
_SCRIPTED = 4  # files of a sample that the script asks for


@dataclass
class Tally:
    """What happened. ``faults`` are sentences, one for each thing that was wrong; memory is by number of edits."""

    edits: int = 0
    seed: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    fast: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    memory: dict[int, int] = field(default_factory=dict)
    analysts: dict[int, int] = field(default_factory=dict)
    samples: int = 0
    pushes: int = 0
    late: int = 0
    glances: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def warm(self) -> int:
        """The edit after which memory was looked at first: once :data:`WARM` were done, the last one in a short run."""
        return next((n for n in sorted(self.memory) if n - min(self.memory) >= WARM - WARM // 10), max(self.memory))

    @property
    def growth(self) -> float:
        """How much the daemon's memory grew from then to the end, as a fraction."""
        return self.memory[max(self.memory)] / self.memory[self.warm] - 1


class Soak:
    """A daemon, two editors and a script in one project."""

    def __init__(self, persons: Persons, root: Path, fresh: Fresh, tally: Tally) -> None:
        self._persons, self._root, self._fresh, self._tally = persons, root, fresh, tally
        self._chance = random.Random(tally.seed + 1)  # for what has no part in the texts
        self._typists: list[Typist] = []
        self._client: AsyncClient | None = None
        self._typing = asyncio.Event()
        self._resting = asyncio.Event()

    async def run(self, edits: int, every: int) -> None:
        """Do that many edits and compare after each ``every`` of them."""
        write(self._root, self._persons.disk)
        self._client = await connect_async()
        for person, able in enumerate((PUSHED, PULLING)):
            await self._enter(person, able)
        script = asyncio.ensure_future(self._script())
        began = time.monotonic()
        self._typing.set()
        try:
            for done in range(1, edits + 1):
                await self._edit(self._persons.step())
                if done % every == 0 or done == edits:
                    await self._sample()
                    self._tally.edits, self._tally.seconds = done, time.monotonic() - began
                    self._progress(edits)
                if script.done():
                    script.result()
        finally:
            script.cancel()
            await asyncio.gather(script, return_exceptions=True)
            for typist in self._typists:
                await typist.shutdown_session()
                await typist.stop()
            await self._client.close()

    async def _enter(self, person: int, able: Mapping[str, Any]) -> None:
        command = [sys.executable, "-m", "advisor", "lsp"]
        typist = await ClientServerConfig(command, client_factory=Typist).start()
        assert isinstance(typist, Typist)
        await typist.begin([self._root], capabilities(able), True)
        for name, text in self._persons.opened[person].items():
            typist.open(self._root / name, text)
        self._typists.append(typist)

    # ---- what persons and the script do

    async def _edit(self, step: Step) -> None:
        typist, path = self._typists[step.person], self._root / step.file
        typist.type(path, step)
        if step.saved:
            typist.save(path)
            for other in self._typists:
                if other is not typist:
                    other.changed_on_disk(path)
        elif not step.reopened and self._chance.random() < 0.1:
            await typist.glance(path)
        self._tally.kinds[step.kind] += 1
        self._tally.fast += step.pause < 0.25
        await asyncio.sleep(step.pause)

    async def _script(self) -> None:
        """Ask for something now and then while the persons type."""
        assert self._client is not None
        while True:
            self._resting.set()
            await self._typing.wait()
            self._resting.clear()
            path = self._root / self._chance.choice(list(self._persons.disk))
            what = self._chance.choice(("audit", "audit", "estimate", "models", "explain", "status", "cancelled"))
            self._tally.asked[what] += 1
            try:
                await self._ask(what, path)
            except EngineError:
                self._tally.asked["refused"] += 1  # the file cannot be read just now, or has no model
            self._resting.set()
            await asyncio.sleep(self._chance.uniform(0.1, 1.0))

    async def _ask(self, what: str, path: Path) -> None:
        assert self._client is not None
        if what == "audit":
            await self._client.audit(path)
        elif what == "estimate":
            await self._client.estimate(path)
        elif what == "models":
            await self._client.models(path)
        elif what == "explain":
            await self._client.explain("CHN101")
        elif what == "status":
            await self._client.status()
        else:
            audit = self._client.audit(self._root)
            await asyncio.sleep(self._chance.uniform(0.0, 0.3))
            audit.cancel()

    # ---- what they are shown

    async def _sample(self) -> None:
        """Stop typing, wait until nothing is going on, and compare."""
        self._typing.clear()
        await self._resting.wait()
        status = await self._quiet()
        number = self._persons.number
        self._tally.memory[number] = status["resident"]
        analysts = [a for lane in status["lanes"].values() for a in lane["analysts"]]
        self._tally.analysts[number] = len(analysts)
        self._tally.samples += 1
        for person, typist in enumerate(self._typists):
            await self._compare(number, person, typist)
        await self._compare_script(number)
        for typist in self._typists:
            self._tally.faults += typist.faults
            typist.faults.clear()
        for count in ("pushes", "late", "glances"):
            setattr(self._tally, count, sum(getattr(typist, count) for typist in self._typists))
        self._typing.set()

    async def _quiet(self) -> dict[str, Any]:
        """Wait until every analyst has had nothing to do for a moment; gives the daemon's status then."""
        assert self._client is not None
        for typist in self._typists:  # what was typed has arrived once something behind it was answered
            await typist.inlay(next(iter(typist.texts)))
        calm, served = 0, None
        while True:
            status = await self._client.status()
            lanes = status["lanes"].values()
            now = [a["served"] for lane in lanes for a in lane["analysts"]]
            idle = all(not lane["waiting"] and all(a["state"] == "idle" for a in lane["analysts"]) for lane in lanes)
            calm = calm + 1 if idle and now == served else 0
            served = now
            if calm >= _QUIET:
                return status
            await asyncio.sleep(0.05)

    async def _compare(self, number: int, person: int, typist: Typist) -> None:
        texts = dict(self._persons.opened[person])
        shown = {name: await self._shown(typist, self._root / name) for name in texts}
        expected = await asyncio.to_thread(self._fresh.documents, {**self._persons.disk, **texts}, list(texts))
        for name, right in expected.items():
            self._tally.compared["documents"] += 1
            self._tally.compared["broken documents"] += right.broken
            self._tally.compared["findings"] += len(right.findings)
            self._tally.compared["hints"] += len(right.hints)
            self._tally.compared["totals"] += len(right.lenses)
            wrong = differences(shown[name], right)
            if wrong:
                text = "".join(f"    | {line}\n" for line in texts[name].split("\n"))
                self._tally.faults.append(
                    f"after {number} edits, editor {person}, {name}:\n  " + "\n  ".join(wrong) + "\n" + text
                )

    async def _shown(self, typist: Typist, path: Path) -> Shown:
        found = await typist.inlay(path)
        lenses = await typist.lenses_of(path)
        present, old = apart(await typist.diagnostics_of(path))
        return Shown(plain_findings(present, self._root), plain_hints(found), plain_lenses(lenses, self._root), old)

    async def _compare_script(self, number: int) -> None:
        assert self._client is not None
        wanted = self._chance.sample(list(self._persons.disk), _SCRIPTED)
        expected = await asyncio.to_thread(self._fresh.report, self._persons.disk, wanted)
        for name, right in expected.items():
            self._tally.compared["scripts' reports"] += 1
            if as_json(await self._client.audit(self._root / name), self._root) != right:
                self._tally.faults.append(f"after {number} edits, the script is told something else of {name}")

    def _progress(self, edits: int) -> None:
        tally = self._tally
        megabytes = tally.memory[self._persons.number] / 2**20
        print(
            f"{tally.edits}/{edits} edits, {tally.seconds:.0f} s, {tally.compared['documents']} documents compared, "
            f"{len(tally.faults)} faults, {megabytes:.1f} MB",
            file=sys.stderr,
            flush=True,
        )


async def soak(files: Mapping[str, str], edits: int, samples: int, seed: int, start: int = 0) -> Tally:
    """Do ``edits`` edits of a project, from the state after ``start`` of them on, in this process's home."""
    tally = Tally(seed=seed)
    fresh = Fresh()
    try:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            persons = advanced(files, seed, start)
            await Soak(persons, Path(folder).resolve(), fresh, tally).run(edits, max(1, edits // samples))
    finally:
        fresh.close()
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.edits")
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--from", type=int, default=0, dest="start", metavar="N", help="begin after so many edits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="where to write what happened, as Markdown")
    args = parser.parse_args()
    with pytest.MonkeyPatch.context() as patch, home(patch):
        tally = asyncio.run(soak(FILES, args.edits - args.start, SAMPLES, args.seed, args.start))
    text = page.written(tally)
    if args.table:
        args.table.write_text(text)
    print(text)
    for fault in tally.faults:
        print(fault, file=sys.stderr)
    return 1 if tally.faults or tally.growth >= page.GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
