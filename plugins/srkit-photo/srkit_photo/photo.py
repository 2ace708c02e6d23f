"""A decoded photograph: upright pixels and what its file says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from srkit_photo.orientation import SWAPPING, upright

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False, slots=True)
class Metadata:
    """What accompanies the pixels, as the file holds it.

    Parameters
    ----------
    exif
        A TIFF structure (without the ``Exif`` prefix of JPEG), empty if there is none.
    icc, xmp, iptc, comment
        The bytes of each; `iptc` is a Photoshop resource block in JPEG and a bare record in TIFF.
    density
        Pixels per inch along columns' and rows' direction (x, y), None if unknown.
    chunks
        PNG chunks that stay true, each with its type.
    tags
        TIFF text tags that stay true, by number.
    """

    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    comment: bytes = b""
    density: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    tags: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Photo:
    """A photograph as its file shows it to the eye.

    Parameters
    ----------
    format
        Name of the file's format.
    pixels
        ``(rows, columns, samples)``, uint8, uint16 or float32, upright.
    alpha
        Whether the last sample is opacity.
    lossless
        Whether the file kept its pixels exactly.
    orientation
        The EXIF orientation that `pixels` were turned by.
    notes
        What a user may want to know, in words.
    """

    format: str
    pixels: Array
    alpha: bool = False
    lossless: bool = True
    orientation: int = 1
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()

    def turned_upright(self, orientation: int) -> Self:
        """Return the photograph with `orientation` applied to its pixels."""
        if orientation == 1:
            return self
        return replace(
            self,
            pixels=upright(self.pixels, orientation),
            orientation=orientation,
            notes=(*self.notes, f"turned upright (EXIF orientation {orientation})"),
        )

    @property
    def swapped(self) -> bool:
        """Whether turning upright has exchanged rows and columns."""
        return self.orientation in SWAPPING


def with_samples(pixels: Array) -> Array:
    """Return ``(rows, columns)`` or ``(rows, columns, samples)`` with the samples' axis in any case."""
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
