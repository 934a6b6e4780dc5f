# SPDX-License-Identifier: MIT
"""Puts a verdict into files, each written beside its place and renamed."""
from __future__ import annotations

from pathlib import Path

from plots.files import write

from .model import RunVerdict


def write_all(run: RunVerdict, json: Path | str | None = None, junit: Path | str | None = None,
              markdown: Path | str | None = None, html: Path | str | None = None) -> None:
    """Writes the outputs that have a path. Raises OSError."""
    from . import document, page, texts

    for path, make in ((json, lambda: document.text(document.verdict_document(run))), (junit, lambda: texts.junit(run)),
                       (markdown, lambda: texts.markdown(run)), (html, lambda: page.build(run))):
        if path:
            write(Path(path), make())
