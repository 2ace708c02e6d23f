"""Virtual rasters: passed over unless asked for, and then looked through before GDAL sees them."""

import numpy as np
import pytest

import srkit
from srkit.plugins import load_plugins

SOURCE = (
    "<SimpleSource><SourceFilename relativeToVRT='1'>{name}</SourceFilename><SourceBand>1</SourceBand>"
    "<SrcRect xOff='0' yOff='0' xSize='30' ySize='20'/>"
    "<DstRect xOff='{x}' yOff='0' xSize='30' ySize='20'/></SimpleSource>"
)


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(environment={"SRKIT_PLUGINS": "satellite"})


@pytest.fixture
def mosaic(make):
    """Return the path of a mosaic of two tiles, and its pixels."""
    values = np.random.default_rng(0).integers(1, 9000, (1, 20, 60)).astype(np.uint16)
    make("tiles/a.tif", values[:, :, :30])
    path = make("tiles/b.tif", values[:, :, 30:]).with_name("mosaic.vrt")
    sources = SOURCE.format(name="a.tif", x=0) + SOURCE.format(name="b.tif", x=30)
    path.write_text(
        "<VRTDataset rasterXSize='60' rasterYSize='20'><SRS>EPSG:32633</SRS>"
        "<GeoTransform>531180, 10, 0, 5068800, 0, -10</GeoTransform>"
        f"<VRTRasterBand dataType='UInt16' band='1'><NoDataValue>0</NoDataValue>{sources}</VRTRasterBand></VRTDataset>"
    )
    return path, values


def upscaled(plugins, path, out, **options):
    return srkit.upscale(path, out, scale=2, model="nearest", plugins=plugins, options={"satellite": options})


def test_mosaic_is_treated_when_asked_for(mosaic, plugins, tmp_path, reopen):
    path, values = mosaic
    report = upscaled(plugins, path, tmp_path / "out", allow_vrt=True)
    after = reopen(report.results[0].output)
    assert report.results[0].output.name == "mosaic.tif"
    np.testing.assert_array_equal(after.read(), values.repeat(2, 1).repeat(2, 2))
    assert after.bounds == (531180, 5068600, 531780, 5068800)
    assert after.nodata == 0
    assert not any(str(path.parent) in value for value in after.tags().values())


def test_without_the_word_it_is_refused_by_name_and_passed_over_in_a_folder(mosaic, plugins, tmp_path):
    path, _ = mosaic
    with pytest.raises(srkit.InputError, match="--allow-vrt"):
        upscaled(plugins, path, tmp_path / "out")
    report = upscaled(plugins, path.parent, tmp_path / "out")
    assert sorted(result.path.name for result in report.results) == ["a.tif", "b.tif"]


RAW = (
    "<VRTRasterBand dataType='Byte' band='1' subClass='VRTRawRasterBand'>"
    "<SourceFilename relativeToVRT='0'>/etc/hostname</SourceFilename></VRTRasterBand>"
)
FUNCTION = (
    "<VRTRasterBand dataType='Byte' band='1' subClass='VRTDerivedRasterBand'>"
    "<PixelFunctionCode>import os</PixelFunctionCode></VRTRasterBand>"
)


@pytest.mark.parametrize(
    ("inner", "word"),
    [
        (RAW, "VRTRawRasterBand"),
        (FUNCTION, "VRTDerivedRasterBand"),
        ("<VRTRasterBand band='1'><SourceFilename>/etc/hostname</SourceFilename></VRTRasterBand>", "VRTRasterBand"),
        ("<VRTRasterBand band='1'>" + SOURCE.format(name="none.tif", x=0) + "</VRTRasterBand>", "no file"),
        ("<VRTRasterBand band='1'>" + SOURCE.format(name="mosaic.vrt", x=0) + "</VRTRasterBand>", "cannot be used"),
        (
            "<VRTRasterBand band='1'><SimpleSource><SourceFilename>/vsicurl/http://127.0.0.1/a.tif</SourceFilename>"
            "</SimpleSource></VRTRasterBand>",
            "no file",
        ),
        (
            "<VRTRasterBand band='1'><SimpleSource><SourceFilename>/etc/hostname</SourceFilename>"
            "</SimpleSource></VRTRasterBand>",
            "cannot be used",
        ),
        ("<GDALWarpOptions/>", "GDALWarpOptions"),
        ("<broken", "broken virtual raster"),
    ],
)
def test_what_reads_other_than_rasters_is_refused_before_work(mosaic, plugins, tmp_path, inner, word):
    path = mosaic[0].with_name("other.vrt")
    path.write_text(f"<VRTDataset rasterXSize='60' rasterYSize='20'>{inner}</VRTDataset>")
    with pytest.raises(srkit.InputError, match=word) as caught:
        upscaled(plugins, path, tmp_path / "out", allow_vrt=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_entities_are_refused(mosaic, plugins, tmp_path):
    path = mosaic[0].with_name("other.vrt")
    path.write_text('<VRTDataset rasterXSize="6"><!DOCTYPE x [<!ENTITY a SYSTEM "/etc/passwd">]></VRTDataset>')
    with pytest.raises(srkit.InputError, match="entities"):
        upscaled(plugins, path, tmp_path / "out", allow_vrt=True)


def test_real_virtual_rasters_are_treated_and_a_missing_source_is_named(data, plugins, tmp_path):
    report = upscaled(plugins, data / "corner" / "vrt", tmp_path / "out", allow_vrt=True)
    status = {result.path.name: result.status for result in report.results}
    assert status.pop("missing.vrt") == "failed"
    assert status["mosaic.vrt"] == status["per_band_nodata.vrt"] == "done"


def mixed(make, *types):
    """Write a virtual raster with one band of each type, from files of their own."""
    names = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "float32": "Float32"}
    bands = ""
    for number, dtype in enumerate(types, start=1):
        make(f"{number}.tif", np.full((6, 7), 100 * number, dtype))
        bands += (
            f"<VRTRasterBand dataType='{names[dtype]}' band='{number}'><SimpleSource>"
            f"<SourceFilename relativeToVRT='1'>{number}.tif</SourceFilename></SimpleSource></VRTRasterBand>"
        )
    path = make("1.tif", np.full((6, 7), 100, types[0])).with_name("mixed.vrt")
    path.write_text(f"<VRTDataset rasterXSize='7' rasterYSize='6'>{bands}</VRTDataset>")
    return path


@pytest.mark.parametrize(
    ("types", "common"),
    [
        (("uint8", "uint16"), "uint16"),
        (("int16", "uint8"), "int16"),
        (("int16", "uint16"), "int32"),
        (("uint16", "float32"), "float32"),
        (("uint32", "float32"), "float64"),
    ],
)
def test_bands_of_several_types_become_the_narrowest_that_holds_them(make, plugins, tmp_path, reopen, types, common):
    after = reopen(upscaled(plugins, mixed(make, *types), tmp_path / "out", allow_vrt=True).results[0].output)
    assert after.dtypes == (common, common)
    assert [np.unique(band).tolist() for band in after.read()] == [[100], [200]]
