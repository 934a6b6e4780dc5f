# SPDX-License-Identifier: MIT
"""gate.json: what is written is read, is what the schema says, and gives the same verdict again."""
import copy
import json

import cases
import jsonschema
import pytest
from gate import document, model
from gate.document import DocumentError
from gate.judge import judge

SCHEMA = json.loads(document.SCHEMA.read_text())


@pytest.fixture(scope="module")
def written():
    return json.loads(document.text(document.verdict_document(judge(*cases.everything()))))


def test_the_schema_is_a_schema_and_what_is_written_is_valid(written):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(written, SCHEMA)
    measured, plan = cases.everything()
    jsonschema.validate(document.measured_document(measured, plan), SCHEMA)


def test_the_closed_sets_are_those_of_the_schema():
    cell = SCHEMA["$defs"]["cell"]["properties"]
    assert cell["skipped"]["properties"]["reason"]["enum"] == list(model.REASONS)
    assert set(cell["verdict"]["properties"]["verdict"]["enum"]) == set(model.VERDICTS)
    run = SCHEMA["properties"]["verdict"]["properties"]
    assert set(run["verdict"]["enum"]) == set(model.EXIT) and set(run["exit_code"]["enum"]) == set(model.EXIT.values())


def test_every_pair_is_kept_and_judging_again_gives_the_same(written):
    measured, plan = document.parse(written)
    again = document.verdict_document(judge(measured, plan))
    assert again == written
    original, _ = cases.everything()
    assert measured.cells == original.cells and measured.exact == original.exact
    assert set(measured.skipped) == set(original.skipped) and measured.base == original.base


def test_a_file_of_pairs_needs_no_verdicts_and_no_details(tmp_path):
    pairs = {"schema_version": 1, "kind": "gate", "base": {"name": "a"}, "head": {"name": "b"},
             "plan": {"cells": 1, "max_slowdown": 0.1}, "control": [],
             "cells": [{"lens": "time", "family": "f", "name": "n", "placement": "none", "pairs": {
                 "metric": "ns_per_op", "unit": "ns", "stage": [1] * 10, "base": [1.0] * 10, "head": [1.0] * 10}}]}
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(pairs))
    assert judge(*document.read(path)).exit_code == 0


def edits():
    """(name, change to a valid document, words of the sentence that refuses it)."""
    def put(path, value):
        def change(doc):
            at = doc
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = value
        return change

    def drop(*path):
        def change(doc):
            at = doc
            for step in path[:-1]:
                at = at[step]
            del at[path[-1]]
        return change

    pair = ("cells", 0, "pairs")
    return [
        ("newer", put(("schema_version",), 2), "schema_version is 2, expected 1"),
        ("kind", put(("kind",), "x"), "kind is \"x\", expected one of gate, compare"),
        ("no plan", drop("plan"), "lacks 'plan'"),
        ("text for a number", put((*pair, "base", 3), "4"), "cells[0].pairs.base[3] is \"4\", expected number or null"),
        ("a boolean is no number", put((*pair, "base", 3), True), "cells[0].pairs.base[3] is true, expected"),
        ("negative", put((*pair, "head", 0), -1), "cells[0].pairs.head[0] is -1, expected more than 0"),
        ("stage", put((*pair, "stage", 0), 3), "cells[0].pairs.stage[0] is 3"),
        ("lens", put(("cells", 0, "lens"), "counters"), "cells[0].lens is \"counters\""),
        ("no name", drop("cells", 0, "name"), "cells[0] lacks 'name'"),
        ("cells", put(("cells",), {}), "cells is {}, expected array"),
        ("whole", put((*pair, "failed"), [{"pair": 1.5, "side": "head", "caveat": ""}]), "pair is 1.5, expected integer"),
        ("below", put((*pair, "failed"), [{"pair": -1, "side": "head", "caveat": ""}]), "expected at least 0"),
    ]


@pytest.mark.parametrize("name, change, words", edits(), ids=[e[0] for e in edits()])
def test_a_broken_file_is_refused_in_a_sentence_as_jsonschema_would(written, name, change, words):
    broken = copy.deepcopy(written)
    change(broken)
    with pytest.raises(DocumentError) as error:
        document.parse(broken)
    assert words in str(error.value) and str(error.value).endswith(".")
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(broken)


def test_what_a_schema_cannot_say_is_checked_too(written):
    for change, words in ((lambda d: d["cells"][0]["pairs"]["base"].pop(), "base has 49 entries, stage has 50"),
                          (lambda d: d["cells"].append(d["cells"][0]), "again"),
                          (lambda d: d["cells"][0].pop("pairs"), "has nothing, expected one of"),
                          (lambda d: d["cells"][0].update(skipped={"reason": "new", "detail": ""}), "pairs and skipped"),
                          (lambda d: d["control"].append(d["cells"][-1]), "control has a cell without pairs"),
                          (lambda d: d["plan"].update(floor=9), "floor is 9")):
        broken = copy.deepcopy(written)
        change(broken)
        with pytest.raises(ValueError, match=words):
            document.parse(broken)


@pytest.mark.parametrize("content, words", [(b"", "is not JSON"), (b"{", "is not JSON"), (b"\xff\xfe", "is not JSON"),
                                            (b"[]", "expected object"), (b'{"plan": NaN}', "NaN"), (b"[" * 9999, "not JSON")])
def test_files_that_are_no_gate_file(tmp_path, content, words):
    path = tmp_path / "gate.json"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=words):
        document.read(path)
    with pytest.raises(DocumentError, match="cannot be read"):
        document.read(tmp_path)
