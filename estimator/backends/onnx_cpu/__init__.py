"""ONNX Runtime as ground truth: graphs written as ONNX, profiled node by node (extra ``[onnx]``)."""

from .backend import BACKEND

__all__ = ["BACKEND"]
