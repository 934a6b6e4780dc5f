# SPDX-License-Identifier: MIT
"""Recorded A/A pairs: one binary against itself, kept as gzipped CSV; and made-up noise in the same form."""
from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np

from plots.files import write as write_file

from .model import Key

COLUMNS = ("family", "name", "placement", "round", "base", "head", "head_first")


class RecordingError(ValueError):
    """The file cannot be used; str() is one sentence that names it and the place."""


class Recording(NamedTuple):
    """`keys` of the cells; `base`, `head` in ns per operation, shape (cells, rounds), NaN where a pair is missing.

    `head_first`: shape (cells, rounds), whether the side called head ran first. The rounds are in the order of time.
    """

    keys: tuple[Key, ...]
    base: np.ndarray
    head: np.ndarray
    head_first: np.ndarray

    def log_ratios(self) -> np.ndarray:
        """ln(head / base), shape (cells, rounds), NaN where a pair is missing."""
        return np.log(self.head / self.base)


def write(path: Path, recording: Recording) -> None:
    """Writes `path` (….csv.gz) in one step; five digits are enough for a time. The same recording gives the same bytes.

    Raises OSError.
    """
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    for i, key in enumerate(recording.keys):
        for k in range(recording.base.shape[1]):
            base, head = recording.base[i, k], recording.head[i, k]
            if not np.isnan(base + head):
                out.writerow([key.family, key.name, key.placement, k, f"{base:.5g}", f"{head:.5g}",
                              int(recording.head_first[i, k])])
    raw = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        packed.write(text.getvalue().encode())
    write_file(Path(path), raw.getvalue())


def read(path: Path) -> Recording:
    """The recording in `path`. Raises RecordingError."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            rows = list(csv.reader(text))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise RecordingError(f"{path}: cannot be read as gzipped CSV ({error}).") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise RecordingError(f"{path}: line 1 is not '{','.join(COLUMNS)}'.")
    found: dict[Key, dict[int, tuple[float, float, bool]]] = {}
    for number, row in enumerate(rows[1:], 2):
        try:
            family, name, placement, at, base, head, first = row
            values = (float(base), float(head), bool(int(first)))
            at = int(at)
        except ValueError:
            raise RecordingError(f"{path}: line {number} is not a pair: {','.join(row)[:80]}.") from None
        if not (0 < values[0] < np.inf and 0 < values[1] < np.inf) or not 0 <= at < 100_000:
            raise RecordingError(f"{path}: line {number} has times or a round out of range: {','.join(row)[:80]}.")
        found.setdefault(Key("time", family, name, placement), {})[at] = values
    if not found:
        raise RecordingError(f"{path}: has no pair.")
    rounds = 1 + max(max(pairs) for pairs in found.values())
    base, head = np.full((len(found), rounds), np.nan), np.full((len(found), rounds), np.nan)
    first = np.zeros((len(found), rounds), bool)
    for i, pairs in enumerate(found.values()):
        for at, (base[i, at], head[i, at], first[i, at]) in pairs.items():
            pass
    return Recording(tuple(found), base, head, first)


def _normal(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> np.ndarray:
    return rng.normal(0, sd, shape)


def _heavy(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> np.ndarray:
    """Student's t with 2 degrees of freedom, whose middle half is as wide as the normal's."""
    return rng.standard_t(2, shape) * sd * 0.6745 / 0.8165


def _drift(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> np.ndarray:
    """A level that wanders for all cells alike, by 1 % from side to side, and warms up; the order is drawn by pair."""
    cells, rounds = shape
    level = np.cumsum(rng.normal(0, 0.01, 2 * rounds)) + np.linspace(0, 0.5, 2 * rounds)
    within = level[1::2] - level[::2]
    return rng.choice([-1, 1], shape) * within + rng.normal(0, sd, shape)


def _bimodal(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> np.ndarray:
    """Each process is slow by 2.5 sd with probability 0.3, for reasons of its own; and a tenth of sd beside that."""
    modes = (rng.random((2, *shape)) < 0.3) * 2.5 * sd
    return modes[0] - modes[1] + rng.normal(0, sd / 10, shape)


def _bursts(rng: np.random.Generator, shape: tuple[int, int], sd: float) -> np.ndarray:
    """One round in ten is disturbed for all cells: a neighbour on the machine, five times the noise."""
    scale = np.where(rng.random(shape[1]) < 0.1, 5 * sd, sd)
    return rng.normal(0, 1, shape) * scale


NOISES: dict[str, Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]] = {
    "normal": _normal, "heavy": _heavy, "drift": _drift, "bimodal": _bimodal, "bursts": _bursts}


def made_up(noise: str, sd: float, cells: int, rounds: int, seed: int) -> Recording:
    """A recording of an unchanged program under a model of noise: a name in NOISES and its width `sd` (0.05: 5 %)."""
    rng = np.random.default_rng(seed)
    d = NOISES[noise](rng, (cells, rounds), sd)
    keys = tuple(Key("time", "made_up", f"{noise}/cell:{i}", "none") for i in range(cells))
    return Recording(keys, np.full(d.shape, 100.0), 100 * np.exp(d), rng.random(d.shape) < 0.5)
