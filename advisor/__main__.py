"""``python -m advisor``, and the console command ``advisor``."""

import os
import sys


def main() -> int:
    """Run the program with the process's arguments; returns its exit code."""
    if sys.argv[1:] in (["lsp"], ["lsp", "--stdio"]):
        # An editor waits for this one: it takes less time than the other commands need to parse arguments.
        from .client.forward import main as forward

        return forward()
    from .cli import main as run

    return run()


def _leave_working_folder() -> None:
    """Have nothing imported from the folder that we were started in, which ``python -m`` puts first: an editor starts
    us in a workspace that may not be trusted."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        return  # ours was deleted: there was nothing to put first
    if sys.path[:1] == [here]:
        del sys.path[0]


if __name__ == "__main__":
    _leave_working_folder()
    sys.exit(main())
