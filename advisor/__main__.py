"""``python -m advisor``, and the console command ``advisor``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the program with the process's arguments; returns its exit code."""
    from .cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
