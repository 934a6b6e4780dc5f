#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lint of memory orders: every access that is not relaxed names its partner, and partners come in pairs.

An access with acquire, release, acq_rel or seq_cst carries a comment `[label] -> partner` (it releases) or
`[label] <- partner: what breaks without it` (it acquires), or `[label] <-> …` (both), on one of its own lines or
directly above its statement. In a file each label has at least one arrow each way; where the partner is in another
file of the folder or below, the comment names it with its class (`[label] -> domain::protect()`). An atomic of the same
file accessed without an order is seq_cst by silence, and an error. atomic_signal_fence orders nothing between threads
and is exempt.

usage: memory_orders.py FILE_OR_FOLDER…    prints file:line: what is wrong; exit code 1 if anything is
"""
import pathlib
import re
import sys

TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'(?!\w)', re.S)
MEMBERS = r"load|store|exchange|compare_exchange_(?:weak|strong)|fetch_(?:add|sub|and|or|xor)"
ACCESS = re.compile(rf"(?P<receiver>\w*)(?:\[[^]]*\])?(?:\.|->)(?P<member>{MEMBERS}|test_and_set|test|clear|wait)\s*\("
                    r"|\b(?P<function>atomic_thread_fence|atomic_\w+_explicit)\s*\(")
SILENT = {"load": 0, "compare_exchange_weak": 2, "compare_exchange_strong": 2}  # arguments without an order; others: 1
ORDER = re.compile(r"\bmemory_order(?:_|::\s*)(relaxed|acquire|release|acq_rel|seq_cst|consume)\b")
LABEL = re.compile(r"\[(\w[\w -]*)\]\s*(<->|->|<-)([^\[]*)")
ATOMIC = re.compile(r"\batomic(?:<[^;{}]*>|_\w+)\s*[&*]?\s*(\w+)")
BOTH = {"->", "<-"}


def split(text):
    """The code with comments and literals blanked out, and the comment text of each line; both keep their lines."""
    comments = [""] * (text.count("\n") + 1)

    def blank(match):
        token = match.group()
        if token[0] == "/":
            first = text.count("\n", 0, match.start())
            for offset, part in enumerate(token.split("\n")):
                comments[first + offset] += part
        return re.sub(r"[^\n]", " ", token)

    return TOKENS.sub(blank, text), comments


def closing(code, opening):
    """The position of the parenthesis that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[position], 0)
        if depth == 0:
            return position
    return len(code) - 1


def arguments(inside):
    """How many arguments a call has."""
    depth = commas = 0
    for character in inside:
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(character, 0)
        commas += character == "," and depth == 0
    return commas + 1 if inside.strip() else 0


def nearby(lines, comments, first, last):
    """The comments of lines first … last and those directly above them, or above the statement that they are part of."""
    found = comments[first:last + 1]
    line = first
    while True:
        above = line - 1
        while above >= 0 and not lines[above].strip() and comments[above]:
            found.append(comments[above])
            above -= 1
        line -= 1
        if line < 0 or not lines[line].strip() or lines[line].rstrip()[-1] in ";:{}":
            return " ".join(found)
        found.append(comments[line])


def arrows_in(comment):
    """(label, arrow) for each label of a comment, both arrows for <->."""
    for label, arrow, _ in LABEL.findall(comment):
        for single in BOTH if arrow == "<->" else {arrow}:
            yield label, single


def accesses(code, comments):
    """(line, complaint) for accesses without an order, and for ordered ones without the label that they need."""
    lines = code.split("\n")
    atomics = set(ATOMIC.findall(code))
    for match in ACCESS.finditer(code):
        name = match.group("member") or match.group("function")
        end = closing(code, match.end() - 1)
        inside = code[match.end():end]
        first, last = code.count("\n", 0, match.start()), code.count("\n", 0, end)
        orders = set(ORDER.findall(inside))
        if not orders:
            if match.group("receiver") in atomics and arguments(inside) == SILENT.get(name, 1):
                yield first + 1, f"{name}() without an order is seq_cst by silence: say which order it needs"
            continue
        orders.discard("relaxed")
        found = {arrow for _, arrow in arrows_in(nearby(lines, comments, first, last))}
        if orders and not found:
            yield first + 1, f"{name}({', '.join(sorted(orders))}) has no label: [label] -> or [label] <- its partner"
        elif orders == {"acquire"} and "<-" not in found or orders == {"release"} and "->" not in found:
            yield first + 1, f"{name}({', '.join(orders)}) has its arrow the wrong way round"


def pairs(comments, elsewhere):
    """(line, complaint) for labels without a partner. `elsewhere`: the (label, arrow) of the family's files."""
    first, arrows, strangers = {}, {}, set()
    for number, comment in enumerate(comments, 1):
        for label, _, partner in LABEL.findall(comment):
            first.setdefault(label, number)
            if "::" in partner:
                strangers.add(label)
        for label, arrow in arrows_in(comment):
            arrows.setdefault(label, set()).add(arrow)
    for label, line in first.items():
        for missing in sorted(BOTH - arrows[label]):
            if not (label in strangers and (label, missing) in elsewhere):
                yield line, f"[{label}] has no partner with {missing} in this file, nor in a class that it names with ::"


def check(text, elsewhere=frozenset()):
    """(line, complaint) for everything that is wrong with one file's text."""
    code, comments = split(text)
    return sorted([*accesses(code, comments), *pairs(comments, elsewhere)])


def main(paths):
    if not paths:
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 2
    texts, families = {}, {}
    for given in map(pathlib.Path, paths):
        for path in sorted(given.rglob("*.hpp")) if given.is_dir() else [given]:
            family = path.relative_to(given).parts[:1] if given.is_dir() else path.parent
            texts[path] = path.read_text(), families.setdefault(family, set())
            texts[path][1].update(pair for comment in split(texts[path][0])[1] for pair in arrows_in(comment))
    complaints = [f"{path}:{line}: {what}" for path, given in texts.items() for line, what in check(*given)]
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
