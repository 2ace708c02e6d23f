"""Shares of a compressed volume that several runs make are joined to the bytes of one run; kills lose no slab."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import srkit

MORE: dict[str, Any] = {"model": "bspline", "scale": "2,2,2", "domain": "mri"}


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("srkit_medical.nifti.source.SLAB_SAMPLES", 3000)
    values = np.random.default_rng(3).integers(0, 900, (24, 20, 14, 2), dtype=np.int16)
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 3.0, 1.0])), path)
    return path


def test_three_shards_become_the_bytes_of_the_whole(volume: Path, tmp_path: Path) -> None:
    srkit.upscale(volume, tmp_path / "whole.nii.gz", **MORE)
    for number in (2, 1, 3):
        srkit.upscale(volume, tmp_path / "joined.nii.gz", shard=f"{number}/3", **MORE)
    srkit.merge(tmp_path / "joined.nii.gz")
    assert (tmp_path / "joined.nii.gz").read_bytes() == (tmp_path / "whole.nii.gz").read_bytes()


def test_the_compressed_file_unpacks_to_the_plain_one_anywhere(volume: Path, tmp_path: Path) -> None:
    """Packed by isal, judged by zlib."""
    plain = tmp_path / "a.nii"
    plain.write_bytes(gzip.decompress(volume.read_bytes()))
    for path, name in ((volume, "b.nii.gz"), (plain, "b.nii")):
        srkit.upscale(path, tmp_path / name, **MORE)
    assert gzip.decompress((tmp_path / "b.nii.gz").read_bytes()) == (tmp_path / "b.nii").read_bytes()
