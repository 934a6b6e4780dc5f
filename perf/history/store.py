# SPDX-License-Identifier: MIT
"""The database: its tables, adding a run in one transaction, asking for values. Nothing but Python's sqlite3."""
from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple
from urllib.parse import quote

NAME = "history.sqlite"
WAIT_S = 10.0  # for another run that is writing

# Entry i brings a database of version i to version i + 1. Never edit one that was released; add one.
MIGRATIONS = ("""
CREATE TABLE environments (id INTEGER PRIMARY KEY, machine TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE, description TEXT NOT NULL);
CREATE TABLE runs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, started TEXT NOT NULL, revision TEXT NOT NULL,
  dirty INTEGER, compiler TEXT NOT NULL, flags TEXT NOT NULL, complete INTEGER NOT NULL);
CREATE TABLE run_environments (run INTEGER NOT NULL REFERENCES runs(id), lens TEXT NOT NULL, environment INTEGER NOT NULL
  REFERENCES environments(id), PRIMARY KEY (run, lens)) WITHOUT ROWID;
CREATE TABLE cells (id INTEGER PRIMARY KEY, lens TEXT NOT NULL, family TEXT NOT NULL, name TEXT NOT NULL, placement TEXT NOT NULL,
  primitive TEXT NOT NULL, UNIQUE (lens, family, name, placement));
CREATE TABLE metrics (id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, UNIQUE (name, unit));
CREATE TABLE results (cell INTEGER NOT NULL REFERENCES cells(id), metric INTEGER NOT NULL REFERENCES metrics(id),
  run INTEGER NOT NULL REFERENCES runs(id), value REAL NOT NULL, ci_low REAL, ci_high REAL,
  PRIMARY KEY (cell, metric, run)) WITHOUT ROWID;
CREATE TABLE caveats (run INTEGER NOT NULL REFERENCES runs(id), cell INTEGER NOT NULL REFERENCES cells(id), caveats TEXT NOT NULL,
  PRIMARY KEY (run, cell)) WITHOUT ROWID;
""",)


class HistoryError(Exception):
    """The history cannot be read or written; str() is one sentence that names the file."""


class Environment(NamedTuple):
    """Where numbers of one lens are from. `machine`: what it is called; `description`: all that must be equal for two
    numbers to be of the same thing."""

    machine: str
    description: dict[str, object]

    @property
    def fingerprint(self) -> str:
        return json.dumps(self.description, sort_keys=True)


class Run(NamedTuple):
    """One run. `run` is its id; `kind`: bench, simulate, gate; `dirty` None: not known. Environments by lens."""

    run: str
    kind: str
    started: str
    commit: str
    dirty: bool | None
    compiler: str
    flags: str
    complete: bool
    environments: dict[str, Environment]


class Value(NamedTuple):
    """One number of a run: the metric of a cell, in `unit`; ci_low, ci_high None where it has no interval."""

    lens: str
    family: str
    cell: str
    placement: str
    primitive: str
    metric: str
    unit: str
    value: float
    ci_low: float | None
    ci_high: float | None
    caveats: str


class Row(NamedTuple):
    """A Value with the run that it is of, as select() gives it."""

    run: str
    kind: str
    started: str
    commit: str
    dirty: bool | None
    compiler: str
    flags: str
    complete: bool
    machine: str
    environment: int
    lens: str
    family: str
    cell: str
    placement: str
    primitive: str
    metric: str
    unit: str
    value: float
    ci_low: float | None
    ci_high: float | None
    caveats: str


_SELECT = """
SELECT runs.run, kind, started, revision, dirty, compiler, flags, complete, machine, environments.id, cells.lens, family,
  cells.name, placement, primitive, metrics.name, unit, value, ci_low, ci_high, coalesce(caveats.caveats, '')
FROM results JOIN runs ON runs.id = results.run JOIN cells ON cells.id = results.cell
  JOIN metrics ON metrics.id = results.metric
  JOIN run_environments ON run_environments.run = runs.id AND run_environments.lens = cells.lens
  JOIN environments ON environments.id = run_environments.environment
  LEFT JOIN caveats ON caveats.run = runs.id AND caveats.cell = cells.id
WHERE (:metric IS NULL OR metrics.name = :metric) AND (:lens IS NULL OR cells.lens = :lens)
  AND (:primitive IS NULL OR primitive = :primitive)
ORDER BY started, runs.id, cells.id
"""


class History:
    """An open history. A context manager: closed at the end, whatever happened."""

    def __init__(self, path: Path, read_only: bool = False):
        """Opens, or makes, the file; a database of an older contend is brought up to date. Raises HistoryError."""
        self.path = path
        try:
            if read_only:
                try:
                    self._open(f"file:{_quoted(path)}?mode=ro")
                except HistoryError:
                    if os.access(path.parent, os.W_OK):
                        raise
                    self._open(f"file:{_quoted(path)}?immutable=1")  # of a folder that SQLite can put no file into
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._open(f"file:{_quoted(path)}?mode=rwc")
                self._migrate()
        except OSError as error:
            raise HistoryError(f"{path}: cannot be made ({error.strerror}).") from error

    def _open(self, uri: str) -> None:
        try:
            # Autocommit: transactions are begun and ended by us, and by nobody else.
            self._db = sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)
            try:
                self.version = self._patiently("PRAGMA user_version")[0][0]
            except sqlite3.Error:
                self._db.close()
                raise
        except sqlite3.Error as error:
            raise HistoryError(f"{self.path}: {_words(error)}.") from error
        if self.version > len(MIGRATIONS):
            self._db.close()
            raise HistoryError(f"{self.path}: was written by a newer contend (version {self.version} of its tables, this one "
                               f"knows {len(MIGRATIONS)}).")

    def _patiently(self, sql: str) -> list[tuple]:
        """Executes what takes a lock. SQLite waits itself, but not where it sees that waiting could be for ever, as when
        two processes make the file; the other one ends all the same."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                return self._db.execute(sql).fetchall()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _migrate(self) -> None:
        if self.version == len(MIGRATIONS):
            return
        try:
            self._patiently("PRAGMA journal_mode = WAL")
            self._patiently("BEGIN IMMEDIATE")
            self.version = self._db.execute("PRAGMA user_version").fetchone()[0]  # another run may have been first
            for script in MIGRATIONS[self.version:]:
                for statement in script.split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            self._db.execute("COMMIT")
            self.version = len(MIGRATIONS)
        except sqlite3.Error as error:
            self._undo()
            self._db.close()
            raise HistoryError(f"{self.path}: {_words(error)}.") from error

    def _undo(self) -> None:
        """Ends a transaction that failed. What cannot be undone now, because the disk is full, SQLite undoes later."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            pass

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_) -> None:
        self._db.close()

    def add(self, run: Run, values: Iterable[Value]) -> bool:
        """Adds a run, all of it or nothing. False if a run of that id is there already. Raises HistoryError."""
        db = self._db
        try:
            self._patiently("BEGIN IMMEDIATE")
            if db.execute("SELECT 1 FROM runs WHERE run = ?", (run.run,)).fetchone():
                self._undo()
                return False
            dirty = None if run.dirty is None else int(run.dirty)
            (number,) = db.execute(
                "INSERT INTO runs (run, kind, started, revision, dirty, compiler, flags, complete) VALUES (?,?,?,?,?,?,?,?) "
                "RETURNING id", (run.run, run.kind, run.started, run.commit, dirty, run.compiler, run.flags,
                                 int(run.complete))).fetchall()[0]
            for lens, environment in run.environments.items():
                db.execute("INSERT INTO run_environments VALUES (?, ?, ?)", (number, lens, self._id(
                    "environments", ("fingerprint",), (environment.fingerprint,), machine=environment.machine,
                    description=environment.fingerprint)))
            db.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)", self._results(number, values))
            db.execute("COMMIT")
            return True
        except sqlite3.Error as error:
            self._undo()
            raise HistoryError(f"{self.path}: {_words(error)}.") from error

    def _results(self, number: int, values: Iterable[Value]) -> Iterator[tuple]:
        """Rows of results; what they refer to is made on the way, each once."""
        cells: dict[tuple, int] = {}
        metrics: dict[tuple, int] = {}
        for one in values:
            key = (one.lens, one.family, one.cell, one.placement)
            if key not in cells:
                cells[key] = self._id("cells", ("lens", "family", "name", "placement"), key, primitive=one.primitive)
                if one.caveats:
                    self._db.execute("INSERT OR IGNORE INTO caveats VALUES (?, ?, ?)", (number, cells[key], one.caveats))
            metric = (one.metric, one.unit)
            if metric not in metrics:
                metrics[metric] = self._id("metrics", ("name", "unit"), metric)
            yield cells[key], metrics[metric], number, one.value, one.ci_low, one.ci_high

    def _id(self, table: str, keys: tuple[str, ...], values: tuple, **more) -> int:
        """The row of `table` with these unique values, made if it is not there."""
        where = " AND ".join(f"{key} = ?" for key in keys)
        found = self._db.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()
        if found:
            return found[0]
        columns = (*keys, *more)
        marks = ", ".join("?" * len(columns))
        return self._db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) RETURNING id",
                                (*values, *more.values())).fetchall()[0][0]

    def select(self, metric: str | None = None, lens: str | None = None, primitive: str | None = None) -> list[Row]:
        """Values in the order of their runs' starts; None: any. Raises HistoryError."""
        asked = {"metric": metric, "lens": lens, "primitive": primitive}
        return [Row(*row[:4], None if row[4] is None else bool(row[4]), *row[5:7], bool(row[7]), *row[8:])
                for row in self._rows(_SELECT, asked)]

    def names(self, what: str) -> list[str]:
        """All metrics, primitives or lenses that there are numbers of, sorted. Raises HistoryError."""
        column, table = {"metric": ("name", "metrics"), "primitive": ("primitive", "cells"), "lens": ("lens", "cells")}[what]
        return [row[0] for row in self._rows(f"SELECT DISTINCT {column} FROM {table} ORDER BY 1", {})]

    def runs(self) -> int:
        """How many runs there are. Raises HistoryError."""
        return self._rows("SELECT count(*) FROM runs", {})[0][0]

    def _rows(self, sql: str, values: dict) -> list[tuple]:
        if self.version == 0:  # the file was made and its first run has not come
            return [(0,)] if "count" in sql else []
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise HistoryError(f"{self.path}: {_words(error)}.") from error


def _quoted(path: Path) -> str:
    """A path as SQLite's file: URIs want it."""
    return quote(str(path.absolute()))


def _words(error: sqlite3.Error) -> str:
    """What SQLite says, and what it means where that is not plain."""
    said = str(error)
    if "locked" in said:
        return f"another run kept it for more than {WAIT_S:.0f} s ({said})"
    if "not a database" in said or "malformed" in said:
        return f"is no history or is damaged ({said}); move it away, and --import the runs again"
    return said
