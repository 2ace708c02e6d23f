"""Series that were mixed or made consistent say so, and are other series; their maps lie where they lie."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread

import srkit


def test_every_way_of_making_has_an_identity_and_a_sentence(make: Callable[..., Path], tmp_path: Path) -> None:
    folder, found = make(), {}
    for name, ways in {"plain": {}, "mixed": {"strength": 0.5}, "agreeing": {"consistency": True}}.items():
        srkit.upscale(folder, tmp_path / name, model="nearest", **ways)
        found[name] = dcmread(next(path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()))
    assert len({dataset.SeriesInstanceUID for dataset in found.values()}) == 3
    assert "strength 0.5" in found["mixed"].DerivationDescription
    assert "consistent in 6 rounds" in found["agreeing"].DerivationDescription


@pytest.mark.parametrize("more", [{}, {"window": ":,:,1:3"}])
def test_maps_lie_where_the_series_lies(make: Callable[..., Path], tmp_path: Path, more: dict[str, str]) -> None:
    """SimpleITK reads both: the same samples at the same places of the patient."""
    folder = make()
    (result,) = srkit.upscale(folder, tmp_path / "out", scale="2,2,2", model="bicubic", maps=True, **more).results
    names = [f"{result.output.name}_{kind}.nii.gz" for kind in ("residual", "departure", "spread")]
    assert [place.name for place in result.maps] == names
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(result.output)))
    series = reader.Execute()
    (original,) = srkit.upscale(
        folder, tmp_path / "same", model="nearest", scale=2, options={"mri": {"to": "nifti"}}, **more
    ).results
    lr = np.asarray(nibabel.load(original.output).dataobj)[::2, ::2].astype(np.float64)
    for place in result.maps:
        chart = SimpleITK.ReadImage(str(place))
        assert chart.GetSize() == series.GetSize()
        for corner in ((0, 0, 0), tuple(n - 1 for n in chart.GetSize())):
            there = series.TransformPhysicalPointToIndex(chart.TransformIndexToPhysicalPoint(corner))
            back = series.TransformIndexToPhysicalPoint(there)
            np.testing.assert_allclose(back, chart.TransformIndexToPhysicalPoint(corner), atol=1e-3)
        header = nibabel.load(place).header
        assert header["intent_name"].item().decode() in place.name
        assert header["descrip"].item().decode().split()[2] in place.name
    sr = SimpleITK.GetArrayFromImage(SimpleITK.Resample(series, SimpleITK.ReadImage(str(result.maps[0]))))
    sr = sr.astype(np.float64).transpose(2, 1, 0)
    seen = sr.reshape(lr.shape[0], 2, lr.shape[1], 2, lr.shape[2], 2).mean(axis=(1, 3, 5))
    known = np.asarray(nibabel.load(result.maps[0]).dataobj, np.float64)
    known = known.reshape(lr.shape[0], 2, lr.shape[1], 2, lr.shape[2], 2).mean(axis=(1, 3, 5))
    assert np.corrcoef(known.ravel(), (lr - seen).ravel())[0, 1] > 0.9
