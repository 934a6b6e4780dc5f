# SPDX-License-Identifier: MIT
"""All figures of a record, in the order of the page."""
from __future__ import annotations

from typing import Iterator

from matplotlib import font_manager

from . import events, false_sharing
from .canvas import Drawing, configure
from .multiples import KINDS, family_limits, lines
from .record import Record
from .special import core_to_core, tail


def draw(record: Record, family: str) -> Iterator[Drawing]:
    """The figures of one family that have data, workload by workload, in the order of KINDS; '': the machine's."""
    configure()
    if not family:
        yield from filter(None, [core_to_core(record)])
        return
    keys = [key for key in record.panels if key.family == family]
    limits = family_limits(record, keys)
    counted, _ = events.with_numbers(record, family)
    for workload in dict.fromkeys(key.workload for key in keys):
        panels = {key: record.panels[key] for key in keys if key.workload == workload}
        for kind in KINDS:
            yield from filter(None, [lines(record, kind, panels, limits)])
            if kind.name == "throughput":
                yield from filter(None, (events.strips(record, event, panels) for event in counted))
            if kind.name == "latency_p99":
                yield from filter(None, [tail(record, panels)])
        yield from false_sharing.draw(record, panels)


def warm_up() -> None:
    """Has matplotlib find its fonts before processes are forked, so that it is done once."""
    configure()
    font_manager.findfont(font_manager.FontProperties(family=["sans-serif"]))
