"""What is known of a raster's bands: sensor, wavelength, colour, quantity, and how large pixels are on the ground."""

from pathlib import Path
from typing import Any

import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from srkit_satellite.bands import bands_of
from srkit_satellite.source import RasterSource
from srkit_satellite.spectra import sensor_named

PLACE = Affine(10, 0, 500000, 0, -10, 6000000)


def raster(path: Path, descriptions: list[str], colours: list[str] | None = None, **tags: str) -> Any:
    profile: dict[str, Any] = {"driver": "GTiff", "height": 4, "width": 4, "transform": PLACE, "dtype": "uint16"}
    with rasterio.open(path, "w", count=len(descriptions), **profile) as file:
        file.colorinterp = [ColorInterp[name] for name in colours or ["undefined"] * len(descriptions)]
        file.descriptions = [name or None for name in descriptions]
        file.update_tags(**tags)
    return rasterio.open(path)


@pytest.mark.parametrize(
    ("said", "sensor"),
    [
        ({"SENSOR": "Sentinel-2 MSI L2A"}, "sentinel-2"),
        ({"SPACECRAFT_ID": "LANDSAT_8", "SENSOR_ID": "OLI_TIRS"}, "landsat-8"),
        ({"SPACECRAFT_ID": "LANDSAT_9", "SENSOR_ID": "OLI_TIRS"}, "landsat-9"),
        ({"SENSOR_ID": "ETM"}, "landsat-7"),
        ({"platform": "Landsat 5"}, "landsat-5"),
        ({"SENSOR": "NAIP"}, ""),
        ({}, ""),
    ],
)
def test_the_sensor_is_what_the_tags_say(said: dict[str, str], sensor: str) -> None:
    assert sensor_named(said) == sensor


def test_a_number_means_a_band_of_its_sensor_only(tmp_path: Path) -> None:
    with raster(tmp_path / "a.tif", ["B5", "SR_B4", "B8A"], SENSOR="Landsat 8 OLI") as file:
        channels = bands_of(file, "a", {}).channels
    assert [c.wavelength_nm for c in channels] == [864.7, 654.6, None]
    with raster(tmp_path / "b.tif", ["B05", "B04", "B8A"]) as file:
        assert [c.wavelength_nm for c in bands_of(file, "b", {}).channels] == [None] * 3
        chosen = bands_of(file, "b", {"sensor": "sentinel-2"}).channels
    assert [c.wavelength_nm for c in chosen] == [704.1, 664.6, 864.7]


def test_colours_come_from_names_before_interpretations(tmp_path: Path) -> None:
    said = ["B04 red", "", "Red Edge 1", "near infrared"]
    with raster(tmp_path / "a.tif", said, ["blue", "green", "red", "gray"]) as f:
        aliases = [c.aliases for c in bands_of(f, "a", {}).channels]
    assert aliases == [("red",), ("green",), ("rededge",), ("nir",)]


def test_what_the_bands_tags_say_of_wavelengths_comes_first(tmp_path: Path) -> None:
    profile: dict[str, Any] = {"driver": "GTiff", "height": 4, "width": 4, "transform": PLACE, "dtype": "uint8"}
    with rasterio.open(tmp_path / "a.tif", "w", count=1, **profile) as file:
        file.descriptions = ["B4"]
        file.update_tags(SENSOR="Sentinel-2")
        file.update_tags(1, ns="IMAGERY", CENTRAL_WAVELENGTH_UM="0.7", FWHM_UM="0.02")
    with rasterio.open(tmp_path / "a.tif") as file:
        (channel,) = bands_of(file, "a", {}).channels
    assert (channel.wavelength_nm, channel.bandwidth_nm, channel.quantity) == (700.0, 20.0, "display")


def test_pixels_are_measured_in_metres_whatever_the_crs(tmp_path: Path) -> None:
    profile: dict[str, Any] = {"driver": "GTiff", "height": 4, "width": 4, "count": 1, "dtype": "uint8"}
    for crs, size, expected in [
        ("EPSG:32633", 10.0, (10, 10)),
        ("EPSG:2276", 10.0, (3.048, 3.048)),
        (None, 10.0, None),
    ]:
        place = Affine(size, 0, 500000, 0, -size, 6000000)
        with rasterio.open(tmp_path / "a.tif", "w", transform=place, crs=crs, **profile):
            pass
        found = RasterSource(tmp_path / "a.tif", {}).sample_sizes
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-5))
    with rasterio.open(
        tmp_path / "b.tif", "w", transform=Affine(1e-4, 0, 10, 0, -1e-4, 60), crs="EPSG:4326", **profile
    ):
        pass
    rows, columns = RasterSource(tmp_path / "b.tif", {}).sample_sizes or (0, 0)
    assert (rows, columns) == pytest.approx((11.14, 5.58), rel=0.005)  # WGS 84 at 60 degrees north
