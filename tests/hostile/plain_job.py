"""A job for tests: run a file and build its models, with nothing between the code and the containment."""

import runpy

from torch import nn


def run(request, emit):
    """Events: ``start``, one ``built`` for each model, ``value`` for the variable that the request asks for."""
    emit({"event": "start"})
    if "file" not in request:
        return
    try:
        names = runpy.run_path(request["file"])
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        emit({"event": "raised", "kind": type(error).__name__})
        return
    if "value" in request:
        emit({"event": "value", "value": names[request["value"]]})
    for name, value in names.items():
        if isinstance(value, type) and issubclass(value, nn.Module):
            try:
                value()
            except (Exception, SystemExit) as error:
                emit({"event": "raised", "kind": type(error).__name__})
            else:
                emit({"event": "built", "name": name})
