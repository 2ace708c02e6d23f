"""Opening files with Pillow, its many errors turned into one sentence."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srkit import InputError
from srkit_photo.formats import FORMATS, MAX_PIXELS
from srkit_photo.photo import Array, with_samples

if TYPE_CHECKING:
    from PIL.Image import Image


@contextmanager
def opened(path: Path, name: str) -> Iterator[Image]:
    """Open a file of the format `name`; what Pillow cannot read becomes an InputError, also inside the context."""
    from PIL import Image

    title = FORMATS[name].title
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs, which are refused below, and of odd metadata
            with Image.open(path, formats=[name.upper()]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise InputError(f"{path}: has {image.width} x {image.height} pixels; cut it first")
                yield image
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: claims too many pixels to be held; cut it first") from error
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{path}: the {title} file is broken ({type(error).__name__}); get it again") from error


def pixels_of(image: Image) -> Array:
    """Return ``(rows, columns, samples)`` uint8."""
    return with_samples(np.array(image))


def refuse_mode(path: Path, mode: str) -> None:
    """Raise InputError for what has no red, green, blue or grey samples of 8 bits."""
    if mode == "1":
        raise InputError(f"{path}: is black and white (1 bit), without tones to enhance; convert it to grey first")
    if mode in ("CMYK", "YCCK"):
        raise InputError(f"{path}: is a CMYK image, made for print; convert it to RGB by its profile first")
    if mode not in ("L", "RGB", "RGBA"):
        raise InputError(f"{path}: has samples of kind {mode}, which this plugin does not treat; convert it to RGB")
