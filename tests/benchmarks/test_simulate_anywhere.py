# SPDX-License-Identifier: MIT
"""contend simulate gives the same bytes whatever surrounds the program. Long: a run for each surrounding."""
import os
import subprocess

import pytest

from support import CONTEND, record_of, run
from test_simulate import VARIED, written_cells

CHOSEN = ["--machine", "zen4", "--threads", "1,2,8,24", "--filter", VARIED, "--profile", "full", "--no-report", "--quiet"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The cells' bytes as one process gives them that is started like any other."""
    results = tmp_path_factory.mktemp("plain")
    done = run("simulate", "--jobs", "1", "--results", results, *CHOSEN)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = record_of(results)["cells"]
    assert len(cells) >= 28 and all(c["metrics"]["ns_per_op"]["value"] for c in cells)
    return written_cells(results)


SURROUNDINGS = {  # what the program is started with, and in
    "another language": (["env", "LANG=de_DE.UTF-8", "LC_ALL=tr_TR.UTF-8", "LANGUAGE=de", "TZ=Asia/Kathmandu"], "/"),
    "addresses not randomised": (["setarch", "-R"], None),
    "legacy layout of addresses": (["setarch", "-L"], None),
    "a small stack": (["bash", "-c", 'ulimit -Ss 256 && exec "$@"', "-"], None),
    "a stack without a limit": (["bash", "-c", 'ulimit -Ss "$(ulimit -Hs)" && exec "$@"', "-"], None),
    "an empty environment": (["env", "-i"], "/"),
    "one processor": (["taskset", "-c", str(min(os.sched_getaffinity(0)))], None),
}


@pytest.mark.parametrize("how", SURROUNDINGS)
def test_nothing_around_the_program_changes_a_byte(plain, tmp_path, how):
    before, cwd = SURROUNDINGS[how]
    if subprocess.run([*before, "/bin/true"], capture_output=True).returncode != 0:
        pytest.skip(f"{before[0]} does not work here (a container's filter, or a hard limit)")
    done = run(*before[1:], str(CONTEND), "simulate", "--jobs", "4", "--results", tmp_path / "r", *CHOSEN, program=before[0],
               cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    assert written_cells(tmp_path / "r") == plain
