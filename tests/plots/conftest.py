# SPDX-License-Identifier: MIT
"""What the tests of plots/ share: the frozen record, one report made from it, and records made by hand."""
import copy
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", HERE.parents[1]))
sys.path[:0] = [str(ROOT), str(HERE)]
SMALL = HERE / "data" / "small.json"


def run_plots(*arguments, **environment):
    """`python3 -m plots …` in a process of its own, without writing bytecode."""
    settings = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    return subprocess.run([sys.executable, "-m", "plots", *map(str, arguments)], env=settings, text=True,
                          capture_output=True, timeout=240)


@pytest.fixture(scope="session")
def small():
    """The frozen record as a document; tests get a copy of their own by copy.deepcopy."""
    return json.loads(SMALL.read_text())


@pytest.fixture
def document(small):
    return copy.deepcopy(small)


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The directory of a run with its report: results.json, report.html, figures/."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "results.json").write_bytes(SMALL.read_bytes())
    done = run_plots(folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder
