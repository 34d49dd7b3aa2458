"""Python's parser, for one thread at a time; and all that is in a tree.

While CPython 3.11 makes a tree, the collector may run finalizers and so let another thread in; when that one parses
too, both can raise ``SystemError: AST constructor recursion depth mismatch``.

No file is named: with a name, columns of errors are cut to the length of the line on disk, whatever the text is.
"""

from __future__ import annotations

import ast
import threading

_LOCK = threading.RLock()  # again by the same thread: a finalizer may parse


def module(text: str) -> ast.Module:
    """The tree of a file's text; raises what :func:`ast.parse` raises."""
    with _LOCK:
        return ast.parse(text)


def expression(text: str) -> ast.expr:
    """The tree of one expression; raises what :func:`ast.parse` raises."""
    with _LOCK:
        return ast.parse(text, mode="eval").body


def nodes(top: ast.AST) -> list[ast.AST]:
    """``top`` and all below it in the order of :func:`ast.walk`, which takes twice as long: an editor waits for files
    to be read."""
    found = [top]
    for node in found:  # grows meanwhile
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                found += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found
