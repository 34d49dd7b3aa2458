"""``python -m advisor.daemon hub|stdio|analyst``: the daemon's processes. People start ``advisor daemon`` and
``advisor lsp``."""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run the process that the first argument names; what others need is not imported."""
    process = arguments[0] if arguments else ""
    if process == "analyst":
        from . import analyst

        return analyst.main(arguments[1:])
    if process in ("hub", "stdio"):
        from . import hub

        return hub.main(arguments[1:]) if process == "hub" else hub.stdio()
    print("usage: python -m advisor.daemon hub|stdio|analyst", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
