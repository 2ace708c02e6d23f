"""What figures of merit refer to: one image's PSNR differs by 6 dB with its range."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from srkit_medical.foreground import body_of
from srkit_medical.ranges import data_range_of

from srkit.errors import PluginError
from srkit.evaluation import evaluate
from srkit.plugins import data_range, load_plugins


def head(tissue: float = 900) -> np.ndarray:
    """Return a textured ball in dark noise, ``(24, 24, 24)``."""
    rng = np.random.default_rng(2)
    inside = sum(axis**2 for axis in np.meshgrid(*[np.linspace(-1.4, 1.4, 24)] * 3, indexing="ij")) < 1
    return np.where(inside, rng.normal(tissue, tissue / 8, inside.shape), rng.uniform(0, 30, inside.shape))


def test_that_of_mri_is_a_percentile_of_the_body() -> None:
    values = head().astype(np.float32)[None]
    found = data_range_of("mri", values, None)
    assert found is not None
    assert found[0] == pytest.approx(np.percentile(values[body_of(values, None)], 99.5))
    spiked = values.copy()
    spiked[0, 12, 12, 12] = 40_000
    again = data_range_of("mri", spiked, None)
    assert again is not None
    assert again[0] == pytest.approx(found[0], rel=0.01)


def test_that_of_ct_is_fixed_and_others_have_none() -> None:
    values = head(50).astype(np.float32)[None] - 1000
    assert data_range_of("ct", values, None) == (4095.0, "4095 HU")
    assert data_range_of("pet", values, None) is None
    assert data_range_of("mri", np.full_like(values, -5), None) is None


def test_a_table_says_what_its_figures_refer_to(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(head().astype(np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    for domain, words in (("ct", "4095 HU"), ("mri", "99.5th percentile"), ("pet", "highest minus lowest")):
        table = evaluate(tmp_path, models=["bspline"], domain=domain)
        assert words in table.range_note
        row = next(row for row in table.rows if row.model == "bspline")
        assert row.metrics["psnr"] == pytest.approx(20 * np.log10(row.data_range) - 10 * np.log10(row.metrics["mse"]))
    command = [sys.executable, "-m", "srkit", "evaluate", str(tmp_path), "--domain", "ct"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Data range of PSNR and SSIM: 4095 HU." in said
    told = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert told["data_range"] == "4095 HU"


def test_an_impossible_range_is_the_plugins_fault(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import srkit\n@srkit.hookimpl\ndef srkit_data_range():\n    return 0.0, 'none'\n")
    with pytest.raises(PluginError, match="range above 0"):
        data_range(load_plugins([tmp_path / "bad.py"]), "mri", np.zeros((1, 3, 3), np.float32), None)
