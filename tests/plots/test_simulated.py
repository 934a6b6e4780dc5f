# SPDX-License-Identifier: MIT
"""The coherence lens on the page: beside what was measured on the same axes, never taken for it, whole without it."""
import copy
import csv
import gzip
import io
import json
import re

import by_hand
import pytest
import simulated as made_up
from by_hand import cell, claim, entry, predicted_cell, with_simulation
from plots import claims, false_sharing, load, predicted, simulated, verdict
from test_page import Reader, build, href


@pytest.fixture(scope="module")
def also(foretold):
    return (foretold / "report.html").read_text()


@pytest.fixture(scope="module")
def alone(foretold_alone):
    return (foretold_alone / "report.html").read_text()


@pytest.mark.parametrize("page_of", ["also", "alone"])
def test_pages_are_well_formed_offline_and_their_links_lead_somewhere(page_of, request):
    text = request.getfixturevalue(page_of)
    parsed = Reader(text)
    assert parsed.faults == [] and parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {t for t in parsed.targets if t[1:] not in set(parsed.ids)} == set()
    assert not re.findall(r"""(?:https?:)?//[\w.-]+\.\w+""", re.sub(r"base64,[\w+/=]+", "", text))


def test_a_simulated_panel_beside_every_measured_one_with_strips(also, small):
    record = load.parse(made_up.simulated(small))
    pairs = [re.split("<h4|</section", part)[0] for part in also.split('<div class="pair">')[1:]]
    assert len(pairs) == len(record.panels)
    for markup in pairs:
        assert markup.index('class="panel throughput"') < markup.index('class="panel simulated"')
        assert '<span class="tag">simulated on zen4</span>' in markup
        counts = re.findall(r'<div class="count (\w+)"', markup)
        if 'id="apparatus' not in markup:  # which shares nothing
            assert counts[:1] == ["line_transfers_per_op"] and "true_sharing_per_op" in counts
    # None of these locks shares falsely, and no compare-and-swap: no strips of zeros.
    lock = next(m for m in pairs if 'id="lock-critical_section-throughput' in m)
    assert re.findall(r'<div class="count (\w+)"', lock) == [
        "line_transfers_per_op", "true_sharing_per_op", "upgrades_per_op", "spins_per_op", "parks_per_op"]
    assert "Simulated and 0 in every cell of lock: false sharing, failed CAS." in also


def test_every_simulated_picture_says_so_and_is_hatched(also):
    figures = re.findall(r'<figure class="panel simulated".*?</figure>', also, re.S)
    strips = re.findall(r'<div class="count .*?</svg></div>', also, re.S)
    assert len(figures) > 6 and len(strips) >= 30
    shapes = re.search(r'<svg class="symbols".*?</svg>\n', also, re.S)[0]
    hatches = {name for name, d in re.findall(r'<path id="([^"]*)" d="([^"]*)"', shapes) if d.count("M") > 10}
    assert 1 <= len(hatches) <= 4 * len(set(re.findall('<section id="[^"]*" class="family"', also)))
    for markup in figures + strips:
        pictures = re.findall(r"<svg role=.*?</svg>", markup, re.S)
        assert pictures
        for picture in pictures:
            assert "simulated" in re.search(r"<title[^>]*>([^<]*)", picture)[1].lower()
            assert ", simulated</title>" in picture or "simulated" in markup[: markup.index("<svg")]
            assert len(hatches & set(re.findall(r'href="#([^"]*)"', picture))) == 1
    for markup in re.findall(r'<figure class="panel throughput".*?</figure>', also, re.S):
        assert "simulated" not in markup


def test_both_of_a_pair_have_the_same_axis(also):
    def ticks(markup, variant):
        svg = re.search(rf'<div class="v {variant}">(.*?)</div>', markup, re.S)[1]
        found = re.findall(r'<use x="[\d.]+" y="([\d.]+)" href="[^"]*" class="[^"]*" ?/><text[^>]*>([^<]* ?[kMG])</text>', svg)
        top = float(re.search(r'viewBox="[\d.]+ ([\d.]+)', svg)[1])
        return [(round(float(y) - top, 1), text) for y, text in found]

    pairs = re.findall(r'<figure class="panel throughput" id="([^"]*)">(.*?)</figure>\s*'
                       r'<figure class="panel simulated".*?>(.*?)</figure>', also, re.S)
    compared = 0
    for name, measured, predicted_one in pairs:
        for variant in ("linear", "log"):
            one, other = ticks(measured, variant), ticks(predicted_one, variant)
            compared += len(one) > 1
            assert one == other, (name, variant)
    assert compared >= 2 * 6


def test_a_page_with_a_simulation_stays_small(also, small):
    cells = len(made_up.simulated(small)["cells"])
    assert len(also.encode()) < 1_800 * cells + 320_000  # a default run with its counter trials: 4 MB


def test_the_simulated_axis_goes_on_to_more_threads(also):
    figure = re.search(r'<figure class="panel simulated" id="lock-critical_section.*?</figure>', also, re.S)[0]
    assert ">64</text>" in figure
    measured = re.search(r'<figure class="panel throughput" id="lock-critical_section.*?</figure>', also, re.S)[0]
    assert ">64</text>" not in measured and ">8</text>" in measured


def test_lines_that_leave_the_frame_are_named():
    cells = [cell("a", n, 1e6) for n in (1, 2)] + [predicted_cell("a", n, 1e6 * n) for n in (1, 2, 64)] \
        + [predicted_cell("b", n, 1e6) for n in (1, 2, 64)]
    text = build(with_simulation(by_hand.document(cells)))
    assert "Above the frame (see the log axis): a." in text
    assert "not measured on this machine" not in text


def top_of(cells):
    """The linear axis of the measured and of the simulated panel of question k = 1, in operations per second."""
    record = load.parse(by_hand.document(cells))
    axes = simulated.Axes(record, "f")
    one, other = next((a, b) for a, b in simulated.paired(record, "f", "w") if dict(a.params).get("k", 1) == 1)
    return axes.measured.tops[one], axes.predicted.tops[other]


def test_the_axis_holds_most_of_what_is_predicted_for_the_measured_thread_counts():
    measured = [cell(name, n, 1e6) for name in "abcd" for n in (1, 2)]

    def predicted_at(*values):
        return [predicted_cell(name, n, v * (1 if n < 64 else 9)) for name, v in zip("abcd", values) for n in (1, 2, 64)]

    assert top_of(measured + predicted_at(1e6, 1e6, 1e6, 1e6)) == (1e6, 1e6)
    assert top_of(measured + predicted_at(2e6, 2e6, 2e6, 1e6)) == (2e6, 2e6)
    assert top_of(measured + predicted_at(1e6, 1e6, 1e6, 9e6)) == (1e6, 1e6)  # one outlier does not press the others
    assert top_of(measured + predicted_at(9e6, 9e6, 9e6, 9e6)) == (3e6, 3e6)  # nor do predictions what was measured
    far = [cell(name, n, 1e8, {"k": 2}) for name in "abcd" for n in (1, 2)]
    near = [{**c, "params": {"k": 1}} for c in measured + predicted_at(2e6, 2e6, 2e6, 2e6)]
    assert top_of(near + far) == (2e6, 2e6)  # a panel that would lie flat on the family's axis keeps its own


def test_strips_of_simulated_counts_have_a_title_for_each_line(also):
    strip = re.search(r'<div class="count line_transfers_per_op" id="lock-critical_section.*?</svg></div>', also, re.S)[0]
    titles = re.findall(r'<g class="line s\d+"><title>([^<]*)</title>', strip)
    assert "mcs_lock: 0 at 1, 3.00 at 2, 3.00 at 4, 3.00 at 8, 3.00 at 16, 3.00 at 32, 3.00 at 64 threads" in titles
    assert "no_lock: 0 throughout" in titles and "</title></use>" not in strip


def test_who_leads_beyond_this_machine_is_said_as_a_prediction():
    catalogue = [entry("free", "no_sharing", True), entry("a"), entry("b")]
    cells = [cell(name, n, 10) for name in ("a", "b") for n in (1, 2, 4)]
    cells += [predicted_cell(name, n, v) for n, values in {1: (5, 1, 99), 4: (1, 5, 99), 8: (5, 1, 99), 16: (5, 3, 99),
                                                           64: (1, 5, 99)}.items()
              for name, v in zip(("a", "b", "free"), values)]
    document = with_simulation(by_hand.document(cells, catalogue))
    leads = predicted.beyond(load.parse(document), "f")
    assert [(l.first, l.last, l.best.primitive) for l in leads[""]] == [(8, 16, "a"), (64, 64, "b")]
    said = re.search(r'<p class="foretold beyond" id="beyond-f">.*?</p>', build(document), re.S)[0]
    words = " ".join(re.sub("<[^>]*>", " ", said).split())
    assert words.startswith("simulated on zen4 Not measured:") and "8–16 threads a , 64 threads b ." in words
    assert "Nobody has compared this machine's predictions with timed runs." in words and "not_validated" in words
    validated = build(with_simulation(document, validation={"median_ape": 0.21, "kendall_tau": 0.92}))
    said = re.search(r'<p class="foretold beyond".*?</p>', validated, re.S)[0]
    assert "21 %" in said.replace("\u00a0", " ") and "not_validated" not in said


def test_nothing_is_said_beyond_a_machine_that_is_not_known():
    cells = [cell("a", 2, 10), cell("b", 2, 10)] + [predicted_cell(name, 8, v) for name, v in (("a", 5), ("b", 1))]
    known = with_simulation(by_hand.document(cells))
    assert predicted.beyond(load.parse(known), "f")
    for change in (lambda d: d["environment"]["topology"].clear(),  # how many processors
                   lambda d: d["environment"]["simulation"]["machine"].clear(),  # which machine was simulated
                   lambda d: d["environment"].update(simulation=None),
                   lambda d: d.update(cells=[c for c in d["cells"] if c["lens"] != "time"]),
                   lambda d: d["environment"]["topology"].update(available_cpus=list(range(8)))):  # it has that many
        document = copy.deepcopy(known)
        change(document)
        assert predicted.beyond(load.parse(document), "f") == {}
        assert 'id="beyond-f"' not in build(document)


def test_cells_without_a_number_are_counted_apart(small):
    document = made_up.simulated(small)
    gone = next(c for c in document["cells"] if c["lens"] == "coherence")
    for metric in gone["metrics"].values():
        metric["value"] = None
    head = re.search(r'<p class="lead">.*?</p>', build(document), re.S)[0]
    words = " ".join(re.sub("<[^>]*>", "", head).split())
    all_cells = sum(c["lens"] == "coherence" for c in document["cells"])
    assert f"{all_cells - 1} cells simulated on zen4, up to 64 threads (1 more say why not)" in words


def test_questions_of_one_side_only_say_so():
    cells = [cell("a", n, 1e6, {"k": 1}) for n in (1, 2)] + [cell("a", n, 1e6, {"k": 2}) for n in (1, 2)] \
        + [predicted_cell("a", n, 1e6, {"k": k}) for n in (1, 2) for k in (2, 3)]
    record = load.parse(by_hand.document(cells))
    assert [(a and a.params, b and b.params) for a, b in simulated.paired(record, "f", "w")] == [
        ((("k", 1),), None), ((("k", 2),), (("k", 2),)), (None, (("k", 3),))]
    text = build(with_simulation(by_hand.document(cells)))
    assert "k 1: not simulated." in text and "k 3: not measured on this machine." in text


def test_placement_does_not_part_a_pair():
    simulated_cells = [predicted_cell("a", n, 1e6) for n in (1, 2)]
    measured = [{**cell("a", n, 1e6), "placement": "compact"} for n in (1, 2)]
    record = load.parse(by_hand.document(measured + simulated_cells))
    ((one, other),) = simulated.paired(record, "f", "w")
    assert (one.placement, other.placement) == ("compact", "none")


def test_measured_answers_know_nothing_of_simulated_cells(small):
    both, plain = load.parse(made_up.simulated(small)), load.parse(small)
    assert verdict.judge(both) == verdict.judge(plain)
    assert claims.evaluate_all(both) == claims.evaluate_all(plain)
    assert both.panels == plain.panels and both.oversubscribed == plain.oversubscribed
    assert all(c.lens == "time" for found in verdict.judge(both) for row in found.rows for p in row.picks.values()
               for c in (p.simplest, p.fastest))


def test_claims_have_a_simulated_answer_of_their_own():
    catalogue = [entry("a"), entry("b")]
    cells = [cell("a", 2, 10), cell("b", 2, 100)] + [predicted_cell(name, n, v) for name, v in (("a", 30), ("b", 10))
                                                     for n in (2, 64)]
    document = with_simulation(by_hand.document(cells, catalogue, [claim("a", "b", 2.0)]))
    record = load.parse(document)
    (here,), (there,) = claims.evaluate_all(record), claims.evaluate_all(record.simulated)
    assert (here.verdict, there.verdict) == (claims.REFUTED, claims.CONFIRMED)  # one number each, but an exact one
    assert there.weakest.ratio.median == 3
    row = re.search(r'<tr id="claim-a_b">.*?</tr>', build(document), re.S)[0]
    assert "✗ refuted" in row and "<b>holds</b> 3.00×" in row


def test_without_a_simulation_nothing_speaks_of_one(report):
    text = (report / "report.html").read_text()
    body = text[text.index("<body"):text.index('<section id="glossary"')]
    assert "simulated" not in body and 'id="foretold"' not in body and '<div class="pair"' not in body


def test_simulated_cells_alone_make_a_page_that_says_that_nothing_was_measured(alone, small):
    assert '<b>Nothing was measured.</b>' in alone[: alone.index('id="verdict"')]
    ranking = alone[alone.index('<section id="verdict"'):alone.index('<section id="claims"')]
    assert "Predicted ranking" in ranking and "Nothing was measured, so there is no verdict." in ranking
    assert '<span class="tag">simulated on zen4</span>' in ranking and "64 threads" in ranking
    assert 'class="panel throughput"' not in alone and '<section id="levels"' not in alone
    assert "No cell was measured." in alone and 'id="table"' not in alone
    rows = re.search(r'id="foretold">.*?</table>', alone, re.S)[0].count("<tr><td>")
    assert rows == len(made_up.simulated(small, "alone")["cells"])
    assert alone.count('class="panel simulated"') == len(load.parse(made_up.simulated(small, "alone")).simulated.panels)


def test_simulated_cells_have_a_table_of_their_own(also, small):
    record = load.parse(made_up.simulated(small))
    measured = re.search(r'id="table">.*?</table>', also, re.S)[0]
    other = re.search(r'id="foretold">.*?</table>', also, re.S)[0]
    assert measured.count("<tr><td>") == len(record.timed)
    assert other.count("<tr><td>") == len(record.simulated.timed)
    assert "coherence" not in measured
    assert ">not_validated<" not in other  # all have it: said once
    assert re.search(r'id="caveat-not_validated">not_validated <small class="faint">all simulated cells<', also)


def test_the_downloads_have_the_lens(also, small):
    document = made_up.simulated(small)
    assert json.loads(gzip.decompress(href(also, "json"))) == document
    table = list(csv.DictReader(io.StringIO(gzip.decompress(href(also, "csv")).decode())))
    assert [row["lens"] for row in table] == [c["lens"] for c in document["cells"]]
    simulated_rows = [row for row in table if row["lens"] == "coherence"]
    assert all(row["throughput_ci_low"] == "" and row["line_transfers_per_op [1]"] != "" for row in simulated_rows)


def test_padded_against_unpadded_gains_simulated_numbers(also, alone, small):
    (found,) = false_sharing.compared(load.parse(made_up.simulated(small)), "counter", "increment")
    assert list(found.rows) == [1, 2, 4, 8, 16, 32, 64]
    unpadded, padded, _ = found.rows[4]
    assert unpadded.time.value > 5 and unpadded.simulated["false sharing"] == "0.10"
    assert padded.simulated == {"": "1.60 ns", "false sharing": "0", "line transfers": "0"}
    assert found.rows[64][0].time is None and found.rows[1][0].simulated["false sharing"] == "0"
    for text in (also, alone):
        assert "<small>simulated: 6.60 ns, 0.10 false sharing, 0.10 line transfers</small>" in text.replace("\u00a0", " ")
        pictures = re.findall(r'<figure class="panel false_sharing"[^>]*><figcaption>([^<]*)', text)
        assert "false sharing, simulated" in [p.strip() for p in pictures]


def test_of_many_thread_counts_a_simulated_figure_shows_five():
    found = {("unpadded", n): None for n in (1, 2, 4, 8, 16, 32, 64, 128)}
    assert [n for _, n in false_sharing._thinned(found)] == [1, 2, 8, 32, 128]
    assert list(false_sharing._thinned({("a", 4): None})) == [("a", 4)]


def test_the_machine_is_described_with_the_source_of_each_figure(also):
    part = also[also.index('<h3 id="simulated-machine"'):]
    part = part[: part.index("</table>")].replace("\u00a0", " ")
    assert "<td>request 4.00 ns, probe 5.50 ns, data 6.00 ns, acknowledge 4.00 ns</td><td>made up: a fourth" in part
    assert '<tr><th scope="row">system call</th><td>1.10 µs</td>' in part
    assert '<tr><th scope="row">cores</th><td>128</td>' in part and "<td>MOESI</td>" in part
    assert '<tr><th scope="row">line size, simulated</th><td>64 B</td>' in part and "every run is the same" in part
    assert ">not_validated</a>" in part


def test_validation_is_stated_beside_the_panels(small):
    text = build(made_up.simulated(small, validation=made_up.VALIDATION))
    lock = text[text.index('<section id="lock"'):text.index('<div class="plots">')].replace("\u00a0", " ")
    assert "the median error of the time per operation is 21 % (lock: 18 %)" in lock
    assert "Kendall's τ of the order of primitives is 0.92 (lock: 0.95)" in lock.replace("&#39;", "'")
    assert ">not_validated</a>" not in text
    machine = text[text.index('<h3 id="simulated-machine"'):]
    assert '<tr><th scope="row">counter</th><td class="n">34 %</td><td class="n">0.81</td></tr>' in machine


def test_predictions_for_this_machine_are_held_against_its_own_cells():
    catalogue = [entry("free", "no_sharing", True), entry("a"), entry("b"), entry("c")]
    measured = [cell(name, 2, 1, ns_per_op=v) for name, v in (("a", 10), ("b", 20), ("c", 40), ("free", 1))]
    cells = measured + [predicted_cell(name, 2, 1, ns_per_op=v) for name, v in (("a", 12), ("b", 10), ("c", 44), ("free", 9))]
    document = with_simulation(by_hand.document(cells, catalogue), machine={"name": "local"})
    found = predicted.against_measured(load.parse(document))
    assert found.cells == 3 and found.fidelity.median_ape == pytest.approx(0.2)
    assert found.fidelity.kendall_tau == pytest.approx(1 / 3)
    assert "median error 20 %" in build(document).replace("\u00a0", " ")
    document["environment"]["simulation"]["machine"]["name"] = "zen4"  # another machine: nothing to compare
    assert predicted.against_measured(load.parse(document)) is None


def test_without_a_validation_it_is_not_validated_even_if_no_cell_says_so():
    text = build(with_simulation(by_hand.document([predicted_cell("a", n, 1) for n in (1, 2)])))
    assert text.count('<dt id="caveat-not_validated">') == 1
    parsed = Reader(text)
    assert {t for t in parsed.targets if t[1:] not in set(parsed.ids)} == set()


def test_cells_that_could_not_be_simulated_have_no_number_but_a_reason(small):
    document = made_up.simulated(small)
    gone = next(c for c in document["cells"] if c["lens"] == "coherence" and c["primitive"] == "std_mutex")
    for metric in gone["metrics"].values():
        metric["value"] = None
    gone.update(caveats=["not_applicable"], details={"not_applicable": "a compiled library cannot be simulated"})
    text = build(document)
    row = next(r for r in re.findall(r"<tr><td>.*?</tr>", text[text.index('id="foretold"'):], re.S)
               if "not_applicable" in r)
    assert "a compiled library cannot be simulated" in row and "data-v" not in row and row.count(">–</td>") > 10


def test_hostile_words_of_a_simulation_are_text(small):
    evil = """<script>alert("1")</script>&'$x^2$ ]]> </style>"""
    document = made_up.simulated(small, machine=evil)
    document["environment"]["simulation"].update(compiler=evil)
    document["environment"]["simulation"]["machine"].update(about=evil, near={evil: evil, "source": evil})
    for one in (c for c in document["cells"] if c.get("lines")):
        found = one["lines"][0]
        found.update(label=evil, object=evil)
        found["fields"][0]["name"] = evil
        found["sites"][0].update(source=evil, function=evil, kind=evil)
    text = build(document)
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert text.count("</style>") == 1 and text.count("<script>") == 1
    assert Reader(text).faults == []


def test_the_files_of_simulated_figures(foretold):
    names = {path.name for path in (foretold / "figures").iterdir()}
    for name in ("lock-critical_section-simulated-linear", "lock-critical_section-simulated-log",
                 "lock-critical_section-line_transfers_per_op", "counter-increment-byte_map-unpadded",
                 "counter-increment-false_sharing-false_sharing_per_op"):
        assert {f"{name}.svg", f"{name}.png"} <= names
    drawn = (foretold / "figures" / "lock-critical_section-simulated-linear.svg").read_text()
    assert "simulated on zen4" in drawn
    assert "unpadded.hpp:27" in (foretold / "figures" / "counter-increment-byte_map-unpadded.svg").read_text()


@pytest.mark.parametrize("change, sentence", [
    (lambda d: d["environment"].update(simulation=3), "environment.simulation is int, expected an object."),
    (lambda d: d["environment"]["simulation"].pop("machine"), "environment.simulation lacks 'machine'"),
    (lambda d: d["environment"]["simulation"].update(seed="x"), "environment.simulation.seed is str"),
    (lambda d: d["environment"]["simulation"].update(validation={"median_ape": "x"}),
     "environment.simulation.validation.median_ape is str"),
    (lambda d: lines_of(d)[0].update(bytes=[{"thread": 0, "read": [[8, 4]], "wrote": []}]),
     ".lines[0].bytes[0].read has [8, 4], expected [first byte, one after the last] of 64."),
    (lambda d: lines_of(d)[0].update(bytes=[{"thread": 0, "read": [], "wrote": [[0, 65]]}]), "wrote has [0, 65]"),
    (lambda d: lines_of(d)[0].pop("label"), ".lines[0] lacks 'label'"),
    (lambda d: lines_of(d)[0].update(size=0), ".lines[0].size is 0, expected the bytes of a cache line."),
    (lambda d: lines_of(d)[0].update(sites=[{}]), ".lines[0].sites[0] lacks 'source'"),
])
def test_what_is_wrong_in_a_simulation_is_told(small, change, sentence):
    document = made_up.simulated(copy.deepcopy(small))
    change(document)
    with pytest.raises(load.RecordError) as told:
        load.parse(document)
    assert sentence in str(told.value)


def lines_of(document):
    return next(c["lines"] for c in document["cells"] if c.get("lines"))
