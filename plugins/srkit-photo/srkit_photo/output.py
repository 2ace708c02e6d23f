"""What a writer needs beside the pixels."""

from __future__ import annotations

from dataclasses import dataclass

from srkit_photo.photo import Metadata


@dataclass(frozen=True, eq=False, slots=True)
class Output:
    """An output to be written.

    `metadata` is true for the output already, `sentence` says in ASCII how it came about.
    """

    metadata: Metadata
    sentence: str
    alpha: bool = False
    lossless: bool = True
    quality: int = 95
