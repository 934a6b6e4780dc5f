# SPDX-License-Identifier: MIT
"""Cuts a drawn figure into one small SVG per panel that takes its neutral colours and its font from the page."""
from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import NamedTuple

from .style import BLACK, FAINT, GRID, HATCH, INK, PAPER, SHADE, YELLOW

# What the page's stylesheet decides. Black and yellow are in it because neither shows on both light and dark paper.
PAINT = {INK: "currentColor", FAINT: "var(--faint)", GRID: "var(--grid)", SHADE: "var(--shade)", PAPER: "var(--paper)",
         HATCH: "var(--hatch)", BLACK: "var(--black)", YELLOW: "var(--yellow)"}
_PAINT = {color.lower(): variable for color, variable in PAINT.items()}
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_DECIMALS = re.compile(r"(\d+\.\d)\d+")
_WHOLE = re.compile(r"(\d)\.0\b")
_PATH_SPACE = re.compile(r" ?([A-Za-z]) ?")
_HREF = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_STROKE = re.compile(r"M-?[\d.]+ -?[\d.]+L-?[\d.]+ -?[\d.]+")
_POINT = re.compile(r"([ML])(-?[\d.]+) (-?[\d.]+)")
# gids of paths that are the same in many pictures and become shapes that are written once: a panel's hatch, in whole
# points, and the lines between the bytes of a byte map.
HATCH_GROUP, BYTES_GROUP = "hatch", "bytes"
_SHARED = {HATCH_GROUP: 0, BYTES_GROUP: 1}  # decimals of their points
_GROUP = re.compile(r"^(band|line|dot)(\d+)$")
TITLE = "panel-title"  # gid of what the page says in words above the picture, and therefore leaves out of it


class Hint(NamedTuple):
    """What to say on pointing at a marker of group `index`: its place (points from the figure's top left), and text.

    Without a place (NaN) it is said on pointing anywhere at the group.
    """

    index: int
    x: float
    y: float
    text: str


@dataclass
class Slice:
    """A part of a figure: the gids of its groups, its box (left, top, width, height in points), words, hints."""

    gids: set[str]
    box: tuple[float, float, float, float]
    title: str
    description: str
    hints: list[Hint] = field(default_factory=list)


_START = re.compile(r"M(-?[\d.]+) (-?[\d.]+)")


class Sheet:
    """What many SVGs have in common, each written once: a third of the bytes of a page of small panels.

    Inline styles become classes; the shapes of markers and ticks become symbols that all SVGs of the page refer to.
    """

    def __init__(self, prefix: str = "A"):
        self.prefix = prefix
        self.classes: dict[str, str] = {}
        self.symbols: dict[str, str] = {}

    def name(self, style: str) -> str:
        """The class that stands for an inline style."""
        return self.classes.setdefault(style, f"{self.prefix}{len(self.classes)}")

    def share(self, group: ET.Element, digits: int) -> None:
        """Replaces a group's path by a reference to the one that is written once, in points from its first."""
        path = next(group.iter("path"))
        points = [(letter, float(x), float(y)) for letter, x, y in _POINT.findall(path.get("d"))]
        _, left, top = points[0]
        d = "".join(f"{letter}{round(x - left, digits):g} {round(y - top, digits):g}" for letter, x, y in points)
        shape = f'<path d="{d}"/>'
        name = self.symbols.setdefault(shape, f"{self.prefix}m{len(self.symbols)}")
        look = path.get("class", "")
        group.clear()
        ET.SubElement(group, "use", {"x": f"{left:.1f}", "y": f"{top:.1f}", "href": f"#{name}", "class": look})

    def symbol(self, shape: ET.Element) -> str | None:
        """The id of a cleaned shape that is drawn around the origin, as markers are; None for one that has its place."""
        start = _START.match(shape.get("d", ""))
        if shape.tag != "path" or not start or max(abs(float(v)) for v in start.groups()) > 8:
            return None
        shape.attrib.pop("id", None)
        return self.symbols.setdefault(ET.tostring(shape, encoding="unicode").replace(" />", "/>"), f"{self.prefix}m{len(self.symbols)}")

    def markup(self) -> str:
        """All symbols, as an SVG that takes no room; '' if there are none."""
        shapes = "".join(text.replace("<path", f'<path id="{name}"', 1) for text, name in self.symbols.items())
        return f'<svg class="symbols" aria-hidden="true"><defs>{shapes}</defs></svg>' if shapes else ""

    def css(self) -> str:
        """All classes, as a stylesheet."""
        return "\n".join(f".{name}{{{style}}}" for style, name in self.classes.items())


class Plate(NamedTuple):
    """A parsed figure: its tree, and its elements by id (also those that cutting takes out of the tree)."""

    root: ET.Element
    known: dict[str, ET.Element]


def parse(text: str) -> Plate:
    """An SVG that matplotlib wrote, without namespaces in its tags."""
    root = ET.fromstring(text)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
    return Plate(root, {e.get("id"): e for e in root.iter() if e.get("id")})


def cut(plate: Plate, piece: Slice, prefix: str, sheet: Sheet) -> str:
    """`piece` of the figure `plate` as markup for inside an HTML page; `prefix` keeps its ids apart from others'.

    Groups named band<i>, line<i>, dot<i> get their kind and `s<i>` as classes. A group that went into one piece must
    not be asked for by another.
    """
    groups = [g for g in plate.root.iter("g") if g.get("id") in piece.gids]
    left, top, width, height = piece.box
    out = ET.Element("svg", {"role": "img", "viewBox": f"{left:.1f} {top:.1f} {width:.1f} {height:.1f}",
                             "aria-labelledby": f"{prefix}-t {prefix}-d"})
    ET.SubElement(out, "title", {"id": f"{prefix}-t"}).text = piece.title
    ET.SubElement(out, "desc", {"id": f"{prefix}-d"}).text = piece.description
    needed: dict[str, str] = {}
    for group in groups:
        _clean(group, prefix, sheet, needed)
    defs = ET.Element("defs")
    shared: dict[str, str] = {}
    for old, new in list(needed.items()):
        if old in plate.known:
            copy = ET.fromstring(ET.tostring(plate.known[old]))
            _clean(copy, prefix, sheet, needed)
            symbol = sheet.symbol(copy)
            if symbol:
                shared[f"#{new}"] = f"#{symbol}"
            else:
                copy.set("id", new)
                defs.append(copy)
    for use in (use for group in groups for use in group.iter("use")):
        use.set("href", shared.get(use.get("href"), use.get("href")))
    if len(defs):
        out.append(defs)
    for group in groups:
        out.extend(_flat(group))
    _join(out)
    _hoist(out)
    _hint(out, piece.hints)
    return ET.tostring(out, encoding="unicode", short_empty_elements=True).replace(" />", "/>")


def restyle(style: str) -> str:
    """An inline style with the page's colours and font instead of matplotlib's."""
    style = re.sub(r"font: (?:\w+ )?(\d+(?:\.\d+)?)px[^;]*", r"font-size: \1px", style)
    style = style.replace("stroke-dashoffset: 0; ", "")
    style = _COLOR.sub(lambda m: _PAINT.get(m[0].lower(), m[0].lower()), style)
    return style.replace(": ", ":").replace("; ", ";")


def _clean(element: ET.Element, prefix: str, sheet: Sheet, needed: dict[str, str]) -> None:
    """Drops titles, inner definitions and ids, shortens numbers, repaints; notes in `needed` what is referred to."""

    def new_id(old: str) -> str:
        return needed.setdefault(old, f"{prefix}-{len(needed)}")

    for child in list(element):
        if child.tag in ("defs", "metadata") or child.get("id") == TITLE:
            element.remove(child)
        else:
            _clean(child, prefix, sheet, needed)
    classes = []
    name = element.attrib.pop("id", "")
    if name in _SHARED:
        sheet.share(element, _SHARED[name])
        return
    match = _GROUP.match(name)
    if match:
        classes += [match[1], f"s{match[2]}"]
    if element.get("href", "").startswith("#"):
        element.set("href", "#" + new_id(element.get("href")[1:]))
    if "clip-path" in element.attrib:
        element.set("clip-path", _REFERENCE.sub(lambda m: f"url(#{new_id(m[1])})", element.get("clip-path")))
    if element.get("style"):
        classes.append(sheet.name(restyle(element.attrib.pop("style"))))
    if classes:
        element.set("class", " ".join(classes))
    for key in ("d", "x", "y", "transform"):
        if key in element.attrib:
            element.set(key, _WHOLE.sub(r"\1", _DECIMALS.sub(r"\1", " ".join(element.get(key).split()))))
    if "d" in element.attrib:
        element.set("d", _PATH_SPACE.sub(r"\1", element.get("d")))
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if element.text and not element.text.strip():
        element.text = None
    element.tail = None


def _flat(element: ET.Element) -> list[ET.Element]:
    """The element with its groups that say nothing replaced by what is in them."""
    children = [part for child in element for part in _flat(child)]
    for child in list(element):
        element.remove(child)
    element.extend(children)
    return children if element.tag == "g" and not element.attrib else [element]


def _join(out: ET.Element) -> None:
    """Makes one path of all lines of a look that belong to no group, such as the grid's: at the place of the first."""
    first: dict[str, ET.Element] = {}
    for part in list(out):
        if part.tag == "path" and set(part.attrib) == {"d", "class"} and _STROKE.fullmatch(part.get("d")):
            kept = first.setdefault(part.get("class"), part)
            if kept is not part:
                kept.set("d", kept.get("d") + part.get("d"))
                out.remove(part)


def _hoist(out: ET.Element) -> None:
    """Gives the class that all markers of a group have to the group."""
    for group in out.iter("g"):
        looks = {part.get("class") for part in group if part.tag == "use"}
        if len(group) > 1 and len(looks) == 1 and None not in looks and all(part.tag == "use" for part in group):
            group.set("class", " ".join(filter(None, [group.get("class"), *looks])))
            for part in group:
                del part.attrib["class"]


def _hint(out: ET.Element, hints: list[Hint]) -> None:
    """Gives the marker of a hint's group that is nearest to it, within a point, a <title>: browsers show it."""
    marks: dict[str, list[ET.Element]] = {}
    groups: dict[str, ET.Element] = {}
    for part in out.iter("g"):
        words = part.get("class", "").split()
        if words[:1] in (["line"], ["dot"]):
            marks.setdefault(words[1], []).extend(part.iter("use"))
            groups.setdefault(words[1], part)
    for hint in hints:
        if math.isnan(hint.x):
            if f"s{hint.index}" in groups:
                title = ET.Element("title")
                title.text = hint.text
                groups[f"s{hint.index}"].insert(0, title)
            continue

        def distance(use: ET.Element) -> float:
            return abs(float(use.get("x")) - hint.x) + abs(float(use.get("y")) - hint.y)

        near = min(marks.get(f"s{hint.index}", []), key=distance, default=None)
        if near is not None and distance(near) < 1 and not len(near):
            ET.SubElement(near, "title").text = hint.text
