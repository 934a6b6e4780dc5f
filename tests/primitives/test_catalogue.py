# SPDX-License-Identifier: MIT
"""No primitive is left out of catalogue.hpp, and every name that a primitive gives itself can be a key."""
import os
import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("CONTEND_SOURCE_DIR", pathlib.Path(__file__).parents[2]))

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
FACTS = re.compile(r"\bfacts\s+facts\b")
DEFINED = re.compile(r"\b(?:class|struct)\s+(?:alignas\([^;{]*?\)\s*)?(?:\[\[[^]]*\]\]\s*)?(\w+)|\busing\s+(\w+)\s*=")
NAME = re.compile(r'\.name\s*=\s*"([^"]*)"')


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
        if FACTS.search(text) and header.parent.name != "detail":
            if header not in direct:
                yield f"{name} has facts, but catalogue.hpp does not include it"
            elif not listed & {defined for pair in DEFINED.findall(text) for defined in pair if defined}:
                yield f"{name} is included by catalogue.hpp, but nothing of it is in a list there"
        elif header not in reached:
            yield f"{name} is reached neither from catalogue.hpp nor from what that includes"
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
            "helpers that include each other alone": {
                "lock__b": '#include "c.hpp"\n',
                "lock__c": '#include "b.hpp"\n'},
            "a name that cannot be a key": {"lock__a": primitive.replace("b_lock", "a_lock").replace('"b"', '"B-1"'),
                                            "catalogue": '#include "lock/a.hpp"\n#include "lock/helper.hpp"\na_lock'},
        }.items():
            with self.subTest(what):
                self.assertEqual(len(self.sample(**changed)), 2 if "each other" in what else 1)

    def test_catalogue_is_complete(self):
        self.assertEqual(list(complaints(ROOT / "primitives")), [])


if __name__ == "__main__":
    unittest.main()
