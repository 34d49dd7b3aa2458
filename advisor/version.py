"""Name and version, alone: the editor's forwarder needs them and has no time for ``importlib.metadata``."""

NAME = "nas-advisor"
VERSION = "0.1.0"
