# SPDX-License-Identifier: MIT
"""`contend gate` on branches of this very source: four structural mistakes are found by the simulated lens alone, in every
output; a branch of documentation differs in no digit."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import warnings
import xml.etree.ElementTree as ET
from typing import NamedTuple

import pytest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("CONTEND_BUILD_DIR", ROOT / "build" / "release"))
CONTEND = BUILD / "bin" / "contend"
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")


class Branch(NamedTuple):
    """An edit of one file, as (before, after) pairs, and the cells that it must turn red, as an expression that each red
    cell matches."""

    file: str
    edits: tuple[tuple[str, str], ...]
    cells: str


BRANCHES = {
    "the padded counter loses its padding": Branch(
        "primitives/counter/counter_array.hpp",
        (("using word = padded_to<std::atomic<std::uint64_t>, Stride>;", "using word = padded_to<std::atomic<std::uint64_t>, 8>;"),
         ("per_block = block_bytes / Stride", "per_block = block_bytes / 8"),
         ('  static_assert(sizeof(word) == Stride, "the stride from slot to slot is what the name says");\n', "")),
        r"increment(_and_sum)?/padded_\d+/(.*/)?threads:(2|4|16|64)"),
    "the ticket lock spins on the wrong word": Branch(
        "primitives/lock/ticket_lock.hpp",
        (("while (serving_.load(std::memory_order_acquire) != ticket) platform::relax();",
          "while (next_.fetch_add(0, std::memory_order_acquire), serving_.load(std::memory_order_acquire) != ticket) "
          "platform::relax();"),),
        r"critical_section/ticket/.*/threads:\d+"),
    "a fence too many before the MCS lock's hand-over": Branch(
        "primitives/lock/mcs_lock.hpp",
        (("    successor->granted_.store(true",
          "    std::atomic_thread_fence(std::memory_order_seq_cst);\n    successor->granted_.store(true"),),
        r"critical_section/mcs/.*/threads:\d+"),
    "the mutex counter takes its lock twice": Branch(
        "primitives/counter/mutex_counter.hpp",
        (("    const std::lock_guard<std::mutex> held(mutex_);\n    total_ += n;",
          "    { const std::lock_guard<std::mutex> once(mutex_); }\n"
          "    const std::lock_guard<std::mutex> held(mutex_);\n    total_ += n;"),),
        r"increment(_and_sum)?/mutex_counter/(.*/)?threads:\d+"),
}


class Gated(NamedTuple):
    """What a gate left: its exit code, its words with blanks of any kind as one, and its files."""

    code: int
    out: str
    err: str
    folder: pathlib.Path

    def read(self, name):
        return (self.folder / name).read_text()

    def after_builds_s(self):
        """Seconds from the last build's last word to the page."""
        built = max(path.stat().st_mtime for path in self.folder.glob("build-*.log"))
        return (self.folder / "gate.html").stat().st_mtime - built


def files():
    """Every file of the source, as paths below its top: with git or, in an unpacked archive, without."""
    listed = subprocess.run([*GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True)
    if listed.returncode == 0:
        return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
            if path.is_file() and not re.match(r"(build[^/]*|results|\.git)/", str(path.relative_to(ROOT)))]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The source as it is now, as the only commit of `main` in a repository of its own."""
    assert CONTEND.is_file(), f"{CONTEND} is not built"
    if not shutil.which("ccache"):
        warnings.warn("ccache is not installed: each branch's two builds compile everything")
    top = tmp_path_factory.mktemp("branches") / "source"
    for name in files():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, top / name)
    subprocess.run([*GIT, "init", "-q", "-b", "main"], cwd=top, check=True)
    subprocess.run([*GIT, "add", "-A"], cwd=top, check=True)
    subprocess.run([*GIT, "commit", "-qm", "main"], cwd=top, check=True)
    return top


@pytest.fixture
def gate(repository, tmp_path):
    """Commits an edit on a branch of its own and gates it against main."""
    def run(file, edits):
        subprocess.run([*GIT, "checkout", "-q", "-B", "branch", "main"], cwd=repository, check=True)
        text = (repository / file).read_text()
        for before, after in edits:
            assert text.count(before) == 1, f"{file} has no single: {before}"
            text = text.replace(before, after)
        (repository / file).write_text(text)
        subprocess.run([*GIT, "commit", "-qam", "the edit"], cwd=repository, check=True)
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MAKEFLAGS", "CONTEND_PEERS")}
        if shutil.which("ccache"):
            environment["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
        done = subprocess.run(
            [CONTEND, "gate", "--base", "main", "--exact", "--lens", "coherence", "--seed", "1", "--out", tmp_path / "out"],
            cwd=repository, capture_output=True, text=True, env=environment)
        found = Gated(done.returncode, " ".join(done.stdout.split()), done.stderr, tmp_path / "out")
        if (tmp_path / "out" / "gate.html").exists():
            print(f"exit {found.code}, {found.after_builds_s():.0f} s after the builds, load {os.getloadavg()[0]:.1f}")
        return found

    return run


@pytest.mark.parametrize("what", BRANCHES)
def test_a_structural_mistake_is_found_without_a_clock(gate, what):
    branch = BRANCHES[what]
    found = gate(branch.file, branch.edits)
    assert found.code == 1, found.out + found.err
    told = json.loads(found.read("gate.json"))
    red = [cell for cell in told["cells"] if cell["verdict"]["verdict"] == "regression"]
    assert told["verdict"]["exit_code"] == 1 and red
    assert {cell["lens"] for cell in told["cells"]} == {"coherence"}
    assert [cell["name"] for cell in red if not re.fullmatch(branch.cells, cell["name"])] == []
    failures = {case.get("name"): case.find("failure").get("message") for case in
                ET.fromstring(found.read("gate.xml")).iter("testcase") if case.find("failure") is not None}
    markdown = found.read("gate.md").replace("\\", "")
    for cell in red:
        sentence = cell["verdict"]["sentence"]
        assert re.search(r"\d×\)", sentence) and "threads:" in cell["name"]  # primitive, threads and ratio
        assert f"REGRESSION coherence {cell['family']}: {cell['name']} {sentence}" in found.out
        assert any("coherence" in line and cell["name"] in line and sentence in line and "❌" in line
                   for line in markdown.splitlines())
        assert sentence in [message for name, message in failures.items() if cell["name"] in name]
    worst = next(cell for cell in red if f"{cell['name']} is worse" in told["verdict"]["sentence"])
    print(f"{what}: {len(red)} cells, {worst['name']}: {worst['verdict']['sentence']}")


def test_documentation_alone_differs_in_no_digit(gate):
    found = gate("README.md", (("# contend\n", "# contend\n\nA sentence more.\n"),))
    assert found.code == 0, found.out + found.err
    cells = json.loads(found.read("gate.json"))["cells"]
    compared = [cell for cell in cells if "exact" in cell]
    assert len(compared) > 400
    assert [cell["name"] for cell in compared if cell["exact"]["base"] != cell["exact"]["head"]] == []
    assert {cell["verdict"]["verdict"] for cell in compared} == {"pass"}
