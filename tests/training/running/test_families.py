"""Every family trains two steps, is saved, loaded and run in tiles; its page tells what it costs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srkit import plugins as verbs
from srkit.models.file import load_model
from srkit.training import resolve_recipe, train
from srkit.upscaling import upscale

ROOT = Path(__file__).parents[3]
SHORT = ("phases.0.steps=2", "validate_every=0", "samples_every=0", "checkpoint_every=0", "data.patch=16")
SMALL = {
    "srresnet": "{features: 4, blocks: 1, head_kernel: 3}",
    "srresnet-lite": "{features: 4, blocks: 1}",
    "srresnet-gc": "{features: 4, blocks: 1, head_kernel: 3}",
    "rrdb": "{features: 4, growth: 2, blocks: 1}",
    "compact": "{features: 4, blocks: 1}",
    "span": "{features: 4, blocks: 2}",
    "attention": "{features: 4, heads: 2, window: 4, blocks: 2}",
    "srcnn": "{features: 4, mapping: 4}",
}

OF_VOLUMES = {"srresnet-25d"}
"""Tried by srkit-medical's tests, whose formats say where a volume lies; the arrays of these tests do not."""
FROM_FILES = {"spandrel"}
"""Trained by tests/models/test_recognition.py."""


def test_all_families_are_tried_here(toy_plugins):
    known = {name for name, factory in verbs.networks(toy_plugins).items() if factory.kind == "generator"}
    assert known == set(SMALL) | OF_VOLUMES | FROM_FILES


@pytest.mark.parametrize("name", SMALL)
def test_a_family_trains_is_saved_loaded_and_tiled(name, toy_plugins, toy_data, tmp_path):
    network = f"network={{name: {name}, parameters: {SMALL[name]}}}"
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=(network, *SHORT))
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    model = load_model(result.model, toy_plugins)
    assert (model.info.network, model.info.halo) == (name, model.generator.halo)
    rng = np.random.default_rng(0)
    path = tmp_path / "s9_image.npy"
    np.save(path, rng.integers(0, 1000, (97, 70), dtype=np.uint16))
    for tile in (48, 200):
        done = upscale(path, tmp_path / f"{tile}.npy", model=result.model, tile=tile, plugins=toy_plugins)
        assert done.exit_code == 0
    tiled, whole = (np.load(tmp_path / f"{tile}.npy").astype(int) for tile in (48, 200))
    assert whole.shape == (194, 140)
    if model.info.halo is not None:
        assert np.abs(tiled - whole).max() <= 1  # rounding to whole numbers


def test_the_page_of_networks_is_current():
    script = ROOT / "docs" / "make_networks.py"
    done = subprocess.run([sys.executable, str(script), "--check"], check=False, timeout=120)
    assert done.returncode == 0, "docs/reference/networks.md is out of date; run `make docs`"
