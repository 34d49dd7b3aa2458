"""Raises an exception that cannot be printed."""


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("not even this")

    __repr__ = __str__


raise Unprintable
