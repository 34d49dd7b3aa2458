"""The rules' pages as files that an editor can open, and the parts of them that a hover shows.

Links of diagnostics and hovers have to lead somewhere without a network: the pages are rendered below the user's cache
folder, one folder a version of the advisor.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from pathlib import Path

from advisor.folders import cache as cache_folder
from advisor.version import VERSION

_log = logging.getLogger(__name__)

_WHY = re.compile(r"^## Why is this bad\?\n+(.+?)(?:\n\n|\n#|\Z)", re.MULTILINE | re.DOTALL)


def href(code: str) -> str | None:
    """The URI of the page of ``code``; None for an unknown code and where the cache cannot be written.

    The first call in a process renders all pages, a tenth of a second: :func:`prepare` does that in a thread.
    """
    return _written(cache_folder()).get(code)


def prepare() -> None:
    """Render the pages now, so that no later :func:`href` has to."""
    _written(cache_folder())


@cache
def texts() -> dict[str, str]:
    """Code → its page as Markdown. A pack that cannot be loaded leaves none; audits report it as an error."""
    from advisor.packs import PackError  # what they need is loaded when they are, not while an editor waits
    from advisor.packs import pages as installed
    from advisor.rulepages import page

    try:
        return {p.code: page(p) for p in installed()}
    except PackError as e:
        _log.warning("no pages of rules: %s", e)
        return {}


@cache
def names() -> dict[str, str]:
    """Code → the rule's name, ``misaligned-channels``."""
    return {code: text.partition("\n")[0].removeprefix("# ").partition(" (")[0] for code, text in texts().items()}


def why(code: str) -> str | None:
    """The first paragraph of what the page of ``code`` says under *Why is this bad?*, on one line."""
    match = _WHY.search(texts().get(code, ""))
    return " ".join(match.group(1).split()) if match else None


@cache
def _written(folder: Path) -> dict[str, str]:
    """Code → URI of its page below ``folder``. A page that stands there as it should is not touched."""
    out: dict[str, str] = {}
    rules = folder / "rules" / VERSION
    try:
        rules.mkdir(parents=True, exist_ok=True)
        for code, text in texts().items():
            file = rules / f"{code}.md"
            if not file.is_file() or file.read_text(encoding="utf-8", errors="replace") != text:
                file.write_text(text, encoding="utf-8")
            out[code] = file.as_uri()
    except OSError as e:
        _log.warning("codes have no links: the pages of rules cannot be written: %s", e)
    return out
