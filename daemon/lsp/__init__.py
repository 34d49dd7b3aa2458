"""The language server: one session a client, every feature a module of its own."""
