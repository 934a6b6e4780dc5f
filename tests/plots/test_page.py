# SPDX-License-Identifier: MIT
"""The page's text: every part is there, nothing is fetched, names are escaped, gaps are gaps."""
import base64
import csv
import gzip
import html.parser
import io
import json
import re

import by_hand
import pytest
from plots import load, page, render, style, svg


def build(document):
    """The page of a document, drawn in this process."""
    record = load.parse(document)
    return page.build(record, render.render_all(record, files=False, processes=1))


@pytest.fixture(scope="module")
def text(report):
    return (report / "report.html").read_text()


class Reader(html.parser.HTMLParser):
    """Ids, links and nesting of a page; `faults` are tags that close what is not open."""

    VOID = {"meta", "link", "input", "br", "wbr"}

    def __init__(self, text):
        super().__init__()
        self.ids, self.targets, self.links, self.open, self.faults, self.tags = [], [], [], [], [], []
        self.feed(text)

    def handle_startendtag(self, tag, attributes):
        self.note(tag, dict(attributes))

    def handle_starttag(self, tag, attributes):
        self.note(tag, dict(attributes))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))

    def note(self, tag, attributes):
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        href = attributes.get("href") or attributes.get("xlink:href") or ""
        (self.targets if href.startswith("#") else self.links).append(href)


@pytest.fixture(scope="module")
def parsed(text):
    return Reader(text)


def test_every_section_in_its_order(text):
    order = ["verdict", "claims", "lock", "rwlock", "atomic", "counter", "queue", "rcu", "apparatus", "cells",
             "machine", "caveats", "glossary"]
    places = [text.index(f'<section id="{name}"') for name in order]
    assert places == sorted(places)


def test_it_is_well_formed_and_ids_are_unique(parsed):
    assert parsed.faults == [] and parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))


def test_every_inner_link_has_its_target(parsed):
    missing = {target for target in parsed.targets if target[1:] not in set(parsed.ids)}
    assert missing == set()


def test_nothing_is_fetched(text, parsed):
    assert {link.split(",")[0].split(";")[0] for link in parsed.links if link} == {"data:", "data:image/png",
                                                                                   "data:application/gzip"}
    assert not any(tag in ("img", "iframe", "object") for tag, _ in parsed.tags)
    assert not any("src" in attributes or "srcset" in attributes for _, attributes in parsed.tags)
    assert not re.findall(r"""(?:https?:)?//[\w.-]+\.\w+""", re.sub(r"base64,[\w+/=]+", "", text))
    assert "@import" not in text and not re.search(r"url\((?!#)", text)


def test_sizes(text, report):
    cells = len(load.load(report).cells)
    assert len(text.encode()) < 3e6 / 500 * cells + 500_000
    assert len((page.HERE / "report.js").read_bytes()) < 25_000


def test_a_panel_for_every_question_with_words_for_those_who_do_not_see_it(text, report):
    record = load.load(report)
    for key in record.panels:
        assert f'id="{style.slug(key.family, key.workload, "throughput")}' in text
    pictures = re.findall(r'<svg role="img"[^>]*aria-labelledby="(\S+) (\S+)"><title id="(\S+)">([^<]+)</title>'
                          r'<desc id="(\S+)">([^<]+)</desc>', text)
    assert len(pictures) == text.count('<svg role="img"') > 40
    assert all(a == c and b == e and len(title) > 10 and len(words) > 30 for a, b, c, title, e, words in pictures)


def test_colours_of_the_plots_follow_the_page(text):
    body = text[text.index("<body"):]
    assert not re.search(r'(?:fill|stroke)="?#(?:000000|ffffff|1b1b1c)', body)
    for neutral in (*svg.PAINT, "#ffffff"):
        rules = re.findall(r"\.[A-Z]\d+\{[^}]*" + neutral.lower() + r"[^}]*\}", text)
        assert neutral == "#ffffff" or not rules, neutral  # white stands on dark squares of the heatmap only


def test_the_same_look_in_every_plot_of_a_family(report):
    record = load.load(report)
    for family in record.families:
        looks = style.looks(record, family)
        assert len({(look.color, look.marker) for look in looks.values()}) == len(looks)


def test_many_primitives_still_differ():
    cells = [by_hand.cell(f"p{i}", 1, 1) for i in range(72)]
    assert len({(x.color, x.marker) for x in style.looks(by_hand.record(cells), "f").values()}) == 72


def test_hostile_names_are_text(document):
    evil = """<script>alert("1")</script>&'$x^2$ ]]> </style>"""
    old = document["cells"][4]["primitive"]
    for cell in document["cells"]:
        if cell["primitive"] == old:
            cell["primitive"] = evil
            cell["params"] = {evil: evil}
            cell["details"] = {"skipped": evil}
    for entry in document["catalogue"]:
        entry["facts"]["summary"] = evil
        if entry["primitive"] == old:
            entry["primitive"] = evil
    for workload in document["workloads"]:
        workload["question"] = evil
    document["claims"][0]["statement"] = evil
    document["run"]["commit"] = document["environment"]["cpu"]["model"] = evil
    document["environment"]["system"][evil] = evil
    text = build(document)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert text.count("</style>") == 1 and text.count("<script>") == 1
    reader = Reader(text)
    assert reader.faults == [] and len(reader.ids) == len(set(reader.ids))


def test_names_that_differ_only_in_signs_keep_their_own_permalinks():
    cells = [by_hand.cell("a", n, 5, {"k": value}) for n in (1, 2) for value in ("x+", "x-", "x/")]
    ids = re.findall(r'<figure class="panel throughput" id="([^"]+)"', build(by_hand.document(cells)))
    assert len(ids) == len(set(ids)) == 3


def test_a_cell_without_a_number_is_a_gap_and_never_zero():
    cells = [by_hand.cell("a", 1, 5e6), by_hand.cell("a", 2, None, caveats=["timeout"]), by_hand.cell("a", 4, 7e6),
             by_hand.cell("b", 1, None, caveats=["crashed"])]
    document = by_hand.document(cells)
    text = build(document)
    table = text[text.index('id="table"'):]
    rows = re.findall(r"<tr><td>f</td>.*?</tr>", table[: table.index("</table>")], re.S)
    assert len(rows) == 4
    assert ">timeout</a>" in rows[1] and "data-v" not in rows[1] and ">–</td>" in rows[1]
    panel = text[text.index('<figure class="panel throughput"'):]
    line = re.search(r'<g class="line s0">(.*?)</g></g>', panel, re.S)[1]
    assert line.count("<use") == 2  # two points; the third is missing, not at zero
    assert not re.search(r'd="M[^"]*L', line)  # and no line leads across the gap
    assert "line s1" not in panel  # b has no number at all


def test_a_family_without_any_number_has_no_figures_but_its_cells():
    text = build(by_hand.document([by_hand.cell("a", 1, None, caveats=["crashed"])]))
    assert '<figure class="panel' not in text and ">crashed</a>" in text


def test_a_partial_run_says_so_first(document):
    document["run"].update(complete=False)
    text = build(document)
    assert 'id="partial"' in text[: text.index('id="verdict"')] and "interrupted" in text
    document["cells"] = []
    document["run"].update(finished=None)
    assert "No cell was finished" in build(document)


def test_a_complete_run_does_not(text):
    assert 'id="partial"' not in text


def test_claims_show_verdict_ratio_and_interval(text):
    rows = re.findall(r'<tr id="claim-([\w-]+)">(.*?)</tr>', text, re.S)
    assert [name for name, _ in rows][:2] == ["padding_pays", "padding_128_over_64"]
    assert "✓ confirmed" in rows[0][1] and re.search(r"[\d.]+× <span class=\"ci\">\[[\d.]+× … [\d.]+×\]", rows[0][1])
    assert any("– not measured" in row for _, row in rows)


def test_caveats_come_with_advice_and_examples(text):
    part = text[text.index('<section id="caveats"'):]
    assert re.search(r'id="caveat-skipped">.*?<dd>Not run on purpose', part, re.S)
    assert "critical_section/mcs_lock/inside_ns:0/outside_ns:100/threads:8: mcs_lock hands over" in part


def test_glossary_says_what_each_workload_contends_on(text, small):
    part = text[text.index('<section id="glossary"'):]
    for workload in small["workloads"]:
        assert workload["contends_on"].replace("'", "&#39;") in part


def href(text, name):
    return base64.b64decode(re.search(rf'id="{name}"[^>]*href="data:[^"]*;base64,([^"]+)"', text)[1])


def test_the_downloads_are_the_record(text, small):
    assert json.loads(gzip.decompress(href(text, "json"))) == small
    table = list(csv.DictReader(io.StringIO(gzip.decompress(href(text, "csv")).decode())))
    assert len(table) == len(small["cells"])
    for row, cell in zip(table, small["cells"]):
        value = cell["metrics"]["throughput"]["value"]
        assert row["throughput [1/s]"] == ("" if value is None else f"{value:.6g}")
        assert (row["primitive"], int(row["threads"])) == (cell["primitive"], cell["threads"])


def test_panels_that_would_lie_flat_have_a_shorter_axis_and_say_so():
    cells = [by_hand.cell("a", n, value, {"k": k}) for n in (1, 2) for k, value in ((1, 1e9), (2, 5e8), (3, 1e7))]
    text = build(by_hand.document(cells))
    notes = re.findall(r"<figcaption>(k \d)(?: <small[^>]*>([^<]*))?", text)
    assert ("k 3", "y axis 1/100") in notes and ("k 1", "") in notes and ("k 2", "") in notes


def test_metrics_without_any_number_have_no_columns_in_the_csv(document):
    for cell in document["cells"]:
        cell["metrics"]["nowhere_per_op"] = {"value": None, "unit": "1", "ci_low": None, "ci_high": None}
    assert "nowhere" not in page.to_csv(load.parse(document))


@pytest.mark.parametrize("value, expected", [
    (41_200_000, "41.2 M"), (0, "0"), (999_600, "1.00 M"), (1234, "1.23 k"), (12.34, "12.3"), (0.5, "0.50"),
    (None, "–"), (5e9, "5.00 G")])
def test_numbers_with_prefixes(value, expected):
    assert style.si(value) == expected


@pytest.mark.parametrize("value, expected", [
    (38300, "38.3 µs"), (3.07, "3.07 ns"), (0.31, "0.31 ns"), (999.7, "1.00 µs"), (2e9, "2.00 s"), (None, "–")])
def test_durations(value, expected):
    assert style.duration(value) == expected


def test_words():
    assert style.param_words("inside_ns", 100) == "inside 100 ns"
    assert style.param_words("read_percent", 99.9) == "read 99.9 %"
    assert style.param_words("placement", "own_line") == "placement own line"
    assert page.plain([0, 1, 2, 5]) == "0–2, 5"
    assert page.plain(None) == "unknown" and page.plain(False) == "no"
