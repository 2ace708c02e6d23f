"""From file to photograph and back, whatever the format."""

from __future__ import annotations

from pathlib import Path

from srkit import InputError
from srkit_photo.bmp import read_bmp, write_bmp
from srkit_photo.exif import orientation_of
from srkit_photo.formats import format_of
from srkit_photo.jpeg import read_jpeg, write_jpeg
from srkit_photo.output import Output
from srkit_photo.photo import Array, Photo
from srkit_photo.png import read_png, write_png
from srkit_photo.tiff import read_tiff, write_tiff
from srkit_photo.webp import read_webp, write_webp

READERS = {"png": read_png, "jpeg": read_jpeg, "webp": read_webp, "bmp": read_bmp}
WRITERS = {"png": write_png, "jpeg": write_jpeg, "tiff": write_tiff, "webp": write_webp, "bmp": write_bmp}


def read_photo(path: Path) -> Photo:
    """Return the photograph in `path`, upright. Raises InputError where it cannot be treated."""
    with path.open("rb") as file:
        name = format_of(file.read(32))
    if name is None:
        raise InputError(f"{path}: is no photograph of a known format; give a PNG, JPEG, TIFF, WebP or BMP file")
    if name == "tiff":
        photo, orientation = read_tiff(path)
    else:
        photo = READERS[name](path)
        orientation = orientation_of(photo.metadata.exif) if photo.metadata.exif else 1
    return photo.turned_upright(orientation)


def write_photo(target: Path, name: str, pixels: Array, output: Output) -> None:
    """Write `pixels` ``(rows, columns, samples)`` as a file of the format `name`."""
    WRITERS[name](target, pixels, output)
