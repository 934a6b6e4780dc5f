# SPDX-License-Identifier: MIT
"""One process run, one point: programs that answer, refuse, hang, crash and talk nonsense; and the built ones."""
import json
import os
import pathlib
import signal
import subprocess
import time

import programs
import pytest
from gate import processes
from gate.model import Key
from gate.points import Cell, Point, Program, ToolError, google_point

BUILD = os.environ.get("CONTEND_BUILD_DIR")
needs_build = pytest.mark.skipif(not BUILD, reason="CONTEND_BUILD_DIR is not set; ctest sets it")

CELLS = {"work/a/threads:1": ("lock", 1, {"x": 1}, "main"), "work/b/threads:2": ("lock", 2, {"x": 2}, "whole"),
         "work/c/threads:8": ("queue", 8, {}, "none"), "work/d/threads:3": ("queue", 3, {}, "ends")}


def contend(tmp_path, answers=None):
    return Program(programs.contend(tmp_path / "a" / "bench", CELLS, answers), tmp_path)


def of(program, word):
    return next(cell for cell in program.cells(threads=(1, 2, 3, 8)) if f"/{word}/" in cell.key.name)


def answered(tmp_path, answer, **limits):
    program = contend(tmp_path, {"work/a/threads:1": answer})
    return program.point(of(program, "a"), **limits)


def test_cells_are_listed_with_what_a_gate_must_know(tmp_path):
    program = contend(tmp_path)
    assert program.kind == "contend"
    cells = program.cells()
    assert [cell.key.name for cell in cells] == ["work/a/threads:1", "work/b/threads:2"]  # of 4 processors: 1, 2, 4
    assert cells[0] == Cell(Key("time", "lock", "work/a/threads:1", "compact"), 1, {"x": 1}, None, 0, "")
    assert [cell.rank for cell in program.cells(threads=(1, 2, 3, 8))] == [0, 1, 3, 2]
    assert of(program, "c").oversubscribed == "8 threads on 4 usable processors."


def test_a_pattern_chooses_and_a_minus_turns_it_round(tmp_path):
    program = contend(tmp_path)
    assert [c.key.name for c in program.cells("/[ab]/", (1, 2, 3))] == ["work/a/threads:1", "work/b/threads:2"]
    assert [c.key.name for c in program.cells("-/[ab]/", (1, 2, 3))] == ["work/d/threads:3"]
    assert program.cells("nothing is called so") == []
    with pytest.raises(ToolError, match=r"--cells: '\(' is not a regular expression: .*\.$"):
        program.cells("(")


def test_a_point_is_the_median_of_its_trials(tmp_path):
    assert answered(tmp_path, {"ns_per_op": [30.0, 10.0, 20.0]}) == Point(20.0)
    assert answered(tmp_path, {"ns_per_op": [30.0, None, 20.0]}) == Point(30.0)  # one in which nothing got done


def test_a_program_is_asked_for_what_was_asked(tmp_path):
    said = tmp_path / "said.json"
    point = answered(tmp_path, f"open({str(said)!r}, 'w').write(json.dumps([words, sorted(os.environ), os.getcwd()]))\n"
                               "print(json.dumps({'ns_per_op': [1.0]}))", window_ms=5, trials=4, limit_s=7)
    words, variables, cwd = json.loads(said.read_text())
    assert point == Point(1.0) and cwd == str(tmp_path)
    assert words == ["--point", "work/a/threads:1", "--window-ms", "5", "--trials", "4", "--placement", "compact",
                     "--cell-limit", "7"]
    assert not {"PWD", "OLDPWD", "_", "CONTEND_WORKER_FD"} & set(variables)


@pytest.mark.parametrize("answer, caveat, words", [
    ({"caveat": "check_failed", "sentence": "2 and 2 is 5"}, "check_failed", "2 and 2 is 5"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "the process died of signal 11 (SIGSEGV)"),
    ("sys.exit('oh no.')", "crashed", "exit 1: oh no"),
    ("print('nonsense')", "crashed", "exit 0: nonsense"),
    ("print('[]')", "crashed", "exit 0: []"),
    ("pass", "crashed", "exit 0"),
    ({"ns_per_op": []}, "crashed", "exit 0"),
    ({"ns_per_op": [0.0]}, "not_counted", "0 ns per operation is no time"),
    ("print('{\"ns_per_op\": [NaN]}')", "not_counted", "nan ns"),
    ({"ns_per_op": [None, 3.0, None]}, "not_counted", "no operation was done"),
])
def test_what_goes_wrong_is_told(tmp_path, answer, caveat, words):
    found = answered(tmp_path, answer)
    assert (found.value, found.caveat) == (None, caveat) and found.sentence.startswith(words)


def runs(pid):
    """Whether a process does, apart from a zombie that nobody has buried yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.01)


CHILD = ("import subprocess\n"
         "one = subprocess.Popen(['sleep', '1000'])\n"  # which has its parent's standard output
         "open({0!r} + '.new', 'w').write(str(one.pid))\n"
         "os.rename({0!r} + '.new', {0!r})\n")


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr("gate.points.GRACE_S", 0.1)
    child = tmp_path / "child"
    for limit_s in (1.0, 10.0, 60.0):  # a busy machine needs longer until the child is there
        found = answered(tmp_path, CHILD.format(str(child)) + "time.sleep(1000)", limit_s=limit_s)
        assert found.caveat == "timeout" and found.value is None
        if child.exists():
            break
    until(lambda: not runs(int(child.read_text())))


@pytest.mark.parametrize("end, caveat", [("os.kill(os.getpid(), signal.SIGSEGV)", "crashed"),
                                         ("print(json.dumps({'ns_per_op': [1.0]}))", "")])
def test_what_a_program_leaves_behind_ends_with_its_point(tmp_path, end, caveat):
    child = tmp_path / "child"
    found = answered(tmp_path, CHILD.format(str(child)) + end, limit_s=60.0)
    assert found.caveat == caveat  # and not "timeout", though the child could still have said something
    until(lambda: not runs(int(child.read_text())))


def test_a_signal_while_a_program_is_being_started_leaves_none(tmp_path, monkeypatch):
    program, made = contend(tmp_path), []

    class Interrupted(subprocess.Popen):
        def __init__(self, words, **more):
            super().__init__(words, **more)
            made.append(self)
            if words[0] == str(program.path):
                os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt), processes.interruptible():
        program.cells()
    assert len(made) == 2 and all(one.returncode is not None for one in made)


def test_what_cannot_be_run_or_listed_is_one_sentence(tmp_path):
    with pytest.raises(ToolError, match=r"/none: cannot be run \(No such file or directory\)\.$"):
        Program(tmp_path / "none", tmp_path)
    broken = programs.write(tmp_path / "broken", "import sys; sys.exit('not today')")
    with pytest.raises(ToolError, match="broken: cannot list its cells: exit 1: not today.$"):
        Program(broken, tmp_path).cells()
    old = programs.write(tmp_path / "old", "import sys; print('contend 0' if '--version' in sys.argv else '{\"cells\": []}')")
    with pytest.raises(ToolError, match="old: is of another version"):
        Program(old, tmp_path).cells()


# Google Benchmark, any program that is linked with it.

GOOGLE = """
    import json, sys
    unit_wanted = {unit_wanted}
    flags = dict(w.split("=", 1) if "=" in w else (w, "true") for w in sys.argv[1:])
    if "--version" in flags:
        sys.exit("error: unrecognized command-line flag: --version")
    if flags.get("--benchmark_list_tests") == "true":
        print("BM_copy/8\\nBM_lock<int>/threads:2\\nBM_lock<int>/threads:64/manual_time\\nBM_(odd)+[a]{{2}}|$^")
        sys.exit()
    time = flags["--benchmark_min_time"]
    if time.endswith("s") != unit_wanted:
        sys.exit("error: --benchmark_min_time=" + time + " is expected to be a double, but actually is ...")
    print("# a line of the program's own")
    runs = json.loads({runs!r})
    print(json.dumps({{"context": {{"library_version": "v1.9.1"}}, "benchmarks": runs,
                      "said": flags}}, indent=1))
    """
RUN = {"run_type": "iteration", "real_time": 2.5, "cpu_time": 9.0, "time_unit": "us"}


def google(tmp_path, runs, unit_wanted=True):
    return Program(programs.write(tmp_path / "g" / "bench", GOOGLE.format(unit_wanted=unit_wanted, runs=json.dumps(runs))),
                   tmp_path)


def test_a_google_benchmark_program_is_recognized_and_listed(tmp_path):
    program = google(tmp_path, [])
    assert program.kind == "google"
    cells = program.cells()
    assert [(c.key.family, c.threads, bool(c.oversubscribed)) for c in cells] == [
        ("BM_copy", 1, False), ("BM_lock", 2, len(os.sched_getaffinity(0)) < 2), ("BM_lock", 64, len(os.sched_getaffinity(0)) < 64),
        ("BM_(odd)+[a]{2}|$^", 1, False)]
    assert [c.key.name for c in program.cells("lock", (2,))] == ["BM_lock<int>/threads:2"]


@pytest.mark.parametrize("unit_wanted", [True, False], ids=["1.8", "1.7"])
def test_both_spellings_of_the_least_time_are_tried(tmp_path, unit_wanted):
    program = google(tmp_path, [RUN, {**RUN, "real_time": 4.0}, {**RUN, "real_time": 3.0},
                                {"run_type": "aggregate", "aggregate_name": "mean", "real_time": 99.0}], unit_wanted)
    for _ in range(2):
        assert program.point(program.cells()[0]) == Point(3000.0)
    assert program.benchmark_version == "v1.9.1"


@pytest.mark.parametrize("runs, point", [
    ([{**RUN, "time_unit": "ns"}], Point(2.5)),
    ([{**RUN, "time_unit": "s"}], Point(2.5e9)),
    ([{"real_time": 7.0}], Point(7.0)),  # before 1.5 there was no run_type
    ([RUN, {**RUN, "error_occurred": True, "error_message": "no file"}], Point(None, "check_failed", "no file")),
    ([{**RUN, "skipped": True, "skip_message": "not here"}], Point(None, "skipped", "not here")),
    ([], Point(None, "not_counted", "the program ran no repetition of it")),
    ([{"run_type": "aggregate", "real_time": 1.0}], Point(None, "not_counted", "the program ran no repetition of it")),
    ([{**RUN, "real_time": 0.0}], Point(None, "not_counted", "0 ns per operation is no time"))])
def test_what_google_benchmark_tells(runs, point):
    assert google_point(runs) == point


def test_what_is_no_answer_of_google_benchmark(tmp_path):
    for text in ("", "{", "{}", '{"benchmarks": 3}', '{"benchmarks": [{"time_unit": "h", "real_time": 1}]}'):
        path = programs.write(tmp_path / "x", f"import sys; print({text!r} if '--benchmark_format=json' in sys.argv else 'BM')")
        program = Program(path, tmp_path)
        assert program.point(program.cells()[0]).caveat == "crashed", text


def test_names_are_filtered_for_letter_by_letter(tmp_path):
    said = tmp_path / "said"
    path = programs.write(tmp_path / "x", f"""
        import sys
        open({str(said)!r}, "w").write("\\n".join(sys.argv))
        print("BM_(odd)+[a]{{2}}|$^\\\\")
        """)
    program = Program(path, tmp_path)
    program.point(program.cells()[0])
    assert r"--benchmark_filter=^BM_\(odd\)\+\[a\]\{2\}\|\$\^\\$" in said.read_text().splitlines()


# The built programs. On a busy machine a thread may get nothing done in a trial this short, which is then not counted.

def counted(point):
    """The first of 20 points in which something was counted."""
    for _ in range(20):
        found = point()
        if found.caveat != "not_counted":
            break
    return found


@needs_build
def test_a_point_of_the_suite():
    program = Program(pathlib.Path(BUILD) / "bin" / "contend-bench", pathlib.Path(BUILD))
    assert program.kind == "contend"
    cells = program.cells("^(empty|critical_section)/", (1,))
    assert {cell.key.family for cell in cells} == {"apparatus", "lock"} and {cell.threads for cell in cells} == {1}
    assert all(len(cell.fingerprint) == 16 for cell in cells)
    mcs = next(c for c in cells if c.key.name == "critical_section/mcs/inside_ns:0/outside_ns:0/threads:1")
    assert mcs.params == {"inside_ns": 0, "outside_ns": 0} and mcs.rank <= 1
    found = counted(lambda: program.point(mcs, window_ms=5, trials=2))
    assert found.caveat == "" and found.value > 0


@needs_build
@pytest.mark.parametrize("workload, caveat, words", [
    ("fine", "", ""), ("deadlock", "timeout", "no end 2000 ms after the stop flag was raised; the process ended itself"),
    ("spins_for_ever", "timeout", "no end 2000 ms"), ("crashes", "crashed", "the process died of signal 11 (SIGSEGV)"),
    ("throws_a_thing", "crashed", "the workload threw: out of planted things"),
    ("wrong", "check_failed", "two and two is 5, expected 4"),
    ("idle", "not_counted", "no operation finished within a trial's window")])
def test_planted_faults_cost_their_point(workload, caveat, words, monkeypatch):
    monkeypatch.setattr("gate.points.GRACE_S", 60.0)  # it is the program that says so
    program = Program(pathlib.Path(BUILD) / "tests" / "benchmarks" / "planted_bench", pathlib.Path(BUILD))
    cell = next(iter(program.cells(f"^{workload}/", (2,))))
    def point():
        return program.point(cell, window_ms=2, trials=2, limit_s=2.0)

    found = point() if workload == "idle" else counted(point)
    assert found.caveat == caveat and found.sentence.startswith(words) and (found.value is None) == bool(caveat)


@needs_build
def test_a_real_google_benchmark_program():
    program = Program(pathlib.Path(BUILD) / "tests" / "gate" / "google_bench", pathlib.Path(BUILD))
    assert program.kind == "google"
    cells = {cell.key.name: cell for cell in program.cells()}
    assert set(cells) == {"BM_quick/8", "BM_manual/manual_time", "BM_refuses", "BM_crowd/threads:2", "BM_dies"}
    assert program.point(cells["BM_quick/8"], window_ms=1).value > 0
    assert program.point(cells["BM_manual/manual_time"], window_ms=1).value == pytest.approx(4e6)
    assert program.point(cells["BM_refuses"], window_ms=1) == Point(None, "check_failed", "not on this machine")
    assert program.point(cells["BM_crowd/threads:2"], window_ms=1).value > 0
    assert program.point(cells["BM_dies"], window_ms=1).caveat == "crashed"
