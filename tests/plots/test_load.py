# SPDX-License-Identifier: MIT
"""Reading a record: the frozen one is a record by the schema, and everything broken is told in one sentence."""
import json
import math
import subprocess
import sys

import by_hand
import jsonschema
import make_record
import pytest
import variants
from frozen import HERE, ROOT, SMALL
from plots import advice, load, record

SCHEMA = json.loads((ROOT / "perf" / "record" / "schema.json").read_text())


def error_of(path):
    with pytest.raises(load.RecordError) as caught:
        load.load(path)
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")
    return sentence


def written(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("plan", [make_record.small_plan, make_record.large_plan])
def test_synthetic_records_are_records_by_the_schema(plan):
    jsonschema.Draft202012Validator(SCHEMA).validate(make_record.record(plan()))


@pytest.mark.parametrize("kind", ["counted", *variants.OBSTACLES])
def test_variants_with_counters_are_records_by_the_schema(small, kind):
    made = variants.variant(small, kind)
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    found = load.parse(made)
    assert len(found.counted) == len(found.timed) and found.counters.available == (kind == "counted")


def test_an_older_record_has_neither_counters_nor_peers(small):
    found = load.parse(small)
    assert found.counters is None and found.counted == {} and {p.origin for p in found.catalogue} == {""}


@pytest.mark.parametrize("change, sentence", [
    (lambda d: d["environment"]["counters"].update(available="yes"), "counters.available is str, expected true or false"),
    (lambda d: d["environment"]["counters"].pop("events"), "environment.counters lacks 'events'"),
    (lambda d: d["environment"].update(counters=[]), "environment.counters is list, expected an object"),
    (lambda d: d["environment"]["counters"]["events"][3].update(state="perhaps"),
     "events[3].state is 'perhaps', expected one of counted, multiplexed, starved, unsupported, failed"),
    (lambda d: d["environment"]["counters"]["events"][0].update(running=50),
     "events[0].running is 50, expected a share of the time, 0 to 1"),
    (lambda d: d["environment"]["counters"]["events"][0].update(code=3), "events[0].code is int, expected a string"),
    (lambda d: d["cells"][-1]["metrics"]["rfo_per_op"].update(running="most"), "rfo_per_op.running is str"),
    (lambda d: d["catalogue"][-1]["facts"].update(origin=["abseil"]), "facts.origin is list, expected a string")])
def test_what_is_wrong_about_counters_and_peers_is_a_sentence(small, tmp_path, change, sentence):
    broken = variants.variant(small, "counted")
    change(broken)
    assert sentence in error_of(written(tmp_path, broken))


def test_records_made_by_hand_are_records_by_the_schema():
    jsonschema.Draft202012Validator(SCHEMA).validate(
        by_hand.document([by_hand.cell("a", 1, 5), by_hand.cell("b", 2, None)], claims=[by_hand.claim("a", "b")]))


def test_the_frozen_record_is_what_its_generator_makes():
    command = [sys.executable, "-B", str(HERE / "make_record.py"), "small"]
    made = subprocess.run(command, capture_output=True, check=True)
    assert made.stdout == SMALL.read_bytes()


def test_the_frozen_record_holds_what_the_tests_are_about(small):
    found = load.parse(small)
    assert found.run["id"].split("-")[1] == "synthetic" and found.environment["system"]["host"] == "synthetic"
    assert {"lock", "rwlock", "atomic", "counter", "queue", "rcu"} <= set(found.families)
    assert 40 <= len(found.cells) <= 60
    nulls = [c for c in found.cells if c.value("throughput") is None]
    assert {word for c in nulls for word in c.caveats} >= {"skipped", "timeout", "crashed"}
    assert all(c.caveats for c in nulls)
    assert found.oversubscribed == {8}


def test_every_caveat_of_the_schema_has_its_advice_and_no_other():
    closed = set(SCHEMA["$defs"]["caveats"]["items"]["enum"])
    assert set(advice.CAVEATS) == closed
    assert all(sentence.endswith(".") and len(sentence) > 30 for sentence in advice.CAVEATS.values())


def test_rungs_are_those_of_the_schema():
    facts = SCHEMA["properties"]["catalogue"]["items"]["properties"]["facts"]
    assert list(record.RUNGS) == facts["properties"]["rung"]["enum"]
    assert SCHEMA["properties"]["schema_version"]["const"] == load.SCHEMA_VERSION


def test_a_directory_stands_for_the_record_in_it(tmp_path, small):
    written(tmp_path, small)
    assert len(load.load(tmp_path).cells) == len(small["cells"])


def test_no_file(tmp_path):
    assert "no such results file" in error_of(tmp_path / "results.json")


def test_a_record_that_is_cut_off_anywhere(tmp_path, small):
    text = json.dumps(small, indent=1)
    for cut in (1, 100, len(text) // 3, len(text) // 2, len(text) - 1):
        assert "truncated" in error_of(written(tmp_path, text[:cut])), cut


def test_an_empty_file_other_text_and_bytes(tmp_path):
    assert "is empty" in error_of(written(tmp_path, ""))
    assert "is not JSON" in error_of(written(tmp_path, "hello, world"))
    assert "NaN is not a JSON number" in error_of(written(tmp_path, '{"schema_version": NaN}'))
    assert "is not JSON" in error_of(written(tmp_path, "[" * 100000))
    path = tmp_path / "results.json"
    path.write_bytes(b"\x1f\x8b\x08\xff\xfe")
    assert "not UTF-8" in error_of(path)


def test_versions(tmp_path, document):
    document["schema_version"] = 2
    assert "newer contend" in error_of(written(tmp_path, document))
    document["schema_version"] = 0
    assert "reads 1" in error_of(written(tmp_path, document))
    document["schema_version"] = "1"
    assert "schema_version is str" in error_of(written(tmp_path, document))
    assert "lacks 'schema_version'" in error_of(written(tmp_path, {}))
    assert "is list, expected an object" in error_of(written(tmp_path, []))


def places(value, path=()):
    """All places in a document, down to the first two entries of its lists."""
    yield path
    for key in value if isinstance(value, dict) else range(min(2, len(value))) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


@pytest.mark.parametrize("kind", [None, "counted"])
def test_whatever_the_schema_refuses_is_a_sentence_or_is_not_looked_at(small, kind):
    """Every value replaced by one of another type: parse either refuses with a sentence or does not need the value."""
    checked = refused = 0
    validator = jsonschema.Draft202012Validator(SCHEMA)
    document = variants.variant(small, kind) if kind else small
    text = json.dumps(document)
    for path in list(places(document))[1:]:
        broken = json.loads(text)
        holder = broken
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = [[]] if not isinstance(holder[path[-1]], list) else "x"
        checked += 1
        try:
            load.parse(broken)
        except load.RecordError as error:
            refused += 1
            assert str(error).endswith(".")
            assert next(validator.iter_errors(broken), None) is not None, f"{path}: the schema allows it"
    assert checked > 150 and refused > checked / 2


@pytest.mark.parametrize("key", ["run", "environment", "catalogue", "workloads", "claims", "cells"])
def test_a_missing_part(document, key):
    del document[key]
    with pytest.raises(load.RecordError, match=f"lacks '{key}'"):
        load.parse(document)


def test_a_heatmap_that_is_not_square(document):
    document["environment"]["core_to_core"]["end_ns"].pop()
    with pytest.raises(load.RecordError, match="not a square of 4"):
        load.parse(document)


def test_numbers_that_python_writes_but_json_does_not_know():
    assert not math.isfinite(float("nan"))
    with pytest.raises(ValueError):
        json.loads("[Infinity]", parse_constant=load._no_constant)
