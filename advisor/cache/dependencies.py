"""What a trace rests on besides the code of its file, and whether that still holds.

A kept trace is looked up by what is cheap to know beforehand: the file, its code, the request without what moves with
the text, the interpreter, the environment, the advisor itself (:func:`key`). It then holds as long as every file that
was read says the same and every folder that decided an import lists the same names (:class:`Proof`).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgpack

from ..environment import passed_on
from ..graph import FORMAT_VERSION
from ..recent import Recent
from ..texts import Texts, disk_digest, settled
from ..version import VERSION

Event = dict[str, Any]

TICK_NS = 10_000_000
"""File systems count time in steps of up to this: what changed less before a moment may have changed after it."""

_WORKER = Path(__file__).parent.parent / "worker"
_VOLATILE = ("seconds", "buffers", "id")
"""Keys of a request that say nothing about the result: a trace that its time limit cut short is not kept, and buffers
count by what was read of them."""
_LINES = ("line", "end_line")
_PEOPLES = ("args", "kwargs", "setup")
"""What is said in people's own words, in which nothing is a place."""
_IMPORTABLE = (".py", ".pyc", ".so", ".pyd")
_STARTING = ("sitecustomize", "usercustomize")
_METADATA = (".dist-info", ".egg-info", ".egg", ".egg-link")
"""What says which packages are installed, by the ends of its names."""
_packages: Recent[str, tuple[tuple[int, ...], tuple[str, ...]]] = Recent(10_000)
"""Folder → its times, and what :func:`_own_files` found."""


# ---- the key


def fixed(request: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """What of ``request`` decides about the result, and the places that it names (``"where": "train.py:12"``).

    Places only say where something came from. Each stands in the request by its number, so that requests that differ
    in the lines of the same places are equal. So do the places of an attempt's numbers (``places``) that lie in the
    file itself, written as :func:`named`.
    """
    numbers: dict[str, int] = {}
    kept = {k: v for k, v in request.items() if k not in _VOLATILE}
    kept["candidates"] = [{k: v for k, v in c.items() if k not in _LINES} for c in request["candidates"]]
    return _numbered(kept, numbers, str(request["file"])), list(numbers)


def _numbered(value: Any, numbers: dict[str, int], own: str) -> Any:
    if isinstance(value, Mapping):
        out = {}
        for name, held in value.items():
            if name == "where":
                out[name] = numbers.setdefault(held, len(numbers))
            elif name == "places":
                out[name] = _elsewhere(held, own, numbers)
            else:
                out[name] = held if name in _PEOPLES else _numbered(held, numbers, own)
        return out
    if isinstance(value, list | tuple):
        return [_numbered(v, numbers, own) for v in value]
    return value


def _elsewhere(places: Any, own: str, numbers: dict[str, int]) -> Any:
    """The places of an attempt's numbers, those that lie in the file ``own`` by their number."""
    if isinstance(places, Mapping):
        return {name: _elsewhere(held, own, numbers) for name, held in places.items()}
    if isinstance(places, list | tuple):
        if places and places[0] == own:
            return numbers.setdefault(named(places[1:]), len(numbers))
        return [_elsewhere(held, own, numbers) for held in places]
    return places


def named(place: Sequence[int]) -> str:
    """A range of the file itself (line, column, end line, end column), as :func:`fixed` names it."""
    return ":".join(map(str, place))


def words(value: Any) -> Iterator[str]:
    """All strings in plain data, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for k, v in value.items():
            yield k
            yield from words(v)
    elif isinstance(value, list | tuple):
        for v in value:
            yield from words(v)


def key(digest: str, request: Any, interpreter: Path, environment: Mapping[str, str]) -> str:
    """What a trace of code with ``digest`` is kept by; ``request`` is what :func:`fixed` leaves of it."""
    passed = passed_on(environment)
    plain = [digest, request, sorted(passed.items()), stamp(interpreter, passed), VERSION, FORMAT_VERSION, of_worker()]
    return hashlib.sha256(pack(plain)).hexdigest()


@lru_cache(maxsize=1)
def of_worker() -> str:
    """Digest of the worker's sources as this process found them: people who develop the advisor change them."""
    made = hashlib.sha256()
    for path in sorted(_WORKER.rglob("*.py")):
        made.update(f"{path.relative_to(_WORKER)}\0".encode() + path.read_bytes() + b"\0")
    return made.hexdigest()


def stamp(interpreter: Path, environment: Mapping[str, str]) -> list[Any]:
    """Plain data that differs when the interpreter is another one, or what is installed for it changed.

    Installing or removing a package changes its ``site-packages`` folder. A library that somebody edits in place is not
    noticed.
    """
    real = Path(os.path.realpath(interpreter))
    prefixes = [interpreter.parent.parent, real.parent.parent]
    settings = ""
    for place in (interpreter.parent, interpreter.parent.parent):
        try:
            settings = (place / "pyvenv.cfg").read_text("utf-8", "replace")
            break
        except OSError:
            continue  # no virtual environment, or its settings lie in the other folder
    for line in settings.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home":
            prefixes.append(Path(value.strip()).parent)
    if home := environment.get("HOME"):
        prefixes.append(Path(home, ".local"))
    if Path("/usr") in prefixes:
        prefixes.append(Path("/usr/local"))  # where Debian's Python has what its users install for all
    sites = {str(site): _changed(site) for prefix in dict.fromkeys(prefixes) for site in _sites(prefix)}
    extra = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p]
    there = [Path(site) for site, changed in sites.items() if changed is not None]
    own = started_with(dict.fromkeys((*there, *(site.parent for site in there))), environment)
    return [str(interpreter), str(real), _changed(real), settings, sites, own, [[p, listing(Path(p))] for p in extra]]


def started_with(folders: Iterable[Path], environment: Mapping[str, str]) -> list[Any]:
    """The files that an interpreter runs when it starts, as they are in ``folders`` and on ``PYTHONPATH``."""
    named = [Path(p) for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p]
    found = []
    for folder in (*folders, *named):
        for name in _STARTING:
            for path in (folder / f"{name}.py", folder / name / "__init__.py"):
                if (digest := disk_digest(path)) is not None:
                    found.append([str(path), digest])
    return found


def _sites(prefix: Path) -> Iterator[Path]:
    yield prefix / "Lib" / "site-packages"
    for library in (prefix / "lib", prefix / "lib64"):
        for python in _pythons(str(library), _changed(library)):
            yield python / "site-packages"
            yield python / "dist-packages"


@lru_cache(maxsize=64)
def _pythons(library: str, _changed: tuple[int, ...] | None) -> tuple[Path, ...]:
    return tuple(sorted(Path(library).glob("python*")))


def _changed(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


# ---- the proof


@dataclass(frozen=True, slots=True)
class Proof:
    """What was read, by its digest (None: there was no such file), the folders that decided imports, by their listing,
    and what was looked at itself, by :func:`itself`."""

    files: Mapping[str, str | None]
    folders: Mapping[str, str]
    links: Mapping[str, str | None] = field(default_factory=dict)

    def holds(self, seen: Texts) -> bool:
        """Whether all is as it was; ``seen`` has the buffers that the worker would get now."""
        if any(listing(Path(folder), seen.buffers) != was for folder, was in self.folders.items()):
            return False
        if any(itself(path) != was for path, was in self.links.items()):
            return False
        return all(seen.digest(Path(file)) == was for file, was in self.files.items())


def prove(reads: Mapping[str, Any], own: Iterable[str], seen: Texts, since: int) -> Proof | None:
    """The proof for a run that began at ``since`` (ns since the epoch) and ended just now; None where there is none,
    because something may have changed meanwhile. ``own`` are the names of the traced file: it is no dependency, but
    must not have changed either."""
    if not reads.get("complete"):
        return None
    links = reads.get("links", {})
    if any(itself(path) != was for path, was in links.items()):
        return None
    files = [Path(f) for f in dict.fromkeys(reads["files"]) if f not in own]
    folders = [Path(f) for f in dict.fromkeys(reads["folders"])]
    looked_at = [_existing(f) for f in (*files, *map(Path, own)) if f not in seen.buffers]
    looked_at += [_existing(f) for f in folders]
    proof = Proof(
        {str(f): seen.digest(f) for f in files},
        {str(folder): listing(folder, seen.buffers) for folder in folders},
        links,
    )
    return proof if all(changed_at(p) < since - TICK_NS for p in looked_at) else None


def itself(path: str) -> str | None:
    """What ``path`` itself is, as the worker says it: its mode and, for a link, where it leads; None for nothing."""
    try:
        mode = Path(path).lstat().st_mode
        return f"{mode:o} {Path(path).readlink()}" if stat.S_ISLNK(mode) else f"{mode:o}"
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return None


def _existing(path: Path) -> Path:
    """``path``, or the nearest folder above it that there is: where a file that is gone has left its trace."""
    return next((p for p in (path, *path.parents) if os.path.lexists(p)), path)


def changed_at(path: Path) -> int:
    """When ``path``, or what it links to, changed last, in ns since the epoch; 0 where there is nothing."""
    try:
        found = path.stat()
    except OSError:
        return 0
    return max(found.st_mtime_ns, found.st_ctime_ns)


def settle(paths: Iterable[Path]) -> int:
    """Wait, for a tick at most, until a change to ``paths`` from now on would show; returns the time (ns)."""
    newest = max((changed_at(p) for p in paths), default=0)
    now = time.time_ns()
    if 0 <= now - newest <= TICK_NS:
        time.sleep((newest + TICK_NS - now) / 1e9 + 0.001)
    return time.time_ns()


def listing(folder: Path, buffers: Mapping[Path, str] | None = None) -> str:
    """Digest of what in ``folder`` an import could mean, unsaved files among it: modules, folders, which of these are
    packages with a file of their own, and what says which packages are installed."""
    names = set(_unsaved(folder, buffers or ()))
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.update(_importable(entry))
    except OSError:
        names.add("\0")  # it cannot be listed
    return hashlib.sha256("/".join(sorted(names)).encode(errors="surrogateescape")).hexdigest()


def _unsaved(folder: Path, buffers: Iterable[Path]) -> Iterator[str]:
    for path in buffers:
        if path.parent == folder:
            yield path.name
        elif path.parent.parent == folder and path.stem == "__init__":
            yield f"{path.parent.name}:{path.name}"


def _importable(entry: os.DirEntry[str]) -> Iterator[str]:
    """What ``entry`` adds to the listing of its folder."""
    name = entry.name
    metadata = name.endswith(_METADATA)
    if not (metadata or name.endswith(_IMPORTABLE) or ("." not in name and name != "__pycache__")):
        return
    try:
        is_folder = entry.is_dir()
    except OSError:
        is_folder = False  # a link that leads to itself
    if metadata or name.endswith(_IMPORTABLE):
        yield name + ":" * is_folder
    elif is_folder:
        if name.isidentifier():
            yield name + ":"
        yield from (f"{name}:{own}" for own in _own_files(entry.path))


def _own_files(folder: str) -> tuple[str, ...]:
    """The files that make ``folder`` a package rather than part of a namespace, by name."""
    stamp = _times(folder)
    known = _packages.get(folder)
    if stamp is not None and known is not None and known[0] == stamp:
        return known[1]
    try:
        with os.scandir(folder) as entries:
            found = tuple(sorted(e.name for e in entries if e.name.startswith("__init__.")))
    except OSError:
        return ()  # gone, or it cannot be listed: nothing can be imported from it either
    if stamp is not None and settled(stamp) and _times(folder) == stamp:
        _packages.put(folder, (stamp, found))
    return found


def _times(folder: str) -> tuple[int, ...] | None:
    try:
        found = Path(folder).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


# ---- bytes


def pack(plain: Any) -> bytes:
    """Plain data as msgpack. Raises ValueError or OverflowError for what it cannot hold: numbers over 64 bits."""
    packed = msgpack.packb(plain, use_bin_type=True, unicode_errors="surrogatepass")
    assert packed is not None  # it is only for a packer that streams
    return packed


def unpack(data: bytes) -> Any:
    """What :func:`pack` took. Raises ValueError on anything else."""
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=False, unicode_errors="surrogatepass")
    except (msgpack.exceptions.UnpackException, RecursionError, TypeError) as e:  # TypeError: a map as a map's key
        raise ValueError(f"no msgpack: {e}") from e
