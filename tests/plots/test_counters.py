# SPDX-License-Identifier: MIT
"""Peers and events on the page: strips under the throughput, false sharing, whose a primitive is, one banner if none."""
import copy
import re

import by_hand
import pytest
import variants
from by_hand import cell, entry
from plots import events, false_sharing, load, page, render, sections, style, verdict
from test_page import Reader


def text_of(folder):
    return (folder / "report.html").read_text()


def build(document):
    record = load.parse(document)
    return page.build(record, render.render_all(record, files=False, processes=1))


def figures_of(text):
    """Panel id -> its markup, of the throughput panels."""
    return dict(re.findall(r'<figure class="panel throughput" id="([^"]+)">(.*?)</figure>', text, re.S))


def test_strips_stand_under_every_throughput_panel_of_what_was_counted(counted):
    found = figures_of(text_of(counted))
    assert len(found) > 6
    for name, markup in found.items():
        kinds = re.findall(r'<div class="strip (\w+)"', markup)
        assert "l1d_miss_per_op" in kinds and "rfo_per_op" in kinds, name
    lock = next(markup for name, markup in found.items() if name.startswith("lock-critical_section"))
    assert re.findall(r'<div class="strip (\w+)"', lock) == [
        "modified_line_hit_per_op", "l1d_miss_per_op", "rfo_per_op", "context_switches_per_op"]


def test_a_strip_has_the_thread_axis_of_the_panel_above(counted):
    markup = next(m for name, m in figures_of(text_of(counted)).items() if name.startswith("lock-critical_section"))
    axes = [re.findall(r'<use x="([\d.]+)" y="[\d.]+" href="#[^"]+" class="[^"]+" ?/><text[^>]*>(\d)</text>', svg)
            for svg in re.findall(r"<svg.*?</svg>", markup, re.S)]
    assert len(axes) == 6 and len(axes[0]) >= 4  # linear, log, four strips
    for other in axes[1:]:
        assert [x for x, _ in other[:4]] == [x for x, _ in axes[0][:4]]


def test_what_was_counted_and_never_happened_is_said_and_not_drawn(small):
    made = variants.variant(small, "counted")
    for one in made["cells"]:
        if "modified_line_hit_per_op" in one["metrics"] and one["metrics"]["modified_line_hit_per_op"]["value"]:
            one["metrics"]["modified_line_hit_per_op"].update(value=0.0, ci_low=0.0, ci_high=0.0, samples=[0.0] * 5)
    text = build(made)
    assert "strip modified_line_hit_per_op" not in text
    assert "Counted and 0 in every cell of lock: hits on lines modified in another core" in text


def test_of_a_group_the_first_that_was_counted_has_strips(small):
    made = variants.variant(small, "counted")
    assert [e.metric for e in events.chosen(load.parse(made))][:2] == ["modified_line_hit_per_op", "l1d_miss_per_op"]
    for one in made["cells"]:
        for metric in ("modified_line_hit_per_op", "l1d_miss_per_op"):  # as on processors that cannot count these
            one["metrics"].get(metric, {}).update(value=None, ci_low=None, ci_high=None, samples=[])
    assert [e.metric for e in events.chosen(load.parse(made))][:2] == ["remote_hit_per_op", "llc_miss_per_op"]


@pytest.mark.parametrize("kind", list(variants.OBSTACLES))
def test_without_counters_there_is_one_banner_with_reason_and_cure(small, kind):
    text = build(variants.variant(small, kind))
    reason, cure = variants.OBSTACLES[kind]
    assert text.count('id="no-counters"') == 1
    banner = re.search(r'id="no-counters".*?</p>', text, re.S)[0]
    assert reason[1:] in banner and cure in banner and f">{kind}</a>" in banner
    table = text[text.index('id="table"'):text.index('id="machine"')]
    assert f">{kind}</a>" not in table  # not once more in each row
    assert re.search(rf'id="caveat-{kind}">{kind} <small class="faint">the whole run</small>', text)


def test_without_counters_no_event_has_a_number_but_context_switches_do(uncounted):
    text = text_of(uncounted)
    strips = set(re.findall(r'<div class="strip (\w+)"', text))
    assert strips == {"context_switches_per_op"}
    assert "mod. hits/op" not in text and "switches/op" in text
    record = load.load(uncounted)
    assert all(m.value is None for c in record.counted.values() for m in c.metrics.values())


def test_an_older_record_has_no_banner_and_no_strips(report):
    text = text_of(report)
    assert "no-counters" not in text and '<div class="strip' not in text and 'id="events"' not in text
    assert 'class="peers"' not in text and "(abseil)" not in text


def test_counter_trials_stand_in_the_row_of_their_cell(counted):
    text = text_of(counted)
    record = load.load(counted)
    table = text[text.index('id="table"'):]
    rows = re.findall(r"<tr><td>.*?</tr>", table[: table.index("</table>")], re.S)
    assert len(rows) == len(record.timed)
    first = next(c for c in record.timed if (record.value(c, "modified_line_hit_per_op") or 0) > 0)
    row = rows[record.timed.index(first)]
    assert f"data-v={record.value(first, 'modified_line_hit_per_op'):.5g}" in row


def test_the_events_with_codes_states_and_running_fractions(counted):
    text = text_of(counted)
    part = text[text.index('<h3 id="events"'):]
    rows = re.findall(r"<tr><td>.*?</tr>", part[: part.index("</table>")], re.S)
    assert len(rows) == len(variants.EVENTS)
    llc = next(row for row in rows if "<td>llc_miss</td>" in row)
    assert "type=4 config=0x412e config1=0x0" in llc and ">multiplexed<" in llc and llc.count("50 %") == 2
    starved = next(row for row in rows if "memory_order_clear" in row)
    assert ">starved<" in starved and "4 %" in starved and "less than a tenth of the time" in starved
    unsupported = next(row for row in rows if "bus_lock" in row)
    assert ">unsupported<" in unsupported and "has no such event" in unsupported and "0 %" not in unsupported


def test_caveats_that_all_counter_trials_share_are_said_once(counted):
    text = text_of(counted)
    table = text[text.index('id="table"'):text.index('id="machine"')]
    assert "event_unsupported" not in table
    assert text.count("all counter trials: bus_lock: the made-up processor has no such event") == 1


def test_caveats_of_the_whole_run_are_not_repeated_in_every_row(small):
    document = variants.variant(small, "no_pmu")
    timed = [c for c in document["cells"] if c["lens"] == "time"]
    beside = [c for c in document["cells"] if c["lens"] == "counters"]
    assert "topology_drift" in document["environment"]["caveats"]
    for c in timed:
        c["caveats"].append("topology_drift")
    for c in beside:
        c["caveats"].append("event_unsupported")
        c["details"]["event_unsupported"] = "llc_miss: see environment.counters"
    assert sections.of_the_run(load.parse(document)) == {"topology_drift"}
    said = [name for _, caveats in sections.table_rows(load.parse(document)) for name, _ in caveats]
    assert "topology_drift" not in said and "event_unsupported" not in said and "oversubscribed" in said
    odd = next(c for c in timed if c["metrics"]["throughput"]["value"])
    odd["caveats"].remove("topology_drift")  # not of all: then each says it
    beside[0]["details"]["event_unsupported"] = "another one"
    said = [name for _, caveats in sections.table_rows(load.parse(document)) for name, _ in caveats]
    assert said.count("topology_drift") == sum("topology_drift" in c["caveats"] for c in timed)
    assert "event_unsupported" in said


def test_false_sharing_compares_padded_with_unpadded_in_time_and_events(counted, uncounted):
    record = load.load(counted)
    (found,) = false_sharing.compared(record, "counter", "increment")
    assert found.paddings == ["unpadded", "padded_64", "padded_128"] and list(found.rows) == [1, 4]
    unpadded, padded, _ = found.rows[4]
    assert unpadded.ratio is None and padded.ratio.median > 5
    assert padded.ratio.median == pytest.approx(unpadded.time.value / padded.time.value, rel=0.1)
    assert "hits on lines modified in another core" in unpadded.numbers
    text = text_of(counted)
    assert len(re.findall('<figure class="panel false_sharing"', text)) == 4
    assert 'aria-label="padded against unpadded"' in text
    without = text_of(uncounted)
    assert len(re.findall('<figure class="panel false_sharing"', without)) == 1
    assert "events are not counted here" in without


@pytest.mark.parametrize("names, expected", [
    (["unpadded", "padded_64"], {"unpadded": 0, "padded_64": 64}),
    (["padded_256", "unpadded", "padded_64"], {"unpadded": 0, "padded_64": 64, "padded_256": 256}),
    (["padded_64", "padded_128"], {}), (["unpadded"], {}), (["lock_unpadded", "padded"], {})])
def test_what_counts_as_padded(names, expected):
    assert false_sharing.paddings(by_hand.record([cell(name, 1, 1) for name in names]), "f") == expected


def test_peers_have_a_look_of_their_own_and_change_nobody_elses(small):
    before = style.looks(load.parse(small), "lock")
    after = style.looks(load.parse(variants.variant(small, "counted")), "lock")
    for name, look in before.items():
        assert (after[name].color, after[name].marker, after[name].line) == (look.color, look.marker, look.line)
    theirs = [look for look in after.values() if look.peer]
    assert len(theirs) == 2
    assert not {look.marker for look in theirs} & set(style.MARKERS)
    assert {look.line for look in theirs} == {style.PEER_LINE}
    assert [look.label for look in theirs] == ["peer_mutex (abseil)", "peer_queuing_mutex (oneTBB)"]


def test_forty_peers_still_differ():
    catalogue = [entry(f"p{i}") for i in range(40)]
    for one in catalogue:
        one["facts"]["origin"] = "them"
    looks = style.looks(by_hand.record([cell(f"p{i}", 1, 1) for i in range(40)], catalogue), "f")
    assert len({(look.color, look.marker) for look in looks.values()}) == 40


def test_legend_verdict_and_table_say_whose_it_is(counted):
    text = text_of(counted)
    legend = re.search(r'<span class="legend">.*?</div>', text[text.index('<section id="lock"'):], re.S)[0]
    assert "peer_mutex (abseil)" in legend and "std_mutex <small" in legend
    part = text[text.index('<section id="verdict"'):text.index('<section id="claims"')]
    assert '<small class="whose" title="oneTBB\'s implementation">(oneTBB)</small>' in part
    assert "without other projects: " in part
    assert "<td>peer_queue <small class=\"whose\">(moodycamel)</small></td>" in text


def test_facts_that_differ_from_the_baseline_stand_beside_the_peers(counted):
    record = load.load(counted)
    found = sections.peers(record, "queue", {c.primitive for c in record.timed})
    assert found["base"]["primitive"].name == "mutex_deque"
    facts = dict(zip(found["heads"], found["rows"][0]["facts"]))
    assert facts["delivers"] == ("per producer", True) and facts["bounded"] == ("no", True)
    assert sections.peers(record, "counter", {c.primitive for c in record.timed}) is None
    text = text_of(counted)
    part = text[text.index('<h3 id="queue-peers"'):]
    assert "<b>per producer</b>" in part[: part.index("</table>")]


def test_a_peer_may_be_the_best_and_the_ladder_stays():
    theirs = entry("theirs")
    theirs["facts"]["origin"] = "abseil"
    catalogue = [entry("plain", "atomic"), entry("ours"), theirs]
    cells = [cell("plain", 1, 10), cell("ours", 1, 80), cell("theirs", 1, 100), cell("plain", 2, 95),
             cell("ours", 2, 20), cell("theirs", 2, 100)]
    (found,) = verdict.judge(by_hand.record(cells, catalogue))
    picks = found.rows[0].picks
    assert (picks[1].simplest.primitive, picks[1].fastest.primitive) == ("theirs", "theirs")
    assert (picks[2].simplest.primitive, picks[2].fastest.primitive) == ("plain", "theirs")  # simpler and close
    assert found.best[""].primitive == "theirs"
    own = found.own[""]
    assert (own.primitive, own.close, own.cases, own.worst) == ("plain", 1, 2, 0.1)  # shares of the fastest of all


def test_cost_levels_have_a_table_per_workload_and_their_rule(counted, uncounted):
    text, without = text_of(counted), text_of(uncounted)
    for page_text in (text, without):
        assert "derived, not measured" in page_text and "not told apart here" in page_text
        assert page_text.count('<table class="places">') == 6
    assert ", by events: " in text and ", by events: " not in without
    assert ", by time: " in without


@pytest.mark.parametrize("folder", ["counted", "uncounted"])
def test_the_pages_are_well_formed_and_their_links_lead_somewhere(folder, request):
    parsed = Reader(text_of(request.getfixturevalue(folder)))
    assert parsed.faults == [] and parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {t for t in parsed.targets if t[1:] not in set(parsed.ids)} == set()


def test_a_page_with_counters_stays_small(counted):
    cells = len(load.load(counted).timed)
    assert len(text_of(counted).encode()) < 3e6 / 500 * cells + 500_000


def test_hostile_words_in_the_new_parts_are_text(small):
    evil = """<script>alert("1")</script>&'$x^2$ ]]> </style>"""
    made = variants.variant(small, "no_pmu")
    made["environment"]["counters"].update(reason=evil, cure=evil, microarchitecture=evil)
    made["environment"]["counters"]["events"][0].update(name=evil, code=evil, source=evil, metric=evil)
    for one in made["catalogue"]:
        if one["facts"].get("origin"):
            one["facts"].update(origin=evil, waiting=evil)
    text = build(made)
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert text.count("</style>") == 1 and text.count("<script>") == 1
    assert Reader(text).faults == []


def test_counter_trials_without_a_timed_cell_have_a_row_of_their_own(small):
    made = variants.variant(small, "counted")
    alone = copy.deepcopy(made["cells"][-1])
    alone["name"] += "/elsewhere"
    made["cells"].append(alone)
    text = build(made)
    assert text.count(" · counters</td>") == 1
