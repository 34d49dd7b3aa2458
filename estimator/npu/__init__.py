"""A tile-level simulation of a MAC-array accelerator, from its specification alone.

The model, from the inside out:

- ``loops``: a kernel is loop nests for the MAC array and a stream of elements through the output port. The array and
  the port are the target's engines and throughput: their rates and multiples are those of the roofline.
- ``tiles``: each nest is cut into output tiles under the limits of the array's buffers. A small set of tile sizes and
  the two loop orders (weights outside or inputs outside) is tried; an operand that a buffer cannot keep is fetched
  again. Tiles are double-buffered: fill, then per tile the longest of array, port and each memory, then drain.
- ``placement``: activations live in the fastest memory while they fit beside what else is alive, else in the next.
- ``stripes``: kernels in a row whose results would not fit pass them on in stripes of rows, where that is quicker.
- ``schedule``: the kernels in order. The weights of the next are fetched while one runs, as far as it leaves
  bandwidth and memory.

Cycles are those of the target's clock. What it leaves out: contention among banks, the order in which a memory
controller serves requests, and whatever a driver does between kernels beyond a fixed cost.
"""

from .schedule import Simulation, Step, simulate

VERSION = "1"
"""Raised when the same specification gives other numbers."""

__all__ = ["VERSION", "Simulation", "Step", "simulate"]
