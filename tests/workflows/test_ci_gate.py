# SPDX-License-Identifier: MIT
""".ci/gate with a make of ours: what it asks for is what the verb takes, what it leaves is what is uploaded, and which
verdicts fail a job."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
sys.path[:0] = [str(ROOT), str(ROOT / "perf")]
from gate import __main__, runner  # noqa: E402

# Stands for make: notes what the real one would run, and leaves what the gate would.
MAKE = """#!{python}
import json, os, pathlib, shlex, subprocess, sys
told = subprocess.run([{make!r}, "-n", *sys.argv[1:]], check=True, capture_output=True, text=True).stdout
with open(os.environ["FAKE"] + "/asked", "a") as file:
    file.write(told.splitlines()[-1] + "\\n")
print("the output of make", *sys.argv[1:])
code = int(os.environ["FAKE_CODE"])
words = shlex.split(told.splitlines()[-1])
if "--out" in words and code != 2:
    out = pathlib.Path(words[words.index("--out") + 1])
    for name in {names}:
        (out / name).write_text("the summary\\n")
    (out / "gate.json").write_text(json.dumps({{"complete": code != 130, "verdict": {{"exit_code": code % 130}}}}))
sys.exit(2 if code or os.environ.get("FAKE_FULL") else 0)
"""
NAMES = [*runner.FILES.values(), "build-head.log", "build-base.log"]


@pytest.fixture
def tree(tmp_path):
    """A repository with the script and what it needs, and a run of it: (exit code, output, summary, what make was asked)."""
    for name in (".ci/gate", "Makefile", "cmake/find_python.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "make").write_text(MAKE.format(python=sys.executable, make=shutil.which("make"), names=NAMES))
    (tmp_path / "bin" / "make").chmod(0o755)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)

    def run(kind, code=0, **more):
        for name in ("summary", "asked"):
            (tmp_path / name).write_text("")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "GITHUB_")) and k != "BASE"}
        done = subprocess.run([tmp_path / ".ci" / "gate", *([kind] if kind else [])], capture_output=True, text=True, env={
            **environment, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "FAKE": str(tmp_path),
            "FAKE_CODE": str(code), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), **more})
        asked = [shlex.split(line) for line in (tmp_path / "asked").read_text().splitlines()]
        return done.returncode, done.stdout + done.stderr, (tmp_path / "summary").read_text(), asked

    run.path, run.git = tmp_path, git
    return run


def parsed(words):
    """The options of a command that make would run; ends the test where the verb does not take them."""
    if "gate" in words and words[words.index("gate") - 1].endswith("/contend"):
        words = ["run", *words[words.index("gate") + 1:]]
    else:
        words = words[words.index("-m") + 2:]
    options = __main__.arguments().parse_args(words)
    if words[0] == "run":
        options.check(options)
    return options


def test_a_pull_request_is_gated_against_its_base(tree):
    code, out, summary, asked = tree("pull-request", BASE="origin/main", NUMBER="12")
    assert code == 0 and summary == "the summary\n", out
    (options,) = map(parsed, asked)
    assert (options.verb, options.base, options.exact, options.aa) == ("run", "origin/main", False, False)
    assert options.out == pathlib.Path("results/gate-ci") and options.lens is None
    assert (tree.path / "results/gate-ci/number").read_text() == "12\n"


@pytest.mark.parametrize("verdict, code", [(0, 0), (1, 1), (2, 1), (3, 1), (4, 0), (130, 1)])
def test_a_verdict_that_fails_the_job(tree, verdict, code):
    found, out, summary, _ = tree("pull-request", verdict, BASE="origin/main")
    assert found == code, out
    assert ("::warning" in out) == (verdict == 4)
    assert summary == ("The gate could not be run; the log says why.\n\n" if verdict == 2 else "the summary\n")


def test_a_pass_that_could_not_be_written_fails(tree):
    assert tree("pull-request", 0, BASE="origin/main", FAKE_FULL="1")[0] == 1


def test_an_old_verdict_is_not_taken_for_a_new_one(tree):
    assert tree("pull-request", 4, BASE="origin/main")[0] == 0
    assert tree("pull-request", 2, BASE="origin/main")[0] == 1
    assert not list((tree.path / "results/gate-ci").iterdir())


@pytest.mark.parametrize("kind", ["", "other", "pull-request"])
def test_bad_use(tree, kind):
    code, out, _, asked = tree(kind)
    assert code == 2 and asked == [] and ("BASE" if kind == "pull-request" else "none of") in out


def test_drift_without_a_release_says_so(tree):
    code, out, summary, asked = tree("drift")
    assert code == 0 and asked == [] and "No release tag" in summary


def test_drift_is_from_the_last_release_itself(tree):
    for tag in ("v1", "v2"):
        subprocess.run([*tree.git, "tag", "-a", "-m", tag, tag], check=True)
        subprocess.run([*tree.git, "commit", "-q", "--allow-empty", "-m", f"after {tag}"], check=True)
    code, out, summary, asked = tree("drift", 1)
    (options,) = map(parsed, asked)
    assert code == 1 and (options.base, options.exact) == ("v2", True), out
    assert "v2" in summary and summary.endswith("the summary\n")


def test_the_nightly_counts_live_gates_of_equal_programs(tree):
    code, out, summary, asked = tree("aa", RUNS="7", BASE="not used")
    whole, live = map(parsed, asked)
    assert code == 0 and whole.aa and whole.base is None, out
    assert live.verb == "study" and live.live[0] == live.live[1] and live.runs == 7 and live.most_red == 1
    assert summary.startswith("the summary\n```\nthe output of make gate-aa") and summary.endswith("```\n")


def test_a_red_gate_of_equal_programs_fails(tree):
    assert tree("aa", 1)[0] == 1


@pytest.mark.parametrize("name, kind", [("perf-gate", "pull-request"), ("perf-nightly", "aa")])
def test_what_is_uploaded_is_there(tree, name, kind):
    flow = yaml.safe_load((ROOT / ".github/workflows" / f"{name}.yml").read_text())
    (upload,) = [step["with"] for job in flow["jobs"].values() for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert tree(kind, BASE="origin/main", NUMBER="12")[0] == 0
    for pattern in upload["path"].split():
        assert list(tree.path.glob(pattern)), pattern
    kept = {path for pattern in upload["path"].split() for path in tree.path.glob(pattern)}
    assert {tree.path / "results/gate-ci" / file for file in runner.FILES.values()} <= kept


def test_the_kinds_that_workflows_ask_for_are_those_that_there_are(tree):
    nightly = yaml.safe_load((ROOT / ".github/workflows/perf-nightly.yml").read_text())
    for kind in nightly["jobs"]["gate"]["strategy"]["matrix"]["kind"]:
        assert tree(kind)[0] == 0
