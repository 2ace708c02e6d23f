"""Sentinel-2 products (SAFE): which files hold which bands, and what their numbers mean.

The raster files are believed on their size, the metadata on names, wavelengths and the way to reflectance.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from srkit import InputError
from srkit_satellite.product import MTD_MARK, Product
from srkit_satellite.saturation import SATURATED_TAG
from srkit_satellite.stack import BandFile

NATIVE = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B09", "B10"),
}
"""Bands by their own pixel size in metres; level 2A repeats them at coarser ones."""

BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
IMAGE = re.compile(r"GRANULE/([^/]+)/IMG_DATA/(?:R\d+m/)?[^/]*_(B\d\d|B8A)(?:_(\d+)m)?\.jp2", re.IGNORECASE)
NODATA, SATURATED = 0.0, "65535"
LARGEST_METADATA = 2**24
KEPT: tuple[str, ...] = (
    "PRODUCT_URI",
    "PROCESSING_LEVEL",
    "PROCESSING_BASELINE",
    "PRODUCT_START_TIME",
    "SPACECRAFT_NAME",
)
KEPT += ("SENSING_ORBIT_NUMBER", "SENSING_ORBIT_DIRECTION", "CLOUD_COVERAGE_ASSESSMENT", "Cloud_Coverage_Assessment")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the XML says: reflectance = (number + offset of the band) / quantification."""

    tags: Mapping[str, str] = field(default_factory=dict)
    quantification: float = 10000.0
    offsets: Mapping[str, float] = field(default_factory=dict)
    wavelengths: Mapping[str, str] = field(default_factory=dict)


def is_archive(path: Path) -> bool:
    """Tell whether a ZIP archive holds a Sentinel-2 product; broken ones are none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(_is_metadata(name) for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _is_metadata(name: str) -> bool:
    return name.rpartition("/")[2].startswith(MTD_MARK) and name.endswith(".xml") and name.count("/") <= 1


def read(path: Path) -> Product:
    """Return the product whose metadata or archive is at `path`. Raises InputError where that is broken."""
    packed = path.suffix.lower() == ".zip"
    text, names, root = _archive(path) if packed else _folder(path)
    metadata = parse(path, text)
    name = metadata.tags.get("PRODUCT_URI", path.stem if packed else path.absolute().parent.name).removesuffix(".SAFE")
    groups: dict[str, dict[str, BandFile]] = {}
    found = dict(_images(names))
    several = len({granule for granule, _, _ in found}) > 1
    for (granule, metres, band), image in sorted(found.items(), key=lambda entry: entry[0][0]):
        key = f"{granule}_{metres}m" if several else f"{metres}m"
        groups.setdefault(key, {})[band] = _band(band, metadata, path if packed else root / image, image * packed)
    if not groups:
        raise InputError(f"{path}: is a Sentinel-2 product without any of its bands; fetch it again")
    ordered = {key: tuple(found[b] for b in BAND_IDS if b in found) for key, found in groups.items()}
    inside = () if packed else tuple(root / image for image in names)
    level = metadata.tags.get("PROCESSING_LEVEL", "")
    return Product(path, name, f"Sentinel-2 {level} product".replace("  ", " "), ordered, metadata.tags, inside)


def _images(names: list[str]) -> Iterator[tuple[tuple[str, int, str], str]]:
    """Yield granule, pixel size and band of every file that holds a band at its own pixel size."""
    native = {band: metres for metres, bands in NATIVE.items() for band in bands}
    for name in names:
        match = IMAGE.search(name)
        if match is None:
            continue
        band = match[2].upper()
        if band in native and int(match[3] or native[band]) == native[band]:
            yield (match[1], native[band], band), name


def _band(name: str, metadata: Metadata, path: Path, member: str) -> BandFile:
    tags = {"WAVELENGTH_NM": metadata.wavelengths[name]} if name in metadata.wavelengths else {}
    offset = metadata.offsets.get(name, 0.0) / metadata.quantification
    return BandFile(path, member, name, 1 / metadata.quantification, offset, "reflectance", NODATA, tags)


def _folder(path: Path) -> tuple[bytes, list[str], Path]:
    root = path.parent
    try:
        if path.stat().st_size > LARGEST_METADATA:
            raise InputError(f"{path}: is too large for the metadata of a product")
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from error
    real = root.resolve()
    below = (file for file in sorted(root.rglob("*")) if file.is_file() and file.resolve().is_relative_to(real))
    return text, [file.relative_to(root).as_posix() for file in below], root


def _archive(path: Path) -> tuple[bytes, list[str], Path]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            metadata = next(name for name in names if _is_metadata(name))
            if archive.getinfo(metadata).file_size > LARGEST_METADATA:
                raise InputError(f"{path}: the metadata inside is too large for that of a product")
            return archive.read(metadata), names, path.parent
    except (OSError, zipfile.BadZipFile, StopIteration, RuntimeError, NotImplementedError, zlib.error) as error:
        raise InputError(f"{path}: is a broken archive ({type(error).__name__}); fetch it again") from error


def parse(path: Path, text: bytes) -> Metadata:
    """Return what the product's XML says. Raises InputError where it is none."""
    try:
        if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
            raise InputError(f"{path}: defines entities, which metadata of a product never does")
        root = ElementTree.fromstring(text)
        values = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter()}
        given = values.get("BOA_QUANTIFICATION_VALUE") or values.get("QUANTIFICATION_VALUE") or "10000"
        tags = {key: values[key] for key in KEPT if values.get(key)}
        return Metadata({**tags, SATURATED_TAG: _saturated(root)}, _positive(given), _offsets(root), _wavelengths(root))
    except (ElementTree.ParseError, ValueError, IndexError) as error:
        raise InputError(f"{path}: is broken metadata of a product ({type(error).__name__}); fetch it again") from error


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _saturated(root: ElementTree.Element) -> str:
    """Return the number of saturated samples."""
    for element in root.iter():
        if (element.findtext("SPECIAL_VALUE_TEXT") or "").strip() == "SATURATED":
            return f"{float(element.findtext('SPECIAL_VALUE_INDEX') or 'nan'):.17g}"
    return SATURATED


def _offsets(root: ElementTree.Element) -> dict[str, float]:
    """Return what is added to the numbers before division: none before baseline 04.00, -1000 since."""
    return {
        BAND_IDS[int(element.get("band_id", "-"))]: float(element.text or "0")
        for element in root.iter()
        if element.tag.rpartition("}")[2] in ("RADIO_ADD_OFFSET", "BOA_ADD_OFFSET")
    }


def _wavelengths(root: ElementTree.Element) -> dict[str, str]:
    found = {}
    for element in root.iter():
        central = element.findtext("Wavelength/CENTRAL") or element.findtext("{*}Wavelength/{*}CENTRAL")
        if element.tag.rpartition("}")[2] == "Spectral_Information" and central:
            found[BAND_IDS[int(element.get("bandId", "-"))]] = central.strip()
    return found
