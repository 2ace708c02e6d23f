import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from srkit_photo.exif import made_true, orientation_of

MAKER_NOTE = b"secret numbers of a maker" * 3


def block(*, orientation: int = 6, thumbnail: bool = True) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    exif[0x011A], exif[0x011B], exif[0x0128] = IFDRational(300, 1), IFDRational(150, 1), 2
    settings_ = exif.get_ifd(0x8769)
    settings_[0xA002], settings_[0xA003] = 40, 30
    settings_[0x9214], settings_[0x829A] = (10, 12), IFDRational(1, 250)
    settings_[0x927C] = MAKER_NOTE
    exif.get_ifd(0x8825)[2] = (IFDRational(48), IFDRational(12), IFDRational(3))
    content = exif.tobytes().removeprefix(b"Exif\0\0")
    return with_thumbnail(content) if thumbnail else content


def with_thumbnail(content: bytes) -> bytes:
    """Append a second directory with an embedded picture, as cameras do."""
    order = "<" if content[:2] == b"II" else ">"
    picture = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(picture, "JPEG")
    (first,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, first)
    result = bytearray(content + bytes(len(content) % 2))
    struct.pack_into(order + "I", result, first + 2 + 12 * count, len(result))
    start = len(result) + 2 + 24 + 4
    entries = struct.pack(order + "HHII", 0x0201, 4, 1, start)
    entries += struct.pack(order + "HHII", 0x0202, 4, 1, len(picture.getvalue()))
    return bytes(result + struct.pack(order + "H", 2) + entries + bytes(4) + picture.getvalue())


def read(content: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + content)
    return exif


def changed(content: bytes, *, swapped: bool = True) -> Image.Exif:
    return read(made_true(content, shape=(80, 90), scale=(2, 3), swapped=swapped))


def test_pixels_are_said_to_be_upright() -> None:
    assert orientation_of(block()) == 6
    assert changed(block())[0x0112] == 1


def test_sizes_are_those_of_the_output() -> None:
    settings_ = changed(block()).get_ifd(0x8769)
    assert (settings_[0xA002], settings_[0xA003]) == (90, 80)


def test_densities_grow_by_the_scale_and_turn_with_the_pixels() -> None:
    turned, straight = changed(block(), swapped=True), changed(block(), swapped=False)
    assert (float(turned[0x011A]), float(turned[0x011B])) == (150 * 3, 300 * 2)
    assert (float(straight[0x011A]), float(straight[0x011B])) == (300 * 3, 150 * 2)


def test_what_stays_true_stays() -> None:
    exif = changed(block())
    assert exif[0x010F] == "Maker"
    assert float(exif.get_ifd(0x8769)[0x829A]) == 1 / 250
    assert [float(x) for x in exif.get_ifd(0x8825)[2]] == [48, 12, 3]


def test_maker_note_stays_where_its_own_offsets_point() -> None:
    before = block()
    after = made_true(before, shape=(80, 90), scale=(2, 3))
    assert after.index(MAKER_NOTE) == before.index(MAKER_NOTE)


def test_embedded_thumbnail_and_positions_in_pixels_go() -> None:
    after = made_true(block(), shape=(80, 90), scale=(2, 3))
    assert b"\xff\xd8\xff" in block()
    assert b"\xff\xd8\xff" not in after
    assert dict(read(after).get_ifd(1)) == {}
    assert 0x9214 not in read(after).get_ifd(0x8769)


def test_a_size_beyond_16_bits_becomes_a_long_in_its_place() -> None:
    after = read(made_true(block(), shape=(70_000, 66_000), scale=(2, 2)))
    assert after.get_ifd(0x8769)[0xA002] == 66_000


@pytest.mark.parametrize("content", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"text" * 9])
def test_a_block_that_makes_no_sense_is_dropped(content: bytes) -> None:
    assert made_true(content, shape=(8, 8), scale=(2, 2)) == b""
    assert orientation_of(content) == 1


def test_a_pointer_to_nowhere_costs_nothing_but_the_thumbnail() -> None:
    content = bytearray(block(thumbnail=False))
    order = "<" if content[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, first)
    struct.pack_into(order + "I", content, first + 2 + 12 * count, 0xFFFFFF)
    assert changed(bytes(content))[0x010F] == "Maker"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_blocks_never_raise_and_keep_their_length(data: st.DataObject) -> None:
    content = bytearray(block())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    after = made_true(cut, shape=(8, 8), scale=(2, 2))
    assert len(after) in (0, len(cut))
    assert 1 <= orientation_of(cut) <= 8
