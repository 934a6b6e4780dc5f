# SPDX-License-Identifier: MIT
"""What every run measured, over commits: results/history.sqlite, its table, its picture. `python3 -m history --help`.

store (SQLite) ← source (a record or a gate's verdicts → a Run with Values); series (points by commit) → table, picture.
"""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def append(results: str | Path, document: dict[str, Any]) -> bool:
    """Adds a run to `results`/history.sqlite: a decoded results.json or gate.json. True if it is there afterwards.

    Never raises for what can go wrong with a file or with the document: it says so in one sentence on stderr, since a
    history that cannot be written is no reason for a run to fail.
    """
    try:
        from . import source, store
    except ImportError as error:
        return not_added(f"{sys.executable} has no module {error.name}.")
    try:
        with store.History(Path(results) / store.NAME) as history:
            history.add(*source.of_document(document))
        return True
    except (store.HistoryError, source.SourceError) as error:
        return not_added(str(error))


def not_added(why: str) -> bool:
    """Says so, if that can be written anywhere; False."""
    try:
        print(f"contend: the run was not added to the history: {why}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass
    return False
