import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from srkit_photo.codecs import read_photo
from srkit_photo.examples import picture
from srkit_photo.source import PhotoSource

import srkit
from srkit.plugins import Plugins, normalizer

Enlarge = Callable[..., Path]


def look(path: Path) -> Image.Image:
    """Open a picture without keeping its file open."""
    return Image.open(io.BytesIO(path.read_bytes()))


def doubled(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def save(path: Path, pixels: np.ndarray, **more: object) -> Path:
    kind = "rgb" if pixels.ndim == 3 and pixels.shape[-1] >= 3 else "minisblack"
    tifffile.imwrite(path, pixels, **({"photometric": kind, "metadata": None} | more))
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("samples", [1, 3, 4])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_depth_and_samples_stay(tmp_path: Path, enlarge: Enlarge, dtype: type, samples: int, byteorder: str) -> None:
    pixels = picture(12, 15, samples).astype(dtype) * (250 if dtype is np.uint16 else 1)
    pixels = pixels[..., 0] if samples == 1 else pixels
    extra = ["unassalpha"] if samples == 4 else None
    out = enlarge(save(tmp_path / "a.tif", pixels, byteorder=byteorder, extrasamples=extra))
    again = tifffile.imread(out)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, doubled(pixels))


@pytest.mark.parametrize("samples", [1, 3])
def test_floats_stay_floats(
    tmp_path: Path, enlarge: Enlarge, refusal: Callable[..., str], plugins: Plugins, samples: int
) -> None:
    pixels = picture(12, 15, samples).astype(np.float32) * 1.7 - 3
    path = save(tmp_path / "a.tif", pixels[..., 0] if samples == 1 else pixels)
    assert "choose --format tiff" in refusal(path, format="png")
    again = tifffile.imread(enlarge(path))
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, doubled(pixels[..., 0] if samples == 1 else pixels))
    with pytest.raises(srkit.InputError, match="how much is white"):
        normalizer(plugins, "photo", {"kind": "depth"}, PhotoSource(path, read_photo(path)))


def test_planes_are_woven(tmp_path: Path, enlarge: Enlarge) -> None:
    pixels = picture(12, 15, 3)
    path = save(tmp_path / "a.tif", np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(tifffile.imread(enlarge(path)), doubled(pixels))


def test_inverted_grey_is_shown_as_pillow_shows_it(tmp_path: Path, enlarge: Enlarge) -> None:
    path = save(tmp_path / "a.tif", picture(12, 15, 1)[..., 0], photometric="miniswhite")
    expected = np.asarray(look(path).convert("L"))
    np.testing.assert_array_equal(tifffile.imread(enlarge(path)), doubled(expected))


def test_a_palette_becomes_colours(tmp_path: Path, enlarge: Enlarge) -> None:
    image = Image.fromarray(picture(12, 15, 3)).quantize(16)
    image.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(
        tifffile.imread(enlarge(tmp_path / "a.tif")), doubled(np.asarray(image.convert("RGB")))
    )


def test_profile_texts_and_density_stay(tmp_path: Path, enlarge: Enlarge) -> None:
    Image.fromarray(picture(12, 15, 3)).save(
        tmp_path / "a.tif", icc_profile=b"a profile", dpi=(300, 150), description="Sunset", artist="Jürgen",
        copyright="free",
    )  # fmt: skip
    out = look(enlarge(tmp_path / "a.tif"))
    assert out.info["icc_profile"] == b"a profile"
    assert out.tag_v2[270] == "Sunset"
    assert "rgen" in out.tag_v2[315]
    assert tuple(float(x) for x in out.info["dpi"]) == (600, 300)
    assert "srkit" in out.tag_v2[305]


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_camera_settings_and_place_stay(tmp_path: Path, enlarge: Enlarge, byteorder: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0x829A: 0.004, 0xA002: 15, 0x9003: "2024:01:01 12:00:00"})
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x8769] = exif[0x8825] = 0  # Pillow writes to TIFF only directories that have a pointer
    Image.fromarray(picture(12, 15, 3)).save(tmp_path / "a.tif", exif=exif, big_endian=byteorder == "big")
    out = look(enlarge(tmp_path / "a.tif"))
    assert out.size == (24, 30)
    assert float(out.getexif().get_ifd(0x8769)[0x829A]) == pytest.approx(0.004)
    assert out.getexif().get_ifd(0x8769)[0xA002] == 24
    assert out.getexif().get_ifd(0x8769)[0x9003] == "2024:01:01 12:00:00"
    assert out.getexif().get_ifd(0x8825)[1] == "N"
    assert out.getexif().get(0x0112, 1) == 1


def test_camera_settings_move_from_jpeg_to_tiff_and_back(tmp_path: Path, enlarge: Enlarge) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.004
    Image.fromarray(picture(12, 15, 3)).save(tmp_path / "a.jpg", exif=exif)
    tiff = enlarge(tmp_path / "a.jpg", format="tiff")
    assert float(look(tiff).getexif().get_ifd(0x8769)[0x829A]) == pytest.approx(0.004)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.tif").write_bytes(tiff.read_bytes())
    jpeg = enlarge(tmp_path / "b" / "c.tif", format="jpeg")
    assert float(look(jpeg).getexif().get_ifd(0x8769)[0x829A]) == pytest.approx(0.004)


def test_several_pages_are_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    path = save(tmp_path / "a.tif", np.zeros((3, 12, 15), np.uint8), photometric="minisblack")
    assert "3 pages" in refusal(path)


@pytest.mark.parametrize(
    ("pixels", "more", "said"),
    [
        (np.zeros((8, 9, 4), np.uint8), {"photometric": "separated"}, "SEPARATED"),
        (np.zeros((8, 9), np.float64), {}, "float64"),
        (np.zeros((8, 9), bool), {}, "1 bit"),
        (np.zeros((8, 9, 5), np.uint8), {"extrasamples": ["unspecified", "unspecified"]}, "5 samples"),
        (np.zeros((8, 9, 4), np.uint8), {"extrasamples": ["assocalpha"]}, "premultiplied"),
    ],
)
def test_what_cannot_be_shown_truly_is_refused(
    tmp_path: Path, refusal: Callable[..., str], pixels: np.ndarray, more: dict[str, object], said: str
) -> None:
    assert said in refusal(save(tmp_path / "a.tif", pixels, **more))


def test_sixteen_bits_do_not_fit_into_jpeg(tmp_path: Path, refusal: Callable[..., str]) -> None:
    path = save(tmp_path / "a.tif", picture(12, 15, 3).astype(np.uint16))
    assert "uint16" in refusal(path, format="jpeg")


def test_a_note_of_the_old_size_is_left_out(tmp_path: Path, enlarge: Enlarge) -> None:
    path = tmp_path / "noted.tif"
    tifffile.imwrite(path, np.zeros((8, 9, 3), np.uint16), photometric="rgb")  # notes {"shape": [8, 9, 3]}
    with tifffile.TiffFile(enlarge(path)) as tiff:
        assert 270 not in tiff.pages[0].tags
        assert tiff.series[0].shape == (16, 18, 3)
