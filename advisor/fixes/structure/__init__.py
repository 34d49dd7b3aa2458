"""Fixes that change the structure: the calls that build layers, and what is passed to them."""
