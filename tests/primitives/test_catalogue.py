# SPDX-License-Identifier: MIT
"""No primitive is left out of catalogue.hpp, and every name that a primitive gives itself can be a key."""
import os
import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
NAME = re.compile(r'\.name\s*=\s*"([^"]*)"')


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


def includes(header):
    return {(header.parent / name).resolve() for name in INCLUDE.findall(header.read_text())}


def complaints(primitives):
    """What is wrong with the catalogue of this folder, one sentence each."""
    primitives = primitives.resolve()
    catalogue = primitives / "catalogue.hpp"
    listed = set(re.findall(r"\w+", INCLUDE.sub("", re.sub(r"//[^\n]*", "", catalogue.read_text()))))
    direct = includes(catalogue)
    reached, todo = set(), [catalogue]
    while todo:
        header = todo.pop()
        if header not in reached and header.is_file():
            reached.add(header)
            todo.extend(includes(header))
    for header in sorted(primitives.glob("*/**/*.hpp")):
        text, name = header.read_text(), header.relative_to(primitives).as_posix()
        family = pathlib.PurePath(name).parts[0]
        if name == f"{family}/{family}.hpp":
            continue  # the family's contract
        described = list(described_classes(text))
        if header not in reached:
            yield f"{name} is in a family's folder and reached neither from catalogue.hpp nor from what that includes"
        elif described and header not in direct:
            yield f"{name} describes {', '.join(described)}, but catalogue.hpp does not include it"
        for one in described if header in direct else ():
            if not listed & {one, *re.findall(rf"using (\w+) = [^;]*\b{re.escape(one)}\b", text)}:
                yield f"{name}: {one} has facts, but is in no list of catalogue.hpp"
        for key in NAME.findall(text):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
                yield f'{name}: "{key}" cannot be a key: lower case, digits and underscores'


class Catalogue(unittest.TestCase):
    def sample(self, **changed):
        """The complaints about a small sound tree in which some files were changed."""
        files = {
            "catalogue.hpp": '#include "lock/a.hpp"\nusing locks = type_list<a_lock>;  // b_lock\n',
            "lock/lock.hpp": "contract\n",
            "lock/helper.hpp": "part\n",
            "lock/a.hpp": '#include "helper.hpp"\nclass alignas(64) a_lock {\n'
                          'static constexpr contend::facts facts{.name = "a"};\n};\n',
        }
        files.update({name.replace("__", "/") + ".hpp": text for name, text in changed.items()})
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
            return list(complaints(pathlib.Path(folder)))

    def test_sound_sample_passes(self):
        self.assertEqual(self.sample(), [])

    def test_each_omission_is_seen(self):
        primitive = 'class b_lock {\nstatic constexpr contend::facts facts{.name = "b"};\n};\n'
        for what, changed in {
            "a new header": {"lock__b": primitive},
            "a primitive that only another primitive includes": {
                "lock__b": primitive,
                "lock__helper": '#include "b.hpp"\n'},
            "a header included and not listed": {
                "lock__b": primitive,
                "catalogue": '#include "lock/a.hpp"\n#include "lock/b.hpp"\nusing locks = type_list<a_lock>;\n'},
            "a helper that nobody includes": {"lock__lost": "part\n"},
            "one of two classes listed": {
                "lock__a": '#include "helper.hpp"\n' + primitive.replace("b_lock", "a_lock") + primitive},
            "helpers that include each other alone": {
                "lock__b": '#include "c.hpp"\n',
                "lock__c": '#include "b.hpp"\n'},
            "a name that cannot be a key": {"lock__a": primitive.replace("b_lock", "a_lock").replace('"b"', '"B-1"'),
                                            "catalogue": '#include "lock/a.hpp"\n#include "lock/helper.hpp"\na_lock'},
        }.items():
            with self.subTest(what):
                self.assertEqual(len(self.sample(**changed)), 2 if "each other" in what else 1)

    def test_described_classes_are_told_from_those_inside(self):
        for source, names in {
            "template <class T> requires(x) class alignas(n) y : z<T> {\n static constexpr facts facts = f;": ["y"],
            "class left {\n public:\n  struct in {};\n  static constexpr contend::facts facts{": ["left"],
        }.items():
            self.assertEqual(list(described_classes(source)), names)

    def test_catalogue_is_complete(self):
        self.assertEqual(list(complaints(ROOT / "primitives")), [])


if __name__ == "__main__":
    unittest.main()
