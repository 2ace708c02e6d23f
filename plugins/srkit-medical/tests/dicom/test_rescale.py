"""Slices with slopes of their own: values count, and the output keeps each within half a step of its scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from srkit_medical.dicom.inspect import inspect_series
from srkit_medical.dicom.instance import Instance, read_instance
from srkit_medical.dicom.rescale import common_rescale
from srkit_medical.dicom.storage import Layout
from srkit_medical.dicom.verify import verify_series

Make = Callable[..., Path]


def ramp(dataset: Dataset, k: int) -> None:
    """Give slice `k` a slope that no other has, as PET and Philips MR do."""
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{0.25 * (1 + k)}", "0"
    dataset.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
    dataset.add_new(0x2005100E, "FL", 0.004)


def both(dataset: Dataset, k: int) -> None:
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{1 + k}", f"{-10 * k}"


def expected_values(folder: Path) -> np.ndarray:
    """Return the volume by the formula alone."""
    from pydicom import dcmread

    datasets = [dcmread(path) for path in sorted(folder.iterdir())]
    return np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in datasets])


@pytest.mark.parametrize("edit", [ramp, both])
def test_values_are_those_of_each_slices_own_slope(make: Make, opened, edit) -> None:
    folder = make(edit=edit)
    source = opened(folder)
    values = source.read(source.extent).values[0]
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected_values(folder), rtol=1e-6)


@pytest.mark.parametrize("scale", ["2", "1,1,2"])
@pytest.mark.parametrize("edit", [ramp, both])
def test_an_output_keeps_values_within_half_a_step(make: Make, enlarge, opened, edit, scale: str) -> None:
    output = enlarge(make(edit=edit), scale)
    assert verify_series(output.source, output.folder, output.plan) == []
    again = opened(output.folder)
    steps = tuple(slice(None, None, factor) for factor in output.plan.scale)
    before = output.source.read(output.source.extent).values
    error = np.abs(again.read(again.extent).values[:, *steps] - before).max()
    assert error <= 0.5001 * output.plan.encoding.slope
    assert len({(d.RescaleSlope, d.RescaleIntercept) for d in output.datasets}) == 1


def test_what_was_said_of_the_old_slopes_goes(make: Make, enlarge) -> None:
    for dataset in enlarge(make(edit=ramp)).datasets:
        assert not any(tag.is_private for tag in dataset)
        assert "had a rescale slope each" in dataset.DerivationDescription


def test_a_wrong_slope_is_found(make: Make, enlarge) -> None:
    output = enlarge(make(edit=ramp))
    for path, dataset in zip(output.files, output.datasets, strict=True):
        dataset.RescaleSlope = "0.25"
        dataset.save_as(path)
    assert "D13" in {finding.code for finding in verify_series(output.source, output.folder, output.plan)}


def test_inspection_tells_of_it(make: Make, opened) -> None:
    assert "D13" in {finding.code for finding in inspect_series(opened(make(edit=ramp)))}


def two_scales(dataset: Dataset, k: int) -> None:
    dataset.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
    dataset.add_new(0x2005100E, "FL", 0.004 + 0.001 * (k % 2))


def test_shown_values_on_two_true_scales_are_never_mixed(make: Make, items, skipped) -> None:
    folder = make(edit=two_scales)
    assert items(folder) == []
    assert "(2005,100E)" in skipped(folder)[0].reason


def test_one_true_scale_is_kept_with_its_slope(make: Make, enlarge) -> None:
    def scaled(dataset: Dataset, k: int) -> None:
        dataset.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
        dataset.add_new(0x2005100E, "FL", 0.004)
        dataset.RescaleSlope, dataset.RescaleIntercept = "1.25", "0"

    for dataset in enlarge(make(edit=scaled)).datasets:
        assert dataset[0x2005100E].value == pytest.approx(0.004)
        assert dataset.RescaleSlope == 1.25


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """Return any instance."""
    from pydicom.data import get_testdata_file

    return read_instance(Path(str(get_testdata_file("MR_small.dcm"))))


@given(
    pairs=st.lists(st.tuples(st.floats(1e-3, 1e3), st.floats(-5e3, 5e3)), min_size=1, max_size=5),
    bits=st.integers(8, 16),
    signed=st.booleans(),
)
def test_one_scale_reaches_the_ends_of_all(
    instance: Instance, pairs: list[tuple[float, float]], bits: int, signed: bool
) -> None:
    layout = Layout(16, bits, signed)
    slices = [replace(instance, layout=layout, slope=m, intercept=b) for m, b in pairs]
    slope, intercept = common_rescale(slices)
    low, high = (end * slope + intercept for end in layout.limits)
    ends = [end * m + b for m, b in pairs for end in layout.limits]
    assert low <= min(ends) + 0.01 * slope
    assert high >= max(ends) - 0.01 * slope
