# SPDX-License-Identifier: MIT
"""How things look and read: one colour and marker per primitive, numbers with SI prefixes, parameters in words."""
from __future__ import annotations

import re
from typing import Any, Iterable, NamedTuple

from .record import PanelKey, Record

# Okabe and Ito's eight colours, told apart by all common kinds of colour vision; black follows the text in dark mode.
BLACK, YELLOW = "#010101", "#F0E442"  # not quite black: an SVG does not mention what is
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", BLACK, YELLOW)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")  # 9 beside 8 colours: 72 primitives before a pair repeats
PEER_MARKERS = ("*", "p", "h", "d", "8")  # drawn hollow; 5 beside 8 colours: 40 peers before a pair repeats
DASHED, PEER_LINE = (0, (4, 2)), (0, (5, 1.4, 1, 1.4))
# Colours of what is not data. They are found again in the SVG and replaced by the page's variables (svg.PAINT).
INK, FAINT, GRID, SHADE, PAPER, HATCH = "#1b1b1c", "#6a6a6b", "#dcdcdd", "#f3ecdf", "#fefefd", "#d3e0ec"


class Look(NamedTuple):
    """Colour, marker and line of one primitive, the same in every plot of its family; `index` names its CSS class.

    `label`: its name, with whose it is for a peer.
    """

    index: int
    color: str
    marker: str
    dashed: bool
    peer: bool = False
    label: str = ""

    @property
    def line(self) -> Any:
        """matplotlib's line style: solid, dashed for a baseline, dash and dot for a peer."""
        return PEER_LINE if self.peer else DASHED if self.dashed else "-"


def looks(record: Record, family: str) -> dict[str, Look]:
    """Primitive name -> look, by catalogue order; peers are counted apart, so that none of them changes our colours."""
    found = {}
    ours, peers = 0, 0
    for i, p in enumerate(record.members(family)):
        markers, k = (PEER_MARKERS, peers) if p.origin else (MARKERS, ours)
        found[p.name] = Look(i, OKABE_ITO[k % len(OKABE_ITO)], markers[k % len(markers)], p.baseline, bool(p.origin),
                             p.label)
        ours, peers = ours + (not p.origin), peers + bool(p.origin)
    return found


def si(value: float | None, digits: int = 3) -> str:
    """A number with an SI prefix and `digits` significant digits: 41200000 -> '41.2 M'; None -> an en dash."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    steps = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))
    for factor, prefix in steps:
        if abs(value) >= factor * (1 - 0.5 * 10.0**-digits):
            return _digits(value / factor, digits) + prefix
    return _digits(value, min(digits, 2))


def _digits(value: float, digits: int) -> str:
    """Fixed-point text of `digits` significant digits, at least all those before the point, at most six after it."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])  # of the rounded number: 0.9996 is 1.00
    return f"{value:.{min(6, max(0, digits - 1 - exponent))}f}"


def duration(ns: float | None) -> str:
    """Nanoseconds in the unit that reads best: 38300 -> '38.3 µs'."""
    if ns is None:
        return "–"
    for factor, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if abs(ns) >= factor * 0.9995:
            return f"{_digits(ns / factor, 3)} {unit}"
    return f"{_digits(ns, 3) if abs(ns) >= 1 else _digits(ns, 2)} ns"


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit, in the form for people."""
    if unit == "ns":
        return duration(value)
    if value is None:
        return "–"
    if unit == "1/s":
        return f"{si(value)}/s" if " " in si(value) else f"{si(value)} /s"
    if unit in ("1", "0-1", ""):
        return f"{value:.3f}" if abs(value) < 10 else si(value)
    return f"{si(value)} {unit}"


def times(ratio: float | None) -> str:
    """A ratio: 7.41 -> '7.41×'."""
    return "–" if ratio is None else f"{_digits(ratio, 3) if ratio < 999.5 else si(ratio)}×"


_UNITS = {"ns": " ns", "us": " µs", "ms": " ms", "percent": " %", "bytes": " B"}


def param_words(name: str, value: Any) -> str:
    """A parameter for people: ('inside_ns', 100) -> 'inside 100 ns'."""
    stem, _, tail = name.rpartition("_")
    number = f"{value:g}" if isinstance(value, float) else str(value)
    if stem and tail in _UNITS:
        return f"{stem.replace('_', ' ')} {number}{_UNITS[tail]}"
    return f"{name.replace('_', ' ')} {number.replace('_', ' ')}"


def panel_words(key: PanelKey, siblings: Iterable[PanelKey]) -> str:
    """What tells this panel from its siblings (panels of the same workload); '' if it is the only one."""
    siblings = list(siblings)
    words = [param_words(name, value) for name, value in key.params
             if any(dict(other.params).get(name) != value for other in siblings)]
    if any(other.placement != key.placement for other in siblings):
        words.append(f"placement {key.placement}")
    return ", ".join(words)


def constant_words(keys: Iterable[PanelKey]) -> str:
    """The parameters that all panels of a workload share."""
    keys = list(keys)
    return ", ".join(param_words(name, value) for name, value in keys[0].params
                     if all(dict(other.params).get(name) == value for other in keys))


def slug(*parts: Any) -> str:
    """An identifier for ids and file names: lower-case letters, digits, '_' and '-'."""
    text = "-".join(str(part) for part in parts if str(part))
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-") or "x"
