# SPDX-License-Identifier: MIT
"""`contend doctor --calibrate` as a person calls it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ["CONTEND_BUILD_DIR"])


def calibrate(*arguments, one_processor=False):
    """Runs it; with `one_processor` the program may use only one. Returns the finished process."""
    allowed = os.sched_getaffinity(0)

    def restrict():
        os.sched_setaffinity(0, {min(allowed)})

    return subprocess.run(
        [BUILD / "bin" / "contend", "doctor", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        preexec_fn=restrict if one_processor else None,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One calibration with --json: what it printed, and the file that it wrote, as dictionaries."""
    folder = tmp_path_factory.mktemp("calibrated") / "results"
    done = calibrate("--calibrate", "--results", folder, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["machine"] == str(folder / "local.json")
    assert sorted(path.name for path in folder.iterdir()) == ["local.json"]
    return said, json.loads((folder / "local.json").read_text())


def test_the_file_has_a_source_for_every_figure_and_the_probes_behind_it(written):
    said, machine = written
    assert machine["name"] == "local"
    for key, entry in machine.items():
        if key not in ("name", "about", "calibration"):
            assert entry["source"], key
    calibration = machine["calibration"]
    assert calibration["taken"].endswith("Z")
    assert calibration["rounds"] >= 5
    assert calibration["took_s"] > 0
    for name, probe in calibration["probes"].items():
        if probe["ns"] is None:
            assert probe["why"] == said["not_measured"][name]
        else:
            assert probe["low"] <= probe["ns"] <= probe["high"], name
            assert probe["rounds"] > 0
    for name in ("load", "rmw", "system_call", "block"):
        assert calibration["probes"][name]["ns"] > 0
        assert machine[name]["value"] == pytest.approx(calibration["probes"][name]["ns"], abs=0.001)


def test_the_rounds_end_with_their_number_or_their_budget(written):
    said, _ = written
    assert 5 <= said["rounds"] <= 25 and said["took_s"] > 0


def test_on_one_processor_it_says_what_could_not_run_and_takes_it_over(tmp_path):
    done = calibrate("--calibrate", "--results", tmp_path, "--json", one_processor=True)
    assert done.returncode == 0, done.stderr
    assert "round 1 of 25" in done.stderr
    said = json.loads(done.stdout)
    assert said["not_measured"]["ping_pong.near"] == "this process may use one core only"
    machine = json.loads((tmp_path / "local.json").read_text())
    assert machine["near"]["source"].startswith("taken over from zen4: this process may use one core only")
    assert machine["rmw"]["source"].startswith("probe rmw: ")


def test_the_table_names_every_probe_and_the_file(tmp_path):
    done = calibrate("--calibrate", "--results", tmp_path, "--quiet", one_processor=True)
    assert done.returncode == 0
    assert done.stderr == ""
    for name in ("load", "rmw", "ping_pong.near", "wake_call"):
        assert any(line.startswith(name + " ") for line in done.stdout.splitlines()), name
    assert str(tmp_path / "local.json") in done.stdout.splitlines()[-1]


def test_a_folder_that_cannot_be_made_is_one_sentence_and_exit_2(tmp_path):
    (tmp_path / "file").write_text("")
    done = calibrate("--calibrate", "--results", tmp_path / "file" / "below")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"--results '{tmp_path}/file/below' cannot be made a folder" in done.stderr


def test_results_without_calibrate_is_refused():
    done = calibrate("--results", "somewhere")
    assert done.returncode == 2
    assert "--calibrate" in done.stderr
