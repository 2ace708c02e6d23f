"""`--fill`: slices that are missing are interpolated on request alone, and everything says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from srkit_medical.dicom.geometry import Plane, holes_of
from srkit_medical.dicom.inspect import inspect_series
from srkit_medical.dicom.verify import verify_series

import srkit
from srkit.errors import SrkitError
from srkit.grid import Window

Make = Callable[..., Path]
SHEARED = (0.6, -0.8, 4.8)


@pytest.fixture
def holed(make: Make) -> Callable[..., Path]:
    """Return a function that makes six slices without some of them; slice `k` holds ``100 * k`` in every sample."""

    def _make(*gone: int, **fields: Any) -> Path:
        def flat(dataset: Dataset, k: int) -> None:
            dataset.PixelData = np.full(dataset.pixel_array.shape, 100 * k, dataset.pixel_array.dtype).tobytes()

        folder = make(**{"edit": flat, **fields})
        for k in gone:
            (folder / f"{k:03d}.dcm").unlink()
        return folder

    return _make


def values(source: Any) -> np.ndarray:
    return source.read(Window.whole(source.grid.shape)).values[0]


def test_without_it_slices_are_not_scaled_and_each_keeps_its_place(holed, opened, enlarge) -> None:
    folder = holed(2)
    source = opened(folder)
    assert source.grid.shape[0] == 5
    assert source.fixed_axes == {0: "slices are missing: 1 of them, the first after slice 2"}
    assert any("--fill" in finding.text for finding in inspect_series(source))
    with pytest.raises(SrkitError, match="the first after slice 2"):
        srkit.upscale(folder, folder.parent / "refused", model="nearest", scale="1,1,2")
    positions = [d.ImagePositionPatient[2] for d in enlarge(folder).datasets]
    assert [round(p - positions[0], 6) for p in positions] == [0, 5, 15, 20, 25]


def test_a_slice_between_others_is_their_mean_in_its_place(holed, opened) -> None:
    source = opened(holed(2), fill=True)
    assert source.fixed_axes == {}
    assert source.grid.shape[0] == 6
    np.testing.assert_allclose(values(source)[:, 3, 4], [0, 100, 200, 300, 400, 500])
    whole = opened(holed(folder="whole"))
    np.testing.assert_allclose(source.grid.affine, whole.grid.affine, atol=1e-6)


def test_a_hole_of_two_is_filled_in_steps(holed, opened) -> None:
    np.testing.assert_allclose(values(opened(holed(2, 3), fill=True))[:, 0, 0], [0, 100, 200, 300, 400, 500])


def test_an_output_says_which_slices_nobody_saw(holed, enlarge) -> None:
    output = enlarge(holed(2), fill=True)
    assert verify_series(output.source, output.folder, output.plan) == []
    assert len(output.datasets) == 6
    texts = [dataset.DerivationDescription for dataset in output.datasets]
    assert all("slices missing in each volume and interpolated between neighbours: 1" in t for t in texts)
    assert ["this slice lies where one was missing" in text for text in texts] == [k == 2 for k in range(6)]
    made = output.datasets[2]
    assert len(made.SourceImageSequence) == 2, "both neighbours, and not a slice that never was"
    assert float(made.SliceLocation) == 20
    assert len({dataset.SOPInstanceUID for dataset in output.datasets}) == 6
    (finding,) = [finding for finding in inspect_series(output.source) if finding.code == "D5"]
    assert finding.level == "warning"


def test_through_the_whole_tool_with_slices_scaled(holed, tmp_path: Path) -> None:
    options = {"mri": {"fill": True}}
    report = srkit.upscale(holed(2), tmp_path / "out", model="nearest", scale="1,1,2", options=options, manifest=True)
    (result,) = report.results
    assert result.status == "done"
    assert [finding.code for finding in result.findings if finding.level == "warning"] == ["D5"]
    datasets = [dcmread(path) for path in sorted((tmp_path / "out").glob("*.dcm"))]
    np.testing.assert_array_equal([d.pixel_array[0, 0] for d in datasets], np.repeat(100 * np.arange(6), 2))
    steps = np.diff([d.ImagePositionPatient[2] for d in datasets])
    np.testing.assert_allclose(steps, 2.5)


def test_a_nifti_volume_may_be_made_of_it(holed, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    options = {"mri": {"fill": True, "to": "nifti"}}
    srkit.upscale(holed(2), tmp_path / "out", model="nearest", options=options)
    (path,) = tmp_path.glob("out/*.nii.gz")
    np.testing.assert_array_equal(nibabel.load(path).get_fdata()[0, 0], 100 * np.arange(6))


def test_padding_is_not_mixed_with_anatomy(holed, opened) -> None:
    def ring(dataset: Dataset, k: int) -> None:
        stored = np.full(dataset.pixel_array.shape, 1000 + 10 * k, dataset.pixel_array.dtype)
        stored[: 4 + 4 * (k == 3)] = -2000
        dataset.PixelRepresentation, dataset.PixelPaddingValue = 1, -2000
        dataset.PixelData = stored.astype(np.int16).tobytes()

    source = opened(holed(2, kind="CT", edit=ring), fill=True)
    block = source.read(Window.whole(source.grid.shape))
    assert set(np.unique(block.values[0, 2]) - source.encoding.intercept) == {-2000, 1020}
    assert block.valid is not None
    np.testing.assert_array_equal(block.valid[0, 2, :, 0], np.arange(block.valid.shape[2]) >= 8)


def test_uneven_steps_are_not_filled(make: Make, opened) -> None:
    def uneven(dataset: Dataset, k: int) -> None:
        dataset.ImagePositionPatient = [0, 0, 5 * k + 2.5 * (k > 3)]

    source = opened(make(edit=uneven), fill=True)
    assert source.grid.shape[0] == 6
    assert "unevenly" in source.fixed_axes[0]


def test_a_tilted_stack_is_filled_along_its_tilt_and_stays_unscaled(holed, opened) -> None:
    source = opened(holed(2, step=SHEARED), fill=True)
    assert source.grid.shape[0] == 6
    assert "tilt" in source.fixed_axes[0]
    np.testing.assert_allclose(source.grid.affine[:3, 0], SHEARED, atol=1e-6)


def test_several_volumes_are_filled_alike(holed, make: Make, opened) -> None:
    def at_time(t: int) -> Callable[[Dataset, int], None]:
        def edit(dataset: Dataset, k: int) -> None:
            dataset.TemporalPositionIdentifier, dataset.SOPInstanceUID = t, f"1.2.{t + 1}.{k + 1}"
            dataset.PixelData = np.full(dataset.pixel_array.shape, 100 * k + t, np.int16).tobytes()

        return edit

    holed(2, edit=at_time(0))
    folder = make(edit=at_time(1), names=lambda k: f"t{k}.dcm")
    (folder / "t2.dcm").unlink()
    source = opened(folder, fill=True)
    assert (source.frames, source.grid.shape[0]) == (2, 6)
    assert source.read(Window.whole(source.grid.shape), 1).values[0, 2, 0, 0] == 201


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(3, 30),
    gone=st.sets(st.integers(1, 28), max_size=6),
    step=st.floats(0.3, 9),
    jitter=st.floats(-0.004, 0.004),
)
def test_holes_are_counted_whatever_the_step(count: int, gone: set[int], step: float, jitter: float) -> None:
    kept = [k for k in range(count) if k not in gone or k == count - 1]
    if min(np.diff(kept), default=2) > 1:
        return  # nothing says what the step was
    places = [step * (k + jitter * (-1) ** k) for k in kept]
    planes = [Plane(np.array([0, 0, z]), np.eye(3)[0], np.eye(3)[1], (1, 1)) for z in places]
    assert holes_of(planes) == [int(step) - 1 for step in np.diff(kept)]
