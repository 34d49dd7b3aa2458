"""The request that an audit sends to the worker: what to build in one file, and with which guesses.

This docstring is the contract between discovery (which writes it) and ``advisor/worker/job.py`` (which reads it).
Every value is JSON. Expressions are Python source, evaluated in the worker in the namespace of the imported file;
only those marked ``literal`` may be read with :func:`ast.literal_eval` and nothing else (directives and
configuration are always literal)::

    {
      "job": "audit",
      "file": "/abs/path/net.py",
      "root": "/abs/path",               # project root: sys.path entry for imports as a package
      "seconds": 20.0,                   # wall clock for the whole file, all attempts together
      "memory_bytes": 4294967296,
      "candidates": [CANDIDATE, ...],    # best first: told by the user, zero-argument factories, roots, the rest
      "hints": [INPUTS, ...]             # inputs seen in the file that belong to no one candidate, best first
    }

    CANDIDATE = {
      "name": "mobilenet_v2",            # a class, function or variable at module level; "Net.from_name" for classmethod
      "kind": "class" | "factory" | "instance" | "classmethod",
      "line": 12, "end_line": 40,
      "root": true,                      # nothing else in the file builds it
      "class": "MobileNetV2" | null,     # the class of this file it is or builds, where known
      "required": ["num_classes"],       # constructor parameters without default, as written
      "attempts": [ATTEMPT, ...],        # best first; may be empty (then the worker guesses alone)
      "inputs": [INPUTS, ...]            # best first; may be empty
    }

    ATTEMPT = {
      "source": "directive" | "config" | "default" | "call-site" | "other-file" | "readme" | "classmethod"
              | "config-object" | "subclass",
      "where": "train.py:12",            # relative to the root; shown to the user
      "callee": null | "Net.from_name",  # expression to call instead of the candidate itself
      "args": ["10", "[1, 2]", "*cfg"],  # expressions; a leading "*" spreads
      "kwargs": {"width": "1.0", "**": "cfg"},   # expressions; the key "**" (at most one) spreads a mapping
      "setup": ["from lib.blocks import Block as B", "cfg = make(3)"],
                                         # statements to run first, in a copy of the namespace; often empty
      "literal": true                    # every expression is a literal and there is no setup
    }

An attempt of source ``default`` has every parameter that would fetch weights (``pretrained``, ``weights`` …) set to
false or None in ``kwargs``. An ``instance`` has no attempts: its value *is* the model. ::

    INPUTS = {
      "source": "directive" | "config" | "literal" | "annotation" | "docstring" | "attribute",
      "where": "net.py:80",
      "args": [TENSOR | SCALAR, ...],    # positional arguments of forward
      "kwargs": {"mask": TENSOR | SCALAR, ...}
    }
    TENSOR = {"shape": [1, 3, 224, 224], "dtype": "float32"}      # dtype: torch's name without prefix
    SCALAR = {"value": 3}                                         # any JSON value, passed as it is
"""

from __future__ import annotations
