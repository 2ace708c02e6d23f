"""WebP: lossless stays lossless, lossy is written at the chosen quality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from srkit import InputError
from srkit_photo.output import Output
from srkit_photo.photo import Array, Metadata, Photo


def read_webp(path: Path) -> Photo:
    """Read a WebP file. Raises InputError for broken, animated and huge ones."""
    from srkit_photo.pillow_files import opened, pixels_of, refuse_mode

    _check_length(path)
    with opened(path, "webp") as image:
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{path}: is an animated WebP; export the frames that you need as images of their own")
        refuse_mode(path, image.mode)
        info = image.info
        metadata = Metadata(
            exif=info.get("exif", b"").removeprefix(b"Exif\0\0"),
            icc=info.get("icc_profile", b""),
            xmp=info.get("xmp", b""),
        )
        pixels = pixels_of(image)
    return Photo("webp", pixels, alpha=pixels.shape[2] == 4, lossless=is_lossless(path), metadata=metadata)


def _check_length(path: Path) -> None:
    """Refuse a file that is shorter than it says; the decoder would fill up with grey."""
    with path.open("rb") as file:
        claimed = int.from_bytes(file.read(8)[4:], "little") + 8
    if path.stat().st_size < claimed:
        raise InputError(f"{path}: the WebP file ends too early; get it again")


def is_lossless(path: Path) -> bool:
    """Tell whether the image of a WebP file is coded without loss, by its chunks."""
    content = path.read_bytes()
    position = 12
    while position + 8 <= len(content):
        kind, size = content[position : position + 4], int.from_bytes(content[position + 4 : position + 8], "little")
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        position += 8 + size + size % 2
    return False


def write_webp(target: Path, pixels: Array, output: Output) -> None:
    """Write `pixels` ``(rows, columns, 3 or 4)`` with their metadata."""
    from PIL import Image

    mine = output.metadata
    settings: dict[str, Any] = {"exif": mine.exif, "icc_profile": mine.icc, "xmp": mine.xmp}
    settings = {name: data for name, data in settings.items() if data}
    if output.lossless:
        settings |= {"lossless": True, "exact": True, "quality": 60}
    else:
        settings |= {"quality": output.quality, "exact": True}
    Image.fromarray(pixels).save(target, "WEBP", method=4, **settings)
