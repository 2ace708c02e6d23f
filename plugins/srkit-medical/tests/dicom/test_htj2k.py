"""High-throughput JPEG 2000: streams of OpenJPH, which no decoder of ours has part in, are read as what went in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2K, UID, HTJ2KLossless, HTJ2KLosslessRPCL
from srkit_medical.dicom.streams import claimed_size

import srkit
from srkit.errors import InputError
from srkit.grid import Window

imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs, whose OpenJPH encodes the samples, is missing")
Make = Callable[..., Path]
RPCL = b"\xff\x52\x00\x0c\x00\x02"  # COD without precincts or markers, progression 2 (ISO 15444-1, A.6.1)


def packed(syntax: UID, dtype: str = "i2", **how: Any) -> Callable[[Dataset, int], None]:
    """Return an edit by which a slice holds its samples as OpenJPH packs them."""

    def edit(dataset: Dataset, k: int) -> None:
        samples = (dataset.pixel_array + (0 if dtype == "i2" else 40)).astype(dtype)
        stream = imagecodecs.htj2k_encode(samples, **how)
        dataset.PixelRepresentation = int(dtype == "i2")
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.file_meta.TransferSyntaxUID = syntax

    return edit


def values(source: Any) -> np.ndarray:
    return source.read(Window.whole(source.grid.shape)).values[0]


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
@pytest.mark.parametrize("dtype", ["i2", "u2"])
def test_samples_are_read_as_they_were(make: Make, opened, syntax: UID, dtype: str) -> None:
    plain = values(opened(make("plain")))
    source = opened(make("packed", edit=packed(syntax, dtype)))
    np.testing.assert_array_equal(values(source), plain + (0 if dtype == "i2" else 40))


def test_a_lossy_stream_is_read_as_its_own_library_reads_it(make: Make, opened) -> None:
    loss = {"reversible": False, "level": 0.0005}
    plain = values(opened(make("plain")))
    lossy = values(opened(make("packed", edit=packed(HTJ2K, **loss))))
    judged = [imagecodecs.htj2k_decode(imagecodecs.htj2k_encode(k.astype("i2"), **loss)) for k in plain]
    assert np.abs(lossy - judged).max() <= 1, "rounding"
    assert not np.array_equal(lossy, plain)


def test_the_streams_are_what_they_are_called() -> None:
    stream = imagecodecs.htj2k_encode(np.arange(64 * 48, dtype=np.uint16).reshape(64, 48))
    assert RPCL in stream[:128]
    assert b"\xff\x50" in stream[:64], "CAP, which announces part 15 of the standard"
    assert claimed_size(stream) == (64, 48, 1)


def test_a_series_is_enlarged_exactly(make: Make, tmp_path: Path) -> None:
    plain = make("plain", kind="CT")
    srkit.upscale(make("packed", kind="CT", edit=packed(HTJ2KLossless)), tmp_path / "out", model="nearest")
    for made, source in zip(sorted((tmp_path / "out").iterdir()), sorted(plain.iterdir()), strict=True):
        np.testing.assert_array_equal(dcmread(made).pixel_array[::2, 1::2], dcmread(source).pixel_array)


def test_a_stream_that_is_cut_short_is_an_error_of_its_series(make: Make, tmp_path: Path) -> None:
    folder = make(edit=packed(HTJ2KLossless))
    dataset = dcmread(folder / "002.dcm")
    stream = imagecodecs.htj2k_encode(np.zeros((64, 64), np.int16))
    dataset.PixelData = encapsulate([stream[: len(stream) // 2]])
    dataset.save_as(folder / "002.dcm")
    with pytest.raises(InputError, match=r"002\.dcm"):
        srkit.upscale(folder, tmp_path / "out", model="nearest")
    assert not (tmp_path / "out").exists()
