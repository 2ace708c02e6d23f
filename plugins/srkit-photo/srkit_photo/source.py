"""A photograph as a source: decoded once, held in its stored type."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from srkit import ArraySource, Channel
from srkit_photo.photo import Photo

COLOURS = {1: ("grey",), 3: ("red", "green", "blue")}


class PhotoSource(ArraySource):
    """A photograph in pixel space, rows by columns; nothing in it is nodata."""

    def __init__(self, path: Path, photo: Photo) -> None:
        self.path = path
        self.photo = photo
        super().__init__(np.moveaxis(photo.pixels, -1, 0), channels=channels_of(photo))

    def for_maps(self) -> tuple[PhotoSource, str]:
        """Return itself, and the one format of photographs that holds numbers with fractions."""
        return self, ".tif"


def channels_of(photo: Photo) -> tuple[Channel, ...]:
    """Return grey, or red, green and blue, and opacity where there is one."""
    samples = photo.pixels.shape[2]
    colours = tuple(Channel(name) for name in COLOURS[samples - photo.alpha])
    return (*colours, Channel("alpha", "alpha")) if photo.alpha else colours
