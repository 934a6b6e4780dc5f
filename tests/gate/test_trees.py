# SPDX-License-Identifier: MIT
"""What a gate takes from a checkout and puts beside it: changes that git could overlook, and folders that are links."""
import os

import fakes
import pytest
from gate import trees


@pytest.fixture
def repository(tmp_path):
    made = fakes.Repository(tmp_path / "repository")
    yield made
    assert made.strays() == []


def test_a_change_in_the_second_of_the_commit_is_part_of_the_head(repository, tmp_path):
    """Git tells by the time of its index which files it must look into; a copy of the index has to keep that time."""
    repository.git("config", "core.trustctime", "false")  # or the test would have to be done within that second
    then = 1_700_000_000
    os.utime(repository.path / "numbers.json", (then, then))
    repository.write("other.txt", "1\n")
    repository.commit("second")
    os.utime(repository.path / ".git" / "index", (then, then))
    text = (repository.path / "numbers.json").read_text()
    repository.write("numbers.json", text.replace("3.4", "4.3"))
    os.utime(repository.path / "numbers.json", (then, then))
    head = trees.head_point(repository.path, tmp_path)
    assert head.dirty and "4.3" in repository.git("show", f"{head.commit}:numbers.json")


def test_a_build_folder_that_is_a_link_leaves_no_notes_in_git(repository, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (repository.path / "build").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    code, out, err = fakes.gate(repository, "--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 0, (out, err)
    assert not (repository.path / ".git" / "worktrees").exists() and list((tmp_path / "elsewhere").iterdir()) == []
    (repository.path / "build").unlink()
