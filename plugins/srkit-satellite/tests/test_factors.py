"""Rasters and spacings: whole factors or a sentence that names them."""

import numpy as np
import pytest
import rasterio

import srkit


@pytest.fixture
def scene(make):
    values = np.random.default_rng(0).integers(1, 4000, (2, 30, 42)).astype(np.uint16)
    return make("scene.tif", values)


@pytest.mark.parametrize(("spacing", "factor"), [("5", 2), ("2.5,2.5", 4), (10 / 3, 3)])
def test_a_spacing_that_divides_the_pixels_is_a_whole_factor(tmp_path, scene, spacing, factor):
    out = tmp_path / "out.tif"
    srkit.upscale(scene, out, model="bicubic", spacing=spacing)
    with rasterio.open(scene) as before, rasterio.open(out) as after:
        assert after.shape == (30 * factor, 42 * factor)
        np.testing.assert_allclose(after.bounds, before.bounds, rtol=0, atol=1e-6)
    assert srkit.verify(scene, out).good


def test_any_other_is_refused_with_the_whole_factors_next_to_it(tmp_path, scene):
    with pytest.raises(
        srkit.UsageError, match=r"2\.5 times the rows.*--spacing 5 \(x2\) or --spacing 3\.333333333 \(x3\)"
    ):
        srkit.upscale(scene, tmp_path / "out.tif", model="bicubic", spacing=4)
    with pytest.raises(srkit.UsageError, match=r"0\.5 times the rows.*--spacing 10 \(x1\)"):
        srkit.upscale(scene, tmp_path / "out.tif", model="bicubic", spacing=20)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in"]
