# SPDX-License-Identifier: MIT
"""Base and head as git worktrees beside each other, made for one gate run and gone after it, however it ends."""
from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from . import processes

PLACE = Path("build") / "gate"  # below the top of the checkout
INDEX = "index"
NAMES = ("base", "head", "copy")  # of equal length, so that no path is longer on one side
# Written by gates; no part of a head, ignored or not.
WRITTEN = ("/build/gate/", "/results/gate-*/", "/results/latest-gate", "/results/history.sqlite*")
# A checkout's hooks are not ours to run, and it may belong to somebody else (a container's): we build its code anyway.
GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*", "-c", "advice.detachedHead=false")


class GateError(RuntimeError):
    """The gate cannot be run; str() is one sentence that says what to do."""


class Point(NamedTuple):
    """A commit to build. `tip`: the commit of HEAD that a snapshot of a dirty tree stands on, else `commit` itself."""

    name: str
    commit: str
    tip: str
    dirty: bool = False


def environment() -> dict[str, str]:
    """The environment without what a git hook sets, which would point git elsewhere, and without what `contend` set to
    find this package; messages in English."""
    out = {k: v for k, v in os.environ.items() if k not in (
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH",
        "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONDONTWRITEBYTECODE", "CONTEND_USERS_PYTHONPATH")}
    users = os.environ.get("CONTEND_USERS_PYTHONPATH")
    out.update({"PYTHONPATH": users} if users else {})
    return {**out, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "CONTEND_NO_HISTORY": "1"}  # the gate adds its own run


def git(top: Path, *words: str, check: bool = True, **more: str) -> subprocess.CompletedProcess:
    """`git words…` in `top`, with `more` in its environment. Raises GateError with git's own last line."""
    try:
        done = subprocess.run([*GIT, *words], cwd=top, env={**environment(), **more}, capture_output=True, text=True,
                              errors="surrogateescape", start_new_session=True)
    except FileNotFoundError as error:
        raise GateError("git was not found; the gate checks the base out with it.") from error
    if check and done.returncode:
        raise GateError(f"git {words[0]}: {_said(done)}")
    return done


def _said(done: subprocess.CompletedProcess) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    full = next((line for line in lines if os.strerror(errno.ENOSPC) in line), None)
    line = full or (fatal or lines or [f"exit {done.returncode}"])[-1]
    return line.removeprefix("fatal: ").removeprefix("error: ").rstrip(".") + "."


def top_of(where: Path) -> Path:
    """The top of the checkout that `where` lies in. Raises GateError."""
    done = git(where, "rev-parse", "--show-toplevel", check=False)
    if done.returncode:
        if "not a git repository" in done.stderr:
            raise GateError(f"{where}: is not in a git repository; the gate takes base and head from one.")
        raise GateError(f"{where}: {_said(done)}")
    return Path(done.stdout.rstrip("\n"))


def _shallow(top: Path) -> bool:
    return git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"


def commit_of(top: Path, ref: str) -> str:
    """The commit that `ref` names. Raises GateError that says how to get it."""
    done = git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", check=False)
    if done.returncode == 0:
        return done.stdout.strip()
    if _shallow(top):
        raise GateError(f"--base: '{ref}' is not in this clone, which is shallow; 'git fetch --unshallow' or, for a "
                        f"branch alone, 'git fetch --depth=100 origin {ref.removeprefix('origin/')}' gets it.")
    if ref.startswith("origin/"):
        raise GateError(f"--base: '{ref}' names no commit; 'git fetch origin {ref.removeprefix('origin/')}' gets a "
                        "branch that is not here yet.")
    raise GateError(f"--base: '{ref}' names no commit; expected a branch, tag or commit of this repository.")


def base_point(top: Path, ref: str, exact: bool) -> Point:
    """Where HEAD left `ref`, or with `exact` the commit of `ref` itself. Raises GateError."""
    commit = commit_of(top, ref)
    if exact:
        return Point(ref, commit, commit)
    done = git(top, "merge-base", commit, "HEAD", check=False)
    common = done.stdout.strip()
    if done.returncode or not common:
        if _shallow(top):
            raise GateError(f"--base: where HEAD left '{ref}' is not in this clone, which is shallow; 'git fetch "
                            "--unshallow' or 'git fetch --deepen=100' gets it.")
        raise GateError(f"--base: '{ref}' and HEAD have no commit in common; --exact compares with '{ref}' itself.")
    return Point(ref if common == commit else f"where HEAD left {ref}", common, common)


def _escaped(path: Path) -> str:
    """A path as a pattern of .gitignore that matches nothing else."""
    return "".join(f"\\{c}" if c in "\\*?[] !#" else c for c in str(path))


def head_point(top: Path, scratch: Path, leave_out: tuple[Path, ...] = ()) -> Point:
    """HEAD, or where files differ from it a commit of all that git does not ignore, with no ref and no trace in the index.

    `scratch`: a folder of the gate's. `leave_out`: folders that are not part of it, such as where results go. Raises GateError.
    """
    done = git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
    if done.returncode:
        raise GateError(f"{top}: has no commit yet; the gate compares with one.")
    head = done.stdout.strip()
    index = Path(git(top, "rev-parse", "--path-format=absolute", "--git-path", "index").stdout.rstrip("\n"))
    mine = scratch / INDEX
    try:
        if index.exists():  # a copy, not an index read from HEAD: it knows which files a sparse checkout leaves out
            shutil.copy2(index, mine)  # with its time, by which git knows what it must look into
        use = {"GIT_INDEX_FILE": str(mine)}
        own = [f"/{_escaped(path.relative_to(top))}/" for path in leave_out if path.is_relative_to(top) and path != top]
        git(top, "add", "--update", "--", ":/", **use)
        new = git(top, "ls-files", "--others", "--exclude-standard", "-z", *(f"--exclude={e}" for e in (*WRITTEN, *own)), **use)
        names = [name for name in new.stdout.split("\0") if name and not name.endswith("/")]  # …/: a repository of its own
        for i in range(0, len(names), 500):
            git(top, "add", "--", *names[i: i + 500], GIT_LITERAL_PATHSPECS="1", **use)
        tree = git(top, "write-tree", **use).stdout.strip()
        if tree == git(top, "rev-parse", "HEAD^{tree}").stdout.strip():
            return Point("HEAD", head, head)
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (
            ("NAME", "contend gate"), ("EMAIL", "contend@localhost"))}
        commit = git(top, "commit-tree", tree, "-p", head, "-m", "the working tree, as contend gate found it", **who)
        return Point("the working tree", commit.stdout.strip(), head, True)
    except OSError as error:
        raise GateError(f"{error.filename or mine}: cannot be written ({error.strerror}).") from error
    finally:
        remove_index(scratch)


def place(top: Path) -> Path:
    """build/gate of a checkout as git names what lies there: `build` may be a link."""
    return (top / PLACE).resolve()


class Trees:
    """The folder build/gate of a checkout while one gate run has it: a context that sweeps what a killed run left, and
    removes everything at its end. Raises GateError where another run has it."""

    def __init__(self, top: Path):
        self.top, self.folder = top, place(top)
        self._lock: int | None = None

    def __enter__(self) -> Trees:
        try:
            with processes.deferred():
                self._take()
                self.sweep()
        except BaseException:  # a signal that came meanwhile, too
            if self._lock is not None:
                self.__exit__()
            raise
        return self

    def _take(self) -> None:
        """Makes the folder and locks it. Raises GateError."""
        self._made_parent = not self.folder.parent.exists()
        try:
            while self._lock is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / ".gitignore").write_text("*\n", encoding="ascii")  # projects that do not ignore build/
                self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not _is(self._lock, self.folder / "lock"):  # whoever had it has just removed it
                    self._release()
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            owner = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            self._release()
            raise GateError(f"{self.folder}: another gate{f' (process {owner})' if owner else ''} is at work here; wait "
                            "for it to end, or gate in another checkout.") from None
        except OSError as error:
            self._release()
            raise GateError(f"{error.filename or self.folder}: cannot be written ({error.strerror}).") from error

    def __exit__(self, *_) -> None:
        with processes.deferred():
            try:
                self.sweep()
                shutil.rmtree(self.folder, ignore_errors=True)
                if self._made_parent and not any(self.folder.parent.iterdir()):
                    self.folder.parent.rmdir()
            finally:
                self._release()  # only now: whoever comes next finds nothing half removed

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def sweep(self) -> None:
        """Removes the trees, and git's notes of them; of no other worktree. Raises GateError where that fails."""
        remove_index(self.folder)
        for name in NAMES:
            remove(self.folder / name)
        listed = git(self.top, "worktree", "list", "--porcelain", check=False).stdout
        for line in listed.splitlines():
            path = line.removeprefix("worktree ")
            if line.startswith("worktree ") and Path(path) in [self.folder / name for name in NAMES]:
                git(self.top, "worktree", "remove", "--force", "--force", path, check=False)

    def add(self, name: str, point: Point) -> Path:
        """Checks `point` out as build/gate/`name`; returns its path. Raises GateError."""
        path = self.folder / name
        git(self.top, "worktree", "add", "--force", "--detach", str(path), point.commit)
        return path

    def copied(self, source: str, name: str, program: Path) -> Path:
        """A copy of the tree `source`, with what was built in it: of `program`, a path in the tree, with bytes of its own,
        of the rest by links. Raises GateError."""
        path = self.folder / name
        try:
            shutil.copytree(self.folder / source, path, symlinks=True, copy_function=os.link,
                            ignore=shutil.ignore_patterns(".git"))
            (path / program).unlink()
            shutil.copy2(self.folder / source / program, path / program)
        except (OSError, shutil.Error) as error:
            raise GateError(f"{path}: cannot be written ({error}).") from error
        return path


def remove_index(folder: Path) -> None:
    """Removes the index that a snapshot is made with. Raises OSError."""
    for name in (INDEX, INDEX + ".lock"):
        (folder / name).unlink(missing_ok=True)


def _is(handle: int, path: Path) -> bool:
    """Whether `path` is still the open file."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def remove(path: Path) -> None:
    """Removes a folder. A process of a killed run may still write there for a moment. Raises GateError."""
    for attempt in range(20):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            if not path.exists():
                return
        except NotADirectoryError:
            path.unlink(missing_ok=True)
        except OSError as error:
            if attempt == 19:
                raise GateError(f"{error.filename or path}: cannot be removed ({error.strerror}).") from error
            time.sleep(0.1)
        else:
            return
