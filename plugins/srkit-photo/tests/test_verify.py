"""A seeded fault in a staged output is found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from srkit_photo.codecs import read_photo
from srkit_photo.examples import picture
from srkit_photo.source import PhotoSource
from srkit_photo.verify import verify_photo

from srkit import Channel, Encoding, Grid, OutputPlan, Provenance

PROFILE = b"a profile"


@pytest.fixture
def source(tmp_path: Path) -> PhotoSource:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(picture(8, 9, 3)).save(tmp_path / "a.png", icc_profile=PROFILE, exif=exif)
    return PhotoSource(tmp_path / "a.png", read_photo(tmp_path / "a.png"))


@pytest.fixture
def plan() -> OutputPlan:
    channels = tuple(Channel(name) for name in ("red", "green", "blue"))
    made = Provenance("0", "nearest", None, "2")
    return OutputPlan(Grid.pixels((16, 18)), channels, Encoding(np.dtype(np.uint8)), 1, (2, 2), made)


def saved(
    path: Path, pixels: np.ndarray, *, profile: bytes = PROFILE, orientation: int = 1, maker: bool = True
) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if maker:
        exif[0x010F] = "Maker"
    Image.fromarray(pixels).save(path, icc_profile=profile, exif=exif)
    return path


FAULTS: list[tuple[str, Callable[[Path], Path]]] = [
    ("shape", lambda root: saved(root / "b.png", picture(8, 9, 3))),
    ("opacity", lambda root: saved(root / "b.png", picture(16, 18, 4))),
    ("profile", lambda root: saved(root / "b.png", picture(16, 18, 3), profile=b"another")),
    ("upright", lambda root: saved(root / "b.png", picture(16, 18, 3), orientation=3)),
    ("EXIF", lambda root: saved(root / "b.png", picture(16, 18, 3), maker=False)),
    ("jpeg", lambda root: saved(root / "b.jpg", picture(16, 18, 3))),
]


@pytest.mark.parametrize(("said", "make"), FAULTS)
def test_a_fault_stops_the_output(
    source: PhotoSource, plan: OutputPlan, tmp_path: Path, said: str, make: Callable[[Path], Path]
) -> None:
    findings = verify_photo(source, make(tmp_path), plan)
    assert any(said in f.text for f in findings)
    assert {f.level for f in findings} == {"failure"}


def test_a_true_output_passes(source: PhotoSource, plan: OutputPlan, tmp_path: Path) -> None:
    assert verify_photo(source, saved(tmp_path / "b.png", picture(16, 18, 3)), plan) == []


def test_a_broken_output_is_a_failure(source: PhotoSource, plan: OutputPlan, tmp_path: Path) -> None:
    path = saved(tmp_path / "b.png", picture(16, 18, 3))
    path.write_bytes(path.read_bytes()[:-20])
    assert [f.level for f in verify_photo(source, path, plan)] == ["failure"]
