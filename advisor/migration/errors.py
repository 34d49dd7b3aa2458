"""What ends a migration of a file."""

from __future__ import annotations


class MigrateError(ValueError):
    """A checkpoint that cannot be migrated; the message says why and what to do. Nothing was written."""


class SourceError(MigrateError):
    """A model that cannot be read."""
