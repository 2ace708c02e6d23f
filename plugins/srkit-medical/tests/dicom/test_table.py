"""Samples that a table maps to values: values are read, and stored as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import apply_modality_lut, pixel_array
from srkit_medical.dicom.inspect import inspect_series
from srkit_medical.dicom.verify import verify_series

import srkit

Make = Callable[..., Path]


def by_table(dataset: Dataset, k: int) -> None:
    """Map samples from -20 on by a table of the slice's own; what lies outside of it has the value of an end."""
    for keyword in ("RescaleSlope", "RescaleIntercept", "PixelPaddingValue"):
        dataset.pop(keyword, None)
    entries = (np.arange(3000) ** 2 // 150 + k).astype("<u2")
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [len(entries), -20, 16])
    item.add_new("LUTData", "OW", entries.tobytes())
    item.ModalityLUTType = "US"
    dataset.ModalityLUTSequence = [item]


@pytest.fixture
def folder(make: Make) -> Path:
    return make(kind="CT", edit=by_table)


def test_values_are_those_of_the_table(folder: Path, opened) -> None:
    source = opened(folder)
    values = source.read(source.extent).values[0]
    for k, instance in enumerate(source.series.frames[0]):
        expected = apply_modality_lut(pixel_array(instance.path, raw=True), dcmread(instance.path))
        np.testing.assert_array_equal(values[k], expected)
    assert len(np.unique(values)) > 100
    assert "D14" in {finding.code for finding in inspect_series(source)}


def test_an_output_stores_values_and_has_no_table(folder: Path, opened, tmp_path: Path) -> None:
    (result,) = srkit.upscale(folder, tmp_path / "out", scale=2, model="nearest").results
    assert result.status == "done"
    before, after = opened(folder), opened(tmp_path / "out")
    doubled = before.read(before.extent).values.repeat(2, 2).repeat(2, 3)
    np.testing.assert_array_equal(after.read(after.extent).values, doubled)
    dataset = dcmread(tmp_path / "out" / "0001.dcm")
    assert "ModalityLUTSequence" not in dataset
    assert (dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType) == (1, 0, "US")
    assert (dataset.BitsStored, dataset.PixelRepresentation) == (16, 0)


def test_a_table_left_behind_is_found(folder: Path, enlarge) -> None:
    output = enlarge(folder)
    assert verify_series(output.source, output.folder, output.plan) == []
    dataset = dcmread(output.files[0])
    dataset.ModalityLUTSequence = dcmread(folder / "000.dcm").ModalityLUTSequence
    dataset.save_as(output.files[0])
    assert "D14" in {finding.code for finding in verify_series(output.source, output.folder, output.plan)}


def _padded(dataset: Dataset) -> None:
    dataset.add_new("PixelPaddingValue", "SS", -2000)


def _without_data(dataset: Dataset) -> None:
    del dataset.ModalityLUTSequence[0].LUTData


@pytest.mark.parametrize(("spoil", "words"), [(_padded, "padding"), (_without_data, "read")])
def test_a_table_that_cannot_be_used_refuses_the_series(
    make: Make, items, skipped, spoil: Callable[[Dataset], None], words: str
) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        by_table(dataset, k)
        spoil(dataset)

    folder = make(kind="CT", edit=edit)
    assert items(folder) == []
    assert all(entry.failed and "table" in entry.reason and words in entry.reason for entry in skipped(folder))


def test_an_empty_sequence_is_no_table(make: Make, enlarge) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.ModalityLUTSequence = []

    output = enlarge(make(kind="CT", edit=edit))
    assert output.source.encoding.intercept == -1024
    assert verify_series(output.source, output.folder, output.plan) == []
