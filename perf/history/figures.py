# SPDX-License-Identifier: MIT
"""What of a simulated machine's description decides its numbers."""
from __future__ import annotations

from typing import Any


def bare(value: Any) -> Any:
    """A description without what is no figure: where its figures are from, and when."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k not in ("source", "about", "calibration")}
    return value
