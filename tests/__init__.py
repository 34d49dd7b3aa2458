"""The test suite. A package so that its helpers import as ``tests.x`` and ``tests/`` itself never lands on ``sys.path``
(where its ``advisor/`` folder would shadow the product)."""
