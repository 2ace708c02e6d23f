"""BMP: grey, palette and RGB of 8 bits; the format carries nothing else but a density."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from srkit import InputError
from srkit_photo.output import Output
from srkit_photo.photo import Array, Metadata, Photo


def read_bmp(path: Path) -> Photo:
    """Read a BMP file. Raises InputError for broken ones and kinds that the format cannot write back."""
    from srkit_photo.pillow_files import opened, pixels_of, refuse_mode

    with opened(path, "bmp") as image:
        palette = image.mode == "P"
        shown = image.convert("RGB") if palette else image
        refuse_mode(path, shown.mode)
        if shown.mode == "RGBA":
            raise InputError(f"{path}: is a BMP with opacity, which few programs read alike; convert it to PNG first")
        pixels, density = pixels_of(shown), image.info.get("dpi")
    usable = density if density and min(density) > 0 else None
    notes = ("palette expanded to full colour",) if palette else ()
    return Photo("bmp", pixels, metadata=Metadata(density=usable), notes=notes)


def write_bmp(target: Path, pixels: Array, output: Output) -> None:
    """Write `pixels` ``(rows, columns, 1 or 3)``."""
    from PIL import Image

    settings: dict[str, Any] = {"dpi": output.metadata.density} if output.metadata.density else {}
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(target, "BMP", **settings)
