"""Scenes and the bands of models, from file to file: which band enters, and what becomes of the others."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine

import srkit
from srkit import Channel, ModelError, Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet

NAMES = ("B02 blue", "B03 green", "B04 red", "B08 nir")
PROFILE = {"driver": "GTiff", "crs": "EPSG:32633", "transform": Affine(10, 0, 5e5, 0, -10, 6e6), "dtype": "uint16"}


def scene(path: Path, names: tuple[str, ...], order: tuple[int, ...] | None = None) -> Path:
    """Write a scene of four bands, those of `order`, with another validity each."""
    values = np.random.default_rng(0).integers(1000, 4000, (4, 23, 31), dtype=np.uint16)
    for band in range(4):
        values[band, band : band + 3, 5:9] = 0
    chosen = values[list(order if order is not None else range(len(names)))]
    with rasterio.open(path, "w", height=23, width=31, count=len(chosen), nodata=0, **PROFILE) as file:
        file.descriptions = names
        file.update_tags(SENSOR="Sentinel-2 MSI")
        file.write(chosen)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model for blue, green and red that mixes them."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"features": 4, "blocks": 1, "head_kernel": 3, "skip": "bicubic"}
    network = SRResNet(ndim=2, channels=3, scale=2, **shape).eval()
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.2)
    bands = (
        Channel("B02 blue", wavelength_nm=492.4, bandwidth_nm=66, aliases=("sentinel-2 B2", "blue")),
        Channel("B03 green", wavelength_nm=559.8, bandwidth_nm=36, aliases=("sentinel-2 B3", "green")),
        Channel("B04 red", wavelength_nm=664.6, bandwidth_nm=31, aliases=("sentinel-2 B4", "red")),
    )
    spec = {"kind": "bands", "low": [0.0, 10.0, 20.0], "high": [4000.0, 5000.0, 6000.0]}
    axes = ("row", "column")
    info = ModelInfo("bgr", "satellite", "srresnet", Scale(2, 2), axes, 3, shape, bands, spec, halo=network.halo)
    save_model(tmp_path / "bgr.safetensors", network, info)
    return tmp_path / "bgr.safetensors"


def pixels(path: Path, model: Path, **more: Any) -> np.ndarray:
    out = path.with_name(f"{path.stem}_out.tif")
    srkit.upscale(path, out, model=model, overwrite=True, **more)
    assert srkit.verify(path, out, consistency_limit=9).good  # the network is random
    with rasterio.open(out) as file:
        return np.asarray(file.read())


def test_bands_in_another_order_and_by_other_names_give_the_same_numbers(tmp_path: Path, model: Path) -> None:
    expected = pixels(scene(tmp_path / "a.tif", NAMES[:3]), model)
    turned = pixels(scene(tmp_path / "b.tif", ("red", "green", "blue"), (2, 1, 0)), model)
    np.testing.assert_array_equal(turned[::-1], expected)
    asked = pixels(scene(tmp_path / "c.tif", ("x", "y", "z"), (2, 1, 0)), model, bands="z,2,1")
    np.testing.assert_array_equal(asked[::-1], expected)
    placed = pixels(scene(tmp_path / "d.tif", ("x", "y", "z")), model, bands="position")
    np.testing.assert_array_equal(placed, expected)
    with pytest.raises(ModelError, match=r"B02 blue \(492.4 nm\).* the image has 3: x, y, z: .*--bands"):
        pixels(tmp_path / "d.tif", model)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0)])
def test_other_bands_are_refused_interpolated_or_dropped_and_each_band_says_how_it_was_made(
    tmp_path: Path, model: Path, order: tuple[int, ...]
) -> None:
    expected = pixels(scene(tmp_path / "three.tif", NAMES[:3]), model)
    names = tuple(NAMES[i] for i in order)
    path = scene(tmp_path / "four.tif", names, order)
    with pytest.raises(ModelError, match=r"--extra-bands"):
        pixels(path, model)
    kept = pixels(path, model, extra_bands="bicubic")
    np.testing.assert_array_equal(kept[[order.index(i) for i in range(3)]], expected)
    with rasterio.open(tmp_path / "four_out.tif") as file:
        methods = {name: file.tags(i)["SRKIT_METHOD"] for i, name in zip(file.indexes, file.descriptions, strict=True)}
    assert methods == {**dict.fromkeys(NAMES[:3], "bgr"), NAMES[3]: "bicubic"}
    np.testing.assert_array_equal(kept[order.index(3)], pixels(path, Path("bicubic"))[order.index(3)])
    dropped = pixels(path, model, extra_bands="drop")
    left = [i for i in order if i < 3]
    np.testing.assert_array_equal(dropped, expected[left])
    with rasterio.open(tmp_path / "four_out.tif") as file:
        assert file.descriptions == tuple(NAMES[i] for i in left)
        assert json.loads(file.tags()["SRKIT_BANDS"]) == list(file.descriptions)


def test_a_band_that_got_lost_is_no_band_that_was_dropped(tmp_path: Path) -> None:
    path, out, less = scene(tmp_path / "a.tif", NAMES), tmp_path / "b.tif", tmp_path / "c.tif"
    srkit.upscale(path, out, model="nearest")
    with rasterio.open(out) as file:
        profile, values = {**file.profile, "count": 3}, file.read([1, 2, 3])
        with rasterio.open(less, "w", **profile) as copy:
            copy.write(values)
            copy.descriptions = NAMES[:3]
            copy.update_tags(**file.tags())
    broken = {finding.code for finding in srkit.verify(path, less).findings if finding.level == "failure"}
    assert "D4" in broken


def test_fewer_bands_than_the_model_takes_are_refused(tmp_path: Path, model: Path) -> None:
    path = scene(tmp_path / "a.tif", NAMES[:2])
    with pytest.raises(ModelError, match="3 channel"):
        pixels(path, model)
