# SPDX-License-Identifier: MIT
"""Events, other people's primitives and levels of cost. No number here was measured: the events are made up."""
import copy
import re

import pytest
from plots import costs, load, page, render, style

EVENTS = {"cycles": 40.0, "instructions": 30.0, "modified_line_hit": 0.4, "l1d_miss": 0.5, "llc_miss": 0.01, "rfo": 0.3}
REASON = "no hardware counters: the hypervisor gives this machine no PMU (ENOENT)"


def metric(value, running=None):
    found = {"value": value, "unit": "1", "ci_low": value, "ci_high": value, "samples": [value] * 5}
    return found | ({"running": running} if running is not None else {})


def counted(document, value=lambda cell, name: EVENTS[name]):
    """The record with a counters twin of every cell, and what environment.counters says of them."""
    twins = []
    for cell in document["cells"]:
        cell["metrics"]["context_switches_per_op"] = metric(0.0001)
        twin = copy.deepcopy(cell) | {"lens": "counters", "per_thread": None}
        twin["metrics"] = {f"{name}_per_op": metric(value(cell, name), 0.5) for name in EVENTS}
        twins.append(twin)
    document["cells"] += twins
    document["environment"]["counters"] = {
        "available": True, "kernel_side": True, "microarchitecture": "zen4", "paranoid": 1, "caveat": None,
        "reason": None, "cure": None,
        "events": [{"metric": name, "where": "user", "name": f"vendor.{name}", "code": "type=4 config=0x1 config1=0x0",
                    "source": "a manual", "state": "multiplexed", "running": 0.5, "caveat": None, "reason": None}
                   for name in EVENTS]}
    return document


def without_a_pmu(document):
    counted(document, lambda cell, name: None)
    for cell in document["cells"]:
        if cell["lens"] == "counters":
            cell["caveats"], cell["details"] = ["no_pmu"], {"no_pmu": REASON}
            for one in cell["metrics"].values():
                one.update(samples=[], ci_low=None, ci_high=None)
    document["environment"]["counters"].update(available=False, caveat="no_pmu", reason=REASON, cure="rent another one")
    for event in document["environment"]["counters"]["events"]:
        event.update(state="failed", running=None, caveat="no_pmu", reason=REASON)
    return document


def build(document):
    record = load.parse(document)
    return record, page.build(record, render.render_all(record, files=False, processes=1))


def test_events_stand_under_the_throughput_on_the_same_axis(document):
    record, text = build(counted(document))
    panels = len(record.panels)
    for kind in ("modified_line_hit_per_op", "l1d_miss_per_op", "rfo_per_op", "context_switches_per_op"):
        assert len(re.findall(f'class="panel {kind}"', text)) == panels - sum(
            all("skipped" in c.caveats for c in cells) for cells in record.panels.values())
    order = re.findall(r'class="panel (\w+)"', text)
    assert order.index("throughput") < order.index("modified_line_hit_per_op") < order.index("ratio")
    assert "no-counters" not in text
    for head in ("cycles/op", "modified/op", "switches/op"):
        assert f">{head}<" in text
    assert text.count("vendor.cycles") == 1 and "50 %" in text


def test_without_a_pmu_there_is_one_banner_and_no_empty_panel(document):
    record, text = build(without_a_pmu(document))
    assert text.count('id="no-counters"') == 1
    assert "the hypervisor gives this machine no PMU" in text and "rent another one" in text
    assert 'class="panel modified_line_hit_per_op"' not in text and 'class="panel context_switches_per_op"' in text
    assert ">cycles/op<" not in text
    rows = re.search(r'<table class="cells" id="table">.*?</table>', text, re.S)[0].count("<tr>")
    assert rows == len(record.timed) + 1, "a cell without events has no second row"
    assert len(page.to_csv(record).splitlines()) == len(record.timed) + 1


def test_a_record_from_before_there_were_events_reads_as_ever(document):
    assert "counters" not in document["environment"]
    record, text = build(document)
    assert record.counters == {} and "no-counters" not in text and 'id="events"' not in text


@pytest.mark.parametrize("spoil, words", [
    (lambda d: d["environment"].update(counters=[]), "environment.counters is list, expected an object"),
    (lambda d: d["environment"].update(counters={"events": []}), "environment.counters lacks 'available'"),
    (lambda d: d["environment"]["counters"]["events"].append({"metric": "x"}), "events[6] lacks 'where'"),
    (lambda d: d["cells"][-1]["metrics"]["rfo_per_op"].update(running="much"), "running is str, expected a number"),
    (lambda d: d["catalogue"][0]["facts"].update(origin=7), "facts.origin is int, expected a string"),
])
def test_a_wrong_shape_is_one_sentence(document, spoil, words):
    counted(document)
    spoil(document)
    with pytest.raises(load.RecordError, match=re.escape(words)):
        load.parse(document)


def test_other_peoples_primitives_look_different_and_say_whose_they_are(document):
    entry = next(e for e in document["catalogue"] if e["primitive"] == "mcs_lock")
    entry["facts"]["origin"] = "somebody"
    record, text = build(document)
    looks = style.looks(record, "lock")
    assert looks["mcs_lock"].origin == "somebody" and looks["mcs_lock"].label("mcs_lock") == "mcs_lock (somebody)"
    assert looks["mcs_lock"].line not in {look.line for name, look in looks.items() if name != "mcs_lock"}
    legend = re.search(r'<span class="entry"[^>]*>(?:(?!</span><span class="entry").)*mcs_lock.*?fifo, spin', text, re.S)
    assert legend and ">somebody</small>" in legend[0]
    assert text.count('class="swatch peer"') > 0
    assert "<td>somebody</td>" in text and "<td>ours</td>" in text


def test_false_sharing_is_set_beside_padding_in_time_and_in_events(document):
    shared = {"unpadded": 0.8, "padded_64": 0.001, "padded_128": 0.001}
    bare = copy.deepcopy(document)
    _, text = build(counted(document, lambda cell, name: shared.get(cell["primitive"], 0.01)))
    panels = re.findall(r'<figure class="panel false_sharing" id="([^"]*)"', text)
    assert len(panels) == 1 + 4, "time, and the four events that are drawn"
    _, text = build(without_a_pmu(bare))
    assert len(re.findall(r'class="panel false_sharing"', text)) == 1, "time alone"


def level_of(record, workload, primitive):
    for key, (_, found) in costs.levels(record).items():
        if key.workload == workload:
            return next((one.level for one in found if one.primitive == primitive), None)
    return None


def test_levels_of_cost_follow_from_the_counters(document):
    counted(document, lambda cell, name: 0.4 if cell["primitive"] == "unpadded" else 0.0)
    for cell in document["cells"]:
        if cell["lens"] == "time" and cell["primitive"] == "mutex_integer":
            cell["metrics"]["context_switches_per_op"] = metric(0.5)
    record = load.parse(document)
    assert level_of(record, "increment", "unpadded") == costs.SHARED
    assert level_of(record, "single_word", "mutex_integer") == costs.SWITCH
    for cell in document["cells"]:
        if cell["lens"] == "counters" and cell["primitive"] == "unpadded":
            cell["metrics"]["instructions_kernel_per_op"] = metric(400.0)
    assert level_of(load.parse(document), "increment", "unpadded") == costs.KERNEL


def time_of(document, primitive, by_threads):
    for cell in document["cells"]:
        if cell["workload"] == "increment" and cell["primitive"] == primitive:
            cell["metrics"]["ns_per_op_thread"] = metric(by_threads[cell["threads"]])
            cell["metrics"]["context_switches_per_op"] = metric(0.0)


def test_without_counters_levels_follow_from_times_or_are_left_open(document):
    hop = sorted(v for row in document["environment"]["core_to_core"]["start_ns"] for v in row if v)
    hop = hop[len(hop) // 2]
    time_of(document, "padded_64", {1: 1.0, 4: 1.1})
    time_of(document, "padded_128", {1: 9.0, 4: 9.5})
    time_of(document, "unpadded", {1: 1.0, 4: 1.0 + hop})
    time_of(document, "one_atomic", {1: 4.0, 4: 4.0 + 0.4 * hop})
    record = load.parse(document)
    assert level_of(record, "increment", "padded_64") == costs.PRIVATE
    assert level_of(record, "increment", "padded_128") == costs.ATOMIC
    assert level_of(record, "increment", "unpadded") == costs.SHARED
    assert level_of(record, "increment", "one_atomic") == costs.OPEN
    text = build(document)[1]
    assert "<em>derived</em>" in text and "not told apart here" in text
