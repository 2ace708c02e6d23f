import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from srkit_photo.examples import picture
from srkit_photo.webp import is_lossless

Enlarge = Callable[..., Path]


def look(path: Path) -> Image.Image:
    """Open a picture without keeping its file open."""
    return Image.open(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("samples", [3, 4])
def test_lossless_stays_lossless(tmp_path: Path, enlarge: Enlarge, samples: int) -> None:
    pixels = picture(12, 15, samples)
    Image.fromarray(pixels).save(tmp_path / "a.webp", lossless=True, exact=True)
    out = enlarge(tmp_path / "a.webp")
    assert is_lossless(out)
    np.testing.assert_array_equal(np.asarray(look(out)), pixels.repeat(2, axis=0).repeat(2, axis=1))


def test_lossy_stays_lossy_with_its_metadata(tmp_path: Path, enlarge: Enlarge) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(picture(12, 15, 3)).save(
        tmp_path / "a.webp", exif=exif, icc_profile=b"a profile", xmp=b'<tiff:Orientation="3"/>'
    )
    out = enlarge(tmp_path / "a.webp")
    image = look(out)
    assert not is_lossless(out)
    assert image.info["icc_profile"] == b"a profile"
    assert image.info["xmp"] == b'<tiff:Orientation="1"/>'
    assert image.getexif()[0x010F] == "Maker"


def test_an_animation_is_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    frames = [Image.new("RGB", (9, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    assert "animated" in refusal(tmp_path / "a.webp")


def test_grey_has_no_webp(tmp_path: Path, refusal: Callable[..., str]) -> None:
    Image.fromarray(picture(8, 9, 1)[..., 0]).save(tmp_path / "a.png")
    assert "grey" in refusal(tmp_path / "a.png", format="webp")
