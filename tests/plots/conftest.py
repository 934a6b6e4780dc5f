# SPDX-License-Identifier: MIT
"""What the tests of plots/ share: the frozen record and one report made from it."""
import copy
import json
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parents[2]), str(pathlib.Path(__file__).parent)]
from frozen import SMALL, run_plots  # noqa: E402


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
