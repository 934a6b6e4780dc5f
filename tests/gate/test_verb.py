# SPDX-License-Identifier: MIT
"""`contend compare`, the built program: it finds the package, passes everything on, and leaves the exit code alone."""
import os
import pathlib
import subprocess

import conftest
import pytest

BUILD = os.environ.get("CONTEND_BUILD_DIR")
SMALL = conftest.ROOT / "tests" / "plots" / "data" / "small.json"

pytestmark = pytest.mark.skipif(not BUILD, reason="CONTEND_BUILD_DIR is not set; ctest sets it")


def contend(*arguments, cwd=None):
    return subprocess.run([pathlib.Path(BUILD) / "bin" / "contend", *map(str, arguments)], capture_output=True,
                          text=True, cwd=cwd)


def test_two_runs_are_compared_from_anywhere(tmp_path):
    (tmp_path / "gate").mkdir()  # what lies where the user stands is not taken for ours
    (tmp_path / "gate" / "__init__.py").write_text("raise SystemExit(77)")
    (tmp_path / "gate" / "__main__.py").write_text("raise SystemExit(78)")
    done = contend("compare", SMALL, SMALL, "--json", "out.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Stored runs do not gate" in done.stdout and (tmp_path / "out.json").exists()


def test_help_and_bad_input():
    done = contend("compare", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: contend compare")
    assert "compare" in contend("--help").stdout
    done = contend("compare", "/nonexistent", SMALL)
    assert done.returncode == 2 and done.stderr == "contend: /nonexistent: no such results file.\n"
    done = contend("compare", SMALL)
    assert done.returncode == 2 and done.stderr.startswith("contend compare: ") and done.stderr.count("\n") == 1


def test_gate_is_a_verb_of_its_own():
    done = contend("gate", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: contend gate [-h] [--base REF]")
    assert "  gate " in contend("--help").stdout
    done = contend("gate", "--base", "HEAD", cwd="/")
    assert done.returncode == 2 and done.stderr == "contend: /: is not in a git repository; the gate takes base and " \
        "head from one.\n"
