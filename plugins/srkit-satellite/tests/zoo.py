"""Small rasters of every kind that rasters come in, made in code: `stock` writes all of them into one folder.

Files of products, tiles and most broken files are made where they are tested.
"""

import struct
import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.rpc import RPC

NORTH_UP = Affine(10, 0, 531180, 0, -10, 5068800)
UTM = {"crs": "EPSG:32633", "transform": NORTH_UP}
SHAPE = (3, 40, 56)
CRS_KINDS = {
    "utm": "EPSG:32755",
    "degrees": "EPSG:4326",
    "mercator": "EPSG:3857",
    "compound": "EPSG:7415",
    "compound_grid": "EPSG:7405",
    "three_dimensional": "EPSG:4979",
    "esri": "ESRI:102001",
    "mars": "IAU_2015:49910",
    "local": 'LOCAL_CS["site",UNIT["metre",1]]',
    "custom": "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m",
    "shifted": "+proj=tmerc +lat_0=0 +lon_0=9 +k=1 +x_0=3500000 +ellps=bessel +towgs84=598,74,418,0.2,0,-2.4,6.7",
    "geostationary": "+proj=geos +h=35785831 +lon_0=-75 +sweep=x +ellps=GRS80",
}
TRANSFORMS = {
    "rotated": Affine(8.66, 5, 531180, 5, -8.66, 5068800),
    "sheared": Affine(10, 3, 531180, 0, -10, 5068800),
    "south_up": Affine(10, 0, 531180, 0, 10, 5068800),
    "mirrored": Affine(-10, 0, 531180, 0, -10, 5068800),
    "third_pixel": Affine(10 / 3, 0, 531180.1, 0, -10 / 3, 5068800.7),
}
SIZES = {"1x1": (1, 1), "1x40": (1, 40), "40x1": (40, 1), "5x3": (5, 3), "13x17": (13, 17), "511x513": (511, 513)}
RATIONAL = RPC(
    height_off=200, height_scale=500, lat_off=45.7, lat_scale=0.02, line_off=19.5, line_scale=20, long_off=15.4,
    long_scale=0.03, samp_off=27.5, samp_scale=28, line_num_coeff=[0, 0, -1, *[0] * 17], line_den_coeff=[1, *[0] * 19],
    samp_num_coeff=[0, 1, *[0] * 18], samp_den_coeff=[1, *[0] * 19], err_bias=1, err_rand=0.5,
)  # fmt: skip


def samples(dtype="uint16", shape=SHAPE, low=1, high=None):
    """Return numbers over most of what a type holds, never its lowest."""
    if np.dtype(dtype).kind == "f":
        return np.random.default_rng(7).normal(100, 30, shape).astype(dtype)
    high = high or min(np.iinfo(dtype).max, 60000)
    return np.random.default_rng(7).integers(low, high, shape).astype(dtype)


def write(path, values, *, edit=None, mask=None, internal=True, **extra):
    """Write a GeoTIFF; `edit` is called on it before its pixels are written."""
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype.name}
    place = {} if "gcps" in extra or extra.pop("nowhere", False) else UTM
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **shape, **{**place, **extra}) as raster:
            if edit is not None:
                edit(raster)
            raster.write(values)
            if mask is not None:
                raster.write_mask(mask)
    return path


def stock(folder: Path) -> None:
    """Write every raster of the zoo."""
    folder.mkdir(parents=True, exist_ok=True)
    for fill in (geometry, coordinate_systems, sizes, validity, kinds, categories, layouts, answers, sources, broken):
        fill(folder)


def geometry(folder):
    write(folder / "s2_like.tif", _striped(), nodata=0, tiled=True, blockxsize=32, blockysize=32, edit=_say_all)
    for name, transform in TRANSFORMS.items():
        write(folder / f"{name}.tif", samples(), transform=transform)
    for kind in ("Area", "Point"):
        write(folder / f"is_{kind.lower()}.tif", samples(), edit=lambda r, kind=kind: r.update_tags(AREA_OR_POINT=kind))
    write(folder / "no_ground.tif", samples(), nowhere=True)
    whole = [GroundControlPoint(r, c, 14 + c / 100, 45 - r / 100, 7.0) for r, c in ((0, 0), (0, 56), (40, 28))]
    broken = [GroundControlPoint(r + 0.5, c + 0.25, 14 + c / 100, 45 - r / 100) for r, c in ((0, 0), (1, 50), (30, 9))]
    write(folder / "points.tif", samples(), gcps=whole, crs="EPSG:4326")
    write(folder / "points_between.tif", samples(), gcps=broken, crs="EPSG:4326")
    write(folder / "rational.tif", samples(), nowhere=True, edit=lambda r: setattr(r, "rpcs", RATIONAL))


def _striped():
    values = samples(shape=(4, 60, 82), high=9000)
    values[:, :9, :11] = 0
    values[2, 20:23] = 0
    return values


def _say_all(raster):
    raster.descriptions = ["B02 blue", "B03 green", "B04 red", "B08 nir"]
    raster.scales, raster.offsets, raster.units = [1e-4] * 4, [-0.1] * 4, ["reflectance"] * 4
    raster.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined]
    raster.update_tags(AREA_OR_POINT="Point", MISSION="made", PLACE="Þórshöfn")
    raster.update_tags(ns="ORBIT", number="122")
    raster.update_tags(4, WAVELENGTH_NM="833")
    raster.rpcs = RATIONAL


def coordinate_systems(folder):
    for name, text in CRS_KINDS.items():
        write(folder / f"crs_{name}.tif", samples(), crs=rasterio.crs.CRS.from_user_input(text))


def sizes(folder):
    for name, shape in SIZES.items():
        values = np.indices(shape).sum(axis=0) % 251 + 1
        write(folder / f"size_{name}.tif", values[np.newaxis].astype(np.uint8), compress="deflate")


def validity(folder):
    hidden = np.random.default_rng(1).random(SHAPE[1:]) > 0.3
    write(folder / "mask_inside.tif", samples(), mask=hidden)
    write(folder / "mask_beside.tif", samples(), mask=hidden, internal=False)
    write(folder / "mask_and_nodata.tif", samples(low=0, high=9), mask=hidden, nodata=3)
    alpha = np.random.default_rng(2).choice([0, 128, 255], SHAPE[1:]).astype(np.uint8)
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    rgba = np.concatenate([samples("uint8"), alpha[np.newaxis]])
    write(folder / "alpha.tif", rgba, photometric="RGB", edit=lambda r: setattr(r, "colorinterp", colours))
    for name, holes, nodata in (
        ("nan_nodata", [np.nan], np.nan),
        ("nan_alone", [np.nan], None),
        ("infinite", [np.inf, -np.inf, np.nan], None),
        ("lowest_float", [-3.4028234663852886e38], -3.4028234663852886e38),
    ):
        values = samples("float32")
        for number, hole in enumerate(holes):
            values[number, number::5, 3 + number :: 7] = hole
        write(folder / f"{name}.tif", values, nodata=nodata)
    write(folder / "all_nodata.tif", np.zeros(SHAPE, np.int16), nodata=0)
    write(folder / "sparse.tif", _one_corner(), nodata=0, sparse_ok=True, tiled=True, blockxsize=16, blockysize=16)
    for name, garbage in (("garbage_low", 0), ("garbage_high", 65535)):
        write(folder / f"{name}.tif", np.where(hidden, samples(), garbage).astype(np.uint16), mask=hidden)


def _one_corner():
    values = np.zeros(SHAPE, np.uint16)
    values[:, :16, :16] = 77
    return values


def kinds(folder):
    for dtype in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"):
        write(folder / f"type_{dtype}.tif", samples(dtype, high=120), nodata=0)
    for dtype in ("complex64", "int64", "uint64"):
        write(folder / f"type_{dtype}.tif", np.ones(SHAPE, dtype))
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]
    near = samples("uint8", (4, 40, 56), low=0)
    write(folder / "rgbn.tif", near, photometric="RGB", edit=lambda r: setattr(r, "colorinterp", colours))
    write(folder / "decibel.tif", -samples("float32", (1, 40, 56)) / 10, edit=lambda r: setattr(r, "units", ["dB"]))
    write(folder / "kelvin.tif", samples(shape=(1, 40, 56)), nodata=0, edit=_say_kelvin)
    write(folder / "nbits12.tif", samples(high=4096), nbits=12)


def _say_kelvin(raster):
    raster.scales, raster.offsets, raster.units = [0.00341802], [149.0], ["K"]


def categories(folder):
    levels = np.random.default_rng(3).integers(0, 5, (1, 40, 56)).astype(np.uint8)
    table = {i: (50 * i, 255 - 50 * i, 99, 255) for i in range(5)}
    write(folder / "palette.tif", levels, photometric="PALETTE", edit=lambda r: r.write_colormap(1, table))
    write(folder / "classes.tif", levels, edit=lambda r: r.update_tags(1, LAYER_TYPE="thematic"))
    write(folder / "scene_QA_PIXEL.tif", 2 ** levels.astype(np.uint16))
    write(folder / "onebit.tif", levels % 2, nbits=1)


def layouts(folder):
    write(folder / "jpeg.tif", samples("uint8"), compress="jpeg", photometric="YCBCR")
    write(folder / "lerc.tif", samples("float32"), compress="lerc", max_z_error=0)
    write(folder / "strips.tif", samples(), blockysize=7)
    write(folder / "blocks.tif", samples(), tiled=True, blockxsize=16, blockysize=16, interleave="band")
    write(folder / "bigtiff.tif", samples(), bigtiff="YES", endianness="BIG")
    for name, resampling in (("overviews", rasterio.enums.Resampling.average),):
        path = write(folder / f"{name}.tif", samples())
        with rasterio.open(path, "r+") as raster:
            raster.build_overviews([2, 4], resampling)
    path = write(folder / "statistics.tif", samples())
    words = '<MDI key="STATISTICS_MEAN">12</MDI>'
    path.with_name("statistics.tif.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><Metadata>{words}</Metadata></PAMRasterBand></PAMDataset>'
    )


def answers(folder):
    ramp = np.arange(65536, dtype=np.uint16).reshape(1, 128, 512)
    write(folder / "ramp.tif", ramp, compress="deflate", predictor=2)
    write(folder / "constant.tif", np.full(SHAPE, 1234, np.uint16))
    write(folder / "checker.tif", np.where(np.indices(SHAPE).sum(axis=0) % 2, 65535, 0).astype(np.uint16))
    points = np.zeros(SHAPE, np.uint16)
    points[:, 5::11, 7::13] = 60000
    write(folder / "point_sources.tif", points)
    materials = np.where(np.indices(SHAPE[1:])[1] < 28, [[[900]], [[1200]], [[700]]], [[[400]], [[900]], [[5000]]])
    write(folder / "two_materials.tif", materials.astype(np.uint16))


def sources(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for name, driver, suffix in (("picture.png", "PNG", "pgw"), ("photo.jpg", "JPEG", "jgw")):
            with rasterio.open(
                folder / name, "w", driver=driver, count=3, height=40, width=56, dtype="uint8"
            ) as raster:
                raster.write(samples("uint8"))
            (folder / name).with_suffix(f".{suffix}").write_text("10\n0\n0\n-10\n531185\n5068795\n")
        with rasterio.open(
            folder / "wavelet.jp2", "w", driver="JP2OpenJPEG", count=3, height=40, width=56, dtype="uint16",
            QUALITY="100", REVERSIBLE="YES", **UTM,
        ) as raster:  # fmt: skip
            raster.write(samples(high=4000))
        with rasterio.open(
            folder / "lines.img",
            "w",
            driver="ENVI",
            interleave="bil",
            count=3,
            height=40,
            width=56,
            dtype="int16",
            **UTM,
        ) as raster:
            raster.write(samples("int16"))
    band = (
        '<VRTRasterBand dataType="{}" band="{}">{}<SimpleSource><SourceFilename relativeToVRT="1">{}</SourceFilename>'
    )
    band += "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
    size = f'<VRTDataset rasterXSize="56" rasterYSize="40"><GeoTransform>{NORTH_UP.to_gdal()}</GeoTransform>'
    size = size.replace("(", "").replace(")", "")
    nodata = ["<NoDataValue>0</NoDataValue>", "<NoDataValue>-9999</NoDataValue>"]
    differing = [band.format("Int16", i + 1, nodata[i], "type_int16.tif") for i in range(2)]
    mixed = [band.format("Byte", 1, "", "type_uint8.tif"), band.format("UInt16", 2, "", "type_uint16.tif")]
    missing = [band.format("Byte", 1, "", "gone.tif")]
    raw = '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"><SourceFilename>/etc/hostname'
    raw += "</SourceFilename></VRTRasterBand>"
    for name, bands in (("differing", differing), ("mixed", mixed), ("missing", missing), ("raw", [raw])):
        (folder / f"{name}.vrt").write_text(f"{size}{''.join(bands)}</VRTDataset>")


def broken(folder):
    (folder / "zero.tif").write_bytes(b"")
    (folder / "text.tif").write_text("not found\n")
    whole = write(folder / "cut_half.tif", samples(), compress="deflate", tiled=True, blockxsize=16, blockysize=16)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    (folder / "cut_header.tif").write_bytes(content[:60])
    (folder / "far_header.tif").write_bytes(b"II*\0" + struct.pack("<I", 2**31) + b"\0" * 56)
    with rasterio.open(
        folder / "huge.tif", "w", driver="GTiff", count=1, height=200_000, width=200_000, dtype="float32", tiled=True,
        blockxsize=4096, blockysize=4096, sparse_ok=True, bigtiff="YES", compress="deflate", **UTM,
    ):  # fmt: skip
        pass
