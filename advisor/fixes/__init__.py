"""Fixes: edits of the source that were traced again and found to be what the advice promised."""
