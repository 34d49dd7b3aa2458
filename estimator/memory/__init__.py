"""Memory: what is alive when, in which order of execution it is least, how it packs into one arena, and what
parameters weigh."""

from .liveness import Lifetimes, lifetimes, peak, size, sizes
from .peaks import peak_of
from .weights import stored_bytes

__all__ = ["Lifetimes", "lifetimes", "peak", "peak_of", "size", "sizes", "stored_bytes"]
