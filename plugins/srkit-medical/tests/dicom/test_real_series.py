"""Every real series is treated right or refused with a sentence. Needs the shared data."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from srkit_medical.dicom.discover import discover_series
from srkit_medical.dicom.source import open_series
from srkit_medical.dicom.verify import verify_series

from srkit.domain import Item, Skipped

pytestmark = pytest.mark.slow

SERIES = {
    "ct_ge_tilt_variable": (1, (4, 512, 512)),
    "ct_philips_implicit": (1, (3, 512, 512)),
    "ct_philips_phantom_localizer": (1, (1, 512, 512)),
    "ct_siemens_j2k": (1, (10, 512, 512)),
    "ct_toshiba_intercept0": (1, (1, 512, 512)),
    "mr_ge_fmri_4d": (2, (15, 64, 64)),
    "mr_ge_genesis_wrist": (1, (4, 256, 256)),
    "mr_ge_oblique_pd": (1, (6, 256, 256)),
    "mr_hitachi_oblique_noise": (1, (4, 64, 64)),
    "mr_philips_4d_oblique": (3, (9, 64, 64)),
    "mr_philips_noise": (1, (2, 240, 240)),
    "mr_siemens_decubitus_left": (1, (3, 256, 256)),
    "mr_siemens_mosaic_human": (1, (35, 64, 64)),
    "mr_siemens_mosaic_phantom": (2, (5, 72, 72)),
    "mr_siemens_sag": (1, (5, 256, 256)),
    "mr_small_syntaxes": (1, (1, 64, 64)),
}
JUDGED = [name for name in SERIES if name != "ct_siemens_j2k"]  # dciodvfy passes over what has no SOPClassUID
REFUSED = (
    "color", "enh_ct_palette", "enh_mr_small_syntaxes", "monochrome1",
    "not_plain_images",
)  # fmt: skip


@pytest.mark.parametrize("name", SERIES)
def test_a_real_series_is_enlarged_and_stands_up_to_verification(
    real: Path, name: str, items, enlarge_item, opened, tmp_path: Path
) -> None:
    frames, shape = SERIES[name]
    (item,) = items(real / name)
    output = enlarge_item(item, tmp_path / "out", "2,2,2")
    assert (output.source.frames, output.source.grid.shape) == (frames, shape)
    assert verify_series(output.source, output.folder, output.plan) == []
    again = opened(output.folder)
    assert again.grid.distance(output.plan.grid) <= 1e-6
    middle = output.plan.grid.shape[0] // 2
    window = next(w for k, w in enumerate(output.plan_windows()) if k == middle)
    before = output.source.read(window.downscaled(output.plan.scale)).values
    np.testing.assert_array_equal(again.read(window).values[:, :1, ::2, ::2], before[:, :1])


@pytest.mark.parametrize("name", JUDGED)
def test_dciodvfy_finds_no_new_error_in_a_real_series(
    real: Path, name: str, items, enlarge_item, run_judge, tmp_path: Path
) -> None:
    (item,) = items(real / name)
    output = enlarge_item(item, tmp_path / "out")
    found = [
        {line for path in files for line in run_judge("dciodvfy", "-new", path).splitlines() if line[:5] == "Error"}
        for files in (item.paths[:8], output.files[:4])
    ]
    assert found[1] <= found[0]
    together = run_judge("dcentvfy", *item.paths, *output.files)
    assert together == run_judge("dcentvfy", *item.paths)


ENHANCED = {
    "enh_mr_siemens_xa10_4d_phantom": (6, 64, 64),
    "mr_hyperfine_multiframe_noise": (8, 138, 112),
    "enh_mr_philips_fieldmap_phantom": (32, 64, 64),
}


@pytest.mark.parametrize("name", ENHANCED)
def test_a_real_enhanced_volume_is_enlarged_as_one_file(
    real: Path, name: str, items, enlarge_item, opened, run_judge, tmp_path: Path
) -> None:
    item = items(real / name)[0]
    output = enlarge_item(item, tmp_path / "out.dcm", "2,2,2")
    assert output.source.grid.shape == ENHANCED[name]
    assert verify_series(output.source, output.folder, output.plan) == []
    assert opened(output.folder).grid.distance(output.plan.grid) <= 1e-6
    found = [
        {
            re.sub(r"\[\d+\]", "", line)  # there are more frames than before, so their numbers say nothing
            for line in run_judge("dciodvfy", "-new", path).splitlines()
            if line.startswith("Error")
        }
        for path in (item.path, output.folder)
    ]
    assert found[1] <= found[0]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_series_is_refused_with_a_sentence(real: Path, name: str) -> None:
    found = list(discover_series(real / name, {}))
    assert found
    assert all(isinstance(entry, Skipped) and entry.reason for entry in found)


def test_the_same_slices_in_five_codecs_hold_the_same_samples(real: Path, items) -> None:
    volumes = {}
    for item in items(real / "mr_four_codecs_noise"):
        source = open_series(item, {})
        volumes[item.folder] = source.read(source.extent).values
    assert set(volumes) == {"derived_uncompressed", "jpeg2000", "jpeg_lossless", "jpeg_ls", "rle"}
    for values in volumes.values():
        np.testing.assert_array_equal(values, volumes["rle"])


def test_known_positions_and_values_of_a_real_series(real: Path, opened) -> None:
    source = opened(real / "ct_siemens_j2k")
    assert source.grid.spacing == pytest.approx((2, 0.9765625, 0.9765625))
    first = dcmread(source.series.first.path)
    np.testing.assert_allclose(source.grid.world((0, 0, 0)), np.array(first.ImagePositionPatient, dtype=float))


def test_the_gantry_tilt_and_uneven_steps_of_a_real_series_are_noticed(real: Path, opened) -> None:
    assert "unevenly: 1.08 to 7.00 mm" in opened(real / "ct_ge_tilt_variable").fixed_axes[0]


def test_broken_files_are_named_and_only_sound_ones_are_items(real: Path) -> None:
    found = list(discover_series(real.parent / "broken", {}))
    assert [entry.path.name for entry in found if isinstance(entry, Item)] == ["no_preamble.dcm"]
    failed = {entry.path.name for entry in found if isinstance(entry, Skipped) and entry.failed}
    assert failed == {
        "MR_truncated.dcm", "empty.dcm", "huge_rows.dcm", "no_pixels.dcm", "text.dcm", "truncated.dcm",
        "zero_spacing.dcm",
    }  # fmt: skip


def test_the_whole_folder_is_discovered_at_once(real: Path) -> None:
    found = list(discover_series(real, {}))
    items = [entry for entry in found if isinstance(entry, Item)]
    assert len({(item.folder, item.stem) for item in items}) == len(items)
    files = {path for item in items for path in item.paths} | {e.path for e in found if isinstance(e, Skipped)}
    everything = {path for path in real.rglob("*") if path.is_file() and path.name != "DICOMDIR"}
    assert files == everything
