import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NAMES = ["kodim04.png", "sk_camera.png", "sk_rocket.jpg"]


def look(path: Path) -> Image.Image:
    """Open a picture without keeping its file open."""
    return Image.open(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("name", NAMES)
def test_real_photograph_is_enlarged_in_its_own_kind(
    photographs: Path, enlarge: Callable[..., Path], name: str
) -> None:
    before = look(photographs / name)
    after = look(enlarge(photographs / name, model="bicubic"))
    assert (after.format, after.mode) == (before.format, before.mode)
    assert after.size == tuple(2 * n for n in before.size)
    assert after.info.get("icc_profile") == before.info.get("icc_profile")


@pytest.mark.parametrize("name", NAMES)
def test_real_photograph_shrunk_again_is_the_same(photographs: Path, enlarge: Callable[..., Path], name: str) -> None:
    before = look(photographs / name)
    after = look(enlarge(photographs / name, model="bicubic")).resize(before.size, Image.Resampling.BOX)
    difference = np.asarray(after, float) - np.asarray(before, float)
    assert np.sqrt((difference**2).mean()) < 8
    assert abs(difference.mean()) < 0.5


def test_enlarging_beats_the_nearest_neighbour_and_is_centred(
    photographs: Path, enlarge: Callable[..., Path], tmp_path: Path
) -> None:
    original = look(photographs / "kodim23.png")
    small = original.resize((original.width // 2, original.height // 2), Image.Resampling.BICUBIC)
    errors = {}
    for model in ("nearest", "bicubic"):
        (tmp_path / model).mkdir()
        small.save(tmp_path / model / f"{model}.png")
        result = np.asarray(look(enlarge(tmp_path / model / f"{model}.png", model=model)), float)
        errors[model] = ((result - np.asarray(original, float)) ** 2).mean()
    reference = np.asarray(small.resize(original.size, Image.Resampling.BICUBIC), float)
    expected = ((reference - np.asarray(original, float)) ** 2).mean()
    assert errors["bicubic"] < errors["nearest"]
    assert errors["bicubic"] == pytest.approx(expected, rel=0.02)
