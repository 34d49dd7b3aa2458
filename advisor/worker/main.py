"""Entry of the worker: launched by path, ``python main.py '{"requests": 5, "events": 6, …}'``.

Settings (one JSON argument): ``requests`` and ``events``, the descriptors to read and write; ``scratch``, an empty
folder of its own; ``jobs``, file by job name, each with ``run(request, emit)`` and optionally ``warm_up()``, which the
zygote calls once before it serves, and ``rehearse()``, which every child calls while it waits for its request;
``without``, measures to do without (see ``sandbox.Confinement``).

Answers ``{"event": "ready", "python", "torch", "containment"}`` and serves, or ``{"event": "unfit", "reason",
"detail"}`` and exits. Everything up to the version check runs on any Python 3.
"""

import sys

MIN_PYTHON = (3, 10)
MIN_TORCH = (2, 4)
PACKAGE = "_advisor_worker"


def drop_own_folder():
    """Forget the folder that Python put in front for this script: its modules must not hide the user's."""
    import os  # loaded before any script runs, so not from that folder

    own = os.path.realpath(__file__).rpartition(os.sep)[0]
    if sys.path and os.path.realpath(sys.path[0]) == own:
        del sys.path[0]


def load(name, path, folder=None):
    """Import a file under a name of ours; with ``folder``, as the package of the files in there."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[folder] if folder else None)
    if spec is None or spec.loader is None:
        raise ImportError(f"no Python module: {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def import_torch():
    """Import torch for one thread; returns (reason, detail) where it is unfit, else None."""
    try:
        import torch
        import torch.fx
    except ImportError as error:
        return "no-torch", str(error)
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < MIN_TORCH:
        return "old-torch", torch.__version__
    torch.set_num_threads(1)
    return None


def serve(settings, tell):
    """Become the zygote and serve until the client goes."""
    import contextlib
    import gc
    import importlib
    import shutil
    import signal
    from pathlib import Path

    folder = Path(__file__).parent
    load(PACKAGE, str(folder / "__init__.py"), str(folder))
    rooms = ("contain.namespaces", "contain.linux", "link", "contain.scratch")
    namespaces, linux, link, scratch = (importlib.import_module(f"{PACKAGE}.{room}") for room in rooms)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    without = frozenset(settings["without"])
    measures = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")  # what comes from here shall be first to go
        if "namespaces" not in without:
            measures = namespaces.enter(settings["scratch"], (settings["requests"], settings["events"]))
        linux.adopt_orphans()
    gc.disable()  # imports make no garbage to speak of, and looking for it takes a quarter of their time
    unfit = import_torch()
    if unfit:
        tell({"event": "unfit", "reason": unfit[0], "detail": unfit[1]})
        return
    zygote = importlib.import_module(f"{PACKAGE}.zygote")  # needs torch
    jobs = load_jobs(settings["jobs"])
    gc.freeze()  # a child's collector would otherwise walk, and so copy, all that torch has made
    gc.enable()
    if sys.platform == "linux":
        linux.set_dumpable(False)
    versions = {"python": sys.version.split()[0], "torch": sys.modules["torch"].__version__}
    client = link.Client(settings["requests"], settings["events"])
    tell({"event": "ready", **versions, "containment": measures})
    isolated = bool(measures)
    zygote.Zygote(client, jobs, scratch.Scratch(settings["scratch"], isolated), isolated, measures, without).serve()
    if not isolated:  # otherwise the keeper does it
        shutil.rmtree(settings["scratch"], ignore_errors=True)


def load_jobs(paths):
    """The jobs, each warmed up."""
    import importlib

    runs, rehearsals = {}, []
    for name, path in paths.items():
        stem = path.rpartition("/")[2].rpartition(".")[0]
        job = load(PACKAGE + "." + stem, path)
        if hasattr(job, "warm_up"):
            job.warm_up()
        if hasattr(job, "rehearse"):
            rehearsals.append(job.rehearse)
        runs[name] = job.run
    return importlib.import_module(PACKAGE + ".child").Jobs(runs, tuple(rehearsals))


def main():
    drop_own_folder()
    import json
    import os

    settings = json.loads(sys.argv[1])

    def tell(event):
        os.write(settings["events"], (json.dumps(event) + "\n").encode())

    if sys.version_info < MIN_PYTHON:
        tell({"event": "unfit", "reason": "old-python", "detail": sys.version.split()[0]})
        return
    serve(settings, tell)


main()
