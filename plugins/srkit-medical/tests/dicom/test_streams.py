"""Compressed streams that claim more than their header: nothing is decoded, and no memory taken."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from srkit_medical.dicom.streams import claimed_size

import srkit
from srkit.errors import InputError

JPEG_2000, JPEG_LS = "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"
PLACES = {JPEG_2000: (b"\xff\x51", 6, 4), JPEG_LS: (b"\xff\xf7", 5, 2)}
"""Of each stream: the marker before its size, how far behind the marker that lies, and how wide a number is."""


def frame_of(name: str) -> bytes:
    dataset = dcmread(str(get_testdata_file(name)))
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def claiming(name: str, rows: int, columns: int) -> bytes:
    marker, offset, width = PLACES[name]
    frame = bytearray(frame_of(name))
    at = frame.index(marker) + offset
    sizes = (columns, rows) if name == JPEG_2000 else (rows, columns)
    frame[at : at + 2 * width] = b"".join(size.to_bytes(width, "big") for size in sizes)
    return bytes(frame)


@pytest.mark.parametrize("name", PLACES)
def test_a_stream_says_how_large_it_is(name: str) -> None:
    assert claimed_size(frame_of(name)) == (64, 64, 1)
    assert claimed_size(claiming(name, 300, 7)) == (300, 7, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("JPGExtended.dcm", (1024, 256, 1)), ("SC_rgb_jpeg_gdcm.dcm", (100, 100, 3))],
)
def test_every_kind_of_jpeg_is_understood(name: str, expected: tuple[int, int, int]) -> None:
    assert claimed_size(frame_of(name)) == expected


def test_other_streams_say_nothing_and_broken_ones_are_refused() -> None:
    assert claimed_size(frame_of("MR_small_RLE.dcm")) is None
    with pytest.raises(ValueError, match="how large"):
        claimed_size(b"\xff\xd8\xff\xd9")


@pytest.mark.parametrize("name", PLACES)
def test_a_claim_beyond_the_header_is_an_error_of_its_file_before_any_decoder(
    name: str, tmp_path: Path, opened
) -> None:
    """CharLS ends the process at 65535 x 65535 samples; OpenJPEG takes gigabytes."""
    dataset = dcmread(str(get_testdata_file(name)))
    dataset.PixelData = encapsulate([claiming(name, 65535, 65535)])
    dataset.save_as(tmp_path / "bomb.dcm")
    source = opened(tmp_path)
    with pytest.raises(InputError, match="cannot be decoded"):
        source.read(source.extent)


def run_lengths(rows: int, columns: int, more: int) -> bytes:
    """Return an RLE frame of 16 bits whose segments hold `more` runs than there are samples (PS3.5, G)."""
    segment = bytes([129, 7]) * (rows * columns // 128 + more)
    return struct.pack("<16L", 2, 64, 64 + len(segment), *[0] * 13) + segment + segment


@pytest.mark.parametrize("more", [-3, 1, 40])
def test_a_run_that_is_too_long_costs_its_file_and_not_the_batch(tmp_path: Path, more: int) -> None:
    """The decoder, which is written in Rust, panics: that is no Exception."""
    dataset = dcmread(str(get_testdata_file("MR_small_RLE.dcm")))
    (tmp_path / "in" / "good").mkdir(parents=True)
    dataset.save_as(tmp_path / "in" / "good" / "1.dcm")
    dataset.PixelData = encapsulate([run_lengths(64, 64, more)])
    dataset.SOPInstanceUID = dataset.SeriesInstanceUID = "1.2.3"
    (tmp_path / "in" / "bad").mkdir()
    dataset.save_as(tmp_path / "in" / "bad" / "1.dcm")
    report = srkit.upscale(tmp_path / "in", tmp_path / "out", model="nearest")
    told = {result.path.parent.name: (result.status, result.exit_code) for result in report.results}
    assert told == {"bad": ("failed", 4), "good": ("done", 0)}
