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


def _governor() -> str | None:
    """Distinct ones of all processors, as a run record joins them."""
    paths = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    return " + ".join(sorted({word for path in paths if (word := _read(str(path)).strip())})) or None


def environment() -> dict[str, Any]:
    """Groups as in a run record's environment block. Where they can be known from here, the values are equal to its own;
    `hypervisor` is the vendor of the machine instead of the hypervisor, which only a program can ask for."""
    cpu = _read("/proc/cpuinfo")
    models = dict.fromkeys(re.findall(r"^model name\s*: *(.+)$", cpu, re.M))
    load = _read("/proc/loadavg").split()
    vm = "hypervisor" in cpu.split()
    return {"cpu": {"model": " + ".join(models) or None, "governor": _governor()},
            "topology": {"available_cpus": sorted(os.sched_getaffinity(0))},
            "system": {"kernel": platform.release(),
                       "hypervisor": (_read("/sys/class/dmi/id/sys_vendor").strip() or "yes") if vm else None},
            "load": {"start": float(load[0]) if load else None}, "caveats": [], "details": {}}
