"""Walks a folder tree in a fixed order, without leaving it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(root: Path) -> Iterator[Path]:
    """Yield the regular files at or below `root`, sorted within each folder.

    A file is yielded as itself, even if it is hidden, since it was named. In a folder hidden files and folders are
    passed over, links to folders are not followed, and links to files count only where their target lies inside.
    """
    if root.is_file():
        yield root
        return
    home = root.resolve()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file() and _lies_inside(path, home):
                yield path


def _lies_inside(path: Path, home: Path) -> bool:
    return not path.is_symlink() or path.resolve().is_relative_to(home)
