# SPDX-License-Identifier: MIT
"""contend history: points by commit, what a change is against, breaks, table, CSV, picture; and the programs that add runs."""
import csv
import io
import json
import os
import pathlib
import re
import subprocess
import sys

import fakes
import history
import pytest
from cases import everything
from gate import __main__ as gate
from gate import document, machine
from gate.judge import judge
from history import series, source, store, table
from history.__main__ import main
from history_cases import cell, record, simple

ROOT = pathlib.Path(__file__).parents[2]
BUILD = os.environ.get("CONTEND_BUILD_DIR")


@pytest.fixture
def results(tmp_path):
    """A folder with a history of 12 runs of 11 commits; the last three after another kernel came."""
    folder = tmp_path / "results"
    for i, ns in enumerate((10.0, 10.1, 9.9, 10.0, 10.2, 10.0, 9.8, 15.0)):
        assert history.append(folder, simple(i, ns))
    assert history.append(folder, simple(8, 15.4, commit=f"{7:010x}"))
    for i, ns in ((9, 20.0), (10, 20.1), (11, 25.0)):
        assert history.append(folder, simple(i, ns, system={"kernel": "6.9.3"}))
    return folder


def lines_of(folder, **asked):
    with store.History(folder / store.NAME, read_only=True) as opened:
        return series.build(opened.select("ns_per_op", **asked))


def shown(folder, capsys, *words):
    code = main(["--results", str(folder), *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_points_are_commits_in_order_with_breaks(results):
    timed, simulated = lines_of(results)
    assert (timed.lens, simulated.lens) == ("time", "coherence")
    assert [p.label for p in timed.points] == [f"{i:010x}" for i in (*range(8), 9, 10, 11)]
    assert [p.value for p in timed.points] == [10.0, 10.1, 9.9, 10.0, 10.2, 10.0, 9.8, 15.0, 20.0, 20.1, 25.0]
    assert [p.segment for p in timed.points] == [0] * 8 + [1] * 3, "another kernel"
    assert timed.points[7].runs == 2 and timed.points[7].ci_low == 15.0 * 0.99, "of two runs the lower, with its interval"
    assert {p.segment for p in simulated.points} == {0}, "where it was simulated does not matter"
    assert timed.change == pytest.approx(25.0 / 20.1 - 1) and not timed.within_noise
    assert simulated.change == 0


def test_runs_with_uncommitted_changes_stay_apart(tmp_path):
    for i, (ns, dirty) in enumerate(((10.0, False), (11.0, True), (12.0, True), (13.0, None))):
        history.append(tmp_path, simple(i, ns, commit="a" * 10, dirty=dirty))
    assert [p.label for p in lines_of(tmp_path)[0].points] == ["a" * 10, "a" * 10 + "+", "a" * 10 + "+", "a" * 10 + "?"]


def test_other_compilers_break_the_line(tmp_path):
    for i, compiler in enumerate(("GNU 12.2.0", "GNU 12.2.0", "Clang 14.0.6")):
        history.append(tmp_path, simple(i, 10.0 + i, compiler=compiler))
    (timed, _) = lines_of(tmp_path)
    assert [p.segment for p in timed.points] == [0, 0, 1] and timed.change is None and table.change_words(timed) == "moved"


def test_other_model_versions_break_simulated_lines_alone(tmp_path):
    for i, version in enumerate("112"):
        history.append(tmp_path, simple(i, 10.0, simulation={"model_version": version}))
    timed, simulated = lines_of(tmp_path)
    assert [p.segment for p in timed.points] == [0, 0, 0] and [p.segment for p in simulated.points] == [0, 0, 1]


def test_where_a_machine_file_s_figures_are_from_does_not_matter():
    one = simple(1, 1.0)["environment"]["simulation"]
    two = json.loads(json.dumps(one))
    two["machine"]["near"]["request"]["source"] = "another book"
    assert source.simulated(one) == source.simulated(two)
    two["machine"]["near"]["request"]["value"] = 5
    assert source.simulated(one) != source.simulated(two)


def test_a_gate_and_a_run_of_one_machine_are_of_one_machine():
    """A gate by time reads what it can; a program also asks the hypervisor for its name."""
    told = simple(1, 1.0)["environment"]
    named, vendor, bare = (dict(told, system={**told["system"], "hypervisor": word}) for word in ("KVM", "Amazon EC2", None))
    assert source.host(named) == source.host(vendor) != source.host(bare)
    assert source.host(dict(told, cpu={**told["cpu"], "governor": "powersave"})) != source.host(told)
    here = source.host(machine.environment())
    if not BUILD:
        pytest.skip("CONTEND_BUILD_DIR is not set: no program to ask")
    done = subprocess.run([f"{BUILD}/bin/contend", "doctor", "--json"], capture_output=True, text=True, timeout=120)
    assert here == source.host(json.loads(done.stdout)["environment"]), done.stderr


def test_the_table(results, capsys):
    code, out, err = shown(results, capsys, "--lens", "time")
    assert (code, err) == (0, "")
    head, columns, row = out.splitlines()
    assert columns.split() == ["cell", "commit", "value", "unit", "change", "commits"]
    assert row.split()[:-1] == ["increment/padded/threads:2", f"{11:010x}", "25", "ns", "+24.4", "%", "11"]
    assert row.split()[-1] == "▁▁▁▁▁▁▁▃┆▆▆█"
    _, out, _ = shown(results, capsys)
    assert "coherence" in out and re.search(r"coherence +\S+ +3.5 +ns +same", out)
    _, out, _ = shown(results, capsys, "--lens", "time", "--last", "3")
    assert "▁▁█" in out and " 3 " in out


def test_greatest_proven_changes_come_first(tmp_path, capsys):
    def run(i, values):
        history.append(tmp_path, record(i, [cell(f"increment/p{k:02}/threads:2", {"ns_per_op": value})
                                            for k, value in enumerate(values)]))

    run(1, [(10.0, 9.0, 11.0)] * 60)
    run(2, [(10.0, 9.0, 11.0)] * 57 + [(20.0, 19.0, 21.0), (12.0, 10.5, 13.0), (8.0, 7.5, 8.5)])
    code, out, _ = shown(tmp_path, capsys)
    rows = out.splitlines()
    assert [row.split("/")[1] for row in rows[2:5]] == ["p57", "p59", "p58"] and "~+20 %" in rows[4]
    assert "20 more cells; --cell REGEX chooses" in out and len(rows) == 2 + 40 + 1
    _, out, _ = shown(tmp_path, capsys, "--cell", "p5[789]")
    assert len(out.splitlines()) == 5


@pytest.mark.parametrize("words, said", [
    (["--metric", "ns_per_opp"], "--metric: there is nothing of 'ns_per_opp' in the history; did you mean ns_per_op"),
    (["--lens", "times"], "--lens: there is nothing of 'times' in the history; did you mean time"),
    (["--primitive", "paded"], "did you mean padded"), (["--metric", "zzz"], "did you mean ns_per_op, overlap?")])
def test_unknown_names_get_the_nearest(results, capsys, words, said):
    code, out, err = shown(results, capsys, *words)
    assert code == 2 and said in err and out == "" and len(err.splitlines()) == 1


@pytest.mark.parametrize("words, said", [(["--cell", "("], "'(' is not a regular"), (["--last", "0"], "'0', expected a number")])
def test_bad_arguments_are_one_sentence(results, capsys, words, said):
    with pytest.raises(SystemExit) as ended:
        main(["--results", str(results), *words])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and said.replace("is not a regular", "is no regular") in err and len(err.splitlines()) == 1


def test_nothing_to_show(tmp_path, results, capsys):
    code, out, err = shown(tmp_path / "none", capsys)
    assert code == 3 and "there are no runs yet" in err and out == "" and not (tmp_path / "none").exists()
    store.History(tmp_path / store.NAME).__exit__()
    assert shown(tmp_path, capsys)[0] == 3
    code, _, err = shown(results, capsys, "--cell", "nothing like it")
    assert code == 3 and "matches" in err


def test_other_machines_are_shown_on_request(results, capsys):
    history.append(results, simple(20, 99.0, cpu={"model": "Other CPU"}))
    code, out, _ = shown(results, capsys, "--lens", "time")
    assert code == 0 and "12 numbers of 1 other machines are not shown; --all-machines shows them" in out and " first " in out
    _, out, _ = shown(results, capsys, "--lens", "time", "--all-machines")
    assert "moved" in out and "not shown" not in out


def test_csv_has_every_number_of_every_run(results, tmp_path, capsys):
    target = tmp_path / "out.csv"
    assert shown(results, capsys, "--lens", "time", "--csv", str(target))[0] == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert len(rows) == 12 and list(rows[0]) == list(table.COLUMNS)
    assert rows[0]["run"] == "run-0" and rows[0]["value"] == "10.0" and rows[0]["ci_low"] == "9.9" and rows[0]["dirty"] == "0"
    assert rows[-1]["machine"] == "Synthetic CPU, 4 processors" and rows[-1]["environment"] != rows[0]["environment"]
    _, out, _ = shown(results, capsys, "--csv", "-")
    assert len(out.splitlines()) == 25 and out.startswith("run,kind,")
    code, _, err = shown(results, capsys, "--csv", str(target / "x.csv"))  # out.csv is no folder
    assert code == 2 and "cannot be written" in err


def test_pictures(results, tmp_path, capsys):
    picture, page = tmp_path / "h.svg", tmp_path / "h.html"
    assert shown(results, capsys, "--svg", str(picture), "--html", str(page), "--quiet") == (0, "", "")
    drawn = picture.read_text()
    assert drawn.count("increment/padded/threads:2") == 2 and "measured: ns_per_op (ns)" in drawn and "simulated" in drawn
    assert "stroke-dasharray" in drawn, "the break"
    assert shown(results, capsys, "--svg", str(tmp_path / "again.svg"), "--quiet")[0] == 0
    assert (tmp_path / "again.svg").read_text() == drawn, "the same history gives the same file"
    text = page.read_text()
    assert text.startswith("<!doctype html>") and "<svg" in text and "<script" not in text


def test_a_history_of_zeros_can_be_drawn(tmp_path, capsys):
    for i in (1, 2):
        history.append(tmp_path, record(i, [cell("increment/p/threads:1", {"ns_per_op": 0.0})]))
    code, out, _ = shown(tmp_path, capsys, "--svg", str(tmp_path / "x.svg"))
    assert code == 0 and " same " in out


def test_what_was_not_measured_is_absent(tmp_path):
    history.append(tmp_path, record(1, [cell("increment/p/threads:1", {"ns_per_op": None, "overlap": 0.0},
                                             caveats=("noisy", "steal"))]))
    with store.History(tmp_path / store.NAME, read_only=True) as opened:
        (row,) = opened.select()
    assert (row.metric, row.value, row.caveats) == ("overlap", 0.0, "noisy steal")


def test_a_gate_is_a_run_of_its_head(tmp_path):
    verdict = judge(*everything())
    told = document.verdict_document(verdict)
    assert history.append(tmp_path, told) and history.append(tmp_path, told), "and it is there once"
    with store.History(tmp_path / store.NAME, read_only=True) as opened:
        assert opened.runs() == 1
        rows = opened.select()
    assert {row.kind for row in rows} == {"gate"} and {row.commit for row in rows} == {"fedcba9876"}
    timed = [row for row in rows if row.lens == "time" and row.metric == "ns_per_op"]
    ratios = [row for row in rows if row.metric == "gate_ratio"]
    assert len(timed) == len(verdict.measured.cells) and ratios and all(row.ci_low < row.value < row.ci_high for row in ratios)
    simulated = {row.metric for row in rows if row.lens == "coherence"}
    assert simulated == {"line_transfers_per_op", "ns_per_op"}
    assert not history.append(tmp_path, {**told, "kind": "compare"})


def test_contend_gate_adds_its_head(tmp_path, monkeypatch, capfd):
    repository = fakes.Repository(tmp_path / "repository")
    monkeypatch.chdir(repository.path)
    for name in ("CONTEND_NO_HISTORY", "CMAKE_CXX_COMPILER_LAUNCHER", "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)
    assert gate.main(["run", "--base", "HEAD", *fakes.ARGUMENTS]) == 0
    with store.History(repository.path / "results" / store.NAME, read_only=True) as opened:
        rows = opened.select()
        assert opened.runs() == 1, "the runs of both sides are the gate's own business"
    assert {row.kind for row in rows} == {"gate"} and "line_transfers_per_op" in {row.metric for row in rows}
    monkeypatch.setenv("CONTEND_NO_HISTORY", "1")
    assert gate.main(["run", "--base", "HEAD", *fakes.ARGUMENTS]) == 0
    with store.History(repository.path / "results" / store.NAME, read_only=True) as opened:
        assert opened.runs() == 1


def test_stored_runs_are_imported(tmp_path, capsys):
    for i in range(3):
        folder = tmp_path / "results" / f"run {i}"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps(simple(i, 10.0 + i)))
    (tmp_path / "results" / "latest").symlink_to("run 2")
    (tmp_path / "results" / "local.json").write_text("{}")
    (tmp_path / "results" / "README.md").write_text("words")
    (tmp_path / "results" / "broken").mkdir()
    (tmp_path / "results" / "broken" / "results.json").write_text("{")
    names = [str(path) for path in sorted((tmp_path / "results").iterdir())]
    code, out, err = shown(tmp_path / "results", capsys, "--import", *names)
    assert code == 0 and "3 runs added, 0 were there already" in out
    assert len(err.splitlines()) == 1 and "broken: is not imported" in err
    assert "0 runs added, 3 were there already" in shown(tmp_path / "results", capsys, "--import", *names)[1]
    assert [p.value for p in lines_of(tmp_path / "results")[0].points] == [10.0, 11.0, 12.0]
    assert shown(tmp_path / "other", capsys, "--import", str(tmp_path / "nothing"))[0] == 2


@pytest.fixture
def contend():
    if not BUILD:
        pytest.skip("CONTEND_BUILD_DIR is not set: no program to run")

    def run(*words, **environment):
        return subprocess.run([f"{BUILD}/bin/contend", *map(str, words)], capture_output=True, text=True, timeout=120,
                              env={**{k: v for k, v in os.environ.items() if k != "CONTEND_NO_HISTORY"}, **environment})

    return run


SIMULATE = ("simulate", "--machine", "zen4", "--threads", "2", "--filter", "^increment/(un)?padded(_64)?/", "--no-report", "--quiet")


def test_the_programs_add_their_runs(contend, tmp_path):
    for _ in range(2):
        done = contend(*SIMULATE, "--results", tmp_path)
        assert done.returncode == 0 and done.stderr == ""
    bench = contend("bench", "--filter", "^increment/padded_64/threads:1$", "--threads", "1", "--lens", "time", "--repetitions", "3",
                    "--window-ms", "20", "--latency-window-ms", "2", "--no-report", "--quiet", "--results", tmp_path)
    assert bench.returncode == 0 and bench.stderr == ""
    with store.History(tmp_path / store.NAME, read_only=True) as opened:
        assert opened.runs() == 3
        rows = opened.select("ns_per_op")
    assert sorted((row.kind, row.lens) for row in rows) == [("bench", "time")] + [("simulate", "coherence")] * 4
    names = {path.name for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink()}
    assert {row.run for row in rows} == names
    done = contend("history", "--results", tmp_path, "--lens", "coherence", "--metric", "line_transfers_per_op")
    assert done.returncode == 0 and "increment/unpadded/threads:2" in done.stdout
    assert contend("history", "--results", tmp_path, "--metric", "nonsense").returncode == 2
    assert contend("history", "--results", tmp_path / "none").returncode == 3


def test_no_history_is_no_history(contend, tmp_path):
    assert contend(*SIMULATE, "--results", tmp_path, "--no-history").returncode == 0
    assert contend(*SIMULATE, "--results", tmp_path, CONTEND_NO_HISTORY="1").returncode == 0
    assert not (tmp_path / store.NAME).exists() and (tmp_path / "latest").exists()


def test_a_history_that_cannot_be_written_costs_no_run(contend, tmp_path):
    (tmp_path / store.NAME).mkdir()
    done = contend(*SIMULATE, "--results", tmp_path)
    assert done.returncode == 0 and "the run was not added to the history" in done.stderr and len(done.stderr.splitlines()) == 1
    done = contend(*SIMULATE, "--results", tmp_path, CONTEND_PYTHON="/nothing/here")
    assert done.returncode == 0 and "/nothing/here" in done.stderr and len(done.stderr.splitlines()) == 1
    assert (tmp_path / "latest" / "results.json").exists()


def test_adding_a_run_does_little(tmp_path):
    """It imports nothing that draws or computes, which is what would cost time."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(simple(1, 10.0)))
    code = "import sys; from history.__main__ import main; main(['append', sys.argv[1]]); " \
           "print(sorted({'numpy', 'scipy', 'matplotlib', 'gate'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, str(folder / "results.json")], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'perf'}"})
    assert done.stdout == "[]\n" and done.stderr == "" and (tmp_path / store.NAME).exists()
