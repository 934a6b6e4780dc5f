# SPDX-License-Identifier: MIT
"""How far a gate is: one line that renews itself on a terminal, a plain line now and then elsewhere, nothing if quiet."""
from __future__ import annotations

import shutil
import sys
import time

from . import processes

PAUSE_S = {True: 0.1, False: 15.0}  # between two lines of progress, by whether there is a terminal


class Progress:
    """Writes to standard error. `quiet`: only warnings."""

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._live = False

    def step(self, text: str) -> None:
        """Where things stand; may be called as often as one likes. Raises KeyboardInterrupt where somebody wants an end."""
        processes.check()
        now = time.monotonic()
        if self.quiet or now - self._shown < PAUSE_S[self.terminal]:
            return
        self._shown = now
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{text[:width]}", end="", file=sys.stderr, flush=True)
            self._live = True
        else:
            print(text, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """A line that stays, quiet or not."""
        self.end()
        print(text, file=sys.stderr, flush=True)
        self._shown = time.monotonic()

    def end(self) -> None:
        """Takes the line that renews itself away."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        self._live = False


def in_words(seconds: float) -> str:
    """1 min 05 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"
