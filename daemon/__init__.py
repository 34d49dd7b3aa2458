"""The background daemon: one a user, serving editors over LSP and scripts over a local socket."""
