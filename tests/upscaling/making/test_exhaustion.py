"""Memory that runs out costs time, not the item."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from upscaling_toys import IntegerNetwork, load, save

from srkit.errors import OutOfMemoryError
from srkit.grid import Scale
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, upscale

MORE_THAN_THERE_IS = 2**50


class Greedy(IntegerNetwork):
    """Asks for more memory than there is on images longer than `most`."""

    def __init__(self, most: int, how: str) -> None:
        super().__init__((2, 2))
        self.most, self.how, self.asked = most, how, []

    def forward(self, lr: Tensor) -> Tensor:
        self.asked.append(lr.shape[-1])
        if lr.shape[-1] > self.most:
            if self.how == "torch":
                torch.empty(MORE_THAN_THERE_IS)
            if self.how == "numpy":
                np.empty(MORE_THAN_THERE_IS)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return super().forward(lr)


def run(plugins: Plugins, path: Path, out: Path, network: IntegerNetwork, **more: Any) -> Any:
    enlarger = Enlarger("greedy", Scale(2, 2), network, ("row", "column"))
    (result,) = upscale(path, out, plugins=plugins, model=enlarger, tile=64, **more).results
    return result


def told(result: Any) -> list[str]:
    return [finding.text for finding in result.findings if "memory" in finding.text]


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    return save(tmp_path / "a.npy", rng.integers(0, 200, (1, 70, 66), dtype=np.int16))


@pytest.mark.parametrize("how", ["torch", "numpy", "cuda"])
@pytest.mark.parametrize("resume", [False, True])
def test_the_item_is_begun_again_with_smaller_tiles(
    plugins: Plugins, tmp_path: Path, image: Path, how: str, resume: bool
) -> None:
    greedy = Greedy(20, how)
    result = run(plugins, image, tmp_path / "b.npy", greedy, resume=resume)
    straight = run(plugins, image, tmp_path / "c.npy", IntegerNetwork((2, 2)))
    np.testing.assert_array_equal(load(tmp_path / "b.npy"), load(tmp_path / "c.npy"))
    assert list(dict.fromkeys(greedy.asked))[-3:] == [64, 32, 16]
    assert told(result) == ["memory ran out; was begun again, with tiles of 16 samples instead of 32"]
    assert told(straight) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.json", "b.npy", "c.json", "c.npy"]


def test_tiles_that_cannot_be_smaller_are_an_error_that_says_so(plugins: Plugins, tmp_path: Path, image: Path) -> None:
    greedy = Greedy(5, "torch")
    with pytest.raises(OutOfMemoryError, match="memory ran out over a tile of 9 x 9 samples") as caught:
        run(plugins, image, tmp_path / "b.npy", greedy)
    assert caught.value.exit_code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_other_failures_of_a_network_are_not_taken_for_it(plugins: Plugins, tmp_path: Path, image: Path) -> None:
    class Broken(IntegerNetwork):
        def forward(self, lr: Tensor) -> Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        run(plugins, image, tmp_path / "b.npy", Broken((2, 2)))
