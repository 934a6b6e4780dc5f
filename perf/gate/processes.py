# SPDX-License-Identifier: MIT
"""Programs that a gate starts, and signals that end a gate: each program is ended with all its children, also by kill -9."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Begins once its watch is there: a gate that is killed before that leaves nothing behind.
BEGIN = 'read -r word && exec "$@" </dev/null'
# Waits for a word from the gate; where none comes, the gate is dead, and the group of $0 is ended.
WATCH = 'read -r word || kill -s KILL -- "-$0"'

# The same for the group that it leads.
LEAD = 'read -r word || kill -s KILL 0'
LOOK_S = 1.0  # between two looks whether a program that still could say something has ended


class _State:
    """Of this process: whether a signal came, and how many parts of the program it must wait for."""

    came = False
    depth = 0


def _interrupt(*_) -> None:
    _State.came = True
    if not _State.depth:
        raise KeyboardInterrupt


def check() -> None:
    """Raises KeyboardInterrupt if a signal came: Python loses the exception of one that comes at a bad moment."""
    if _State.came and not _State.depth:
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP are told as Ctrl-C is: by KeyboardInterrupt."""
    _State.came = False
    before = {number: signal.signal(number, _interrupt) for number in ENDING
              if signal.getsignal(number) is not signal.SIG_IGN}  # nohup, and what a script started in the background
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _State.came = False


@contextmanager
def deferred() -> Iterator[None]:
    """A signal is told when this is over: nothing is lost or left behind between two lines."""
    before = _State.came
    _State.depth += 1
    _State.came = False
    try:
        yield
    finally:
        now, _State.came = _State.came, before or _State.came
        _State.depth -= 1
        if now and not _State.depth:
            raise KeyboardInterrupt


def _tell(process: subprocess.Popen, word: bytes) -> None:
    """A word on its standard input, once."""
    if not process.stdin.closed:
        try:
            process.stdin.write(word)
            process.stdin.close()
        except BrokenPipeError:
            pass


class Process:
    """A program in a session of its own, with nothing on its standard input."""

    def __init__(self, words: list[str], cwd: Path, environment: dict[str, str], out: IO):
        """A program that there is not ends with 127. Raises OSError where nothing can be started."""
        with deferred():
            self._process = subprocess.Popen(["sh", "-c", BEGIN, "sh", *words], cwd=cwd, env=environment,
                                             stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT,
                                             start_new_session=True)
            try:
                self._watch = subprocess.Popen(["sh", "-c", WATCH, str(self._process.pid)], stdin=subprocess.PIPE, cwd="/",
                                               start_new_session=True)
                _tell(self._process, b"begin\n")
            except OSError:
                self._kill()
                raise

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def stop(self, first: int = signal.SIGTERM, patience_s: float = 5.0) -> int:
        """Ends the program and what it started: asks with `first`, waits, then kills. Its exit code."""
        with deferred():
            if self._process.poll() is None:
                try:
                    os.killpg(self._process.pid, first)
                    self._process.wait(patience_s)
                except (subprocess.TimeoutExpired, ProcessLookupError):
                    pass
            self._kill()
            _tell(self._watch, b"done\n")
            self._watch.wait()
        return self._process.returncode

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)  # also what it left behind
        except (ProcessLookupError, PermissionError):
            pass
        self._process.wait()


def _in_group(number: int) -> dict[str, Any]:
    """What Popen is to be given for a process in that group, 0: in one of its own. In this session: none can join a group
    of another one."""
    if sys.version_info >= (3, 11):
        return {"process_group": number}
    return {"preexec_fn": partial(os.setpgid, 0, number)}


class Group:
    """A program with pipes for what it says, in a group that was there before it: whatever ends this process ends the
    group, and so does the end of this context. Cheap enough for one that runs for a tenth of a second."""

    def __init__(self, words: list[str], cwd: Path, environment: dict[str, str]):
        self._words, self._cwd, self._environment = words, cwd, environment
        self._leader = self.process = None

    def __enter__(self) -> Group:
        """Raises OSError where the program cannot be started, ValueError where a word cannot be told to it."""
        try:
            with deferred():
                nowhere = subprocess.DEVNULL
                self._leader = subprocess.Popen(["sh", "-c", LEAD], stdin=subprocess.PIPE, cwd="/", stdout=nowhere,
                                                stderr=nowhere, **_in_group(0))
                self.process = subprocess.Popen(self._words, cwd=self._cwd, env=self._environment, stdin=nowhere, text=True,
                                                errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                                **_in_group(self._leader.pid))
        except BaseException:  # a signal that came meanwhile, too
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        with deferred():
            if self._leader:
                os.killpg(self._leader.pid, signal.SIGKILL)  # its number is its own until it was waited for
                self._leader.wait()
                self._leader.stdin.close()
            if self.process:
                self.process.communicate()

    def said(self, limit_s: float) -> tuple[str, str] | None:
        """Standard output and error once it has ended; None where it did not within the limit. Children that it leaves
        behind, and that could still write there, end with it."""
        until = time.monotonic() + limit_s
        while True:
            left = until - time.monotonic()
            try:
                return self.process.communicate(timeout=max(0.0, min(left, LOOK_S)))
            except subprocess.TimeoutExpired:
                if self.process.poll() is not None:
                    os.killpg(self._leader.pid, signal.SIGKILL)
                elif left <= 0:
                    return None
