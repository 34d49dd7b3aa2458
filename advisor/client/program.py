"""The command lines of the daemon's processes.

None of them looks for modules where it happens to be started: an editor starts the advisor in a workspace, whose
``json.py`` is not to be trusted. ``python -m`` would put that folder first, and its ``-P`` is newer than Python 3.10.
"""

from __future__ import annotations

import sys

# The empty entry is the folder it is started in; before it is gone, only what is built in may be imported.
_START = (
    "import sys; sys.path[:] = filter(None, sys.path); "
    "from advisor.daemon.__main__ import main; sys.exit(main(sys.argv[1:]))"
)


def daemon(process: str, *arguments: str) -> list[str]:
    """The command line that runs ``hub``, ``stdio`` or ``analyst`` under this interpreter."""
    return [sys.executable, "-c", _START, process, *arguments]
