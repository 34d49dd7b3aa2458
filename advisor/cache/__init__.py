"""Traces kept from one run to the next, and the proof that they still hold."""
