from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from srkit_photo.discover import discover_photos
from srkit_photo.examples import picture

from srkit import Item, Skipped
from srkit import plugins as calls
from srkit.plugins import Plugins


def found(root: Path, output: str = "same") -> list[Item | Skipped]:
    return list(discover_photos(root, output))


@pytest.fixture
def image() -> Image.Image:
    return Image.fromarray(picture(8, 9, 3))


def test_formats_are_known_by_content_and_suffixes_kept(tmp_path: Path, image: Image.Image) -> None:
    image.save(tmp_path / "a.JPG", "JPEG")
    image.save(tmp_path / "b.jpeg", "JPEG")
    image.save(tmp_path / "c.PNG", "PNG")
    image.save(tmp_path / "d", "WEBP")
    image.save(tmp_path / "e.png", "JPEG")
    entries = [(i.stem, i.suffix, i.certainty) for i in found(tmp_path) if isinstance(i, Item)]
    assert entries == [
        ("a", ".JPG", "sure"),
        ("b", ".jpeg", "sure"),
        ("c", ".PNG", "sure"),
        ("d", ".webp", "sure"),
        ("e", ".jpg", "sure"),
    ]


def test_suffix_is_that_of_the_output_format(tmp_path: Path, image: Image.Image) -> None:
    image.save(tmp_path / "a.jpg")
    assert [i.suffix for i in found(tmp_path, "png") if isinstance(i, Item)] == [".png"]


def test_a_plain_tiff_is_possible_and_a_georeferenced_one_is_not_ours(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((8, 9), np.uint8))
    tags = [(33550, "d", 3, (1.0, 1.0, 0.0), True), (33922, "d", 6, (0.0,) * 6, True)]
    tifffile.imwrite(tmp_path / "placed.tif", np.zeros((8, 9), np.uint8), extratags=tags)
    entries = found(tmp_path)
    assert [(e.path.name, getattr(e, "certainty", "")) for e in entries] == [("plain.tif", "possible")]


def test_a_raw_file_of_a_camera_is_not_ours(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.dng", np.zeros((8, 9), np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((8, 9), np.uint8), extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    assert found(tmp_path) == []


def test_a_name_without_the_content_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "c.txt").write_text("no picture")
    entries = found(tmp_path)
    assert [(e.path.name, e.failed) for e in entries if isinstance(e, Skipped)] == [("a.png", True), ("b.jpg", True)]


@pytest.mark.parametrize("content", [b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*" + bytes(50)])
def test_a_broken_tiff_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert [(type(e), e.path.name) for e in found(tmp_path)] == [(Skipped, "a.tif")]


def test_a_picture_is_its_own_group(tmp_path: Path, image: Image.Image, plugins: Plugins) -> None:
    image.save(tmp_path / "holiday.png")
    (item,) = calls.discover(plugins, tmp_path, calls.default_options(plugins))
    assert isinstance(item, Item)
    assert item.group == "holiday"


def test_text_that_begins_like_a_bitmap_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("BMW is a car maker, and this is a text about it that goes on for a while")
    assert found(tmp_path) == []


def test_a_picture_with_a_world_file_may_be_a_map(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "map.png")
    (tmp_path / "map.pgw").write_text("1\n0\n0\n-1\n100\n200\n")
    Image.new("RGB", (4, 3)).save(tmp_path / "plain.png")

    found = {item.stem: item.certainty for item in discover_photos(tmp_path, "same")}

    assert found == {"map": "possible", "plain": "sure"}


def test_a_rasters_mask_and_overviews_are_no_pictures(tmp_path: Path) -> None:
    for name in ("scene.tif.msk", "scene.tif.ovr"):
        Image.new("L", (4, 3)).save(tmp_path / name, format="TIFF")

    assert list(discover_photos(tmp_path, "same")) == []
