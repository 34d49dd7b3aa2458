"""What makes two plain graphs the same network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest(plain: Mapping[str, Any]) -> str:
    """Names what the network of a plain graph computes: equal for those that differ in source places, and facts, only.
    Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is no plain graph."""
    kept = {
        "tensors": plain["tensors"],
        "modules": [module[:2] for module in plain["modules"]],
        "ops": [op[:9] for op in plain["ops"]],
        "ends": [plain["inputs"], plain["outputs"]],
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=list, ensure_ascii=True).encode()).hexdigest()
