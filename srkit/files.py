"""The walk that every discovery begins with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files at `root` in the order of their paths, each with its folder relative to `root`.

    The folder is that of `Item.folder` (``""`` for `root` itself). A file as `root` is yielded alone. Hidden files and
    folders are passed over; links to folders are not followed, links to files only where they stay inside `root`.
    """
    if root.is_file():
        yield root, ""
        return
    real_root = root.resolve()
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        folder = Path(parent)
        relative = folder.relative_to(root).as_posix()
        for name in sorted(name for name in names if not name.startswith(".")):
            path = folder / name
            if path.is_file() and path.resolve().is_relative_to(real_root):
                yield path, "" if relative == "." else relative
