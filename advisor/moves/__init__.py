"""Moves: the one vocabulary of architectural edits. One file each; every move is a frozen dataclass of plain data
with ``apply(graph) -> Graph``, which raises :class:`MoveError` where it cannot be applied."""
