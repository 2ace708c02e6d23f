"""Fixtures for many rooms: a toy domain of arrays, and smooth random images to train on."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from srkit.plugins import Plugins
from srkit.testing import plugins_with

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


@pytest.fixture(scope="session", autouse=True)
def cache_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what srkit learns of this machine from the user's own cache, which it would be tried for under load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """torchvision, or its Python part where its compiled operators cannot be loaded; for judges that build on it.

    They are of one build with torch, and a wheel of the same build is not to be had everywhere: beside a torch for the
    CPU there may be a torchvision for CUDA alone. Its Python part only asks that two operators are known by name; none
    of them is called.
    """
    try:
        found: ModuleType = pytest.importorskip("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    else:
        return found
    OPERATORS.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    OPERATORS.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return import_module("torchvision")


@pytest.fixture(scope="session")
def spandrel(torchvision: ModuleType) -> ModuleType:
    """The package spandrel, which imports torchvision."""
    found: ModuleType = pytest.importorskip("spandrel")
    return found


@pytest.fixture(scope="session")
def toy_plugins() -> Plugins:
    """The core and the domain `toy`, nothing else that may be installed."""
    return plugins_with(Path(__file__).parent / "toy_domain.py")


@pytest.fixture
def save_array(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a smooth random array as an item of the domain `toy`."""

    def save(name: str, shape: tuple[int, ...] = (40, 44), *, seed: int = 0, dtype: str = "uint16") -> Path:
        rng = np.random.default_rng([seed, *name.encode()])
        spectrum = np.fft.rfftn(rng.normal(size=shape))
        frequencies = np.meshgrid(*(np.fft.fftfreq(n) for n in shape[:-1]), np.fft.rfftfreq(shape[-1]), indexing="ij")
        field = np.fft.irfftn(
            spectrum / (0.02 + np.sqrt(sum(f**2 for f in frequencies))), s=shape, axes=range(len(shape))
        )
        values = (field - field.min()) / (field.max() - field.min()) * 1000
        path = tmp_path / "data" / f"{name}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, values.astype(dtype))
        return path

    return save


@pytest.fixture
def toy_data(save_array: Callable[..., Path]) -> Path:
    """A folder with one image each of six subjects."""
    paths = [save_array(f"s{number}_image") for number in range(6)]
    return paths[0].parent
