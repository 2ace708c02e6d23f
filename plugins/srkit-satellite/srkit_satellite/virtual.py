"""Virtual rasters (VRT), opened only where the user asks for it: such a file can name any file of the machine.

What it names is looked at before GDAL is: every source must be a raster of a kind that is opened by itself as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from srkit import InputError
from srkit_satellite.opening import GDAL_ERRORS, cause_of, check_claims, first_bytes, open_raster

MARK = b"<VRTDataset"
LARGEST = 2**24
SOURCES = ("SimpleSource", "ComplexSource", "AveragedSource", "NoDataSource")
PLAIN_BANDS = (None, "VRTSourcedRasterBand")
FOREIGN = ("PixelFunctionType", "PixelFunctionCode", "OpenOptions", "GDALWarpOptions", "Subdataset")
REFUSAL = "is a virtual raster, which can read any file of this machine; give --allow-vrt if you trust it"


def is_virtual(path: Path) -> bool:
    """Tell whether a file is a virtual raster, by its first bytes."""
    return first_bytes(path, 64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(MARK)


def open_virtual(path: Path) -> tuple[Any, tuple[Path, ...]]:
    """Open a virtual raster as a rasterio dataset, and return the files that it reads.

    Raises InputError, before any work, where one is missing, remote, broken, itself virtual, or read as raw bytes.
    """
    files = tuple(dict.fromkeys(_sources(path, _parsed(path))))
    for file in files:
        try:
            open_raster(file).close()
        except InputError as error:
            raise InputError(f"{path}: its source cannot be used: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # becomes a finding
            dataset = rasterio.open(path.absolute(), driver="VRT")
    except GDAL_ERRORS as error:
        raise InputError(f"{path}: is a broken virtual raster ({cause_of(error, path)})") from error
    try:
        check_claims(path, dataset)
    except InputError:
        dataset.close()
        raise
    return dataset, files


def _parsed(path: Path) -> ElementTree.Element:
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path}: is too large for a virtual raster")
    text = path.read_bytes()
    if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
        raise InputError(f"{path}: defines entities, which no virtual raster needs")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: is a broken virtual raster (its XML ends or errs at {error.position})") from error


def _sources(path: Path, root: ElementTree.Element) -> Iterator[Path]:
    """Yield the files that a description names, having refused all that reads otherwise than pixel by pixel."""
    for element in root.iter():
        kind = element.get("subClass")
        odd = element.tag in FOREIGN or (element.tag == "VRTDataset" and kind is not None)
        if odd or (element.tag == "VRTRasterBand" and kind not in PLAIN_BANDS):
            raise InputError(
                f"{path}: uses {kind or element.tag}, which srkit does not run; make it a GeoTIFF with gdal_translate"
            )
        held = [child for child in element if child.tag in ("SourceFilename", "SourceDataset")]
        if held and element.tag not in SOURCES:
            raise InputError(f"{path}: reads a file through {element.tag}, which srkit does not run")
        for child in held:
            yield _file(path, (child.text or "").strip(), relative=child.get("relativeToVRT") == "1")


def _file(path: Path, name: str, *, relative: bool) -> Path:
    file = path.absolute().parent / name if relative else Path(name)
    if not name or name.startswith("/vsi") or not file.is_file():
        raise InputError(f"{path}: its source {name!r} is no file of this machine; put it back, or fetch it")
    return file
