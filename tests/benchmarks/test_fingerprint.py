# SPDX-License-Identifier: MIT
"""Fingerprints of workloads: what goes into one, that nothing else does, and that a build renews them by itself."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from support import PLANTED, SOURCE, cells_of, measured, record_of, run

sys.path[:0] = [str(SOURCE), str(SOURCE / "perf")]
SCRIPT = SOURCE / "cmake" / "fingerprints" / "write.cmake"
OWN = "benchmarks/workloads"


def included(root, path, folder):
    """`path` and what it includes from `folder`, as paths from `root`: the same in other words than the script's."""
    found, todo = set(), [path]
    while todo:
        one = todo.pop()
        found.add(one)
        for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', (root / one).read_text(), re.M):
            for place in (os.path.normpath(os.path.join(os.path.dirname(one), name)), name):
                if place.startswith(f"{folder}/" if folder else "") and (root / place).exists():
                    todo += [place] if place not in found else []
                    break
    return sorted(found, key=str.encode)


def expected(root, path):
    lines = [f"{one} {hashlib.sha256((root / one).read_bytes()).hexdigest()}\n"
             for one in included(root, path, os.path.dirname(path))]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def written(root, folder=OWN):
    """What the script writes for the headers of a folder: {path: digest}."""
    files = sorted((root / folder).glob("*.hpp"))
    out = root / "out.cpp"
    subprocess.run(["cmake", "-D", f"ROOT={root}", "-D", f"FILES={'|'.join(map(str, files))}", "-D", "NAME=contend_bench",
                    "-D", f"OUTPUT={out}", "-P", SCRIPT], check=True)
    return dict(re.findall(r'\{R"~\((.*?)\)~", "([0-9a-f]{16})"\}', out.read_text()))


@pytest.fixture
def copy(tmp_path):
    """The workloads' sources, to be changed."""
    shutil.copytree(SOURCE / OWN, tmp_path / OWN)
    shutil.copy(SOURCE / "benchmarks" / "workload.hpp", tmp_path / "benchmarks")
    return tmp_path


def test_a_fingerprint_is_what_its_description_says(copy):
    found = written(copy)
    assert found == {path: expected(copy, path) for path in found} and len(found) == len(list((copy / OWN).iterdir()))
    assert len(set(found.values())) == len(found)


def test_a_header_changes_exactly_the_fingerprints_of_those_that_include_it(copy):
    includers = {}
    for header in sorted((copy / OWN).glob("*.hpp")):
        before = written(copy)
        header.write_text(header.read_text() + "// one more line\n")
        after = written(copy)
        path = f"{OWN}/{header.name}"
        changed = {name for name in before if before[name] != after[name]}
        includers[header.name] = changed
        assert changed == {name for name in before if path in included(copy, name, OWN)}, header.name
    assert includers["keys.hpp"] == {f"{OWN}/keys.hpp", f"{OWN}/keyed_counters.hpp"}
    assert includers["empty.hpp"] == {f"{OWN}/empty.hpp"}


def test_what_lies_outside_of_the_folder_is_not_in_it(copy):
    before = written(copy)
    (copy / "benchmarks" / "workload.hpp").write_text("// changed\n")
    assert written(copy) == before


def test_indirect_includes_and_circles(tmp_path):
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "a.hpp").write_text('#pragma once\n #  include "b.hpp"\n')
    (folder / "b.hpp").write_text('#include "w/c.hpp"  // by its path from the root\n')
    (folder / "c.hpp").write_text('#include "a.hpp"\n#include <vector>\n#include "missing.hpp"\nint a[3]; // ; [ "\n')
    before = written(tmp_path, "w")
    assert before == {f"w/{name}.hpp": expected(tmp_path, f"w/{name}.hpp") for name in "abc"}
    (folder / "c.hpp").write_text("")
    after = written(tmp_path, "w")
    assert all(before[name] != after[name] for name in before)


MAIN = """
#include <cstdio>
#include "benchmarks/fingerprint.hpp"
#include "mine.hpp"
namespace contend::bench { std::span<const fingerprint_row> own_fingerprints() { return {}; } }
int main() {
  const auto one = contend::bench::fingerprint_of(where(), false);
  std::printf("%s|%s\\n", one.digest.c_str(), one.reason.c_str());
}
"""


def test_another_project_s_build_renews_its_own(tmp_path):
    root = tmp_path / "a project"
    root.mkdir()
    (root / "main.cpp").write_text(MAIN)
    (root / "mine.hpp").write_text('#pragma once\n#include "part.hpp"\ninline const char* where() { return __builtin_FILE(); }\n')
    (root / "part.hpp").write_text("#pragma once\n")
    (root / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.20)
project(other LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
include("{SOURCE}/cmake/ContendFingerprints.cmake")
add_executable(main main.cpp "{SOURCE}/benchmarks/fingerprint.cpp")
target_include_directories(main PRIVATE "{SOURCE}")
contend_fingerprints(main mine.hpp)
""")
    build = tmp_path / "build"
    subprocess.run(["cmake", "-S", root, "-B", build], check=True, capture_output=True)

    def told():
        subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
        return subprocess.run([build / "main"], check=True, capture_output=True, text=True).stdout.strip()

    first = told()
    assert first == expected(root, "mine.hpp") + "|"
    (root / "part.hpp").write_text("#pragma once\n// other\n")
    stamp = os.stat(root / "part.hpp").st_mtime + 2  # make looks at whole seconds on some file systems
    os.utime(root / "part.hpp", (stamp, stamp))
    assert told() == expected(root, "mine.hpp") + "|" != first
    (root / "CMakeLists.txt").write_text((root / "CMakeLists.txt").read_text().replace("main mine", "main not_mine"))
    failed = subprocess.run(["cmake", "-S", root, "-B", build], capture_output=True, text=True)
    assert failed.returncode != 0 and "not_mine.hpp' does not exist; expected a file" in " ".join(failed.stderr.split())


def test_the_list_and_the_record_say_the_same(tmp_path):
    listed = {name: print_ for entry in json.loads(run("list", "--json").stdout)
              for name, print_ in entry["fingerprints"].items()}
    done = measured(tmp_path, "bench", "--filter", "^(increment|critical_section)/.*/threads:1$", "--primitive", "padded_64,mcs",
                    "--threads", "1", "--lens", "time", "--no-report")
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path)
    named = {one["workload"]: one for one in record["workloads"]}
    assert named["increment"]["fingerprint"] == listed["increment"] == expected(SOURCE, f"{OWN}/counting.hpp")
    assert named["keyed_counters"]["fingerprint"] == listed["keyed_counters"] == expected(SOURCE, f"{OWN}/keyed_counters.hpp")
    assert all("fingerprint" in one and "no_fingerprint" not in one for one in record["workloads"])


def test_a_program_s_own_workloads_have_one(tmp_path):
    done = measured(tmp_path, "--workload", "fine", "--threads", "1", "--lens", "time", "--no-report", program=PLANTED)
    assert done.returncode == 0, done.stderr
    (fine,) = (one for one in record_of(tmp_path)["workloads"] if one["workload"] == "fine")
    source = "tests/benchmarks/planted_bench.cpp"
    assert fine["fingerprint"] == expected(SOURCE, source)


def test_a_comparison_says_that_the_benchmark_changed(tmp_path):
    from gate import pairs

    done = measured(tmp_path, "bench", "--filter", "^(increment/padded_64|critical_section/mcs)/.*threads:1$", "--threads", "1",
                    "--lens", "time", "--no-report",
                    enough=lambda record: all(c["metrics"]["throughput"]["value"] for c in cells_of(record)))
    assert done.returncode == 0, done.stderr
    record = record_of(tmp_path)
    for one in record["workloads"]:
        if one["workload"] == "increment":
            one["fingerprint"] = "0123456789abcdef"
    (tmp_path / "other.json").write_text(json.dumps(record))
    compared = pairs.compare(tmp_path / "latest", tmp_path / "other.json")
    changed = [one for one in compared.skipped if one.reason == "benchmark_changed"]
    assert changed and {one.key.name.split("/")[0] for one in changed} == {"increment"}
    assert "The source of increment differs" in changed[0].detail
    assert any(cell.key.name.startswith("critical_section/") for cell in compared.cells)
    assert not any("sources were" in note for note in compared.notes)
