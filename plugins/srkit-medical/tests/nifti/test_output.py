"""What an output says, judged by nibabel, SimpleITK, nifti_tool and the formulas of the expectations."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.nifti1 import Nifti1Extension
from srkit_medical.nifti.sink import create_file
from srkit_medical.nifti.source import NiftiSource

import srkit
from srkit.errors import OutputError
from srkit.grid import Window
from srkit.upscaling import upscale

Make = Callable[..., Path]
Enlarge = Callable[..., Path]
Open = Callable[..., NiftiSource]
Box = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
TOLERANCE_MM = 1e-4
FACTORS = (2, 2, 3)
RELAXED = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def step(shape: tuple[int, ...], factors: tuple[int, ...]) -> np.ndarray:
    """Return M of rule G1."""
    matrix = np.diag([*(1 / s for s in factors), 1.0])
    for axis, (n, s) in enumerate(zip(shape, factors, strict=False)):
        matrix[axis, 3] = (n - 1) / 2 - (s * n - 1) / (2 * s)
    return matrix


# --- geometry ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_outer_corners_stay_for_every_axis_order_and_flip(
    make: Make, enlarge: Enlarge, box: Box, order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    turn = np.eye(4)
    turn[:3, :3] = (np.eye(3) * signs)[:, order]
    affine = np.array([[0.97, -0.2, 0.1, 40], [0.2, 0.98, 0, -7], [-0.1, 0, 0.99, 12], [0, 0, 0, 1.0]])
    affine[:3, :3] = np.linalg.qr(affine[:3, :3])[0] @ np.diag([0.7, 0.8, 2.5])
    source = nibabel.load(make("a.nii", affine=affine @ turn))
    output = nibabel.load(enlarge(Path(source.get_filename()), FACTORS))
    for form in (output.get_sform(), output.get_qform()):
        difference = box(form, output.shape) - box(affine @ turn, source.shape)
        assert np.abs(difference).max() < TOLERANCE_MM
    assert nibabel.aff2axcodes(output.affine) == nibabel.aff2axcodes(source.affine)
    assert np.sign(np.linalg.det(output.affine)) == np.sign(np.linalg.det(source.affine))


@RELAXED
@given(
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    factors=st.tuples(*[st.integers(1, 4)] * 3),
    spacing=st.tuples(*[st.floats(0.1, 6)] * 3),
    degrees=st.floats(-45, 45),
)
def test_forms_follow_the_formula(
    make: Make, enlarge: Enlarge, tmp_path: Path, shape: Any, factors: Any, spacing: Any, degrees: float
) -> None:
    a = np.radians(degrees)
    affine = np.diag([*spacing, 1.0])
    affine[:3, :3] = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ affine[:3, :3]
    affine[:3, 3] = (-80, 100, 30)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    output = nibabel.load(enlarge(make("a.nii", np.ones(shape, np.int16), affine), factors))
    expected = affine @ step(shape, factors)
    np.testing.assert_allclose(output.get_sform(), expected, rtol=0, atol=TOLERANCE_MM)
    np.testing.assert_allclose(output.get_qform(), expected, rtol=0, atol=TOLERANCE_MM)
    np.testing.assert_allclose(output.header["pixdim"][1:4], np.array(spacing) / factors, rtol=1e-6)


def test_simpleitk_sees_the_same_box(make: Make, enlarge: Enlarge) -> None:
    itk = pytest.importorskip("SimpleITK")
    path = make("a.nii.gz")
    old, new = itk.ReadImage(str(path)), itk.ReadImage(str(enlarge(path, FACTORS)))
    assert new.GetSize() == tuple(n * s for n, s in zip(old.GetSize(), FACTORS, strict=True))
    np.testing.assert_allclose(new.GetSpacing(), np.array(old.GetSpacing()) / FACTORS, rtol=1e-5)
    np.testing.assert_allclose(new.GetDirection(), old.GetDirection(), atol=1e-5)
    for corner in ([-0.5] * 3, [n - 0.5 for n in old.GetSize()]):
        scaled = [(c + 0.5) * s - 0.5 for c, s in zip(corner, FACTORS, strict=True)]
        np.testing.assert_allclose(
            new.TransformContinuousIndexToPhysicalPoint(scaled),
            old.TransformContinuousIndexToPhysicalPoint(corner),
            atol=TOLERANCE_MM,
        )


@pytest.mark.parametrize("codes", [(0, 1), (1, 0), (2, 1), (1, 3), (4, 4), (0, 0)])
def test_form_codes_are_kept(make: Make, enlarge: Enlarge, codes: tuple[int, int]) -> None:
    output = nibabel.load(enlarge(make("a.nii", codes=codes)))
    assert (int(output.header["sform_code"]), int(output.header["qform_code"])) == codes


@pytest.mark.parametrize("codes", [(0, 1), (1, 0)])
def test_a_form_without_a_code_agrees_with_the_one_that_has_one(
    make: Make, enlarge: Enlarge, codes: tuple[int, int]
) -> None:
    output = nibabel.load(enlarge(make("a.nii", codes=codes)))
    np.testing.assert_allclose(output.get_sform(), output.get_qform(), atol=TOLERANCE_MM)


def test_both_forms_survive_where_they_differ(make: Make, enlarge: Enlarge) -> None:
    other = np.diag([1.0, 1, 1, 1])
    other[:3, 3] = (3, 4, 5)
    path = make("a.nii", codes=(2, 1), edit=lambda image: image.set_qform(other, 1))
    source = nibabel.load(path)
    output = nibabel.load(enlarge(path, FACTORS))
    for new, old in ((output.get_sform(), source.get_sform()), (output.get_qform(), source.get_qform())):
        np.testing.assert_allclose(new, old @ step(source.shape, FACTORS), atol=TOLERANCE_MM)


def test_option_names_the_qform(make: Make, opened: Open) -> None:
    other = np.diag([1.0, 2, 3, 1])
    path = make("a.nii", edit=lambda image: image.set_qform(other, 1))
    assert opened(path, use="qform").grid.spacing == (1, 2, 3)
    assert opened(path).grid.spacing != (1, 2, 3)


def test_shear_stays_in_the_sform(make: Make, enlarge: Enlarge, box: Box) -> None:
    sheared = np.array([[0.5, 0, 0, 1], [0, 0.5, 0.9, 2], [0, 0, 2.4, 3], [0, 0, 0, 1]])
    path = make("a.nii", affine=np.eye(4), edit=lambda image: (image.set_sform(sheared, 1), image.set_qform(None, 0)))
    output = nibabel.load(enlarge(path))
    assert int(output.header["qform_code"]) == 0
    assert np.abs(box(output.get_sform(), output.shape) - box(sheared, (6, 7, 5))).max() < TOLERANCE_MM
    expected = np.linalg.norm(output.get_sform()[:3, :3], axis=0)
    np.testing.assert_allclose(output.header["pixdim"][1:4], expected, rtol=1e-6)


def test_unknown_orientation_is_not_invented(make: Make, enlarge: Enlarge, box: Box) -> None:
    path = make("a.nii", affine=np.diag([-0.8, 0.9, 1.1, 1]), codes=(0, 0))
    source, output = nibabel.load(path), nibabel.load(enlarge(path, FACTORS))
    assert np.abs(box(output.affine, output.shape) - box(source.affine, source.shape)).max() < TOLERANCE_MM
    np.testing.assert_allclose(output.header["pixdim"][1:4], np.array([0.8, 0.9, 1.1]) / FACTORS, rtol=1e-6)


def test_unknown_orientation_can_be_taken_for_the_scanners(make: Make, enlarge: Enlarge) -> None:
    output = nibabel.load(enlarge(make("a.nii", codes=(0, 0)), assume_scanner=True))
    assert (int(output.header["sform_code"]), int(output.header["qform_code"])) == (1, 1)
    np.testing.assert_allclose(output.get_sform(), output.get_qform(), atol=TOLERANCE_MM)


def test_plane_keeps_its_place_in_space(make: Make, enlarge: Enlarge) -> None:
    path = make("a.nii", np.ones((6, 7), np.int16))
    source, output = nibabel.load(path), nibabel.load(enlarge(path, (2, 3)))
    assert output.shape == (12, 21)
    np.testing.assert_allclose(output.affine, source.affine @ step((6, 7, 1), (2, 3, 1)), atol=TOLERANCE_MM)


# --- storage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_type_and_samples_are_kept(make: Make, enlarge: Enlarge, dtype: str, order: str) -> None:
    data = np.random.default_rng(0).integers(0, 100, (6, 7, 5)).astype(order + dtype)
    path = make("a.nii")
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4), header), path)
    output = nibabel.load(enlarge(path, FACTORS))
    assert output.get_data_dtype().newbyteorder("=") == np.dtype(dtype)
    repeated = data.repeat(2, 0).repeat(2, 1).repeat(3, 2)
    np.testing.assert_array_equal(np.asarray(output.dataobj), repeated)


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -1024.0), (7.11, 0.0), (1.0, 3.0), (-2.0, 10.0)])
def test_slope_is_applied_once_and_kept(make: Make, enlarge: Enlarge, slope: float, intercept: float) -> None:
    path = make("a.nii.gz", edit=lambda image: image.header.set_slope_inter(slope, intercept))
    source, output = nibabel.load(path), nibabel.load(enlarge(path))
    assert (output.dataobj.slope, output.dataobj.inter) == (source.dataobj.slope, source.dataobj.inter)
    repeated = np.asarray(source.dataobj).repeat(2, 0).repeat(2, 1).repeat(3, 2)
    np.testing.assert_array_equal(np.asarray(output.dataobj), repeated)


@pytest.mark.parametrize("slope", [0.0, float("nan")])
def test_slope_that_says_nothing_changes_nothing(make: Make, opened: Open, slope: float) -> None:
    import struct

    path = make("a.nii")
    data = bytearray(path.read_bytes())
    struct.pack_into("<2f", data, 112, slope, 500.0)
    path.write_bytes(data)
    assert (opened(path).encoding.slope, opened(path).encoding.intercept) == (1, 0)


def test_time_series_keeps_its_step_and_its_frames(make: Make, enlarge: Enlarge) -> None:
    def timed(image: nibabel.Nifti1Image) -> None:
        image.header["pixdim"][4] = 2.5
        image.header["toffset"] = 0.75

    data = np.arange(6 * 7 * 5 * 4).reshape(6, 7, 5, 4).astype(np.int16)
    output = nibabel.load(enlarge(make("a.nii.gz", data, edit=timed), (1, 1, 2)))
    assert (float(output.header["pixdim"][4]), float(output.header["toffset"])) == (2.5, 0.75)
    assert output.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_array_equal(np.asarray(output.dataobj), data.repeat(2, 2))


def test_trailing_axis_of_one_stays(make: Make, enlarge: Enlarge) -> None:
    assert nibabel.load(enlarge(make("a.nii", np.ones((4, 5, 3, 1), np.int16)))).shape == (8, 10, 9, 1)


@pytest.mark.parametrize(("factors", "kept"), [((2, 2, 1), True), ((1, 1, 2), False)])
def test_slice_timing_goes_when_slices_change(make: Make, enlarge: Enlarge, factors: Any, kept: bool) -> None:
    def timed(image: nibabel.Nifti1Image) -> None:
        image.header.set_dim_info(0, 1, 2)
        for name, value in (("slice_code", 3), ("slice_end", 4), ("slice_duration", 0.1)):
            image.header[name] = value

    output = nibabel.load(enlarge(make("a.nii", edit=timed), factors))
    assert bool(output.header["slice_code"]) == bool(output.header["slice_end"]) == kept
    assert bool(output.header["slice_duration"]) == kept
    assert output.header.get_dim_info() == (0, 1, 2)


def test_true_statements_are_kept_and_the_origin_is_told(make: Make, enlarge: Enlarge) -> None:
    def told(image: nibabel.Nifti1Image) -> None:
        image.header.set_intent("t test", (12.0,), name="contrast")
        image.header["cal_min"], image.header["cal_max"] = 3, 90
        image.header["descrip"] = b"scanned 2020-01-01 at noon"
        image.header["aux_file"] = b"colours.lut"

    header = nibabel.load(enlarge(make("a.nii", edit=told))).header
    assert header.get_intent() == ("t test", (12.0,), "contrast")
    assert (float(header["cal_min"]), float(header["cal_max"])) == (3, 90)
    assert header["aux_file"].item() == b"colours.lut"
    assert header["descrip"].item().startswith(b"srkit 0.1.0 SR x2,2,3 AI")


def test_extensions_that_may_name_a_patient_go_unless_asked_for(make: Make, enlarge: Enlarge) -> None:
    def extended(image: nibabel.Nifti1Image) -> None:
        for code in (2, 4, 6):
            image.header.extensions.append(Nifti1Extension(code, b"DOE^JANE" if code != 2 else b""))

    path = make("a.nii", edit=extended)
    assert [e.get_code() for e in nibabel.load(enlarge(path, name="b.nii")).header.extensions] == [4]
    kept = nibabel.load(enlarge(path, name="c.nii", keep_extensions=True))
    assert [e.get_code() for e in kept.header.extensions] == [2, 4, 6]
    assert kept.header.extensions[1].get_content().rstrip(b"\0") == b"DOE^JANE"
    np.testing.assert_array_equal(
        np.asarray(kept.dataobj), np.asarray(nibabel.load(enlarge(path, name="d.nii")).dataobj)
    )


def test_nifti_2_stays_nifti_2(make: Make, enlarge: Enlarge) -> None:
    path = make("a.nii", klass=nibabel.Nifti2Image)
    output = nibabel.load(enlarge(path))
    assert isinstance(output, nibabel.Nifti2Image)
    np.testing.assert_allclose(output.get_sform(), nibabel.load(path).get_sform() @ step((6, 7, 5), FACTORS), atol=1e-9)


def test_axis_too_long_for_nifti_1_becomes_nifti_2(make: Make, enlarge: Enlarge) -> None:
    output = nibabel.load(enlarge(make("a.nii.gz", np.ones((20000, 1, 1), np.uint8)), (2, 1, 1)))
    assert isinstance(output, nibabel.Nifti2Image)
    assert output.shape == (40000, 1, 1)


def test_pair_stays_a_pair(make: Make, enlarge: Enlarge, tmp_path: Path) -> None:
    output = nibabel.load(enlarge(make("a.hdr", klass=nibabel.Nifti1Pair)))
    assert type(output) is nibabel.Nifti1Pair
    assert (tmp_path / "out" / "a.img").stat().st_size == 2 * np.prod(output.shape)


def test_packed_and_plain_follow_the_name(make: Make, enlarge: Enlarge) -> None:
    plain = enlarge(make("a.nii.gz"), name="b.nii")
    packed = enlarge(make("a.nii"), name="c.nii.gz")
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_gzip_header_holds_neither_name_nor_date(make: Make, enlarge: Enlarge) -> None:
    head = enlarge(make("a.nii.gz")).read_bytes()[:10]
    assert head[:4] == b"\x1f\x8b\x08\x00"
    assert head[4:8] == bytes(4)


def test_two_runs_give_the_same_bytes(make: Make, enlarge: Enlarge) -> None:
    path = make("a.nii.gz")
    digests = [hashlib.sha256(enlarge(path, name=name).read_bytes()).hexdigest() for name in ("b.nii.gz", "c.nii.gz")]
    assert digests[0] == digests[1]


def load_mgh(path: Path) -> nibabel.MGHImage:
    content = path.read_bytes()  # nibabel leaves a plain .mgh file open when it loads by name
    return nibabel.MGHImage.from_bytes(gzip.decompress(content) if path.suffix == ".mgz" else content)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("name", ["a.mgz", "a.mgh"])
def test_mgh_keeps_place_type_and_scan(make: Make, enlarge: Enlarge, box: Box, dtype: Any, name: str) -> None:
    def timed(image: nibabel.MGHImage) -> None:
        for field, value in (("tr", 2300.0), ("flip_angle", 0.157), ("te", 2.98), ("ti", 900.0)):
            image.header[field] = value

    data = np.random.default_rng(0).integers(0, 100, (6, 7, 5, 2)).astype(dtype)
    path = make(name, data, klass=nibabel.MGHImage, edit=timed)
    source, output = load_mgh(path), load_mgh(enlarge(path, FACTORS))
    assert np.abs(box(output.affine, output.shape) - box(source.affine, source.shape)).max() < TOLERANCE_MM
    assert output.get_data_dtype() == source.get_data_dtype()
    np.testing.assert_array_equal(np.asarray(output.dataobj), data.repeat(2, 0).repeat(2, 1).repeat(3, 2))
    for field in ("tr", "flip_angle", "te", "ti"):
        assert output.header[field] == source.header[field]


def test_formats_are_not_confused(make: Make, enlarge: Enlarge) -> None:
    with pytest.raises(OutputError, match="suffix"):
        enlarge(make("a.nii"), name="b.mgz")
    with pytest.raises(OutputError, match="suffix"):
        enlarge(make("a.mgz", klass=nibabel.MGHImage), name="b.nii.gz")


def test_missing_slab_makes_no_output(make: Make, opened: Open, planned: Callable[..., Any], tmp_path: Path) -> None:
    source = opened(make("a.nii.gz"))
    with (
        pytest.raises(OutputError, match="never written"),
        create_file(tmp_path / "b.nii.gz", source, planned(source, (1, 1, 1))),
    ):
        pass


def test_slab_out_of_order_is_refused(make: Make, opened: Open, planned: Callable[..., Any], tmp_path: Path) -> None:
    source = opened(make("a.nii.gz", np.ones((4, 4, 4, 2), np.int16)))
    whole = Window.whole(source.grid.shape)
    with (
        pytest.raises(OutputError, match="order"),
        create_file(tmp_path / "b.nii.gz", source, planned(source, (1, 1, 1))) as sink,
    ):
        sink.write(whole, 1, np.ones((1, 4, 4, 4), np.int16), None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_a_sentence(make: Make, opened: Open, planned: Callable[..., Any], tmp_path: Path) -> None:
    source = opened(make("a.nii", np.ones((64, 64, 8), np.int16)))
    target = tmp_path / "b.nii"
    sink = create_file(target, source, planned(source, (1, 1, 1)))
    with Path("/dev/full").open("wb", buffering=0) as full, sink:
        sink._file = full  # the disk fills up after the start
        with pytest.raises(OutputError, match="No space left"):
            sink.write(Window.whole((64, 64, 8)), 0, np.ones((1, 64, 64, 8), np.int16), None)
        sink._file = io.BytesIO()


@pytest.mark.skipif(shutil.which("nifti_tool") is None, reason="nifti_tool is not installed")
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_tool_finds_it_good(make: Make, enlarge: Enlarge, name: str) -> None:
    output = enlarge(make(name))
    for check in ("-check_hdr", "-check_nim"):
        said = subprocess.run(
            ["nifti_tool", check, "-infiles", str(output)], capture_output=True, text=True, check=True
        )
        assert "GOOD" in said.stdout + said.stderr


# --- side files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factors", "timing"), [((2, 2, 1), True), ((1, 1, 2), False)])
def test_description_goes_along_without_what_became_false(
    make: Make, enlarge: Enlarge, factors: Any, timing: bool
) -> None:
    path = make("a.nii.gz")
    old = {
        "Modality": "MR",
        "RepetitionTime": 2,
        "SliceTiming": [0, 1],
        "SliceThickness": 4.5,
        "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "Ort": "Köln",
    }
    path.with_name("a.json").write_text(json.dumps(old))
    new = json.loads(enlarge(path, factors).with_name("a.json").read_text(encoding="utf-8"))
    assert {key: new[key] for key in ("Modality", "RepetitionTime", "Ort")} == {
        key: old[key] for key in ("Modality", "RepetitionTime", "Ort")
    }
    assert ("SliceTiming" in new) == ("SliceThickness" in new) == timing
    assert new["ImageType"] == ["DERIVED", "PRIMARY", "M"]
    assert new["SRKit"]["ModelSHA256"] == "ab" * 32
    assert new["SRKit"]["SourceSliceThickness"] == 4.5
    np.testing.assert_allclose(new["SRKit"]["SourceSpacing"], [0.9, 0.8, 4.0], rtol=1e-6)


def test_diffusion_tables_go_along(make: Make, enlarge: Enlarge) -> None:
    path = make("a.nii.gz", np.ones((4, 4, 4, 2), np.int16))
    path.with_name("a.bval").write_text("0 1000\n")
    path.with_name("a.bvec").write_text("0 1\n0 0\n0 0\n")
    output = enlarge(path)
    assert output.with_name("a.bval").read_text() == "0 1000\n"
    assert output.with_name("a.bvec").read_text() == "0 1\n0 0\n0 0\n"


def test_without_side_files_none_is_made(make: Make, enlarge: Enlarge) -> None:
    assert [p.name for p in enlarge(make("a.nii.gz")).parent.iterdir()] == ["a.nii.gz"]


@pytest.mark.parametrize("shape", [(1, 7, 13), (31, 29, 1), (5, 2, 3)])
@pytest.mark.parametrize("model", ["nearest", "lanczos"])
def test_thin_and_odd_volumes_work(
    make: Callable[..., Path], tmp_path: Path, shape: tuple[int, ...], model: str
) -> None:
    path = make("thin.nii.gz", np.random.default_rng(3).integers(0, 900, shape).astype(np.int16))
    upscale(path, tmp_path / "out.nii.gz", scale="2,2,3", model=model, domain="mri")
    before, after = nibabel.load(path), nibabel.load(tmp_path / "out.nii.gz")
    slices = int(np.argmax(np.linalg.norm(before.affine[:3, :3], axis=0)))
    factors = np.where(np.arange(3) == slices, 3, 2)
    assert after.shape == tuple(factors * shape)
    first, last = (
        (np.array([-0.5, -0.5, -0.5, 1]), np.array([*(np.array(image.shape) - 0.5), 1])) for image in (before, after)
    )
    for one, other in zip(first, last, strict=True):
        np.testing.assert_allclose((before.affine @ one)[:3], (after.affine @ other)[:3], atol=1e-4)
    if model == "nearest":
        repeated = np.asarray(before.dataobj)
        for axis, factor in enumerate(factors):
            repeated = repeated.repeat(factor, axis)
        np.testing.assert_array_equal(np.asarray(after.dataobj), repeated)


@pytest.mark.parametrize(
    ("name", "other"), [("a.nii.gz", "b.nii"), ("a.nii", "b.nii.gz"), ("a.hdr", "b.nii.gz"), ("a.mgz", "b.mgh")]
)
def test_the_name_of_an_output_says_whether_it_is_packed_and_one_file(
    make: Callable[..., Path], tmp_path: Path, name: str, other: str
) -> None:
    klass = {"a.hdr": nibabel.Nifti1Pair, "a.mgz": nibabel.MGHImage}.get(name, nibabel.Nifti1Image)
    path, output = make(name, np.ones((6, 7, 5), np.float32), klass=klass), tmp_path / "out" / other
    srkit.upscale(path, output, model="nearest", domain="mri", maps=True)
    assert (output.read_bytes()[:2] == b"\x1f\x8b") is other.endswith("z")
    alone = other.endswith(".mgh")  # nibabel would leave it open
    image = nibabel.MGHImage.from_bytes(output.read_bytes()) if alone else nibabel.load(output)
    np.testing.assert_allclose(image.get_fdata(), 1)
    assert srkit.verify(path, output, domain="mri").good
    suffix = "." + other.partition(".")[2]
    assert {file.name for file in output.parent.iterdir()} == {
        f"b{kind}{suffix}" for kind in ("", "_residual", "_departure", "_spread")
    }
