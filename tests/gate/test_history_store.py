# SPDX-License-Identifier: MIT
"""The history's database: killed writers, writers at once, full disks, folders that cannot be written, other versions."""
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import history
import pytest
from history import source, store
from history_cases import cell, record, simple

ROOT = pathlib.Path(__file__).parents[2]
MANY = 300  # cells of a run that is killed


def large(i, name="p"):
    return record(i, [cell(f"increment/{name}{k}/threads:2", {"ns_per_op": float(i), "overlap": 0.5}) for k in range(MANY)])


def add(folder, document):
    with store.History(folder / store.NAME) as opened:
        return opened.add(*source.of_document(document))


def whole(path):
    """The runs in it; asserts that the file is sound and that no run is there in part."""
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        runs = db.execute("SELECT runs.run, count(value), count(DISTINCT value) FROM runs LEFT JOIN results ON "
                          "results.run = runs.id GROUP BY runs.id").fetchall()
        assert all((values, kinds) == (2 * MANY, 2) for _, values, kinds in runs), runs
        return [name for name, *_ in runs]
    finally:
        db.close()


def forked(body):
    """A child that runs body() and then ends with 0, or with 1 if it raised."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    return pid


def test_a_writer_that_is_killed_leaves_no_half_run(tmp_path):
    draw = random.Random(4)
    survived, folder = 0, tmp_path  # runs of the killed: the test's own have numbers from 900000 on
    for i in range(50):
        if i % 10 == 0:  # also while the file is made
            folder = tmp_path / str(i)
            folder.mkdir()

        begun, told = os.pipe()

        def write():
            for k in range(1000):
                add(folder, large(1000 * i + k))
                os.write(told, b".")

        pid = forked(write)
        os.close(told)
        if i % 10:  # else the kill may come while it makes the file
            assert os.read(begun, 1) == b"."
        time.sleep(draw.uniform(0, 0.03))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(begun)
        if (folder / store.NAME).exists() and (folder / store.NAME).stat().st_size:
            db = sqlite3.connect(folder / store.NAME)
            made = db.execute("PRAGMA user_version").fetchone()[0]
            db.close()
            if made:
                whole_runs = [name for name in whole(folder / store.NAME) if 1000 * i <= int(name[4:]) < 1000 * (i + 1)]
                survived += len(whole_runs)
                assert i % 10 == 0 or whole_runs
            add(folder, large(900_000 + i))
            assert f"run-{900_000 + i}" in whole(folder / store.NAME), "and it can be written on"
    assert survived >= 45, "the kills came before anything was written"


def test_writers_at_once_lose_nothing(tmp_path):
    def writer(number):
        return lambda: [add(tmp_path, large(100 * number + k)) for k in range(5)]

    children = [forked(writer(number)) for number in range(4)]
    assert all(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 for pid in children)
    assert sorted(whole(tmp_path / store.NAME)) == sorted(f"run-{100 * n + k}" for n in range(4) for k in range(5))


def test_a_run_is_there_once(tmp_path):
    assert add(tmp_path, large(1)) is True
    assert add(tmp_path, large(1)) is False
    assert whole(tmp_path / store.NAME) == ["run-1"]


def test_a_writer_that_waits_too_long_says_so(tmp_path, monkeypatch, capsys):
    add(tmp_path, large(1))
    monkeypatch.setattr(store, "WAIT_S", 0.1)
    other = sqlite3.connect(tmp_path / store.NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert history.append(tmp_path, large(2)) is False
    said = capsys.readouterr().err
    assert "another run kept it" in said and len(said.splitlines()) == 1
    other.execute("ROLLBACK")
    other.close()
    assert history.append(tmp_path, large(2)) is True


@pytest.mark.parametrize("limit_kib", [0, 20, 45, 70])
def test_a_full_disk_costs_the_new_run_only(tmp_path, limit_kib):
    add(tmp_path, large(1))
    with store.History(tmp_path / store.NAME) as opened:  # what is in the -wal file goes home
        opened._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_kib * 1024, limit_kib * 1024))
        assert history.append(tmp_path, large(2, "other")) is False
        with open(os.devnull, "w") as nowhere:  # again, with nothing on stderr
            sys.stderr = nowhere
            assert history.append(tmp_path, large(3, "other")) is False

    assert os.waitstatus_to_exitcode(os.waitpid(forked(full), 0)[1]) == 0
    assert whole(tmp_path / store.NAME) == ["run-1"]
    assert add(tmp_path, large(4)) and whole(tmp_path / store.NAME) == ["run-1", "run-4"]


def test_sqlite_s_own_full_is_one_sentence(tmp_path, monkeypatch):
    add(tmp_path, large(1))
    with store.History(tmp_path / store.NAME) as opened:
        opened._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(store.HistoryError, match="database or disk is full"):
            opened.add(*source.of_document(record(2, [cell(f"x/{k}/threads:1" + "y" * 500, {"ns_per_op": 1.0})
                                                      for k in range(2000)])))
    assert whole(tmp_path / store.NAME) == ["run-1"]


def test_a_folder_that_cannot_be_written(capfd):
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        add(folder, large(1))
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)

        def as_nobody():
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            assert history.append(folder, large(2)) is False
            assert history.append(folder / "below", large(2)) is False
            with store.History(folder / store.NAME, read_only=True) as opened:  # it can still be looked at
                assert opened.runs() == 1 and len(opened.select("overlap")) == MANY

        assert os.waitstatus_to_exitcode(os.waitpid(forked(as_nobody), 0)[1]) == 0
        said = capfd.readouterr().err.splitlines()
        assert len(said) == 2 and all(line.startswith("contend: the run was not added to the history: ") for line in said)
        assert "readonly" in said[0] and "below" in said[1]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_newer_version_is_left_alone(tmp_path, capsys):
    add(tmp_path, large(1))
    db = sqlite3.connect(tmp_path / store.NAME)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    assert history.append(tmp_path, large(2)) is False
    assert f"newer contend (version 99 of its tables, this one knows {len(store.MIGRATIONS)})" in capsys.readouterr().err
    with pytest.raises(store.HistoryError, match="newer contend"):
        store.History(tmp_path / store.NAME, read_only=True)
    assert whole(tmp_path / store.NAME) == ["run-1"]


def test_an_older_version_is_brought_up_to_date(tmp_path, monkeypatch):
    add(tmp_path, large(1))
    later = (*store.MIGRATIONS, "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('new')")
    monkeypatch.setattr(store, "MIGRATIONS", later)
    with store.History(tmp_path / store.NAME, read_only=True) as opened:
        assert opened.runs() == 1, "an older one can be read as it is"
    assert add(tmp_path, large(2))
    assert whole(tmp_path / store.NAME) == ["run-1", "run-2"]
    db = sqlite3.connect(tmp_path / store.NAME)
    assert db.execute("SELECT text FROM notes").fetchall() == [("new",)]
    assert db.execute("PRAGMA user_version").fetchone()[0] == len(later)
    db.close()


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    add(tmp_path, large(1))
    monkeypatch.setattr(store, "MIGRATIONS", (*store.MIGRATIONS, "CREATE TABLE notes (text TEXT); CREATE NONSENSE"))
    with pytest.raises(store.HistoryError, match="syntax error"):
        store.History(tmp_path / store.NAME)
    db = sqlite3.connect(tmp_path / store.NAME)
    assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'notes'").fetchone() == (0,)
    db.close()
    assert whole(tmp_path / store.NAME) == ["run-1"]


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at as one" * 20, b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_database_is_one_sentence(tmp_path, content, capsys):
    (tmp_path / store.NAME).write_bytes(content)
    assert history.append(tmp_path, large(1)) is False
    said = capsys.readouterr().err
    assert "is no history or is damaged" in said and "--import" in said and len(said.splitlines()) == 1
    assert (tmp_path / store.NAME).read_bytes() == content


def test_a_python_without_sqlite_is_told(tmp_path):
    code = "import sys; sys.modules['sqlite3'] = None; import history; assert not history.append('.', {})"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "perf")}, text=True,
                          capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "has no module sqlite3" in done.stderr and len(done.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_a_name_with_marks_of_a_uri(tmp_path):
    folder = tmp_path / "50% of it? #1"
    assert history.append(folder, simple(1, 10.0)) is True
    assert (folder / store.NAME).exists()


@pytest.mark.parametrize("document", [{}, {"run": {}, "cells": []}, {"base": {}, "head": {}, "cells": []}, {"run": 1, "cells": 2}])
def test_a_document_that_is_no_run_is_one_sentence(tmp_path, document, capsys):
    assert history.append(tmp_path, document) is False
    assert len(capsys.readouterr().err.splitlines()) == 1
