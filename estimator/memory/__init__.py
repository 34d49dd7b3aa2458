"""Memory: what is alive when, in which order of execution it is least, and how it packs into one arena."""

from .liveness import Lifetimes, lifetimes, peak, size, sizes

__all__ = ["Lifetimes", "lifetimes", "peak", "size", "sizes"]
