# SPDX-License-Identifier: MIT
"""The build info notices a new commit and an edit, and has an answer without git and in an unpacked archive."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed: no commit to notice")

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))


def git(folder, *words):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True,
                          text=True).stdout.strip()


def write(source, output, with_git="git"):
    subprocess.run(["cmake", f"-DCONTEND_OUTPUT={output}", f"-DCONTEND_GIT={with_git}", f"-DCONTEND_SOURCE_DIR={source}",
                    "-P", str(ROOT / "cmake" / "build_info" / "write.cmake")], check=True, capture_output=True)
    text = output.read_text()
    return re.search(r'commit = R"~\((.*)\)~"', text).group(1), re.search(r"dirty = (.*);", text).group(1)


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "a check out"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("1")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "one")
    return folder


def test_commit_and_edit_are_noticed(checkout, tmp_path):
    output = tmp_path / "info.cpp"
    first = git(checkout, "rev-parse", "--short=10", "HEAD")
    assert write(checkout, output) == (first, "false")
    before = output.stat().st_mtime_ns
    (checkout / "untracked").write_text("")
    assert write(checkout, output) == (first, "false")
    assert output.stat().st_mtime_ns == before, "rewritten although nothing changed: every build would recompile"
    (checkout / "file").write_text("2")
    assert write(checkout, output) == (first, "true")
    git(checkout, "commit", "-qam", "two")
    second = git(checkout, "rev-parse", "--short=10", "HEAD")
    assert second != first
    assert write(checkout, output) == (second, "false")


def test_unknown_without_git(checkout, tmp_path):
    assert write(checkout, tmp_path / "info.cpp", with_git="") == ("unknown", "std::nullopt")


def test_archive_within_another_repository(checkout, tmp_path):
    archive = checkout / "third_party" / "contend"
    archive.mkdir(parents=True)
    assert write(archive, tmp_path / "info.cpp") == ("unknown", "std::nullopt")


def test_folder_without_repository(tmp_path):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    environment_limit = os.environ.get("GIT_CEILING_DIRECTORIES")
    os.environ["GIT_CEILING_DIRECTORIES"] = str(tmp_path)
    try:
        assert write(folder, tmp_path / "info.cpp") == ("unknown", "std::nullopt")
    finally:
        if environment_limit is None:
            del os.environ["GIT_CEILING_DIRECTORIES"]
        else:
            os.environ["GIT_CEILING_DIRECTORIES"] = environment_limit
