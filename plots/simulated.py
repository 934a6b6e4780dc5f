# SPDX-License-Identifier: MIT
"""The coherence lens beside what was measured: predicted throughput on the same axes, and strips of what lines did."""
from __future__ import annotations

from typing import Iterator

from . import events
from .canvas import Drawing
from .events import Shown
from .multiples import THROUGHPUT, Kind, Limits, family_limits, lines, series_of
from .record import PanelKey, Record

KIND = "simulated"
STRIP = 1.17  # inches of a strip's cell: two of them are as tall as a panel
ALWAYS = "line_transfers_per_op"  # has its strip at all times, as every other number here explains this one

STRIPS = (
    Shown(ALWAYS, "line transfers per operation", "line transfers"),
    Shown("false_sharing_per_op", "false sharing per operation", "false sharing"),
    Shown("true_sharing_per_op", "true sharing per operation", "true sharing"),
    Shown("upgrades_per_op", "upgrades per operation", "upgrades"),
    Shown("failed_cas_per_op", "failed compare-and-swaps per operation", "failed CAS", 0.01),
    Shown("spins_per_op", "spins per operation", "spins", 0.1),
    Shown("parks_per_op", "parks per operation", "parks", 1e-4),
)


def kind(machine: str) -> Kind:
    """Predicted throughput, otherwise as the measured one is drawn."""
    return THROUGHPUT._replace(name=KIND, title=f"Throughput, simulated on {machine}", machine=machine)


def with_numbers(view: Record, family: str) -> tuple[list[Shown], list[Shown]]:
    """What has strips in a family of the simulated record, and what was counted and is 0 in all of its cells."""
    shown, zero = [], []
    cells = [cell for cell in view.timed if cell.family == family]
    for event in STRIPS:
        values = [v for v in (cell.value(event.metric) for cell in cells) if v is not None]
        if values:
            (shown if max(values) > 0 else zero).append(event)
    return shown, zero


def paired(record: Record, family: str, workload: str) -> list[tuple[PanelKey | None, PanelKey | None]]:
    """The panels of a workload as (measured, simulated), None where one of the two has no cells."""
    measured = [key for key in record.panels if key[:2] == (family, workload)]
    view = record.simulated
    predicted = [key for key in view.panels if key[:2] == (family, workload)] if view else []
    found: list[tuple[PanelKey | None, PanelKey | None]] = []
    for key in measured:
        twin = view.counterpart(key) if view else None
        found.append((key, twin))
    taken = {twin for _, twin in found}
    return found + [(None, key) for key in predicted if key not in taken]


class Axes:
    """The throughput axes of one family, of what was measured and of what is simulated: the same for both of a pair.

    Linear: the measured panel's axis, up to STRETCH times as long where that is needed to hold most of what is predicted
    for the same thread counts; lines that go on to 64 threads may leave it. Log: it holds both.
    """

    def __init__(self, record: Record, family: str):
        self.record, self.view = record, record.simulated
        keys = [key for key in record.panels if key.family == family]
        self.measured = family_limits(record, keys, {key: _together(record, key) for key in keys} if self.view else {})
        self.predicted = None
        if self.view is None:
            return
        keys = [key for key in self.view.panels if key.family == family]
        own = family_limits(self.view, keys)
        tops = dict(own.tops)
        for key in keys:
            twin = record.counterpart(key)
            if twin in self.measured.tops:
                tops[key] = self.measured.tops[twin]
            elif twin is not None:  # one thread count: rows, on an axis of their own
                tops[key] = max(_numbers(record, [twin]), default=tops.get(key, 1.0))
        longest = max(self.measured.tops.values(), default=0.0)
        self.predicted = own._replace(tops=tops, longest=longest)

    def of(self, workload_keys: list[PanelKey], simulated_keys: list[PanelKey]) -> tuple[Limits, Limits | None]:
        """The limits of a workload's measured and of its simulated panels."""
        if not self.predicted or not simulated_keys:
            return self.measured, self.predicted
        numbers = _numbers(self.record, workload_keys) + _numbers(self.view, simulated_keys)
        known = [limits for limits in (self.measured, self.predicted) if limits.tops]
        numbers += [v for limits in known for v in (limits.low, limits.high) if v > 0]
        span = (min(numbers), max(numbers)) if numbers else None
        return self.measured._replace(span=span), self.predicted._replace(span=span)


def _together(record: Record, key: PanelKey) -> float:
    """Up to where three of four lines of its simulated panel go at a measured panel's own thread counts; 0 without."""
    twin = record.simulated.counterpart(key)
    counts = {cell.threads for cell in record.panels[key]}
    series = series_of(record.simulated, THROUGHPUT, record.simulated.panels[twin]) if twin else []
    highest = sorted(max((p.value for p in s.values if p.value and p.threads in counts), default=0.0)
                     for s in series if not s.ceiling)
    return highest[(3 * len(highest) + 3) // 4 - 1] if highest else 0.0


def _numbers(source: Record, keys: list[PanelKey]) -> list[float]:
    """All throughputs above zero of some panels, with their intervals."""
    return [v for key in keys for s in series_of(source, THROUGHPUT, source.panels[key]) for point in s.values
            for v in (point.low, point.high) if v]


def draw(view: Record, workload_keys: list[PanelKey], limits: Limits, shown: list[Shown]) -> Iterator[Drawing]:
    """The figures of one workload: throughput, and a strip per kind of event in `shown`."""
    panels = {key: view.panels[key] for key in workload_keys}
    machine = view.simulation.name if view.simulation else "an unnamed machine"
    yield from filter(None, [lines(view, kind(machine), panels, limits)])
    yield from filter(None, (events.strips(view, event, panels, machine, STRIP) for event in shown))
