"""Maps beside a photograph: what no photographic format but TIFF can hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from srkit_photo.examples import picture

import srkit
from srkit.plugins import Plugins


@pytest.mark.parametrize("samples", [1, 3, 4])
@pytest.mark.parametrize("options", [{}, {"format": "webp"}])
def test_maps_are_tiff_files_of_floats(tmp_path: Path, plugins: Plugins, samples: int, options: dict[str, Any]) -> None:
    pixels, options = picture(16, 20, samples), options if samples > 1 else {}
    Image.fromarray(pixels[..., 0] if samples == 1 else pixels).save(tmp_path / "a.png", icc_profile=b"profile")
    more = {"options": {"photo": options}, "plugins": plugins, "domain": "photo"}
    (result,) = srkit.upscale(tmp_path / "a.png", tmp_path / "out", scale=2, model="lanczos", maps=True, **more).results
    assert [place.name for place in result.maps] == ["a_residual.tif", "a_departure.tif", "a_spread.tif"]
    residual, departure, spread = (tifffile.imread(place) for place in result.maps)
    colours = (32, 40) if samples == 1 else (32, 40, 3)
    assert residual.shape == departure.shape == spread.shape == colours
    assert residual.dtype == departure.dtype == spread.dtype == np.float32
    assert spread.max() < 1e-3
    with tifffile.TiffFile(result.maps[0]) as chart:
        assert "InterColorProfile" not in chart.pages[0].tags
        assert "super-resolution" in chart.pages[0].software
    if not options:
        enlarged = np.asarray(Image.open(result.output), np.float64).reshape(16, 2, 20, 2, -1).mean(axis=(1, 3))
        known = pixels.reshape(16, 20, -1)[..., :3] - enlarged[..., :3]
        seen = residual.reshape(16, 2, 20, 2, -1).mean(axis=(1, 3))
        assert np.corrcoef(seen.ravel(), known.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
def test_a_second_run_knows_outputs_and_maps_of_the_first(tmp_path: Path, plugins: Plugins, kind: str) -> None:
    Image.fromarray(picture(16, 20, 3)).save(tmp_path / f"a.{kind}")

    def statuses() -> list[tuple[str, str]]:
        more = {"options": {"photo": {"format": kind}}, "plugins": plugins, "domain": "photo", "skip_existing": True}
        report = srkit.upscale(tmp_path, tmp_path, name="{stem}_x2", scale=2, model="bicubic", maps=True, **more)
        return [(result.path.name, result.status) for result in report.results]

    assert statuses() == [(f"a.{kind}", "done")]
    assert [status for _, status in statuses()] == ["skipped"] * 5
