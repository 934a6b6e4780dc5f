# SPDX-License-Identifier: MIT
"""Rules of the tree that a compiler does not check: arrows between folders, heads."""
import os
import pathlib
import re

import pytest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
FOLDERS = ("primitives", "perf", "benchmarks", "plots", "tests", "cmake", ".ci")
SUFFIXES = {".hpp", ".cpp", ".py", ".sh", ".cmake"}
SOURCES = sorted(path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*")
                 if path.suffix in SUFFIXES or path.name in {"CMakeLists.txt", "run", "gate"} and path.is_file())
LONGEST = 400


def text(path):
    return (ROOT / path).read_text()


def includes(path):
    """What a file includes in quotes, as paths from the root (by the same folder first, as the compiler does)."""
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text(path), re.M):
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
        yield beside if (ROOT / beside).exists() else os.path.normpath(name)


def head_faults(path):
    lines = [line for line in text(path).splitlines() if not line.startswith("#!")]
    mark = "// " if path.endswith((".hpp", ".cpp")) else "# "
    if not lines or lines[0] != f"{mark}SPDX-License-Identifier: MIT":
        yield "the first line is not the SPDX line"
    if path.endswith((".hpp", ".cpp", ".sh")) and not (len(lines) > 1 and lines[1].startswith(mark)):
        yield "the second line does not say what the file is"
    if path.endswith(".hpp") and "#pragma once" not in lines:
        yield "no #pragma once"
    if len(lines) > LONGEST:
        yield f"{len(lines)} lines, more than {LONGEST}"


def arrow_faults(path):
    top = path.split("/")[0]
    for included in includes(path):
        target = included.split("/")[0]
        if top == "primitives" and target != "primitives":
            yield f"primitives/ includes itself and the standard library, not {included}"
        if top == "perf" and target in {"primitives", "benchmarks", "tests"}:
            yield f"perf/ knows no primitive and no workload: {included}"
        if top == "benchmarks" and target == "tests":
            yield f"benchmarks/ does not include {included}"


@pytest.mark.parametrize("path", SOURCES)
def test_head(path):
    assert not list(head_faults(path))


@pytest.mark.parametrize("path", [path for path in SOURCES if path.split("/")[0] in {"primitives", "perf", "benchmarks"}])
def test_arrows(path):
    assert not list(arrow_faults(path))
