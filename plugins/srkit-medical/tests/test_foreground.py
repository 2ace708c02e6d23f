"""The body and what it encloses; figures of merit there and over the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from srkit_medical.foreground import body_of

from srkit.evaluation import evaluate
from srkit.evaluation.evaluate import chosen_metrics
from srkit.evaluation.judging import Terms
from srkit.grid import Scale
from srkit.plugins import foreground, load_plugins

Make = Callable[[np.ndarray], Any]


def head(air: float, tissue: float, ventricle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a ball with a hollow in noise, and where the ball is."""
    rng = np.random.default_rng(4)
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*[np.linspace(-1.6, 1.6, 40)] * 3, indexing="ij")))
    inside = radius < 1
    values = np.where(radius < 0.3, ventricle, np.where(inside, tissue, air)) + rng.normal(0, 10, radius.shape)
    return values.astype(np.float32), inside


@pytest.mark.parametrize(("air", "tissue", "ventricle"), [(0, 900, 40), (-1000, 50, -900), (5, 300, 300)])
def test_the_body_holds_what_it_encloses(air: float, tissue: float, ventricle: float) -> None:
    values, inside = head(air, tissue, ventricle)
    found = body_of(values[None], None)
    assert found.shape == (1, 40, 40, 40)
    assert (found[0] ^ inside).mean() < 0.01


def test_specks_in_the_air_are_no_body() -> None:
    values, inside = head(0, 900, 40)
    values[2, 3, 4] = values[35, 2, 2] = 4000
    assert (body_of(values[None], None)[0] & ~inside).sum() < 10


def test_both_legs_are_body() -> None:
    values = np.zeros((40, 30, 12), np.float32)
    values[5:14, 8:20] = values[22:31, 8:20] = 700
    np.testing.assert_array_equal(body_of(values[None], None)[0], values > 0)


def test_what_is_no_data_is_no_body() -> None:
    values, inside = head(0, 900, 40)
    values[20:] = np.nan
    found = body_of(values[None], np.isfinite(values)[None])[0]
    assert not found[20:].any()
    assert (found[:20] ^ inside[:20]).mean() < 0.01
    assert not body_of(np.full((1, 4, 5, 6), np.nan, np.float32), None).any()


def test_a_plane_and_a_constant_have_a_body() -> None:
    values, inside = head(0, 900, 40)
    assert (body_of(values[None, :, :, 20], None)[0] ^ inside[:, :, 20]).mean() < 0.01
    assert body_of(np.full((1, 5, 6), 7.0, np.float32), None).all()


def test_the_table_tells_figures_of_the_body_too(tmp_path: Path) -> None:
    values, inside = head(0, 900, 40)
    texture = np.random.default_rng(1).normal(0, 60, values.shape) * inside
    nibabel.save(nibabel.Nifti1Image((values + texture).astype(np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    table = evaluate(tmp_path, models=["bicubic"], domain="mri")
    figures = table.means["bicubic"]
    assert {"psnr_foreground", "ssim_foreground"} <= set(table.metrics)
    assert figures["psnr_foreground"] < figures["psnr"] - 3
    assert figures["ssim_foreground"] < 1


def test_errors_of_the_body_count_for_more_by_the_share_of_the_body() -> None:
    values, _ = head(0, 900, 40)
    body = body_of(values[None], None)
    plugins = load_plugins()
    terms = Terms(Scale(2, 2), None, chosen_metrics(plugins, ()))
    wrong = values[None] + 30 * body
    whole = terms.figures(wrong, values[None], None, 900.0)
    inside = terms.foreground_figures(wrong, values[None], None, foreground(plugins, "mri", values[None], None), 900.0)
    assert inside["psnr_foreground"] == pytest.approx(20 * np.log10(900 / 30), abs=1e-4)
    assert whole["psnr"] - inside["psnr_foreground"] == pytest.approx(-10 * np.log10(body.mean()), abs=1e-4)
    assert foreground(plugins, "photo", values[None], None) is None
