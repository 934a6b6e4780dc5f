# SPDX-License-Identifier: MIT
"""The verdict in text: a table for the console, Markdown for a job summary and a comment, JUnit XML for a CI."""
from __future__ import annotations

import math
import re
import shlex
import xml.etree.ElementTree as ET

from .accepted import words as accepted_words
from .judge import interval_words
from .model import (ACCEPTED, CHANGED, IMPROVEMENT, INCONCLUSIVE, NOT_GATED, PASS, REGRESSION, VERDICTS, CellVerdict, Measured,
                    RunVerdict)

WORDS = {PASS: "pass", REGRESSION: "REGRESSION", IMPROVEMENT: "improvement", CHANGED: "changed",
         INCONCLUSIVE: "inconclusive", ACCEPTED: "accepted", NOT_GATED: "not gated"}
HEADLINES = {"ok": "no regression", "regression": "regression", "invalid": "invalid run",
             "nothing_compared": "nothing compared", "inconclusive": "inconclusive"}
MARKDOWN_MOST = 64_000  # bytes; GitHub cuts a comment at 65,536 characters
_CONTROL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def command(measured: Measured) -> str:
    """The command line that reproduces it; '' where it is unknown."""
    return shlex.join(measured.command)


def tally(run: RunVerdict) -> str:
    """2 regressions, 1 inconclusive, 40 pass: what there is, worst first."""
    plural = {REGRESSION: "regressions", IMPROVEMENT: "improvements"}
    found = [f"{n} {plural.get(name, WORDS[name]) if n > 1 else WORDS[name].lower()}"
             for name, n in run.counted().items() if n]
    return ", ".join(found) or "no cells"


def change_words(cell: CellVerdict) -> str:
    """+12.3 %, or nothing for a cell without a ratio."""
    return "" if cell.ratio is None else f"{100 * (cell.ratio - 1):+.1f} %" if cell.ratio < 10 else f"{cell.ratio:.3g}×"


def level_words(run: RunVerdict) -> str:
    """What the intervals are worth, in a sentence."""
    plan = run.plan
    if plan.design == "holm":
        return f"Each bound of an interval is wrong with probability {plan.miss / 2:g} at most."
    return (f"Each bound of an interval is wrong with probability {plan.first_miss:g} at most, "
            f"{plan.look_miss:g} for cells with fresh pairs.")


def accepted_lines(run: RunVerdict) -> list[str]:
    """What commits accept, and how many cells need it: one line per trailer."""
    counts = [sum(cell.accepted == one for cell in run.cells) for one in run.measured.accepted]
    return [f"{one.pattern}{f' of the lens {one.lens}' if one.lens else ''}, {accepted_words(one)}: "
            f"{f'{n} cell' if n else 'no cell needs it'}{'s' if n > 1 else ''}"
            for one, n in zip(run.measured.accepted, counts)]


def rules(run: RunVerdict) -> list[str]:
    """What the verdicts mean, from the plan's own numbers."""
    plan, found = run.plan, []
    if run.measured.cells and plan.design == "two_stage":
        looks = " and ".join(map(str, plan.looks))
        found += [
            f"A timed cell regresses if it is proven slower by more than {plan.floor:.1%} and looks slower by "
            f"{plan.least:.1%} or more, on fresh pairs (looks after {looks}); it passes if a slowdown of "
            f"{plan.max_slowdown:.0%} is excluded, on fresh pairs where it looked slower at first.",
            f"The chance of any false regression among its {plan.cells} timed cells is at most {plan.budget:.1%}."]
    elif run.measured.cells:
        found += [f"Cells are compared by {'signed ranks' if plan.test == 'signed_rank' else 'signs'} of ln(head / base), "
                  f"repetition by repetition, at {plan.budget:.1%} over {plan.cells} cells (Holm)."]
        needed = math.ceil(math.log2(plan.cells / plan.budget))
        most = max(len(cell.base) for cell in run.measured.cells)
        if most < needed:
            found.append(f"Of {most} repetition{'s' if most != 1 else ''} no test can be sure enough among so many "
                         f"cells: that takes {needed}.")
    if run.measured.exact:
        found += ["Simulated cells are exact: more than 2 % more line transfers or predicted time is a regression, every "
                  "other difference is told."]
    if any(cell.base_schedules for cell in run.measured.exact):
        found.append("Of a cell with several schedules it must be so in the median, and proven by their ranks; where they "
                     "are too few for that, all of the head's must lie beyond all of the base's by as much.")
    return found


def console(run: RunVerdict, width: int = 100, most: int = 40) -> str:
    """A table of at most `most` cells that do not simply pass, then the verdict as the last line."""
    told = [c for c in run.cells if c.verdict != PASS]
    grouped = [c for c in told if c.verdict != NOT_GATED]
    lines = [f"base {run.measured.base}", f"head {run.measured.head}", ""]
    for cell in grouped[:most]:
        lines.append(f"{WORDS[cell.verdict]:12} {cell.key.lens:9} {cell.key.family}: {cell.key}")
        lines += [f"{'':12} {part}" for part in _wrapped(cell.sentence, width - 13)]
    if len(grouped) > most:
        lines.append(f"{'':12} … and {len(grouped) - most} more")
    lines += _reasons(told)
    for line in accepted_lines(run):
        lines += [f"{'accepts' if i == 0 else '':12} {part}" for i, part in enumerate(_wrapped(line, width - 13))]
    if run.control:
        lines.append(f"{'control':12} {run.control.sentence}")
    for note in run.measured.notes:
        lines += [f"{'note' if i == 0 else '':12} {part}" for i, part in enumerate(_wrapped(note, width - 13))]
    lines += ["", tally(run), *_wrapped(run.sentence, width)]
    return "\n".join(lines) + "\n"


def _reasons(cells: list[CellVerdict]) -> list[str]:
    """Cells that are not gated, one line per reason."""
    found: dict[str, list[CellVerdict]] = {}
    for cell in cells:
        if cell.reason:
            found.setdefault(cell.reason, []).append(cell)
    return [f"{'not gated':12} {reason.replace('_', ' ')}: {len(members)} cell{'s' if len(members) > 1 else ''}, "
            f"such as {members[0].key}" for reason, members in found.items()]


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return lines + [line] if line else lines


def _cell_markdown(text: str) -> str:
    """Text inside a cell of a Markdown table."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", text).replace("\n", " ")


def markdown(run: RunVerdict, most: int = MARKDOWN_MOST) -> str:
    """A job summary, worst first; cells that pass are counted, not listed. At most `most` bytes, and says what it cut."""
    lines = [f"## contend {run.measured.kind}: {HEADLINES[run.verdict]}", "", _cell_markdown(run.sentence), "",
             f"Base `{_code(str(run.measured.base))}`, head `{_code(str(run.measured.head))}`: {tally(run)}."]
    if run.control:
        lines += ["", f"Control: {_cell_markdown(run.control.sentence)}."]
    lines += ["", *(f"* Accepted: {_cell_markdown(line)}" for line in accepted_lines(run))]
    lines += ["", *(f"> {_cell_markdown(note)}" for note in run.measured.notes)]
    tail = ["", *rules(run), level_words(run) if run.measured.cells else ""]
    if run.measured.command:
        tail += ["", "Reproduce it:", "", "```sh", _code(command(run.measured)), "```"]
    rows = [_row(cell) for cell in run.cells if cell.verdict not in (PASS, NOT_GATED)]
    left = most - len("\n".join(lines + tail).encode()) - 2000
    if rows:
        lines += ["", "| | cell | ratio | what |", "|---|---|---|---|"]
    shown = 0
    for row in rows:
        left -= len(row.encode()) + 1
        if left < 0:
            break
        lines.append(row)
        shown += 1
    if shown < len(rows):
        lines += ["", f"{len(rows) - shown} more rows are left out here; the page and gate.json have all."]
    reasons = [line.split(maxsplit=2)[2] for line in _reasons(list(run.cells))]
    lines += ["", *(f"* Not gated: {_cell_markdown(reason[:300])}" for reason in reasons)]
    return "\n".join(lines + tail).rstrip() + "\n"


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")


def _row(cell: CellVerdict) -> str:
    mark = {REGRESSION: "❌", INCONCLUSIVE: "❔", ACCEPTED: "☑️", IMPROVEMENT: "✅", CHANGED: "ℹ️"}[cell.verdict]
    ratio = interval_words(cell) if cell.rule != "exact" else change_words(cell)
    words = f"{WORDS[cell.verdict].lower()}, {cell.key.lens}"
    return f"| {mark} {words} | `{_code(str(cell.key))}` | {ratio} | {_cell_markdown(cell.sentence[:400])} |"


def junit(run: RunVerdict) -> str:
    """One test case per cell: a failure for a regression; skipped where there is no verdict, so that no CI counts it as
    passed. An invalid or empty run is an error of its own case. Stored runs do not gate: no failure, no error."""
    counted = run.counted()
    gates = run.measured.kind == "gate"
    broken = gates and run.verdict in ("invalid", "nothing_compared", "inconclusive")
    skipped = counted[INCONCLUSIVE] + counted[NOT_GATED]
    root = ET.Element("testsuites", name=f"contend {run.measured.kind}")
    suite = ET.SubElement(root, "testsuite", name=_xml(f"contend {run.measured.kind} {run.measured.base} against {run.measured.head}"),
                          tests=str(len(run.cells) + 1), failures=str(counted[REGRESSION] if gates else 0), errors=str(int(broken)),
                          skipped=str(skipped))
    properties = ET.SubElement(suite, "properties")
    for name, value in (("base", run.measured.base), ("head", run.measured.head), ("verdict", run.verdict),
                        ("exit_code", run.exit_code), ("command", command(run.measured))):
        ET.SubElement(properties, "property", name=name, value=_xml(str(value)))
    case = ET.SubElement(suite, "testcase", classname="run", name="verdict")
    if broken:
        ET.SubElement(case, "error", message=_xml(run.sentence), type=run.verdict)
    for cell in sorted(run.cells, key=lambda c: (VERDICTS.index(c.verdict), c.key)):
        case = ET.SubElement(suite, "testcase", classname=_xml(f"{cell.key.lens}.{cell.key.family}"),
                             name=_xml(str(cell.key)))
        if cell.verdict == REGRESSION and gates:
            ET.SubElement(case, "failure", message=_xml(cell.sentence), type=REGRESSION)
        elif cell.verdict in (INCONCLUSIVE, NOT_GATED):
            ET.SubElement(case, "skipped", message=_xml(f"{WORDS[cell.verdict]}: {cell.sentence}"))
        else:
            ET.SubElement(case, "system-out").text = _xml(f"{WORDS[cell.verdict]}: {cell.sentence}")
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Text without the characters that XML has no way to write."""
    return _CONTROL.sub("\ufffd", text)
