"""Broken and hostile headers are refused with a sentence, before anything is allocated."""

from __future__ import annotations

import contextlib
import gzip
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from srkit_medical.nifti.header import read_header
from srkit_medical.nifti.inspect import inspect_file
from srkit_medical.nifti.source import NiftiSource

from srkit.errors import InputError
from srkit.grid import Window

FUZZED = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
Make = Callable[..., Path]
Open = Callable[..., NiftiSource]
DIM, DATATYPE, PIXDIM, VOX_OFFSET, SLOPE, SFORM = 40, 70, 76, 108, 112, 280


def patched(path: Path, offset: int, code: str, *numbers: float) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(f"<{len(numbers)}{code}", data, offset, *numbers)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("offset", "code", "numbers", "word"),
    [
        (DIM, "h", (3, -6), "axes of length"),
        (DIM, "h", (0,), "axes of length"),
        (DIM, "h", (9,), "axes of length"),
        (DIM, "h", (1,), "one axis"),
        (DIM, "h", (3, 32767, 32767, 32767), "cut short"),
        (DIM, "h", (5, 6, 7, 5, 1, 3), "more than four axes"),
        (DATATYPE, "h", (17,), "unknown data type"),
        (DATATYPE, "h", (1,), "single bits"),
        (DATATYPE, "h", (1536,), "128"),
        (DATATYPE, "h", (2048,), "128|complex"),
        (PIXDIM + 4, "f", (0.0,), "voxels of size"),
        (PIXDIM + 8, "f", (float("nan"),), "voxels of size"),
        (VOX_OFFSET, "f", (20.0,), "start at byte"),
        (VOX_OFFSET, "f", (float("nan"),), "start at byte"),
        (VOX_OFFSET, "f", (2e9,), "start at byte"),
        (SLOPE, "f", (2.0, float("inf")), "scl_inter"),
        (SFORM, "f", (float("nan"),), "no numbers"),
        (SFORM, "f", (0.0,) * 12, "singular"),
        (SFORM, "f", (1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0), "singular"),
    ],
)
def test_impossible_headers_are_refused(
    make: Make, opened: Open, offset: int, code: str, numbers: tuple[float, ...], word: str
) -> None:
    path = patched(make("a.nii"), offset, code, *numbers)
    with pytest.raises(InputError, match=word) as caught:
        opened(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_voxels_that_no_float_holds_are_refused(make: Make, opened: Open, dtype: Any) -> None:
    image = nibabel.Nifti1Image(np.ones((4, 5, 3), dtype), np.eye(4), dtype=dtype)
    path = make("a.nii")
    nibabel.save(image, path)
    with pytest.raises(InputError, match="first"):
        opened(path)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_64_bit_integers_that_fit_are_32_bits_wide(make: Make, opened: Open, dtype: Any) -> None:
    data = np.arange(60, dtype=dtype).reshape(4, 5, 3) + dtype(2**31 - 60)
    path = make("a.nii")
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4), dtype=dtype), path)
    source = opened(path)
    assert source.encoding.dtype == np.int32
    np.testing.assert_array_equal(source.encoding.encode(source.read(source.extent).values)[0], data)


@pytest.mark.parametrize(("dtype", "number"), [(np.int64, -(2**31) - 1), (np.int64, 2**31), (np.uint64, 2**63)])
def test_64_bit_integers_that_do_not_fit_are_refused(make: Make, opened: Open, dtype: Any, number: int) -> None:
    data = np.zeros((4, 5, 3), dtype)
    data[1, 2, 1] = number
    path = make("a.nii")
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4), dtype=dtype), path)
    with pytest.raises(InputError, match="too large"):
        opened(path)


def test_colours_are_refused(make: Make, opened: Open) -> None:
    rgb = np.zeros((4, 5, 3), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    with pytest.raises(InputError, match="colours"):
        opened(make("a.nii", rgb))


def test_vectors_are_refused_by_their_intent(make: Make, opened: Open) -> None:
    with pytest.raises(InputError, match="vectors"):
        opened(make("a.nii", edit=lambda image: image.header.set_intent("vector")))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz", "a.mgh"])
@pytest.mark.parametrize("kept", [0.2, 0.7, 0.99])
def test_files_that_were_cut_are_refused(make: Make, opened: Open, name: str, kept: float) -> None:
    klass = nibabel.MGHImage if "mg" in name else nibabel.Nifti1Image
    data = np.random.default_rng(0).integers(0, 2000, (30, 40, 20)).astype(np.int16)
    path = make(name, data, klass=klass)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(InputError):
        opened(path)


def test_flipped_bit_in_the_packed_voxels_is_noticed(make: Make, opened: Open) -> None:
    path = make("a.nii.gz", np.random.default_rng(0).integers(0, 2000, (30, 40, 20)).astype(np.int16))
    data = bytearray(path.read_bytes())
    data[-6] ^= 0x10  # in the checksum
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        opened(path)


def test_claim_beyond_what_gzip_can_pack_is_refused_at_once(make: Make) -> None:
    path = make("a.nii")
    patched(path, DIM, "h", 3, 30000, 30000, 30000)
    packed = path.with_name("bomb.nii.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError, match="claims"):
        read_header(packed)


def test_stream_longer_than_its_header_says_is_not_unpacked(make: Make, opened: Open) -> None:
    path = make("a.nii")
    bomb = path.with_name("bomb.nii.gz")
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        file.write(path.read_bytes())
        for _ in range(64):
            file.write(bytes(1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_oublock
    source = opened(bomb)
    assert source.grid.shape == (6, 7, 5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_oublock - before < 16 << 11  # 512-byte blocks: 16 MiB


def test_extension_that_claims_too_much_is_left_out(make: Make, opened: Open) -> None:
    path = make("a.nii")
    data = path.read_bytes()
    lie = b"\1\0\0\0" + struct.pack("<2i", 2**31 - 16, 6) + bytes(8)
    path.write_bytes(data[:348] + lie + bytes(12) + data[352:])
    patched(path, VOX_OFFSET, "f", 352.0 + len(lie) + 8)
    source = opened(path)
    assert source.header.extensions == ()
    assert source.read(Window.whole(source.grid.shape)).values.shape == (1, 6, 7, 5)


def test_negative_voxel_sizes_are_taken_as_positive(make: Make, opened: Open) -> None:
    source = opened(patched(make("a.nii", affine=np.diag([2.0, 3, 4, 1])), PIXDIM + 4, "f", -2.0))
    assert source.grid.spacing == (2, 3, 4)


def test_voxel_sizes_that_are_missing_from_flat_axes_do_no_harm(make: Make, opened: Open) -> None:
    path = make("a.nii", np.ones((5, 6), np.int16), np.diag([2.0, 3, 4, 1]))
    assert opened(patched(path, PIXDIM + 12, "f", 0.0)).grid.spacing == (2, 3)


def test_mgh_without_geometry_is_refused(make: Make, opened: Open) -> None:
    path = make("a.mgh", klass=nibabel.MGHImage)
    data = bytearray(path.read_bytes())
    data[28:30] = b"\0\0"
    path.write_bytes(data)
    with pytest.raises(InputError, match="goodRASFlag"):
        opened(path)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, on numbers near the end of their range
@FUZZED
@given(
    name=st.sampled_from(["a.nii", "a.nii.gz", "b.nii", "a.mgh"]),
    changes=st.lists(st.tuples(st.integers(0, 360), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_any_bytes_in_the_header_are_read_or_refused(
    make: Make, opened: Open, name: str, changes: list[tuple[int, int]]
) -> None:
    klass = {"a.mgh": nibabel.MGHImage, "b.nii": nibabel.Nifti2Image}.get(name, nibabel.Nifti1Image)
    path = make(name, klass=klass)
    packed = name.endswith(".gz")
    data = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    for offset, value in changes:
        data[offset] = value
    path.write_bytes(gzip.compress(bytes(data), 1) if packed else bytes(data))
    with contextlib.suppress(InputError):  # anything else is a fault of ours
        source = opened(path)
        source.read(source.extent)
        inspect_file(source)
        source.close()
