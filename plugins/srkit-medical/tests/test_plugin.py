"""The hooks: light, and silent about domains of others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from srkit_medical import plugin

from srkit import plugins as calls
from srkit.domain import Item
from srkit.grid import Scale
from srkit.testing import plugins_with
from srkit.upscaling import upscale

HEAVY = ("torch", "monai", "nibabel", "pydicom", "isal")


def test_listing_domains_loads_no_format_library() -> None:
    code = (
        "import sys; from srkit.plugins import load_plugins, domains; print(sorted(domains(load_plugins())));"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, heavy = said.stdout.splitlines()
    assert "'ct'" in names
    assert "'mri'" in names
    assert heavy == "[]"


def test_all_domains_offer_the_same_options() -> None:
    domains = plugin.srkit_domains()
    assert [domain.name for domain in domains] == ["mri", "ct", "pet"]
    assert all(domain.options == domains[0].options for domain in domains)
    assert all(domain.fidelity_first for domain in domains)


@pytest.mark.parametrize("domain", ["photo", "satellite", ""])
def test_other_domains_are_left_to_others(domain: str) -> None:
    nothing = None  # nothing is looked at before the domain
    assert plugin.srkit_open(domain, nothing, {}) is None  # type: ignore[arg-type]
    assert plugin.srkit_inspect(domain, nothing) is None  # type: ignore[arg-type]
    assert plugin.srkit_normalizer(domain, {}, nothing) is None  # type: ignore[arg-type]
    assert plugin.srkit_fit_normalizer(domain, {}, []) is None
    assert plugin.srkit_degradation(domain, None, nothing, Scale(2, 2)) is None  # type: ignore[arg-type]
    assert plugin.srkit_patches(domain, nothing, (8, 8)) is None  # type: ignore[arg-type]
    assert plugin.srkit_create(domain, Path(), nothing, nothing) is None  # type: ignore[arg-type]
    assert plugin.srkit_verify(domain, nothing, Path(), nothing) is None  # type: ignore[arg-type]


def test_steps_of_a_recipe_are_the_cores_to_read() -> None:
    steps = [{"name": "area"}]
    assert plugin.srkit_degradation("mri", steps, None, Scale(2, 2)) is None  # type: ignore[arg-type]


def test_domain_settles_what_a_volume_is(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6), np.int16), np.eye(4)), tmp_path / "a.nii")
    plugins = plugins_with(plugin)
    (likely,) = calls.discover(plugins, tmp_path, {})
    assert isinstance(likely, Item)
    assert (likely.domain, likely.doubts) == ("mri", ("ct", "pet"))
    (decided,) = calls.discover(plugins, tmp_path, {}, domain="ct")
    assert isinstance(decided, Item)
    assert (decided.domain, decided.doubts) == ("ct", ())


@pytest.mark.parametrize(("scale", "factors"), [("2", (1, 2, 2)), ("1,1,3", (3, 1, 1)), ("2,3,2", (2, 3, 2))])
def test_scale_speaks_of_rows_columns_and_slices_wherever_they_lie(
    tmp_path: Path, scale: str, factors: tuple[int, ...]
) -> None:
    data = np.random.default_rng(0).integers(0, 900, (5, 12, 14)).astype(np.int16)
    image = nibabel.Nifti1Image(data, np.diag([5.0, 0.8, 0.7, 1]))  # sagittal slices: the first axis is across
    nibabel.save(image, tmp_path / "a.nii.gz")
    upscale(tmp_path / "a.nii.gz", tmp_path / "out", scale=scale, model="nearest", domain="mri")
    output = nibabel.load(tmp_path / "out" / "a.nii.gz")
    for axis, factor in enumerate(factors):
        data = data.repeat(factor, axis)
    np.testing.assert_array_equal(np.asarray(output.dataobj), data)
    np.testing.assert_allclose(output.header.get_zooms(), np.array([5, 0.8, 0.7]) / factors, rtol=1e-6)


def test_folder_with_a_broken_volume_gives_the_others(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "deep/b.nii"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6), np.int16), np.eye(4)), tmp_path / "in" / name)
    (tmp_path / "in" / "c.nii").write_bytes(b"none")
    report = upscale(tmp_path / "in", tmp_path / "out", scale=2, model="bicubic", domain="mri")
    assert sorted(result.status for result in report.results) == ["done", "done", "failed"]
    assert report.exit_code == 4
    made = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert made == ["a.nii.gz", "deep/b.nii"]


def test_side_files_are_published_with_the_output(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6, 2), np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text('{"Modality": "MR"}')
    (tmp_path / "a.bval").write_text("0 1000\n")
    upscale(tmp_path / "a.nii.gz", tmp_path / "out", scale=2, model="nearest", name="{stem}_x{scale}")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a_x2.bval", "a_x2.json", "a_x2.nii.gz"]
