"""Reading: stored samples, rescaled once, with padding told from data."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import MPEG2MPML, DeflatedExplicitVRLittleEndian
from srkit_medical.dicom.source import open_series

import srkit
from srkit.domain import Item
from srkit.errors import InputError
from srkit.grid import Window

Make = Callable[..., Path]


def test_values_are_hounsfield_units(make: Make, opened) -> None:
    source = opened(make(kind="CT"))
    stored = dcmread(source.series.frames[0][2].path).pixel_array
    values = source.read(Window((2, 0, 0), (3, 128, 128))).values
    np.testing.assert_array_equal(values[0, 0], stored - 1024.0)
    assert source.encoding.dtype == np.int16
    assert (source.encoding.slope, source.encoding.intercept) == (1.0, -1024.0)


def test_a_lone_intercept_counts(make: Make, opened) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.RescaleIntercept = "-10"

    source = opened(make(edit=edit))
    stored = dcmread(source.series.first.path).pixel_array
    np.testing.assert_array_equal(source.read(Window((0, 0, 0), (1, 64, 64))).values[0, 0], stored - 10.0)


def test_an_empty_slope_is_one(make: Make, opened) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = "", "5"

    assert opened(make(edit=edit)).encoding.slope == 1.0


def test_bits_above_those_stored_are_no_value(make: Make, opened) -> None:
    clean = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)

    def dirty(dataset: Dataset, k: int) -> None:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0
        del dataset["SmallestImagePixelValue"], dataset["LargestImagePixelValue"]
        dataset.PixelData = (clean | 0xA000).tobytes()

    source = opened(make(edit=dirty))
    np.testing.assert_array_equal(source.read(Window((1, 0, 0), (2, 64, 64))).values[0, 0], clean)


def test_padding_is_told_in_stored_values(make: Make, opened) -> None:
    def padded(dataset: Dataset, k: int) -> None:
        samples = dataset.pixel_array.copy()
        samples[:5] = -2000
        dataset.PixelData = samples.tobytes()

    source = opened(make(kind="CT", edit=padded))
    block = source.read(source.extent)
    assert source.encoding.nodata == (-2000.0,)
    assert block.valid is not None
    assert not block.valid[0, :, :5].any()
    assert block.valid[0, :, 5:].all()


def test_a_range_of_padding_is_told(make: Make, opened) -> None:
    def padded(dataset: Dataset, k: int) -> None:
        dataset.add_new("PixelPaddingValue", "SS", 0)
        dataset.add_new("PixelPaddingRangeLimit", "SS", 300)

    source = opened(make(edit=padded))
    block = source.read(source.extent)
    np.testing.assert_array_equal(block.valid, (block.values < 0) | (block.values > 300))


def test_a_filler_around_a_scan_circle_is_padding_though_nothing_says_so(make: Make, opened) -> None:
    row, column = np.mgrid[:128, :128] - 63.5
    outside = row**2 + column**2 > 62**2

    def filled(dataset: Dataset, k: int) -> None:
        del dataset["PixelPaddingValue"]
        samples = dataset.pixel_array.copy()
        samples[outside] = -2048
        samples[64, 64] = -2000  # metal artefact inside: a value, not padding
        dataset.PixelData = samples.tobytes()

    source = opened(make(kind="CT", edit=filled))
    np.testing.assert_array_equal(source.read(source.extent).valid[0], np.broadcast_to(~outside, (6, 128, 128)))


def test_padding_comes_out_as_it_went_in_and_shines_into_nothing(make: Make, opened, tmp_path: Path) -> None:
    row, column = np.mgrid[:128, :128] - 63.5
    outside = row**2 + column**2 > 50**2

    def ringed(dataset: Dataset, k: int) -> None:
        samples = np.full((128, 128), 1024, dtype="<i2")  # 0 HU
        samples[outside] = -2000
        dataset.PixelData = samples.tobytes()

    srkit.upscale(make(kind="CT", count=2, edit=ringed), tmp_path / "out", scale=2, model="lanczos")
    again = opened(tmp_path / "out")
    block = again.read(again.extent)
    ring = np.broadcast_to(outside.repeat(2, 0).repeat(2, 1), (2, 256, 256))
    np.testing.assert_array_equal(block.valid[0], ~ring)
    assert np.unique(block.values[0][ring]) == [-3024]  # -2000 as stored
    assert np.unique(block.values[0][~ring]) == [0]


@pytest.mark.parametrize(
    "name",
    ["MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm",
     "MR_small_jpeg_ls_lossless.dcm"],
)  # fmt: skip
def test_every_encoding_holds_the_same_slice(name: str) -> None:
    def read(file: str) -> np.ndarray:
        source = open_series(Item((Path(str(get_testdata_file(file))),), "mri"), {})
        return source.read(source.extent).values

    np.testing.assert_array_equal(read(name), read("MR_small.dcm"))


def test_a_deflated_series_holds_the_same_samples_and_one_cut_short_fails(make: Make, opened, skipped) -> None:
    def deflated(dataset: Dataset, k: int) -> None:
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    plain, packed = opened(make("plain")), opened(make("packed", edit=deflated))
    np.testing.assert_array_equal(packed.read(packed.extent).values, plain.read(plain.extent).values)
    path = packed.series.first.path
    assert path.stat().st_size < plain.series.first.path.stat().st_size
    path.write_bytes(path.read_bytes()[:-300])
    assert [(entry.path, entry.failed) for entry in skipped(path.parent)] == [(path, True)]


def test_a_deflated_bomb_is_not_inflated(make: Make, skipped) -> None:
    def deflated(dataset: Dataset, k: int) -> None:
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.PixelData = b"\0" * (80 << 20)

    folder = make(count=1, edit=deflated)
    (entry,) = skipped(folder)
    assert entry.path.stat().st_size < 1 << 20
    assert "not inflated" in entry.reason


WITHOUT_GDCM = """
import sys
sys.modules["gdcm"] = None
from pydicom.uid import JPEGLosslessSV1
from srkit.errors import MissingRequirementError
from srkit_medical.dicom.pixels import require_decoder
try:
    require_decoder(JPEGLosslessSV1)
except MissingRequirementError as error:
    print(error)
"""


def test_a_missing_decoder_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_GDCM], capture_output=True, text=True, check=True)
    assert re.search(r"JPEG Lossless.*srkit-medical\[codecs\]", done.stdout)


def test_a_film_is_refused_before_any_work(make: Make, items) -> None:
    folder = make(count=1)
    dataset = dcmread(folder / "000.dcm")
    dataset.file_meta.TransferSyntaxUID = MPEG2MPML
    dataset.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00\xff\xd8\xff\xd9"
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(folder / "000.dcm")
    (item,) = items(folder)
    with pytest.raises(InputError, match=r"MPEG2.*convert"):
        open_series(item, {})


def test_windows_agree_with_the_whole(make: Make, opened) -> None:
    source = opened(make(kind="CT"))
    whole = source.read(source.extent).values
    part = source.read(Window((1, 10, 20), (4, 30, 25))).values
    np.testing.assert_array_equal(part, whole[:, 1:4, 10:30, 20:25])


def test_a_file_that_broke_since_its_discovery_is_named(make: Make, items) -> None:
    (item,) = items(make())
    item.paths[3].write_bytes(b"")
    with pytest.raises(InputError, match=r"003\.dcm"):
        open_series(item, {})
