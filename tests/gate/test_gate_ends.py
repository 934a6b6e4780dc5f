# SPDX-License-Identifier: MIT
"""How a gate ends when somebody or something ends it: signals, kill -9, a full disk, another gate; nothing stays behind."""
import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import fakes
import pytest
from gate import __main__, outputs, trees

SLOW_BUILD = "echo $$ >started.$$; mv started.$$ ../build-started; sleep 600; true"  # both sides: never half a number


@pytest.fixture
def repository(tmp_path):
    return fakes.Repository(tmp_path / "repository")


def built_slowly(repository, **more):
    """A gate that is building, and the processes that do."""
    process = fakes.start(repository, "--base", "HEAD", "--build", SLOW_BUILD, "--bench", fakes.BENCH, **more)
    started = repository.path / "build" / "gate" / "build-started"
    fakes.wait_for(started.exists)
    return process, int(started.read_text())


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:  # it may be there as a zombie whose parent was killed
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_building(repository, number):
    before = repository.state()
    process, builder = built_slowly(repository)
    code, out, err = fakes.end(process, number)
    assert code == 130 and "interrupted before there was anything to compare" in err and out == "", (out, err)
    fakes.wait_for(lambda: gone(builder))
    assert repository.strays() == []
    after = repository.state()
    assert (after[0].replace("!! results/\n", ""), *after[1:]) == before
    assert list((repository.path / "results").glob("gate-*")) == []


def simulated_slowly(repository, folder):
    """A gate whose two simulations wait for a signal."""
    repository.numbers(fakes.CELLS, takes_s=600)
    folder.mkdir()
    process = fakes.start(repository, "--base", repository.commit("slow"), *fakes.ARGUMENTS, FAKE_STARTED=str(folder))
    fakes.wait_for(lambda: len(list(folder.iterdir())) == 2)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_simulating_keeps_a_partial_verdict(repository, tmp_path, number):
    code, out, err = fakes.end(simulated_slowly(repository, tmp_path / "started"), number)
    assert code == 130 and "interrupted" in out, (out, err)
    told = fakes.newest(repository)
    assert told["complete"] is False and repository.strays() == []
    assert len(told["cells"]) == 3 and sum("exact" in c for c in told["cells"]) == 1
    path = repository.path / "results" / "latest-gate" / "gate.json"
    assert __main__.main(["judge", str(path), "--quiet"]) == 0  # what is kept can be judged again


def test_after_kill_9_the_next_gate_sweeps(repository):
    process, builder = built_slowly(repository)
    code, _, _ = fakes.end(process, signal.SIGKILL)
    assert code == -9 and repository.strays() != []
    fakes.wait_for(lambda: gone(builder))  # the build ends with its gate
    code, out, err = fakes.gate(repository, "--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 0 and repository.strays() == [], (out, err)


@pytest.mark.parametrize("left", ["nothing but git's notes", "a tree without .git", "a tree being made"])
def test_half_made_trees_are_swept_and_no_other_worktree(repository, tmp_path, left):
    other = tmp_path / "other"
    repository.git("worktree", "add", "-q", "--detach", str(other))
    shutil.rmtree(other)  # on a disk that is not there today, say
    tree = repository.path / "build" / "gate" / "head"
    repository.git("worktree", "add", "-q", "--detach", str(tree))
    if left == "nothing but git's notes":
        shutil.rmtree(tree)
    elif left == "a tree without .git":
        (tree / ".git").unlink()
    else:
        repository.git("worktree", "lock", "--reason", "initializing", str(tree))
        (tree / ".git").unlink()
    assert fakes.gate(repository, "--base", "HEAD", *fakes.ARGUMENTS)[0] == 0
    listed = repository.git("worktree", "list", "--porcelain")
    assert str(tree) not in listed and str(other) in listed
    assert [p.name for p in (repository.path / ".git" / "worktrees").iterdir()] == ["other"]


def test_two_at_once_refuse_with_a_sentence(repository):
    process, _ = built_slowly(repository)
    code, _, err = fakes.gate(repository, "--base", "HEAD", *fakes.ARGUMENTS)
    assert code == 2 and f"another gate (process {process.pid}) is at work here" in err
    assert (repository.path / "build" / "gate" / "head").exists()  # the first one's trees are still there
    fakes.end(process)
    assert repository.strays() == []
    assert fakes.gate(repository, "--base", "HEAD", *fakes.ARGUMENTS)[0] == 0


def test_a_lock_whose_file_was_removed_is_taken_anew(repository, monkeypatch):
    real = trees.fcntl.flock
    lock = repository.path / "build" / "gate" / "lock"
    taken = []

    def flock(handle, how):
        real(handle, how)
        if not taken:  # the gate before removes its folder just now
            taken.append(lock.unlink())

    monkeypatch.setattr(trees.fcntl, "flock", flock)
    with trees.Trees(repository.path):
        assert lock.exists()
    assert repository.strays() == []


def test_a_verdict_that_cannot_be_written_is_told_all_the_same(repository, monkeypatch, capsys):
    def write(path, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.chdir(repository.path)
    monkeypatch.setattr(outputs, "write", write)
    code = __main__.main(["run", "--base", "HEAD", *fakes.ARGUMENTS])
    out, err = capsys.readouterr()
    assert code == 2 and "No regression in 3 cells." in out and "No space left on device" in err


FULL = r"""
set -e
mount -t tmpfs -o size=4m none "$1"
cp -a "$2" "$1/repository"
cd "$1/repository"
fill() { head -c "$(($(df --output=avail -B1 . | tail -n 1) - $1))" /dev/zero >../fill; }
case $3 in
  trees) fill 8192; build='sh build.sh' ;;
  build) build='mkdir -p out && cat /dev/zero >out/big' ;;
  record) build='sh build.sh; [ $(basename $PWD) = base ] || cat /dev/zero >../../../fill 2>/dev/null || :' ;;
esac
set +e
"$4" -m gate run --base HEAD --build "$build" --bench out/my_bench
code=$?
rm -f ../fill fill
git worktree list >&2
ls build >&2
exit $code
"""


@pytest.mark.parametrize("when", ["trees", "build", "record"])
def test_a_full_disk_is_one_sentence(repository, tmp_path, when):
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    place = tmp_path / "disk"
    place.mkdir()
    tried = subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", str(place)], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    done = subprocess.run([*unshare, "bash", "-c", FULL, "bash", str(place), str(repository.path), when, sys.executable],
                          capture_output=True, text=True, env=fakes.environment(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory",
                                                                                GIT_CONFIG_VALUE_0="*"))
    told = [line for line in done.stderr.splitlines() if line.startswith("contend: ")]
    assert done.returncode == 2 and len(told) == 1, (done.stdout, done.stderr)
    assert "full" in told[0] or "No space left on device" in told[0]
    assert "build/gate" not in done.stderr.split(told[0])[1] and "cannot access 'build'" in done.stderr


def timed_until_it_hangs(repository, folder):
    """A gate by time whose head hangs in its 13th point, and the process that does."""
    repository.numbers(fakes.CELLS, hangs_after=12)
    repository.commit("hangs")
    folder.mkdir()
    process = fakes.start(repository, "--base", repository.first, "--exact", "--budget", "1h", *fakes.BOTH,
                          FAKE_STARTED=str(folder))
    fakes.wait_for(lambda: len(list(folder.iterdir())) == 3)  # two simulated
    return process, int(next(path for path in folder.iterdir() if path.read_text() == "it hangs").name)


def test_a_signal_while_timing_keeps_the_finished_pairs(repository, tmp_path):
    process, point = timed_until_it_hangs(repository, tmp_path / "started")
    code, out, err = fakes.end(process, signal.SIGINT)
    told = fakes.newest(repository)
    assert code == 130 and told["complete"] is False, (out, err)
    assert sum("exact" in c for c in told["cells"]) == 3 and repository.strays() == []
    pairs = [c["pairs"] for c in told["cells"] if "pairs" in c]  # 12 points of the head, of which 3 were the calibration's
    assert sum(len(one["base"]) for one in pairs) == sum(len(one["head"]) for one in pairs) == 9
    fakes.wait_for(lambda: gone(point))


def test_a_point_ends_with_its_gate_by_kill_9_too(repository, tmp_path):
    process, point = timed_until_it_hangs(repository, tmp_path / "started")
    code, _, _ = fakes.end(process, signal.SIGKILL)
    assert code == -9
    fakes.wait_for(lambda: gone(point))
    assert fakes.gate(repository, "--base", "HEAD", *fakes.ARGUMENTS)[0] == 0 and repository.strays() == []


def test_a_program_that_is_gone_while_timing_is_exit_2_with_the_pairs(repository):
    repository.numbers(fakes.CELLS, vanishes_after=12)
    repository.commit("is gone")
    code, out, err = fakes.gate(repository, "--base", repository.first, "--exact", "--lens", "time", *fakes.BOTH)
    told = fakes.newest(repository)
    assert code == 2 and "my_bench: cannot be run (No such file or directory)." in err.splitlines()[-1], (out, err)
    assert told["complete"] is False and sum("It ended early" in note for note in told["notes"]) == 1
    assert sum(len(c["pairs"]["base"]) for c in told["cells"] if "pairs" in c) == 9 and repository.strays() == []


def test_a_signal_before_other_schedules_have_answered_proves_nothing(repository, tmp_path):
    (tmp_path / "started").mkdir()
    repository.numbers({**fakes.CELLS, "increment/padded/threads:4": [1.97, 45.2]}, schedules_take_s=600)
    repository.commit("worse, so it seems")
    process = fakes.start(repository, "--base", repository.first, *fakes.ARGUMENTS, FAKE_STARTED=str(tmp_path / "started"))
    fakes.wait_for(lambda: len(list((tmp_path / "started").iterdir())) == 4)
    code, out, err = fakes.end(process)
    told = fakes.newest(repository)
    assert code == 130 and told["verdict"]["counts"]["regression"] == 0, (out, err)
    assert "It differs in one schedule" in json.dumps(told)


def test_a_fault_after_the_simulation_keeps_its_verdict(repository, monkeypatch, capsys):
    def copied(self, *_):
        raise trees.GateError("copy: cannot be written (No space left on device).")

    monkeypatch.chdir(repository.path)
    monkeypatch.setattr(trees.Trees, "copied", copied)
    code = __main__.main(["run", "--base", "HEAD", *fakes.BOTH])
    out, err = capsys.readouterr()
    told = fakes.newest(repository)
    assert code == 2 and "No space left on device" in err and "It ended early" in out
    assert told["complete"] is False and told["verdict"]["counts"]["pass"] == 3 and repository.strays() == []
