# SPDX-License-Identifier: MIT
"""Whether a simulated cell that differs is slower, or only out of step: both sides simulated again under other seeds.

A simulated number has no noise, but many cells are chaotic: one access more at the start, or a variable that lies on
another line, shifts who meets whom, and at 16 threads the result moves by 10 to 30 % without anything being slower. A
seed draws small variations of time (`contend simulate --seed`) and shifts them just so. Over several seeds the values of
an unchanged cell are draws from one distribution, of a slower one they are not; the test is exact and needs no more.
"""
from __future__ import annotations

import math
import statistics
from functools import lru_cache
from typing import Sequence

from .exact import _grew

SEEDS = tuple(range(1, 11))
LEVEL = 0.0002  # one-sided, per metric of a cell that differs


@lru_cache(maxsize=None)
def _ways(m: int, n: int, u: int) -> int:
    """In how many orders of m and n values exactly u pairs have the second larger."""
    if u < 0 or u > m * n:
        return 0
    if m == 0 or n == 0:
        return int(u == 0)
    return _ways(m, n - 1, u - m) + _ways(m - 1, n, u)


def p_greater(base: Sequence[float], head: Sequence[float]) -> float:
    """Exact one-sided p of Mann and Whitney's U (1947) for `head` being greater; ties count for neither, which is strict."""
    m, n = len(base), len(head)
    pairs = sum(h > b for h in head for b in base)
    return sum(_ways(m, n, u) for u in range(pairs, m * n + 1)) / math.comb(m + n, n)


def worse(metric: str, base: Sequence[float | None], head: Sequence[float | None]) -> bool:
    """Whether `head` is greater by more than the floors of the exact rule, and not by chance. One value per seed; None,
    where it hung, crashed or was wrong, is worse than any number. Without any base value nothing is worse."""
    if not base or not head or all(v is None for v in base):
        return False
    one, two = ([math.inf if v is None else v for v in side] for side in (base, head))
    before, after = statistics.median(one), statistics.median(two)
    return p_greater(one, two) <= LEVEL and (after == math.inf or _grew(before, after, metric))


def words(metric: str, base: Sequence[float | None], head: Sequence[float | None]) -> str:
    """over 10 seeds ns_per_op 71.2 (60.1 … 80.4) → 70.9 (61.2 … 79.9)."""
    def side(values: Sequence[float | None]) -> str:
        numbers = [v for v in values if v is not None]
        if not numbers:
            return "none"
        middle = f"{statistics.median(numbers):.4g}"
        return middle if min(numbers) == max(numbers) else f"{middle} ({min(numbers):.4g} … {max(numbers):.4g})"

    return f"over {len(head)} seeds {metric} {side(base)} → {side(head)}"
