"""Hardware-efficiency advice for PyTorch models. ``import advisor`` loads neither torch nor scikit-learn (PEP 562)."""
