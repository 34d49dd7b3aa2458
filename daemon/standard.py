"""Standard input and output as the streams of a session, whatever kinds of files they are."""

from __future__ import annotations

import asyncio
import os
import threading

_CHUNK = 1 << 16


class Output:
    """Writes at once. Nothing else of this process can write there any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def write(self, data: bytes) -> None:
        if self._descriptor is None:
            raise BrokenPipeError("standard output is closed")
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def streams() -> tuple[asyncio.StreamReader, Output]:
    """A reader of standard input, which a thread of its own reads, and a writer to standard output.

    From now on what is printed goes to standard error: it cannot get between an editor's messages.
    """
    output = Output(os.dup(1))
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()

    def read() -> None:
        try:
            while data := os.read(0, _CHUNK):
                loop.call_soon_threadsafe(reader.feed_data, data)
            loop.call_soon_threadsafe(reader.feed_eof)
        except RuntimeError:
            return  # the loop has ended, and with it whoever would read
        except OSError as e:
            loop.call_soon_threadsafe(reader.set_exception, e)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return reader, output
