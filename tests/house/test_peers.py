# SPDX-License-Identifier: MIT
"""Which of other people's packages configure takes, and what it says about those that it leaves out."""
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ["CONTEND_SOURCE_DIR"])

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(asks LANGUAGES NONE)
list(APPEND CMAKE_MODULE_PATH "{source}/cmake")
set(CMAKE_SYSTEM_PREFIX_PATH "{prefix}")  # what lies elsewhere is not found
set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
set(CMAKE_FIND_USE_CMAKE_ENVIRONMENT_PATH OFF)
include(ContendPeers)
contend_find_peers()
"""


def configure(folder, peers="ON", sanitize="", prefix="/nowhere"):
    """Runs cmake on a project that has ContendPeers alone. Returns the finished process and the build folder."""
    (folder / "CMakeLists.txt").write_text(PROJECT.format(source=SOURCE, prefix=prefix))
    (folder / "benchmarks").mkdir(exist_ok=True)
    if not (folder / "benchmarks" / "peers").exists():
        (folder / "benchmarks" / "peers").symlink_to(SOURCE / "benchmarks" / "peers")
    done = subprocess.run(["cmake", "-S", folder, "-B", folder / "build", f"-DCONTEND_PEERS={peers}",
                           f"-DCONTEND_SANITIZE={sanitize}"], capture_output=True, text=True)
    return done, folder / "build" / "peers" / "contend_peers"


def group():
    """The packages of the group `peers` in packages.txt: {peer: Debian package}."""
    lines = [line.split() for line in (SOURCE / "cmake" / "packages.txt").read_text().splitlines()]
    return {line[2].removeprefix("peer:"): line[1] for line in lines if line[:1] == ["peers"]}


def folders():
    return {path.name for path in (SOURCE / "benchmarks" / "peers").iterdir() if path.is_dir()}


def test_without_any_package_it_configures_and_names_every_package_to_install(tmp_path):
    done, lists = configure(tmp_path)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "Peers:" in line)
    assert set(re.search(r"left out: ([^;]*);", line)[1].split()) == folders()
    assert set(line.split("--no-install-recommends ")[1].split()) == set(group().values())
    for family in ("lock", "rwlock", "queue", "counter", "rcu"):
        assert f"using {family}s = joined<>;" in (lists / f"{family}.hpp").read_text()


def test_every_folder_has_its_package_and_its_row_in_the_readme():
    assert set(group()) == folders()
    rows = (SOURCE / "benchmarks" / "peers" / "README.md").read_text()
    for folder, package in group().items():
        assert re.search(rf"\| `{folder}` \| {package} \|", rows), folder


def test_a_package_that_is_there_is_listed_in_its_families(tmp_path):
    header = tmp_path / "prefix" / "include" / "atomic_queue" / "atomic_queue.h"
    header.parent.mkdir(parents=True)
    header.write_text("")
    done, lists = configure(tmp_path, prefix=tmp_path / "prefix")
    assert done.returncode == 0, done.stderr
    assert "Peers: atomic_queue; left out:" in done.stdout and "libatomic-queue-dev" not in done.stdout
    assert "joined<of_atomic_queue::queues>" in (lists / "queue.hpp").read_text()
    assert "joined<>" in (lists / "lock.hpp").read_text()
    assert '#define CONTEND_ATOMIC_QUEUE_VERSION "unknown"' in (lists / "versions.hpp").read_text()


@pytest.mark.parametrize("peers, sanitize, says", [
    ("OFF", "", "Peers: none, because CONTEND_PEERS is off"),
    ("ON", "thread", "Peers: none, because the thread sanitizer cannot see into their libraries"),
    ("absl", "", "left out: absl; to have them: apt-get install --no-install-recommends libabsl-dev"),
])
def test_who_wants_none_or_some_is_told_what_he_gets(tmp_path, peers, sanitize, says):
    done, _ = configure(tmp_path, peers, sanitize)
    assert done.returncode == 0, done.stderr
    assert says in " ".join(done.stdout.split())


def test_a_name_that_is_no_peer_is_refused_with_those_that_are(tmp_path):
    done, _ = configure(tmp_path, "abseil")
    assert done.returncode != 0
    assert re.search(r"CONTEND_PEERS: 'abseil' is no peer; expected ON, OFF or some of\s+absl", done.stderr)
