# SPDX-License-Identifier: MIT
"""Every `make verb` that a README, a workflow or a script names exists in the Makefile, and the Makefile lists it."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))


def places():
    yield from ROOT.glob("*.md")
    for folder in (".github", ".ci", "cmake", "primitives", "benchmarks", "perf", "plots", "tests", "results"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".md", ".yml", ".yaml", ".sh"} or path.parent.name == ".ci":
                yield path


def verbs(text):
    # `make bench` in backquotes, or a line of a code block or script that starts with make
    for match in re.finditer(r"(?:`|^\s*(?:\$ |- run: |run: )?)make((?: +[A-Z_]+=\S*)*(?: +[a-z-]+)?)", text, re.M):
        yield from re.findall(r"(?<= )[a-z-]+$", match.group(1))


def test_every_verb_named_exists():
    named = {(path.relative_to(ROOT).as_posix(), verb) for path in places() for verb in verbs(path.read_text())}
    assert not {(path, verb) for path, verb in named if verb not in TARGETS}


def test_pattern_sees_what_it_should():
    assert list(verbs("`make bench`\n  $ make ARGS=x gate\n- run: make check\nto make sense\n`make`")) == [
        "bench", "gate", "check"]


def test_make_alone_lists_the_verbs():
    listing = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  make ([a-z-]+) +\S", listing, re.M)
    assert listed == ["bench", "bench-full", "simulate", "report", "doctor", "gate", "gate-aa", "gate-study", "speed", "test",
                      "test-pmu", "check", "golden", "bless", "install", "format", "clean"]
