"""Carrying out a plan of ``advisor/migration`` on tensors; standard library and torch only."""
