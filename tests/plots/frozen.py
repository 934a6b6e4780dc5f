# SPDX-License-Identifier: MIT
"""Where the frozen record and the tree are, and how plots is called."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", HERE.parents[1]))
SMALL = HERE / "data" / "small.json"


def run_plots(*arguments, preexec_fn=None, **environment):
    """`python3 -m plots …` in a process of its own, without writing bytecode."""
    settings = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    return subprocess.run([sys.executable, "-m", "plots", *map(str, arguments)], env=settings, text=True,
                          capture_output=True, timeout=240, preexec_fn=preexec_fn)
