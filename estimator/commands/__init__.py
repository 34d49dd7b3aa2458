"""Subcommands of the ``advisor`` program that need the estimator; each is an entry of ``advisor.commands``."""
