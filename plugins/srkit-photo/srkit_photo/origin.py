"""Whether a photograph was made by srkit, as its file says: PNG, TIFF and JPEG hold the sentence in plain letters."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

SENTENCE = re.compile(rb"srkit \d[\w.+]* super-resolution x")


def is_own(path: Path) -> bool:
    """Tell whether a file, which is not empty, says that it is an output of srkit."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return SENTENCE.search(content) is not None
