# SPDX-License-Identifier: MIT
"""From what was measured to the verdict on each cell and on the run."""
from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from . import accepted, exact
from .design import POWER, SLOW, Decision, Plan, PlanError, decide, detectable, excluded
from .model import (ACCEPTED, EXIT, FAILED, FAULTS, IMPROVEMENT, INCONCLUSIVE, INVALID, NOT_GATED, NOTHING, OK, PASS, REASONS, REGRESSION,
                    VERDICTS, CellVerdict, Control, Measured, Pairs, RunVerdict, Skipped)
from .statistics import holm, interval, one_way, p_greater

LEAST_PAIRS = 5  # below it nothing is said about noise
MOST_FAILED = 0.2  # share of pairs that a base may fail in before the cell is not gated


def judge(measured: Measured, plan: Plan, with_detectable: bool = True) -> RunVerdict:
    """The verdict on a run; every output is written from it. `with_detectable`: False saves half a second.

    Raises PlanError where the plan's budget was made for fewer cells.
    """
    if len(measured.cells) > plan.cells:  # or the budget would be overspent in silence
        raise PlanError(f"cells is {plan.cells}, expected at least the number of timed cells, {len(measured.cells)}.")
    judge_all = _single_stage if plan.design == "holm" else _two_stage
    cells = judge_all(measured.cells, plan, with_detectable)
    limit = exact.level(sum(bool(cell.base_schedules) for cell in measured.exact))
    cells += [exact.judge(cell, limit) for cell in measured.exact]
    cells += [_skipped(cell) for cell in measured.skipped]
    cells = [accepted.apply(cell, measured.accepted) for cell in cells]
    cells.sort(key=lambda c: (VERDICTS.index(c.verdict), -_badness(c), c.key))
    control = judge_control(measured.control, plan) if measured.control else None
    timed = [c for c in cells if c.rule != "exact" and c.verdict != NOT_GATED]
    hidden = sum(c.verdict == INCONCLUSIVE for c in timed) / len(timed) if timed else None
    verdict, sentence = _of_run(cells, control, hidden, plan, measured)
    code = EXIT[verdict]
    if measured.kind == "compare":
        code = EXIT[NOTHING] if verdict == NOTHING else 0
    return RunVerdict(verdict, code, sentence, tuple(cells), control, hidden, measured, plan)


def _of_run(cells: list[CellVerdict], control: Control | None, hidden: float | None, plan: Plan,
            measured: Measured) -> tuple[str, str]:
    """Verdict and sentence, in the order that they win."""
    red = [c for c in cells if c.verdict == REGRESSION]
    gated = [c for c in cells if c.verdict != NOT_GATED]
    share = f"{hidden:.0%}" if hidden is not None else "none"
    if red:
        n = len(red) - 1
        others = f" {n} more {'cells are' if n > 1 else 'cell is'} worse." if n else ""
        return REGRESSION, f"{red[0].key.lens}: {red[0].key} is worse: {red[0].sentence}.{others}"
    if control and control.rejected:
        return INVALID, f"The control says that this run cannot be trusted: {control.sentence}."
    if not gated:
        return NOTHING, "Nothing was compared: no cell has a number on both sides that may be gated."
    if hidden is not None and hidden > plan.most_hidden:
        return INCONCLUSIVE, (f"Noise hides {share} of the timed cells, more than {plan.most_hidden:.0%}: a slowdown of "
                              f"{plan.max_slowdown:.0%} in them would not be found.")
    open_cells = sum(c.verdict == INCONCLUSIVE for c in cells)
    left = f"; {open_cells} stay{'s' if open_cells == 1 else ''} inconclusive" if open_cells else ""
    taken = sum(c.verdict == ACCEPTED for c in cells)
    left += f"; of {taken} {'it is' if taken == 1 else 'they are'} accepted by commits" if taken else ""
    cut = "" if measured.complete else " The run was interrupted, so this is about what was finished."
    one = "No regression in 1 cell" if len(gated) == 1 else f"No regression in {len(gated)} cells"
    return OK, f"{one}{left}.{cut}"


def _badness(cell: CellVerdict) -> float:
    """What worst-first sorts by: the log ratio, or how much noise hides."""
    if cell.verdict == INCONCLUSIVE and cell.high is not None:
        return math.log(cell.high)
    if cell.ratio is None:
        return FAILED if cell.head_failed or cell.verdict == REGRESSION else 0.0
    return abs(math.log(cell.ratio)) if cell.ratio > 0 else 0.0


def _skipped(cell: Skipped) -> CellVerdict:
    sentence = REASONS[cell.reason] + (f" {cell.detail}" if cell.detail else "")
    return CellVerdict(cell.key, NOT_GATED, sentence, reason=cell.reason, rule="not gated")


def _without_numbers(cell: Pairs, plan: Plan) -> CellVerdict | None:
    """A cell that pairs cannot decide because the base itself failed, or neither side has a number."""
    missing = [i for i, base in enumerate(cell.base) if base is None]
    if not missing and len(cell.base):
        return None
    why = [caveat for side, caveat in (cell.failed.get(i, ("base", "")) for i in missing) if side in ("base", "both")]
    if cell.base and len(missing) <= MOST_FAILED * len(cell.base):
        return None
    reason = next((w for w in why if w in FAULTS), "not_measurable" if cell.base else "too_few_pairs")
    detail = f"The base failed in {len(missing)} of {len(cell.base)} pairs." if cell.base else ""
    return _skipped(Skipped(cell.key, reason, detail))


def state(cell: Pairs, plan: Plan) -> Decision | None:
    """A cell after the pairs that there are, which `wants` so many more; None where no more pairs would help, for the
    base itself fails or no pair has a number."""
    if not cell.base or _without_numbers(cell, plan):
        return None
    first = cell.log_ratios(1)
    return decide(first, cell.log_ratios(2), plan) if len(first) else None


def control_plan(cells: int, plan: Plan) -> Plan:
    """What is declared for so many control cells: three looks at the control share the budget."""
    return replace(plan, cells=cells, budget=plan.budget / 3, design="two_stage")


def _two_stage(cells: tuple[Pairs, ...], plan: Plan, with_detectable: bool) -> list[CellVerdict]:
    out = []
    for cell in cells:
        lost = _without_numbers(cell, plan)
        if lost:
            out.append(lost)
            continue
        first, fresh = cell.log_ratios(1), cell.log_ratios(2)
        state = decide(first, fresh, plan)
        if state.estimate is None and len(first) + len(fresh) == 0:
            out.append(_skipped(Skipped(cell.key, "not_measurable", "Neither side has a number.")))
        elif state.estimate is None:
            out.append(_skipped(Skipped(cell.key, "too_few_pairs", f"{len(first)} of {plan.first} pairs.")))
        else:
            used = (fresh if state.rule.startswith("second") else first)[: state.pairs]
            out.append(_told(cell, state, used, np.concatenate([first, fresh]), plan, with_detectable))
    return out


def _single_stage(cells: tuple[Pairs, ...], plan: Plan, with_detectable: bool) -> list[CellVerdict]:
    """All pairs of all cells at once, with Holm's correction: what two stored runs allow."""
    kept, out = [], []
    for cell in cells:
        lost = _without_numbers(cell, plan)
        d = cell.log_ratios(1)
        if lost or not len(d):
            out.append(lost or _skipped(Skipped(cell.key, "not_measurable", "Neither side has a number.")))
        else:
            kept.append((cell, d))
    floor = math.log1p(plan.floor)
    slower = holm([p_greater(d, floor, plan.test) for _, d in kept])
    faster = holm([p_greater(-d, floor, plan.test) for _, d in kept])
    for (cell, d), slow, fast in zip(kept, slower, faster):
        bounds = interval(d, plan.miss / 2, plan.test)
        far = abs(bounds.estimate) >= math.log1p(plan.least)
        verdict = PASS if excluded(bounds, plan) else INCONCLUSIVE
        if slow <= plan.budget and far and bounds.estimate > 0:
            verdict = REGRESSION
        elif fast <= plan.budget and far and bounds.estimate < 0:
            verdict = IMPROVEMENT
        p = fast if bounds.estimate < 0 else slow
        state = Decision(verdict, 0, "Holm over cells", *bounds, float(p), plan.budget, len(d))
        out.append(_told(cell, state, d, d, plan, with_detectable))
    return out


def _ratio(log_ratio: float | None) -> float | None:
    """e**x, None where it is no ratio of two times: infinite, or a side that failed."""
    if log_ratio is None or not abs(log_ratio) < FAILED / 4:
        return None
    return math.exp(log_ratio)


def _told(cell: Pairs, state: Decision, used: np.ndarray, every: np.ndarray, plan: Plan,
          with_detectable: bool) -> CellVerdict:
    """A decision as a verdict with its sentence."""
    finite = every[np.abs(every) < FAILED / 4]
    sd = float(np.std(finite, ddof=1)) if len(finite) > 1 else None
    found = detectable(finite, plan) if with_detectable else None
    failed = int((used > FAILED / 4).sum())
    ratio, low, high = (_ratio(x) for x in (state.estimate, state.low, state.high))
    verdict = CellVerdict(cell.key, state.verdict, "", None, ratio, low, high, state.level, state.p, state.limit,
                          state.pairs, sd, found, state.rule, head_failed=failed)
    return replace(verdict, sentence=_sentence(verdict, state, plan))


def interval_words(cell: CellVerdict) -> str:
    """1.13 [1.08, 1.19], with a question mark for a bound that these pairs cannot give."""
    low, high = ("?" if x is None else f"{x:.3f}" for x in (cell.low, cell.high))
    return f"{cell.ratio:.3f} [{low}, {high}]" if cell.ratio is not None else f"– [{low}, {high}]"


def detectable_words(cell: CellVerdict) -> str:
    """What the noise lets the gate find."""
    if cell.detectable is not None:
        return f"{cell.detectable:+.0%} or more would be found {POWER:.0%} of the time"
    return "too few pairs to say what would be found" if cell.pairs < LEAST_PAIRS else \
        "no slowdown, however large, would be found"


def _sentence(cell: CellVerdict, state: Decision, plan: Plan) -> str:
    if cell.head_failed and cell.ratio is None:
        return f"the head failed in {cell.head_failed} of {cell.pairs} pairs in which the base did not"
    found = f"{interval_words(cell)}, {cell.pairs} pair{'s' if cell.pairs != 1 else ''}"
    if cell.verdict == REGRESSION:
        return f"{cell.ratio - 1:+.1%} ({found}, p {state.p:.2g} for more than {plan.floor:.1%})"
    if cell.verdict == IMPROVEMENT:
        return f"{cell.ratio - 1:+.1%} ({found}, p {state.p:.2g})"
    if cell.verdict == PASS:
        return f"a slowdown of {plan.max_slowdown:.0%} is excluded ({found})"
    more = f"; {state.wants} more pair{'s were' if state.wants > 1 else ' was'} wanted" if state.wants else ""
    if state.wants and state.rule.endswith(SLOW):
        return f"it looked slower at first, and too few fresh pairs say whether it is ({found}{more}); {detectable_words(cell)}"
    lucky = cell.high is not None and cell.high < 1 + plan.max_slowdown
    how = "excluded by a low estimate alone, in noise that is wider" if lucky else "not excluded"
    return f"a slowdown of {plan.max_slowdown:.0%} is {how} ({found}{more}); {detectable_words(cell)}"


def judge_control(cells: tuple[Pairs, ...], plan: Plan) -> Control:
    """The same binary against itself. Three looks share the budget: a cell slower, a cell faster, all cells one way."""
    verdicts = _two_stage(cells, control_plan(len(cells), plan), False)
    moved = [c for c in verdicts if c.verdict in (REGRESSION, IMPROVEMENT)]
    estimates = [math.log(c.ratio) for c in verdicts if c.ratio]
    p = one_way(estimates) if estimates else None
    one_sided = p is not None and p <= plan.budget / 3
    if moved:
        sentence = f"{moved[0].key} differs from itself: {moved[0].sentence}"
    elif one_sided:
        up = sum(e > 0 for e in estimates)
        sentence = f"{max(up, len(estimates) - up)} of {len(estimates)} control cells moved the same way (p {p:.2g})"
    else:
        decided = sum(c.verdict in (PASS, INCONCLUSIVE) for c in verdicts)
        sentence = f"none of {decided} control cell{'s' if decided != 1 else ''} differs from itself"
    return Control(tuple(verdicts), p, bool(moved) or one_sided, sentence)
