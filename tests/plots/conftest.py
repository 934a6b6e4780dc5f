# SPDX-License-Identifier: MIT
"""What the tests of plots/ share: the frozen record and one report made from it."""
import copy
import json
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parents[2]), str(pathlib.Path(__file__).parent)]
import simulated as made_up  # noqa: E402
import variants  # noqa: E402
from frozen import SMALL, run_plots  # noqa: E402


@pytest.fixture(scope="session")
def small():
    """The frozen record as a document; tests get a copy of their own by copy.deepcopy."""
    return json.loads(SMALL.read_text())


@pytest.fixture
def document(small):
    return copy.deepcopy(small)


def reported(folder, text):
    """`folder` as the directory of a run with its report: results.json, report.html, figures/."""
    (folder / "results.json").write_text(text)
    done = run_plots(folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """A report of the frozen record, which is of the time before peers and counters."""
    return reported(tmp_path_factory.mktemp("run"), SMALL.read_text())


@pytest.fixture(scope="session")
def counted(tmp_path_factory, small):
    """A report of the same run with peers and made-up events."""
    return reported(tmp_path_factory.mktemp("counted"), json.dumps(variants.variant(small, "counted")))


@pytest.fixture(scope="session")
def uncounted(tmp_path_factory, small):
    """A report of the same run with peers on a machine without a PMU."""
    return reported(tmp_path_factory.mktemp("uncounted"), json.dumps(variants.variant(small, "no_pmu")))


@pytest.fixture(scope="session")
def foretold(tmp_path_factory, small):
    """A report of the same run with made-up simulated cells beside its own."""
    return reported(tmp_path_factory.mktemp("foretold"), json.dumps(made_up.simulated(small)))


@pytest.fixture(scope="session")
def foretold_alone(tmp_path_factory, small):
    """A report of made-up simulated cells, where nothing was measured."""
    return reported(tmp_path_factory.mktemp("foretold_alone"), json.dumps(made_up.simulated(small, "alone")))
