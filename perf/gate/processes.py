# SPDX-License-Identifier: MIT
"""Programs that a gate starts: each in a group of its own, that is ended with all its children, and ends with the gate."""
from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _with_parent(parent: int) -> None:
    """In the child: SIGTERM when the gate dies, even by SIGKILL."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def start(words: list[str], cwd: Path, environment: dict[str, str], out: IO | int, err: IO | int = subprocess.STDOUT,
          ) -> subprocess.Popen:
    """Starts a program with nothing on its standard input. Raises OSError where there is none of that name."""
    parent = os.getpid()
    return subprocess.Popen(words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                            start_new_session=True, preexec_fn=lambda: _with_parent(parent))


def stop(process: subprocess.Popen, first: int = signal.SIGTERM, patience_s: float = 5.0) -> None:
    """Ends the process and its group: asks with `first`, waits, then kills. Returns when it has ended."""
    try:
        if process.poll() is None:
            os.killpg(process.pid, first)
            process.wait(patience_s)
    except subprocess.TimeoutExpired:
        pass
    except ProcessLookupError:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # also what it left behind
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP are told as Ctrl-C is: by KeyboardInterrupt."""
    def interrupt(*_):
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
              if signal.getsignal(number) is not signal.SIG_IGN}  # nohup stays
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Signals that end a gate come when this is over: so that what was measured is not lost between two lines."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that end a gate wait: for tidying up and for writing what was found."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
