import threading
import tracemalloc

import numpy as np
import pytest
import rasterio
from affine import Affine
from srkit_satellite.bands import sampled
from srkit_satellite.opening import driver_of
from srkit_satellite.source import RasterSource, open_item

import srkit
from srkit import InputError, Item, Window

RNG = np.random.default_rng(0)
PLACE = {"crs": "EPSG:3857", "transform": Affine(1, 0, 5, 0, -1, 5)}


def whole(source):
    return source.read(Window.whole(source.grid.shape))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_values_are_the_numbers_of_the_file(make, reopen, dtype):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        values = RNG.normal(0, 1e3, (3, 20, 31)).astype(kind)
    else:
        values = RNG.integers(np.iinfo(kind).min, np.iinfo(kind).max, (3, 20, 31), dtype=kind, endpoint=True)
    path = make("in.tif", values, edit=lambda d: setattr(d, "scales", (0.5, 0.5, 0.5)))
    source = RasterSource(path, {})
    np.testing.assert_array_equal(whole(source).values.astype(np.float64), reopen(path).read().astype(np.float64))
    assert source.encoding.dtype == kind
    assert whole(source).valid is None
    source.close()


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ({"compress": "lzw", "tiled": True, "blockxsize": 16, "blockysize": 32}, "tiles"),
        ({"compress": "deflate", "blockysize": 7, "interleave": "band"}, "odd strips"),
        ({"ENDIANNESS": "BIG"}, "big endian"),
        ({"compress": "zstd", "BIGTIFF": "YES"}, "BigTIFF"),
        ({"NBITS": 12}, "12 bits"),
        ({"sparse_ok": True, "tiled": True, "blockxsize": 16, "blockysize": 16}, "sparse"),
    ],
)
def test_every_layout_reads_alike(make, layout, name):
    values = RNG.integers(0, 4000, (4, 50, 45)).astype(np.uint16)
    source = RasterSource(make("in.tif", values, **layout), {})
    np.testing.assert_array_equal(whole(source).values, values)
    window = Window((13, 9), (41, 40))
    np.testing.assert_array_equal(source.read(window).values, values[:, *window.slices])
    source.close()


@pytest.mark.parametrize("nodata", [None, -9999.0, np.nan])
def test_no_number_is_never_valid(make, nodata):
    values = RNG.normal(size=(2, 6, 7)).astype(np.float32)
    values[0, 1, 2], values[1, 3, 3], values[0, 5, 5] = np.nan, np.inf, -9999.0
    source = RasterSource(make("in.tif", values, nodata=nodata), {})
    expected = np.isfinite(values)
    if nodata == -9999.0:
        expected[0, 5, 5] = False
    np.testing.assert_array_equal(whole(source).valid, expected)
    source.close()


def test_validity_is_per_band(make):
    values = RNG.integers(1, 255, (3, 8, 9)).astype(np.uint8)
    values[0, 0], values[2, :, 4] = 0, 0
    source = RasterSource(make("in.tif", values, nodata=0), {})
    np.testing.assert_array_equal(whole(source).valid, values != 0)
    source.close()


def test_mask_overrides_nodata(make):
    values = np.full((1, 8, 8), 7, np.uint8)
    values[0, 0, 0] = 0
    mask = np.ones((8, 8), bool)
    mask[4] = False
    source = RasterSource(make("in.tif", values, nodata=0, mask=mask), {})
    np.testing.assert_array_equal(whole(source).valid[0], mask)
    source.close()


def test_alpha_marks_colour_as_invalid_where_it_is_empty(make):
    values = RNG.integers(1, 255, (2, 9, 9)).astype(np.uint8)
    values[1] = RNG.choice([0, 128, 255], (9, 9))
    source = RasterSource(make("in.tif", values, alpha="YES"), {})
    assert [channel.role for channel in source.channels] == ["image", "alpha"]
    np.testing.assert_array_equal(whole(source).valid[0], values[1] > 0)
    source.close()


@pytest.mark.parametrize(
    ("dtype", "word"), [("int64", "int64"), ("uint64", "uint64"), ("complex64", "complex"), ("complex128", "complex")]
)
def test_numbers_that_no_network_keeps_are_refused_with_advice(make, dtype, word):
    with pytest.raises(InputError, match=rf"(?s){word}.*(convert|intensity)"):
        RasterSource(make("in.tif", np.ones((1, 4, 4), dtype)), {})


def test_nodata_that_no_pixel_can_have_counts_as_none(make, tmp_path):
    path = make("in.tif", np.zeros((1, 4, 4), np.uint8))
    side = "<PAMDataset><PAMRasterBand band='1'><NoDataValue>-9999</NoDataValue></PAMRasterBand></PAMDataset>"
    path.with_name("in.tif.aux.xml").write_text(side)
    source = RasterSource(path, {})
    assert source.encoding.nodata == ()
    assert whole(source).valid is None
    source.close()


@pytest.mark.parametrize("name", ["a!b.tif", "a?b#c.tif", "zip:a.tif", "a%20b.tif", "été 画像.tif", "vsicurl.tif"])
def test_odd_names_are_only_names(make, name):
    values = RNG.integers(0, 9, (1, 5, 6)).astype(np.uint8)
    source = RasterSource(make(name, values), {})
    np.testing.assert_array_equal(whole(source).values, values)
    source.close()


def test_mask_beside_a_raster_may_not_be_another_format(make):
    path = make("in.tif", np.ones((1, 4, 4), np.uint8))
    path.with_name("in.tif.msk").write_text("<VRTDataset rasterXSize='4' rasterYSize='4'/>")
    with pytest.raises(InputError, match=r"in\.tif\.msk"):
        RasterSource(path, {})


def test_external_mask_counts(make):
    values = RNG.integers(1, 255, (3, 12, 12)).astype(np.uint8)
    mask = RNG.random((12, 12)) > 0.5
    path = make("in.tif", values, mask=mask, internal=False)
    assert path.with_name("in.tif.msk").is_file()
    source = RasterSource(path, {})
    assert source.validity.kind == "mask"
    np.testing.assert_array_equal(whole(source).valid[0], mask)
    source.close()


def test_world_file_counts_where_the_raster_says_nothing(make):
    path = make("in.tif", np.ones((1, 4, 4), np.uint8), georeferenced=False)
    path.with_suffix(".tfw").write_text("2\n0\n0\n-2\n101\n199\n")
    source = RasterSource(path, {})
    np.testing.assert_allclose(source.grid.world((0, 0)), (101, 199))  # a world file speaks of the centre
    source.close()


def test_virtual_rasters_are_not_opened(tmp_path):
    path = tmp_path / "in.vrt"
    path.write_text("<VRTDataset rasterXSize='4' rasterYSize='4'/>")
    assert driver_of(path) is None
    with pytest.raises(InputError, match="no raster"):
        RasterSource(path, {})


def test_envi_file_cut_short_is_refused(make):
    path = make("in.img", RNG.integers(0, 9, (3, 16, 16)).astype(np.uint16), driver="ENVI")
    source = RasterSource(path, {})
    assert whole(source).values.shape == (3, 16, 16)
    source.close()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cut short"):
        RasterSource(path, {})


def test_huge_claims_allocate_nothing(tmp_path):
    path = tmp_path / "huge.tif"
    arguments = {"driver": "GTiff", "width": 200_000, "height": 200_000, "count": 1, "dtype": "float32", **PLACE}
    with rasterio.open(path, "w", **arguments, sparse_ok=True, tiled=True, bigtiff="YES", nodata=0):
        pass
    source = RasterSource(path, {})
    block = source.read(Window((150_000, 199_990), (150_020, 200_000)))
    assert not block.valid.any()
    assert source.slab.size * 200_000 * 4 <= 2**28
    source.close()


def test_block_that_claims_gigabytes_is_refused(tmp_path):
    path = tmp_path / "strip.tif"
    arguments = {"driver": "GTiff", "width": 60_000, "height": 60_000, "count": 1, "dtype": "uint8", **PLACE}
    with rasterio.open(
        path, "w", **arguments, sparse_ok=True, tiled=True, blockxsize=60_000, blockysize=60_000, compress="deflate"
    ):
        pass
    with pytest.raises(InputError, match="claims blocks"):
        RasterSource(path, {})


def test_broken_block_is_an_input_error_that_names_its_rows(make):
    values = RNG.integers(0, 60000, (1, 64, 64)).astype(np.uint16)
    path = make("in.tif", values, compress="deflate", tiled=True, blockxsize=16, blockysize=16)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 600] = b"\xff" * 600
    path.write_bytes(content)
    source = RasterSource(path, {})
    with pytest.raises(InputError, match=r"rows 0 to 63 cannot be read"):
        whole(source)
    source.close()


def test_reading_leaves_the_folder_as_it_was(make):
    path = make("in.tif", RNG.integers(0, 9, (4, 40, 40)).astype(np.uint8), nodata=0)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    source = RasterSource(path, {})
    whole(source)
    source.close()
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before


def test_source_opened_in_another_thread_reads_the_same(make):
    path = make("in.tif", RNG.integers(0, 9, (2, 40, 40)).astype(np.uint8))
    found = []

    def read():
        source = RasterSource(path, {})
        found.append(whole(source).values)
        source.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found[0], found[1])


def claiming(folder, rows, columns):
    """Return a virtual raster of some bytes that claims so many pixels."""
    with rasterio.open(folder / "one.tif", "w", driver="GTiff", width=1, height=1, count=1, dtype="uint8", **PLACE):
        pass
    path = folder / "claim.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}"><GeoTransform>0,1,0,0,0,-1</GeoTransform>'
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">one.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return path


def test_more_pixels_than_allowed_are_refused_before_one_is_read(tmp_path):
    path, options = claiming(tmp_path, 2 * 10**9, 2 * 10**9), {"allow_vrt": True}
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"2,000,000,000 x 2,000,000,000 pixels, more than .* --max-pixels"):
            srkit.upscale(path, tmp_path / "out.tif", model="nearest", scale=2, options={"satellite": options})
        assert tracemalloc.get_traced_memory()[1] < 2**28  # libraries that are imported now; a row has 2e9 pixels
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "out.tif").exists()


def test_the_largest_number_of_pixels_is_the_users_to_say(make):
    path = make("in.tif", RNG.integers(0, 9, (1, 20, 30)).astype(np.uint8))
    for allowed, refused in ((599, True), (600, False)):
        findings = srkit.inspect(path, options={"satellite": {"max_pixels": allowed}})[0].findings
        assert any(finding.level == "refusal" and "--max-pixels" in finding.text for finding in findings) == refused


def test_very_long_rows_are_looked_at_in_their_middle(tmp_path):
    source = open_item(Item((claiming(tmp_path, 3, 2 * 10**9),), "satellite"), {"allow_vrt": True})
    assert sampled(source.dataset, 0).shape == (3, 2**18)
    source.close()
