# SPDX-License-Identifier: MIT
"""How often the gate is wrong, by simulation with fixed seeds, and the recordings that the study reads."""
import gzip
import math
import shutil

import conftest
import numpy as np
import pytest
from gate import recording, study
from gate.design import Plan
from gate.model import Key
from gate.recording import NOISES, RecordingError, made_up

PLAN = Plan(cells=1)  # the study sets the cells


@pytest.mark.parametrize("noise", NOISES)
def test_unchanged_programs_are_not_called_slower(noise):
    found = study.false_positives(made_up(noise, 0.05, cells=40, rounds=300, seed=3), PLAN, runs=40)
    assert (found.runs, found.cells) == (40, 40)
    assert found.red == 0  # at most 1 in 100 runs by the budget
    assert found.hidden == 0 and found.passed > 0.98


@pytest.mark.parametrize("noise", NOISES)
def test_what_noise_hides_is_inconclusive_and_not_passed(noise):
    results = study.power(made_up(noise, 0.2, cells=30, rounds=300, seed=4), PLAN, (0.10,), runs=60)
    assert sum(r.trials for r in results) == 60 * len(results)
    for r in results:
        assert r.regression + r.inconclusive + r.passed == r.trials
        assert r.passed <= 0.07 * r.trials  # `miss`, 2 %, and three standard errors


@pytest.mark.parametrize("noise, least", [("normal", 0.97), ("drift", 0.97), ("bimodal", 0.9), ("bursts", 0.85),
                                          ("heavy", 0.9)])
def test_a_tenth_is_found_where_pairs_are_within_five_percent(noise, least):
    results = study.power(made_up(noise, 0.05, cells=20, rounds=300, seed=5), PLAN, (0.10, 0.25), runs=60)
    for r in results:
        assert r.regression / r.trials >= (least if r.slowdown < 0.2 else 0.99), r


@pytest.mark.parametrize("name", ["vm_4_nice", "vm_4_busy"])
def test_recorded_pairs_of_a_busy_machine(name):
    # What perf/gate/README.md tells: what such noise hides is inconclusive; it is neither red nor passed.
    recorded = recording.read(conftest.ROOT / "perf" / "gate" / "recorded" / f"{name}.csv.gz")
    assert len({key.family for key in recorded.keys}) == 9 and recorded.base.shape[1] >= 60
    found = study.false_positives(recorded, PLAN, runs=100)
    assert found.bounds[0] <= PLAN.budget  # red runs are not proven to be more than the budget allows
    assert found.inconclusive > 0.5
    results = study.power(recorded, PLAN, (0.10, 0.25), runs=100)
    assert not any(r.misses(PLAN) for r in results)
    assert all(r.regression > 5 * r.passed for r in results if r.slowdown == 0.25)


def test_more_passes_than_declared_are_found():
    assert not study.Power(0.10, 0, 1, 200, 190, 2, 8).misses(PLAN)    # 4 %: chance
    assert study.Power(0.10, 0, 1, 200, 180, 5, 15).misses(PLAN)       # 7.5 %
    assert not study.Power(0.05, 0, 1, 200, 0, 0, 200).misses(PLAN)    # 5 % may pass


def test_the_first_stage_screens_one_cell_in_twenty():
    from gate.statistics import signed_rank
    d = made_up("normal", 0.05, cells=1500, rounds=10, seed=6).log_ratios()
    share = np.mean([signed_rank(row) <= 0.05 for row in d])
    assert share == pytest.approx(43 / 1024, abs=0.016)  # P(T <= 10) for n = 10


def test_a_bias_between_two_equal_binaries_turns_red():
    # The study must be able to fail: a path that makes head 6 % slower is a false positive in most runs.
    honest = made_up("normal", 0.02, cells=10, rounds=200, seed=7)
    biased = honest._replace(head=honest.head * 1.06)
    assert study.false_positives(biased, PLAN, runs=10).red == 10


def test_rounds_are_drawn_in_blocks_and_together():
    rng = np.random.default_rng(8)
    drawn = study.draw_rounds(100, 50, rng)
    assert drawn.shape == (50,) and drawn.min() >= 0 and drawn.max() < 100
    assert (np.diff(drawn.reshape(10, 5), axis=1) % 100 == 1).all()
    assert all(len(set(study.draw_rounds(rounds, 50, rng))) == 50 for rounds in (50, 54, 99, 400))
    with pytest.raises(ValueError):
        study.draw_rounds(49, 50, rng)
    d = np.arange(100.0) + np.zeros((3, 1))
    first, fresh = study.draw_run(d, PLAN, rng)
    assert first.shape == (3, 10) and fresh.shape == (3, 40)
    assert (first[0] == first[1]).all() and (fresh[0] == fresh[2]).all()


def test_the_page_of_text_states_rates_with_bounds():
    rec = made_up("normal", 0.03, cells=5, rounds=60, seed=9)
    text = study.words(study.false_positives(rec, PLAN, runs=20), study.power(rec, PLAN, runs=5), PLAN)
    assert "20 A/A gate runs over 5 cells" in text
    assert "red           0   (0.0%; 95 % bounds 0.0% to 16.8%)" in text
    assert "2% to 5%" in text and "100.0%" in text


def test_a_recording_is_read_as_it_was_written(tmp_path):
    rec = made_up("heavy", 0.1, cells=4, rounds=30, seed=10)
    rec.base[2, 5] = math.nan
    path = tmp_path / "aa.csv.gz"
    recording.write(path, rec)
    again = tmp_path / "again.csv.gz"
    recording.write(again, rec)
    assert path.read_bytes() == again.read_bytes()
    back = recording.read(path)
    assert back.keys == rec.keys and back.keys[0] == Key("time", "made_up", "heavy/cell:0", "none")
    assert np.isnan(back.base[2, 5]) and np.isnan(back.base).sum() == 1
    there = ~np.isnan(rec.base)
    np.testing.assert_allclose(back.head[there], rec.head[there], rtol=1e-4)
    assert (back.head_first[there] == rec.head_first[there]).all()


@pytest.mark.parametrize("text, word", [
    ("", "line 1 is not"), ("a,b\n", "line 1 is not"), (",".join(recording.COLUMNS) + "\n", "has no pair"),
    (",".join(recording.COLUMNS) + "\nf,n,p,0,1,2\n", "line 2 is not a pair"),
    (",".join(recording.COLUMNS) + "\nf,n,p,0,1,nan,1\n", "line 2 has times"),
    (",".join(recording.COLUMNS) + "\nf,n,p,-1,1,2,1\n", "line 2 has times")])
def test_a_broken_recording_is_told_in_a_sentence(tmp_path, text, word):
    path = tmp_path / "aa.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(RecordingError, match=word):
        recording.read(path)


def test_a_damaged_stream_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "aa.csv.gz"
    recording.write(path, made_up("normal", 0.1, cells=4, rounds=30, seed=10))
    whole = path.read_bytes()
    for at in range(10, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xff]) + whole[at + 1:])
        try:
            recording.read(path)
        except RecordingError as error:
            assert str(path) in str(error)


def test_what_is_no_gzip_is_told(tmp_path):
    path = tmp_path / "aa.csv.gz"
    with pytest.raises(RecordingError, match="cannot be read"):
        recording.read(path)
    shutil.copy(__file__, path)
    with pytest.raises(RecordingError, match="cannot be read"):
        recording.read(path)
