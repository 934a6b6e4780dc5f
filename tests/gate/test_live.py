# SPDX-License-Identifier: MIT
"""Recording A/A pairs of a program, and whole gates of two programs with a known answer."""
import math
from contextlib import contextmanager

import numpy as np
import programs
import pytest
from gate import live, recording
from gate.__main__ import arguments, main
from gate.choice import Asked
from gate.points import ToolError
from programs import Planted, Told, cell

CELLS = [cell(i, family) for family in ("lock", "queue") for i in range(3)]
NAMES = {f"work/p{i}/threads:1": ("lock", 1, {}, "main") for i in range(4)}


def planted(monkeypatch, *sides, cells=CELLS):
    """The programs that live.copies() makes, in memory; one dictionary of traits each."""
    clock = programs.Clock()
    made = [Planted(cells, clock, seed=i, path=f"/{i}/bench", **traits) for i, traits in enumerate(sides)]

    @contextmanager
    def copies(paths):
        assert len(paths) == len(made)
        yield made

    monkeypatch.setattr(live, "copies", copies)
    return clock, made


def test_programs_are_copied_to_paths_of_equal_length(tmp_path):
    path = programs.contend(tmp_path / "bench", NAMES)
    with live.copies([path, path, path]) as made:
        assert len({len(str(program.path)) for program in made}) == 1 and len({program.path for program in made}) == 3
        assert {program.cwd for program in made} == {made[0].path.parents[1]}
        assert made[2].point(made[2].cells()[0]).value == 11.0
    assert not made[0].path.exists()
    with pytest.raises(ToolError, match="none: cannot be copied"), live.copies([tmp_path / "none"]):
        pass


def test_a_recording_has_every_cell_in_every_round(monkeypatch, tmp_path):
    clock, (base, head) = planted(monkeypatch, {}, {"slow": {CELLS[0].key.name: 2.0}})
    found = live.record(tmp_path, 8, Asked(most_cells=4), Told(), clock)
    assert found.base.shape == found.head.shape == found.head_first.shape == (4, 8)
    assert list(found.keys) == sorted(found.keys) and {key.family for key in found.keys} == {"lock", "queue"}
    assert len(base.asked) == len(head.asked) == 32 and base.asked[:4] != base.asked[4:8]
    assert 0 < found.head_first.sum() < 32 and not np.isnan(found.log_ratios()).any()
    again = planted(monkeypatch, {}, {"slow": {CELLS[0].key.name: 2.0}})[0]
    np.testing.assert_array_equal(live.record(tmp_path, 8, Asked(most_cells=4), Told(), again).base, found.base)


def test_points_that_fail_are_missing_and_cells_that_always_fail_are_left_out(monkeypatch, tmp_path):
    sometimes = {CELLS[1].key.name: lambda program: "crashed" if len(program.asked) % 3 else "",
                 CELLS[2].key.name: "crashed"}
    clock, _ = planted(monkeypatch, {"fails": sometimes}, {})
    found = live.record(tmp_path, 12, Asked(), Told(), clock)
    assert set(found.keys) == {c.key for c in CELLS} - {CELLS[2].key}
    missing = np.isnan(found.log_ratios()).sum(axis=1)
    assert 0 < missing[found.keys.index(CELLS[1].key)] < 12 and missing.sum() == missing.max()


def test_time_and_control_c_end_it_after_a_whole_round(monkeypatch, tmp_path):
    clock, _ = planted(monkeypatch, {}, {})
    assert live.record(tmp_path, 100, Asked(budget_s=6.0), Told(), clock).base.shape == (6, 5)  # 1.2 s each

    class Impatient(Told):
        def step(self, text):
            super().step(text)
            if len(self.steps) == 15:
                raise KeyboardInterrupt

    clock, _ = planted(monkeypatch, {}, {})
    tell = Impatient()
    assert live.record(tmp_path, 100, Asked(), tell, clock).base.shape == (6, 2)
    assert tell.said == ["interrupted; 2 whole rounds are kept"]
    for traits, cells in (({"takes": 1e9}, CELLS), ({}, [])):
        clock, _ = planted(monkeypatch, traits, {}, cells=cells)
        with pytest.raises(ToolError):
            live.record(tmp_path, 0 if cells else 5, Asked(), Told(), clock)


def test_record_is_a_verb(tmp_path, capsys):
    path = programs.contend(tmp_path / "bench", NAMES)
    out = tmp_path / "deep" / "aa.csv.gz"
    assert main(["record", "--program", str(path), "--rounds", "2", "--most", "3", "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out == f"{out}: 3 cells, 2 rounds\n"
    read = recording.read(out)
    assert read.base.shape == (3, 2) and (read.base == 11).all()
    assert main(["record", "--program", str(path), "--out", "/proc/none/x.csv.gz"]) == 2
    assert main(["record", "--program", str(tmp_path / "none"), "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize("words", [["--most", "0"], ["--rounds", "none"], ["--budget", "-3"], ["--filter", "("],
                                   ["--threads", "0"]])
def test_bad_choices_are_one_sentence(words, capsys):
    with pytest.raises(SystemExit) as left:
        arguments().parse_args(["record", "--program", "x", "--out", "y", *words])
    assert left.value.code == 2
    assert f"argument {words[0]}: '{words[1]}'" in capsys.readouterr().err


def gates(monkeypatch, capsys, *words, base=None, head=None):
    clock, _ = planted(monkeypatch, base or {}, head or {}, base or {})
    monkeypatch.setattr(live.gates, "__defaults__", (clock,))
    code = main(["study", "--live", "a", "b", "--runs", "3", "--budget", "10m", "--quiet", *words])
    return code, capsys.readouterr().out


def test_live_gates_of_a_slowed_program(monkeypatch, capsys):
    head = {"slow": {c.key.name: 1.25 for c in CELLS if "/p1/" in c.key.name}}
    code, out = gates(monkeypatch, capsys, "--slowed", "/p1/", head=head)
    assert code == 0 and out.endswith("3 live gates: 3 times exit 1.\nUnchanged cells called slower: 0, in 0 of 3 runs.\n"
                                      "Slowed cells: 6 regression, 0 inconclusive, 0 pass.\n")
    assert out.count("slowed: lock_work/p1/threads:2: regression, +2") == 3


def test_a_slowed_cell_that_passes_is_exit_1(monkeypatch, capsys):
    code, out = gates(monkeypatch, capsys, "--slowed", "/p1/")
    assert code == 1 and out.endswith("Slowed cells: 0 regression, 0 inconclusive, 6 pass.\n")
    assert gates(monkeypatch, capsys, "--slowed", "none such")[0] == 3


def test_gates_that_compare_nothing_are_exit_3(monkeypatch, capsys):
    fails = {"fails": {c.key.name: "crashed" for c in CELLS}}
    for words in ((), ("--most-red", "1"), ("--slowed", "/p1/")):
        code, out = gates(monkeypatch, capsys, *words, base=fails)
        assert code == 3 and "3 times exit 3" in out and out.endswith("Nothing was compared in any of them.\n")


def test_false_regressions_are_counted(monkeypatch, capsys):
    code, out = gates(monkeypatch, capsys, "--most-red", "0")
    assert code == 0 and "Unchanged cells called slower: 0, in 0 of 3 runs." in out and "median pair noise 2." in out
    head = {"slow": {CELLS[0].key.name: math.e}}
    code, out = gates(monkeypatch, capsys, "--most-red", "2", head=head)
    assert code == 1 and "Unchanged cells called slower: 3, in 3 of 3 runs." in out and "     red: lock_work/p0" in out
    assert gates(monkeypatch, capsys, "--most-red", "3", head=head)[0] == 0


def test_a_run_whose_control_is_rejected_says_so(monkeypatch, capsys):
    clock, _ = planted(monkeypatch, {}, {}, {"slow": {c.key.name: 1.1 for c in CELLS}})
    monkeypatch.setattr(live.gates, "__defaults__", (clock,))
    assert main(["study", "--live", "a", "b", "--runs", "1", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "  1  exit 4" in out and "The control says that this run cannot be trusted" in out


def test_control_c_tells_what_was_finished(monkeypatch, capsys):
    def interrupt(program, _):
        if len(program.asked) == 100:
            raise KeyboardInterrupt

    code, out = gates(monkeypatch, capsys, head={"hook": interrupt})
    assert code == 130 and "live gates: " in out


def test_a_program_that_is_gone_is_exit_2_after_the_summary(monkeypatch, capsys):
    def gone(program, _):
        if len(program.asked) == 100:
            raise ToolError("/1/bench: cannot be run (No such file or directory).")

    clock, _ = planted(monkeypatch, {}, {"hook": gone}, {})
    monkeypatch.setattr(live.gates, "__defaults__", (clock,))
    assert main(["study", "--live", "a", "b", "--runs", "3", "--budget", "10m", "--quiet"]) == 2
    said = capsys.readouterr()
    assert "live gates: " in said.out and said.err == "contend: /1/bench: cannot be run (No such file or directory).\n"


def test_what_nobody_thought_of_is_no_regression(monkeypatch, capsys):
    monkeypatch.setattr(live, "run_live", lambda options: [][0])
    assert main(["study", "--live", "a", "b"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("Traceback") and said[-1].startswith("contend: a fault of contend's own (IndexError: ")
