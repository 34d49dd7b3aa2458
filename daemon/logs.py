"""Where the daemon's processes say what happens: a file that stays small, or an editor's view of a server's errors."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys

from advisor.folders import hub_log

FILE_BYTES = 1_000_000
OLDER_FILES = 3
VARIABLE = "ADVISOR_LOG"
"""The environment variable that holds the least level that is logged; ``info`` without it."""

_FORM = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"


def to_file() -> None:
    """Log to :func:`advisor.folders.hub_log`; to standard error when that cannot be written."""
    path = hub_log()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=FILE_BYTES, backupCount=OLDER_FILES, encoding="utf-8", errors="backslashreplace"
        )
    except OSError as e:
        _begin(logging.StreamHandler(sys.stderr))
        logging.getLogger(__name__).warning("no log file: %s", e)
    else:
        _begin(handler)


def to_stderr() -> None:
    """Log warnings, or what the variable says, to standard error."""
    _begin(logging.StreamHandler(sys.stderr), "warning")


def _begin(handler: logging.Handler, otherwise: str = "info") -> None:
    handler.setFormatter(logging.Formatter(_FORM))
    logging.raiseExceptions = False  # a log that cannot be written is no reason to fail, nor to say so on each line
    root = logging.getLogger()
    root.addHandler(handler)
    asked = os.environ.get(VARIABLE, otherwise)
    level = logging.getLevelName(asked.upper())
    root.setLevel(level if isinstance(level, int) else otherwise.upper())
    logging.getLogger("pygls").setLevel(max(root.level, logging.WARNING))  # at info it logs every message's body
    if not isinstance(level, int):
        root.warning("%s=%s is no level; there are debug, info, warning and error", VARIABLE, asked)
