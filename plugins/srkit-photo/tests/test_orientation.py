import numpy as np
import pytest
from PIL import Image, ImageOps
from srkit_photo.orientation import upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("samples", [1, 3])
def test_pixels_are_turned_as_pillow_turns_them(orientation: int, samples: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, samples), np.uint8)
    image = Image.fromarray(pixels[..., 0] if samples == 1 else pixels)
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(upright(pixels, orientation).squeeze(), expected.squeeze())
