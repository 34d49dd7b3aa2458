"""Ground truth for Arm Ethos-U: graph → int8 TFLite → Arm's compiler → rows by op. Needs the extra ``[vela]``."""

from .backend import VELA, VelaBackend

__all__ = ["VELA", "VelaBackend"]
