# SPDX-License-Identifier: MIT
"""All figures of a record, in the order of the page."""
from __future__ import annotations

from typing import Iterator

from matplotlib import font_manager

from . import byte_map, events, false_sharing, simulated
from .canvas import Drawing, configure
from .multiples import KINDS, lines
from .record import Record
from .special import core_to_core, tail


def draw(record: Record, family: str) -> Iterator[Drawing]:
    """The figures of one family that have data, workload by workload, in the order of KINDS; '': the machine's."""
    configure()
    if not family:
        yield from filter(None, [core_to_core(record)])
        return
    view = record.simulated
    axes = simulated.Axes(record, family)
    counted, _ = events.with_numbers(record, family)
    events_of_lines = simulated.with_numbers(view, family)[0] if view else []
    every = [*record.panels, *(view.panels if view else ())]
    for workload in dict.fromkeys(key.workload for key in every if key.family == family):
        panels = {key: cells for key, cells in record.panels.items() if key[:2] == (family, workload)}
        predicted = [key for key in view.panels if key[:2] == (family, workload)] if view else []
        limits, predicted_limits = axes.of(list(panels), predicted)
        for kind in KINDS if panels else ():
            yield from filter(None, [lines(record, kind, panels, limits)])
            if kind.name == "throughput":
                yield from filter(None, (events.strips(record, event, panels) for event in counted))
            if kind.name == "latency_p99":
                yield from filter(None, [tail(record, panels)])
        if panels:
            yield from false_sharing.draw(record, panels)
        if predicted:
            yield from simulated.draw(view, predicted, predicted_limits, events_of_lines)
            yield from false_sharing.draw(view, {key: view.panels[key] for key in predicted})
            yield from byte_map.draw(view, family, workload)


def warm_up() -> None:
    """Has matplotlib find its fonts before processes are forked, so that it is done once."""
    configure()
    font_manager.findfont(font_manager.FontProperties(family=["sans-serif"]))
