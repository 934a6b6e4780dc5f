# SPDX-License-Identifier: MIT
"""contend simulate: the same numbers in every run, known answers, and how it ends when something is wrong."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import jsonschema
import pytest

from support import BUILD, CONTEND, QUIET, SOURCE, cells_of, one_sentence, record_of, run, simulate, until, value, written_cells

TWIN = BUILD / "bin" / "contend-bench-simulated"
UNINSTRUMENTED = BUILD / "tests" / "benchmarks" / "uninstrumented"
PLANTED_TWIN = BUILD / "tests" / "benchmarks" / "planted_simulated"
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
NO_TIME = "--window-ms", "--repetitions", "--placement", "--events", "--latency-window-ms"


def by_threads(record, metric, primitive, **params):
    """{threads: value} of the record's cells of a primitive whose params hold those asked for."""
    return {c["threads"]: value(c, metric) for c in cells_of(record, "coherence")
            if c["primitive"] == primitive and params.items() <= c["params"].items()}


# Locks, waits in the kernel's name, blocks of the heap, thread_locals, somebody else's code.
VARIED = ("^(critical_section/(mcs|std_mutex|ttas_backoff)/inside_ns:0/outside_ns:0|increment/(unpadded|striped)|"
          "producer_consumer/(michael_scott|moodycamel_queue)/shape:n_to_n/.*burst:1/|published_config/rcu.*read_percent:90|"
          "read_mostly_map/(std_shared_mutex|xenium_left_right)/read_percent:90)")


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """The same cells from two programs in different folders, with different environments and numbers of processes."""
    first = tmp_path_factory.mktemp("first")
    second = tmp_path_factory.mktemp("second")
    deep = second / ("a folder with a long name " * 8) / "bin"
    deep.mkdir(parents=True)
    for name in ("contend", "contend-bench", "contend-bench-simulated"):
        shutil.copy(BUILD / "bin" / name, deep)
    chosen = ["--threads", "1,2,8,24", "--filter", VARIED, "--profile", "full"]
    one = simulate(first / "r", *chosen, jobs=1, env={"CONTEND_TEST_NOTHING": "x"})
    two = simulate(second / "r", *chosen, jobs=3, program=deep / "contend", cwd=deep,
                   env={"CONTEND_TEST_NOTHING": "x" * 50_000, "LC_ALL": "C", **{f"V{i}": "y" * i for i in range(300)}})
    return first / "r", second / "r", one, two


def test_two_runs_give_byte_identical_cells(twice):
    first, second, one, two = twice
    assert {c["primitive"] for c in cells_of(one, "coherence")} >= {"mcs", "std_mutex", "michael_scott", "unpadded"}
    assert all(value(c, "ns_per_op") is not None for c in cells_of(one, "coherence"))
    assert written_cells(first) == written_cells(second)
    for key in ("machine", "line_size", "seed", "compiler", "accesses"):
        assert one["environment"]["simulation"][key] == two["environment"]["simulation"][key]
    assert one["environment"]["simulation"]["accesses"] > 1_000_000


def test_the_record_is_what_the_schema_says_and_holds_nothing_measured(twice):
    record = twice[2]
    jsonschema.validate(record, json.loads((SOURCE / "perf" / "record" / "schema.json").read_text()))
    assert {c["lens"] for c in record["cells"]} == {"coherence"}
    assert record["run"]["complete"] is True and record["environment"]["counters"] is None
    assert record["environment"]["simulation"]["machine"]["name"] == "zen4"
    header = (SOURCE / "perf" / "coherence" / "model_version.hpp").read_text()
    assert record["environment"]["simulation"]["model_version"] == re.search(r'model_version = "(.+)"', header)[1]
    for cell in record["cells"]:  # one sample, no interval: nothing was drawn
        for metric in cell["metrics"].values():
            assert metric["ci_low"] is None and metric["ci_high"] is None
    shared = [c for c in record["cells"] if c["primitive"] == "unpadded" and c["threads"] > 1]
    assert shared and all(c["lines"] for c in shared)


@pytest.fixture(scope="module")
def counters(tmp_path_factory):
    """Padded and unpadded counters at every count, with lines of 64 bytes and of 128."""
    folder = tmp_path_factory.mktemp("counters")
    threads = ["--threads", ",".join(map(str, COUNTS))]
    return {64: simulate(folder / "64", "--filter", "^increment/(padded_64|padded_128|unpadded)/", *threads),
            128: simulate(folder / "128", "--filter", "^increment/(padded_64|padded_128)/", *threads, "--line", "128")}


@pytest.mark.parametrize("line, padded", [(64, "padded_64"), (64, "padded_128"), (128, "padded_128")])
def test_padded_counters_share_nothing_at_any_thread_count(counters, line, padded):
    nothing = dict.fromkeys(COUNTS, 0)
    for metric in ("false_sharing_per_op", "true_sharing_per_op", "invalidations_per_op", "upgrades_per_op"):
        assert by_threads(counters[line], metric, padded) == nothing


def test_unpadded_counters_share_falsely_and_only_falsely(counters):
    false = by_threads(counters[64], "false_sharing_per_op", "unpadded")
    assert false.pop(1) == 0
    assert set(false) == set(COUNTS[1:]) and all(share > 0.01 for share in false.values()), false
    assert by_threads(counters[64], "true_sharing_per_op", "unpadded") == dict.fromkeys(COUNTS, 0)


def test_what_is_padded_to_64_bytes_is_shared_on_lines_of_128(counters):
    assert counters[128]["environment"]["simulation"]["line_size"] == 128
    false = by_threads(counters[128], "false_sharing_per_op", "padded_64")
    # Where the first of them begins, in the middle of such a line or not, decides for two threads.
    assert false.pop(1) == 0 and all(share > 0.01 for threads, share in false.items() if threads > 2), false
    assert by_threads(counters[128], "true_sharing_per_op", "padded_64") == dict.fromkeys(COUNTS, 0)


@pytest.fixture(scope="module")
def locks(tmp_path_factory):
    """Locks held so long that everybody waits before the next hand-over, which makes one operation one hand-over."""
    folder = tmp_path_factory.mktemp("locks")
    return simulate(folder, "--profile", "full", "--threads", "2,4,8,16,32,64", "--filter",
                    "^critical_section/(mcs|clh|ticket|ttas)/inside_ns:1000/outside_ns:0/|^n_words/(cas|fetch_add)_relaxed/words:4/")


@pytest.mark.parametrize("queue_lock, transfers", [("mcs", 6), ("clh", 4)])
def test_a_queue_locks_hand_over_costs_the_same_at_any_thread_count(locks, queue_lock, transfers):
    seen = by_threads(locks, "line_transfers_per_op", queue_lock)
    for threads in (4, 8, 16, 32, 64):
        assert seen[threads] == pytest.approx(transfers, rel=0.05), seen


@pytest.mark.parametrize("spin_lock, transfers", [("ticket", lambda n: n), ("ttas", lambda n: n - 1)])
def test_a_spin_locks_hand_over_costs_a_transfer_per_waiter(locks, spin_lock, transfers):
    seen = by_threads(locks, "line_transfers_per_op", spin_lock)
    for threads in (2, 4, 8, 16, 32, 64):
        assert seen[threads] == pytest.approx(transfers(threads), rel=0.05), seen


def test_a_cas_loop_pays_more_with_every_doubling_and_an_addition_does_not(locks):
    loop = [by_threads(locks, "line_transfers_per_op", "cas_relaxed")[n] for n in (2, 4, 8, 16, 32, 64)]
    assert loop == sorted(set(loop)) and loop[-1] > 2 * loop[0], loop
    addition = by_threads(locks, "line_transfers_per_op", "fetch_add_relaxed")
    assert all(transfers < 1 for transfers in addition.values()), addition
    assert loop[-1] > 1.5 * addition[64]


def test_a_plan_names_the_cells_and_a_time_and_simulates_nothing(tmp_path):
    words = ["simulate", "--machine", "zen4", "--results", tmp_path, "--plan", "--family", "lock", "--threads", "1,64"]
    plan = run(*words)
    assert plan.returncode == 0 and "about" in plan.stdout and "zen4" in plan.stdout and "Rule:" in plan.stdout
    assert "not applicable" in plan.stdout and "trial" not in plan.stdout
    data = json.loads(run(*words, "--json").stdout)
    simulated = [c for c in data["simulation"]["cells"] if c["not_applicable"] is None]
    assert len(simulated) == data["simulated"] > 10 and data["cells"] == [] and data["measured"] == 0
    assert 0 < data["simulation"]["seconds"] < 600
    assert list(tmp_path.iterdir()) == []
    listed = run("simulate", "--machine", "zen4", "--list", "--family", "lock", "--threads", "64").stdout.split()
    assert listed and all(name.endswith("/threads:64") for name in listed)


def test_help_is_of_simulating():
    shown = run("simulate", "--help").stdout
    assert "Usage: contend simulate" in shown and "--machine" in shown and "zen4" in shown and "--jobs" in shown
    assert not [word for word in (*NO_TIME, "--lens", "--oversubscribe", "Google") if word in shown]
    assert all(word in run("bench", "--help").stdout for word in (*NO_TIME, "--lens", "--machine"))


REFUSED = [  # arguments, what the sentence must hold
    (["--machine", "zen5"], ["--machine", "'zen5'", "spr-2s", "zen4", "local"]),
    (["--machine", "/no/such/machine.json"], ["--machine", "/no/such/machine.json"]),
    (["--threads", "129"], ["--threads", "'129'", "1 to 128"]),
    (["--threads", "0"], ["--threads", "'0'", "1 to 128"]),
    (["--line", "96"], ["--line", "'96'", "64 or 128"]),
    (["--line", "wide"], ["--line", "'wide'", "64 or 128"]),
    (["--schedules", "0"], ["--schedules", "'0'", "1 to 1000"]),
    (["--seed", "x"], ["--seed", "'x'", "number"]),
    (["--seed", "-1"], ["--seed", "'-1'", "number"]),
    (["--seed", "99999999999999999999"], ["--seed", "'99999999999999999999'", "number"]),
    (["--jobs", "0"], ["--jobs", "'0'"]),
    (["--cell-limit", "0"], ["--cell-limit"]),
    (["--lens", "time"], ["--lens", "'time'", "contend bench"]),
    (["--window-ms", "3"], ["--window-ms", "contend bench"]),
    (["--repetitions", "3"], ["--repetitions", "contend bench"]),
    (["--benchmark_repetitions=3"], ["--benchmark_repetitions", "contend bench"]),
    (["--filter", "nothing_is_called_so"], ["no cell", "simulate"]),
    (["--primitive", "mcss"], ["--primitive", "'mcss'", "mcs"]),
    (["--nonsense"], ["--nonsense"]),
    (["--validate", "--plan"], ["--plan", "--validate"]),
    (["--validate", "--list"], ["--list", "--validate"]),
]


def refused(done, *parts):
    """Exit 2 with one sentence that holds all of these."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert one_sentence(done.stderr), done.stderr
    for part in parts:
        assert part in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words, parts", REFUSED, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_bad_input_is_one_sentence_and_exit_2(words, parts, tmp_path):
    refused(run("simulate", "--results", tmp_path, *words), "contend simulate: ", *parts)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_machine_file_is_told_with_file_line_and_key(tmp_path):
    shipped = json.loads((SOURCE / "perf" / "coherence" / "machines" / "zen4.json").read_text())
    file = tmp_path / "mine.json"

    def told(change):
        machine = json.loads(json.dumps(shipped))
        change(machine)
        file.write_text(json.dumps(machine, indent=1))
        done = run("simulate", "--machine", file)
        lines = file.read_text().splitlines()
        refused(done, "contend simulate: --machine: ", str(file))
        return done.stderr, lambda key: f"line {next(i for i, text in enumerate(lines, 1) if key in text)}"

    said, line_of = told(lambda m: m["cores"].update(value=1000))
    assert "cores" in said and "1000" in said and line_of('"cores"') in said
    said, _ = told(lambda m: m.pop("fence"))
    assert "'fence'" in said and "missing" in said
    said, line_of = told(lambda m: m.update(fences=1))
    assert "'fences'" in said and line_of('"fences"') in said
    said, line_of = told(lambda m: m["near"].pop("source"))
    assert "near" in said and "source" in said and line_of('"near"') in said
    file.write_text('{\n "name": "mine",\n "cores": {{\n}\n')
    refused(run("simulate", "--machine", file), str(file), "line 3")


def test_a_machine_has_only_so_many_cores(tmp_path):
    four = json.loads((SOURCE / "perf" / "coherence" / "machines" / "zen4.json").read_text())
    four["name"] = "four"
    four["cores"]["value"] = 4
    file = tmp_path / "four.json"
    file.write_text(json.dumps(four))
    refused(run("simulate", "--machine", file, "--threads", "8"), "--threads", "8", "1 to 4", "'four'")
    record = simulate(tmp_path / "r", "--filter", "^increment/unpadded/", machine=file)
    assert [c["threads"] for c in cells_of(record, "coherence")] == [1, 2, 4]


@pytest.fixture
def beside(tmp_path):
    """Puts a file where contend looks for the program with simulated threads; returns contend there."""
    def put(twin):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("contend", "contend-bench"):
            shutil.copy(BUILD / "bin" / name, folder)
        if isinstance(twin, str):
            (folder / TWIN.name).write_text(twin)
        elif twin is not None:
            shutil.copy(twin, folder / TWIN.name)
        if twin is not None:
            (folder / TWIN.name).chmod(0o755)
        return folder / "contend"
    return put


CHOSEN = ["--filter", "^increment/unpadded/", "--threads", "1,2", "--no-report", "--quiet"]


@pytest.mark.parametrize("twin, parts", [
    (None, ["there is no program", "contend_add_bench()"]),
    (pathlib.Path("/bin/true"), ["status 0", "did not greet"]),
    (pathlib.Path("/bin/cat"), ["it said", "greet"]),
    (UNINSTRUMENTED, ["contend_simulated()", "do not come to the simulation"]),
    ("#!/bin/sh\nkill -SEGV $$\n", ["signal 11"]),
    ("#!/bin/sh\nexec 1>&-\nexec sleep 100\n", ["closed its output"]),
    ("no program at all\n", ["cannot be executed"]),
], ids=["nothing", "true", "cat", "uninstrumented", "dies", "silent", "text"])
def test_what_cannot_simulate_is_told_in_one_sentence(beside, tmp_path, twin, parts):
    program = beside(twin)
    results = tmp_path / "results"
    refused(run("simulate", "--machine", "zen4", "--results", results, *CHOSEN, program=program), "contend simulate: ",
            str(program.parent / TWIN.name), *parts)
    refused(run("bench", "--lens", "coherence", "--machine", "zen4", "--results", results, *CHOSEN, program=program),
            "contend bench: --lens coherence: ", *parts)
    assert not results.exists()
    plan = run("bench", "--plan", "--family", "counter", program=program)  # where it was not chosen, the rest is done
    assert plan.returncode == 0 and "not simulated: " in plan.stderr and one_sentence(plan.stderr)


GREETS = "#!/bin/sh\nread line\necho '{\"simulates\":1}'\n"


@pytest.mark.parametrize("then, caveat, part", [
    ("while read line; do echo '{\"cell\": 1, \"done\": [1]}'; done\n", "crashed", "not understood"),
    ("while read line; do echo nonsense; done\n", "crashed", "left"),
    ("read line; exit 3\n", "crashed", "left"),
    ("exec sleep 100\n", "timeout", "0.5 s"),
], ids=["other words", "nonsense", "leaves", "hangs"])
def test_a_program_that_fails_later_costs_its_cells(beside, tmp_path, then, caveat, part):
    limit = "0.5" if caveat == "timeout" else "60"
    done = run("simulate", "--machine", "zen4", "--results", tmp_path / "r", "--cell-limit", limit, *CHOSEN,
               program=beside(GREETS + then))
    assert "Traceback" not in done.stderr and "exception" not in done.stderr
    assert done.returncode == 4, "nothing was simulated"
    cells = cells_of(record_of(tmp_path / "r"), "coherence")
    assert len(cells) == 2
    for cell in cells:
        assert caveat in cell["caveats"] and part in cell["details"][caveat], cell
        assert all(m["value"] is None for m in cell["metrics"].values())


# The real one, but for two threads.
BUT_FOR_TWO = f"""#!/usr/bin/env python3
import subprocess, sys
real = subprocess.Popen(["{TWIN}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def ask(line):
    real.stdin.write(line)
    real.stdin.flush()
    return real.stdout.readline()
for line in iter(sys.stdin.readline, ""):
    if "greet" in line:
        real.stdin.write(line)
        real.stdin.close()
        print(real.stdout.read(), end="", flush=True)
        sys.exit(0)
    if "threads:2" in line:
        OTHERWISE
    print(ask(line), end="", flush=True)
"""


@pytest.mark.parametrize("otherwise, caveat, status", [
    ("sys.exit(3)", "crashed", 0),
    ("import time; time.sleep(100)", "timeout", 0),
    ("print('{\"cell\": 1, \"caveat\": \"check_failed\", \"why\": \"2 and 2 is 5\"}', flush=True); continue", "check_failed", 4),
], ids=["crash", "time limit", "wrong result"])
def test_a_fault_costs_its_cell_and_a_wrong_result_makes_the_run_invalid(beside, tmp_path, otherwise, caveat, status):
    program = beside(BUT_FOR_TWO.replace("OTHERWISE", otherwise))
    # What hangs must outlast the limit, and the other cell must not.
    done = until(lambda done: "1 cells simulated" in done.stdout, lambda limit: run(
        "simulate", "--machine", "zen4", "--results", tmp_path / "r", "--cell-limit", limit, "--seed", "0", *CHOSEN,
        program=program), (8, 60) if caveat == "timeout" else (60,))
    assert done.returncode == status, done.stdout + done.stderr
    assert f"1 cells simulated, 1 {caveat}" in done.stdout
    one, two = sorted(cells_of(record_of(tmp_path / "r"), "coherence"), key=lambda c: c["threads"])
    assert value(one, "ns_per_op") > 0 and one["caveats"] == []
    assert value(two, "ns_per_op") is None and two["caveats"] == [caveat]


@pytest.mark.parametrize("workload, part", [
    ("leaves", "exit status 3"), ("leaves_well", "exit status 0"), ("throws_a_number", "no std::exception"), ("dies", "signal 11")])
def test_a_cell_that_ends_without_an_answer_has_crashed(workload, part):
    machine = json.loads((SOURCE / "perf" / "coherence" / "machines" / "zen4.json").read_text())
    cells = [f"{one}/planted/threads:1" for one in (workload, "fine")]
    asked = [{"machine": machine, "threads": [1]}, *({"cell": cell, "seed": 0} for cell in cells)]
    done = subprocess.run([PLANTED_TWIN], input="".join(json.dumps(line) + "\n" for line in asked), capture_output=True, text=True,
                          timeout=240)
    greeting, crashed, fine = map(json.loads, done.stdout.splitlines())
    assert greeting == {"simulates": 1} and done.returncode == 0
    assert crashed["cell"] == cells[0] and crashed["caveat"] == "crashed" and part in crashed["why"], crashed
    assert fine["cell"] == cells[1] and sum(fine["done"]) > 0


def test_the_program_itself_says_who_it_is_for():
    done = run(program=TWIN)
    refused(done, "contend simulate")


def processes_of(session):
    return subprocess.run(["ps", "-o", "pid=,args=", "-s", str(session)], capture_output=True, text=True).stdout


def test_ctrl_c_keeps_what_was_finished(tmp_path):
    process = subprocess.Popen([str(CONTEND), "simulate", "--machine", "zen4", "--jobs", "2", "--results", str(tmp_path),
                                "--no-report", "--family", "lock", "--profile", "full", "--seed", "1"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stderr:  # with one schedule a cell, the first progress line comes with the first cell
        if re.match(r"[1-9]\d* of \d+ cells finished", line):
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the simulating processes too
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130, out + err
    assert "interrupted" in err and "partial_run" in out
    record = record_of(tmp_path)
    assert record["run"]["complete"] is False and record["run"]["finished"]
    jsonschema.validate(record, json.loads((SOURCE / "perf" / "record" / "schema.json").read_text()))
    states = {}
    for cell in cells_of(record, "coherence"):
        if value(cell, "ns_per_op") is not None:
            assert not cell["caveats"]
            states["finished"] = states.get("finished", 0) + 1
        else:
            assert set(cell["caveats"]) & {"partial_run", "not_applicable"}, cell
            for caveat in cell["caveats"]:
                states[caveat] = states.get(caveat, 0) + 1
    assert states["finished"] >= 1 and states["partial_run"] >= 100, states
    deadline = time.monotonic() + 60
    while (left := processes_of(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, "a process outlived the run"
