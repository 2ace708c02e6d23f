"""Small photographs made in code, for the contract tests of `srkit.testing`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from srkit.testing import Example


def picture(rows: int, columns: int, samples: int) -> np.ndarray[Any, Any]:
    """Return smooth uint8 waves ``(rows, columns, samples)``."""
    y, x = np.mgrid[0:rows, 0:columns]
    waves = [128 + 100 * np.sin(0.2 * (s + 1) * x + 0.3 * y) for s in range(samples)]
    return np.asarray(np.rint(np.stack(waves, axis=-1)), np.uint8)


def write_png(root: Path) -> Example:
    """Write an RGBA file."""
    from PIL import Image

    Image.fromarray(picture(30, 22, 4)).save(root / "waves.png", dpi=(300, 300))
    return Example("photo", root, normalizer={"kind": "depth"})


def write_jpeg(root: Path) -> Example:
    """Write a turned RGB file with camera settings."""
    from PIL import Image

    image = Image.fromarray(picture(30, 22, 3))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    image.save(root / "turned.jpg", exif=exif, quality=95)
    return Example("photo", root, normalizer={"kind": "depth"})


def write_deep_tiff(root: Path) -> Example:
    """Write an RGB file of 16 bits."""
    import tifffile

    tifffile.imwrite(root / "deep.tif", picture(30, 22, 3).astype(np.uint16) * 251, photometric="rgb")
    return Example("photo", root, normalizer={"kind": "depth"})


EXAMPLES: Mapping[str, Any] = {"photo PNG": write_png, "photo JPEG": write_jpeg, "photo TIFF": write_deep_tiff}
