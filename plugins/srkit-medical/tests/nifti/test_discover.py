"""Volumes are found by content, and what cannot be one is said."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from srkit_medical.nifti.discover import discover_files

from srkit.domain import Item, Skipped

DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4].parent / "shared" / "data")) / "medical" / "nifti"
Make = Callable[..., Path]


def items(root: Path) -> list[Item]:
    return [entry for entry in discover_files(root, {}) if isinstance(entry, Item)]


def skipped(root: Path) -> list[Skipped]:
    return [entry for entry in discover_files(root, {}) if isinstance(entry, Skipped)]


def certainties(path: Path) -> dict[str, str]:
    return {item.domain: item.certainty for item in items(path)}


@pytest.mark.parametrize("name", ["a.nii", "a_T1w.nii.gz", "sub-1_bold.nii.gz", "ct.hdr.nii", "a.mgz"])
def test_nifti_alone_is_likely_of_mr_and_may_be_of_any_domain(make: Make, name: str) -> None:
    klass = nibabel.MGHImage if name.endswith("mgz") else nibabel.Nifti1Image
    assert certainties(make(name, klass=klass)) == {"mri": "likely", "ct": "possible", "pet": "possible"}


@pytest.mark.parametrize("kind", ["air", "padding", "scaled"])
def test_air_in_hounsfield_units_is_likely_of_ct(make: Make, kind: str) -> None:
    body = np.random.default_rng(0).normal(40, 20, (20, 20, 6))
    body[:3] = {"air": -1000, "padding": -2048, "scaled": -1000}[kind]
    data, slope = (body + 1024, 1.0) if kind == "scaled" else (body, None)
    path = make("a.nii.gz", data.astype(np.int16), edit=None if slope is None else _scaled(slope, -1024.0))
    assert certainties(path) == {"mri": "possible", "ct": "likely", "pet": "possible"}


def test_a_volume_whose_voxels_end_amid_one_is_still_told_of(make: Make) -> None:
    path = make("a.nii.gz", np.full((20, 20, 6), -1000, np.int16))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:1201]))
    assert len(items(path)) + len(skipped(path)) > 0


def _scaled(slope: float, intercept: float) -> Callable[..., None]:
    return lambda image: image.header.set_slope_inter(slope, intercept)


def test_a_phase_map_is_no_ct(make: Make) -> None:
    phase = np.random.default_rng(0).integers(-4096, 4096, (20, 20, 6)).astype(np.int16)
    assert certainties(make("a.nii.gz", phase))["mri"] == "likely"


@pytest.mark.parametrize(("name", "domain"), [("sub-1_pet.nii.gz", "pet"), ("head_CT.nii", "ct")])
def test_the_end_of_a_name_tells_what_a_volume_likely_is(make: Make, name: str, domain: str) -> None:
    assert certainties(make(name))[domain] == "likely"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real files at {DATA}; name their folder in SRKIT_DATA")
def test_every_real_volume_is_likely_of_its_own_domain() -> None:
    paths = [(kind, path) for kind in ("ct", "mri") for path in sorted((DATA / kind).glob("*.nii*"))]
    assert len(paths) > 30
    assert [(kind, path.name) for kind, path in paths if certainties(path).get(kind) != "likely"] == []


@pytest.mark.parametrize(("modality", "domain"), [("MR", "mri"), ("CT", "ct"), ("PT", "pet")])
def test_description_beside_a_volume_decides(make: Make, modality: str, domain: str) -> None:
    path = make("a.nii.gz")
    path.with_name("a.json").write_text(json.dumps({"Modality": modality}))
    assert [(i.domain, i.certainty) for i in items(path)] == [(domain, "sure")]


def test_volume_of_another_modality_is_no_failure(make: Make) -> None:
    path = make("a.nii.gz")
    path.with_name("a.json").write_text(json.dumps({"Modality": "US"}))
    assert [s.failed for s in skipped(path)] == [False]


@pytest.mark.parametrize("text", ["{", "[1]", '{"Modality": 3}', "\x00"])
def test_useless_description_decides_nothing(make: Make, text: str) -> None:
    path = make("a.nii.gz")
    path.with_name("a.json").write_text(text)
    assert len(items(path)) == 3


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("oms-c07_T1.nii.gz", "oms-c07"),
        ("sub-03_ses-1_T1w.nii", "sub-03"),
        ("sub-03/anat/T1w.nii", "sub-03"),
        ("plain.nii", "plain"),
    ],
)
def test_group_is_the_subject(make: Make, tmp_path: Path, name: str, group: str) -> None:
    make(name)
    assert {i.group for i in items(tmp_path)} == {group}


def test_output_names_come_from_the_relative_path(make: Make, tmp_path: Path) -> None:
    make("deep/er/Volume.v2.NII.GZ")
    found = items(tmp_path)[0]
    assert (found.folder, found.stem, found.suffix) == ("deep/er", "Volume.v2", ".NII.GZ")


def test_volume_without_a_telling_name_gets_a_suffix(make: Make, tmp_path: Path) -> None:
    make("a.nii").rename(tmp_path / "scan1")
    make("a.nii.gz").rename(tmp_path / "scan2")
    assert {(i.stem, i.suffix) for i in items(tmp_path)} == {("scan1", ".nii"), ("scan2", ".nii.gz")}


def test_pair_is_one_item_of_two_files(make: Make, tmp_path: Path) -> None:
    make("p.hdr", klass=nibabel.Nifti1Pair)
    for root in (tmp_path, tmp_path / "p.hdr", tmp_path / "p.img"):
        found = items(root)
        assert {tuple(p.name for p in i.paths) for i in found} == {("p.hdr", "p.img")}
        assert len(found) == 3  # one for each domain


def test_half_a_pair_is_reported(make: Make, tmp_path: Path) -> None:
    make("p.hdr", klass=nibabel.Nifti1Pair)
    (tmp_path / "p.img").unlink()
    assert "p.img" in skipped(tmp_path)[0].reason


def test_analyze_is_reported(tmp_path: Path) -> None:
    nibabel.save(nibabel.AnalyzeImage(np.zeros((3, 4, 5), np.int16), np.eye(4)), tmp_path / "old.hdr")
    assert "Analyze" in skipped(tmp_path)[0].reason


@pytest.mark.parametrize("content", [b"", b"ENVI\nsamples = 3\n" * 40, b"#?RADIANCE\n"])
def test_headers_and_images_of_other_formats_are_nobodys_business(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scene.hdr").write_bytes(content)
    (tmp_path / "scene.img").write_bytes(bytes(5000))
    (tmp_path / "text.txt.gz").write_bytes(gzip.compress(content))
    assert list(discover_files(tmp_path, {})) == []


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz", "a.MGH"])
@pytest.mark.parametrize("content", [b"", b"text" * 200, b"\x1f\x8b\x08\x00broken"])
def test_files_that_only_pose_are_reported(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert [s.failed for s in skipped(tmp_path)] == [True]


def test_hidden_files_and_folders_are_passed_over(make: Make, tmp_path: Path) -> None:
    make("visible/.a.nii")
    make(".hidden/a.nii")
    assert list(discover_files(tmp_path, {})) == []


def test_links_that_lead_out_are_not_followed(make: Make, tmp_path: Path) -> None:
    inside = make("root/a.nii")
    outside = make("elsewhere/b.nii")
    (inside.parent / "link.nii").symlink_to(outside)
    (inside.parent / "again.nii").symlink_to(inside)
    (inside.parent / "folder").symlink_to(outside.parent)
    assert {i.path.name for i in items(inside.parent)} == {"a.nii", "again.nii"}
