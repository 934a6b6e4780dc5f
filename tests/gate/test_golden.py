# SPDX-License-Identifier: MIT
"""Golden coherence numbers: what a comparison with them says, that blessing shows what it changes, the committed file."""
import dataclasses
import os
import pathlib
import subprocess
import sys

import pytest
from gate import exact, golden, golden_verb

ROOT = pathlib.Path(__file__).parents[2]
SEEDED = ("--seed", "1", "--schedules", "10")
CELL = "increment/{}/threads:4"


def record(**cells):
    """A results.json as far as golden numbers are concerned: {primitive: (line transfers, ns, spins)}."""
    def metric(value, unit):
        return {"value": value, "unit": unit, "ci_low": None, "ci_high": None}

    return {
        "run": {"compiler": "GNU 12.2.0", "flags": "-O3 -DNDEBUG"},
        "environment": {"simulation": {"model_version": "1"}},
        "workloads": [{"workload": "increment", "fingerprint": "00112233445566aa"}],
        "catalogue": [{"family": "counter", "primitive": "their_counter", "facts": {"origin": "somebody"}}],
        "cells": [{"lens": "coherence", "family": "counter", "workload": "increment", "primitive": primitive,
                   "name": CELL.format(primitive), "caveats": [],
                   "metrics": {"line_transfers_per_op": metric(moves, "1"), "ns_per_op": metric(ns, "ns"),
                               "spins_per_op": metric(spins, "1")}} for primitive, (moves, ns, spins) in cells.items()]}


def of(**cells):
    return golden.numbers_of(record(**cells))


BASE = {"padded": (0.0, 3.5, 0.0), "one_atomic": (0.9, 20.25, 0.0)}


def found(before, after):
    return {one.cell.split("/")[1]: (one.verdict, one.sentence) for one in golden.differences(before, after)}


def test_the_same_numbers_are_no_difference():
    assert golden.differences(of(**BASE), of(**BASE)) == []
    assert golden.diff(of(**BASE), of(**BASE)) == []


def test_what_is_worse_is_named_with_metric_and_ratio():
    worse = of(padded=(1.97, 45.2, 0.0), one_atomic=(0.9, 22.275, 0.0))
    assert found(of(**BASE), worse) == {
        "padded": ("regression", "line_transfers_per_op 0 → 1.97; ns_per_op 3.5 → 45.2 (12.9×)"),
        "one_atomic": ("regression", "ns_per_op 20.25 → 22.27 (1.1×)")}


@pytest.mark.parametrize("numbers, verdict", [
    ((0.9, 20.3, 0.0), "changed"), ((0.5, 12.0, 0.0), "improvement"), ((0.9, 20.25, 0.5), "changed"),
    ((None, None, 0.0), "regression")])
def test_other_differences_are_told(numbers, verdict):
    got = found(of(**BASE), of(padded=BASE["padded"], one_atomic=numbers))
    assert list(got) == ["one_atomic"] and got["one_atomic"][0] == verdict


def test_a_digest_sees_what_the_judged_metrics_do_not():
    got = found(of(**BASE), of(padded=(0.0, 3.5, 0.25), one_atomic=BASE["one_atomic"]))
    assert got == {"padded": ("changed", "line_transfers_per_op and ns_per_op are the same, other metrics differ")}


def test_cells_that_came_and_went_and_changed_benchmarks():
    now = record(padded=(9.0, 99.0, 0.0), striped=(0.0, 3.0, 0.0))
    assert {name: one[0] for name, one in found(of(**BASE), golden.numbers_of(now)).items()} == {
        "padded": "regression", "striped": "new", "one_atomic": "removed"}
    now["workloads"][0]["fingerprint"] = "ffffffffffffffff"
    assert found(of(**BASE), golden.numbers_of(now))["padded"][0] == "benchmark_changed"


def test_other_people_s_primitives_are_left_out():
    assert list(of(padded=BASE["padded"], their_counter=(1.0, 1.0, 0.0)).cells) == [CELL.format("padded")]


def test_another_model_or_other_flags_are_not_compared(tmp_path):
    other = record(**BASE)
    other["environment"]["simulation"]["model_version"] = "2"
    with pytest.raises(golden.GoldenError, match="version 1 of the model, the program has version 2") as raised:
        golden.comparable(of(**BASE), golden.numbers_of(other), tmp_path)
    assert raised.value.exit_code == 3
    other = record(**BASE)
    other["run"]["flags"] = "-O1"
    with pytest.raises(golden.GoldenError, match="'-O3 -DNDEBUG', the program was built with '-O1'; `contend gate --base REF`") \
            as raised:
        golden.comparable(of(**BASE), golden.numbers_of(other), tmp_path)
    assert raised.value.exit_code == 3
    del other["environment"]["simulation"]["model_version"]
    with pytest.raises(golden.GoldenError, match="does not say which version of the model"):
        golden.numbers_of(other)


def test_files_are_named_by_compiler():
    assert golden.compiler_key("GNU 12.2.0", "x86_64") == "g++-12.2"
    assert golden.compiler_key("Clang 14.0.6", "x86_64") == "clang++-14.0"
    assert golden.compiler_key("GNU 13.3.0", "aarch64") == "g++-13.3-aarch64"


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "x.json"
    numbers = of(padded=(None, 3.5, 0.0), one_atomic=(1 / 3, 1e-7, 0.0), mcs=(1.0, 2.0, 0.0))
    numbers.cells[CELL.format("padded")] = numbers.cells[CELL.format("padded")]._replace(
        seeded={"line_transfers_per_op": (0.5,) * 10, "ns_per_op": (3.5, 3.25, None, *(4.0,) * 7)})
    path.write_text(golden.text(numbers))
    assert golden.read(path) == numbers


@pytest.mark.parametrize("text, words", [("", "is no file of golden numbers"), ("[1]", "is no file of golden numbers"),
                                         ('{"schema_version": 9}', "has schema_version 9, expected 1"),
                                         ('{"schema_version": 1}', "is no file of golden numbers")])
def test_a_broken_file_is_one_sentence(tmp_path, text, words):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(golden.GoldenError, match=words):
        golden.read(path)


@pytest.fixture
def program(monkeypatch):
    """The verb with a program whose numbers the test chooses: now, and by how much they move under each seed."""
    numbers = {"now": of(**BASE), "moves": lambda seed: 1.0, "simulated": []}

    class Fake(golden.Program):
        def names(self, quick=False):
            return list(numbers["now"].cells)

        def simulate(self, names, *words):
            numbers["simulated"].append((words, sorted(names)))
            cells = {name: numbers["now"].cells[name] for name in names}
            if words:
                cells = {name: one._replace(seeded={m: tuple(v * numbers["moves"](seed) for seed in range(1, 11))
                                                    for m, v in one.judged.items()}) for name, one in cells.items()}
            return dataclasses.replace(numbers["now"], cells=cells)

    monkeypatch.setattr(golden, "Program", Fake)
    return numbers


def verb(folder, *words):
    return golden_verb.main([*words, "--folder", str(folder), "--program", "unused"])


def test_the_life_of_a_file(tmp_path, program, capsys):
    assert verb(tmp_path, "check") == 3
    said = capsys.readouterr().err
    assert "there are no golden numbers for GNU 12.2.0" in said and "`contend gate --base REF`" in said
    assert verb(tmp_path, "bless") == 0 and (tmp_path / "g++-12.2.json").exists()
    assert verb(tmp_path, "check") == 0
    assert "2 of 2 simulated cells are as in g++-12.2.json" in capsys.readouterr().out
    assert verb(tmp_path, "bless") == 2
    assert "nothing to bless" in capsys.readouterr().err
    program["now"] = of(padded=(1.97, 45.2, 0.0), one_atomic=BASE["one_atomic"])
    program["simulated"].clear()
    assert verb(tmp_path, "check") == 1
    assert program["simulated"][1:] == [(SEEDED, [CELL.format("padded")])], "what differs alone"
    said = capsys.readouterr().out
    assert CELL.format("padded") in said and "ns_per_op 3.5 → 45.2 (12.9×)" in said and "1 of 2 simulated" in said
    program["simulated"].clear()
    assert verb(tmp_path, "bless") == 0
    assert program["simulated"][1:] == [(SEEDED, [CELL.format("padded")])], "the others are kept"
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [CELL.format("padded"), "ns_per_op", "3.5", "45.2"] in rows
    assert [CELL.format("padded"), "line_transfers_per_op", "0", "1.97"] in rows and len(rows) == 4
    assert verb(tmp_path, "check") == 0
    assert [p.name for p in tmp_path.iterdir()] == ["g++-12.2.json"]


def test_what_other_seeds_give_as_well_is_not_worse(tmp_path, program, capsys):
    program["moves"] = lambda seed: 1 + seed / 20  # a cell that moves by half of its value
    verb(tmp_path, "bless")
    assert verb(tmp_path, "check") == 0
    program["now"] = of(padded=BASE["padded"], one_atomic=(0.9, 22.275, 0.0))
    assert verb(tmp_path, "check") == 0
    said = capsys.readouterr().out
    assert "no difference of more than 2% that 10 schedules on either side prove: ns_per_op 25.82 → 28.4 (1.1×), " \
           "from 21.26 … 30.38 to 23.39 … 33.41" in said
    program["now"] = of(padded=BASE["padded"], one_atomic=(0.9, 40.5, 0.0))
    assert verb(tmp_path, "check") == 1
    assert "ns_per_op 25.82 → 51.64 (2×) (medians of 10 schedules)" in capsys.readouterr().out
    program["now"] = of(padded=BASE["padded"], one_atomic=(0.9, 10.125, 0.0))
    assert verb(tmp_path, "check") == 0
    assert "improvement" in capsys.readouterr().out


def test_a_difference_that_is_not_worse_passes_and_is_told(tmp_path, program, capsys):
    verb(tmp_path, "bless")
    program["now"] = of(padded=BASE["padded"], one_atomic=(0.5, 12.0, 0.0))
    assert verb(tmp_path, "check") == 0
    said = capsys.readouterr().out
    assert "improvement" in said and "Nothing is worse" in said and "model_version" not in said
    program["now"] = of(padded=(0.0, 3.5, 0.5), one_atomic=(0.5, 12.0, 0.0))
    assert verb(tmp_path, "check") == 0
    assert "raise model_version" in capsys.readouterr().out, "most cells differ"


def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path, program, capsys, monkeypatch):
    verb(tmp_path, "bless")
    before = (tmp_path / "g++-12.2.json").read_bytes()
    program["now"] = of(padded=(1.0, 1.0, 1.0))
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device", "x")))
    assert verb(tmp_path, "bless") == 2
    assert "No space left" in capsys.readouterr().err
    assert (tmp_path / "g++-12.2.json").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_program_that_is_not_there_is_one_sentence(tmp_path):
    done = subprocess.run([sys.executable, "-m", "gate", "golden", "check", "--program", tmp_path / "none"], text=True,
                          capture_output=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'perf'}"})
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "none: cannot be run" in done.stderr


FILES = sorted(golden.FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_committed_files_hold_every_family(path):
    numbers = golden.read(path)
    assert path == golden.path_for(numbers)
    assert 60 <= len(numbers.cells) <= 130
    assert {name.split("/")[0] for name in numbers.cells} == {
        "critical_section", "keyed_counters", "read_mostly_map", "single_word", "store_load", "request_metrics", "increment",
        "producer_consumer", "published_config"}
    assert {name.rpartition(":")[2] for name in numbers.cells} == {"2", "4", "16"}
    assert all(one.fingerprint and one.judged.keys() == one.seeded.keys() == set(exact.JUDGED)
               and all(len(many) == golden.SCHEDULES for many in one.seeded.values()) for one in numbers.cells.values())
    assert 40 <= sum(bool(golden.QUICK.search(name)) for name in numbers.cells) < len(numbers.cells)


def test_this_build_gives_the_committed_numbers(capsys):
    build = os.environ.get("CONTEND_BUILD_DIR")
    if not build:
        pytest.skip("CONTEND_BUILD_DIR is not set: no program to simulate with")
    code = golden_verb.main(["check", "--quick", "--program", f"{build}/bin/contend"])
    said = capsys.readouterr()
    if code == 3:
        pytest.skip(said.err.strip())
    assert code == 0, said.out + said.err
    if "Nothing is worse" in said.out:
        with capsys.disabled():
            print("\n" + said.out)
