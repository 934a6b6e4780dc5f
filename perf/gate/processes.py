# SPDX-License-Identifier: MIT
"""Programs that a gate starts, and signals that end a gate: each program is ended with all its children, also by kill -9."""
from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Begins once its watch is there: a gate that is killed before that leaves nothing behind.
BEGIN = 'read -r word && exec "$@" </dev/null'
# Waits for a word from the gate; where none comes, the gate is dead, and the group of $0 is ended.
WATCH = 'read -r word || kill -s KILL -- "-$0"'


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
