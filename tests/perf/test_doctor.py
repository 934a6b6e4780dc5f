# SPDX-License-Identifier: MIT
"""`contend doctor` as a program: its options, its document, its screen, on the machine that runs this."""
import json
import os
import pathlib
import pty
import re
import subprocess

import jsonschema
import pytest

SOURCE = pathlib.Path(os.environ["CONTEND_SOURCE_DIR"])
CONTEND = pathlib.Path(os.environ["CONTEND_BUILD_DIR"]) / "bin" / "contend"
SCHEMA = json.loads((SOURCE / "perf" / "record" / "doctor_schema.json").read_text())


def doctor(*words, env=None):
    """Runs `contend doctor` with both outputs captured as text. Never raises on a bad exit."""
    return subprocess.run([CONTEND, "doctor", *words], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)


def on_a_terminal(env):
    """Standard output of `contend doctor` on a terminal of its own, as text."""
    ours, its = pty.openpty()
    program = subprocess.Popen([CONTEND, "doctor", "--quiet"], stdout=its, stdin=subprocess.DEVNULL, env=env)
    os.close(its)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert program.wait(timeout=120) == 0
    return text.decode()


@pytest.fixture(scope="module")
def document():
    done = doctor("--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_document_is_what_the_schema_says(document):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize("spoil", [
    lambda d: d["trust"].pop(),
    lambda d: d["trust"].reverse(),
    lambda d: d["trust"][0].update(level="fine"),
    lambda d: d["trust"][2].pop("because"),
    lambda d: d.update(surprise=1),
    lambda d: d["to_do"].clear(),
    lambda d: d["environment"].pop("load"),
])
def test_the_schema_refuses_what_is_not_the_document(document, spoil):
    other = json.loads(json.dumps(document))
    spoil(other)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(other, SCHEMA)


def test_every_key_of_the_document_is_in_the_schema(document):
    assert set(document) == set(SCHEMA["properties"])


def test_the_processors_are_this_process_s(document):
    mine = sorted(os.sched_getaffinity(0))
    assert document["environment"]["topology"]["available_cpus"] == mine
    matrix = document["core_to_core"]
    if len(mine) == 1:
        assert matrix is None
    else:
        assert set(matrix["cpus"]) <= set(mine)
        for i, row in enumerate(matrix["start_ns"]):
            assert row[i] is None and len(row) == len(matrix["cpus"])
        measured = sum(ns is not None for row in matrix["start_ns"] for ns in row) // 2
        assert sum(group["pairs"] for group in matrix["by_distance"]) == measured


def test_advice_is_the_sum_of_what_there_is_to_do(document):
    for one in document["trust"]:
        helping = [each["text"] for each in document["to_do"] if one["what"] in each["helps"]]
        assert all(text in one["advice"] for text in helping)


def test_one_screen_without_colours_off_a_terminal():
    done = doctor()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 100, done.stdout
    assert "\033" not in done.stdout
    for name in ("timings:", "threads:", "core to core:", "hardware counters:", "software events:", "to do"):
        assert name in done.stdout
    assert "contend doctor: " in done.stderr, "progress"


def test_quiet_says_nothing_beside_the_page():
    done = doctor("--quiet")
    assert done.stderr == "" and "timings:" in done.stdout


def test_colours_on_a_terminal_and_none_with_no_color():
    plain = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    assert re.search(r"\033\[3[1-5]m", on_a_terminal({**plain, "TERM": "xterm"}))
    assert "\033" not in on_a_terminal({**plain, "TERM": "xterm", "NO_COLOR": "1"})
    assert "\033" not in on_a_terminal({**plain, "TERM": "dumb"})


@pytest.mark.parametrize("words", [["--jsn"], ["extra"], ["--json=maybe"]])
def test_bad_arguments_are_one_sentence_and_2(words):
    done = doctor(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and words[0].split("=")[0] in done.stderr


def test_pinned_to_one_processor_it_says_that_nothing_contends():
    one = min(os.sched_getaffinity(0))
    done = subprocess.run(["taskset", "-c", str(one), CONTEND, "doctor", "--json", "--quiet"], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    assert {v["what"]: v["level"] for v in found["trust"]}["threads"] == "none"
    assert found["core_to_core"] is None


def test_a_full_disk_is_not_a_success():
    with open("/dev/full", "w") as full:
        done = subprocess.run([CONTEND, "doctor", "--quiet"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 2 and "standard output" in done.stderr
