"""The CPU of this machine as ground truth: graphs as torch programs, timed op by op. torch is loaded when measuring."""

from .backend import BACKEND

__all__ = ["BACKEND"]
