# SPDX-License-Identifier: MIT
"""Workflows ask for the least, keep strangers' code from tokens that can write, and name only what exists."""
import copy
import os
import pathlib
import re
import sys

import pytest
import yaml

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
sys.path[:0] = [str(ROOT / ".ci"), str(pathlib.Path(__file__).parent)]
import gate_comment  # noqa: E402
import rules  # noqa: E402

FLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}


def steps(flow):
    return [step for job in flow["jobs"].values() for step in job["steps"]]


def uploads(flow):
    return [step["with"] for step in steps(flow) if step.get("uses", "").startswith("actions/upload-artifact@")]


def test_these_are_the_workflows():
    assert set(FLOWS) == {"ci", "perf-gate", "perf-gate-comment", "perf-nightly"}


@pytest.mark.parametrize("name", FLOWS)
def test_nothing_is_wrong(name):
    assert rules.faults(FLOWS[name]) == []


@pytest.mark.parametrize("name", FLOWS)
def test_programs_of_ours_that_it_runs_exist(name):
    for step in steps(FLOWS[name]):
        words = step.get("run", "").split()
        for word in words:
            if re.match(r"(\./|\.ci/|[a-z]+/)", word) and not word.startswith("/"):
                assert os.access(ROOT / word, os.X_OK), word
        for variable in re.findall(r"\$(?!GITHUB_)\{?(\w+)", step.get("run", "")):
            assert variable in step.get("env", {}), variable


def test_the_fork_safe_split():
    gate, comment = FLOWS["perf-gate"], FLOWS["perf-gate-comment"]
    assert set(rules.triggers(gate)) == {"pull_request"} and set(rules.triggers(comment)) == {"workflow_run"}
    assert rules.triggers(comment)["workflow_run"] == {"workflows": [gate["name"]], "types": ["completed"]}
    assert "secrets" not in (ROOT / ".github/workflows/perf-gate.yml").read_text()
    writers = {name for name, flow in FLOWS.items() if "write" in str([job.get("permissions") for job in flow["jobs"].values()])}
    assert writers == {"perf-gate-comment"}
    assert [step.get("run") for step in steps(comment)] == [None, ".ci/gate_comment.py"]  # no build, no download that unpacks


def test_the_comment_reads_what_the_gate_uploads():
    (upload,) = uploads(FLOWS["perf-gate"])
    assert upload["name"] == gate_comment.ARTIFACT
    # The archive's root is the folder that all its files have in common.
    assert {str(pathlib.PurePath(line).parent) for line in upload["path"].split()} == {"results/gate-ci"}


@pytest.mark.parametrize("name", ["perf-gate", "perf-nightly"])
def test_what_was_found_is_uploaded_when_it_is_red_too(name):
    flow = FLOWS[name]
    assert [step["if"] for step in steps(flow) if step.get("with") in uploads(flow)] == ["always()"]
    for step in steps(flow):
        assert "continue-on-error" not in step


def test_the_base_is_in_the_clone():
    for name in ("perf-gate", "perf-nightly"):
        (checkout,) = [step for step in steps(FLOWS[name]) if step.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["fetch-depth"] == 0


# What a rule must find: (what to do to the workflow, words of its sentence).
WRONG = {
    "pull_request_target": (lambda f: f.update({True: {"pull_request_target": None}}), "pull_request_target"),
    "an event that nobody knows": (lambda f: f.update({True: ["pull_requests"]}), "event pull_requests"),
    "a token that can write": (lambda f: f.update(permissions={"contents": "write"}), "permissions"),
    "a token as the settings have it": (lambda f: f.pop("permissions"), "permissions"),
    "a job's token that can write": (lambda f: f["jobs"]["gate"].update(permissions="write-all"), "permissions"),
    "superseded runs go on": (lambda f: f.pop("concurrency"), "superseded"),
    "no time limit": (lambda f: f["jobs"]["gate"].pop("timeout-minutes"), "timeout"),
    "a text in shell": (lambda f: f["jobs"]["gate"]["steps"].append({"run": "echo ${{ github.event.pull_request.number }}"}),
                        "env passes it"),
    "a secret": (lambda f: f["jobs"]["gate"]["steps"][0].update(env={"X": "${{ secrets.TOKEN }}"}), "secrets"),
    "a program in a workflow": (lambda f: f["jobs"]["gate"]["steps"].append({"run": "a\nb\nc\nd"}), "lines of shell"),
    "a stranger's action": (lambda f: f["jobs"]["gate"]["steps"].append({"uses": "someone/thing@v1"}), "someone/thing"),
    "an action that moves": (lambda f: f["jobs"]["gate"]["steps"].append({"uses": "actions/cache@main"}), "major version"),
    "another checkout": (lambda f: f["jobs"]["gate"]["steps"][1]["with"].update(ref="main"), "something else"),
    "a token left behind": (lambda f: f["jobs"]["gate"]["steps"][1]["with"].pop("persist-credentials"), "leaves its token"),
    "a misspelt field": (lambda f: f["jobs"]["gate"]["steps"][3]["env"].update(BASE="${{ github.base_reff }}"), "base_reff"),
    "an input that it has not": (lambda f: f["jobs"]["gate"].update(name="${{ inputs.runs }}"), "inputs.runs"),
    "a matrix that it has not": (lambda f: f["jobs"]["gate"].update(name="${{ matrix.kind }}"), "matrix.kind"),
    "a job that is not there": (lambda f: f["jobs"]["gate"].update(needs=["build"]), "needs build"),
    "an output that is not there": (lambda f: f["jobs"]["gate"].update(needs="gate", name="${{ needs.gate.outputs.x }}"),
                                    "needs.gate.outputs.x"),
    "a step that comes later": (lambda f: f["jobs"]["gate"]["steps"][0].update(
        {"if": "steps.later.outcome == 'success'"}), "steps.later"),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_rule_bites(what):
    change, words = WRONG[what]
    flow = copy.deepcopy(FLOWS["perf-gate"])
    change(flow)
    assert any(words in fault for fault in rules.faults(flow)), rules.faults(flow)
