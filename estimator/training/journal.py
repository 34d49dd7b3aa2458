"""The journal of a target's measurements: an append-only file that survives being killed at any moment.

After eight bytes of magic come records: the length and the checksum of a msgpack array, then the array. The first
names the target, its fingerprint and what measured; each further one is a sample with its measurement or with why
there is none. A torn record at the end is cut off when the file is opened again.

A sample's identity is a hash of its graph: one that is in the journal is never measured again.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import msgpack

from advisor.client.address import take
from advisor.targets import Target

from ..learned.predictor import fingerprint
from ..measuring import Measurement, Row, Unmeasurable
from .networks import compact, expanded
from .sampling import Sample

_MAGIC = b"advjrn1\n"
_HEAD = struct.Struct("<II")


class JournalError(ValueError):
    """A file that is no journal, or the journal of something else; the message says what to do."""


@dataclass(slots=True, frozen=True)
class Entry:
    """A sample and what came of it: a measurement, or the reasons why there is none (by op key; -1 for the whole).

    ``seconds`` is what measuring took, of one process.
    """

    sample: Sample
    result: Measurement | Unmeasurable
    seconds: float


def identity(sample: Sample) -> bytes:
    """Names the sample's graph, in which operations have to be numbered by position."""
    return hashlib.blake2b(_packed(compact(sample.graph)), digest_size=16).digest()


class Journal:
    """An open journal; a context manager. ``known`` are the identities of the samples that are in it.

    One process at a time writes a journal: a file beside it is locked meanwhile."""

    def __init__(self, path: Path, target: Target, source: str, afresh: bool = False) -> None:
        """Open ``path``, or make it; ``afresh``: the one that is there is kept beside it as ``….old``.

        Raises :class:`JournalError` for one of another target or backend, or that another process writes; OSError."""
        self.path = path
        self.known: set[bytes] = set()
        head = [target.name, fingerprint(target), source]
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.with_name(path.name + ".lock").open("ab")
        if not take(self._lock.fileno()):
            self._lock.close()
            raise JournalError(f"{path} is being written by another process; let it end, or interrupt it with Ctrl-C")
        if afresh and path.exists():
            path.replace(path.with_name(path.name + ".old"))
        self._file: BinaryIO = path.open("r+b" if path.exists() else "w+b")
        try:
            end = self._read(head)
        except JournalError:
            self._close()
            raise
        self._file.truncate(end)
        self._file.seek(end)

    def _read(self, head: list[Any]) -> int:
        """Checks the beginning, or writes it; collects what is known. Returns where the last whole record ends."""
        if self._file.read(len(_MAGIC)) != _MAGIC:
            if self._file.seek(0, os.SEEK_END) > len(_MAGIC):
                raise JournalError(f"{self.path} is no journal of measurements; name another file or delete it")
            self._file.seek(0)
            self._file.write(_MAGIC + _record(head))
            self._file.flush()
            return self._file.tell()
        end = self._file.tell()
        for payload, after in _records(self._file):
            plain = _unpacked(payload)
            if end > len(_MAGIC):
                self.known.add(plain[0])
            elif plain != head:
                raise JournalError(
                    f"{self.path} holds measurements of '{plain[0]}' by {plain[2]}, and its target or backend has "
                    f"changed since; delete it to measure '{head[0]}' by {head[2]} afresh"
                )
            end = after
        return end

    def append(self, entry: Entry) -> None:
        """Write the entry; it is on its way to the disk when this returns."""
        sample = entry.sample
        graph = zlib.compress(_packed(compact(sample.graph)), 9)
        key, found = identity(sample), plain_result(entry.result)
        seconds = round(entry.seconds, 3)
        self._file.write(_record([key, sample.family, sample.name, sample.whole, graph, seconds, found]))
        self._file.flush()
        self.known.add(key)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        self._file.close()
        self._lock.close()


def read(path: Path) -> Iterator[Entry]:
    """The entries of a journal, in order, up to the first damaged one. Raises :class:`JournalError`, OSError."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise JournalError(f"{path} is no journal of measurements; name another file")
        target, _, source = "", "", ""
        for number, (payload, _) in enumerate(_records(file)):
            plain = _unpacked(payload)
            if number:
                yield _entry(plain, target, source)
            else:
                target, _, source = plain


def _records(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Whole records with the position after each."""
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        payload = file.read(length)
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload, file.tell()


def _record(plain: list[Any]) -> bytes:
    payload = _packed(plain)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _packed(plain: Any) -> bytes:
    packed = msgpack.packb(plain)
    assert packed is not None  # it is only for a packer that streams
    return packed


def _unpacked(payload: bytes) -> Any:
    return msgpack.unpackb(payload, strict_map_key=False)


# ---- results as plain values; also what measuring processes send


def plain_result(result: Measurement | Unmeasurable) -> list[Any]:
    if isinstance(result, Unmeasurable):
        return [result.reasons]
    rows = [[list(row.ops), row.latency_us, row.spread] for row in result.rows]
    return [result.label, rows, result.latency_us, result.spread, result.peak_bytes, result.weights_bytes]


def result_of(plain: list[Any], target: str, source: str) -> Measurement | Unmeasurable:
    """The measurement, or why there is none, of :func:`plain_result`'s value."""
    if len(plain) == 1:
        return Unmeasurable(plain[0])
    label, rows, latency, spread, peak, weights = plain
    made = tuple(Row(tuple(ops), us, s) for ops, us, s in rows)
    return Measurement(target, label, source, made, latency, spread, peak, weights)


def _entry(plain: list[Any], target: str, source: str) -> Entry:
    _, family, name, whole, graph, seconds, found = plain
    sample = Sample(expanded(_unpacked(zlib.decompress(graph))), family, name, whole)
    return Entry(sample, result_of(found, target, source), seconds)
