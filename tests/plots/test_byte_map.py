# SPDX-License-Identifier: MIT
"""Byte maps of falsely shared lines: which line, its bytes, fields and source lines, legible however many there are."""
import re

import by_hand
import pytest
from by_hand import line, predicted_cell, with_simulation
from plots import byte_map, load, record
from test_page import build


@pytest.fixture(scope="module")
def also(foretold):
    return (foretold / "report.html").read_text()


def test_the_worst_line_of_each_primitive_at_its_largest_thread_count():
    cells = [predicted_cell("a", 2, 1, lines=[line(9.0, label="few threads")]),
             predicted_cell("a", 8, 1, {"k": 1}, lines=[line(0.2, label="little"), line(0.0)]),
             predicted_cell("a", 8, 1, {"k": 2}, lines=[line(0.5, label="most")]),
             predicted_cell("a", 64, 1, lines=[line(0.004, label="too little")]),
             predicted_cell("b", 8, 1, lines=[line(0.7, label="other")]), predicted_cell("c", 8, 1)]
    view = load.parse(by_hand.document(cells)).simulated
    assert [(s.cell.primitive, s.cell.threads, s.line.label) for s in byte_map.worst(view, "f", "w")] == [
        ("b", 8, "other"), ("a", 8, "most")]


def test_a_byte_map_shows_bytes_fields_and_source(also):
    figure = re.search(r'<figure class="map" id="([^"]*)">.*?</figure>', also, re.S)
    assert figure[1] == "counter-increment-byte_map-unpadded-unpadded"
    text = figure[0]
    assert "<code>counter::unpadded</code>: counts_[0 … 7]" in text and "<b>0.10</b> false and 0 true sharing" in text
    assert all(f">counts_[{k}]</text>" in text and f">thread {k}</text>" in text for k in range(8))
    assert text.count(">W</text>") == text.count(">r</text>") == 8  # letters beside the colours
    assert "56 more threads touched the line." in text
    assert "<code>primitives/counter/unpadded.hpp:27</code>" in text and ">rmw<" in text
    words = re.search(r"<desc[^>]*>([^<]*)", text)[1]
    assert "thread 3 writes 24–31 and reads 24–31" in words and "counts_[3] at 24–31" in words


def test_bytes_are_drawn_where_they_lie():
    touched = [{"thread": 0, "read": [], "wrote": [[0, 8]]}, {"thread": 2, "read": [[32, 64]], "wrote": []}]
    document = with_simulation(by_hand.document([predicted_cell("a", 2, 1, lines=[line(touched=touched)])]))
    text = re.search(r'<figure class="map".*?</figure>', build(document), re.S)[0]
    boxes = [[tuple(map(float, p)) for p in re.findall(r"[ML]?(-?[\d.]+) (-?[\d.]+)", part)]
             for d in re.findall(r'<path d="(M[^"]*z)', text) for part in d.split("z") if part]
    spans = sorted((min(x for x, _ in b), max(x for x, _ in b), min(y for _, y in b)) for b in boxes if len(b) >= 4)
    left = byte_map.EDGE + byte_map.NAMES
    assert [(round(a - left), round(b - left)) for a, b, _ in spans] == [(0, 72), (288, 576)]
    assert spans[1][2] - spans[0][2] == pytest.approx(1.5 * byte_map.ROW, abs=0.2)  # next row, lower half
    assert ">thread 0</text>" in text and ">starter</text>" in text  # number 2 of two threads: whoever starts them


@pytest.mark.parametrize("size", [64, 128])
def test_lines_of_both_sizes_have_their_bytes(size):
    one = line(touched=[{"thread": 0, "read": [[0, size]], "wrote": []}])
    one["size"] = size
    text = build(with_simulation(by_hand.document([predicted_cell("a", 2, 1, lines=[one])])))
    figure = re.search(r'<figure class="map".*?</figure>', text, re.S)[0]
    assert f">{size}</text>" in figure and f">{size - 8}</text>" in figure


@pytest.mark.parametrize("names", [
    [], [(0, 60)], [(0, 25), (72, 30)], [(0, 90), (30, 90), (60, 90)], [(540, 90), (558, 90), (567, 90)],
    [(36.0 * i, 120.0) for i in range(16)], [(72.0 * i, 130.0) for i in range(8)],
    [(0, 40), (400, 150), (450, 150), (460, 20), (570, 150)], [(9.0 * i, 20.0 + 13 * (i % 7)) for i in range(64)]])
def test_names_of_fields_do_not_overlap_and_no_stroke_crosses_them(names):
    labels = byte_map.arrange(names)
    assert len(labels) == len(names) and all(label.lane >= 0 for label in labels)
    for i, (label, (x, width)) in enumerate(zip(labels, names)):
        assert label.left in (pytest.approx(x), pytest.approx(x - width)) and label.left + width <= byte_map.BYTES
        for j, (other, (stroke, wide)) in enumerate(zip(labels, names)):
            if i != j and label.left < other.left + wide and other.left < label.left + width:
                assert label.lane != other.lane, (i, j)
            if i != j and label.left < stroke < label.left + width:
                assert other.lane < label.lane, (i, j)


def test_names_stand_as_low_as_they_can():
    assert byte_map.arrange([(0, 25), (72, 30)]) == [(0, 0), (72, 0)]
    assert byte_map.arrange([(0, 90), (72, 30)]) == [(0, 1), (72, 0)]
    assert byte_map.arrange([(0, 25), (540, 90)]) == [(0, 0), (450, 0)]  # no room on the right: to the left


def test_long_names_keep_their_last_members():
    assert byte_map.last_parts("shared_->lock.serving_") == "shared_->lock.serving_"
    assert byte_map.last_parts("map_.lock_.underneath_.readers_.sleepers_") == "…underneath_.readers_.sleepers_"
    assert len(byte_map.last_parts("x" * 80)) == byte_map.LONGEST


def test_bytes_of_an_array_have_one_name():
    def fields(*rows):
        return [(record.Field(*row), row[1], row[1] + row[2]) for row in rows]

    assert byte_map.joined(fields(("m", 0, 4), ("m[0]", 0, 1), ("m[1]", 1, 1), ("m[2]", 2, 1), ("n", 8, 4))) == [
        ("m", 0, 4), ("m[0–2]", 0, 3), ("n", 8, 12)]
    locks = fields(*((f"t[2].locks[{k}].spin", 16 + k, 1) for k in range(48)))
    assert byte_map.joined(locks) == [("t[2].locks[0–47].spin", 16, 64)]
    words = fields(*((f"words[{k}].value", 8 * k, 8) for k in range(8)))
    assert byte_map.joined(words) == [(f.name, a, b) for f, a, b in words]  # eight can be read
    many = fields(*((f"grid[1][{k}]", 8 * k, 8) for k in range(16)))  # a line of 128 bytes
    assert byte_map.joined(many) == [("grid[1][0–15]", 0, 128)]
    apart = fields(("m[0]", 0, 1), ("m[2]", 2, 1), ("k[0]", 8, 8), ("k[1]", 16, 8))
    assert byte_map.joined(apart) == [("m[0]", 0, 1), ("m[2]", 2, 3), ("k[0]", 8, 16), ("k[1]", 16, 24)]


def test_more_than_two_maps_are_folded():
    cells = [predicted_cell(name, 2, 1, lines=[line(0.1 * i)]) for i, name in enumerate("abcd", 1)]
    text = build(with_simulation(by_hand.document(cells)))
    folded = re.search(r'<details class="maps">.*?</details>', text, re.S)[0]
    assert folded.count('<figure class="map"') == 2 and text.count('<figure class="map"') == 4
    assert "<summary>2 more: b 0.20, a 0.10</summary>" in folded


def test_a_line_that_is_one_of_many_says_so():
    cells = [predicted_cell("a", 8, 1, lines=[line(0.03)], false_sharing_per_op=2.0),
             predicted_cell("b", 8, 1, lines=[line(0.5)], false_sharing_per_op=0.51)]
    first, second = byte_map.worst(load.parse(by_hand.document(cells)).simulated, "f", "w")
    assert (first.of_cell, second.of_cell) == (None, 2.0)
    text = build(with_simulation(by_hand.document(cells)))
    assert text.count("the cell's other lines make it") == 1 and "make it 2.00 false" in text.replace("\u00a0", " ")


def test_of_many_places_the_first_are_told():
    one = line(0.5)
    one["sites"] = [{"source": f"x.hpp:{k}", "function": "f", "kind": "load", "true_sharing_per_op": 0.0,
                     "false_sharing_per_op": 0.1 / 10**k} for k in range(8)]
    one["sites_not_shown"] = 3
    text = build(with_simulation(by_hand.document([predicted_cell("a", 2, 1, lines=[one])])))
    assert "x.hpp:5" in text and "x.hpp:6" not in text and "5 more places missed on it" in text
    places = re.search(r'<table class="sites">.*?</table>', text, re.S)[0]
    assert re.findall(r'<td class="n">([^<]*)</td><td class="n">0<', places) == [
        "0.10", "0.010", "0.0010", "&lt; 0.001", "&lt; 0.001", "&lt; 0.001"]
