"""Folders of tiles: what is one image, and that its tiles become what the whole image becomes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from srkit_satellite.normalizers import normalizer_of
from srkit_satellite.tiles import Placement, tiles_of

from srkit import InputError, Item, Window, upscale
from srkit.data.catalogue import find_items
from srkit.plugins import default_options, discover, open_source, relate
from srkit.testing import plugins_with

UTM = {"crs": "EPSG:32633", "transform": Affine(10, 0, 531180, 0, -10, 5068800)}


@pytest.fixture
def plugins():
    return plugins_with("srkit_satellite.plugin")


def scene(rows, columns, bands=2, seed=0):
    """Return a scene with large and small structures, brighter to one side, so that tiles differ in their range."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(200, 6000, rows * columns).reshape(rows, columns)
    return np.stack([slope + rng.normal(0, 300, (rows, columns)) + 500 for _ in range(bands)]).astype(np.uint16)


def cut(make, values, rows, columns, folder="tiles", **extra):
    """Write `values` as tiles; `rows` and `columns` are the edges between them."""
    for r, (top, bottom) in enumerate(pairwise(rows)):
        for c, (left, right) in enumerate(pairwise(columns)):
            place = UTM["transform"] @ Affine.translation(left, top)
            tile = values[:, top:bottom, left:right]
            make(f"{folder}/tile_{r}_{c}.tif", tile, transform=place, crs=UTM["crs"], **extra)


def found(plugins, folder, **options):
    every = default_options(plugins)
    every["satellite"] |= options
    entries = discover(plugins, folder, every)
    assert all(isinstance(entry, Item) for entry in entries), entries
    return entries


def joined(paths, like):
    """Return tiles put together by what their transforms say, on the grid of `like`."""
    values = np.zeros((like.count, *like.shape), like.dtypes[0])
    for path in paths:
        with rasterio.open(path) as tile:
            row, column = like.index(*tile.transform @ (0.5, 0.5))
            values[:, row : row + tile.height, column : column + tile.width] = tile.read()
    return values


def test_tiles_know_of_each_other_and_others_do_not(make, plugins, tmp_path):
    cut(make, scene(40, 60), (0, 20, 40), (0, 30, 60))
    far = UTM["transform"] @ Affine.translation(500, 500)
    other = {
        "odd_crs.tif": {"crs": "EPSG:32634"},
        "half_a_pixel.tif": {"transform": UTM["transform"] @ Affine.translation(60.5, 0)},
    }
    other |= {"coarse.tif": {"transform": Affine(20, 0, 531780, 0, -20, 5068800)}, "far.tif": {"transform": far}}
    for name, extra in other.items():
        make(f"tiles/{name}", scene(20, 20), **{**UTM, **extra})
    make(
        "tiles/bytes.tif",
        np.ones((2, 20, 20), np.uint8),
        crs=UTM["crs"],
        transform=UTM["transform"] @ Affine.translation(60, 0),
    )
    make(
        "tiles/one_band.tif", scene(20, 20, 1), crs=UTM["crs"], transform=UTM["transform"] @ Affine.translation(60, 20)
    )
    items = found(plugins, tmp_path / "in" / "tiles")
    assert {item.stem: len(item.mosaic) for item in items} == {
        **{f"tile_{r}_{c}": 4 for r in (0, 1) for c in (0, 1)},
        **dict.fromkeys(("odd_crs", "half_a_pixel", "coarse", "far", "bytes", "one_band"), 0),
    }
    assert not any(item.mosaic for item in found(plugins, tmp_path / "in" / "tiles", neighbours="none"))


def test_images_of_one_place_at_several_dates_are_no_tiles(make, plugins, tmp_path):
    make("dates/may.tif", scene(40, 40), **UTM)
    make("dates/june.tif", scene(40, 40, seed=1), **UTM)
    make("dates/beside.tif", scene(40, 40), crs=UTM["crs"], transform=UTM["transform"] @ Affine.translation(40, 0))
    assert not any(item.mosaic for item in found(plugins, tmp_path / "in" / "dates"))


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
@pytest.mark.parametrize("extra", [{}, {"nodata": 0}], ids=["full", "nodata"])
def test_outputs_of_tiles_are_the_output_of_the_mosaic(make, plugins, tmp_path, kernel, extra):
    values = scene(61, 83)
    if extra:
        values[:, 20:45, 25:60] = 0
        values[0, 5] = 0
    make("whole/scene.tif", values, **UTM, **extra)
    cut(make, values, (0, 7, 40, 61), (0, 33, 34, 83), **extra)
    for name in ("whole", "tiles"):
        report = upscale(tmp_path / "in" / name, tmp_path / name, scale=3, model=kernel, plugins=plugins)
        assert report.exit_code == 0
    with rasterio.open(tmp_path / "whole" / "scene.tif") as whole:
        np.testing.assert_array_equal(joined((tmp_path / "tiles").glob("*.tif"), whole), whole.read())
    named = sorted((tmp_path / "in" / "tiles").glob("*.tif"), reverse=True)
    options = {"satellite": {**default_options(plugins)["satellite"], "mosaic": True}}
    report = upscale(named, tmp_path / "named", scale=3, model=kernel, plugins=plugins, options=options)
    assert report.gathered == (tmp_path / "named" / "mosaic.vrt",)
    for path in (tmp_path / "tiles").glob("*.tif"):
        assert (tmp_path / "named" / path.name).read_bytes() == path.read_bytes()
    with (
        rasterio.open(tmp_path / "named" / "mosaic.vrt") as mosaic,
        rasterio.open(tmp_path / "whole/scene.tif") as whole,
    ):
        np.testing.assert_array_equal(mosaic.read(), whole.read())
    with rasterio.open(tmp_path / "tiles" / "tile_0_0.tif") as tile:
        assert tile.tags()["SRKIT_TILES"] == "9"
    report = upscale(
        tmp_path / "in" / "tiles", tmp_path / "alone", scale=3, model=kernel, plugins=plugins,
        options={"satellite": {"neighbours": "none"}},
    )  # fmt: skip
    assert report.exit_code == 0
    with rasterio.open(tmp_path / "whole" / "scene.tif") as whole:
        assert (joined((tmp_path / "alone").glob("*.tif"), whole) != whole.read()).any()


def test_place_that_no_tile_covers_is_no_data(make, plugins, tmp_path):
    values = scene(40, 40)
    cut(make, values, (0, 20, 40), (0, 20, 40))
    (tmp_path / "in" / "tiles" / "tile_1_1.tif").unlink()
    items = {item.stem: item for item in found(plugins, tmp_path / "in" / "tiles")}
    source = open_source(plugins, items["tile_0_1"], default_options(plugins)["satellite"])
    assert source.extent == Window((0, -20), (40, 20))
    block = source.read(Window((10, -10), (30, 10)))
    assert block.valid[:, :10].all()
    assert block.valid[:, :, :10].all()
    assert not block.valid[:, 10:, 10:].any()
    np.testing.assert_array_equal(block.values[:, :10], values[:, 10:20, 10:30])
    source.close()


def test_own_pixels_come_first_where_tiles_overlap(make, plugins, tmp_path):
    make("tiles/a.tif", np.full((1, 20, 20), 100, np.uint8), **UTM)
    beside = {"crs": UTM["crs"], "transform": UTM["transform"] @ Affine.translation(16, 0)}
    make("tiles/b.tif", np.full((1, 20, 20), 200, np.uint8), **beside)
    for item in found(plugins, tmp_path / "in" / "tiles"):
        source = open_source(plugins, item, default_options(plugins)["satellite"])
        own = 100 if item.stem == "a" else 200
        block = source.read(source.extent)
        inner = block.values[0, :, :20] if own == 100 else block.values[0, :, 16:]
        assert (inner == own).all()
        assert (block.values == 300 - own).any()
        source.close()


def test_tile_that_changed_since_it_was_found_is_an_error(make, plugins, tmp_path):
    cut(make, scene(40, 40), (0, 20, 40), (0, 20, 40))
    item = found(plugins, tmp_path / "in" / "tiles")[0]
    make("tiles/tile_1_1.tif", scene(20, 20), **UTM)
    with pytest.raises(InputError, match="changed since"):
        open_source(plugins, item, default_options(plugins)["satellite"])


def test_items_to_train_on_end_at_their_own_border(make, plugins, tmp_path):
    cut(make, scene(40, 40), (0, 20, 40), (0, 20, 40))
    options = default_options(plugins)["satellite"]
    items, _ = find_items(plugins, [tmp_path / "in" / "tiles"], domain="satellite", options=options)
    assert [item.mosaic for item in items] == [()] * 4


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(-(10**6), 10**6),
    st.randoms(use_true_random=False),
)
def test_any_cutting_of_an_image_is_recognised(heights, widths, start, random):
    tops, lefts = np.cumsum([0, *heights]), np.cumsum([0, *widths])
    placements = [
        Placement(("kind",), (float(start + top), float(left)), (height, width))
        for top, height in zip(tops, heights, strict=False)
        for left, width in zip(lefts, widths, strict=False)
    ]
    random.shuffle(placements)
    expected = tuple(range(len(placements))) if len(placements) > 1 else ()
    assert tiles_of(placements) == [expected] * len(placements)
    moved = [replace(p, origin=(p.origin[0] + 0.25, p.origin[1])) for p in placements[:1]]
    assert tiles_of([*moved, *placements[1:]])[0] == ()


def test_statistics_are_those_of_the_whole_image(make, plugins, tmp_path):
    values = scene(60, 60)
    whole = make("whole/scene.tif", values, **UTM)
    cut(make, values, (0, 20, 60), (0, 20, 60))
    options, spec = default_options(plugins)["satellite"], {"kind": "item-range"}
    ranges = []
    for item in [*found(plugins, whole), *found(plugins, tmp_path / "in" / "tiles")]:
        source = open_source(plugins, item, options)
        ranges.append(dict(normalizer_of(spec, source).spec))
        source.close()
    assert ranges == [ranges[0]] * 5


def test_places_in_several_folders_are_one_group_for_training(make, plugins, tmp_path):
    """R6: what overlaps never parts in a split, wherever it lies; what cannot be opened stays what it was."""
    east = UTM["transform"] @ Affine.translation(3000, 0)
    make("a/may.tif", scene(40, 40), **UTM)
    make("a/far.tif", scene(40, 40), crs=UTM["crs"], transform=east)
    make("b/june.tif", scene(40, 40, seed=1), crs=UTM["crs"], transform=UTM["transform"] @ Affine.translation(-20, 9))
    folders = [tmp_path / "in" / name for name in "ab"]
    items, skipped = find_items(plugins, folders, domain="satellite", options=default_options(plugins)["satellite"])
    groups = {item.stem: item.group for item in items}
    assert groups["may"] == groups["june"] != groups["far"]
    assert skipped == []
    items[0].path.write_bytes(b"II*\0gone since")
    again = relate(plugins, items, default_options(plugins))
    assert [item.stem for item in again] == [item.stem for item in items]
    assert all(item.group for item in again)
