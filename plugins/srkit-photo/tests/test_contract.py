"""The shipped contract over one item of every format."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from srkit_photo.examples import EXAMPLES, picture

from srkit.testing import DomainContract, Example


def save_as(name: str, mode: str, **more: object):
    def make(root: Path) -> Example:
        samples = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
        pixels = picture(19, 23, samples)
        shown = pixels[..., 0] if samples == 1 else pixels
        image = Image.fromarray(shown.astype(np.uint16) * 250 if mode == "I;16" else shown)
        assert image.mode == mode
        image.save(root / name, **more)
        return Example("photo", root, normalizer={"kind": "depth"})

    return make


MAKERS = dict(EXAMPLES) | {
    "grey PNG": save_as("a.png", "L"),
    "grey PNG with opacity": save_as("a.png", "LA"),
    "deep grey PNG": save_as("a.png", "I;16"),
    "grey JPEG": save_as("a.jpg", "L", quality=95),
    "lossless WebP": save_as("a.webp", "RGBA", lossless=True, exact=True),
    "lossy WebP": save_as("a.webp", "RGB"),
    "TIFF with opacity": save_as("a.tif", "RGBA"),
    "BMP": save_as("a.bmp", "RGB"),
}


@pytest.mark.parametrize("label", sorted(MAKERS))
class TestPhoto(DomainContract):
    @pytest.fixture
    def plugins(self, plugins):
        return plugins

    @pytest.fixture
    def example(self, label: str, tmp_path: Path) -> Example:
        root = tmp_path / "input"
        root.mkdir()
        return MAKERS[label](root)
