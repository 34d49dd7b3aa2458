"""Many edits, and no wrong word: see :mod:`tests.soak.edits`."""
