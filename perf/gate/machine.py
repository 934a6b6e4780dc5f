# SPDX-License-Identifier: MIT
"""The few things about this machine that a verdict states where no run record does; unknown is None."""
from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def environment() -> dict[str, Any]:
    """Groups as in a run record's environment block."""
    cpu = _read("/proc/cpuinfo")
    model = re.search(r"^model name\s*: *(.+)$", cpu, re.M)
    load = _read("/proc/loadavg").split()
    vm = "hypervisor" in cpu.split()
    return {"cpu": {"model": model[1] if model else None},
            "topology": {"available_cpus": sorted(os.sched_getaffinity(0))},
            "system": {"kernel": platform.release(),
                       "hypervisor": (_read("/sys/class/dmi/id/sys_vendor").strip() or "yes") if vm else None},
            "load": {"start": float(load[0]) if load else None}, "caveats": [], "details": {}}
