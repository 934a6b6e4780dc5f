# SPDX-License-Identifier: MIT
"""`contend gate` on made-up repositories: which exit code, what is written, what is said, and that nothing stays behind."""
import json
import os
import subprocess
import xml.etree.ElementTree as ET

import fakes
import jsonschema
import pytest
from conftest import ROOT
from gate import __main__, document
from gate.judge import judge

PADDED = "increment/padded/threads:4"
WORSE = {**fakes.CELLS, PADDED: [1.97, 45.2]}


@pytest.fixture
def repository(tmp_path):
    made = fakes.Repository(tmp_path / "repository")
    yield made
    assert made.strays() == []


@pytest.fixture
def gate(repository, monkeypatch, capfd):
    """Runs the verb in this process: (exit code, standard output, standard error)."""
    monkeypatch.chdir(repository.path)
    for name in ("CMAKE_CXX_COMPILER_LAUNCHER", "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)

    def run(*words):
        capfd.readouterr()
        try:
            code = __main__.main(["run", *map(str, words)])
        except SystemExit as left:
            code = left.code
        return code, *capfd.readouterr()

    return run


def test_an_equal_head_passes_and_leaves_no_trace(repository, gate):
    before = repository.state()
    code, out, err = gate("--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 0 and "No regression in 3 cells." in out, (out, err)
    after = repository.state()
    assert (after[0].replace("!! results/\n", ""), *after[1:]) == before


def test_a_regression_is_named_with_lens_threads_and_ratio_in_every_output(repository, gate):
    repository.numbers(WORSE)
    repository.commit("the padding goes")
    code, out, err = gate("--base", "HEAD~1", *fakes.ARGUMENTS)
    assert code == 1, (out, err)
    for text in (out, fakes.newest(repository, "gate.md"), fakes.newest(repository, "gate.xml")):
        assert "coherence" in text and "increment/padded/threads:4" in text and "13.3×" in text
    assert "13.3×" in fakes.newest(repository, "gate.html")
    assert str(repository.path / "results") in out.split("page ")[1]
    assert ET.fromstring(fakes.newest(repository, "gate.xml")).find(".//failure") is not None
    told = fakes.newest(repository)
    jsonschema.validate(told, json.loads(document.SCHEMA.read_text()))
    assert told["verdict"]["exit_code"] == 1 and told["base"]["commit"] == repository.first
    measured, plan = document.parse(told)
    assert judge(measured, plan).exit_code == 1
    for name in ("base", "head"):  # what was simulated is kept
        assert (repository.path / "results" / "latest-gate" / name / "results.json").exists()


def test_the_command_it_prints_reproduces_it(repository, gate):
    repository.numbers(WORSE)
    repository.commit("worse")
    repository.git("branch", "main-then", "HEAD~1")
    code, out, _ = gate("--base", "main-then", "--cells", "padded|x y$", "--seed", "3", *fakes.ARGUMENTS)
    assert code == 1
    told = fakes.newest(repository)["command"]
    assert told[:2] == ["contend", "gate"] and told[told.index("--base") + 1] == repository.first
    code, again, _ = gate(*told[2:])
    assert code == 1 and again.split("page ")[0].replace(repository.first, "main-then") == out.split("page ")[0].replace(
        repository.first, "main-then")


def test_a_dirty_tree_is_the_head_and_said_and_left_alone(repository, gate):
    repository.numbers(WORSE)
    repository.write("not committed/new one.txt", "new\n")
    repository.write("staged.txt", "staged\n")
    repository.git("add", "staged.txt")
    repository.write("staged.txt", "changed since\n")
    repository.write("out/ignored.o", "not part of it\n")
    before = repository.state()
    code, out, err = gate("--base", "HEAD", "--lens", "coherence", "--build", "cat 'not committed/new one.txt' staged.txt; ls; " + fakes.BUILD,
                          "--bench", fakes.BENCH)
    log = fakes.newest(repository, "build-head.log")
    assert code == 1 and "with uncommitted changes" in err, (out, err)
    assert "changed since" in log and "new" in log and "ignored.o" not in log
    assert "dirty" in out and "not committed" in out
    assert fakes.newest(repository)["head"] == {**fakes.newest(repository)["head"], "dirty": True, "commit": repository.first}
    after = repository.state()
    assert (after[0].replace("!! results/\n", ""), *after[1:]) == before


def test_the_base_is_where_head_left_the_branch_unless_it_is_exact(repository, gate):
    repository.git("branch", "feature")
    repository.numbers({**fakes.CELLS, PADDED: [0.0, 1.7]})  # main gets better meanwhile; that is no fault of the branch
    newer = repository.commit("main goes on")
    repository.git("checkout", "-q", "feature")
    repository.write("docs.md", "words\n")
    repository.commit("only words")
    code, out, _ = gate("--base", "main", *fakes.ARGUMENTS)
    assert code == 0 and "where HEAD left main" in out
    assert fakes.newest(repository)["base"]["commit"] == repository.first
    code, out, _ = gate("--base", "main", "--exact", *fakes.ARGUMENTS)
    assert code == 1 and "2×" in out and fakes.newest(repository)["base"]["commit"] == newer


def test_a_base_that_does_not_build_is_shown_and_the_head_is_measured(repository, gate):
    repository.write("build.sh", "echo 'x.cpp:3: error: nothing works' >&2; exit 1\n")
    broken = repository.commit("broken")
    repository.write("build.sh", fakes.BUILD_SH)
    repository.commit("mended")
    code, out, err = gate("--base", broken, *fakes.ARGUMENTS)
    assert code == 3 and "x.cpp:3: error: nothing works" in err and "base" in err, (out, err)
    told = fakes.newest(repository)
    assert told["verdict"]["verdict"] == "nothing_compared" and len(told["cells"]) == 3
    assert all("The base does not build." in c["skipped"]["detail"] for c in told["cells"])
    kept = fakes.newest(repository, "head/results.json")
    assert [c["metrics"]["ns_per_op"]["value"] for c in kept["cells"]] == [3.4, 40.0, 60.0]
    assert "nothing works" in fakes.newest(repository, "gate.md")


def test_a_head_that_does_not_build_is_an_error_that_shows_why(repository, gate):
    repository.write("build.sh", "echo compiling; echo 'x.cpp:3: error: nothing works' >&2; exit 1\n")
    code, out, err = gate("--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 2 and "error: nothing works" in err and "The build of the head failed (exit 1)." in err, (out, err)


@pytest.mark.parametrize("program", ["", "cp bench.py out/other\n"])
def test_a_build_that_makes_no_program_is_one_that_failed(repository, gate, program):
    repository.write("build.sh", "mkdir -p out\n" + program)
    code, _, err = gate("--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 2 and "The build of the head made no out/my_bench." in err


def test_a_program_without_a_simulated_twin_has_no_coherence_lens(repository, gate):
    repository.write("build.sh", fakes.BUILD_SH.replace("out/my_bench-simulated", "out/elsewhere"))
    repository.commit("no twin")
    code, _, err = gate("--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 2 and "has no simulated twin" in err


@pytest.mark.parametrize("more, said", [({"fails": "--machine: 'x' is no machine"}, "--machine: 'x' is no machine"),
                                        ({"dies": True}, "signal 9")])
def test_a_simulation_that_fails(repository, gate, more, said):
    repository.numbers(fakes.CELLS, **more)
    broken = repository.commit("broken")
    code, out, err = gate("--base", repository.first, *fakes.ARGUMENTS)
    assert code == 2 and said in err, (out, err)
    repository.numbers(fakes.CELLS)
    repository.commit("mended")
    code, out, err = gate("--base", broken, *fakes.ARGUMENTS)
    assert code == 3 and said in out, (out, err)


def test_nothing_in_common_is_not_a_pass(repository, gate):
    assert gate("--base", "HEAD", "--cells", "no_such_cell", *fakes.ARGUMENTS)[0] == 3
    repository.numbers({f"{name}/moved": value for name, value in fakes.CELLS.items()})
    repository.commit("renamed")
    code, out, _ = gate("--base", "HEAD~1", *fakes.ARGUMENTS)
    assert code == 3 and "new: 3 cells" in out and "removed: 3 cells" in out
    code, out, _ = gate("--base", "HEAD~1", "--cells", "moved", *fakes.ARGUMENTS)
    assert code == 3 and "new: 3 cells" in out


def test_another_version_of_the_model_is_not_comparable(repository, gate):
    repository.numbers(WORSE, model="2")
    repository.commit("the model")
    code, out, _ = gate("--base", "HEAD~1", *fakes.ARGUMENTS)
    assert code == 3 and "not comparable" in out


def test_aa_builds_once_and_passes(repository, gate):
    code, out, _ = gate("--aa", "--lens", "coherence", "--build", "echo built >>../builds; " + fakes.BUILD, "--bench", fakes.BENCH)
    assert code == 0 and "3 pass" in out
    folder = (repository.path / "results" / "latest-gate").resolve()
    assert sorted(p.name for p in folder.glob("build-*.log")) == ["build-head.log"]


def test_out_and_quiet(repository, gate, tmp_path):
    code, out, err = gate("--base", "HEAD", "--quiet", "--out", tmp_path / "a" / "b", *fakes.ARGUMENTS)
    assert (code, out, err) == (0, "", "")
    assert {p.name for p in (tmp_path / "a" / "b").iterdir()} >= {"gate.json", "gate.xml", "gate.md", "gate.html"}
    assert not (repository.path / "results").exists()


def test_results_inside_of_the_tree_are_no_part_of_the_head(repository, gate):
    repository.write(".gitignore", "/out/\n")  # nor where results/ and build/ are not ignored
    repository.commit("ignores little")
    for words in ((), ("--out", "mine[1]")):
        for _ in range(2):
            code, out, _ = gate("--base", "HEAD", *words, *fakes.ARGUMENTS)
            assert code == 0 and "dirty" not in out
            if words:
                break


@pytest.mark.parametrize("words, said", [
    ((), "--base: not given"),
    (("--base", "HEAD", "--aa"), "--base: 'HEAD' and --aa"),
    (("--aa", "--exact"), "--exact:"),
    (("--base", "HEAD", "--budget", "soon"), "--budget: 'soon', expected a time"),
    (("--base", "HEAD", "--cells", "("), "--cells: '(' is not a regular expression"),
    (("--base", "HEAD", "--threads", "0,2"), "--threads: '0,2', expected thread counts"),
    (("--base", "HEAD", "--max-slowdown", "0"), "--max-slowdown: '0', expected a share above 0"),
    (("--base", "HEAD", "--lens", "counters"), "--lens: 'counters', expected coherence or time"),
    (("--base", "HEAD", "--seed", "-1"), "--seed: '-1', expected a whole number"),
    (("--base", "HEAD", "--bench", "x"), "--build: not given"),
    (("--base", "HEAD", "--build", "true"), "--bench: not given"),
    (("--base", "HEAD", "--build", "true", "--bench", "/x"), "--bench: '/x', expected a path relative"),
    (("--base", "nosuch", *fakes.ARGUMENTS), "--base: 'nosuch' names no commit; expected a branch"),
    (("--base", "origin/main", *fakes.ARGUMENTS), "--base: 'origin/main' names no commit; 'git fetch origin main'"),
    (("--base", "--help-me", *fakes.ARGUMENTS), "expected one argument"),
    (("--base", "HEAD"), "is not the source of contend"),
    (("--base", "HEAD", "--machine", "local", *fakes.ARGUMENTS), "--machine: 'local' was not calibrated"),
])
def test_bad_input_is_one_sentence_and_exit_2(gate, words, said):
    code, out, err = gate(*words)
    assert code == 2 and said in err and out == "" and err.count("\n") == 1, (out, err)


def test_outside_of_a_repository(gate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    code, _, err = gate("--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 2 and "is not in a git repository" in err


def test_a_repository_without_a_commit(gate, tmp_path, monkeypatch):
    subprocess.run([*fakes.GIT, "init", "-q", str(tmp_path / "new")], check=True)
    monkeypatch.chdir(tmp_path / "new")
    code, _, err = gate("--aa", *fakes.ARGUMENTS)
    assert code == 2 and "has no commit yet" in err


def test_a_subfolder_and_a_git_hook_see_the_whole_repository(repository, gate, monkeypatch):
    (repository.path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(repository.path / "deep" / "er")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    assert gate("--base", "HEAD", *fakes.ARGUMENTS)[0] == 0
    assert (repository.path / "results" / "latest-gate" / "gate.json").exists()


def test_a_shallow_clone_says_what_to_fetch(repository, gate, tmp_path, monkeypatch):
    repository.write("docs.md", "words\n")
    repository.commit("second")
    repository.git("branch", "other", "HEAD~1")
    clone = tmp_path / "clone"
    subprocess.run([*fakes.GIT, "clone", "-q", "--depth", "1", f"file://{repository.path}", str(clone)], check=True)
    monkeypatch.chdir(clone)
    code, _, err = gate("--base", "origin/other", *fakes.ARGUMENTS)
    assert code == 2 and "shallow" in err and "git fetch --depth=100 origin other" in err and "--unshallow" in err
    subprocess.run([*fakes.GIT, "fetch", "-q", "--depth", "1", "origin", "other:refs/remotes/origin/other"], check=True,
                   cwd=clone)
    code, _, err = gate("--base", "origin/other", *fakes.ARGUMENTS)  # both are here, what they have in common is not
    assert code == 2 and "shallow" in err and "git fetch --deepen" in err
    subprocess.run([*fakes.GIT, "fetch", "-q", "--unshallow"], check=True, cwd=clone)
    assert gate("--base", "origin/other", *fakes.ARGUMENTS)[0] == 0


def test_unrelated_histories_need_exact(repository, gate):
    repository.git("checkout", "-q", "--orphan", "elsewhere")
    repository.commit("another beginning")
    code, _, err = gate("--base", "main", *fakes.ARGUMENTS)
    assert code == 2 and "no commit in common" in err and "--exact" in err
    assert gate("--base", "main", "--exact", *fakes.ARGUMENTS)[0] == 0


def test_hooks_of_the_checkout_are_not_run(repository, gate):
    hook = repository.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert gate("--base", "HEAD", *fakes.ARGUMENTS)[0] == 0


def test_both_sides_are_built_with_the_same_flags_for_paths_of_equal_length(repository, gate, monkeypatch):
    monkeypatch.setenv("CXXFLAGS", "-O1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/of/contend", str(ROOT)]))
    monkeypatch.setenv("CONTEND_USERS_PYTHONPATH", "/of/the/user")
    code, _, _ = gate("--base", "HEAD", "--lens", "coherence", "--build", 'pwd; echo "$CXXFLAGS|$PYTHONPATH"; ' + fakes.BUILD, "--bench", fakes.BENCH)
    assert code == 0
    base, head = (fakes.newest(repository, f"build-{name}.log").splitlines() for name in ("base", "head"))
    assert len(base[0]) == len(head[0]) and base[0] != head[0]
    assert base[1] == f"-O1 -falign-functions=64 -ffile-prefix-map={base[0]}=/gate|/of/the/user"
    assert base[1].replace(base[0], "") == head[1].replace(head[0], "")


def test_a_blank_in_the_path_reaches_the_compiler_in_one_piece(tmp_path):
    repository = fakes.Repository(tmp_path / "my project")
    (repository.path / "one.cpp").write_text("int one() { return 1; }\n")
    repository.commit("a source")
    code, out, err = fakes.gate(repository, "--base", "HEAD", "--lens", "coherence", "--build",
                     "sh -c \"c++ $CXXFLAGS -c one.cpp -o one.o\" && " + fakes.BUILD, "--bench", fakes.BENCH)
    assert code == 0, (out, err)


def test_both_lenses_are_asked_by_default(repository, gate):
    repository.numbers(fakes.CELLS, slower=1.5)
    repository.commit("slower in ways that the simulation does not see")
    code, out, err = gate("--base", "HEAD~1", "--seed", "5", "--cells", "/padded/", *fakes.BOTH)
    assert code == 1 and "REGRESSION   time      counter: increment/padded/threads:4" in out, (out, err)
    told = fakes.newest(repository)
    jsonschema.validate(told, json.loads(document.SCHEMA.read_text()))
    assert {(c["lens"], c["verdict"]["verdict"]) for c in told["cells"]} == {("time", "regression"), ("coherence", "pass")}
    assert told["verdict"]["control"]["rejected"] is False and "by seed 5." in " ".join(told["notes"])
    assert all(c["verdict"]["ratio"] == pytest.approx(1.5) for c in told["cells"] if c["lens"] == "time")
    measured, plan = document.parse(told)
    assert judge(measured, plan).exit_code == 1


def test_an_equal_program_passes_by_time(repository, gate):
    code, out, err = gate("--aa", "--lens", "time", "--cells", "/padded/", *fakes.BOTH)
    assert code == 0 and "1 pass" in out and "none of 1 control cell differs from itself" in out, (out, err)
    assert fakes.newest(repository)["environment"]["topology"]["available_cpus"]


def test_without_a_base_the_head_is_timed_and_its_numbers_are_kept(repository, gate):
    repository.write("build.sh", "false\n")
    repository.commit("broken")
    repository.write("build.sh", fakes.BUILD_SH)
    code, out, err = gate("--base", "HEAD", "--lens", "time", *fakes.BOTH)
    assert code == 3, (out, err)
    rows = fakes.newest(repository, "head/points.csv").splitlines()
    assert rows[0] == "family,name,placement,ns_per_op,caveat"
    assert sorted(rows[1:]) == sorted(f"counter,{name},compact,{ns[1]:g}," for name, ns in fakes.CELLS.items())
    assert "The head: 3.4 ns per operation." in json.dumps(fakes.newest(repository))


def test_a_base_whose_program_lists_nothing_cannot_be_timed(repository, gate):
    repository.write("bench.py", "#!/bin/sh\nexit 1\n")
    old = repository.commit("old")
    repository.git("checkout", "-q", repository.first, "--", "bench.py")
    repository.commit("new")
    code, out, err = gate("--base", old, "--lens", "time", *fakes.BOTH)
    assert code == 3 and "the base's program cannot be asked" in out, (out, err)
    repository.write("bench.py", "#!/bin/sh\nexit 1\n")
    code, out, err = gate("--base", repository.first, *fakes.BOTH)
    assert code == 2 and "cannot list its cells" in err, (out, err)


def test_the_plan_asks_what_is_built_and_measures_nothing(repository, gate):
    subprocess.run(["sh", "build.sh"], cwd=repository.path, check=True)
    code, out, err = gate("--plan", "--cells", "padded", *fakes.BOTH)
    assert code == 0 and err == "", (out, err)
    assert "2 simulated cells on 'zen4', at 1, 2, 4, 16, 64 threads: about 3 s for both sides" in out
    assert "2 of 2 cells by time: 2 counter." in out and "A slowdown found 80% of the time" in out
    assert not (repository.path / "results").exists() and not (repository.path / "build").exists()


def test_the_plan_builds_the_head_where_nothing_is_built(repository, gate):
    code, out, err = gate("--plan", "--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 0 and "the head is built for it" in err and "3 simulated cells" in out, (out, err)
    assert not (repository.path / "results").exists()
    repository.write("build.sh", "echo 'error: no'; false\n")
    code, out, err = gate("--plan", *fakes.ARGUMENTS)
    assert code == 2 and "error: no" in err


def test_what_differs_is_asked_of_other_schedules(repository, gate):
    repository.numbers({**fakes.CELLS, PADDED: [0.0, 3.6]}, chaos=0.1)
    repository.commit("another schedule of something chaotic")
    repository.numbers({**fakes.CELLS, PADDED: [0.0, 3.9]}, chaos=0.1)
    repository.commit("a harmless change")
    code, out, err = gate("--base", "HEAD~1", *fakes.ARGUMENTS)
    assert code == 0 and "1 cell differs; 10 other schedules" in err and "1 changed, 2 pass" in out, (out, err)
    told = next(c for c in fakes.newest(repository)["cells"] if c["name"] == PADDED)
    assert len(told["exact"]["base_schedules"]["ns_per_op"]) == 10
    repository.numbers({**fakes.CELLS, PADDED: [0.0, 9.0]}, chaos=0.1)
    code, out, err = gate("--base", "HEAD~1", *fakes.ARGUMENTS)
    assert code == 1 and "(medians of 10 schedules)" in out, (out, err)


def test_a_thousand_cells_that_differ_are_asked_of_enough_schedules(repository, gate):
    names = [f"increment/p{i}/threads:4" for i in range(1000)]
    repository.numbers({name: [0.0, 3.0] for name in names})
    repository.commit("many")
    repository.numbers({name: [0.0, 9.0] for name in names})
    code, out, err = gate("--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 1 and "1000 cells differ; 11 other schedules" in err and "1000 regressions" in out, (out[-300:], err)


def test_a_base_that_knows_no_schedules_leaves_one_and_says_so(repository, gate):
    repository.numbers(fakes.CELLS, old=True)
    old = repository.commit("old")
    repository.numbers(WORSE)
    code, out, err = gate("--base", old, *fakes.ARGUMENTS)
    assert code == 1 and "Differences are those of one schedule alone." in out, (out, err)
