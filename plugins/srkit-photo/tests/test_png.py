import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin
from srkit_photo.png import read_png

from srkit import InputError

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
Enlarge = Callable[..., Path]


def look(path: Path) -> Image.Image:
    """Open a picture without keeping its file open."""
    return Image.open(io.BytesIO(path.read_bytes()))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def chunks_of(path: Path) -> list[tuple[bytes, bytes]]:
    content, position, found = path.read_bytes(), 8, []
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        found.append((kind, content[position + 8 : position + 8 + size]))
        position += 12 + size
    return found


def with_chunks(path: Path, *added: bytes) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:33] + b"".join(added) + content[33:])


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def doubled(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from(["L", "LA", "RGB", "RGBA"]), st.booleans())
def test_any_size_and_mode_is_read_as_pillow_reads_it(
    tmp_path: Path, rows: int, columns: int, mode: str, interlaced: bool
) -> None:
    pixels = noise(rows, columns, len(mode))
    Image.fromarray(pixels.squeeze(-1) if mode == "L" else pixels).save(tmp_path / "a.png", interlace=interlaced)
    photo = read_png(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert photo.alpha == mode.endswith("A")


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_sixteen_bits_stay_sixteen_bits(tmp_path: Path, enlarge: Enlarge, samples: int) -> None:
    pixels = noise(6, 7, samples, dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels.squeeze(-1) if samples == 1 else pixels))
    out = enlarge(tmp_path / "a.png")
    again = imagecodecs.png_decode(out.read_bytes())
    assert again.dtype == np.uint16
    np.testing.assert_array_equal(again.reshape(12, 14, samples), doubled(pixels))


def test_a_palette_becomes_colours(tmp_path: Path, enlarge: Enlarge) -> None:
    image = Image.fromarray(noise(8, 9, 3)).quantize(16)
    image.save(tmp_path / "a.png")
    out = look(enlarge(tmp_path / "a.png"))
    assert out.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(out), doubled(np.asarray(image.convert("RGB"))))


def test_a_palette_with_transparency_gets_opacity(tmp_path: Path, enlarge: Enlarge) -> None:
    image = Image.fromarray(noise(8, 9, 3)).quantize(16)
    image.save(tmp_path / "a.png", transparency=3)
    expected = look(tmp_path / "a.png").convert("RGBA")
    out = look(enlarge(tmp_path / "a.png"))
    assert out.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(out), doubled(np.asarray(expected)))


@pytest.mark.parametrize("depth", [2, 4])
def test_shallow_grey_becomes_eight_bits(tmp_path: Path, enlarge: Enlarge, depth: int) -> None:
    packed = b"".join(b"\0" + bytes([0b00011011, 0b11100100]) for _ in range(3))
    header = struct.pack(">IIBBBBB", 16 // depth, 3, depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    expected = np.asarray(look(tmp_path / "a.png").convert("L"))
    out = look(enlarge(tmp_path / "a.png"))
    assert out.mode == "L"
    np.testing.assert_array_equal(np.asarray(out), doubled(expected))


def test_profile_stays_byte_by_byte(tmp_path: Path, enlarge: Enlarge) -> None:
    Image.fromarray(noise(6, 7, 3)).save(tmp_path / "a.png", icc_profile=PROFILE)
    out = enlarge(tmp_path / "a.png")
    assert look(out).info["icc_profile"] == PROFILE
    assert dict(chunks_of(out))[b"iCCP"] == dict(chunks_of(tmp_path / "a.png"))[b"iCCP"]


def test_colour_and_text_chunks_stay_and_stale_ones_go(tmp_path: Path, enlarge: Enlarge) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Nobody")
    texts.add_itxt("Title", "Ein Bild mit Ümlaut", lang="de")
    texts.add_text("Software", "a camera")
    Image.fromarray(noise(6, 7, 3)).save(tmp_path / "a.png", pnginfo=texts)
    gamma, time, histogram = (
        chunk(b"gAMA", struct.pack(">I", 45455)),
        chunk(b"tIME", bytes(7)),
        chunk(b"sBIT", b"\5\6\5"),
    )
    with_chunks(tmp_path / "a.png", gamma, time, histogram)
    path = enlarge(tmp_path / "a.png")
    out, kinds = look(path), [kind for kind, _ in chunks_of(path)]
    assert out.info["gamma"] == pytest.approx(0.45455)
    assert out.text["Author"] == "Nobody"
    assert out.text["Title"] == "Ein Bild mit Ümlaut"
    assert "srkit" in out.text["Software"]
    assert b"tIME" not in kinds
    assert b"sBIT" not in kinds
    assert kinds.index(b"gAMA") < kinds.index(b"IDAT")


def test_a_print_keeps_its_size(tmp_path: Path, enlarge: Enlarge) -> None:
    Image.fromarray(noise(6, 7, 3)).save(tmp_path / "a.png")
    with_chunks(tmp_path / "a.png", chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)))
    out = enlarge(tmp_path / "a.png", scale="3,2")
    assert struct.unpack(">IIB", dict(chunks_of(out))[b"pHYs"]) == (23622, 17718, 1)


def test_camera_settings_are_applied_and_kept(tmp_path: Path, enlarge: Enlarge) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 8, "Model"
    pixels = noise(6, 7, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    out = look(enlarge(tmp_path / "a.png"))
    assert out.getexif()[0x0112] == 1
    assert out.getexif()[0x0110] == "Model"
    np.testing.assert_array_equal(np.asarray(out), doubled(np.rot90(pixels)))


def test_colours_under_full_transparency_stay(tmp_path: Path, enlarge: Enlarge) -> None:
    pixels = noise(6, 7, 4)
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(look(enlarge(tmp_path / "a.png"))), doubled(pixels))


def test_an_animation_is_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    frames = [Image.fromarray(noise(6, 7, 3)), Image.new("RGB", (7, 6))]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert "animated" in refusal(tmp_path / "a.png")


def test_black_and_white_is_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    Image.new("1", (7, 6)).save(tmp_path / "a.png")
    assert "1 bit" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(InputError, match="too many"):
        read_png(tmp_path / "a.png")


def test_a_small_file_that_claims_a_large_picture_is_refused(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(InputError, match="too many"):
        read_png(tmp_path / "a.png")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_refused_with_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    Image.fromarray(noise(6, 7, 3)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    position = data.draw(st.integers(8, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png"):
        read_png(tmp_path / "a.png")
