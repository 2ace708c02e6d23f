"""Landsat bundles: the band files beside an MTL file, or with it in a TAR archive, stacked by what they measure.

The rule for numbers: Collection 2 level 2 says how its numbers become reflectance and kelvin, and that is handed on;
numbers of level 1 are left without, since its way to reflectance needs the sun's height.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from srkit import InputError
from srkit_satellite.product import Product
from srkit_satellite.stack import BandFile

FILE_KEY = re.compile(r"FILE_NAME_(\w+)")
LINE = re.compile(r"^\s*([A-Z0-9_]+)\s*=\s*\"?([^\"\n]*?)\"?\s*$", re.MULTILINE)
NAMED = re.compile(r"L[A-Z]\d\d\w*\.(tar|tar\.gz|tgz)", re.IGNORECASE)
LARGEST_METADATA = 2**22
KEPT: tuple[str, ...] = (
    "LANDSAT_PRODUCT_ID",
    "SPACECRAFT_ID",
    "SENSOR_ID",
    "DATE_ACQUIRED",
    "SCENE_CENTER_TIME",
    "WRS_PATH",
)
KEPT += ("WRS_ROW", "CLOUD_COVER", "SUN_AZIMUTH", "SUN_ELEVATION", "PROCESSING_LEVEL")
PANCHROMATIC = {"LANDSAT_7": ("8",), "LANDSAT_8": ("8",), "LANDSAT_9": ("8",)}
THERMAL = {"LANDSAT_4": ("6",), "LANDSAT_5": ("6",), "LANDSAT_7": ("6_VCID_1", "6_VCID_2", "6")}
THERMAL |= {"LANDSAT_8": ("10", "11"), "LANDSAT_9": ("10", "11")}
REFLECTANCE, KELVIN = (0.0000275, -0.2), (0.00341802, 149.0)
"""Scale and offset of Collection 2 level 2 after the USGS, where the MTL does not say."""

FILL = 0.0


def is_archive(path: Path) -> bool:
    """Tell whether a TAR archive holds a Landsat bundle; of a compressed or broken one, by its name."""
    named = NAMED.fullmatch(path.name) is not None
    if path.suffix.lower() != ".tar":
        return named
    try:
        with tarfile.open(path, "r:") as tar:
            return any(_is_metadata(name) for name in tar.getnames())
    except (OSError, tarfile.TarError):
        return named


def _is_metadata(name: str) -> bool:
    return name.upper().endswith("_MTL.TXT") and "/" not in name.removeprefix("./")


def read(path: Path) -> Product:
    """Return the bundle whose MTL file, or archive, is at `path`. Raises InputError where that is broken."""
    packed = not path.name.upper().endswith("_MTL.TXT")
    text, stem, members = _archive(path) if packed else (_text(path), path.name[: -len("_MTL.txt")], {})
    said: dict[str, str] = {}
    for match in LINE.finditer(text):
        said.setdefault(match[1], match[2])
    groups: dict[str, list[BandFile]] = {}
    notes: dict[Path, str] = {}
    for key, value in said.items():
        name = FILE_KEY.fullmatch(key)
        file = path.parent / Path(value).name
        there = file.name in members if packed else file.is_file()
        if name is None or file.suffix.upper() != ".TIF" or not there:
            continue
        band = name[1].removeprefix("BAND_")
        if not name[1].startswith("BAND_") or "QUALITY" in band:
            notes[path / file.name if packed else file] = (
                "is a layer beside the bands of a Landsat bundle (quality bits and such); name it to treat it"
            )
        else:
            groups.setdefault(_group(band, said.get("SPACECRAFT_ID", "")), []).append(
                _band(path if packed else file, members.get(file.name, ""), band, said)
            )
    if not groups:
        raise InputError(f"{path}: names no band that is beside it; fetch the bundle again")
    bands = {key: tuple(sorted(found, key=_order)) for key, found in groups.items()}
    files = () if packed else tuple(band.path for found in bands.values() for band in found) + tuple(notes)
    tags = {key: said[key] for key in KEPT if said.get(key)}
    return Product(path, stem, "Landsat bundle", bands, tags, files, notes)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_METADATA:
            raise InputError(f"{path}: is too large for an MTL file")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from error


def _archive(path: Path) -> tuple[str, str, dict[str, str]]:
    """Return the MTL file's text, the bundle's name, and the names of all files with how the archive calls them."""
    if path.suffix.lower() != ".tar":
        raise InputError(f"{path}: is compressed as a whole, so that no part can be read alone; unpack it with tar -xf")
    try:
        with tarfile.open(path, "r:") as tar:
            names = [member.name for member in tar.getmembers() if member.isfile()]
            metadata = next(name for name in names if _is_metadata(name))
            stream = tar.extractfile(metadata)
            if stream is None or tar.getmember(metadata).size > LARGEST_METADATA:
                raise InputError(f"{path}: the metadata inside is none of a product")
            text = stream.read().decode("utf-8", errors="replace")
    except (OSError, tarfile.TarError, StopIteration) as error:
        raise InputError(f"{path}: is a broken archive ({type(error).__name__}); fetch it again") from error
    return text, Path(metadata).name[: -len("_MTL.txt")], {Path(name).name: name for name in names}


def _group(band: str, spacecraft: str) -> str:
    number = band.removeprefix("ST_B")
    if number in THERMAL.get(spacecraft, ()):
        return "thermal"
    return "panchromatic" if number in PANCHROMATIC.get(spacecraft, ()) else "reflective"


def _order(band: BandFile) -> tuple[int, str]:
    digits = re.search(r"\d+", band.name)
    return int(digits[0]) if digits else 0, band.name


def _band(file: Path, member: str, band: str, said: Mapping[str, str]) -> BandFile:
    thermal = _group(band, said.get("SPACECRAFT_ID", "")) == "thermal"
    name = re.sub(r"^ST_", "", band)
    name = name if name.startswith("B") else f"B{name}"
    if "L2" not in said.get("PROCESSING_LEVEL", ""):
        return BandFile(file, member, name, nodata=FILL)
    kind, usual = ("TEMPERATURE", KELVIN) if thermal else ("REFLECTANCE", REFLECTANCE)
    try:
        scale = float(said.get(f"{kind}_MULT_BAND_{band}", usual[0]))
        offset = float(said.get(f"{kind}_ADD_BAND_{band}", usual[1]))
    except ValueError:
        scale, offset = usual
    return BandFile(file, member, name, scale, offset, "K" if thermal else "reflectance", FILL)
