"""Writing edited files: never over a change that the edits do not know, and each file either old or new.

A file is written beside itself and renamed into place, so that a crash at any moment leaves the old text or the new.
Of several files all are prepared before the first is renamed, and where a rename fails those before it are undone.
What a file has besides its text stays: mode, owner, symbolic links to it, encoding, byte order mark, line ends.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import tempfile
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..discovery.notebooks import is_notebook
from ..discovery.source import contents

_NEWLINE = re.compile(r"\r\n?")


class WriteError(Exception):
    """A file that was not written; the message names it, says why and what to do. No other was written either."""


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was read: its bytes, and its text with its own line ends in ``encoding``, which gives the bytes."""

    path: Path
    data: bytes
    text: str
    encoding: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a file becomes: ``text`` has the line ends that it shall have."""

    original: Original
    text: str


def plain(text: str) -> str:
    """The text with ``\\n`` at the ends of lines, as :func:`advisor.discovery.source.text_of` gives it."""
    return _NEWLINE.sub("\n", text)


def read(path: Path) -> Original:
    """A text file to be rewritten. Raises :class:`WriteError` for what cannot be."""
    real = path.resolve()  # a link stays a link to the file that is rewritten
    if is_notebook(real):
        raise WriteError(f"{path}: a notebook; apply its fixes in the editor that has it open")
    data = _bytes(real)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)  # of all files, as they are read
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as e:
        raise WriteError(f"{path}: cannot be decoded: {e}; nothing was changed") from e
    return Original(real, data, text, encoding)


def write(rewrites: Sequence[Rewrite]) -> None:
    """Write all of ``rewrites``, or none. Raises :class:`WriteError`, also where a file is not any more what was
    read."""
    copies: dict[Path, Path] = {}
    written: list[Original] = []
    try:
        for rewrite in rewrites:
            copies[rewrite.original.path] = _beside(rewrite.original, _encoded(rewrite))
        for rewrite in rewrites:
            original = rewrite.original
            if _bytes(original.path) != original.data:
                raise WriteError(f"{original.path}: it changed meanwhile; run the command again; nothing was changed")
            written.append(original)
            copies[original.path].replace(original.path)
    except BaseException as e:  # Ctrl-C between two renames too
        for original in written:
            if _bytes(original.path) != original.data:
                _beside(original, original.data).replace(original.path)
        if isinstance(e, OSError):
            raise WriteError(f"{e.filename}: cannot be written: {e.strerror}; nothing was changed") from e
        raise
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)
    for folder in {original.path.parent for original in written}:
        _settle(folder)


def _encoded(rewrite: Rewrite) -> bytes:
    original = rewrite.original
    try:
        return rewrite.text.encode(original.encoding)
    except UnicodeEncodeError as e:
        said = f"its encoding, {original.encoding}, has no {e.object[e.start]!r}"
        raise WriteError(f"{original.path}: {said}; save it as UTF-8 first; nothing was changed") from e


def _beside(original: Original, data: bytes) -> Path:
    """A file in the same folder that holds ``data`` on the disk, with mode and owner of the original."""
    path = original.path
    status = path.stat()
    if not os.access(path, os.W_OK):
        raise OSError(errno.EACCES, "it is read-only", str(path))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".advisor", dir=path.parent)
    copy = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        copy.chmod(stat.S_IMODE(status.st_mode))
        made = copy.stat()
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            os.chown(copy, status.st_uid, status.st_gid)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy


def _settle(folder: Path) -> None:
    """Have the renames of a folder on the disk, where folders can be opened for that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _bytes(path: Path) -> bytes:
    try:
        return contents(path)
    except OSError as e:
        raise WriteError(f"{path}: cannot be read: {e.strerror or e}; nothing was changed") from e
