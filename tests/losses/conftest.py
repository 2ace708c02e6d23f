import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty every place where weights are looked for, and return the folder of torch's cache."""
    monkeypatch.delenv("SRKIT_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def real_weights() -> Path:
    """Return the folder of real weights beside the repository."""
    data = Path(os.environ.get("SRKIT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not (data / "weights").is_dir():
        pytest.skip("no shared data here")
    return data / "weights"


@pytest.fixture
def torchvision_state() -> Callable[[], dict[str, Tensor]]:
    """Return a maker of random weights by the names and shapes of torchvision's VGG19."""

    def make() -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        plan = [64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0]
        state, place, width = {"classifier.0.weight": torch.zeros(2, 2), "classifier.0.bias": torch.zeros(2)}, 0, 3
        for features in plan:
            if features == 0:
                place += 1
                continue
            deviation = (2 / (9 * width)) ** 0.5
            state[f"features.{place}.weight"] = torch.randn(features, width, 3, 3, generator=generator) * deviation
            state[f"features.{place}.bias"] = torch.randn(features, generator=generator) * 0.1
            place, width = place + 2, features
        return state

    return make
