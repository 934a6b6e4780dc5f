# SPDX-License-Identifier: MIT
"""Puts a verdict into files, each written beside its place and renamed."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .model import RunVerdict


def write(path: Path, text: str | bytes) -> None:
    """Puts `text` into `path` in one step: readers see the old file or the whole new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(text.encode() if isinstance(text, str) else text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_all(run: RunVerdict, json: Path | str | None = None, junit: Path | str | None = None,
              markdown: Path | str | None = None, html: Path | str | None = None) -> None:
    """Writes the outputs that have a path. Raises OSError."""
    from . import document, page, texts

    for path, make in ((json, lambda: document.text(document.verdict_document(run))), (junit, lambda: texts.junit(run)),
                       (markdown, lambda: texts.markdown(run)), (html, lambda: page.build(run))):
        if path:
            write(Path(path), make())
