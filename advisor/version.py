"""The version, alone: the editor's forwarder needs it and has no time for ``importlib.metadata``."""

VERSION = "0.1.0"
