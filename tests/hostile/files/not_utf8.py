"""A file that is not UTF-8 and does not say what it is."""

NAME = "café"
