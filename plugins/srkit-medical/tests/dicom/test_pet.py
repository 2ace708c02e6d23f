"""PET series: a slope for each slice in, one that reaches all out; counts of slices that stay true; activity kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from srkit_medical.activity import activity, verify_activity
from srkit_medical.dicom.uids import uid_of
from srkit_medical.dicom.verify import verify_series

import srkit
from srkit.upscaling import upscale

Make = Callable[..., Path]
PET_STORAGE = "1.2.840.10008.5.1.4.1.1.128"


def as_pet(dataset: Dataset, k: int) -> None:
    """Turn a slice into one of a PET series, on the scale that its own maximum asks for."""
    pixels = np.clip(dataset.pixel_array, 0, None) * (1.0 + k)
    slope = float(f"{pixels.max() / 32767:.8g}")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = PET_STORAGE
    dataset.Modality, dataset.Units, dataset.SeriesType = "PT", "BQML", ["STATIC", "IMAGE"]
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.CountsSource, dataset.CorrectedImage, dataset.DecayCorrection = "EMISSION", ["DECY", "ATTN"], "START"
    dataset.NumberOfSlices, dataset.ImageIndex = 6, k + 1
    dataset.FrameReferenceTime, dataset.DecayFactor = 1000.0, f"{1 + k / 100}"
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.10g}", "0"
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 15, 1
    dataset.PixelData = np.rint(pixels / slope).astype("<i2").tobytes()
    for keyword in ("KVP", "SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue"):
        if keyword in dataset:
            del dataset[keyword]


@pytest.fixture
def series(make: Make) -> Path:
    return make(kind="CT", edit=as_pet)


def test_the_domain_is_pet(series: Path, items, opened) -> None:
    (item,) = items(series)
    source = opened(series)
    assert (item.domain, item.certainty, source.channels[0].name) == ("pet", "sure", "activity")


@pytest.mark.parametrize(("scale", "count"), [("2", 6), ("1,1,2", 12), ("2,2,3", 18)])
def test_counts_of_slices_stay_true(series: Path, enlarge, scale: str, count: int) -> None:
    output = enlarge(series, scale)
    assert verify_series(output.source, output.folder, output.plan) == []
    assert {d.NumberOfSlices for d in output.datasets} == {count}
    assert [d.ImageIndex for d in output.datasets] == list(range(1, count + 1))
    assert {float(d.RescaleIntercept) for d in output.datasets} == {0}
    assert {d.Units for d in output.datasets} == {"BQML"}


def test_activity_and_decay_are_those_of_the_source(series: Path, enlarge) -> None:
    output = enlarge(series, "2")
    assert verify_activity(output.source, output.folder, {}) == []
    assert [float(d.DecayFactor) for d in output.datasets] == [1 + k / 100 for k in range(6)]


def test_a_slope_that_was_not_written_is_found_by_the_activity(series: Path, enlarge) -> None:
    output = enlarge(series, "2")
    for path in output.files:
        dataset = dcmread(path)
        dataset.RescaleSlope = f"{1.05 * float(dataset.RescaleSlope):.10g}"
        dataset.save_as(path)
    (finding,) = verify_activity(output.source, output.folder, {})
    assert finding.code == "I4"


@pytest.mark.parametrize("model", ["bicubic", "lanczos"])
def test_simpleitk_sees_the_same_activity_in_the_same_box(series: Path, tmp_path: Path, model: str) -> None:
    report = upscale(series, tmp_path / "out", scale="2,2,2", model=model)
    assert (report.exit_code, report.results[0].domain) == (0, "pet")
    before, after = (_read(folder) for folder in (series, tmp_path / "out"))
    total = [
        SimpleITK.GetArrayFromImage(image).sum(dtype=float) * np.prod(image.GetSpacing()) for image in (before, after)
    ]
    assert total[1] == pytest.approx(total[0], rel=0.01)
    ends = [image.TransformContinuousIndexToPhysicalPoint([-0.5] * 3) for image in (before, after)]
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-4)


def _read(folder: Path) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def test_dciodvfy_finds_no_error_that_the_source_has_not(series: Path, tmp_path: Path, run_judge) -> None:
    upscale(series, tmp_path / "out", scale="2,2,2", model="bicubic")
    before, after = (
        {line for path in sorted(folder.iterdir()) for line in run_judge("dciodvfy", "-new", path).splitlines()}
        for folder in (series, tmp_path / "out")
    )
    assert {line for line in after - before if line.startswith("Error")} == set()


@pytest.mark.parametrize("name", ["acrin_1.dcm", "acrin_2.dcm", "GH184.dcm"])
def test_real_slices_are_enlarged_with_their_activity(real: Path, tmp_path: Path, name: str, opened) -> None:
    before = real / "pet" / name
    upscale(before, tmp_path / "out", scale=2, model="bicubic")
    total = [activity(opened(folder), 0)[0] for folder in (before, tmp_path / "out")]
    assert total[1] == pytest.approx(total[0], rel=0.01)


@pytest.fixture
def enhanced(make: Make, tmp_path: Path) -> Path:
    """Return a folder with a classic PET series that highdicom turned into one Enhanced object."""
    highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")

    def in_space(dataset: Dataset, k: int) -> None:
        as_pet(dataset, k)
        dataset.FrameOfReferenceUID = uid_of("frame")

    classic = make("classic", kind="CT", edit=in_space)
    (tmp_path / "enhanced").mkdir()
    highdicom.legacy.LegacyConvertedEnhancedPETImage(
        legacy_datasets=[dcmread(path) for path in sorted(classic.iterdir())],
        series_instance_uid=uid_of("enhanced series"),
        series_number=5,
        sop_instance_uid=uid_of("enhanced"),
        instance_number=1,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    ).save_as(tmp_path / "enhanced" / "volume.dcm", enforce_file_format=True)
    return tmp_path / "enhanced"


def test_an_enhanced_object_holds_the_activity_of_the_classic_series(enhanced: Path, items, opened) -> None:
    classic, source = opened(enhanced.parent / "classic"), opened(enhanced)
    assert items(enhanced)[0].domain == "pet"
    assert classic.grid.distance(source.grid) < 1e-6
    np.testing.assert_array_equal(classic.read(classic.extent).values, source.read(source.extent).values)


def test_an_enhanced_output_keeps_values_on_one_slope_and_errs_no_more(
    enhanced: Path, opened, run_judge, tmp_path
) -> None:
    source = opened(enhanced)
    (result,) = srkit.upscale(enhanced, tmp_path / "out", scale=2, model="nearest").results
    assert (result.status, result.output.suffix) == ("done", ".dcm")
    again = opened(tmp_path / "out")
    step = again.encoding.slope
    before, after = (s.read(s.extent).values for s in (source, again))
    assert np.abs(after[:, :, ::2, ::2] - before).max() <= 0.51 * step
    frames = dcmread(result.output).PerFrameFunctionalGroupsSequence
    assert len({frame.PixelValueTransformationSequence[0].RescaleSlope for frame in frames}) == 1
    errors = [
        {line.split("[")[0] for line in run_judge("dciodvfy", "-new", path).splitlines() if line[:5] == "Error"}
        for path in (enhanced / "volume.dcm", result.output)
    ]
    assert errors[1] <= errors[0]
