"""Which model an item gets where none is named: by its channels, and by the axes that it has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.errors import ModelError
from srkit.grid import Scale
from srkit.image import Channel
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling.planning.shelf import EnlargerShelf

IN_PLANE, VOLUME = ("row", "column"), ("slice", "row", "column")
Put = Callable[..., None]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Return a function that puts a model of the domain `toy` on the shelf, which holds no other."""
    monkeypatch.setenv("SRKIT_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))

    def write(name: str, roles: tuple[str, ...] = IN_PLANE, channels: int = 1, scale: Scale = Scale(2, 2)) -> None:  # noqa: B008
        shape: dict[str, Any] = {"features": 2, "blocks": 0, "head_kernel": 1}
        factors = [scale.of(role) for role in roles]
        network = SRResNet(ndim=len(roles), channels=channels, scale=factors, **shape)
        bands = tuple(Channel(f"band {i}") for i in range(channels)) if channels > 1 else ()
        info = ModelInfo(name, "toy", "srresnet", scale, roles, channels, shape, bands, halo=network.halo)
        save_model(tmp_path / f"{name}.safetensors", network, info)

    return write


def chosen(plugins: Plugins, source: ArraySource, scale: Scale | None = None) -> str:
    return EnlargerShelf(plugins, None, scale).choose("toy", source).name


def image(*shape: int) -> ArraySource:
    channels = [Channel(f"band {i}") for i in range(shape[0])]
    return ArraySource(np.zeros(shape, np.uint16), channels=channels)


def test_an_image_gets_no_network_for_volumes(put: Put, toy_plugins: Plugins) -> None:
    put("a-volume", VOLUME)
    with pytest.raises(ModelError, match=r"at hand: a-volume \(x2\)"):
        chosen(toy_plugins, image(1, 8, 8))
    put("b-plane")
    assert chosen(toy_plugins, image(1, 8, 8)) == "b-plane"
    assert chosen(toy_plugins, image(1, 4, 8, 8)) == "a-volume"


def test_a_volume_gets_the_network_for_the_axes_that_become_finer(put: Put, toy_plugins: Plugins) -> None:
    put("a-slices", VOLUME, scale=Scale(1, 1, 2))
    put("b-plane")
    volume = image(1, 4, 8, 8)
    assert chosen(toy_plugins, volume) == "b-plane"
    assert chosen(toy_plugins, volume, Scale(2, 2)) == "b-plane"
    assert chosen(toy_plugins, volume, Scale(1, 1, 2)) == "a-slices"
    with pytest.raises(ModelError, match=r"at scale 3 .*at hand: a-slices \(x1,1,2\), b-plane \(x2\)"):
        chosen(toy_plugins, volume, Scale(3, 3))


@pytest.mark.parametrize(("bands", "wanted"), [(1, "each-band"), (2, "each-band"), (3, "all-three"), (7, "each-band")])
def test_a_model_of_the_same_bands_comes_before_one_that_takes_each_alone(
    put: Put, toy_plugins: Plugins, bands: int, wanted: str
) -> None:
    put("each-band")
    put("all-three", channels=3)
    assert chosen(toy_plugins, image(bands, 8, 8)) == wanted
