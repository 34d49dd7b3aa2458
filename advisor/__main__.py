"""``python -m advisor``, and the console command ``advisor``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the program with the process's arguments; returns its exit code."""
    if sys.argv[1:] in (["lsp"], ["lsp", "--stdio"]):
        # An editor waits for this one: it takes less time than the other commands need to parse arguments.
        from .client.forward import main as forward

        return forward()
    from .cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
