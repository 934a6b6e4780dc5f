# SPDX-License-Identifier: MIT
"""Two stored runs: which cells are matched, why others are not, and that such a comparison never gates."""
import copy
import json

import conftest
import numpy as np
import pytest
from gate import pairs
from gate.design import Plan
from gate.judge import judge
from plots.load import RecordError
from test_outputs import gate

SMALL = json.loads((conftest.ROOT / "tests" / "plots" / "data" / "small.json").read_text())


@pytest.fixture
def documents():
    """Two copies of the frozen record."""
    return copy.deepcopy(SMALL), copy.deepcopy(SMALL)


def compared(tmp_path, base, head):
    paths = []
    for name, document in (("base", base), ("head", head)):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "results.json").write_text(json.dumps(document))
        paths.append(tmp_path / name)
    return pairs.compare(*paths)


def cell(document, i=None):
    """The i-th timed cell that has a number and may be gated."""
    found = [c for c in document["cells"] if c["lens"] == "time" and c["metrics"]["ns_per_op"]["value"]
             and "oversubscribed" not in c["caveats"]]
    return found if i is None else found[i]


def skipped(measured):
    return {s.key.name: (s.reason, s.detail) for s in measured.skipped}


def test_every_cell_is_compared_or_says_why_not(tmp_path, documents):
    measured = compared(tmp_path, *documents)
    timed = [c for c in SMALL["cells"] if c["lens"] in ("time", "coherence")]
    assert len(measured.cells) + len(measured.exact) + len(measured.skipped) == len(timed)
    assert len(measured.cells) == len(cell(SMALL)) > 10
    over = sum("oversubscribed" in c["caveats"] for c in timed)
    assert sum(s.reason == "oversubscribed" for s in measured.skipped) == over > 0
    assert all(p.base == p.head for p in measured.cells)


@pytest.mark.parametrize("caveats, reason", [(["timeout"], "timeout"), (["crashed"], "crashed"),
                                             (["check_failed"], "check_failed"), (["skipped"], "not_measurable")])
def test_a_base_without_a_number_says_why(tmp_path, documents, caveats, reason):
    base, head = documents
    broken = cell(base, 3)
    broken["metrics"]["ns_per_op"].update(value=None, ci_low=None, ci_high=None, samples=[])
    broken["caveats"], broken["details"] = caveats, {caveats[0]: "it took its time"}
    found = skipped(compared(tmp_path, base, head))[broken["name"]]
    assert found == (reason, "In the base: it took its time.")


def test_a_head_that_hangs_is_compared_and_told(tmp_path, documents):
    base, head = documents
    broken = cell(head, 3)
    broken["metrics"]["ns_per_op"].update(value=None, ci_low=None, ci_high=None, samples=[])
    broken["caveats"] = ["timeout"]
    measured = compared(tmp_path, base, head)
    found = next(p for p in measured.cells if p.key.name == broken["name"])
    assert set(found.head) == {None} and found.failed[0] == ("head", "timeout")
    verdict = next(c for c in judge(measured, Plan(len(measured.cells), design="holm")).cells if c.key == found.key)
    assert verdict.verdict != "pass" and "the head failed in" in verdict.sentence


def test_new_and_removed_cells(tmp_path, documents):
    base, head = documents
    gone, fresh = cell(head, 2)["name"], cell(base, 4)["name"]
    head["cells"] = [c for c in head["cells"] if c["name"] != gone]
    base["cells"] = [c for c in base["cells"] if c["name"] != fresh]
    found = skipped(compared(tmp_path, base, head))
    assert found[gone][0] == "removed" and found[fresh][0] == "new"


def test_a_changed_benchmark_is_not_compared(tmp_path, documents):
    base, head = documents
    changed = cell(head, 0)
    changed["params"]["extra_ns"] = 5
    workload = cell(head, -1)
    for document, value in ((base, "0123456789abcdef"), (head, "fedcba9876543210")):
        for entry in document["workloads"]:
            same = (entry["family"], entry["workload"]) != (workload["family"], workload["workload"])
            entry["fingerprint"] = "aaaaaaaaaaaaaaaa" if same else value
    measured = compared(tmp_path, base, head)
    found = skipped(measured)
    assert found[changed["name"]] == ("benchmark_changed", "Parameters differ: extra_ns.")
    reason, detail = found[workload["name"]]
    assert reason == "benchmark_changed" and "0123456789abcdef and fedcba9876543210" in detail
    assert not any("do not say what the workloads' sources were" in note for note in measured.notes)
    assert any("sources were" in note for note in compared(tmp_path, SMALL, SMALL).notes)


def test_a_cell_that_is_there_twice_is_refused(tmp_path, documents):
    base, head = documents
    base["cells"].append(base["cells"][0])
    with pytest.raises(RecordError, match="twice"):
        compared(tmp_path, base, head)


def test_what_differs_between_the_runs_is_told(tmp_path, documents):
    base, head = documents
    head["environment"]["cpu"]["model"] = "Another CPU"
    head["run"].update(compiler="clang", complete=False, window_ms=1)
    notes = " ".join(compared(tmp_path, base, head).notes)
    for words in ("Stored runs do not gate", "Another CPU", "Compilers differ", "The head is a partial run",
                  "Timed windows differ"):
        assert words in notes


def with_simulation(document, ns=10.0, **simulation):
    """The record with two simulated cells."""
    document["environment"]["simulation"] = {"machine": {"name": "zen4", "cores": {"value": 4, "source": "a"}},
                                             "line_size": 64, "seed": None, "compiler": "GNU 12", "accesses": 1,
                                             "seconds": 1.0, **simulation}
    for i in range(2):
        document["cells"].append({
            "lens": "coherence", "family": "lock", "name": f"critical_section/x{i}/threads:4", "workload":
            "critical_section", "primitive": f"x{i}", "baseline": False, "params": {}, "threads": 4, "placement": "none",
            "metrics": {"ns_per_op": {"value": ns * (1 + i), "unit": "ns", "ci_low": None, "ci_high": None}}, "caveats": []})
    return document


def test_simulated_cells_are_exact(tmp_path, documents):
    base, head = (with_simulation(d, ns) for d, ns in zip(documents, (10.0, 10.5)))
    head["environment"]["simulation"]["machine"]["cores"]["source"] = "another source of the same figure"
    head["environment"]["simulation"]["machine"]["calibration"] = {"when": "on another day"}
    measured = compared(tmp_path, base, head)
    assert [(e.base, e.head) for e in measured.exact] == [({"ns_per_op": 10.0}, {"ns_per_op": 10.5}),
                                                          ({"ns_per_op": 20.0}, {"ns_per_op": 21.0})]
    run = judge(measured, Plan(len(measured.cells), design="holm"))
    assert run.verdict == "regression" and run.exit_code == 0  # it is told; stored runs do not gate


def test_a_simulated_head_that_hangs_is_worse_and_a_base_that_hung_is_not_compared(tmp_path, documents):
    base, head = (with_simulation(d) for d in documents)
    for document, i in ((head, -1), (base, -2)):
        document["cells"][i]["metrics"]["ns_per_op"]["value"] = None
        document["cells"][i]["caveats"] = ["timeout"]
    measured = compared(tmp_path, base, head)
    assert [s.reason for s in measured.skipped if s.key.lens == "coherence"] == ["timeout"]
    found = judge(measured, Plan(len(measured.cells), design="holm")).cells[0]
    assert found.verdict == "regression" and found.sentence == "ns_per_op 20 → none"


def test_no_ci_fails_on_the_junit_file_of_stored_runs(tmp_path, documents):
    from gate import texts
    base, head = (with_simulation(d, ns) for d, ns in zip(documents, (10.0, 50.0)))
    measured = compared(tmp_path, base, head)
    text = texts.junit(judge(measured, Plan(len(measured.cells), design="holm")))
    assert 'failures="0" errors="0"' in text and "<failure" not in text and "REGRESSION: ns_per_op 10 → 50" in text


@pytest.mark.parametrize("differs, words", [
    (dict(compiler="clang"), "compiler"), (dict(line_size=128), "line size"), (dict(seed=3), "seed"),
    (dict(model_version="2"), "version of the model"), (dict(machine={"name": "spr"}), "machine description")])
def test_other_models_and_machines_are_not_comparable(tmp_path, documents, differs, words):
    base, head = with_simulation(documents[0]), with_simulation(documents[1], **differs)
    measured = compared(tmp_path, base, head)
    assert not measured.exact
    assert {s.detail for s in measured.skipped if s.reason == "not_comparable"} == {f"Differs: {words}."}


def slowed(document, factor, repetitions, seed):
    """Every cell with `repetitions` samples of 2 % noise; those of MCS locks `factor` times slower."""
    rng = np.random.default_rng(seed)
    for one in cell(document):
        metric = one["metrics"]["ns_per_op"]
        times = metric["value"] * np.exp(rng.normal(0, 0.02, repetitions))
        times *= factor if one["primitive"] == "mcs_lock" else 1
        metric.update(samples=list(times), value=float(np.median(times)))
    return document


def test_twenty_repetitions_show_a_slowdown_and_five_cannot(tmp_path, documents):
    base, head = documents
    run = judge(compared(tmp_path, slowed(base, 1, 20, 1), slowed(head, 1.2, 20, 2)), Plan(60, design="holm", budget=0.05))
    red = {c.key.name for c in run.cells if c.verdict == "regression"}
    assert red == {c["name"] for c in cell(head) if c["primitive"] == "mcs_lock"} and red
    few = judge(compared(tmp_path, slowed(base, 1, 5, 1), slowed(head, 1.2, 5, 2)), Plan(60, design="holm", budget=0.05))
    assert few.counted()["regression"] == 0 and few.counted()["inconclusive"] >= len(red)


def test_the_verb_exits_0_and_says_that_it_does_not_gate(tmp_path, documents):
    base, head = documents
    compared(tmp_path, slowed(base, 1, 20, 1), slowed(head, 1.5, 20, 2))
    done = gate("compare", tmp_path / "base", tmp_path / "head", "--html", tmp_path / "c.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Stored runs do not gate" in done.stdout and "REGRESSION" in done.stdout and "mcs_lock" in done.stdout
    assert "Two stored runs, compared" in (tmp_path / "c.html").read_text()
    compared(tmp_path, slowed(base, 1, 5, 1), slowed(head, 1, 5, 2))
    done = gate("compare", tmp_path / "base", tmp_path / "head", "--markdown", tmp_path / "c.md")
    assert "Of 5 repetitions no test can be sure enough" in (tmp_path / "c.md").read_text()


def test_runs_that_share_no_cell_are_exit_3(tmp_path, documents):
    base, head = documents
    head["cells"] = []
    compared(tmp_path, base, head)
    done = gate("compare", tmp_path / "base", tmp_path / "head")
    assert done.returncode == 3 and "Nothing was compared" in done.stdout
