# SPDX-License-Identifier: MIT
"""Rules of the tree that a compiler does not check: arrows between folders, the catalogue, memory-order labels, heads."""
import os
import pathlib
import re

import pytest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
FOLDERS = ("primitives", "perf", "benchmarks", "plots", "tests", "cmake", ".ci")
SUFFIXES = {".hpp", ".cpp", ".py", ".sh", ".cmake"}
SOURCES = sorted(path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*")
                 if path.suffix in SUFFIXES or path.name in {"CMakeLists.txt", "run"} and path.is_file())
HEADERS = [path for path in SOURCES if path.startswith("primitives/") and path.endswith(".hpp")]
LONGEST = 400


def text(path):
    return (ROOT / path).read_text()


def includes(path):
    """What a file includes in quotes, as paths from the root (by the same folder first, as the compiler does)."""
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text(path), re.M):
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
        yield beside if (ROOT / beside).exists() else os.path.normpath(name)


def head_faults(path):
    lines = [line for line in text(path).splitlines() if not line.startswith("#!")]
    mark = "// " if path.endswith((".hpp", ".cpp")) else "# "
    if not lines or lines[0] != f"{mark}SPDX-License-Identifier: MIT":
        yield "the first line is not the SPDX line"
    if path.endswith((".hpp", ".cpp", ".sh")) and not (len(lines) > 1 and lines[1].startswith(mark)):
        yield "the second line does not say what the file is"
    if path.endswith(".hpp") and "#pragma once" not in lines:
        yield "no #pragma once"
    if len(lines) > LONGEST:
        yield f"{len(lines)} lines, more than {LONGEST}"


def arrow_faults(path):
    top = path.split("/")[0]
    for included in includes(path):
        target = included.split("/")[0]
        if top == "primitives" and target != "primitives":
            yield f"primitives/ includes itself and the standard library, not {included}"
        if top == "perf" and target in {"primitives", "benchmarks", "tests"}:
            yield f"perf/ knows no primitive and no workload: {included}"
        if top == "benchmarks" and target == "tests":
            yield f"benchmarks/ does not include {included}"


def encloses(between):
    """Is the brace that was opened just before this text still open behind it?"""
    depth = 1
    for brace in re.findall(r"[{}]", re.sub(r"//.*", "", between)):
        depth += 1 if brace == "{" else -1
        if depth == 0:
            return False
    return True


def described_classes(source):
    """Names of the classes that carry facts, in source order."""
    head = re.compile(r"\b(?:class|struct)\s+(?:alignas\([^{;]*?\)\s*)?(\w+)\s*(?:final\s*)?(?::[^;{]*)?\{")
    for facts in re.finditer(r"static constexpr (?:contend::)?facts facts\b", source):
        heads = [match for match in head.finditer(source, 0, facts.start()) if encloses(source[match.end():facts.start()])]
        yield heads[-1].group(1) if heads else "?"


def catalogue_faults():
    lists = re.sub(r"//.*|#include.*", "", text("primitives/catalogue.hpp"))
    reached, todo = set(), ["primitives/catalogue.hpp"]
    while todo:
        path = todo.pop()
        if path not in reached:
            reached.add(path)
            todo += [included for included in includes(path) if included in HEADERS]
    direct = set(includes("primitives/catalogue.hpp"))
    for path in HEADERS:
        family, _, name = path.removeprefix("primitives/").partition("/")
        if not name or name == f"{family}.hpp":
            continue  # the seam, the facts, a family's contract
        names = list(described_classes(text(path)))
        if path not in reached:
            yield f"{path} is in a family's folder and not in catalogue.hpp"
        elif names and path not in direct:
            yield f"{path} describes {', '.join(names)} and catalogue.hpp does not include it"
        for described in names:
            known_as = [described, *re.findall(rf"using (\w+) = [^;]*\b{re.escape(described)}\b", text(path))]
            if not any(re.search(rf"\b{name}\b", lists) for name in known_as):
                yield f"{path}: {described} has facts and is in none of the catalogue's lists"


ORDERED = re.compile(r"memory_order(?:_|::)(?:acquire|release|acq_rel|seq_cst|consume)\b")
# An order that is compared, chosen or given to a template is no access.
NO_ACCESS = re.compile(r"[=!]= *(std::)?memory_order_\w+|\w+<(std::)?memory_order_\w+>|\? *(std::)?memory_order_\w+ *:")
LABEL = re.compile(r"\[([a-z][a-z0-9 -]*)\] *(<->|->|<-) *([^\[\n]*)")


def label_faults(source, family=""):
    """`family`: the text of all of the family's files; a partner that is named with :: may be in another of them."""
    lines = source.splitlines()
    ends, elsewhere = {}, {}
    for label, arrow, _ in LABEL.findall(family):
        elsewhere.setdefault(label, set()).update({"->", "<-"} if arrow == "<->" else {arrow})
    for number, line in enumerate(lines):
        code, _, comment = line.partition("//")
        for label, arrow, partner in LABEL.findall(comment):
            ends.setdefault(label, set()).update({"->", "<-"} if arrow == "<->" else {arrow})
            if "::" in partner:
                ends[label] |= elsewhere.get(label, set())
        if not ORDERED.search(NO_ACCESS.sub("", code)):
            continue
        first = number  # the statement's first line: labels stand above it, or on one of its lines
        while first and re.search(r"[^;{}:>]\s*$", lines[first - 1].partition("//")[0].rstrip() or ";"):
            first -= 1
        last = number
        while last + 1 < len(lines) and not re.search(r"[;{}]\s*$", lines[last].partition("//")[0].rstrip()):
            last += 1
        above = first
        while above and lines[above - 1].lstrip().startswith("//"):
            above -= 1
        if not any(LABEL.search(nearby.partition("//")[2]) for nearby in lines[above:last + 1]):
            yield f"line {number + 1}: an ordered access without a label: {line.strip()}"
    for label, arrows in ends.items():
        if len(arrows) == 1:
            yield f"[{label}] {'has no partner that receives' if '->' in arrows else 'has no partner that sends'}"


@pytest.mark.parametrize("path", SOURCES)
def test_head(path):
    assert not list(head_faults(path))


@pytest.mark.parametrize("path", [path for path in SOURCES if path.split("/")[0] in {"primitives", "perf", "benchmarks"}])
def test_arrows(path):
    assert not list(arrow_faults(path))


def test_every_header_is_in_the_catalogue():
    assert not list(catalogue_faults())


@pytest.mark.parametrize("path", HEADERS)
def test_labels(path):
    family = path.split("/")[1]
    assert not list(label_faults(text(path), "".join(text(other) for other in HEADERS if f"/{family}/" in other)))


def test_the_lints_find_what_they_look_for():
    assert list(label_faults("x.store(1, std::memory_order_release);")) != []
    assert not list(label_faults("using a = word<std::memory_order_acquire>;\nreturn o == std::memory_order_acquire;"))
    assert list(label_faults("x.store(1, std::memory_order_release);  // [a] -> f()")) != []
    assert list(label_faults("// [a] <- g(), [b] <- C::h()\nx.load(std::memory_order_acquire);", "[b] -> g()"))
    assert not list(label_faults("// [b] <- C::h()\nx.load(std::memory_order_acquire);", "// [b] -> g()"))
    assert list(label_faults("// [a] <- g()\nx.load(std::memory_order_acquire);\n"
                             "x.store(1,\n  std::memory_order_release);  // [a] -> f()\n")) == []
    assert list(described_classes("template <class T> requires(x) class alignas(n) y : z<T> {\n"
                                  " static constexpr facts facts = f;")) == ["y"]
    assert list(described_classes("template <class T>\nclass left {\n public:\n  struct in {};\n"
                                  "  static constexpr contend::facts facts{")) == ["left"]
