"""Holding user code: namespaces, file and network rules, limits, and the watch over a running child."""
