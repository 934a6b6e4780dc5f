# SPDX-License-Identifier: MIT
"""Makes perf/gate importable as `gate`, beside plots/."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "perf"), str(pathlib.Path(__file__).parent)]
