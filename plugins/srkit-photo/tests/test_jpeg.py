import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from srkit_photo.examples import picture

from srkit import UsageError
from srkit import plugins as calls
from srkit.plugins import Plugins

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" dc:title="Sunset">
<tiff:ImageWidth>22</tiff:ImageWidth></rdf:Description></rdf:RDF></x:xmpmeta>"""
CAPTION = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0a\x1c\x02\x78\0\x05Hello"
Enlarge = Callable[..., Path]


def look(path: Path) -> Image.Image:
    """Open a picture without keeping its file open."""
    return Image.open(io.BytesIO(path.read_bytes()))


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    exif.get_ifd(0x8769)[0xA002] = 22
    path = tmp_path / "turned.jpg"
    extra = struct.pack(">BBH", 0xFF, 0xED, len(CAPTION) + 2) + CAPTION
    Image.fromarray(picture(30, 22, 3)).save(
        path, exif=exif, icc_profile=PROFILE, xmp=XMP, dpi=(300, 150), comment=b"by me", quality=97, extra=extra
    )
    return path


def test_pixels_are_upright_and_close(turned: Path, enlarge: Enlarge) -> None:
    shown = np.asarray(ImageOps.exif_transpose(look(turned)), float)
    out = look(enlarge(turned))
    assert out.size == (60, 44)
    assert np.abs(np.asarray(out, float) - shown.repeat(2, axis=0).repeat(2, axis=1)).mean() < 2


def test_camera_settings_say_what_is_true(turned: Path, enlarge: Enlarge) -> None:
    exif = look(enlarge(turned)).getexif()
    assert (exif[0x0112], exif[0x010F]) == (1, "Maker")
    assert exif.get_ifd(0x8769)[0xA002] == 60


def test_profile_caption_and_comment_stay(turned: Path, enlarge: Enlarge) -> None:
    out = look(enlarge(turned))
    assert out.info["icc_profile"] == PROFILE
    assert CAPTION in [data for name, data in out.applist if name == "APP13"]
    assert b"by me" in [data for name, data in out.applist if name == "COM"]


def test_xmp_stays_but_for_what_became_false(turned: Path, enlarge: Enlarge) -> None:
    packet = look(enlarge(turned)).info["xmp"]
    assert b'tiff:Orientation="1"' in packet
    assert b"<tiff:ImageWidth>60<" in packet
    assert b'dc:title="Sunset"' in packet


def test_a_print_keeps_its_size(turned: Path, enlarge: Enlarge) -> None:
    assert look(enlarge(turned)).info["jfif_density"] == (300, 600)


def test_colour_keeps_its_full_resolution(turned: Path, enlarge: Enlarge) -> None:
    assert {layer[1:3] for layer in look(enlarge(turned)).layer} == {(1, 1)}


def test_output_says_where_it_comes_from(turned: Path, enlarge: Enlarge) -> None:
    assert b"srkit" in enlarge(turned).read_bytes()


def test_png_can_be_asked_for_and_is_exact(turned: Path, enlarge: Enlarge) -> None:
    out = enlarge(turned, format="png")
    assert out.suffix == ".png"
    shown = np.asarray(ImageOps.exif_transpose(look(turned)))
    image = look(out)
    np.testing.assert_array_equal(np.asarray(image), shown.repeat(2, axis=0).repeat(2, axis=1))
    assert image.info["icc_profile"] == PROFILE
    assert image.getexif()[0x010F] == "Maker"
    assert image.info["dpi"] == pytest.approx((300, 600), abs=0.1)


def test_quality_can_be_chosen(turned: Path, enlarge: Enlarge, tmp_path: Path) -> None:
    best = enlarge(turned).stat().st_size
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other" / "small.jpg"
    copy.write_bytes(turned.read_bytes())
    assert enlarge(copy, quality=30).stat().st_size < best


def test_print_colours_are_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    Image.new("CMYK", (9, 8)).save(tmp_path / "a.jpg")
    assert "CMYK" in refusal(tmp_path / "a.jpg")


def test_opacity_does_not_fit_into_jpeg(tmp_path: Path, refusal: Callable[..., str]) -> None:
    Image.fromarray(picture(8, 9, 4)).save(tmp_path / "a.png")
    assert "opacity" in refusal(tmp_path / "a.png", format="jpeg")


def test_a_phone_s_second_picture_is_left_out(tmp_path: Path, enlarge: Enlarge) -> None:
    main, preview = Image.fromarray(picture(30, 22, 3)), Image.new("RGB", (5, 4))
    main.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview])
    out = look(enlarge(tmp_path / "a.jpg"))
    assert out.size == (44, 60)
    assert getattr(out, "n_frames", 1) == 1


def test_damaged_camera_settings_are_left_out_with_a_warning(
    tmp_path: Path, enlarge: Enlarge, plugins: Plugins
) -> None:
    Image.fromarray(picture(30, 22, 3)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    (item,) = calls.discover(plugins, tmp_path / "a.jpg", calls.default_options(plugins))
    findings = calls.inspect_source(plugins, "photo", calls.open_source(plugins, item, {}))
    assert [(f.level, "damaged" in f.text) for f in findings] == [("warning", True)]
    assert "exif" not in look(enlarge(tmp_path / "a.jpg")).info


def test_a_quality_that_makes_no_sense_is_a_usage_error(tmp_path: Path, enlarge: Enlarge) -> None:
    Image.fromarray(picture(30, 22, 3)).save(tmp_path / "a.jpg")
    with pytest.raises(UsageError, match="--quality 101"):
        enlarge(tmp_path / "a.jpg", quality=101)
